from __future__ import annotations

import dataclasses
import io
import os
import warnings

import numpy as np
import pytest

from stylize_tf.cli.terminal.console import Console, library_messages, one_line
from stylize_tf.cli.terminal.progress import (
    Progress,
    duration,
    fetching_line,
    live_line,
    plain_line,
)
from tests.fakes.cli_fakes import Iterate


class Terminal(io.StringIO):
    """A terminal that keeps what is on its screen."""

    def isatty(self):
        return True

    @property
    def screen(self):
        lines = [""]
        for letter in self.getvalue():
            if letter == "\n":
                lines.append("")
                column = 0
            elif letter == "\r":
                column = 0
            else:
                column = column if len(lines) > 1 or lines[0] else 0
                lines[-1] = lines[-1][:column] + letter + lines[-1][column + 1 :]
                column += 1
        return [line.rstrip() for line in lines]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def iterate(step=12, *, stage=2, messages=(), steps=50, seconds=0.25):
    return Iterate(
        stage=stage,
        stages=5,
        step=step,
        steps=steps,
        evaluation=step + 100 * (stage - 1),
        evaluations=245,
        height=136,
        width=181,
        losses={"content": 0.0123, "style": 0.5, "total_variation": 0.02},
        image=np.zeros((1, 1, 1, 3)),
        seconds=seconds,
        remaining=42.4,
        messages=messages,
    )


def test_plain_line_says_everything():
    assert plain_line(iterate(), 0.25) == (
        "stage 2/5  181x136  step 12/50  "
        "loss 0.532 = content 0.0123 + style 0.5 + total variation 0.02  0.25 s/step  42 s left"
    )


def test_pace_and_time_left_are_not_shown_before_they_are_known():
    assert plain_line(iterate(), None).endswith("+ total variation 0.02")
    assert live_line(iterate(), None, 60).endswith("12/50 content 0.012 style 0.5 tv 0.02")
    unknown = dataclasses.replace(iterate(), remaining=None)
    assert plain_line(unknown, 0.25).endswith("+ total variation 0.02  0.25 s/step")
    assert live_line(unknown, 0.25, 200).endswith("+ total variation 0.02  0.25 s/step")


def test_live_line_shows_as_much_as_fits():
    texts = [live_line(iterate(), 0.25, width) for width in range(200)]
    assert all(len(text) <= width for width, text in enumerate(texts))
    assert texts[199].startswith(" 46% [#########-----------]  stage 2/5  181x136  step 12/50  ")
    assert texts[199].endswith("total variation 0.02  0.25 s/step  42 s left")
    assert texts[79] == (
        " 46% 2/5 181x136 12/50 content 0.012 style 0.5 tv 0.02 0.25 s/step 42 s left"
    )
    assert texts[75] == "2/5 181x136 12/50 content 0.012 style 0.5 tv 0.02 0.25 s/step 42 s left"
    assert texts[70] == " 46%  stage 2/5  181x136  step 12/50  loss 0.532  42 s left"
    assert texts[55] == " 46%  stage 2/5  step 12/50  loss 0.532  42 s left"
    assert texts[20] == " 46%  42 s left"
    assert texts[3] == " 46"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (125, "2:05"), (3600, "1:00:00"), (-3, "0 s")],
)
def test_duration_is_said_as_people_say_it(seconds, text):
    assert duration(seconds) == text


def test_download_is_shown_in_megabytes_with_or_without_a_total():
    assert fetching_line(1_500_000, 80_000_000).endswith(": 1.5 of 80.0 MB")
    assert fetching_line(1_500_000, None).endswith(": 1.5 MB")


def test_terminal_shows_one_line_that_is_rewritten_and_removed(terminal):
    clock = Clock()
    progress = Progress(Console(terminal), clock)
    progress.update(iterate(1))
    clock.now += 1
    progress.update(iterate(12))
    assert len(terminal.screen) == 1
    assert "step 12/50" in terminal.screen[0]
    progress._console.clear()
    assert terminal.screen == [""]


def test_terminal_is_written_at_most_ten_times_a_second(terminal):
    clock = Clock()
    progress = Progress(Console(terminal), clock)
    for step in range(1, 50):
        progress.update(iterate(step))
        clock.now += 0.01
    assert terminal.getvalue().count("\r") <= 6


