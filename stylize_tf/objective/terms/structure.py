"""Which places of a picture are alike, and which are not: what keeps a thing one thing."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective.areas import Shrinking, area_means
from stylize_tf.objective.statistics import activity
from stylize_tf.objective.term import Part, Term, layer_weights

LAYERS = ("block3_conv1", "block4_conv1")
"""Which are read if they are style layers; else, as of another network, it is the content layers.
Fine enough to tell a post from a hedge, and deep enough to know a thing by more than its color."""

PLACES = 800
"""Of a map that are compared with each other, at most: what takes time is their square."""

SMOOTH = 0.1
"""Mean absolute difference below which a difference counts by its square."""

WHOLE_SIDE = 128
"""Long side in pixels up to which the term has all of its weight, if it is not more than a
`WHOLE_SHARE` of the finished picture's."""

WHOLE_SHARE = 1 / 4
"""Small pictures have few stages to win style back in."""

FADING = 4
"""Power of the long side, beyond that, by which it loses weight."""

FADED = 1 / 32
"""Of its weight, what is less is none: from 305 pixels on the term takes no time, and pictures of
less than 215 have none of it. At 512 pixels it would take a quarter of a step, for a 256th of the
weight."""


class StructureTarget(NamedTuple):
    """A target of `Structure`, of M = h * w places; maps, so that one trace is for all sizes.

    Attributes:
        unlikeness: `[N, M, M, 1]`, `D*` of each two places of the photograph.
        counts: `[N, h, w, 1]`, how much the places count: `sum(counts[p] * counts[q] * D*[p, q])`
            is 1, unless they are weighed.
        smooth: `[N, 1, 1, 1]`, below which a difference counts by its square.
    """

    unlikeness: tf.Tensor
    counts: tf.Tensor
    smooth: tf.Tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Structure(Term):
    """How far the likeness of any two places is from that in the photograph.

    Self-similarity, the content loss of Kolkin, Salavon & Shakhnarovich (2019), "Style Transfer by
    Relaxed Optimal Transport and Self-Similarity": 1 less the cosine of features `f` of places `p`
    and `q`, `D[p, q]`, is what is compared, so a thing may take any color and any stroke, but the
    same one all over, and another one than what is beside it. We differ in that

    - features are averaged over a grid of at most `PLACES` places, and centred;
    - columns are not normalized, which made flat places keep every trace of their likeness. A pair
      counts by `s[p] * s[q]`, how much is going on at either (`statistics.activity`, squared): the
      sky is free to swirl, what stands before it holds together;
    - `sum(w * (sqrt((D - D*)^2 + d^2) - d)) / sum(w * D*)` with `d = SMOOTH * sum(w * D*)` is in
      units of the photograph's own unlikeness, so that a weight means the same for every picture;
    - it fades with the size of the stage, `size_factor`. What is one thing is settled at the coarse
      stages, and stays; the finer ones win back what style the term costs, and are left no trace of
      the grid.
    """

    def size_factor(self, long_side: float, finished: float) -> float:
        """1 up to `WHOLE_SIDE`, or `WHOLE_SHARE` of a small picture, then falling to `FADED`."""
        whole = min(WHOLE_SIDE, WHOLE_SHARE * finished)
        factor = min(1.0, whole / long_side) ** FADING
        return factor if factor > FADED else 0.0

    def sums(self, part: Part) -> tf.Tensor:
        """What the rows of the part give to the means over a grid: `[N, h, w, C]`."""
        features = part.own
        shape = tf.shape(features)
        first, rows = (0, shape[1]) if part.place is None else part.place
        size = tf.stack([rows, shape[2]])
        cells = _cells(size) if part.target is None else tf.shape(part.target.counts)[1:3]
        down, right = (area_means(size[axis], cells[axis]) for axis in (0, 1))
        return Shrinking(down[:, first : first + shape[1]], right)(features)

    def target(self, statistic: tf.Tensor) -> StructureTarget:
        """The photograph's likeness, and where it counts."""
        unlikeness = self.unlikeness(statistic)
        counts = tf.square(activity(statistic))[..., tf.newaxis]
        # Rounding can leave a sum of nothing a little below 0.
        unit = tf.sqrt(tf.maximum(_weighed(unlikeness, listed(counts)), 0))
        counts = tf.math.divide_no_nan(counts, tf.reshape(unit, [-1, 1, 1, 1]))
        # As in sum(w * D*), the mean unlikeness, where the weights of pairs add up to 1.
        of_pairs = tf.square(tf.reduce_sum(counts, axis=[1, 2, 3], keepdims=True))
        smooth = SMOOTH * tf.math.divide_no_nan(tf.ones_like(of_pairs), of_pairs)
        return StructureTarget(unlikeness[..., tf.newaxis], counts, smooth)

    def weighed(self, target: StructureTarget, weights: tf.Tensor) -> StructureTarget:
        """The target whose pairs count as much as the geometric mean of their places."""
        size = tf.shape(target.counts)[1:3]
        roots = tf.sqrt(tf.image.resize(weights, size, antialias=True))
        return target._replace(counts=target.counts * tf.cast(roots, target.counts.dtype))

    def idle_target(self, target: StructureTarget) -> StructureTarget:
        """Of one place."""
        return StructureTarget(*(x[:, :1, :1] for x in target))

    def unlikeness(self, places: tf.Tensor) -> tf.Tensor:
        """1 less the cosines of centred features `[N, h, w, C]`: `[N, M, M]`."""
        features = listed(places)
        features -= tf.reduce_mean(features, axis=1, keepdims=True)
        squares = tf.reduce_sum(tf.square(features), axis=2, keepdims=True)
        # Of what hardly differs from the mean the direction says nothing.
        least = 1e-6 * tf.reduce_mean(squares, axis=1, keepdims=True) + 1e-12
        features *= tf.math.rsqrt(squares + least)
        return 1 - tf.matmul(features, features, transpose_b=True)

    def distance(self, statistic: tf.Tensor, target: StructureTarget) -> tf.Tensor:
        """The mean difference of likeness, over the mean unlikeness in the photograph."""
        difference = self.unlikeness(statistic) - target.unlikeness[..., 0]
        return tf.reduce_mean(_size(difference, listed(target.counts), target.smooth[..., 0]))


