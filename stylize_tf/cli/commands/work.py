"""The command that paints jobs of a queue, for services of other machines.

Only what --help needs is imported at the top, so that it answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.jobs.options.service import WorkOptions

if TYPE_CHECKING:
    from stylize_tf.cli.flags import CommandLine

SUMMARY = "Paints the jobs of a service, on any machine that reaches its queue."

FLAGS = (WorkOptions,)

USAGE = ("--queue redis://HOST:6379/0 --results s3://BUCKET/JOBS [--flag value ...]",)

MATTERS = (
    *("queue", "results", "workers", "network_workers", "network", "threads", "job_seconds"),
    "device",
)


def execute(console: Console, interrupts: Interrupts, line: CommandLine) -> int:
    """Paints until a signal comes; the exit code."""
    from stylize_tf.cli.worker_process import target
    from stylize_tf.service import serving

    [given] = line.given
    serving.work(WorkOptions(**given), target(line.verbosity >= 1), console.info, interrupts)
    return int(Exit.OK)
