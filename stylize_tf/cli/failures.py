"""What goes wrong, in words for the user, and the exit code that it means."""

from __future__ import annotations

from stylize_tf.cli.console import one_line
from stylize_tf.cli.exits import CommandError, Exit

INSTALL = "Install what is needed with `pip install -r requirements.txt`"


def explain(error: Exception) -> tuple[str, int]:
    """One line that says what an error means to the user, and its exit code.

    Commands that help may follow the line, after a line break.
    """
    if isinstance(error, CommandError):
        return one_line(str(error)), error.exit
    if isinstance(error, ImportError):
        return f"{one_line(str(error))}. {INSTALL}.", Exit.FAILED
    from stylize_tf.cli.flags import with_flag_names
    from stylize_tf.errors import ConfigError, ImageError, OutputError, WeightsError

    if isinstance(error, ConfigError):
        return with_flag_names(str(error)), Exit.USAGE
    if isinstance(error, OutputError):
        return with_flag_names(str(error)), Exit.OUTPUT
    if isinstance(error, ImageError):
        return with_flag_names(str(error)), Exit.PICTURE
    if isinstance(error, WeightsError):
        return with_flag_names(str(error)), Exit.WEIGHTS
    kinds = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("tensor")}
    if isinstance(error, MemoryError) or "ResourceExhaustedError" in kinds:
        return "out of memory. Ask for a smaller --size, or close other programs.", Exit.FAILED
    what = one_line(str(error))[:300]
    if kinds:
        return f"TensorFlow failed: {what} (-v 1 shows all of it)", Exit.FAILED
    return f"unexpected {type(error).__name__}: {what} (-v 1 shows where)", Exit.UNEXPECTED
