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

from stylize_tf.cli.console import Console, library_messages, one_line
from stylize_tf.cli.exits import CommandError, Exit
from stylize_tf.cli.interrupts import Interrupted, Interrupts

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf.cli.flags import CommandLine
    from stylize_tf.cli.plan import Job
    from stylize_tf.cli.runtime import Runtime
    from stylize_tf.stylizer import Iterate, Stylizer

_INSTALL = "Install what is needed with `pip install -r requirements.txt`"


def run() -> None:
    """Runs the command with the arguments of the process, and exits."""
    _open_standard_streams()
    try:
        from absl import app
    except ImportError as error:
        Console(sys.stderr).error(f"{error}. {_INSTALL}.")
        sys.exit(Exit.FAILED)
    try:
        app.run(execute, flags_parser=_parse_or_exit)
    except KeyboardInterrupt as interruption:  # In the moments around the listening.
        sys.exit(_exit_of(interruption))


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
            message, code = _explain(error)
            message, _, ways = message.partition("\n")
            console.error(message, error, ways)
            return code


def _parse_or_exit(argv: Sequence[str]) -> CommandLine:
    from stylize_tf.cli.flags import HelpRequest, read_command_line

    try:
        return read_command_line(argv)
    except HelpRequest as request:
        _print(_help_text(request.topic, argv[0]))
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
    from stylize_tf.cli import runtime
    from stylize_tf.cli.plan import prepare

    started = time.monotonic()
    job = prepare(command_line, console)
    if console.is_live:
        console.live("Loading TensorFlow ...")
    else:
        console.info("Loading TensorFlow ...")
    raw_log = console.verbose or os.environ.get("STYLIZE_TF_RAW_LOG") == "1"
    backend = runtime.load(job.options.device, raw_log=raw_log, before_replay=console.clear)
    console.live("Preparing the first step ...")
    with backend.placement():
        try:
            stylizer = backend.stylizer(job.config, weights=job.weights)
            return _Painting(job, stylizer, console, interrupts, started).make(backend)
        except backend.failure as error:
            raise CommandError(str(error), Exit.FAILED) from error


class _Painting:
    """One run of a stylizer, and the pictures that it leaves on disk."""

    def __init__(
        self,
        job: Job,
        stylizer: Stylizer,
        console: Console,
        interrupts: Interrupts,
        started: float,
    ) -> None:
        self._job = job
        self._stylizer = stylizer
        self._console = console
        self._interrupts = interrupts
        self._started = started
        self._recipe = job.recipe(stylizer.config)
        self._last: Iterate | None = None
        self._saved = 0

    def make(self, backend: Runtime) -> int:
        """Makes the picture, or what an interruption leaves of it, and returns the exit code."""
        finished = False
        try:
            with self._interrupts.politely():
                finished = self._paint()
        except KeyboardInterrupt:  # The second signal; what there is gets written below.
            self._interrupts.signum = self._interrupts.signum or signal.SIGINT
        except Exception:
            if self._interrupts.signum is None:
                self._keep_unfinished()
                raise
        if self._last is None:
            raise Interrupted(self._interrupts.signum or signal.SIGINT)
        path = self._job.output.to_write()
        with self._interrupts.shielded():
            image = self._write(path, self._last, finished=finished)
        seconds = time.monotonic() - self._started
        size = f"{image.shape[2]}x{image.shape[1]}"
        if finished:
            self._console.info(f"Wrote {path!r}, {size} pixels, in {seconds:.0f} s.")
        else:
            self._console.info(f"Interrupted: wrote the best picture so far, {path!r}, {size}.")
        _print(path)
        if self._job.options.show and finished:
            from stylize_tf.cli.viewer import show

            show(path, self._console.warning)
        signum = self._interrupts.signum
        return int(Exit.OK) if signum is None else 128 + signum

    def _paint(self) -> bool:
        """Runs the optimization; false if a signal ended it."""
        from stylize_tf.cli.progress import Progress

        job, progress = self._job, Progress(self._console)
        try:
            for iterate in self._stylizer.iterate(job.content, job.styles, job.initial):
                self._last = iterate
                progress.update(iterate)
                self._save_intermediate(iterate)
                if self._interrupts.signum is not None and not _is_last(iterate):
                    return False
        finally:
            progress.close()
        if self._last is None:
            raise CommandError(
                "the optimization made no step, so there is no picture.", Exit.FAILED
            )
        return True

    def _save_intermediate(self, iterate: Iterate) -> None:
        every = self._job.options.save_every
        if not every or iterate.evaluation // every == self._saved // every:
            return
        self._saved = iterate.evaluation
        from stylize_tf.image_io import OutputError

        try:
            with self._interrupts.shielded():
                self._write(
                    self._job.output.intermediate(iterate.evaluation), iterate, finished=False
                )
        except OutputError as error:
            # The run may yet end well: room may be made, and the picture is what counts.
            self._console.warning(str(error))

    def _keep_unfinished(self) -> None:
        """After a failure: the best picture so far, beside what the output still holds."""
        if self._last is None:
            return
        path = self._job.output.unfinished()
        with contextlib.suppress(Exception), self._interrupts.shielded():
            self._write(path, self._last, finished=False)
            self._console.warning(f"the best picture before the failure is {path!r}.")

    def _write(self, path: str, iterate: Iterate, *, finished: bool) -> np.ndarray:
        """Writes the best picture so far at the size of the finished one."""
        from stylize_tf import image_io

        image = iterate.image
        height, width = self._stylizer.final_size(self._job.content)
        if image.shape[1:3] != (height, width):
            image = image_io.resize(image, height, width).clip(0, 1)
        metadata = self._recipe.to_metadata(iterate.losses, iterate.evaluation, finished=finished)
        image_io.write(path, image, metadata=metadata, quality=self._job.options.quality)
        return image


