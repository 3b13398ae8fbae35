"""How far an export is from the network that it is of, and how far it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from stylize_tf.errors import StylizationError
from stylize_tf.export.painter import Painter

Run = Callable[[Sequence[np.ndarray]], np.ndarray]
"""Inputs of a painter's model -> its picture, by the run time of a format."""


class Difference(NamedTuple):
    """Between pictures of an export and of the network, in grey levels of 255.

    Attributes:
        largest: of any channel of any pixel.
        mean: of all.
    """

    largest: float
    mean: float

    def __str__(self) -> str:
        return f"{self.largest:.2g} of 255 at most, {self.mean:.2g} on average"


LIMITS = {
    "none": Difference(0.5, 0.5),
    "float16": Difference(1.5, 1.5),
    "dynamic": Difference(255.0, 4.0),
    "int8": Difference(255.0, 4.0),
    "int16x8": Difference(255.0, 4.0),
}
"""What may be, by what the numbers are."""


def difference(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> Difference:
    """Of pictures in [0, 1], each with the one that it should be; at least one."""
    largest, means = 0.0, []
    for picture, wanted in pairs:
        apart = np.abs(picture - wanted) * 255
        # A comparison with what is no number is false.
        largest = max(largest, float(apart.max()) if np.isfinite(apart).all() else np.inf)
        means.append(float(apart.mean()))
    return Difference(largest, float(np.mean(means)))


def _run(run: Run, inputs: Sequence[np.ndarray]) -> np.ndarray:
    try:
        return run(inputs)
    except Exception as error:  # Of many kinds.
        reason = " ".join(str(error).split())[:200]
        raise StylizationError(
            f"the export does not run: {reason}. Nothing was written."
        ) from error


def compare(painter: Painter, run: Run, images: Sequence[np.ndarray], quantize: str) -> Difference:
    """How far an export is from its network.

    Args:
        painter: the network.
        run: the export, by its own run time.
        images: photographs, float32 `[1, H, W, 3]` in [0, 1]; at least one.
        quantize: one of `LIMITS`.

    Raises:
        StylizationError: if that is too far.
    """
    styles = 1 if painter.blend is not None else len(painter.styles)
    count = max(len(images), styles)
    given = (painter.inputs(images[number % len(images)], number) for number in range(count))
    found = difference((_run(run, inputs), painter(inputs)) for inputs in given)
    limit = LIMITS[quantize]
    if not (found.largest <= limit.largest and found.mean <= limit.mean):
        raise StylizationError(
            f"the export would differ from the network by {found}; allowed are {limit}. Nothing "
            f"was written. Give another `quantize`, or more `photos` to fit it to."
        )
    return found
