"""The command that stylizes a picture: `run` for the console script, `main_with` for callers.

Standard output gets the path of the picture and nothing else; all that is said goes to standard
error. Only what --help needs is imported at the top, so that it answers at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stylize_tf.cli.console import Console, library_messages
from stylize_tf.cli.exits import CommandError, Exit
from stylize_tf.cli.failures import INSTALL, explain
from stylize_tf.cli.interrupts import Interrupted, Interrupts
from stylize_tf.cli.painting import Painting
from stylize_tf.cli.standard_output import open_standard_streams, print_line
from stylize_tf.cli.views import Views

if TYPE_CHECKING:
    from stylize_tf import Iterate
    from stylize_tf.cli.flags import CommandLine
    from stylize_tf.cli.options import Options
    from stylize_tf.cli.runtime import Runtime
    from stylize_tf.config.style_transfer import StyleTransferConfig


_AROUND_SECONDS = 1.0
"""Of a time budget: what starting Python and writing the picture take."""


def run() -> None:
    """Runs the command with the arguments of the process, and exits."""
    open_standard_streams()
    try:
        from absl import app
    except ImportError as error:
        Console(sys.stderr).error(f"{error}. {INSTALL}.")
        sys.exit(Exit.FAILED)
    try:
        app.run(execute, flags_parser=_parse_or_exit)
    except KeyboardInterrupt as interruption:  # In the moments around the listening.
        sys.exit(_exit_of(interruption))
    except SystemExit as end:
        _leave_tensorflow(end)
        raise


def _leave_tensorflow(end: SystemExit) -> None:
    """Ends the process as it is, if TensorFlow was loaded.

    Python's own way out takes it apart, which lasts a second, and crashes under threads that a
    second signal left in the middle of a step.
    """
    if "tensorflow" in sys.modules:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(end.code if isinstance(end.code, int) else Exit.UNEXPECTED)


def main_with(argv: Sequence[str]) -> int:
    """Runs the command in this process.

    Args:
        argv: the program and its arguments.

    Returns:
        The exit code, see `stylize_tf.cli.exits`.
    """
    try:
        return execute(_parse_or_exit(argv))
    except SystemExit as end:
        return int(end.code or 0)


def execute(command_line: CommandLine) -> int:
    """Carries out a command line; every error becomes one line and an exit code."""
    verbose = command_line.verbosity >= 1
    quiet = command_line.options.get("quiet", False)
    console = Console(sys.stderr, quiet=quiet, verbose=verbose)

    def announce(signum: int) -> None:
        console.info("Stopping after this step; once more stops at once.")

    with library_messages(console), Interrupts(announce) as interrupts:
        try:
            return _stylize(command_line, console, interrupts)
        except KeyboardInterrupt as interruption:
            console.error("interrupted before there was a picture: nothing was written.")
            return _exit_of(interruption)
        except Exception as error:  # The last place that can turn it into a line.
            message, code = explain(error)
            message, _, ways = message.partition("\n")
            console.error(message, error, ways)
            return code


def _parse_or_exit(argv: Sequence[str]) -> CommandLine:
    from stylize_tf.cli.flags import HelpRequest, read_command_line

    try:
        return read_command_line(argv)
    except HelpRequest as request:
        print_line(_help_text(request.topic, argv[0]))
        sys.exit(Exit.OK)
    except CommandError as error:
        Console(sys.stderr).error(str(error))
        sys.exit(error.exit)


def _help_text(topic: str, argv0: str) -> str:
    if topic == "version":
        import stylize_tf

        return f"stylize_tf {stylize_tf.__version__}"

    from stylize_tf.cli import help

    return help.full_help(argv0) if topic == "helpfull" else help.short_help(argv0)


def _stylize(command_line: CommandLine, console: Console, interrupts: Interrupts) -> int:
    if "output_dir" in command_line.options and "sheet" not in command_line.options:
        return _stylize_folder(command_line, console, interrupts)
    from stylize_tf.cli import sheet
    from stylize_tf.cli.plan import prepare

    if sheet.asked_for(command_line.options):
        return _stylize_sheet(command_line, console, interrupts)
    started = time.monotonic()
    job = prepare(command_line, console)
    backend = _load(job.options, console)
    # One that took turns on several devices, as a recipe may tell, is made on the first.
    with backend.placement(job.options.device.split(",")[0]):
        try:
            stylizer = backend.stylizer(job.config, weights=job.weights)
            stylizer = stylizer.replace(**_on_time(stylizer.config, started).to_dict())
            return _OnePicture(Painting(job, stylizer), console, interrupts, started).make()
        except backend.failure as error:
            raise CommandError(str(error), Exit.FAILED) from error


def _stylize_sheet(command_line: CommandLine, console: Console, interrupts: Interrupts) -> int:
    from stylize_tf.cli.sheet import prepare
    from stylize_tf.cli.sheet_run import SheetRun

    started = time.monotonic()
    sheet = prepare(command_line, console)
    backend = _load(sheet.job.options, console)
    with backend.placement(sheet.job.options.device.split(",")[0]):
        return SheetRun(sheet, backend, console, interrupts, started).make()


def _stylize_folder(command_line: CommandLine, console: Console, interrupts: Interrupts) -> int:
    from stylize_tf.cli.folder import prepare
    from stylize_tf.cli.folder_report import Report
    from stylize_tf.cli.folder_run import FolderRun
    from stylize_tf.cli.plan import find_weights

    report = Report(console)
    plan = prepare(command_line, report, console)
    if plan.tasks:
        found = find_weights(plan.options, console)
        backend = _load(plan.options, console)
        FolderRun(plan, found, report, interrupts).run(backend)
    with interrupts.shielded():
        return report.end(interrupts.signum)


def _load(options: Options, console: Console) -> Runtime:
    from stylize_tf.cli import runtime

    if console.is_live:
        console.live("Loading TensorFlow ...")
    else:
        console.info("Loading TensorFlow ...")
    raw_log = console.verbose or os.environ.get("STYLIZE_TF_RAW_LOG") == "1"
    backend = runtime.load(
        options.device, options.threads, raw_log=raw_log, before_replay=console.clear
    )
    console.live("Preparing the first step ...")
    return backend


def _on_time(config: StyleTransferConfig, started: float) -> StyleTransferConfig:
    """With what is left of a time budget of a process that began then, and has a file to write."""
    if not config.time_budget:
        return config
    left = config.time_budget - (time.monotonic() - started) - _AROUND_SECONDS
    return config.replace(time_budget=max(left, 0.1))


class _OnePicture:
    """The run that paints one picture, and what it leaves on disk."""

    def __init__(
        self, painting: Painting, console: Console, interrupts: Interrupts, started: float
    ) -> None:
        self._painting = painting
        self._output = painting.job.output
        self._options = painting.job.options
        self._console = console
        self._interrupts = interrupts
        self._started = started
        self._views = Views(painting, console)
        self._saved = 0

    def make(self) -> int:
        """Makes the picture, or what an interruption leaves of it, and returns the exit code."""
        finished = False
        try:
            with self._interrupts.politely():
                self._views.write_regions()
                if self._painting.job.fine_style is not None:
                    self._console.info("First the paintings are given their fine strokes.")
                finished = self._paint()
        except KeyboardInterrupt:  # The second signal; what there is gets written below.
            self._interrupts.signum = self._interrupts.signum or signal.SIGINT
        except Exception:
            if self._interrupts.signum is None:
                self._keep_unfinished()
                raise
        if self._painting.last is None:
            raise Interrupted(self._interrupts.signum or signal.SIGINT)
        path = self._output.to_write()
        with self._interrupts.shielded():
            size = self._painting.write(path, finished=finished)
        seconds = time.monotonic() - self._started
        if finished:
            self._console.info(f"Wrote {path!r}, {size} pixels, in {seconds:.0f} s.")
        else:
            self._console.info(f"Interrupted: wrote the best picture so far, {path!r}, {size}.")
        print_line(path)
        with self._interrupts.shielded():
            self._views.write()
        if self._options.show and finished:
            from stylize_tf.cli.viewer import show

            show(path, self._console.warning)
        signum = self._interrupts.signum
        return int(Exit.OK) if signum is None else 128 + signum

    def _paint(self) -> bool:
        """Runs the optimization; false if a signal ended it."""
        from stylize_tf.cli.progress import Progress

        progress = Progress(self._console)

        def follow(iterate: Iterate) -> None:
            progress.update(iterate)
            self._keep(iterate)

        try:
            return self._painting.paint(follow, lambda: self._interrupts.signum is not None)
        finally:
            progress.close()

    def _keep(self, iterate: Iterate) -> None:
        """Every Nth step goes into the time-lapse, or else to a file."""
        every = self._options.save_every or int(self._options.timelapse is not None)
        if not every or iterate.evaluation // every == self._saved // every:
            return
        self._saved = iterate.evaluation
        with self._interrupts.shielded():
            if self._options.timelapse is not None:
                self._views.add_frame(iterate)
            else:
                self._save_intermediate(iterate)

    def _save_intermediate(self, iterate: Iterate) -> None:
        from stylize_tf.errors import OutputError

        try:
            self._painting.write(self._output.intermediate(iterate.evaluation), finished=False)
        except OutputError as error:
            # The run may yet end well: room may be made, and the picture is what counts.
            self._console.warning(str(error))

    def _keep_unfinished(self) -> None:
        """After a failure: the best picture so far, beside what the output still holds."""
        with self._interrupts.shielded():
            path = self._painting.keep_unfinished()
        if path is not None:
            self._console.warning(f"the best picture before the failure is {path!r}.")


def _exit_of(interruption: KeyboardInterrupt) -> int:
    return 128 + int(getattr(interruption, "signum", signal.SIGINT))
