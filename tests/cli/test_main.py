"""The program around the commands."""

import runpy
import signal
from pathlib import Path

import pytest

import stylize_tf

MAIN = Path(stylize_tf.__file__).with_name("__main__.py")


@pytest.mark.parametrize(
    ("before", "after"),
    [(signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)],
)
def test_program_that_does_not_listen_yet_ends_by_ctrl_c_without_a_traceback(before, after):
    """Python puts its handler in the place of the default one, not where signals are ignored."""
    kept = signal.signal(signal.SIGINT, before)
    try:
        runpy.run_path(str(MAIN), run_name="imported")
        assert signal.getsignal(signal.SIGINT) == after
    finally:
        signal.signal(signal.SIGINT, kept)
