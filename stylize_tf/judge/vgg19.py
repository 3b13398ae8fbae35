"""VGG19 as plain calls of TensorFlow: maximum pooling, zero padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

Features = Iterator[tuple[str, tf.Tensor]]
Extractor = Callable[[np.ndarray], Features]
"""From a float32 `[1, H, W, 3]` picture in [0, 1] to (layer name, `[1, h, w, C]` map) pairs."""

_POOL_BEFORE = {"block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1"}
_MEAN_PIXEL = np.array([103.939, 116.779, 123.68], dtype=np.float32)
"""Of ImageNet, blue, green, red."""


def vgg19(tensors: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Extractor:
    """An extractor of VGG19's maps after their ReLU, up to relu5_1, shallow to deep.

    Args:
        tensors: (kernel HWIO, bias) of each convolution by its Keras name.
    """
    names = [
        f"block{block}_conv{index}"
        for block, count in enumerate((2, 2, 4, 4, 1), start=1)
        for index in range(1, count + 1)
    ]
    weights = [
        (name, tf.constant(tensors[name][0], tf.float32), tf.constant(tensors[name][1], tf.float32))
        for name in names
    ]

    def extract(image: np.ndarray) -> Features:
        features = tf.constant(image[..., ::-1] * 255.0 - _MEAN_PIXEL, tf.float32)
        for name, kernel, bias in weights:
            if name in _POOL_BEFORE:
                features = tf.nn.max_pool2d(features, 2, 2, "VALID")
            features = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(features, kernel, 1, "SAME"), bias))
            yield name, features

    return extract
