"""The service in processes of its own, with the real network: killed, it loses nothing."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from benchmarks.harness.problem import ROOT
from benchmarks.harness.served import Served, events, until
from stylize_tf.feedforward import network_files
from tests.fakes.redis_server import redis_server
from tests.fakes.tiny_network import network_of
from tests.service.conftest import PICTURES, png

pytestmark = pytest.mark.slow

DATA = {"size": "64", "coarsest_size": "48", "steps": "30", "precision": "float32"}
FLAGS = [f"--{name}={value}" for name, value in DATA.items()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, vgg_weights):
    """What the command line paints."""
    folder = tmp_path_factory.mktemp("whole")
    for name, seed in (("content-0.png", 0), ("style-0.png", 1)):
        (folder / name).write_bytes(png(seed))
    command = [sys.executable, str(ROOT / "main.py"), "--content=content-0.png"]
    command += ["--style=style-0.png", "--output=whole.png", *FLAGS]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return pixels((folder / "whole.png").read_bytes())


def pixels(data):
    import io

    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data))).tobytes()


@pytest.fixture
def serve(tmp_path):
    with contextlib.ExitStack() as stack:

        def make(*arguments, command="serve"):
            served = Served(tmp_path, *arguments, command=command)
            stack.callback(served.end)
            return served

        yield make


def ended(client, job):
    def look():
        with contextlib.suppress(httpx2.TransportError, json.JSONDecodeError):
            status = client.get(f"/v1/jobs/{job}").json()
            return status if status.get("ended") else None

    return until(look)


def painted(client, job):
    """The pixels of a job that must have been finished."""
    status = ended(client, job)
    assert status["state"] == "finished", status
    return pixels(client.get(f"/v1/jobs/{job}/result").content)


def test_killed_workers_and_a_killed_web_process_lose_nothing(serve, whole):
    served = serve("--network_workers=0")
    client = served.client()
    jobs = [client.post("/v1/jobs", files=PICTURES, data=DATA).json()["id"] for _ in range(3)]
    seen = events(client, jobs[0], count=4)
    [worker] = served.workers()
    os.kill(worker, signal.SIGKILL)
    seen += events(client, jobs[0], seen[-1][0])
    assert [number for number, _ in seen] == [*range(1, len(seen) + 1)]
    assert [name for _, name in seen].count("begin") == 2
    assert [name for _, name in seen].count("end") == 1
    assert painted(client, jobs[0]) == whole

    seen = events(client, jobs[1], count=4)
    served.kill()
    served.start()
    client = served.client()
    seen += events(client, jobs[1], seen[-1][0])
    assert [number for number, _ in seen] == [*range(1, len(seen) + 1)]
    assert seen[-1][1] == "end"
    assert [painted(client, job) for job in jobs[1:]] == [whole] * 2


def test_workers_of_another_process_and_a_killed_redis_lose_nothing(serve, whole, tmp_path):
    (tmp_path / "redis").mkdir()
    redis = redis_server(tmp_path / "redis")
    try:
        queue = (f"--queue={redis.url}", "--network_workers=0")
        served = serve(*queue, "--workers=0")
        client = served.client()
        serve(*queue, command="work")
        jobs = [client.post("/v1/jobs", files=PICTURES, data=DATA).json()["id"] for _ in range(2)]
        seen = events(client, jobs[0], count=4)
        redis.kill()
        answer = client.get(f"/v1/jobs/{jobs[0]}")
        assert answer.status_code == 503
        assert {*answer.json()} == {"error", "hint"}
        redis.start()
        seen += events(client, jobs[0], seen[-1][0])
        assert [number for number, _ in seen] == [*range(1, len(seen) + 1)]
        assert [painted(client, job) for job in jobs] == [whole] * 2
        assert client.get("/readyz").status_code == 200
    finally:
        redis.kill()


def test_the_web_process_loads_no_tensorflow(serve):
    served = serve("--workers=0", "--network_workers=0")
    client = served.client()
    assert client.post("/v1/jobs", files=PICTURES, data=DATA).status_code == 202
    maps = Path(f"/proc/{served.process.pid}/maps").read_text()
    assert "tensorflow" not in maps
    assert "numpy" in maps


def test_workers_of_both_commands_paint_with_the_networks_that_they_were_given(serve, tmp_path):
    (tmp_path / "nets").mkdir()
    file = tmp_path / "nets" / "pond.keras"
    network_files.save(network_of("sea", "sky"), file)
    with_it = f"--network={file}"
    asked = {"size": "64", "network": "pond", "network_style": "sky"}
    served = serve(with_it, "--workers=0")
    client = served.client()
    assert [x["network"] for x in client.get("/v1/styles").json()] == ["shipped", "pond"]
    answer = client.post("/v1/stylize", files=PICTURES[:1], data=asked)
    assert answer.status_code == 200, answer.text
    for arguments, state in (((), "failed"), ((with_it,), "finished")):
        other = serve("--network_workers=0", *arguments, command="work")
        job = client.post("/v1/jobs", files=PICTURES[:1], data=asked).json()["id"]
        status = ended(client, job)
        assert status["state"] == state
        other.end()
    assert pixels(client.get(f"/v1/jobs/{job}/result").content) == pixels(answer.content)
    assert "start it with --network" in other.log()
    assert str(file) not in client.get(f"/v1/jobs/{job}/recipe").text


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_it_ends_in_good_order_when_it_is_asked_to(serve, which):
    served = serve("--workers=0", "--network_workers=0", "--host=0.0.0.0")
    served.client()
    served.process.send_signal(which)
    assert served.process.wait(20) == 0
    warned, serving, ended = served.log().splitlines()
    assert f"warning: whoever reaches port {served.port} of this machine may use it" in warned
    assert f"Serving at http://0.0.0.0:{served.port}/" in serving
    assert ended == "stylize_tf: Ended. Jobs that were under way go on at the next start."


@pytest.mark.parametrize("command", ["serve", "work"])
def test_what_a_terminal_ends_in_the_middle_goes_on_at_the_next_start(serve, whole, command):
    """Ctrl-C and a closed terminal reach its workers, too."""
    served = serve("--network_workers=0", *(["--workers=0"] if command == "work" else []))
    ending = serve("--network_workers=0", command="work") if command == "work" else served
    client = served.client()
    job = client.post("/v1/jobs", files=PICTURES, data=DATA).json()["id"]
    seen = events(client, job, count=4)
    os.killpg(ending.process.pid, signal.SIGHUP if command == "work" else signal.SIGINT)
    assert ending.process.wait(20) == 0
    assert ending.workers() == []
    assert "Traceback" not in ending.log()
    assert "died" not in ending.log()
    ending.start()
    client = served.client()
    seen += events(client, job, seen[-1][0])
    assert [name for _, name in seen].count("begin") == 2
    assert painted(client, job) == whole
