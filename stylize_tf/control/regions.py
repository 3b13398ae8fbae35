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

from stylize_tf.config.layers import IMAGE
from stylize_tf.control.correspondence import paired_regions
from stylize_tf.control.masks import shown
from stylize_tf.images import image_io
from stylize_tf.objective.targets import Coverage, Coverages, Losses, Targets, ValueAndGradient

FOUND_LAYER = "block4_conv2"
FOUND_SIDE = 256
"""From which features, and at which long side in pixels, regions are found: of 256 and 384, and of
block4_conv1, block4_conv2 and block5_conv1, what paired the parts of pictures best."""


def coverage(masks: np.ndarray, extractor: keras.Model) -> Coverages:
    """How much the positions of each layer count in each region.

    Args:
        masks: float32, `[1, H, W, R]`, of a picture.
        extractor: from `features.build_extractor`, whose layers the picture goes through.
    """
    weights = tf.constant(masks)
    layers = {}
    if IMAGE in extractor.output:
        layers[IMAGE] = weights
    if any(isinstance(layer, keras.Model) for layer in extractor.layers):
        # Not a chain like VGG's: by the mean over what a position stands for.
        for name, shape in extractor.compute_output_shape((1, *masks.shape[1:3], 3)).items():
            layers[name] = tf.image.resize(weights, shape[1:3], "area")
        return _coverages(layers)
    for layer in extractor.layers:
        if isinstance(layer, keras.layers.Conv2D):
            # Beyond the border is nothing to see: there, the mean of what is within.
            weights = tf.nn.avg_pool2d(weights, layer.kernel_size, 1, "SAME")
        elif isinstance(layer, (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)):
            weights = tf.nn.avg_pool2d(weights, layer.pool_size, layer.strides, "VALID")
        name = layer.name.removesuffix("_rescaled")
        if name in extractor.output:
            layers[name] = weights
    return _coverages(layers)


def _coverages(layers: dict[str, tf.Tensor]) -> Coverages:
    return {
        name: Coverage(weights, tf.reduce_mean(weights, axis=[0, 1, 2]))
        for name, weights in layers.items()
    }


def find(
    extractor: keras.Model, photograph: np.ndarray, painting: np.ndarray, count: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Masks of regions of both pictures that belong together, by `paired_regions`.

    Args:
        extractor: from `features.build_extractor`, with `FOUND_LAYER`.
        photograph, painting: float32, `[1, H, W, 3]` in [0, 1], of any sizes.
        count: of the regions, K.
        seed: of `paired_regions`.

    Returns:
        Of each picture, float32 `[1, h, w, K]`, >= 0, of a long side of `FOUND_SIDE`.
    """
    content, style = (features_of(extractor, image) for image in (photograph, painting))
    found = paired_regions(content, style, count, seed=seed)
    content, style = (
        image_io.resize(mask, *found_size(image)).clip(0, 1)
        for mask, image in zip(found, (photograph, painting), strict=True)
    )
    return content, style


def features_of(extractor: keras.Model, image: np.ndarray) -> np.ndarray:
    """From which regions of a picture `[1, H, W, 3]` are found: float32, `[1, h, w, C]`."""
    small = image_io.resize(image, *found_size(image)).clip(0, 1)
    return np.asarray(extractor(small)[FOUND_LAYER])


def found_size(image: np.ndarray) -> tuple[int, int]:
    """Height and width at which regions of a picture `[1, H, W, 3]` are found."""
    height, width = image.shape[1:3]
    scale = FOUND_SIDE / max(height, width)
    # The network halves them three times; of a very narrow picture something must be left.
    return max(16, round(height * scale)), max(16, round(width * scale))


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
