"""The command that trains a network to paint at once like a painting.

Only what --help needs is imported at the top, so that it answers at once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupted, Interrupts
from stylize_tf.cli.terminal.standard_streams import print_line
from stylize_tf.config.training import TrainingConfig
from stylize_tf.jobs.options.training import TrainingOptions

if TYPE_CHECKING:
    from stylize_tf.cli.flags import CommandLine
    from stylize_tf.jobs.networks.training import Training

SUMMARY = "Trains a network that paints at once in the manner of a painting."

FLAGS = (TrainingOptions, TrainingConfig)

USAGE = ("--style PAINTING --photos FOLDER --output NETWORK.keras [--flag value ...]",)

MATTERS = (
    *("style", "photos", "output", "start", "samples", "time_budget", "steps", "width"),
    *("content_factor", "device"),
)


def execute(console: Console, interrupts: Interrupts, line: CommandLine) -> int:
    """Trains as the flags ask for; the exit code."""
    from stylize_tf.cli.terminal.listener import Terminal
    from stylize_tf.jobs.networks import training, training_job
    from stylize_tf.machine import tensorflow_runtime

    started = time.monotonic()
    options, config = line.given
    terminal = Terminal(console, interrupts)
    job = training_job.prepare(options, config, terminal)
    console.info("Loading TensorFlow ...")
    asked = job.options
    runtime = tensorflow_runtime.load(
        asked.device, asked.threads, raw_log=console.verbose, before_replay=console.clear
    )
    with runtime.placement(asked.device.split(",")[0]):
        run = training.Training(job, terminal, started, runtime.devices)
        return _train(run, console, interrupts, started)


def _train(run: Training, console: Console, interrupts: Interrupts, started: float) -> int:
    """Trains and writes; after an interruption the network as it is.

    From the end of `politely` on signals are only noted: there is a network to lose.
    """
    from stylize_tf.cli.terminal.progress import duration

    finished = False
    try:
        with interrupts.politely():
            finished = run.make()
    except KeyboardInterrupt:  # The second signal; what there is gets written below.
        interrupts.note()
    if run.is_empty:
        raise Interrupted(interrupts.note())
    path, size = run.save(finished=finished)
    seconds = time.monotonic() - started
    text = f"Wrote {path!r}, {size}, in {duration(seconds)}."
    if not finished:
        text = f"Interrupted: wrote the network so far, {path!r}. {run.ending}"
    console.info(text, "written", path=path, finished=finished, seconds=seconds)
    if run.left_out:
        number, why = next(iter(run.left_out.items()))
        console.warning(
            f"left out {len(run.left_out)} of {len(run.job.photos)} photographs; of "
            f"{run.job.photos[number]!r}: {why}"
        )
    print_line(path, console.warning)
    return 128 + interrupts.signum if interrupts.signum is not None else int(Exit.OK)
