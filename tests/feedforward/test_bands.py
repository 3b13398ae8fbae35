"""Pictures through a network band by band."""

import keras
import numpy as np
import pytest

from stylize_tf.errors import ConfigError
from stylize_tf.feedforward import bands
from stylize_tf.feedforward.network import Network
from tests.fakes.tiny_network import shaken


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(2)
    network = Network(["a", "b"], width=0.125)
    shaken(network)
    return network


@pytest.mark.parametrize(
    ("size", "rows"), [((75, 40), 16), ((64, 21), 1), ((66, 33), 23), ((50, 64), 999)], ids=str
)
def test_a_picture_in_bands_is_that_of_the_whole(network, rng, size, rows):
    image = rng.uniform(size=(1, *size, 3)).astype(np.float32)
    style = {"a": 1, "b": 3}
    actual = bands.paint(network, image, style, rows)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, network(image, style=style), atol=5e-5)


def test_no_such_style_is_refused(network):
    with pytest.raises(ConfigError, match="one of a, b"):
        bands.paint(network, np.zeros([1, 32, 32, 3], np.float32), "c")


@pytest.mark.parametrize("shape", [(2, 32, 32, 3), (32, 32, 3)], ids=str)
def test_several_pictures_are_refused(network, shape):
    with pytest.raises(ValueError, match=r"`image` must be \[1, H, W, 3\]"):
        bands.paint(network, np.zeros(shape, np.float32))


def test_a_picture_too_small_is_refused(network):
    with pytest.raises(ConfigError, match="sides of 17 pixels or more"):
        bands.paint(network, np.zeros([1, 8, 32, 3], np.float32))
