"""Smaller networks made of larger ones."""

import keras
import numpy as np
import pytest

from stylize_tf.errors import ConfigError
from stylize_tf.feedforward import bands, network_files
from stylize_tf.feedforward.channels import PICTURE, channels_of, convolutions, multiply_adds
from stylize_tf.feedforward.network import Network
from stylize_tf.feedforward.training.pruning import FEWEST, prune


@pytest.fixture
def network(rng):
    """One of which half of the channels of every group say nothing: their scales are 0."""
    made = Network(["a", "b"], 0.25)
    silent = {group: rng.permutation(count)[: count // 2] for group, count in made.channels.items()}
    for layer in convolutions():
        if layer.is_normalized:
            norm = made.graph.get_layer(f"{layer.name}_norm")
            scale = rng.uniform(0.5, 1.5, norm.scale.shape)
            scale[:, silent[layer.target]] = 0
            norm.scale.assign(scale)
            norm.offset.assign(rng.uniform(-0.5, 0.5, norm.offset.shape))
        elif layer.target == PICTURE:
            # What is constant is taken away by normalization, but not here, where there is none.
            kernel = rng.normal(0, 0.1, made.graph.get_layer(layer.name).kernel.shape)
            kernel[:, :, silent[layer.source]] = 0
            made.graph.get_layer(layer.name).kernel.assign(kernel)
    return made


def test_what_says_nothing_is_left_out_for_nothing(network, rng):
    half = {group: count // 2 for group, count in network.channels.items()}
    share = multiply_adds(half) / multiply_adds(network.channels)
    smaller = prune(network, share * 1.0001)
    assert smaller.channels == half
    image = rng.random((1, 40, 48, 3), np.float32)
    for style in ("a", "b"):
        own, pruned = (x(image, style=style).numpy() for x in (network, smaller))
        np.testing.assert_allclose(pruned, own, atol=2e-5)
        np.testing.assert_allclose(bands.paint(smaller, image, style, 16), own, atol=2e-5)


def test_the_share_of_multiply_adds_is_kept_and_every_group_has_some(network):
    whole = multiply_adds(network.channels)
    for share in (1.0, 0.7, 0.3):
        smaller = prune(network, share)
        found = multiply_adds(smaller.channels)
        assert share - 0.1 < found / whole <= share
        assert min(smaller.channels.values()) >= FEWEST
    with pytest.raises(ConfigError, match="leaves less than any network has"):
        prune(network, 0.001)
    with pytest.raises(ConfigError, match="must be above 0"):
        prune(network, 0)


def test_multiply_adds_are_those_of_the_kernels():
    network = Network(["a"], 0.5)
    total = 0.0
    for layer in convolutions():
        kernel = network.graph.get_layer(layer.name).kernel
        assert kernel.shape[0] == layer.size
        total += np.prod(kernel.shape) / layer.scale**2
    assert multiply_adds(network.channels) == pytest.approx(total)
    assert channels_of(0.5)["half_down2"] == 64


def test_a_pruned_network_is_written_and_read(network, tmp_path, rng):
    smaller = prune(network, 0.4)
    network_files.save(smaller, tmp_path / "small.keras")
    image = rng.random((1, 24, 24, 3), np.float32)
    for load in (Network.load, keras.saving.load_model):
        again = load(tmp_path / "small.keras")
        assert again.channels == smaller.channels
        np.testing.assert_array_equal(again(image), smaller(image))


@pytest.mark.parametrize(
    "change", [{"half_down2": 0}, {"half_down2": 33}, {"half_down2": 2.5}, {"other": 3}], ids=str
)
def test_channels_that_cannot_be_are_refused(change):
    with pytest.raises(ConfigError, match="`channels` must have from 1"):
        Network(["a"], 0.25, channels={**channels_of(0.25), **change})
