"""How far the statistics of 3x3 patches of pixels are from the painting's."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from stylize_tf.config.layers import IMAGE, PATCH_SIZE
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective import statistics
from stylize_tf.objective.moments import Moments, moments
from stylize_tf.objective.term import Part
from stylize_tf.objective.terms.style import Gaussians

EPSILON = 1.6e-4
"""Added to the variances of patches, of pixels in [0, 1]: a grain of three grey levels."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patches(Gaussians):
    """The grain of the brush, which the network's first layer hardly sees.

    Mean and covariance of the 27 numbers of a patch are the colors and the autocorrelation up to
    two pixels, hence the spectrum of the finest grain, in every direction. Without this term a
    smoothed picture shows a weave along the axes. Ours; not in the literature of style transfer.
    """

    balances_regions = False

    def sums(self, part: Part) -> Moments:
        """Of the patches whose middle pixel is in the part; edges have the rows for that."""
        weights = part.weights
        if weights is not None:
            reach = PATCH_SIZE // 2
            edges = part.edges
            rows = slice(reach - edges.above, tf.shape(weights)[1] - reach + edges.below)
            weights = weights[:, rows, reach:-reach]
        return moments(statistics.patches(part.features, PATCH_SIZE), weights)


def of(config: StyleTransferConfig) -> Patches | None:
    """The term that a configuration asks for."""
    if not config.style_weight or not config.patch_weight:
        return None
    return Patches(
        name="patches",
        source="style",
        layer_weights=((IMAGE, 1.0),),
        weight=config.style_weight * config.patch_weight,
        smallest_energy=1e-2,  # Of pixels: a painting may well be black.
        epsilon=EPSILON,
    )
