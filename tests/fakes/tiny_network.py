"""A network for tests that do not need VGG19: as deep, but a hundred times as cheap."""

import math

import keras
import numpy as np

# Convolutions of each block, as in VGG19 down to the last layer that styles are read from.
CONVOLUTIONS = (2, 2, 4, 4, 1)
CHANNELS = (4, 6, 8, 8, 8)


def tiny_network():
    """A chain named like VGG19's, with few channels and random weights that keep maps about 1."""
    generator = np.random.default_rng(19)
    image = keras.Input([None, None, 3])
    x, inputs, tensors = image, 3, {}
    for block, (count, channels) in enumerate(zip(CONVOLUTIONS, CHANNELS, strict=True), start=1):
        for index in range(1, count + 1):
            name = f"block{block}_conv{index}"
            x = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)(x)
            kernel = generator.normal(size=(3, 3, inputs, channels)) * math.sqrt(2 / (9 * inputs))
            tensors[name] = [kernel, generator.normal(size=channels) / 4]
            inputs = channels
        if block < len(CONVOLUTIONS):
            x = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    network = keras.Model(image, x, name="tiny")
    tensors["block1_conv1"][0] /= 64  # The first convolution sees grey levels.
    for name, weights in tensors.items():
        network.get_layer(name).set_weights(weights)
    return network


OF_FORKED = {"content_layers": ("joined",), "style_layers": ("first", "joined")}
"""Layers of `forked_network`; pictures have to have 32 pixels a side for them."""


def forked_network(scale=2.0):
    """With strides, a normalization and two ways that meet: no chain."""
    keras.utils.set_random_seed(5)
    image = keras.Input([64, 64, 3])
    x = keras.layers.Rescaling(scale, -1.0)(image)
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="first")(x)
    y = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    y = keras.layers.BatchNormalization()(y)
    x = keras.layers.Add(name="joined")([x, y])
    return keras.Model(image, keras.layers.GlobalAveragePooling2D(name="pooled")(x))


def shaken(network):
    """All weights of a network moved a little: none is 0 or 1, no two styles are alike."""
    for weight in network.weights:
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.2, seed=len(weight.path)))


def network_of(*styles):
    """A small network that paints at once, whose styles differ."""
    from stylize_tf.feedforward.network import Network

    made = Network(styles, 0.125)
    generator = np.random.default_rng(0)
    for weight in made.trainable_variables:
        if weight.name in ("scale", "offset") and "norm" in weight.path:
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    return made
