"""What only a process of its own can show: signals, closed streams, devices, the real program."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest

from stylize_tf import Stylizer
from stylize_tf.cli.main import main_with
from stylize_tf.images import image_io
from stylize_tf.jobs import painting
from stylize_tf.network import weights
from tests.fakes import cli_fakes

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
MAIN = [sys.executable, str(ROOT / "main.py")]
FAKE = [sys.executable, cli_fakes.__file__]
INPUTS = ("--content=photo.png", "--style=painting.png")
MANY = (*INPUTS[:1], "--content=other.png", *INPUTS[1:], "--output_dir=out")
NAMES = ("photo_painting.png", "other_painting.png")
SHORT = (
    *("--size=64", "--coarsest_size=40", "--steps=4,3", "--precision=float32"),
    *("--style_layers=block1_conv1,block2_conv1", "--style_layer_weights="),
    "--content_layers=block2_conv1",
)


def interrupted(command, *signals, when, times=1, **environment):
    """The exit code of a process that gets signals once it has said `when` so many times.

    Also all it said, its standard output, and the seconds it went on.
    """
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT | environment,
        # The test may run in the background, where shells let SIGINT be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    said = b""
    for line in process.stderr:
        said += line
        if said.count(when) == times:
            break
    began = time.monotonic()
    for signum in signals:
        process.send_signal(signum)
        time.sleep(0.2)
    out, rest = process.communicate(timeout=60)
    return process.returncode, said + rest, out, time.monotonic() - began


def test_second_signal_does_not_wait_for_steps_of_threads_that_take_long(folder):
    command = [*FAKE, *MANY, "--size=40", "--steps=50"]
    environment = {"FAKE_DEVICES": "/CPU:0,/CPU:1", "FAKE_SECONDS": "30"}
    code, said, out, seconds = interrupted(
        command, signal.SIGINT, signal.SIGINT, when=b"step 1\n", times=2, **environment
    )
    assert (code, out) == (130, b"")
    assert b"Traceback" not in said
    assert b"Interrupted: 0 written, 2 left" in said
    assert seconds < 8


def test_processes_share_a_folder_and_what_one_that_is_killed_has_begun(folder):
    """Each picture is painted once; the other two go on where the killed one was."""
    for number in range(12):
        cli_fakes.draw(f"photos/{number}.png", (16, 16), number)
    command = [*FAKE, "--content=photos", INPUTS[1], "--output_dir=out", "--skip_existing"]
    command += ["--size=16", "--steps=5"]
    killed, *others = (
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**ENVIRONMENT, "FAKE_SECONDS": seconds},
            text=True,
        )
        for seconds in ("60", "0.05", "0.05")
    )
    for line in killed.stderr:
        if "step 1" in line:
            break
    printed = [others[0].stdout.readline().strip()]
    killed.kill()
    assert killed.communicate()[0] == ""
    for process in others:
        out, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        printed += out.splitlines()
    assert sorted(printed) == sorted(f"out/{number}_painting.png" for number in range(12))
    assert sorted(f"out/{name}" for name in cli_fakes.names("out")) == sorted(printed)


def test_terminal_that_is_closed_ends_the_run_after_its_step_and_leaves_the_picture(folder):
    ours, theirs = os.openpty()

    def take_terminal():
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup make test` has it ignored.
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    command = [*FAKE, *INPUTS, "--size=40", "--steps=500", "--output=out.png"]
    process = subprocess.Popen(
        command,
        **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        env=ENVIRONMENT,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(theirs)
    said = b""
    while b"/500" not in said:
        said += os.read(ours, 1000)
    os.close(ours)
    assert process.wait(60) == 129
    assert image_io.size_of("out.png") == (27, 40)


def test_pictures_go_through_pipes(folder):
    quoted = " ".join(f'"{part}"' for part in [*FAKE, "--content=-", INPUTS[1], "--size=40"])
    command = f"cat photo.png | {quoted} --steps=2 --output - --quiet 2>/dev/null | cat > piped"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], env=ENVIRONMENT)
    assert result.returncode == 0
    assert image_io.size_of("piped") == (27, 40)


def test_closed_standard_output_and_a_reader_that_goes_away_do_not_stop_a_run(folder):
    quoted = " ".join(f'"{part}"' for part in [*FAKE, *INPUTS, "--size=40", "--steps=2"])
    command = f"{quoted} --output=out.png 2>&1 >&- | head -n 1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], env=ENVIRONMENT, capture_output=True)
    assert (result.returncode, result.stdout.count(b"\n")) == (0, 1)
    assert image_io.size_of("out.png") == (27, 40)


@pytest.mark.slow
def test_program_can_be_interrupted_and_shows_the_log_of_tensorflow_to_those_who_ask(folder):
    command = [*MAIN, *INPUTS, *SHORT, "--steps=200", "--output=out.png"]
    raw = {"STYLIZE_TF_RAW_LOG": "1", "TF_CPP_MIN_LOG_LEVEL": "0"}
    code, said, out, seconds = interrupted(command, signal.SIGTERM, when=b"stage 1", **raw)
    assert (code, out) == (143, b"out.png\n")
    assert b"absl::InitializeLog" in said
    assert b"Traceback" not in said
    assert seconds < 8


@pytest.mark.slow
def test_program_writes_a_picture_quietly_and_another_process_makes_it_again(
    folder, vgg_engine, vgg_weights, monkeypatch
):
    noise = ("--init=pink_noise", "--seed=7", "--quiet")
    first = subprocess.run([*MAIN, *INPUTS, *SHORT, *noise], capture_output=True)
    assert (first.returncode, first.stdout, first.stderr) == (0, b"photo_painting.png\n", b"")
    monkeypatch.setattr(weights, "find", lambda *_, **__: vgg_weights)
    monkeypatch.setattr(painting, "make_stylizer", lambda x, _: Stylizer(x, engine=vgg_engine))
    assert main_with(["main.py", "--from_picture=photo_painting.png", "--quiet"]) == 0
    assert cli_fakes.digest("photo_painting.png") == cli_fakes.digest("photo_painting-2.png")


def test_tensorflow_works_on_both_devices_and_gives_the_pixels_of_one(folder, real_stylize):
    script = ROOT / "tests" / "fakes" / "folder_devices.py"
    flags = [*MANY, *SHORT]
    result = subprocess.run(
        [sys.executable, str(script), *flags, "--device=/CPU:0,/CPU:1"],
        env={**ENVIRONMENT, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    seen = re.findall(r"^seen: (.*)$", result.stderr, re.MULTILINE)
    assert sorted(seen) == [f"stylize_tf on /CPU:{x} device:CPU:{x}" for x in range(2)]
    two = {name: image_io.read(f"out/{name}") for name in NAMES}
    recipes = {name: image_io.read_metadata(f"out/{name}") for name in NAMES}

    assert real_stylize(*flags, "--device=/CPU:0", "--quiet") == 0
    for name in NAMES:
        assert np.array_equal(two[name], image_io.read(f"out/{name}"))
        # The files differ in nothing but what was asked for.
        assert recipes[name]["options"].pop("device") == "/CPU:0,/CPU:1"
        other = image_io.read_metadata(f"out/{name}")
        assert other["options"].pop("device") == "/CPU:0"
        # Each of the two had half of the memory, by which a large picture would be in bands.
        memory = other["config"].pop("memory")
        assert recipes[name]["config"].pop("memory") == pytest.approx(memory / 2, abs=1e-3)
        assert recipes[name] == other
