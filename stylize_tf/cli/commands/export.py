"""The command that exports a network for other run times, or the optimizer.

Only what --help needs is imported at the top, so that it answers at once.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.cli.terminal.standard_streams import print_line
from stylize_tf.jobs.options.export import ExportOptions

if TYPE_CHECKING:
    from stylize_tf.cli.flags import CommandLine

SUMMARY = "Exports a network for LiteRT, ONNX, TensorFlow Serving or Triton, or the optimizer."

FLAGS = (ExportOptions,)

USAGE = (
    "--network NETWORK.keras --format litert|onnx|saved_model|triton --output FILE",
    "--iterative --fixed_size 512x384 --output FOLDER",
)

MATTERS = (
    "network",
    "iterative",
    "format",
    "output",
    "network_style",
    "fixed_size",
    "quantize",
    "photos",
)


def execute(console: Console, interrupts: Interrupts, line: CommandLine) -> int:
    """Exports as the flags ask for; the exit code."""
    from stylize_tf.cli.terminal.listener import Terminal
    from stylize_tf.cli.terminal.progress import duration
    from stylize_tf.jobs.networks import export
    from stylize_tf.machine import tensorflow_runtime

    started = time.monotonic()
    [options] = line.given
    terminal = Terminal(console, interrupts)
    job = export.prepare(options, terminal)
    console.info("Loading TensorFlow ...")
    runtime = tensorflow_runtime.load(
        job.options.device,
        job.options.threads,
        raw_log=console.verbose,
        before_replay=console.clear,
    )
    quiet = contextlib.nullcontext() if console.verbose else tensorflow_runtime.quiet_stderr()
    with runtime.placement(job.options.device.split(",")[0]), quiet:
        path, difference = export.export(job, terminal)
    seconds = time.monotonic() - started
    source = "optimizer" if job.options.iterative else "network"
    text = f"Wrote {path!r}, {difference} from the {source}, in {duration(seconds)}."
    console.info(text, "written", path=path, seconds=seconds, **difference._asdict())
    print_line(path, console.warning)
    return int(Exit.OK)
