from __future__ import annotations

import contextlib
import functools
import signal

import pytest

from stylize_tf.cli.commands import paint
from stylize_tf.cli.main import main_with
from stylize_tf.cli.terminal.interrupts import Interrupted, Interrupts
from stylize_tf.cli.terminal.signals import ENDING
from stylize_tf.images import image_io
from stylize_tf.jobs import painting
from stylize_tf.jobs.outputs import Output
from stylize_tf.machine import tensorflow_runtime
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import SHORT, at, names, send_at, throw

INPUTS = ("--content=photo.png", "--style=photo.png")


@pytest.fixture
def stylize(stylize):
    """The run of `conftest`, of one picture."""
    return lambda *arguments, **options: stylize(*INPUTS, *SHORT, *arguments, **options)


CANCELLED = at(3, functools.partial(signal.raise_signal, signal.SIGTERM), throw(RuntimeError("x")))


@pytest.mark.parametrize(
    ("hook", "code", "evaluations"),
    [
        (send_at(2, signal.SIGINT), 130, 2),
        (send_at(2, signal.SIGTERM), 143, 2),
        (send_at(2, signal.SIGHUP), 129, 2),
        (send_at(2, signal.SIGQUIT), 131, 2),
        (send_at(4, signal.SIGHUP, signal.SIGHUP), 129, 4),  # The shell's and the system's.
        (send_at(4, signal.SIGINT, signal.SIGINT), 130, 3),
        (at(3, throw(KeyboardInterrupt())), 130, 2),  # From inside a library.
        (CANCELLED, 143, 2),  # A library makes its own error of it.
    ],
    ids=[
        "SIGINT",
        "SIGTERM",
        "SIGHUP",
        "SIGQUIT",
        "hung up twice",
        "twice",
        "exception",
        "cancelled",
    ],
)
def test_interruption_leaves_the_best_picture_at_its_final_size(
    stylize, capsys, hook, code, evaluations
):
    """The first signal ends the step, the second one stops within it."""
    assert stylize(hook=hook) == code
    captured = capsys.readouterr()
    assert captured.out == "photo_photo.png\n"
    assert "Interrupted: wrote the best picture so far" in captured.err
    assert image_io.size_of("photo_photo.png") == (32, 48)  # The first stage was 32 pixels wide.
    result = image_io.read_metadata("photo_photo.png")["result"]
    assert (result["evaluations"], result["finished"]) == (evaluations, False)


def test_signal_before_there_is_a_picture_writes_nothing(stylize, folder, capsys):
    double = send_at(1, signal.SIGTERM, signal.SIGTERM)
    assert stylize(hook=double) == 143
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("stylize_tf: error: interrupted before")
    assert names() == ["other.png", "painting.png", "photo.png"]


@pytest.mark.parametrize("owner", [(image_io, "read"), (tensorflow_runtime, "load")], ids=str)
def test_signal_while_inputs_are_read_or_tensorflow_is_loaded_stops_at_once(
    stylize, monkeypatch, owner
):
    def interrupted(*arguments, **options):
        signal.raise_signal(signal.SIGINT)

    cli_fakes.install(monkeypatch.setattr, lambda evaluation: pytest.fail("it went on"))
    monkeypatch.setattr(*owner, interrupted)
    assert main_with(["main.py", *INPUTS, *SHORT]) == 130


@pytest.mark.parametrize("first", [False, True])
def test_signals_while_the_file_is_written_do_not_tear_it(stylize, folder, monkeypatch, first):
    write = Output.write

    def interrupted_write(output, data):
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        path = write(output, data)
        signal.raise_signal(signal.SIGTERM)
        return path

    monkeypatch.setattr(Output, "write", interrupted_write)
    hook = send_at(2, signal.SIGINT) if first else lambda evaluation: None
    assert stylize(hook=hook) == 130
    assert image_io.read_metadata("photo_photo.png")["result"]["finished"] == (not first)


@pytest.mark.parametrize("moment", ["the loop is left", "the path is printed"])
def test_signal_after_the_loop_loses_nothing(stylize, folder, monkeypatch, capsys, moment):
    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)

    if moment == "the loop is left":
        is_empty = painting.Picture.is_empty
        changed = property(lambda picture: interrupted() or is_empty.fget(picture))
        monkeypatch.setattr(painting.Picture, "is_empty", changed)
    else:
        monkeypatch.setattr(paint, "print_line", interrupted)
    assert stylize("--compare=both.png") == 130
    assert {"both.png", "photo_photo.png"} <= set(names())
    assert image_io.read_metadata("photo_photo.png")["result"]["finished"]
    assert "before anything" not in capsys.readouterr().err


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()], ids=repr)
def test_signals_after_the_loop_are_only_noted(error):
    with Interrupts() as interrupts:
        with contextlib.suppress(KeyboardInterrupt), interrupts.politely():
            if error is not None:
                raise error
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
        assert interrupts.signum == signal.SIGTERM


def test_handlers_are_put_back(stylize):
    before = [signal.getsignal(signum) for signum in ENDING]
    assert stylize() == 0
    assert [signal.getsignal(signum) for signum in ENDING] == before


@pytest.mark.parametrize("which", ENDING)
def test_signal_that_the_parent_ignores_stays_ignored(which):
    """As of a program that `nohup` started, or a shell in the background."""
    before = signal.signal(which, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(which)
            assert interrupts.signum is None
    finally:
        signal.signal(which, before)


def test_loop_may_be_left_by_an_exception_of_its_own():
    with Interrupts() as interrupts:
        with pytest.raises(ZeroDivisionError), interrupts.politely():
            raise ZeroDivisionError
        with pytest.raises(Interrupted):  # Nothing was heard yet, so this one still counts.
            signal.raise_signal(signal.SIGINT)


def test_signals_that_are_shielded_off_are_counted_and_all_hang_ups_are_one():
    with Interrupts(lambda signum: pytest.fail("announced")) as interrupts, interrupts.shielded():
        for which, times in (("SIGHUP", 1), ("SIGHUP", 1), ("SIGINT", 2), ("SIGTERM", 3)):
            signal.raise_signal(getattr(signal, which))
            assert interrupts.times == times
