"""The network that comes with the package."""

from pathlib import Path

import numpy as np
import pytest

from stylize_tf.config.training import SHIPPED
from stylize_tf.feedforward import network_files
from stylize_tf.feedforward.network import Network
from stylize_tf.images import image_io

STYLES = {"swirls": "style", "dots": "dots", "glass": "glass", "harvesters": "harvesters"}
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def network():
    return Network.load(network_files.path_of(SHIPPED))


@pytest.fixture(scope="module")
def photograph():
    image = image_io.read(str(EXAMPLES / "street.jpg"))
    return image_io.resize(image, 192, 256).clip(0, 1)


def test_it_is_small_and_has_four_paintings_and_the_photograph(network):
    assert network_files.path_of(SHIPPED).stat().st_size < 2_000_000
    assert network.styles == (*STYLES, "photograph")
    about = network_files.read_about(network_files.path_of(SHIPPED))
    assert about["finished"] is True
    assert set(about["paintings"]) == set(STYLES)


def test_every_style_has_the_colors_of_its_painting(network, photograph):
    painted = {name: network(photograph, style=name).numpy() for name in STYLES}
    colors = {
        name: image_io.read(str(EXAMPLES / f"{file}.jpg"))[0].reshape(-1, 3)
        for name, file in STYLES.items()
    }
    for name, picture in painted.items():
        distances = {
            other: np.abs(
                np.quantile(picture[0].reshape(-1, 3), np.linspace(0.05, 0.95, 19), axis=0)
                - np.quantile(own, np.linspace(0.05, 0.95, 19), axis=0)
            ).mean()
            for other, own in colors.items()
        }
        assert min(distances, key=distances.__getitem__) == name


def test_the_style_of_the_photograph_leaves_it_nearly_as_it_is(network, photograph):
    kept = network(photograph, style="photograph").numpy()
    assert np.abs(kept - photograph).mean() < 0.05
