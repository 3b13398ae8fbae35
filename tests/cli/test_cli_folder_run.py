"""Signals, devices and the estimate of a run over many pictures."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli import folder_run, runtime
from stylize_tf.cli.console import Console
from stylize_tf.cli.exits import Exit
from stylize_tf.cli.folder_report import Estimate, Report
from stylize_tf.cli.stylize import main_with
from stylize_tf.images import image_io
from stylize_tf.network import weights
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import Iterate

ROOT = Path(__file__).parents[2]
SHORT = ("--size=48", "--coarsest_size=32", "--steps=3,2")
EVALUATIONS = 5
PHOTOS = 4
ALL = ("--content=photos", "--style=painting.png", "--output_dir=out")
NAMES = [f"{number}_painting.png" for number in range(PHOTOS)]
ONE, TWO = ("auto",), ("/CPU:0", "/CPU:1")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    rng = np.random.default_rng(0)
    for name in ("painting.png", *(f"photos/{number}.png" for number in range(PHOTOS))):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(name)
    return tmp_path


@pytest.fixture
def stylize(folder, monkeypatch):
    def run(*arguments, hook=lambda evaluation: None, devices=ONE):
        monkeypatch.setattr(runtime, "load", cli_fakes.fake_load(hook, devices))
        monkeypatch.setattr(weights, "find", lambda *a, **b: cli_fakes.WEIGHTS)
        return main_with(["main.py", *ALL, *SHORT, *arguments])

    return run


def painted():
    return sorted(path.name for path in Path("out").iterdir())


def send_at(step, *signals):
    """A hook that gets the signals at a step, counted over all pictures from 1."""
    made = []

    def hook(evaluation):
        made.append(evaluation)
        if len(made) == step:
            for signum in signals:
                signal.raise_signal(signum)

    return hook


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=str)
def test_signal_ends_the_step_and_keeps_the_picture_under_a_name_of_its_own(
    stylize, capsys, signum, code
):
    assert stylize(hook=send_at(EVALUATIONS + 2, signum)) == code
    captured = capsys.readouterr()
    assert captured.out == "out/0_painting.png\n"
    assert painted() == ["0_painting.png", "1_painting-unfinished.png"]
    assert image_io.size_of("out/1_painting-unfinished.png") == (32, 48)
    result = image_io.read_metadata("out/1_painting-unfinished.png")["result"]
    assert (result["finished"], result["evaluations"]) == (False, 2)
    lines = captured.err.splitlines()
    assert "stylize_tf: Stopping after this step; once more stops at once." in lines
    assert lines[-2].endswith("wrote the best picture so far, 'out/1_painting-unfinished.png'.")
    assert lines[-1].startswith("stylize_tf: error: Interrupted: 1 written, 3 left in ")
    assert stylize("--skip_existing") == 0
    assert painted() == sorted([*NAMES, "1_painting-unfinished.png"])


def test_second_signal_ends_within_the_step(stylize, capsys):
    hook = send_at(EVALUATIONS + 3, signal.SIGINT, signal.SIGINT)
    assert stylize(hook=hook) == 130
    result = image_io.read_metadata("out/1_painting-unfinished.png")["result"]
    assert result["evaluations"] == 2
    assert "Interrupted: 1 written, 3 left" in capsys.readouterr().err


def test_signal_at_the_last_step_of_a_picture_leaves_it_finished_and_begins_no_other(stylize):
    assert stylize(hook=send_at(EVALUATIONS, signal.SIGTERM)) == 143
    assert painted() == ["0_painting.png"]
    assert image_io.read_metadata("out/0_painting.png")["result"]["finished"]


def test_signals_while_a_file_is_written_do_not_tear_it(stylize, monkeypatch):
    write = image_io.write

    def interrupted(*arguments, **options):
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        write(*arguments, **options)

    monkeypatch.setattr(image_io, "write", interrupted)
    assert stylize() == 130
    assert painted() == ["0_painting.png"]
    assert image_io.read("out/0_painting.png").shape == (1, 32, 48, 3)


def test_signal_while_headers_are_read_writes_nothing(stylize, monkeypatch, capsys):
    monkeypatch.setattr(image_io, "size_of", lambda *a, **b: signal.raise_signal(signal.SIGINT))
    assert stylize() == 130
    assert capsys.readouterr().err.endswith("nothing was written.\n")
    assert not Path("out").exists()


def test_two_devices_make_a_picture_each_at_the_same_time(stylize, capsys):
    """Each waits in its first step for the other to be in one: alone none would come to its end."""
    both = threading.Barrier(2, timeout=20)
    threads = set()

    def hook(evaluation):
        if threading.current_thread().name not in threads:
            threads.add(threading.current_thread().name)
            both.wait()

    assert stylize(hook=hook, devices=TWO) == 0
    assert threads == {"stylize_tf on /CPU:0", "stylize_tf on /CPU:1"}
    captured = capsys.readouterr()
    assert painted() == NAMES
    assert sorted(captured.out.splitlines()) == [f"out/{name}" for name in NAMES]
    # Lines are whole, whichever thread they come from.
    for line in captured.err.splitlines():
        assert re.match(r"stylize_tf: |\[\d/4\] stage ", line), line
    one = {name: cli_fakes.digest(f"out/{name}") for name in NAMES}
    assert stylize() == 0
    assert one == {name: cli_fakes.digest(f"out/{name}") for name in NAMES}


def test_picture_made_among_several_devices_runs_again_on_the_first(stylize, monkeypatch):
    assert stylize("--device=/CPU:0,/CPU:1", devices=TWO) == 0
    placed = []
    load = cli_fakes.fake_load()

    def load_and_look(device, threads=0, **options):
        backend = load(device)
        placement = lambda name: placed.append(name) or backend.placement(name)  # noqa: E731
        return runtime.Runtime(backend.stylizer, backend.failure, placement, TWO)

    monkeypatch.setattr(runtime, "load", load_and_look)
    assert main_with(["main.py", "--from_picture=out/2_painting.png", "--output=again.png"]) == 0
    assert placed == ["/CPU:0"]
    assert cli_fakes.digest("again.png") == cli_fakes.digest("out/2_painting.png")


def test_second_signal_leaves_threads_behind_but_not_their_pictures(stylize, monkeypatch):
    monkeypatch.setattr(folder_run, "_GRACE_SECONDS", 0.1)
    both, released = threading.Barrier(2, timeout=20), threading.Event()

    def hook(evaluation):
        if evaluation == 3:
            if both.wait() == 0:
                for _ in range(2):
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(0.3)  # Or both are heard as one.
            released.wait(20)

    try:
        assert stylize(hook=hook, devices=TWO) == 130
        assert painted() == ["0_painting-unfinished.png", "1_painting-unfinished.png"]
        result = image_io.read_metadata("out/1_painting-unfinished.png")["result"]
        assert (result["finished"], result["evaluations"]) == (False, 2)
    finally:
        released.set()
        for thread in threading.enumerate():
            if thread.name.startswith("stylize_tf on "):
                thread.join(20)
    assert len(painted()) == 2


def test_failure_on_one_device_leaves_the_others_at_work(stylize, capsys):
    made = []

    def hook(evaluation):
        made.append(evaluation)
        if len(made) == 3:
            raise MemoryError

    assert stylize(hook=hook, devices=TWO) == Exit.PARTLY
    assert len([name for name in painted() if "unfinished" not in name]) == PHOTOS - 1


def test_disk_that_fills_up_ends_all_devices(stylize, monkeypatch, capsys):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert stylize(devices=TWO) == Exit.OUTPUT
    assert painted() == []
    assert re.search(r"0 written, [12] failed, [23] left", capsys.readouterr().err)


def test_estimate_is_of_the_pictures_that_need_no_preparation():
    estimate = Estimate([10.0, 20.0, 20.0, 40.0], devices=1)
    assert estimate.left(0.0) is None
    estimate.start(1, 0.0)
    estimate.update(1, expecting(99.0, evaluation=1))  # The first step says nothing yet.
    assert estimate.left(5.0) is None
    estimate.update(1, expecting(5.0))
    # 10 units in 5 + 5 s: one a second, 5 left of this one and 80 of the others.
    assert estimate.left(5.0) == pytest.approx(85)
    assert estimate.finish(1, 12.0) == 12
    assert estimate.left(12.0) == pytest.approx(80 * 1.2)
    estimate.start(2, 12.0)
    assert estimate.finish(2, 22.0) == 10
    assert estimate.left(22.0) == pytest.approx(60 * 0.5)  # The first counts no more.
    estimate.start(3, 22.0)
    estimate.drop(3)
    assert estimate.left(30.0) == pytest.approx(20)
    estimate.drop(4)
    assert estimate.left(30.0) == 0


def test_estimate_for_two_devices_is_half_of_the_work_or_the_longest_picture():
    estimate = Estimate([10.0] * 5, devices=2)
    for number in (1, 2):
        estimate.start(number, 0.0)
        estimate.finish(number, 30.0)  # Both prepared something.
    estimate.start(3, 30.0)
    estimate.finish(3, 40.0)
    assert estimate.left(40.0) == pytest.approx(10)
    estimate.start(4, 40.0)
    estimate.update(4, expecting(50.0))
    assert estimate.left(40.0) == pytest.approx(50)


def expecting(remaining, evaluation=2):
    image = np.zeros((1, 1, 1, 3), np.float32)
    return Iterate(1, 1, 2, 10, evaluation, 10, 8, 8, {"content": 1.0}, image, remaining=remaining)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("width", [30, 60, 100, 150])
def test_live_line_says_which_picture_of_how_many_and_what_is_left_of_all(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    report = Report(Console(stream), clock=lambda: 0.0)
    report.begin([1.0] * 20, devices=1)
    report.started(3, "a")
    report.update(3, expecting(30.0))
    line = stream.getvalue().rsplit("\r", 1)[-1].rstrip()
    assert line.startswith("[3/20]  20%")
    assert line.endswith("  10:00 left")
    assert len(line) < width


def process(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, cli_fakes.__file__, *ALL, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize("devices", [ONE, TWO], ids=["one device", "two devices"])
@pytest.mark.parametrize("times", [1, 2])
def test_process_ends_soon_whatever_its_threads_do(folder, devices, times):
    """The second signal does not wait for a step that takes long."""
    seconds = "0.3" if times == 1 else "30" if devices == TWO else "1"
    running = process(
        "--size=40", "--steps=50", FAKE_DEVICES=",".join(devices), FAKE_SECONDS=seconds
    )
    said = b""
    for line in running.stderr:
        said += line
        if said.count(b"step 1\n") == len(devices):
            break
    began = time.monotonic()
    for _ in range(times):
        running.send_signal(signal.SIGINT)
        time.sleep(0.2)
    out, rest = running.communicate(timeout=25)
    assert time.monotonic() - began < 8
    assert running.returncode == 130
    assert out == b""
    assert b"Traceback" not in said + rest
    assert b"Interrupted: 0 written, 4 left" in rest


def run_devices(*arguments):
    """What the command says with the CPU split in two, and which threads were seen where."""
    script = ROOT / "tests" / "fakes" / "folder_devices.py"
    result = subprocess.run(
        [sys.executable, str(script), *ALL, "--size=48", "--coarsest_size=32", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result


@pytest.mark.slow
def test_tensorflow_works_on_both_devices_and_gives_the_pixels_of_one(folder):
    result = run_devices("--device=/CPU:0,/CPU:1", "--precision=float32", "--steps=6,4")
    seen = re.findall(r"^seen: (.*)$", result.stderr, re.MULTILINE)
    assert sorted(seen) == [f"stylize_tf on /CPU:{x} device:CPU:{x}" for x in range(2)]
    two = {name: image_io.read(f"out/{name}") for name in NAMES}
    recipes = {name: image_io.read_metadata(f"out/{name}") for name in NAMES}
    result = run_devices("--device=/CPU:0", "--precision=float32", "--steps=6,4")
    assert re.findall(r"^seen: (.*)$", result.stderr, re.MULTILINE) == ["MainThread device:CPU:0"]
    for name in NAMES:
        assert np.array_equal(two[name], image_io.read(f"out/{name}"))
        # The files differ in nothing but what was asked for.
        assert recipes[name]["options"].pop("device") == "/CPU:0,/CPU:1"
        other = image_io.read_metadata(f"out/{name}")
        assert other["options"].pop("device") == "/CPU:0"
        assert recipes[name] == other


@pytest.mark.slow
def test_real_pictures_of_a_folder_are_those_of_runs_of_their_own_byte_for_byte(folder):
    """Nothing that the stylizer keeps from one picture changes the next."""
    Image.open("photos/1.png").rotate(90, expand=True).save("photos/1.png")
    command = [sys.executable, str(ROOT / "main.py"), "--quiet"]
    # Two processes may measure another format as the faster one where others are at work.
    flags = ("--size=96", "--coarsest_size=64", "--steps=8,5", "--precision=float32")
    result = subprocess.run([*command, *ALL, *flags], capture_output=True, check=True, text=True)
    assert result.stdout.splitlines() == [f"out/{name}" for name in NAMES]
    own = ("--content=photos/2.png", "--style=painting.png", "--output=own.png")
    subprocess.run([*command, *own, *flags], check=True)
    assert cli_fakes.digest("own.png") == cli_fakes.digest("out/2_painting.png")
    again = ("--from_picture=out/3_painting.png", "--output=again.png")
    subprocess.run([*command, *again], check=True)
    assert cli_fakes.digest("again.png") == cli_fakes.digest("out/3_painting.png")
