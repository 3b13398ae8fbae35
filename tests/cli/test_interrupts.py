from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli.terminal.interrupts import Interrupted, Interrupts
from stylize_tf.images import image_io

ROOT = Path(__file__).parents[2]
INPUTS = ("--content=photo.png", "--style=photo.png")
SHORT = ("--size=48", "--coarsest_size=32", "--steps=3,2")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("photo.png")
    return tmp_path


@pytest.fixture
def stylize(stylize):
    """The run of `conftest`, of one picture."""
    return lambda *arguments, **options: stylize(*INPUTS, *SHORT, *arguments, **options)


def send_at(step, *signals):
    """A hook that gets the signals while a step is made."""

    def hook(evaluation):
        if evaluation == step:
            for signum in signals:
                signal.raise_signal(signum)

    return hook


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=str)
def test_signal_ends_the_step_and_writes_the_best_picture_at_its_final_size(
    stylize, folder, capsys, signum, code
):
    assert stylize(hook=send_at(2, signum)) == code
    captured = capsys.readouterr()
    assert captured.out == "photo_photo.png\n"
    assert "Stopping after this step" in captured.err
    assert "Interrupted: wrote the best picture so far" in captured.err
    assert image_io.size_of("photo_photo.png") == (32, 48)  # The stage was 32 pixels wide.
    result = image_io.read_metadata("photo_photo.png")["result"]
    assert (result["evaluations"], result["finished"]) == (2, False)


def test_second_signal_stops_within_the_step(stylize, folder):
    assert stylize(hook=send_at(4, signal.SIGINT, signal.SIGINT)) == 130
    assert image_io.read_metadata("photo_photo.png")["result"]["evaluations"] == 3


def test_keyboard_interrupt_from_inside_a_library_is_the_same(stylize, folder):
    def hook(evaluation):
        if evaluation == 3:
            raise KeyboardInterrupt

    assert stylize(hook=hook) == 130
    assert image_io.read_metadata("photo_photo.png")["result"]["evaluations"] == 2


def test_library_that_turns_the_second_signal_into_its_own_error_loses_nothing(stylize, folder):
    def hook(evaluation):
        if evaluation == 3:
            signal.raise_signal(signal.SIGTERM)
            raise RuntimeError("cancelled")

    assert stylize(hook=hook) == 143
    assert image_io.read_metadata("photo_photo.png")["result"]["evaluations"] == 2


def test_signal_before_there_is_a_picture_writes_nothing(stylize, folder, capsys):
    double = send_at(1, signal.SIGTERM, signal.SIGTERM)
    assert stylize(hook=double) == 143
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("stylize_tf: error: interrupted before")
    assert [path.name for path in folder.iterdir()] == ["photo.png"]


def test_signal_while_inputs_are_read_stops_at_once(stylize, folder, monkeypatch):
    def read(*arguments, **options):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(image_io, "read", read)
    assert stylize(hook=lambda evaluation: pytest.fail("it went on")) == 130


@pytest.mark.parametrize("first", [False, True])
def test_signals_while_the_file_is_written_do_not_tear_it(stylize, folder, monkeypatch, first):
    write = image_io.write

    def interrupted_write(*arguments, **options):
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        write(*arguments, **options)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(image_io, "write", interrupted_write)
    hook = send_at(2, signal.SIGINT) if first else lambda evaluation: None
    assert stylize(hook=hook) == 130
    assert image_io.read_metadata("photo_photo.png")["result"]["finished"] == (not first)


def test_handlers_are_put_back(stylize):
    before = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]
    assert stylize(hook=lambda evaluation: None) == 0
    assert [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)] == before


def test_signal_that_the_parent_ignores_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            assert interrupts.signum is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_loop_may_be_left_by_an_exception_of_its_own():
    with Interrupts() as interrupts:
        with pytest.raises(ZeroDivisionError), interrupts.politely():
            raise ZeroDivisionError
        with pytest.raises(Interrupted):  # Nothing was heard yet, so this one still counts.
            signal.raise_signal(signal.SIGINT)