def _is_last(iterate: Iterate) -> bool:
    return iterate.evaluation >= iterate.evaluations


def _exit_of(interruption: KeyboardInterrupt) -> int:
    return 128 + int(getattr(interruption, "signum", signal.SIGINT))


def _explain(error: Exception) -> tuple[str, int]:
    """What an error means to the user, and its exit code."""
    if isinstance(error, CommandError):
        return one_line(str(error)), error.exit
    if isinstance(error, ImportError):
        return f"{one_line(str(error))}. {_INSTALL}.", Exit.FAILED
    from stylize_tf.cli.flags import with_flag_names
    from stylize_tf.config import ConfigError
    from stylize_tf.image_io import ImageError, OutputError
    from stylize_tf.weights import WeightsError

    if isinstance(error, ConfigError):
        return with_flag_names(str(error)), Exit.USAGE
    if isinstance(error, OutputError):
        return str(error), Exit.OUTPUT
    if isinstance(error, ImageError):
        return with_flag_names(str(error)), Exit.PICTURE
    if isinstance(error, WeightsError):
        return str(error), Exit.WEIGHTS
    kinds = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("tensor")}
    if isinstance(error, MemoryError) or "ResourceExhaustedError" in kinds:
        return "out of memory. Ask for a smaller --size, or close other programs.", Exit.FAILED
    what = one_line(str(error))[:300]
    if kinds:
        return f"TensorFlow failed: {what} (-v 1 shows all of it)", Exit.FAILED
    return f"unexpected {type(error).__name__}: {what} (-v 1 shows where)", Exit.UNEXPECTED


def _print(text: str) -> None:
    """Prints to standard output, byte for byte; a reader that went away is no error."""
    if sys.stdout is None:
        return
    try:
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None:
            sys.stdout.write(text + "\n")
        else:
            buffer.write(os.fsencode(text + "\n"))
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            Console(sys.stderr).warning(f"cannot print the result: {error.strerror}.")
        with contextlib.suppress(OSError, ValueError):
            # Python flushes once more at its end, and would complain then.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_standard_streams() -> None:
    """Opens closed ones to nowhere: the next file opened would get their place, and their text."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
