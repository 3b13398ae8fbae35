"""Every error that users see. The message is one line: what is wrong, and what to do.

Arguments are named in backticks, as `size`; the command line makes `--size` of that.
"""


class ConfigError(ValueError):
    """Options that are not allowed, or that do not go with each other or with the pictures."""


class ImageError(ValueError):
    """A picture that cannot be read, or does not fit."""


class OutputError(ImageError):
    """A picture that cannot be written."""


class WeightsError(RuntimeError):
    """Pretrained weights that cannot be had; commands that help may follow, a line each."""


class StylizationError(RuntimeError):
    """No picture could be made."""

    ag_pass_through = True
    """TensorFlow's AutoGraph leaves such an error the line that it is."""
