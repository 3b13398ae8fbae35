"""Exit codes, and what each error of the package means: a line for the user and one of them."""

from __future__ import annotations

import dataclasses
import enum
import re

from stylize_tf.cli.terminal.console import one_line
from stylize_tf.config.fields import type_of
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.training import TrainingConfig
from stylize_tf.config.video import VideoConfig
from stylize_tf.errors import (
    ConfigError,
    ImageError,
    OutputError,
    StylizationError,
    WeightsError,
)
from stylize_tf.jobs.options.batch import BatchOptions
from stylize_tf.jobs.options.evaluation import EvaluationOptions
from stylize_tf.jobs.options.export import ExportOptions
from stylize_tf.jobs.options.painting import Options
from stylize_tf.jobs.options.service import ServeOptions
from stylize_tf.jobs.options.training import TrainingOptions
from stylize_tf.jobs.options.video import VideoOptions

INSTALL = "Install what is needed with `pip install -r requirements.txt`"


class Exit(enum.IntEnum):
    """What the process returns to whoever started it."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    PICTURE = 3
    OUTPUT = 4
    WEIGHTS = 5
    FAILED = 6
    PARTLY = 7
    HUNG_UP = 129
    INTERRUPTED = 130
    QUIT = 131
    TERMINATED = 143


MEANINGS: dict[Exit, str] = {
    Exit.OK: "the picture was written, or all of many are there or left to other runs, or help was "
    "shown; `serve` or `work` ended in good order when a signal asked it to",
    Exit.UNEXPECTED: "an error nobody foresaw: please report it with the traceback of -v 1",
    Exit.USAGE: "a flag is unknown, missing, out of its range or contradicts another",
    Exit.PICTURE: "a picture cannot be read, or is not the one that a recipe names",
    Exit.OUTPUT: "the result cannot be written, or not there: the line says where it is; with "
    "--output_dir the run ended there",
    Exit.WEIGHTS: "the weights of VGG19 cannot be found, fetched or trusted",
    Exit.FAILED: "no picture could be made: memory, numbers, device or TensorFlow itself; or a "
    "service cannot have its port, or reach its queue",
    Exit.PARTLY: "some of many pictures, or cells of a sheet, failed, each with a line why; the "
    "others are there",
    Exit.HUNG_UP: "SIGHUP, as from a closed terminal; the best picture so far was written, if "
    "there was one",
    Exit.INTERRUPTED: "Ctrl-C; likewise",
    Exit.QUIT: "SIGQUIT; likewise",
    Exit.TERMINATED: "SIGTERM; likewise",
}
"""One line for each exit code, as --helpfull prints them.

Where many pictures were asked for and all failed, the code is that of the first failure.
"""

_KINDS = (
    *(StyleTransferConfig, TrainingConfig, TrainingOptions, ExportOptions, Options),
    *(VideoConfig, VideoOptions, ServeOptions, BatchOptions, EvaluationOptions),
)
"""Whose fields are flags of some command."""

_FLAGS = {
    **{x.name: x.name for kind in _KINDS for x in dataclasses.fields(kind)},
    **{f"no{x.name}": f"no{x.name}" for x in dataclasses.fields(Options) if type_of(x) is bool},
    **{"initial": "init_image", "content_masks": "content_mask", "style_masks": "style_mask"},
}
"""Names of the package, and the flags that give what they name."""

_CODES = {
    ConfigError: Exit.USAGE,
    OutputError: Exit.OUTPUT,  # Before ImageError, of which it is one.
    ImageError: Exit.PICTURE,
    WeightsError: Exit.WEIGHTS,
    StylizationError: Exit.FAILED,
}


def explain(error: Exception) -> tuple[str, Exit, str]:
    """One line that says what an error means to the user, its exit code, and ways out of it.

    The ways are commands that may help, a line each, or nothing.
    """
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            line, _, ways = with_flag_names(str(error)).partition("\n")
            return line, code, ways
    what = one_line(str(error))[:300]
    if isinstance(error, ImportError):
        return f"{what}. {INSTALL}.", Exit.FAILED, ""
    kinds = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("tensor")}
    if isinstance(error, MemoryError) or "ResourceExhaustedError" in kinds:
        text = "out of memory. Ask for a smaller --size, or close other programs."
        return text, Exit.FAILED, ""
    if kinds:
        return f"TensorFlow failed: {what} (-v 1 shows all of it)", Exit.FAILED, ""
    what = f"unexpected {type(error).__name__}: {what} (-v 1 shows where)"
    return what, Exit.UNEXPECTED, ""


def with_flag_names(message: str) -> str:
    """An error of the package in the words of the command line: --size for `size`."""

    def flag(match: re.Match[str]) -> str:
        name = match[1]
        return f"--{_FLAGS[name]}" if name in _FLAGS else name

    return re.sub(r"`(\w+)`", flag, message)
