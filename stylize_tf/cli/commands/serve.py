"""The command that serves pictures over HTTP.

Only what --help needs is imported at the top, so that it answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.jobs.options.service import ServeOptions

if TYPE_CHECKING:
    from stylize_tf.cli.flags import CommandLine

SUMMARY = "Serves pictures over HTTP: a queue of jobs, workers that paint them, a page."

FLAGS = (ServeOptions,)

USAGE = (
    "[--port 8000] [--results FOLDER] [--flag value ...]",
    "--queue redis://HOST:6379/0 --results s3://BUCKET/JOBS --host 0.0.0.0",
)

MATTERS = (
    *("host", "port", "queue", "results", "workers", "network_workers", "network", "threads"),
    *("token", "queue_length", "client_jobs", "job_seconds", "keep", "device"),
)


def execute(console: Console, interrupts: Interrupts, line: CommandLine) -> int:
    """Serves until a signal comes; the exit code."""
    from stylize_tf.cli.worker_process import target
    from stylize_tf.service import serving

    [given] = line.given
    serving.serve(ServeOptions(**given), target(line.verbosity >= 1), console.info, interrupts)
    return int(Exit.OK)
