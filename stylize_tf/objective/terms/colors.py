"""Which places of a picture have one color, and which have not."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from stylize_tf.config.layers import IMAGE
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective.terms.structure import Structure, listed

OPPONENT = ((0.30, 0.59, 0.11), (0.80, -1.00, 0.20), (0.35, 0.45, -0.80))
"""Of RGB: lightness, red against green, yellow against blue; about CIELAB's, over 100, at the
corners of sRGB, which is close enough to compare by and has no infinite slopes."""

NEAREST = 1e-5
"""Added to squared differences, whose root has no finite slope at 0: under a grey level."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Colors(Structure):
    """`Structure` of the picture itself: `D[p, q]` is how far apart two colors are.

    Layers that know things hardly know colors: without it a coat may have two. Which ones it has
    is the style's to say. Ours; not in the literature of style transfer.
    """

    def unlikeness(self, places: tf.Tensor) -> tf.Tensor:
        """Euclidean distances of colors `[N, h, w, 3]` in `OPPONENT` axes: `[N, M, M]`."""
        axes = tf.constant(OPPONENT, places.dtype)
        colors = tf.einsum("nmc,kc->nmk", listed(places), axes)
        squares = tf.reduce_sum(tf.square(colors), axis=2)
        products = tf.matmul(colors, colors, transpose_b=True)
        apart = squares[:, :, tf.newaxis] + squares[:, tf.newaxis, :] - 2 * products
        return tf.sqrt(tf.maximum(apart, 0) + NEAREST)


def of(config: StyleTransferConfig) -> Colors | None:
    """The term that a configuration asks for."""
    weight = config.structure_weight * config.colors_weight
    if not (weight and config.content_weight):
        return None
    return Colors(name="colors", source="content", layer_weights=((IMAGE, 1.0),), weight=weight)
