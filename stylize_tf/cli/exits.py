"""Exit codes and the error that carries one; nothing else ends a run."""

from __future__ import annotations

import enum


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
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS: dict[Exit, str] = {
    Exit.OK: "the picture was written, or all of many are there, or help was shown",
    Exit.UNEXPECTED: "an error nobody foresaw: please report it with the traceback of -v 1",
    Exit.USAGE: "a flag is unknown, missing, out of its range or contradicts another",
    Exit.PICTURE: "a picture cannot be read, or is not the one that a recipe names",
    Exit.OUTPUT: "the result cannot be written; with --output_dir the run ended there",
    Exit.WEIGHTS: "the weights of VGG19 cannot be found, fetched or trusted",
    Exit.FAILED: "no picture could be made: memory, numbers, device or TensorFlow itself",
    Exit.PARTLY: "some of many pictures, or cells of a sheet, failed, each with a line why; the "
    "others are there",
    Exit.INTERRUPTED: "Ctrl-C; the best picture so far was written, if there was one",
    Exit.TERMINATED: "SIGTERM; the best picture so far was written, if there was one",
}
"""One line for each exit code, as --helpfull prints them.

Where many pictures were asked for and all failed, the code is that of the first failure.
"""


class CommandError(Exception):
    """An error with its exit code; the message is one line that says what to do.

    Attributes:
        exit: what the process returns.
    """

    def __init__(self, message: str, exit: Exit) -> None:
        super().__init__(message)
        self.exit = exit


def usage_error(message: str) -> CommandError:
    """The error of a command line that cannot be carried out."""
    return CommandError(message, Exit.USAGE)
