"""Fixtures that several tests share."""

import math
import signal

import numpy as np
import pytest

# Convolutions of each block, as in VGG19 down to the last layer that styles are read from.
CONVOLUTIONS = (2, 2, 4, 4, 1)
CHANNELS = (4, 6, 8, 8, 8)


@pytest.fixture(scope="session", autouse=True)
def _interruptible():
    """A shell starts background jobs deaf to Ctrl-C, and their children too; tests send it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tiny_network():
    """A chain named like VGG19's, with few channels and random weights that keep maps about 1."""
    import keras

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


@pytest.fixture(scope="session")
def vgg_weights():
    """The real weights, wherever they are; only for tests marked `slow`."""
    from stylize_tf import weights

    return weights.find()


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Weights of the right names and few channels, and files that hold them."""
    from weights_fakes import Tiny

    return Tiny(tmp_path, monkeypatch)
