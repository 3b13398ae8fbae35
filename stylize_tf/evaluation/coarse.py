"""The style of a picture seen from afar, beside that of the picture as it is.

Judged at its own size alone, a picture forgets at the large stages what the small ones gave it: the
statistics of its smaller selves drift from the painting's. A quarter of the sides is a sixteenth of
the pixels, so to look at that, too, at every step, costs little; small pictures are brought to 96.
"""

from __future__ import annotations

import tensorflow as tf

from stylize_tf.objective.areas import Shrinking
from stylize_tf.objective.targets import Losses, Targets, ValueAndGradient

SHRUNK = 4
"""Sides of a picture over those of what is looked at from afar."""

SMALLEST_SIDE = 96
"""Long side in pixels of what says enough from afar: deep maps of less have hardly a position."""

FROM_SIDE = 320
"""Long side in pixels of the stages that look from afar, or else it is the last one alone: at those
before, it would take 3 % more of the time of a picture of 512."""

LEAST_SHRUNK = 2
"""How much smaller it is at least; where there is less room it says nothing new."""


def seen_from_afar(
    height: int, width: int, smallest: int, *, finished: int
) -> tuple[int, int] | None:
    """Height and width of a picture from afar; None where there is too little to see.

    It is shrunk by `SHRUNK`, or by less where `SMALLEST_SIDE` asks for more.

    Args:
        height, width: of the picture, in pixels.
        smallest: shortest side that the network takes.
        finished: long side of the finished picture.
    """
    if max(height, width) < min(FROM_SIDE, finished):
        return None
    shrunk = min(SHRUNK, max(height, width) / SMALLEST_SIDE)
    size = round(height / shrunk), round(width / shrunk)
    return size if shrunk >= LEAST_SHRUNK and min(size) >= smallest else None


def with_coarse(
    value_and_gradient: ValueAndGradient, shrinking: Shrinking, coarse: Targets
) -> ValueAndGradient:
    """The function with what it is of the picture from afar added: `f(x) + f(shrinking(x))`.

    Args:
        value_and_gradient: of a picture of any size.
        shrinking: of the picture.
        coarse: what the shrunk one is compared with; the weights of terms that are not to see it
            are 0.
    """

    def of_both(image: tf.Tensor, targets: Targets) -> tuple[Losses, tf.Tensor]:
        losses, gradient = value_and_gradient(image, targets)
        others, slope = value_and_gradient(shrinking(image), coarse)
        losses = {name: value + others[name] for name, value in losses.items()}
        return losses, gradient + shrinking.transposed(slope)

    return of_both
