"""Which places of a picture are alike, and which are not: what keeps a thing one thing."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

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
"""Long side in pixels up to which the term has all of its weight."""

FADING = 4
"""Power of the long side, beyond that, by which it loses weight."""


class StructureTarget(NamedTuple):
    """A target of `Structure`, of M places; like maps, so that one trace is for all sizes.

    Attributes:
        unlikeness: `[N, M, M, 1]`, of each two places of the photograph.
        weights: `[N, M, M, 1]`, how much they count, over their mean unlikeness: they
            add up to 1 / it.
    """

    unlikeness: tf.Tensor
    weights: tf.Tensor


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
    - it fades from `WHOLE_SIDE` on. What is one thing is settled at the coarse stages, and stays;
      the finer ones win back what style the term costs, and are left no trace of the grid.
    """

    def size_factor(self, long_side: float) -> float:
        """1 up to `WHOLE_SIDE`, then falling by the power of `FADING`."""
        return min(1.0, WHOLE_SIDE / long_side) ** FADING

    def sums(self, part: Part) -> tf.Tensor:
        """What the rows of the part give to the means over a grid: `[N, h, w, C]`."""
        features = part.own
        shape = tf.shape(features)
        first, rows = (0, shape[1]) if part.place is None else part.place
        size = tf.stack([rows, shape[2]])
        cells = _cells(size)
        down, right = (area_means(size[axis], cells[axis]) for axis in (0, 1))
        return Shrinking(down[:, first : first + shape[1]], right)(features)

    def target(self, statistic: tf.Tensor) -> StructureTarget:
        """The photograph's likeness, and where it counts."""
        shape = tf.shape(statistic)
        unlikeness = self.unlikeness(statistic)
        own = tf.reshape(tf.square(activity(statistic)), [shape[0], -1])
        pairs = own[:, :, tf.newaxis] * own[:, tf.newaxis, :]
        scale = tf.reduce_sum(pairs * unlikeness, axis=[1, 2], keepdims=True)
        weights = tf.math.divide_no_nan(pairs, scale)
        return StructureTarget(unlikeness[..., tf.newaxis], weights[..., tf.newaxis])

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
        weights = target.weights[..., 0]
        # As in sum(w * D*), the mean unlikeness, where weights add up to 1.
        smooth = SMOOTH * tf.math.divide_no_nan(
            tf.ones([], weights.dtype), tf.reduce_sum(weights, axis=[1, 2], keepdims=True)
        )
        difference = self.unlikeness(statistic) - target.unlikeness[..., 0]
        size = tf.sqrt(tf.square(difference) + tf.square(smooth)) - smooth
        return tf.reduce_mean(tf.reduce_sum(weights * size, axis=[1, 2]))


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
