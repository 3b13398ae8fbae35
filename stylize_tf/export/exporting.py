"""A network exported to a file or a folder, which appears when it was compared with the network."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stylize_tf.config.exports import FORMATS
from stylize_tf.errors import ConfigError, OutputError, StylizationError
from stylize_tf.export.comparison import Difference, compare
from stylize_tf.export.integers import suited
from stylize_tf.export.painter import Painter
from stylize_tf.feedforward.network import Network
from stylize_tf.images.files import label_of, reason, replace_file

COMPARED = 4
"""Photographs on which an export is compared with its network."""

MADE_UP = (256, 287)
"""Height and width of a picture that is compared on where there are no photographs."""


def export(
    network: Network,
    format: str,
    output: str | os.PathLike[str],
    *,
    blend: np.ndarray | None = None,
    size: tuple[int, int] | None = None,
    quantize: str = "none",
    photographs: Sequence[np.ndarray] = (),
) -> Difference:
    """Converts a network, compares it by the run time of the format, and puts it in its place.

    Args:
        network: which one.
        format: one of `FORMATS`.
        output: a file, which is replaced, or a folder, which must not be there.
        blend: from `Network.blend`, the style that is built in; None for an input that says it.
        size: height and width of pictures; None for any.
        quantize: what numbers are, one of those of the format.
        photographs: float32 `[1, H, W, 3]` in [0, 1], of that size, to which ranges of "int8" and
            "int16x8" are fitted; the first are compared on. None: on a made-up picture.

    Returns:
        How far the export is from the network.

    Raises:
        ConfigError: if there is no such format, or a package that it takes is not installed.
        StylizationError: if it cannot be converted, or is too far from the network.
        OutputError: if it cannot be written.
    """
    if format not in FORMATS or quantize not in FORMATS[format][1]:
        raise ConfigError(
            f"`format` must be one of {', '.join(FORMATS)}, with numbers that it knows; got "
            f"{format!r} and `quantize` {quantize!r}."
        )
    form = importlib.import_module(f"stylize_tf.export.{format}")
    form.check()
    given = [*photographs] or [made_up(size or MADE_UP)]
    painter = converted = Painter(network, blend, size)
    if quantize == "int8":
        converted = Painter(suited(network, given[:COMPARED], blend), blend, size)
    target = Path(output)
    with quietly(), refused(target):
        if FORMATS[format][0]:
            model = form.convert(converted, quantize, given)
            found = compare(painter, form.opened(model), given[:COMPARED], quantize)
            replace_file(target, model)
            return found
        if os.path.lexists(target):
            raise OutputError(f"{label_of(target)} is there already. Choose another folder.")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            made = Path(folder, "model")
            form.write(painter, made)
            found = compare(painter, form.opened(made), given[:COMPARED], quantize)
            made.rename(target)
        return found


def made_up(size: tuple[int, int]) -> np.ndarray:
    """Blocks of all sizes in random colors: float32 `[1, H, W, 3]` in [0, 1]."""
    generator = np.random.default_rng(0)
    image = np.full([*size, 3], 0.5)
    for octave in range(1, 7):
        cells = [side // 2**octave + 1 for side in size]
        blocks = generator.uniform(-0.15, 0.15, [*cells, 3])
        image += blocks.repeat(2**octave, 0).repeat(2**octave, 1)[: size[0], : size[1]]
    return image[np.newaxis].clip(0, 1).astype(np.float32)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """What converters log is of their own making, and nothing that users could do about."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def refused(target: Path) -> Iterator[None]:
    """Makes one kind of error of what a disk refuses, however it is told."""
    try:
        yield
    except (ConfigError, OutputError, StylizationError):
        raise
    except Exception as error:
        is_full = "No space left" in str(error)  # TensorFlow has errors of its own.
        if not is_full and not (isinstance(error, OSError) and error.strerror):
            raise
        why = reason(error) if isinstance(error, OSError) else "No space left on device"
        raise OutputError(
            f"{label_of(target)} cannot be written: {why}. Choose another place."
        ) from error
