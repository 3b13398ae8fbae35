"""Regions of a picture, each with its own painting or part of one, by soft masks.

Gatys et al. (2017), "Controlling Perceptual Factors in Neural Style Transfer", Section 4:
statistics are those of the features under a mask, weighed by it and divided by what it covers. The
mask is brought to each layer along the network's own way there: blurred by the window of each
convolution and averaged by each pooling, so that a position counts by the share of its receptive
field that the region covers. Theirs choose positions whose receptive field overlaps the region, or
lies within: ours is the soft one between the two.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from stylize_tf.objective import COVERAGE, Coverage, Losses, Targets
from stylize_tf.optimizers import ValueAndGradient
from stylize_tf.tiling import IMAGE


def coverage(masks: np.ndarray, extractor: keras.Model) -> Targets:
    """How much the positions of each layer count in each region: `{COVERAGE: ...}` of targets.

    Args:
        masks: float32, `[1, H, W, R]`, of a picture.
        extractor: from `features.build_extractor`, whose layers the picture goes through.
    """
    weights = tf.constant(masks)
    layers = {}
    if IMAGE in extractor.output:
        layers[IMAGE] = weights
    for layer in extractor.layers:
        if isinstance(layer, keras.layers.Conv2D):
            # Beyond the border is nothing to see: there, the mean of what is within.
            weights = tf.nn.avg_pool2d(weights, layer.kernel_size, 1, "SAME")
        elif isinstance(layer, (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)):
            weights = tf.nn.avg_pool2d(weights, layer.pool_size, layer.strides, "VALID")
        name = layer.name.removesuffix("_rescaled")
        if name in extractor.output:
            layers[name] = weights
    return {
        COVERAGE: {
            name: Coverage(weights, tf.reduce_mean(weights, axis=[0, 1, 2]))
            for name, weights in layers.items()
        }
    }


def within(
    value_and_gradient: ValueAndGradient, photograph: tf.Tensor, painted: tf.Tensor
) -> ValueAndGradient:
    """The function for a picture of which only the regions are painted.

    Args:
        value_and_gradient: of the picture as it is seen.
        photograph: `[1, H, W, 3]`, what is seen where there is no region.
        painted: `[1, H, W, 1]` in [0, 1], how much of the picture is seen.

    Returns:
        `f(photograph + painted * (image - photograph))` and its gradient by `image`.
    """

    def value_and_gradient_within(image: tf.Tensor, targets: Targets) -> tuple[Losses, tf.Tensor]:
        losses, gradient = value_and_gradient(shown(image, photograph, painted), targets)
        return losses, gradient * painted

    return value_and_gradient_within


def shown(image: tf.Tensor, photograph: tf.Tensor, painted: tf.Tensor) -> tf.Tensor:
    """The picture where it is painted, the photograph where not: `[1, H, W, 3]`."""
    return photograph + painted * (image - photograph)
