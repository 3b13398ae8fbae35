"""Standard output, which gets the paths of finished pictures and nothing else."""

from __future__ import annotations

import contextlib
import os
import sys

from stylize_tf.cli.terminal.console import Console


def print_line(text: str) -> None:
    """Prints to standard output, byte for byte, at once; a reader that went away is no error."""
    if sys.stdout is None:
        return
    try:
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None:
            sys.stdout.write(text + "\n")
        else:
            buffer.write(os.fsencode(text + "\n"))
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            Console(sys.stderr).warning(f"cannot print the result: {error.strerror}.")
        with contextlib.suppress(OSError, ValueError):
            # Python flushes once more at its end, and would complain then.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_standard_streams() -> None:
    """Opens closed ones to nowhere: the next file opened would get their place, and their text."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
