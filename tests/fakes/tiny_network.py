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
