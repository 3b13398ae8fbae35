"""What a run says on standard error: lines, and one live line that is rewritten in place."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

PROGRAM = "stylize_tf"


class Console:
    """Writes lines and a live line to a stream; never raises, whatever happens to the stream.

    Several threads may use it. What a line tells is also given in fields, for those who read it
    by a program, see `JsonLines`; here only the text counts.

    Args:
        stream: usually `sys.stderr`; None says nothing (a closed standard error).
        quiet: drop information and the live line; warnings and errors stay.
        verbose: add the traceback to errors, and write no live line between raw log lines.
        progress: "auto" for a live line where it can be and lines of progress elsewhere, "plain"
            for lines everywhere, "none" for neither.

    Attributes:
        aliases: what is said in place of other texts, such as names of temporary files.
    """

    def __init__(
        self,
        stream: TextIO | None,
        *,
        quiet: bool = False,
        verbose: bool = False,
        progress: str = "auto",
    ) -> None:
        self._stream = stream
        self._progress = progress
        self.quiet = quiet
        self.verbose = verbose
        self._shown = 0
        self._lock = threading.RLock()
        self.aliases: dict[str, str] = {}

    @property
    def is_live(self) -> bool:
        """Whether the live line can be rewritten: a terminal that knows carriage return."""
        if self._stream is None or self.verbose or self._progress != "auto":
            return False
        if os.environ.get("TERM") == "dumb":
            return False
        try:
            return self._stream.isatty()
        except ValueError:  # Closed.
            return False

    @property
    def width(self) -> int:
        """Columns of the terminal, now: people resize windows."""
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError):
                return os.get_terminal_size(self._stream.fileno()).columns or 80
        return shutil.get_terminal_size().columns

    def live(self, text: str) -> None:
        """Replaces the live line; one column stays free, or some terminals would wrap."""
        if self.quiet or not self.is_live:
            return
        with self._lock:
            text = text[: max(self.width - 1, 1)]
            self._write("\r" + text.ljust(min(self._shown, max(self.width - 1, 1))))
            self._shown = len(text)

    def clear(self) -> None:
        """Removes the live line, so that a line can be written in its place."""
        with self._lock:
            if self._shown:
                self._write("\r" + " " * min(self._shown, max(self.width - 1, 1)) + "\r")
                self._shown = 0

    def event(self, name: str, **fields: Any) -> bool:
        """Tells of something in fields alone; false if that must be told as text."""
        return False

    def info(self, text: str, event: str = "info", **fields: Any) -> None:
        """A line of information."""
        if not self.quiet:
            self._line(f"{PROGRAM}: {text}")

    def progress(self, text: str) -> None:
        """A line of progress, where the live line cannot be."""
        if not self.quiet and self._progress != "none":
            self._line(text)

    def warning(self, text: str, **fields: Any) -> None:
        """A line that the user should see even when the rest is quiet."""
        self._line(f"{PROGRAM}: warning: {text}")

    def error(
        self, text: str, error: BaseException | None = None, ways: str = "", **fields: Any
    ) -> None:
        """The one line that a failed run ends with, after the traceback if verbose.

        Args:
            text: of the line.
            error: what the traceback is of.
            ways: commands that help, on lines of their own below.
            fields: what else there is to know.
        """
        with self._lock:
            if self.verbose and error is not None:
                self.clear()
                self._write("".join(traceback.format_exception(error)))
            self._line(f"{PROGRAM}: error: {text}")
            if ways:
                self._write(ways + "\n")

    def _line(self, text: str) -> None:
        with self._lock:
            self.clear()
            self._write(one_line(self._named(text)) + "\n")

    def _named(self, text: str) -> str:
        for name, alias in self.aliases.items():
            text = text.replace(name, alias)
        return text

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except UnicodeEncodeError:
            self._write(text.encode("ascii", "backslashreplace").decode("ascii"))
        except (OSError, ValueError):
            self._stream = None  # The reader went away: the picture is still worth finishing.


@contextlib.contextmanager
def library_messages(console: Console) -> Iterator[None]:
    """Shows what libraries warn users of as lines of ours, and nothing meant for developers.

    That is what this package logs, and Python's `UserWarning`s, each text once. A verbose console,
    or a user who set Python's warning filters, gets every warning as Python shows it.
    """
    shown: set[str] = set()

    def show(message: Warning | str, *place: object) -> None:
        text = str(message)
        if text not in shown:
            shown.add(text)
            console.warning(text)

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            show(record.getMessage())

    logger, handler = logging.getLogger(PROGRAM), Handler(logging.WARNING)
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions and not console.verbose:
                warnings.simplefilter("ignore")
                warnings.simplefilter("always", UserWarning)
                warnings.showwarning = show  # type: ignore[assignment]
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


def one_line(text: str) -> str:
    """The text with line breaks, as third-party messages have them, replaced by spaces."""
    return " ".join(part.strip() for part in text.splitlines() if part.strip())
