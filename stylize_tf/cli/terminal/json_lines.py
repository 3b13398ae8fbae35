"""What a run says as lines of JSON, for programs that start it and show how far it is."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import Any, TextIO

from stylize_tf.cli.terminal.console import Console


class JsonLines(Console):
    """A console whose lines are objects with an `event` each.

    Args:
        stream: as for `Console`.
        quiet: drop all but warnings and errors.
        verbose: add the traceback to errors.
    """

    def __init__(
        self, stream: TextIO | None, *, quiet: bool = False, verbose: bool = False
    ) -> None:
        super().__init__(stream, quiet=quiet, verbose=verbose, progress="none")

    def event(self, name: str, **fields: Any) -> bool:
        """Tells it, unless it shall be quiet."""
        if not self.quiet:
            self._tell(name, fields)
        return True

    def info(self, text: str, event: str = "info", **fields: Any) -> None:
        """An event, of its own name if it has one."""
        self.event(event, text=text, **fields)

    def warning(self, text: str, **fields: Any) -> None:
        """An event that is told even when the rest is quiet."""
        self._tell("warning", {"text": text, **fields})

    def error(
        self, text: str, error: BaseException | None = None, ways: str = "", **fields: Any
    ) -> None:
        """The same, with the traceback if verbose, and ways out if there are."""
        if ways:
            fields["ways"] = ways
        if self.verbose and error is not None:
            fields["traceback"] = "".join(traceback.format_exception(error))
        self._tell("error", {"text": text, **fields})

    def log(self, text: str) -> None:
        """A line that somebody else wrote."""
        self._tell("log", {"text": text})

    def _tell(self, name: str, fields: dict[str, Any]) -> None:
        event = {"event": name, **{x: self._plain(y) for x, y in fields.items()}}
        with self._lock:
            self._write(json.dumps(event, allow_nan=False) + "\n")

    def _plain(self, value: Any) -> Any:
        """What JSON can hold: it has no number that is not finite."""
        if isinstance(value, dict):
            return {x: self._plain(y) for x, y in value.items()}
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        return self._named(value) if isinstance(value, str) else value


@contextlib.contextmanager
def json_lines(*, quiet: bool = False, verbose: bool = False) -> Iterator[JsonLines]:
    """A console on standard error, where nothing else is written as long as it is entered.

    What libraries write there becomes events, too: `log`, a line each.
    """
    try:
        stream = os.fdopen(os.dup(2), "w", encoding="utf-8")
        reader, writer = os.pipe()
    except OSError:  # Closed: nobody listens.
        yield JsonLines(None, quiet=quiet, verbose=verbose)
        return
    console = JsonLines(stream, quiet=quiet, verbose=verbose)

    def relay() -> None:
        with os.fdopen(reader, encoding="utf-8", errors="backslashreplace") as lines:
            for line in lines:
                if line.strip():
                    console.log(line.rstrip())

    thread = threading.Thread(target=relay, name="stylize_tf log", daemon=True)
    _flush()
    os.dup2(writer, 2)
    os.close(writer)
    thread.start()
    try:
        yield console
    finally:
        _flush()
        os.dup2(stream.fileno(), 2)  # The last writer of the pipe is gone with that.
        thread.join(1)
        with contextlib.suppress(OSError):
            stream.close()


def _flush() -> None:
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
