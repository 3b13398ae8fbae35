"""Signals, devices and the estimate of a run over many pictures."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.cli.terminal.report import Report
from stylize_tf.images import image_io
from stylize_tf.jobs import painting
from stylize_tf.jobs.folder import run as folder_run
from stylize_tf.jobs.outputs import Output
from stylize_tf.machine import tensorflow_runtime
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import EVALUATIONS, SHORT, at, fail_at, full_disk, names, send_at

PHOTOS = 4
ALL = ("--content=photos", "--style=painting.png", "--output_dir=out")
NAMES = [f"{number}_painting.png" for number in range(PHOTOS)]
ONE, TWO, GPUS = ("auto",), ("/CPU:0", "/CPU:1"), ("/GPU:0", "/GPU:1")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(["painting.png", *(f"photos/{x}.png" for x in range(PHOTOS))]):
        cli_fakes.draw(name, seed=seed)
    return tmp_path


@pytest.fixture
def stylize(stylize):
    """The run of `conftest`, of all photographs."""
    return lambda *arguments, **options: stylize(*ALL, *SHORT, *arguments, **options)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=str)
def test_signal_ends_the_step_and_keeps_the_picture_under_a_name_of_its_own(
    stylize, capsys, signum, code
):
    assert stylize(hook=send_at(EVALUATIONS + 2, signum)) == code
    captured = capsys.readouterr()
    assert captured.out == "out/0_painting.png\n"
    assert names("out") == ["0_painting.png", "1_painting-unfinished.png"]
    assert image_io.size_of("out/1_painting-unfinished.png") == (32, 48)
    result = image_io.read_metadata("out/1_painting-unfinished.png")["result"]
    assert (result["finished"], result["evaluations"]) == (False, 2)
    lines = captured.err.splitlines()
    assert "stylize_tf: Stopping after this step; once more stops at once." in lines
    assert lines[-2].endswith("wrote the best picture so far, 'out/1_painting-unfinished.png'.")
    assert lines[-1].startswith("stylize_tf: error: Interrupted: 1 written, 3 left in ")
    assert stylize("--skip_existing") == 0
    assert names("out") == sorted([*NAMES, "1_painting-unfinished.png"])


def test_second_signal_ends_within_the_step(stylize, capsys):
    hook = send_at(EVALUATIONS + 3, signal.SIGINT, signal.SIGINT)
    assert stylize(hook=hook) == 130
    result = image_io.read_metadata("out/1_painting-unfinished.png")["result"]
    assert result["evaluations"] == 2
    assert "Interrupted: 1 written, 3 left" in capsys.readouterr().err


def test_signal_at_the_last_step_of_a_picture_leaves_it_finished_and_begins_no_other(stylize):
    assert stylize(hook=send_at(EVALUATIONS, signal.SIGTERM)) == 143
    assert names("out") == ["0_painting.png"]
    assert image_io.read_metadata("out/0_painting.png")["result"]["finished"]


def test_signals_while_a_file_is_written_do_not_tear_it(stylize, monkeypatch):
    write = Output.write

    def interrupted(output, data):
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        return write(output, data)

    monkeypatch.setattr(Output, "write", interrupted)
    assert stylize() == 130
    assert names("out") == ["0_painting.png"]
    assert image_io.read("out/0_painting.png").shape == (1, 32, 48, 3)


def test_second_signal_just_after_a_picture_was_written_leaves_no_other_of_it(
    stylize, monkeypatch, capsys
):
    written = Report.written

    def interrupted(report, *arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        written(report, *arguments)

    monkeypatch.setattr(Report, "written", interrupted)
    assert stylize() == 130
    captured = capsys.readouterr()
    assert captured.out == "out/0_painting.png\n"
    assert "Interrupted: 1 written, 3 left" in captured.err
    assert names("out") == ["0_painting.png"]


def test_written_picture_is_not_kept_as_an_unfinished_one(stylize, monkeypatch):
    """As a second signal asks for it while another thread is about to tell of it."""
    finish, kept = painting.Painting.finish, []

    def and_then_asked(picture):
        told = finish(picture)
        kept.append(picture.keep_unfinished())
        return told

    monkeypatch.setattr(painting.Painting, "finish", and_then_asked)
    assert stylize() == 0
    assert kept == [None] * PHOTOS
    assert names("out") == NAMES


def test_photograph_that_vanishes_meanwhile_is_told_as_a_missing_one(stylize, capsys):
    hook = at(2, Path("photos/1.png").unlink)
    assert stylize(hook=hook) == Exit.PARTLY
    said = capsys.readouterr().err
    assert "'photos/1.png' does not exist." in said
    assert "unexpected" not in said


def test_signal_while_headers_are_read_writes_nothing(stylize, monkeypatch, capsys):
    monkeypatch.setattr(image_io, "size_of", lambda *a, **b: signal.raise_signal(signal.SIGINT))
    assert stylize() == 130
    assert capsys.readouterr().err.endswith("before anything was written.\n")
    assert not Path("out").exists()


def test_two_devices_make_a_picture_each_at_the_same_time(stylize, capsys):
    """Each waits in its first step for the other to be in one: alone none would come to its end."""
    both = threading.Barrier(2, timeout=20)
    threads = set()

    def hook(evaluation):
        if threading.current_thread().name not in threads:
            threads.add(threading.current_thread().name)
            both.wait()

    assert stylize(hook=hook, devices=GPUS) == 0
    assert threads == {"stylize_tf on /GPU:0", "stylize_tf on /GPU:1"}
    captured = capsys.readouterr()
    assert names("out") == NAMES
    assert sorted(captured.out.splitlines()) == [f"out/{name}" for name in NAMES]
    # Lines are whole, whichever thread they come from.
    for line in captured.err.splitlines():
        assert re.match(r"stylize_tf: |\[\d/4\] stage ", line), line
    one = {name: cli_fakes.digest(f"out/{name}") for name in NAMES}
    assert stylize() == 0
    assert one == {name: cli_fakes.digest(f"out/{name}") for name in NAMES}


def test_processors_that_work_at_once_share_the_memory_and_a_gpu_has_its_own(stylize):
    assert stylize("--memory=6GB", devices=TWO) == 0
    assert [config.memory for config in cli_fakes.MADE] == [3.0, 3.0]
    assert stylize("--memory=6GB", devices=GPUS) == 0
    assert [config.memory for config in cli_fakes.MADE] == [6.0, 6.0]


def test_picture_made_among_several_devices_runs_again_on_the_first(stylize, monkeypatch):
    assert stylize("--device=/CPU:0,/CPU:1", devices=TWO) == 0
    placed = []
    runtime = tensorflow_runtime.Runtime(
        lambda name: placed.append(name) or contextlib.nullcontext(), TWO
    )
    monkeypatch.setattr(tensorflow_runtime, "load", lambda *arguments, **options: runtime)
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
        assert names("out") == ["0_painting-unfinished.png", "1_painting-unfinished.png"]
        result = image_io.read_metadata("out/1_painting-unfinished.png")["result"]
        assert (result["finished"], result["evaluations"]) == (False, 2)
    finally:
        released.set()
        for thread in threading.enumerate():
            if thread.name.startswith("stylize_tf on "):
                thread.join(20)
    assert len(names("out")) == 2


def test_failure_on_one_device_leaves_the_others_at_work(stylize, capsys):
    assert stylize(hook=fail_at(3, MemoryError()), devices=TWO) == Exit.PARTLY
    assert len([name for name in names("out") if "unfinished" not in name]) == PHOTOS - 1


def test_disk_that_fills_up_ends_all_devices(stylize, monkeypatch, capsys):
    monkeypatch.setattr(os, "fsync", full_disk)
    assert stylize(devices=TWO) == Exit.OUTPUT
    assert names("out") == []
    assert re.search(r"0 written, [12] failed, [23] left", capsys.readouterr().err)


def test_real_pictures_of_a_folder_are_those_of_runs_of_their_own_byte_for_byte(
    real_stylize, capsys
):
    """Nothing that the stylizer keeps from one picture changes the next."""
    Image.open("photos/1.png").rotate(90, expand=True).save("photos/1.png")
    # Two runs may measure another format as the faster one where others are at work.
    flags = ("--size=64", "--coarsest_size=40", "--steps=4,3", "--precision=float32", "--quiet")
    assert real_stylize(*ALL, *flags) == 0
    assert capsys.readouterr().out.splitlines() == [f"out/{name}" for name in NAMES]
    own = ("--content=photos/2.png", "--style=painting.png", "--output=own.png")
    assert real_stylize(*own, *flags) == 0
    assert cli_fakes.digest("own.png") == cli_fakes.digest("out/2_painting.png")
    assert real_stylize("--from_picture=out/3_painting.png", "--output=again.png") == 0
    assert cli_fakes.digest("again.png") == cli_fakes.digest("out/3_painting.png")
