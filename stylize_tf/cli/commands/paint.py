"""The command that paints: a picture, many into a folder, or a contact sheet.

Only what --help needs is imported at the top, so that it answers at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from typing import TYPE_CHECKING

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupted, Interrupts
from stylize_tf.cli.terminal.standard_streams import (
    check_output_is_piped,
    input_as_file,
    print_line,
)
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import OutputError
from stylize_tf.jobs.options.checks import piped
from stylize_tf.jobs.options.common import STANDARD
from stylize_tf.jobs.options.painting import Given, Options

if TYPE_CHECKING:
    from stylize_tf.cli.flags import CommandLine
    from stylize_tf.jobs.painting import Picture
    from stylize_tf.jobs.sheet import SheetRun
    from stylize_tf.machine.tensorflow_runtime import Runtime

SUMMARY = "Paints a photograph in the manner of a painting."

FLAGS = (Options, StyleTransferConfig)

USAGE = (
    "--content PHOTO --style PAINTING [--flag value ...]",
    "--content 'photos/*' --style 'paintings/*' --output_dir FOLDER",
)

MATTERS = (
    *("content", "style", "output", "size", "strength", "color", "content_mask", "style_scale"),
    *("steps", "preset", "init", "network", "network_style", "output_dir", "device"),
)
"""What --help shows, as the table of README does."""


def execute(console: Console, interrupts: Interrupts, line: CommandLine) -> int:
    """Paints what the flags ask for; the exit code."""
    from stylize_tf.cli.terminal.listener import Terminal
    from stylize_tf.jobs import job, painting, sheet

    started = time.monotonic()
    options, config = line.given
    given = Given(options, config, line.from_files)
    axes = sheet.asked_for(options)
    is_folder = "output_dir" in options and not axes
    from_pipe = piped(options, "folder" if is_folder else "picture")
    is_dry = options.get("dry_run", False)
    if is_folder and not is_dry:
        return _fill_folder(given, console, interrupts)
    if options.get("output") == STANDARD and not is_dry:
        check_output_is_piped()
    terminal = Terminal(console, interrupts)
    with contextlib.ExitStack() as stack:
        if from_pipe is not None:
            path = stack.enter_context(input_as_file(from_pipe))
            console.aliases[repr(path)] = "standard input"
            given = dataclasses.replace(given, standard_input=path)
        if is_dry:
            from stylize_tf.cli import dry_run

            return dry_run.tell(given, console, interrupts)
        prepared = sheet.prepare(given, terminal) if axes else job.prepare(given, terminal)
    asked = prepared.options
    runtime = _load(asked, console)
    # One that took turns on several devices, as a recipe may tell, is made on the first.
    with runtime.placement(asked.device.split(",")[0]):
        run: Picture | SheetRun
        if isinstance(prepared, sheet.Sheet):
            run = sheet.SheetRun(prepared, terminal)
        else:
            run = painting.Picture(prepared, terminal, started)
        return _make(run, console, interrupts, started, options=asked)


def _make(
    run: Picture | SheetRun,
    console: Console,
    interrupts: Interrupts,
    started: float,
    *,
    options: Options,
) -> int:
    """Paints, writes, prints and shows; after an interruption what there is of it.

    From the end of `politely` on signals are only noted: there is a picture to lose.
    """
    from stylize_tf.cli.terminal.progress import duration

    finished, begun = False, time.monotonic()
    try:
        with interrupts.politely():
            finished = run.make()
    except KeyboardInterrupt:  # The second signal; what there is gets written below.
        interrupts.note()
    except Exception:
        if interrupts.signum is None:
            raise
    if run.is_empty:
        raise Interrupted(interrupts.note())
    painted = time.monotonic()
    try:
        path, size = run.save(finished=finished)
    except OutputError:
        run.write_views()
        raise
    wrote = time.monotonic() - painted
    where = "to standard output" if path == STANDARD else repr(path)
    seconds = time.monotonic() - started
    text = f"Wrote {where}, {size} pixels, in {duration(seconds)}."
    if not finished:
        text = f"Interrupted: wrote {run.unfinished}, {where}, {size} pixels."
    console.info(text, "written", path=path, finished=finished, seconds=seconds)
    if path != STANDARD:
        print_line(path, console.warning)
    run.write_views()
    if finished:
        run.remember(begun - started, wrote)
    if options.show and finished:
        from stylize_tf.cli.terminal import viewer

        viewer.show(path, console.warning)
    if interrupts.signum is not None:
        return 128 + interrupts.signum
    return int(Exit.PARTLY if run.is_partial else Exit.OK)


def _fill_folder(given: Given, console: Console, interrupts: Interrupts) -> int:
    from stylize_tf.cli.terminal.report import Report
    from stylize_tf.jobs.folder import tasks
    from stylize_tf.jobs.folder.run import FolderRun
    from stylize_tf.jobs.job import find_painter

    report = Report(console, interrupts)
    prepared = tasks.prepare(given, report)
    if prepared.tasks:
        weights = find_painter(prepared.options, report)
        runtime = _load(prepared.options, console)
        run = FolderRun(prepared, weights, runtime, report)
        try:
            with interrupts.politely():
                run.make()
        except KeyboardInterrupt:
            interrupts.note()
    with interrupts.shielded():
        return report.end()


def _load(options: Options, console: Console) -> Runtime:
    from stylize_tf.machine import tensorflow_runtime

    (console.live if console.is_live else console.info)("Loading TensorFlow ...")
    raw_log = console.verbose or os.environ.get("STYLIZE_TF_RAW_LOG") == "1"
    runtime = tensorflow_runtime.load(
        options.device, options.threads, raw_log=raw_log, before_replay=console.clear
    )
    console.live("Preparing the first step ...")
    return runtime
