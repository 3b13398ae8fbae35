"""The command that judges pictures over whole sets of photographs and paintings.

Only what --help needs is imported at the top, so that it answers at once.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.cli.terminal.report import Report
from stylize_tf.cli.terminal.standard_streams import print_line
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.jobs.options.evaluation import EvaluationOptions

if TYPE_CHECKING:
    from stylize_tf.cli.flags import CommandLine
    from stylize_tf.jobs.evaluation.evaluation import Evaluation
    from stylize_tf.jobs.evaluation.judging import Row
    from stylize_tf.network.weights import Weights

SUMMARY = "Judges pictures over sets of photographs and paintings, and paints them if need be."

FLAGS = (EvaluationOptions, StyleTransferConfig)

USAGE = (
    "--content val2017 --style wikiart --limit 100 [--flag value ...]",
    "--content PHOTOS --style PAINTINGS --painted FOLDER --json FIGURES.json",
)

MATTERS = (
    *("content", "style", "pairs", "limit", "seed", "painted", "network", "network_style"),
    *("output_dir", "json", "sheet", "size", "device"),
)


class _Told(Report):
    """Who is told of an evaluation: the pictures on its way are not what comes out of it."""

    def _hand_out(self, path: str) -> None:
        pass

    def judging(self, number: int, total: int, path: str) -> None:
        """A picture is judged."""
        text = f"[{number}/{total}] judging {path!r}"
        if self._console.is_live:
            self._console.live(text)
        else:
            self._console.progress(text)

    def judged(self, count: int, total: int) -> int:
        """Tells how many were judged, and returns the exit code."""
        signum, missing = self._interrupts.signum, total - count
        code = Exit.OK
        if signum is None and missing:
            code = Exit.PARTLY if count else next(iter(self._failures.values()), Exit.FAILED)
        told = f"{count} judged" + (f", {missing} not" if missing else "")
        text = f"{'Interrupted: ' if signum is not None else ''}{told} of {total}."
        number = int(code) if signum is None else 128 + signum
        counts = {"judged": count, "failed": missing}
        if not self._console.event("ended", text=text, code=number, **counts):
            (self._console.info if number == 0 else self._console.error)(text)
        return number


def execute(console: Console, interrupts: Interrupts, line: CommandLine) -> int:
    """Judges what the flags ask for; the exit code."""
    from stylize_tf.jobs.evaluation import evaluation

    options, config = line.given
    told = _Told(console, interrupts)
    with tempfile.TemporaryDirectory(prefix="stylize_tf-") as scratch:
        job = evaluation.prepare(options, config, line.from_files, scratch, told)
        weights, rows = _judged(job, console, interrupts, told)
        _write(job, rows, weights, console)
    with interrupts.shielded():
        return told.judged(len(rows), len(job.pairs))


def _judged(
    job: Evaluation, console: Console, interrupts: Interrupts, told: _Told
) -> tuple[Weights, list[Row]]:
    """Paints what is to be painted, and judges all; what was judged until a signal came."""
    from stylize_tf.jobs.job import find_painter, find_weights
    from stylize_tf.machine import tensorflow_runtime

    asked = job.options
    weights = find_weights(asked, told)
    painter = weights
    if job.folder is not None and job.folder.network is not None:
        painter = find_painter(job.folder.options, told)  # type: ignore[assignment]
    console.info("Loading TensorFlow ...")
    runtime = tensorflow_runtime.load(
        asked.device, asked.threads, raw_log=console.verbose, before_replay=console.clear
    )
    from stylize_tf.jobs.evaluation import judging
    from stylize_tf.jobs.folder.run import FolderRun

    rows: list[Row] = []
    try:
        with interrupts.politely():
            if job.folder is not None and job.folder.tasks:
                FolderRun(job.folder, painter, runtime, told).make()
            with runtime.placement(asked.device.split(",")[0]):
                rows = judging.judge_all(job, weights, told)
    except KeyboardInterrupt:
        interrupts.note()
    return weights, rows


def _write(job: Evaluation, rows: list[Row], weights: Weights, console: Console) -> None:
    from stylize_tf.jobs.evaluation import judging

    if rows:
        print_line(judging.table(judging.summarized(rows)), console.warning)
    for path in judging.write(rows, job, weights):
        console.info(f"Wrote {path!r}.", "written", path=path)
