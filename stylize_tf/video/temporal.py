"""The term that keeps a frame like those before it, where the same things are seen."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from stylize_tf.config.layers import IMAGE
from stylize_tf.objective.statistics import Mean
from stylize_tf.objective.term import Part, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Temporal(Term):
    """How far the picture is from the frames before it, brought along by the motion.

    Ruder, Dosovitskiy & Brox (2016), Eq. (7): `mean(c * (x - w)^2)` over pixels and channels, `c`
    being how much each counts. Their long-term terms, Eq. (9), count each pixel in one frame alone,
    so that their sum is this one, of `w` and `c` put together (`warping.together`). It is given a
    map `[1, H, W, 4]`: `w`, RGB in [0, 1], and `c` in [0, 1]; see `Sources.given`.
    """

    target_is_map = True

    def sums(self, part: Part) -> Mean:
        """Of the squared differences, so weighed."""
        warped, weights = tf.split(part.target, [3, 1], axis=3)
        return Mean.of(weights * tf.square(part.own - warped))

    def distance(self, squares: Mean, target: tf.Tensor) -> tf.Tensor:
        """`mean(c * (x - w)^2)`."""
        return squares.value()


def of(weight: float) -> Temporal:
    """The term of a weight."""
    layer_weights = ((IMAGE, 1.0),)
    return Temporal(name="temporal", source="given", layer_weights=layer_weights, weight=weight)
