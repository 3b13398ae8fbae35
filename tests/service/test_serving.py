"""How the service starts and ends: what is missing is told in a line before anything is begun."""

import importlib.util
import socket
from pathlib import Path

import pytest

from benchmarks.harness.served import until
from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.errors import StylizationError
from stylize_tf.jobs.options.service import WorkOptions
from stylize_tf.service import processes, serving
from stylize_tf.service.following import WorkerOptions
from stylize_tf.service.processes import Place, Workers
from stylize_tf.service.web.listening import is_of_this_machine, listening
from tests.fakes.worker_targets import starts_where_there_is_paint

ALONE = ("--workers=0", "--network_workers=0")


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """The exit code of a command, and the one line that it says."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main_with(["main.py", *arguments])
        [line] = capsys.readouterr().err.splitlines()
        return code, line.removeprefix("stylize_tf: error: ")

    return run


@pytest.fixture
def no_tensorflow(monkeypatch):
    find = importlib.util.find_spec
    missing = lambda name: None if name == "tensorflow" else find(name)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", missing)


@pytest.mark.parametrize("command", ["serve", "work"])
def test_workers_without_tensorflow_are_refused_as_painting_is(check, no_tensorflow, command):
    code, line = check(command)
    assert code == Exit.FAILED
    assert line.startswith("TensorFlow is not installed. Install it with `pip install tensorflow`")
    assert not Path("stylize_tf_jobs").exists()


def test_a_service_without_workers_needs_no_tensorflow(no_tensorflow, tmp_path):
    options = WorkOptions(results=str(tmp_path), workers=0, network_workers=0)
    assert serving.check(options)


def test_what_cannot_be_had_is_one_line_and_an_exit_code(check):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = check("serve", *ALONE, f"--port={port}")
    assert (code, line) == (
        Exit.FAILED,
        f"Port {port} of 127.0.0.1 is in use: name another with --port.",
    )
    code, line = check("serve", *ALONE, "--host=192.0.2.1")
    assert (code, line) == (Exit.FAILED, "--host '192.0.2.1' is no address of this machine.")
    Path("file").touch()
    for results in ("file", "file/below"):
        code, line = check("serve", *ALONE, f"--results={results}")
        assert code == Exit.OUTPUT
        assert line.startswith("the results cannot be written: ")
    code, line = check("serve", *ALONE, "--queue=redis://127.0.0.1:1/0")
    assert code == Exit.FAILED
    assert line.startswith("the queue cannot be reached: ")


@pytest.mark.parametrize(
    ("host", "is_alone"), [("localhost", True), ("127.0.0.1", True), ("0.0.0.0", False)]
)
def test_it_listens_at_all_addresses_of_a_host_with_one_port(host, is_alone):
    sockets = listening(host, 0)
    try:
        assert len({x.getsockname()[1] for x in sockets}) == 1
        assert {x.proto for x in sockets} == {socket.IPPROTO_TCP}  # For asyncio's TCP_NODELAY.
        assert is_of_this_machine(sockets) == is_alone
        with (
            socket.create_connection(("127.0.0.1", sockets[0].getsockname()[1])),
            pytest.raises(StylizationError, match="is in use"),
        ):
            listening(host, sockets[0].getsockname()[1])
    finally:
        for each in sockets:
            each.close()


def test_why_no_worker_can_start_is_said_once_and_it_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "_LONGEST_WAIT", 0.1)
    said = []
    place = Place(str(tmp_path / "queue.sqlite"), "main", str(tmp_path), 15.0)
    several = [(place, WorkerOptions("anna"))]
    workers = Workers(several, starts_where_there_is_paint, said.append)
    workers.start()
    try:
        assert workers.hint("main") == "One is being started."
        until(lambda: any("5 tries" in x for x in said))
        assert "its log tells why" in workers.hint("main")
        assert workers.hint("other") == "Start one."
        (tmp_path / "paint").touch()
        until(lambda: any("could start" in x for x in said))
        assert workers.hint("main") == "One is being started."
        assert len(workers.pids) == 1
    finally:
        workers.stop()
    assert workers.pids == []
    reason, way, *others = said
    assert reason.startswith("A worker cannot start: There is no paint. It is tried again in 0.1 s")
    assert way == "Buy some."
    assert len(others) == 2
