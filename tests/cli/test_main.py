"""The program around the commands."""

import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import stylize_tf
from stylize_tf.cli.terminal.signals import ENDING

MAIN = Path(stylize_tf.__file__).with_name("__main__.py")


@pytest.mark.parametrize(
    ("before", "is_ours"),
    [(signal.default_int_handler, True), (signal.SIG_DFL, True), (signal.SIG_IGN, False)],
)
@pytest.mark.parametrize("which", ENDING)
def test_program_that_does_not_listen_yet_ends_by_a_signal_without_a_traceback(
    monkeypatch, which, before, is_ours
):
    """Where the parent has signals ignored they stay so."""
    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    handlers = {each: signal.getsignal(each) for each in ENDING}
    signal.signal(which, before)
    try:
        runpy.run_path(str(MAIN), run_name="imported")
        assert (signal.getsignal(which) != before) == is_ours
        signal.raise_signal(which) if is_ours else None
        assert ended == [128 + which] * is_ours
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def test_nothing_is_loaded_before_that_which_takes_long():
    """Python has a handler of its own until then: Ctrl-C would be a traceback."""
    found = subprocess.run(
        [sys.executable, "-S", "-c", "import sys, signal, os; before = set(sys.modules); "
         "import stylize_tf.cli.terminal.signals; print(*sorted(set(sys.modules) - before))"],
        cwd=MAIN.parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    ours = "stylize_tf stylize_tf.cli stylize_tf.cli.terminal stylize_tf.cli.terminal.signals"
    assert found.stdout.split() == ["__future__", *ours.split()]
