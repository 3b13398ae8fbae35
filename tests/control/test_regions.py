"""Coverage of layers by masks, and what a region has a say in."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import regions
from stylize_tf.network import features
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.objective import of_regions
from stylize_tf.objective.targets import Targets
from tests.fakes import twins
from tests.fakes.masks import mask_of, partition

LAYERS = ("image", "block1_conv2", "block1_pool", "block2_conv1", "block3_pool", "block4_conv1")


@pytest.fixture(scope="module")
def two_layers():
    """A convolution, a pooling and another convolution."""
    image = keras.Input([None, None, 3])
    options = {"padding": "same", "activation": "relu"}
    x = keras.layers.Conv2D(2, 3, name="block1_conv1", **options)(image)
    x = keras.layers.MaxPooling2D(2, name="block1_pool")(x)
    x = keras.layers.Conv2D(2, 3, name="block2_conv1", **options)(x)
    return keras.Model(image, x)


# Coverage.


def averaged(mask):
    """The mean of a plane over the window of 3x3 positions, of those that there are."""
    height, width = mask.shape
    result = np.empty_like(mask)
    for row, column in itertools.product(range(height), range(width)):
        rows = slice(max(row - 1, 0), row + 2)
        result[row, column] = mask[rows, max(column - 1, 0) : column + 2].mean()
    return result


def pooled(mask):
    """The mean of a plane over squares of 2x2 positions; what is left over is dropped."""
    height, width = (side // 2 for side in mask.shape)
    squares = mask[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    return squares.mean(axis=(1, 3))


def coverage_of(network, masks, layers=LAYERS, **options):
    return regions.coverage(masks, features.build_extractor(network, layers, **options))


def test_coverage_of_a_single_pixel_worked_by_hand(two_layers):
    mask = mask_of(4, 4)
    mask[0, 0, 0, 0] = 1
    layers = ("image", "block1_conv1", "block1_pool", "block2_conv1")
    found = coverage_of(two_layers, mask, layers)
    np.testing.assert_array_equal(found["image"].weights, mask)
    first = np.zeros([4, 4])
    # A corner's window has four positions within the picture, a border's six, another's nine.
    first[:2, :2] = [[1 / 4, 1 / 6], [1 / 6, 1 / 9]]
    np.testing.assert_allclose(found["block1_conv1"].weights[0, :, :, 0], first, rtol=1e-6)
    square = (1 / 4 + 1 / 6 + 1 / 6 + 1 / 9) / 4
    np.testing.assert_allclose(
        found["block1_pool"].weights[0, :, :, 0], [[square, 0], [0, 0]], rtol=1e-6
    )
    # All four positions see all four.
    np.testing.assert_allclose(found["block2_conv1"].weights, np.full([1, 2, 2, 1], square / 4))
    shares = {name: float(found[name].shares[0]) for name in layers}
    of_first = (1 / 4 + 1 / 6 + 1 / 6 + 1 / 9) / 16
    assert shares == pytest.approx(
        {
            "image": 1 / 16,
            "block1_conv1": of_first,
            "block1_pool": square / 4,
            "block2_conv1": square / 4,
        }
    )


@pytest.mark.parametrize("padding", ["zero", "replicate", "reflect"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_coverage_goes_the_way_of_the_network(two_layers, rng, pooling, padding):
    masks = rng.uniform(size=[1, 9, 7, 2]).astype(np.float32)
    layers = ("block1_conv1", "block1_pool", "block2_conv1")
    found = coverage_of(two_layers, masks, layers, pooling=pooling, padding=padding)
    assert set(found) == set(layers)
    for region in range(2):
        first = averaged(masks[0, :, :, region].astype(np.float64))
        expected = first, pooled(first), averaged(pooled(first))
        for name, weights in zip(layers, expected, strict=True):
            np.testing.assert_allclose(found[name].weights[0, :, :, region], weights, rtol=1e-5)
            assert float(found[name].shares[region]) == pytest.approx(weights.mean(), rel=1e-5)


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("size", [(37, 29), (16, 64), (131, 90)], ids=str)
def test_coverage_has_the_size_of_every_map_and_ones_stay_ones(tiny_network, size, pooling):
    extractor = features.build_extractor(tiny_network, LAYERS, pooling=pooling, padding="replicate")
    maps = extractor(tf.zeros([1, *size, 3]))
    found = regions.coverage(mask_of(*size, fill=1.0), extractor)
    assert set(found) == set(LAYERS)
    for name, (weights, shares) in found.items():
        assert weights.shape[1:3] == maps[name].shape[1:3]
        np.testing.assert_array_equal(weights, np.ones(weights.shape, np.float32))
        np.testing.assert_array_equal(shares, [1.0])


def test_regions_that_share_the_picture_share_every_map(tiny_network, rng):
    found = coverage_of(tiny_network, partition(rng, 45, 38, 3), pooling="average")
    for weights, shares in found.values():
        np.testing.assert_allclose(tf.reduce_sum(weights, axis=3), np.ones(weights.shape[:3]), 1e-6)
        assert float(tf.reduce_sum(shares)) == pytest.approx(1, rel=5e-6)
        np.testing.assert_allclose(shares, np.mean(weights, axis=(0, 1, 2)), rtol=5e-6)


def test_coverage_is_linear_in_the_mask(tiny_network, rng):
    one, other = (rng.uniform(size=[1, 30, 33, 1]).astype(np.float32) / 2 for _ in range(2))
    apart = coverage_of(tiny_network, np.concatenate([one, other], axis=3))
    together = coverage_of(tiny_network, one + other)
    for name, (weights, _) in together.items():
        np.testing.assert_allclose(
            tf.reduce_sum(apart[name].weights, axis=3), weights[..., 0], rtol=1e-5
        )


def test_coverage_of_a_mask_turned_around_is_turned_around(tiny_network, rng):
    mask = rng.uniform(size=[1, 32, 48, 1]).astype(np.float32)
    found, turned = (coverage_of(tiny_network, x) for x in (mask, mask[:, ::-1, ::-1]))
    for name in LAYERS:
        np.testing.assert_allclose(
            found[name].weights, turned[name].weights[:, ::-1, ::-1], atol=1e-6
        )


# What a region has a say in.


def style_gradient(network, masks, rng):
    """Of the style loss alone, by the picture, with a painting for each region."""
    config = StyleTransferConfig(
        content_weight=0.0,
        total_variation_weight=0.0,
        patch_weight=1.0,
        style_layers=("block1_conv2", "block2_conv1"),
        style_layer_weights=(),
    )
    objective = build_objective(config, {})
    extract = features.build_extractor(network, objective.layers(), padding="replicate")
    image = tf.constant(rng.uniform(size=[1, *masks.shape[1:3], 3]), tf.float32)
    paintings = rng.uniform(size=[masks.shape[3], 1, 20, 24, 3]).astype(np.float32)
    targets = of_regions(
        [objective.targets([objective.statistics("style", extract(x))]) for x in paintings]
    )
    targets = Targets(targets, objective.weights, regions.coverage(masks, extract))

    def value(x):
        return tf.add_n(list(objective(extract(x), targets).values()))

    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = value(image)
    return value, image, tape.gradient(loss, image).numpy()


def test_the_gradient_is_nothing_where_no_receptive_field_meets_a_region(tiny_network, rng):
    masks = mask_of(24, 64)
    masks[:, :, 40:] = 1
    _, _, gradient = style_gradient(tiny_network, masks, rng)
    # block2_conv1 sees 2 pixels by block1, and 2 by its own window, of pooled pairs: 5 to a side
    # at most. The coverage reaches so far beyond the mask, and what it covers sees as far again.
    reach = 2 * 5
    np.testing.assert_array_equal(gradient[:, :, : 40 - reach], 0)
    assert (np.abs(gradient[:, :, 40 - 2 :]).max(axis=(0, 1, 3)) > 0).all()


def test_the_gradient_of_two_regions_agrees_with_finite_differences(tiny_network, rng):
    value, image, gradient = style_gradient(tiny_network, partition(rng, 24, 20, 2), rng)
    length = np.linalg.norm(gradient)
    [found] = twins.slopes(value, image, [gradient / length], 3e-3)
    assert found == pytest.approx(length, rel=2e-2)


def cubes(image, targets):
    """A function whose derivative is simple."""
    losses = {"up": tf.reduce_sum(targets * image**3), "square": tf.reduce_sum(image**2)}
    return losses, 3 * targets * image**2 + 2 * image


def test_the_picture_within_regions_has_the_gradient_of_what_is_seen(rng):
    photograph, image, factors = (tf.constant(rng.uniform(size=[1, 5, 4, 3])) for _ in range(3))
    painted = rng.uniform(size=[1, 5, 4, 1])
    painted[:, :2] = 0
    painted[:, 4:] = 1
    function = regions.within(cubes, photograph, tf.constant(painted))
    losses, gradient = function(image, factors)
    seen = photograph + painted * (image - photograph)
    for name, loss in cubes(seen, factors)[0].items():
        assert float(losses[name]) == pytest.approx(float(loss), rel=1e-12)

    def value(x):
        return tf.add_n(list(function(x, factors)[0].values()))

    directions = rng.normal(size=[5, *image.shape])
    np.testing.assert_allclose(
        np.sum(gradient * directions, axis=(1, 2, 3, 4)),
        twins.slopes(value, image, directions, 1e-5),
        rtol=1e-7,
    )
    np.testing.assert_array_equal(gradient[:, :2], 0)
    np.testing.assert_array_equal(gradient[:, 4:], cubes(seen, factors)[1][:, 4:])


def test_what_is_shown_is_the_picture_where_it_is_painted_and_else_the_photograph(rng):
    photograph, image = (tf.constant(rng.uniform(size=[1, 3, 4, 3])) for _ in range(2))
    painted = mask_of(3, 4).astype(np.float64)
    painted[:, 1], painted[:, 2] = 0.25, 1
    shown = regions.shown(image, photograph, tf.constant(painted))
    np.testing.assert_array_equal(shown[:, 0], photograph[:, 0])
    np.testing.assert_allclose(shown[:, 1], 0.75 * photograph[:, 1] + 0.25 * image[:, 1])
    np.testing.assert_allclose(shown[:, 2], image[:, 2], rtol=1e-15)