@pytest.mark.parametrize("columns", [1, 2, 20, 60])
def test_live_line_never_reaches_the_last_column(terminal, monkeypatch, columns):
    console, clock = Console(terminal), Clock()
    progress = Progress(console, clock)
    for width in (columns + 40, columns):  # The window was made narrower.
        monkeypatch.setenv("COLUMNS", str(width))
        before = len(terminal.getvalue())
        clock.now += 1
        progress.update(iterate(3))
        progress._console.clear()
        for part in terminal.getvalue()[before:].split("\r"):
            assert len(part) <= max(width - 1, 1)


def test_messages_get_a_line_of_their_own_above_the_live_line(terminal):
    progress = Progress(Console(terminal), Clock())
    progress.update(iterate(1))
    progress.update(iterate(2, messages=("went back",)))
    assert terminal.screen[0] == "stylize_tf: went back"
    assert "step  2/50" in terminal.screen[1]


def test_elsewhere_a_line_at_the_ends_of_a_stage_and_every_five_seconds():
    stream, clock = io.StringIO(), Clock()
    progress = Progress(Console(stream), clock)
    for stage in (1, 2):
        for step in range(1, 21):
            progress.update(iterate(step, stage=stage, steps=20))
            clock.now += 1
    lines = stream.getvalue().splitlines()
    assert [line.split("  loss")[0].split("step ")[1] for line in lines] == [
        *(" 1/20", " 6/20", "11/20", "16/20", "20/20"),
        *(" 1/20", " 6/20", "11/20", "16/20", "20/20"),
    ]
    assert "\r" not in stream.getvalue()


def test_pace_is_of_the_stage_without_its_first_step():
    stream, clock = io.StringIO(), Clock()
    progress = Progress(Console(stream), clock)
    progress.update(iterate(1, seconds=9.0))
    clock.now += 10
    progress.update(iterate(2, seconds=0.5))
    assert "s/step" not in stream.getvalue().splitlines()[0]
    assert "0.50 s/step" in stream.getvalue().splitlines()[1]


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_quiet_console_shows_warnings_and_errors_only(kind, monkeypatch):
    stream = kind()
    console = Console(stream, quiet=True)
    Progress(console, Clock()).update(iterate(1, messages=("went back",)))
    console.info("hello")
    console.live("hello")
    assert stream.getvalue() == ""
    console.warning("look")
    console.error("no")
    assert stream.getvalue() == "stylize_tf: warning: look\nstylize_tf: error: no\n"


def test_line_replaces_the_live_line(terminal):
    console = Console(terminal)
    console.live("working on something that takes long")
    console.info("done")
    console.clear()
    assert terminal.screen == ["stylize_tf: done", ""]


@pytest.mark.parametrize("terminal_name", ["dumb", "xterm"])
def test_dumb_terminals_get_plain_lines(terminal_name, monkeypatch):
    monkeypatch.setenv("TERM", terminal_name)
    assert Console(Terminal()).is_live == (terminal_name != "dumb")
    assert not Console(Terminal(), verbose=True).is_live


def test_width_is_asked_of_the_stream(monkeypatch):
    class Wide(Terminal):
        def fileno(self):
            return 2

    monkeypatch.setattr(os, "get_terminal_size", lambda number: os.terminal_size((33 + number, 9)))
    assert Console(Wide()).width == 35


def test_console_survives_a_stream_that_is_missing_closed_broken_or_ascii():
    closed = io.StringIO()
    closed.close()

    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    for stream in (None, closed, Broken()):
        console = Console(stream)
        console.live("a")
        console.info("b")
        console.error("c")
        assert not console.is_live
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, "ascii")
    Console(stream).info("é 图")
    assert buffer.getvalue() == b"stylize_tf: \\xe9 \\u56fe\n"


def test_error_of_many_lines_becomes_one():
    stream = io.StringIO()
    Console(stream).error("first:\n  second\r\nthird\n")
    assert stream.getvalue() == "stylize_tf: error: first: second third\n"
    assert one_line("\n\n") == ""


def test_warnings_for_users_are_lines_and_those_for_developers_are_not(monkeypatch):
    monkeypatch.setattr("sys.warnoptions", [])
    stream = io.StringIO()
    with library_messages(Console(stream)):
        warnings.warn("odd picture", UserWarning, stacklevel=1)
        warnings.warn("old function", DeprecationWarning, stacklevel=1)
    assert stream.getvalue() == "stylize_tf: warning: odd picture\n"
