"""The terminal as a job sees it: what it is told becomes lines, and signals stop it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from stylize_tf.cli.exits import Exit, explain, with_flag_names
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.cli.terminal.progress import (
    FrameLines,
    Progress,
    TrainingLines,
    duration,
    fetching_line,
)
from stylize_tf.cli.terminal.standard_streams import print_picture
from stylize_tf.jobs.listener import Listener

if TYPE_CHECKING:
    from stylize_tf import Iterate
    from stylize_tf.feedforward.training.trainer import Progress as TrainingProgress
    from stylize_tf.video.frames import VideoProgress


class Terminal(Listener):
    """Tells a console of a job, which signals stop.

    Args:
        console: where to tell it.
        interrupts: which signals were heard.
    """

    def __init__(self, console: Console, interrupts: Interrupts) -> None:
        self._console = console
        self._interrupts = interrupts
        self._progress = Progress(console)
        self._training = TrainingLines(console)
        self._frames = FrameLines(console)
        self._began: float | None = None
        self._said: set[str] = set()

    def info(self, text: str) -> None:
        """A line of information, each once."""
        if text not in self._said:
            self._said.add(text)
            self._console.info(with_flag_names(text))

    def warning(self, text: str) -> None:
        """A line that is seen even when the rest is quiet, each once."""
        if text not in self._said:
            self._said.add(text)
            self._console.warning(with_flag_names(text))

    def fetching(self, done: int, total: int | None) -> None:
        """How much of the weights is here."""
        if not self._console.event("fetching", done=done, total=total):
            self._console.live(fetching_line(done, total))

    def looking(self, done: int, total: int) -> None:
        """How many of the inputs were looked at."""
        if done % 100 == 0 and not self._console.event("looking", done=done, total=total):
            self._console.live(f"Looking at the pictures: {done} of {total} ...")

    def step(self, iterate: Iterate) -> None:
        """How far a picture has come."""
        self._progress.update(iterate)

    def trained(self, progress: TrainingProgress) -> None:
        """How far a training has come."""
        self._training.update(progress)

    def frame(self, progress: VideoProgress) -> None:
        """How far a clip has come."""
        self._frames.update(progress)

    def cell(self, number: int, total: int, label: str) -> None:
        """Which cell of a sheet is begun, and how long the rest will take."""
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        self._progress = Progress(self._console, number=number, total=total)
        left = (now - self._began) / max(number - 1, 1) * (total - number + 1)
        rest = f"; about {duration(left)} left" if number > 1 else ""
        self._console.info(
            f"[{number}/{total}] {label}{rest}", "started", number=number, total=total
        )

    def failed(self, what: str, error: Exception) -> None:
        """A warning, or for those who want to know more an error with its traceback."""
        message, code, _ = explain(error)
        text = f"{with_flag_names(what)}: {message}"
        if self._console.verbose:
            self._console.error(text, error, code=int(code))
        else:
            self._console.warning(text)

    def _tell_lost(self, path: str, error: Exception, **place: Any) -> Exit:
        """A line, but no line twice, why a picture of many cannot be made; the exit code."""
        message, code, _ = explain(error)
        line = message if message[:1] in "'\"" else f"{path!r}: {message}"
        if line not in self._said:
            self._said.add(line)
            self._console.error(line, error, code=int(code), path=path, **place)
        return code

    def picture(self, data: bytes) -> None:
        """Writes it to standard output."""
        print_picture(data)

    def is_stopped(self) -> bool:
        """Whether a signal was heard."""
        return self._interrupts.signum is not None

    def shielded(self) -> AbstractContextManager[None]:
        """A context that signals do not cut through."""
        return self._interrupts.shielded()
