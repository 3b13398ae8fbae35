"""Standard input and output: paths of finished pictures, or pictures themselves for a pipe.

Nothing else is written to standard output.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from stylize_tf.errors import ConfigError, ImageError, OutputError

_CHUNK_BYTES = 2**20
_MOST_BYTES = 4_000_000_000
"""More is no picture: it may never end."""


@contextlib.contextmanager
def input_as_file(name: str) -> Iterator[str]:
    """The path of a file with all that standard input holds, for as long as it is entered.

    Args:
        name: of the option whose value it is.

    Raises:
        ConfigError: if it is a terminal.
        ImageError: if it cannot be read.
        OutputError: if there is no room for it.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise ConfigError(
            f"`{name}` - reads a picture from standard input: pipe one in, or < FILE."
        )
    with contextlib.ExitStack() as stack:
        try:
            temporary = tempfile.TemporaryDirectory(prefix="stylize_tf-")
            path = Path(stack.enter_context(temporary), "stdin")
            with path.open("wb") as file:
                while data := _read_input():
                    if file.tell() >= _MOST_BYTES:
                        raise ImageError(
                            f"standard input is too large: more than {_MOST_BYTES / 1e9:g} GB."
                        )
                    file.write(data)
        except OSError as error:
            raise OutputError(
                f"standard input cannot be kept in {tempfile.gettempdir()!r}: {error.strerror}. "
                f"Make room, or set TMPDIR to another folder."
            ) from error
        yield str(path)


def _read_input() -> bytes:
    try:
        return sys.stdin.buffer.read(_CHUNK_BYTES)
    except OSError as error:
        raise ImageError(f"standard input cannot be read: {error.strerror}.") from error


def check_output_is_piped() -> None:
    """Raises a `ConfigError` if a picture on standard output would be letters on a terminal."""
    if sys.stdout is None or sys.stdout.isatty():
        raise ConfigError(
            "`output` - writes the picture to standard output: pipe it on, or > FILE."
        )


def print_picture(data: bytes) -> None:
    """Writes an encoded picture to standard output.

    Raises:
        OutputError: if it cannot be written, or the reader went away.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except OSError as error:
        _close_output()
        raise OutputError(
            f"standard output does not take the picture: {error.strerror}."
        ) from error


def print_line(text: str, warn: Callable[[str], None] = lambda text: None) -> None:
    """Prints to standard output, byte for byte, at once; a reader that went away is no error.

    Args:
        text: without the end of its line.
        warn: called with a line if it cannot be printed for another reason.
    """
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
            warn(f"cannot print the result: {error.strerror}.")
        _close_output()


def _close_output() -> None:
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
