"""The network that paints at once: sizes, styles, borders, files."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.errors import ConfigError
from stylize_tf.feedforward.channels import LEVELS
from stylize_tf.feedforward.graph import levels_of
from stylize_tf.feedforward.layers import (
    EPSILON,
    ConditionalInstanceNormalization,
    ConditionalScale,
    Enlarged,
    EnlargingConvolution,
    Noise,
)
from stylize_tf.feedforward.network import SMALLEST_SIDE, Network
from tests.fakes.tiny_network import shaken


@pytest.fixture(scope="module")
def network():
    """Of three styles that differ."""
    keras.utils.set_random_seed(0)
    network = Network(["a", "b", "c"], width=0.125)
    shaken(network)
    return network


@pytest.mark.parametrize(
    "size", [(SMALLEST_SIDE, SMALLEST_SIDE), (33, 31), (18, 50), (35, 20), (64, 48)], ids=str
)
def test_any_size_is_painted_at_that_size_in_range(network, rng, size):
    image = tf.constant(rng.uniform(size=(2, *size, 3)), tf.float32)
    painted = network(image).numpy()
    assert painted.shape == image.shape
    assert 0 <= painted.min() < painted.max() <= 1


def test_pictures_of_a_batch_do_not_see_each_other(network, rng):
    images = tf.constant(rng.uniform(size=(3, 24, 20, 3)), tf.float32)
    together = network(images, style="b")
    for number in range(3):
        np.testing.assert_allclose(
            together[number], network(images[number : number + 1], style="b")[0], atol=5e-6
        )


def test_its_function_paints_the_same_pictures_of_any_size(network, rng):
    shares = np.float32([[0.2, 0.0, 0.8]])
    for size in ((20, 24), (33, 18)):
        image = rng.uniform(size=(1, *size, 3)).astype(np.float32)
        expected = network.graph([image, shares])
        np.testing.assert_allclose(network.function(image, shares), expected, atol=1e-6)
    assert network.function.experimental_get_tracing_count() == 1


def test_a_style_is_named_numbered_or_shared(network, rng):
    image = tf.constant(rng.uniform(size=(1, 20, 20, 3)), tf.float32)
    expected = network(image, style="b")
    shares = np.float32([0, 3, 0])
    for same in (1, np.int64(1), {"b": 2.0}, [0, 3, 0], shares, tf.constant([[0.0, 1.0, 0.0]])):
        np.testing.assert_allclose(network(image, style=same), expected, atol=1e-6)
    assert np.abs(network(image) - expected).max() > 0.01
    np.testing.assert_array_equal(network(image), network(image, style="a"))


def test_every_picture_of_a_batch_may_have_a_blend_of_its_own(network, rng):
    image = tf.constant(rng.uniform(size=(1, 20, 20, 3)), tf.float32)
    blends = tf.constant([[1.0, 0.0, 0.0], [0.5, 0.25, 0.25]])
    both = network(tf.repeat(image, 2, axis=0), style=blends)
    np.testing.assert_allclose(both[0], network(image, style="a")[0], atol=5e-6)
    mix = network(image, style={"a": 2, "b": 1, "c": 1})
    np.testing.assert_allclose(both[1], mix[0], atol=5e-6)


@pytest.mark.parametrize(
    ("style", "told"),
    [
        ("d", "one of a, b, c, or a number below 3; got 'd'"),
        (3, "got 3"),
        ({"d": 1.0}, "got 'd'"),
        ([1.0, 0.0], "share for each of 3"),
        ([0.0, 0.0, 0.0], "one of them more"),
        ([1.0, -1.0, 1.0], "at least 0"),
        ([1.0, float("nan"), 1.0], "at least 0"),
        (True, "got True"),
        (1.5, "share for each of 3"),
        ({"a": "x"}, "at least 0"),
    ],
    ids=str,
)
def test_a_style_that_is_none_is_refused(network, style, told):
    with pytest.raises(ConfigError, match=told):
        network.blend(style)


@pytest.mark.parametrize("styles", [[], ["a", "a"], "ab", [1, 2]])
def test_styles_have_names_of_their_own(styles):
    with pytest.raises(ConfigError, match=r"`styles` must be names"):
        Network(styles, width=0.125)


@pytest.mark.parametrize("width", [0.01, 9.0])
def test_a_network_of_no_size_is_refused(width):
    with pytest.raises(ConfigError, match=r"`width` must be from"):
        Network(["a"], width)


def test_a_picture_too_small_is_refused(network):
    with pytest.raises(ConfigError, match=f"sides of {SMALLEST_SIDE} pixels or more .* got 30x8"):
        network(tf.zeros([1, 8, 30, 3]))


def test_it_is_what_it_is_whatever_keras_is_set_to(rng):
    image = rng.uniform(size=(1, 20, 24, 3)).astype(np.float32)
    expected = Network(["a"], width=0.125)(image)
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    try:
        np.testing.assert_array_equal(Network(["a"], width=0.125)(image), expected)
    finally:
        keras.config.set_dtype_policy("float32")
        keras.config.set_image_data_format("channels_last")


def test_a_file_of_keras_holds_all_of_it(network, rng, tmp_path):
    image = tf.constant(rng.uniform(size=(1, 20, 28, 3)), tf.float32)
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert again.styles == ("a", "b", "c")
    np.testing.assert_array_equal(again(image, style="c"), network(image, style="c"))


def test_it_works_in_a_dataset_and_within_another_model(network, rng):
    images = rng.uniform(size=(3, 1, 20, 24, 3)).astype(np.float32)
    painted = [*tf.data.Dataset.from_tensor_slices(images).map(network)]
    np.testing.assert_allclose(painted[2], network(images[2]), atol=1e-5)
    inputs = keras.Input([None, None, 3])
    model = keras.Model(inputs, 1 - network(inputs, style="b"))
    np.testing.assert_allclose(model(images[0]), 1 - network(images[0], style="b"), atol=1e-5)


def test_normalization_is_that_of_the_formula(rng):
    layer = ConditionalInstanceNormalization(2)
    features = rng.normal(2, 3, size=(2, 5, 4, 3)).astype(np.float32)
    blend = np.float32([[1, 0], [0.25, 0.75]])
    layer.build([features.shape, blend.shape])
    scale, offset = rng.normal(size=(2, 2, 3)).astype(np.float32)
    layer.scale.assign(scale)
    layer.offset.assign(offset)
    actual = layer([features, blend])
    for picture, shares, x in zip(actual, blend, features, strict=True):
        flat = x.reshape(-1, 3)
        normalized = (flat - flat.mean(0)) / np.sqrt(flat.var(0) + EPSILON)
        expected = normalized * (shares @ scale) + shares @ offset
        np.testing.assert_allclose(picture.numpy().reshape(-1, 3), expected, atol=1e-5)


def test_enlarging_keeps_even_maps_even_and_means_as_they_are(rng):
    x = rng.normal(size=(1, 6, 4, 2)).astype(np.float32)
    larger = Enlarged()(x).numpy()
    assert larger.shape == (1, 12, 8, 2)
    # Half-way between two positions lie a quarter and three quarters.
    np.testing.assert_allclose(
        larger[0, 1, 1],
        [
            0.0625 * x[0, 1, 1, c]
            + 0.1875 * (x[0, 0, 1, c] + x[0, 1, 0, c])
            + 0.5625 * x[0, 0, 0, c]
            for c in range(2)
        ],
        atol=1e-6,
    )
    np.testing.assert_allclose(Enlarged()(np.ones_like(x)), 1, atol=1e-6)


def test_enlarging_and_convolving_at_once_is_one_after_the_other(rng):
    layer = EnlargingConvolution(5)
    x = rng.normal(size=(2, 8, 7, 4)).astype(np.float32)
    at_once = layer(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"))
    assert at_once.shape == layer.compute_output_shape((2, 10, 9, 4)) == (2, 16, 14, 5)
    larger = Enlarged()(x)
    in_turn = tf.nn.conv2d(larger, tf.convert_to_tensor(layer.kernel), 1, "SAME")
    inside = slice(2, -2)
    np.testing.assert_allclose(at_once[:, inside, inside], in_turn[:, inside, inside], atol=1e-5)


def test_noise_is_of_any_size_one_for_all_and_repeats(rng):
    noise = Noise(4)
    large = noise(np.zeros([2, 100, 70, 3], np.float32)).numpy()
    assert large.shape == (1, 100, 70, 4)
    np.testing.assert_array_equal(noise(np.zeros([1, 9, 5, 1])), large[:, :9, :5])
    np.testing.assert_array_equal(large[:, 64:, :], large[:, :36, :])
    tile = noise.tile.reshape(-1, 4)
    # Networks are trained with these numbers, and NumPy does not promise them for ever.
    np.testing.assert_allclose(tile[0], [-0.869667, -2.968636, -1.699342, 1.09684], atol=1e-5)
    np.testing.assert_allclose(tile.std(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(np.corrcoef(tile.T), np.eye(4), atol=0.05)


def test_every_style_scales_as_it_wants(rng):
    layer = ConditionalScale(2, "zeros")
    x, blend = rng.normal(size=(1, 3, 2, 4)), np.float32([[1, 0], [0.25, 0.75]])
    assert not np.any(layer([x, blend]))
    scale = rng.normal(size=(2, 4))
    layer.scale.assign(scale)
    actual = layer([x, blend]).numpy()
    np.testing.assert_allclose(actual, x * (blend @ scale)[:, None, None, :], atol=1e-6)


def test_levels_are_the_parts_of_the_network(network, rng):
    image = rng.uniform(size=(1, 32, 48, 3)).astype(np.float32)
    padded = tf.pad(image, ((0, 0), (16, 16), (16, 16), (0, 0)), mode="REFLECT")
    blend, before = tf.constant(network.blend("b")[np.newaxis]), []
    for level, model in zip(LEVELS, levels_of(network.graph), strict=True):
        own = tf.nn.avg_pool2d(padded, level.shrink, level.shrink, "VALID")
        noise = (
            network.graph.get_layer(f"{level.name}_{name}_maps")(own[:, ::shrink, ::shrink])
            for name, shrink in (("fine_noise", 1), ("noise", 4))
        )
        before = [model([own, blend, *noise, *before])]
        assert before[0].shape[1:3] == own.shape[1:3]
    painted = tf.sigmoid(before[0])[:, 16:-16, 16:-16]
    np.testing.assert_allclose(painted, network(image, style="b"), atol=1e-5)


def test_a_level_first_leaves_what_the_one_before_painted_as_it_is(rng):
    levels = levels_of(Network(["a"], width=0.125).graph)
    images = [tf.constant(rng.uniform(size=(1, side, side, 3)), tf.float32) for side in (32, 64)]
    blend = tf.ones([1, 1])
    before = tf.constant(rng.normal(size=(1, 32, 32, 3)), tf.float32)
    fine_noise, noise = tf.zeros([1, 64, 64, 2]), tf.zeros([1, 16, 16, 4])
    after = levels[1]([images[1], blend, fine_noise, noise, before])
    np.testing.assert_allclose(after, Enlarged()(before), atol=1e-5)
    assert (
        np.abs(levels[0]([images[0], blend, fine_noise[:, :32, :32], noise[:, :8, :8]])).max()
        > 0.01
    )


def test_an_even_picture_without_noise_is_painted_evenly_to_its_borders(rng):
    network = Network(["a"], width=0.125)
    for weight in network.trainable_variables:
        if "noise" in weight.path or "fine_noise" in weight.path:
            weight.assign(tf.zeros_like(weight))
        elif weight.name in ("scale", "offset", "kernel"):
            weight.assign_add(rng.uniform(-0.3, 0.3, weight.shape))
        if weight.name == "scale":  # Else every layer amplifies what is rounded.
            weight.assign(0.2 * weight)
    painted = network(tf.fill([1, 40, 56, 3], 0.4)).numpy()
    assert np.ptp(painted, axis=(1, 2)).max() < 1e-4
