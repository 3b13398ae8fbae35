"""Which signals end a run, and what they do as long as nobody listens.

The first module that the program loads: it needs nothing that takes time to import.
"""

import os
import signal

ENDING = tuple(
    getattr(signal, name)
    for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM")
    if hasattr(signal, name)  # Windows has two of them.
)
"""A closed terminal or connection, Ctrl-C, Ctrl-backslash, and what `kill` sends."""


def end_quietly() -> None:
    """Makes them end the process with 128 more than their number, without Python's traceback.

    One that the parent told us to ignore (`nohup`, background jobs) stays ignored.
    """
    for which in ENDING:
        if signal.getsignal(which) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(which, _end)


def _end(signum: int, frame: object) -> None:
    os._exit(128 + signum)
