"""The command that paints a clip.

Only what --help needs is imported at the top, so that it answers at once.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupted, Interrupts
from stylize_tf.cli.terminal.standard_streams import print_line
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.video import VideoConfig
from stylize_tf.errors import OutputError
from stylize_tf.jobs.options.painting import Given
from stylize_tf.jobs.options.video import VideoOptions

if TYPE_CHECKING:
    from stylize_tf.cli.flags import CommandLine
    from stylize_tf.jobs.video.run import VideoRun

SUMMARY = "Paints a clip in the manner of a painting, frame by frame without flicker."

FLAGS = (VideoOptions, VideoConfig, StyleTransferConfig)

USAGE = (
    "--content CLIP.mp4 --style PAINTING --output PAINTED.mp4 [--flag value ...]",
    "--content CLIP.mp4 --network [NETWORK.keras] --output PAINTED.mp4",
)

MATTERS = (
    *("content", "style", "output", "network", "network_style", "size", "strength", "color"),
    *("frame_steps", "temporal_weight", "passes", "start", "end", "every", "preview"),
    *("checkpoint_dir", "time_budget", "device"),
)


def execute(console: Console, interrupts: Interrupts, line: CommandLine) -> int:
    """Paints the clip that the flags ask for; the exit code."""
    from stylize_tf.cli.terminal.listener import Terminal
    from stylize_tf.jobs.video import run, video_job
    from stylize_tf.machine import tensorflow_runtime

    started = time.monotonic()
    options, video, config = line.given
    terminal = Terminal(console, interrupts)
    job = video_job.prepare(Given(options, config, line.from_files), video, terminal)
    console.info("Loading TensorFlow ...")
    asked = job.options
    runtime = tensorflow_runtime.load(
        asked.device, asked.threads, raw_log=console.verbose, before_replay=console.clear
    )
    place = runtime.placement(asked.device.split(",")[0])
    with place, run.VideoRun(job, terminal, started) as clip:
        return _paint(clip, console, interrupts, started)


def _paint(run: VideoRun, console: Console, interrupts: Interrupts, started: float) -> int:
    """Paints and writes; after an interruption the clip as far as it is.

    From the end of `politely` on signals are only noted: there is a clip to lose.
    """
    from stylize_tf.cli.terminal.progress import duration

    finished = False
    try:
        with interrupts.politely():
            finished = run.make()
    except KeyboardInterrupt:  # The second signal; what there is gets written below.
        interrupts.note()
    except Exception:
        if not run.is_empty:
            with interrupts.shielded(), contextlib.suppress(OutputError):
                path, what = run.save(finished=False)
                console.warning(f"the clip before the failure is {path!r}, {what}.")
        raise
    if run.is_empty:
        raise Interrupted(interrupts.note())
    path, what = run.save(finished=finished)
    seconds = time.monotonic() - started
    text = f"Wrote {path!r}, {what}, in {duration(seconds)}."
    if not finished:
        text = f"Interrupted: wrote the clip so far, {path!r}, {what}."
    console.info(text, "written", path=path, finished=finished, seconds=seconds)
    print_line(path, console.warning)
    return 128 + interrupts.signum if interrupts.signum is not None else int(Exit.OK)
