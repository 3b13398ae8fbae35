"""The program, as `python -m stylize_tf`, `python main.py` and `stylize-tf` start it."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Until the command itself listens, and after it, Ctrl-C ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from stylize_tf.cli.main import run

__all__ = ["fetch_weights", "run"]


def fetch_weights() -> None:
    """The command `fetch-weights` as a program of its own, `stylize-tf-fetch-weights`."""
    run("fetch-weights")


if __name__ == "__main__":
    run()
