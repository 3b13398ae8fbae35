"""What is told of many pictures, and how long they will take."""

from __future__ import annotations

import io

import numpy as np
import pytest

from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.cli.terminal.report import Estimate, Report
from tests.fakes.cli_fakes import Iterate


def test_estimate_is_of_the_pictures_that_need_no_preparation():
    estimate = Estimate([10.0, 20.0, 20.0, 40.0], devices=1)
    assert estimate.left(0.0) is None
    estimate.start(1, 0.0)
    estimate.update(1, expecting(None))  # The first step says nothing yet.
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


def expecting(remaining):
    image = np.zeros((1, 1, 1, 3), np.float32)
    return Iterate(1, 1, 2, 10, 2, 10, 8, 8, {"content": 1.0}, image, remaining=remaining)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("width", [30, 60, 100, 150])
def test_live_line_says_which_picture_of_how_many_and_what_is_left_of_all(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    report = Report(Console(stream), Interrupts(), clock=lambda: 0.0)
    report.begin([1.0] * 20, devices=1)
    report.started(3, "a")
    report.update(3, expecting(30.0))
    line = stream.getvalue().rsplit("\r", 1)[-1].rstrip()
    assert line.startswith("[3/20]  20%")
    assert line.endswith("  10:00 left")
    assert len(line) < width