def _size(difference: tf.Tensor, counts: tf.Tensor, smooth: tf.Tensor) -> tf.Tensor:
    """`sum(counts[p] * counts[q] * (sqrt(x[p, q]^2 + d^2) - d))`, `[N]`; differentiable in `x`.

    The gradient is written down: it takes half of the passes that the derived one takes.

    Args:
        difference: `x`, `[N, M, M]`.
        counts: `[N, M, 1]`.
        smooth: `d`, `[N, 1, 1]`.
    """

    @tf.custom_gradient
    def size(difference: tf.Tensor) -> Any:
        roots = tf.sqrt(tf.square(difference) + tf.square(smooth))
        weights = counts * tf.linalg.matrix_transpose(counts)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            slopes = weights * tf.math.divide_no_nan(difference, roots)
            return upstream[:, tf.newaxis, tf.newaxis] * slopes

        return _weighed(roots - smooth, counts), gradient

    value: tf.Tensor = size(difference)
    return value


def _weighed(pairs: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """`sum(counts[p] * counts[q] * pairs[p, q])`, `[N]`, of `[N, M, 1]` and `[N, M, M]`."""
    return tf.reduce_sum(counts * tf.matmul(pairs, counts), axis=[1, 2])


def _cells(size: tf.Tensor) -> tf.Tensor:
    """Rows and columns of the grid of a map of this height and width."""
    sides = tf.cast(size, tf.float32)
    scale = tf.minimum(1.0, tf.sqrt(PLACES / tf.reduce_prod(sides)))
    return tf.maximum(tf.cast(sides * scale + 1e-3, tf.int32), 1)


def listed(places: tf.Tensor) -> tf.Tensor:
    """`[N, h, w, C]` as `[N, M, C]`."""
    shape = tf.shape(places)
    return tf.reshape(places, [shape[0], shape[1] * shape[2], places.shape[3]])


def of(config: StyleTransferConfig) -> Structure | None:
    """The term that a configuration asks for."""
    if not (config.structure_weight and config.content_weight):
        return None
    of_style = config.style_layers if config.style_weight else ()
    layers = tuple(layer for layer in LAYERS if layer in of_style)
    weights: tuple[float, ...] = ()
    if not layers:
        layers, weights = config.content_layers, config.content_layer_weights
    if not layers:
        return None
    return Structure(
        name="structure",
        source="content",
        layer_weights=layer_weights(layers, weights),
        weight=config.structure_weight,
    )
