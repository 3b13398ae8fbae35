"""The command that paints many pictures by Apache Beam, on this machine or on a cluster.

Only what --help needs is imported at the top, so that it answers at once.
"""

from __future__ import annotations

import builtins
import contextlib
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stylize_tf import errors
from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.cli.terminal.listener import Terminal
from stylize_tf.cli.terminal.progress import duration
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import StylizationError
from stylize_tf.jobs.options.batch import BatchOptions

if TYPE_CHECKING:
    from stylize_tf.cli.flags import CommandLine
    from stylize_tf.jobs.batch.tasks import Outcome

SUMMARY = "Paints many pictures by Apache Beam, from and to any of its file systems."

FLAGS = (BatchOptions, StyleTransferConfig)

PASSES_ON = True
"""What is no flag of ours is Beam's."""

USAGE = (
    "--content 'PHOTOS/*' --style 'PAINTINGS/*' --output FOLDER [--flag value ...]",
    "--content 'gs://BUCKET/*' --network --output gs://BUCKET/painted --runner DataflowRunner ...",
)

MATTERS = (
    *("content", "style", "network", "network_style", "output", "skip_existing", "dead_letter"),
    *("runner", "size", "strength", "color", "threads"),
)

_NAMED = 5
"""Failures that are told; all are in the file."""


def execute(console: Console, interrupts: Interrupts, line: CommandLine) -> int:
    """Paints the pictures that the flags ask for; the exit code."""
    from stylize_tf.jobs.batch import tasks

    started = time.monotonic()
    (options, config), rest = line.given, line.rest
    if not console.verbose:
        rest = ("--default_sdk_harness_log_level=ERROR", *rest)
    told = _Told(console, interrupts)
    try:
        with contextlib.nullcontext() if console.verbose else _only_errors():
            batch = tasks.prepare(options, config, line.from_files, rest, told)
            from stylize_tf.jobs.batch import pipeline

            console.info(f"{len(batch.tasks)} pictures to paint or to look at.", "begun")
            outcome = pipeline.run(batch)
    except KeyboardInterrupt as interruption:
        code = 128 + int(getattr(interruption, "signum", 2))
        text = "interrupted; what was finished is there. --skip_existing goes on from here."
        console.error(text, code=code)
        return code
    return _tell(outcome, batch.dead_letter, told, console, time.monotonic() - started)


@contextlib.contextmanager
def _only_errors() -> Iterator[None]:
    """Logs nothing else of Beam's, which is for developers."""
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Told(Terminal):
    """Who is told of pictures that failed; `codes` are what each alone would end with."""

    def __init__(self, console: Console, interrupts: Interrupts) -> None:
        super().__init__(console, interrupts)
        self.codes: list[Exit] = []

    def lost(self, path: str, error: Exception, **others: object) -> None:
        self.codes.append(self._tell_lost(path, error))


def _tell(
    outcome: Outcome, dead_letter: str, listener: _Told, console: Console, seconds: float
) -> int:
    for failure in outcome.failures[:_NAMED]:
        listener.lost(failure["output"], _error_of(failure))
    counts = {"written": outcome.painted, "skipped": outcome.skipped, "failed": outcome.failed}
    told = ", ".join(f"{n} {what}" for what, n in counts.items() if n or what == "written")
    text = f"{told} in {duration(seconds)}."
    if outcome.failed:
        text += f" {dead_letter!r} has all that failed."
    code = Exit.OK
    if outcome.failed:
        code = Exit.PARTLY if outcome.painted + outcome.skipped else listener.codes[0]
    if not console.event("ended", text=text, code=int(code), **counts):
        (console.info if code == Exit.OK else console.error)(text)
    return int(code)


def _error_of(failure: dict[str, Any]) -> Exception:
    """The error of a worker, as far as the line about it tells."""
    name = failure["kind"]
    kind = getattr(errors, name, getattr(builtins, name, StylizationError))
    error: Exception = kind(failure["error"])
    return error
