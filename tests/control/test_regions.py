"""Coverage of layers by masks, what a region has a say in, and masks as they are given."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import regions
from stylize_tf.control.masks import Region, covers_all, joined, pair, read
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.network import features
from stylize_tf.objective.objective import COVERAGE, of_regions
from stylize_tf.objective.terms import build_objective
from tests.fakes import twins

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


def mask_of(*shape, fill=0.0):
    return np.full([1, *shape, 1], fill, np.float32)


def partition(rng, height, width, count):
    """Soft masks `[1, H, W, R]` that add up to 1 everywhere."""
    shares = rng.uniform(size=[1, height, width, count]).astype(np.float32)
    return shares / shares.sum(axis=3, keepdims=True)


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
    return regions.coverage(masks, features.build_extractor(network, layers, **options))[COVERAGE]


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
    found = regions.coverage(mask_of(*size, fill=1.0), extractor)[COVERAGE]
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
    targets |= regions.coverage(masks, extract)

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


# Which painting goes with which region.

FIRST, SECOND, THIRD = (mask_of(2, 2, fill=value) for value in (0.1, 0.2, 0.3))


@pytest.mark.parametrize(
    ("paintings", "content_masks", "style_masks", "expected"),
    [
        # All of the picture in the style of the blend; each painting may have a mask.
        (1, 0, [], [Region((0,), (1.0,), (None,))]),
        (1, 0, [FIRST], [Region((0,), (1.0,), (FIRST,))]),
        (2, 0, [], [Region((0, 1), (0.25, 0.75), (None, None))]),
        (2, 0, [FIRST, SECOND], [Region((0, 1), (0.25, 0.75), (FIRST, SECOND))]),
        # So with one region.
        (1, 1, [], [Region((0,), (1.0,), (None,))]),
        (1, 1, [FIRST], [Region((0,), (1.0,), (FIRST,))]),
        (2, 1, [SECOND, FIRST], [Region((0, 1), (0.25, 0.75), (SECOND, FIRST))]),
        # Several regions of one painting, or of a part of it each.
        (1, 2, [], [Region((0,), (1.0,), (None,)), Region((0,), (1.0,), (None,))]),
        (1, 2, [FIRST, SECOND], [Region((0,), (1.0,), (x,)) for x in (FIRST, SECOND)]),
        # A painting for each.
        (2, 2, [], [Region((x,), (1.0,), (None,)) for x in range(2)]),
        (
            3,
            3,
            [THIRD, FIRST, SECOND],
            [Region((x,), (1.0,), (mask,)) for x, mask in enumerate((THIRD, FIRST, SECOND))],
        ),
    ],
)
def test_regions_have_their_paintings(paintings, content_masks, style_masks, expected):
    shares = (0.25, 0.75) if paintings == 2 else (1 / paintings,) * paintings
    found = pair(paintings, shares, content_masks, style_masks)
    assert [x[:2] for x in found] == [x[:2] for x in expected]
    for one, other in zip(found, expected, strict=True):
        assert len(one.masks) == len(other.masks)
        assert all(a is b for a, b in zip(one.masks, other.masks, strict=True))


@pytest.mark.parametrize(
    ("paintings", "content_masks", "style_masks", "message"),
    [
        (2, 3, 0, "one `style`, or one for each `content_mask`; got 2 and 3 masks"),
        (3, 2, 0, "one `style`, or one for each `content_mask`; got 3 and 2 masks"),
        (2, 3, 2, "one `style`, or one for each `content_mask`; got 2 and 3 masks"),
        (1, 0, 2, "one `style_mask` for each `style`, 1 of them, or none; got 2"),
        (2, 0, 1, "one `style_mask` for each `style`, 2 of them, or none; got 1"),
        (2, 1, 3, "one `style_mask` for each `style`, 2 of them, or none; got 3"),
        (1, 3, 1, "one `style_mask` for each `content_mask`, 3 of them, or none; got 1"),
        (2, 2, 3, "one `style_mask` for each `content_mask`, 2 of them, or none; got 3"),
    ],
)
def test_numbers_of_pictures_and_masks_that_do_not_fit_are_refused(
    paintings, content_masks, style_masks, message
):
    shares = (1 / paintings,) * paintings
    with pytest.raises(ConfigError, match=message):
        pair(paintings, shares, content_masks, [FIRST] * style_masks)


# Masks as they are given.

PHOTOGRAPH = np.zeros([20, 30, 3], np.uint8)


def given(source, picture=PHOTOGRAPH, size=(20, 30)):
    return read(source, picture, size, "content_mask")


def levels(*shape):
    """Grey levels that differ from pixel to pixel, as much as may be."""
    return (np.arange(np.prod(shape)) * 37 % 256).astype(np.uint8).reshape(shape)


def test_masks_of_every_form_are_their_grey_levels(tmp_path):
    grey = levels(20, 30)
    expected = grey[np.newaxis, ..., np.newaxis] / np.float32(255)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    opaque = np.dstack([grey] * 3 + [np.full_like(grey, 255)])
    Image.fromarray(opaque, "RGBA").save(tmp_path / "rgba.png")
    for source in (
        grey,
        np.dstack([grey] * 3),
        opaque,
        expected[0],
        Image.fromarray(grey),
        tmp_path / "grey.png",
        str(tmp_path / "rgba.png"),
    ):
        found = given(source)
        assert (found.shape, found.dtype) == ((1, 20, 30, 1), np.float32)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_mask_is_black_where_it_is_transparent():
    alpha = levels(20, 30)
    white = np.dstack([np.full([20, 30, 3], 255, np.uint8), alpha])
    np.testing.assert_allclose(given(white)[0, :, :, 0], alpha / 255, atol=1e-6)
    with pytest.raises(ImageError, match=r"`content_mask`.*black everywhere"):
        given(np.dstack([np.zeros([20, 30, 3], np.uint8), alpha]))


def test_alpha_is_how_opaque_the_picture_is_whatever_its_colors(rng):
    alpha = levels(20, 30)
    colors = rng.integers(0, 256, [20, 30, 3]).astype(np.uint8)
    cut_out = np.dstack([colors, alpha])
    for picture in (cut_out, Image.fromarray(cut_out, "RGBA"), cut_out / np.float32(255)):
        np.testing.assert_allclose(given("alpha", picture)[0, :, :, 0], alpha / 255, atol=1e-5)
    # Of a picture that is opaque: exactly all of it.
    np.testing.assert_array_equal(given("alpha", colors), np.ones([1, 20, 30, 1]))
    with pytest.raises(ImageError, match=r"`content_mask`.*transparent everywhere"):
        given("alpha", np.dstack([colors, np.zeros_like(alpha)]))


def test_white_is_exactly_one():
    for white in (np.full([20, 30], 255, np.uint8), np.ones([20, 30, 3])):
        np.testing.assert_array_equal(given(white), np.ones([1, 20, 30, 1]))
        assert covers_all([given(white)])


@pytest.mark.parametrize("size", [(10, 15), (40, 60), (200, 300), (21, 30), (7, 10)], ids=str)
def test_masks_may_have_any_size_in_the_shape_of_the_picture(size):
    assert given(levels(*size)).shape == (1, *size, 1)


@pytest.mark.parametrize("size", [(30, 20), (20, 20), (200, 330), (20, 33)], ids=str)
def test_masks_of_another_shape_are_refused(size):
    height, width = size
    message = f"`content_mask` must have the shape of its picture, 30x20.*got {width}x{height}"
    with pytest.raises(ImageError, match=message):
        given(np.full(size, 255, np.uint8))


def test_black_masks_and_what_is_no_picture_are_refused_by_name(tmp_path):
    with pytest.raises(ImageError, match=r"`content_mask`.*black everywhere.*Make it white"):
        given(np.zeros([20, 30], np.uint8))
    with pytest.raises(ImageError, match=r"nowhere\.png"):
        given(tmp_path / "nowhere.png")
    for wrong in (np.full([20, 30], np.nan), np.full([20, 30], 255.0), np.zeros([0, 30], np.uint8)):
        with pytest.raises(ImageError, match="`content_mask`"):
            given(wrong)


def test_one_mask_covers_all_only_if_it_is_white_everywhere():
    ones, nearly = mask_of(3, 4, fill=1.0), mask_of(3, 4, fill=1.0)
    nearly[0, 1, 1] = 254 / 255
    assert covers_all([ones])
    assert not covers_all([nearly])
    assert not covers_all([ones, ones])
    assert not covers_all([])


# Masks at a size.


def half(height, width):
    """Left half white."""
    mask = mask_of(height, width)
    mask[:, :, : width // 2] = 1
    return mask


def test_masks_that_do_not_overlap_are_joined_as_they_are():
    left = half(6, 8)
    together = joined([left, 1 - left], 6, 8, feather=0.0)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, np.concatenate([left, 1 - left], axis=3))


def test_masks_share_the_place_where_they_overlap():
    one, other = mask_of(2, 2), mask_of(2, 2)
    one[0, :, :, 0] = [[1.0, 1.0], [0.6, 0.2]]
    other[0, :, :, 0] = [[1.0, 0.5], [0.6, 0.3]]
    together = joined([one, other], 2, 2, feather=0.0)
    # Where they add up to more than 1, by their shares; else as they are.
    np.testing.assert_allclose(together[0, :, :, 0], [[1 / 2, 2 / 3], [1 / 2, 0.2]], rtol=1e-6)
    np.testing.assert_allclose(together[0, :, :, 1], [[1 / 2, 1 / 3], [1 / 2, 0.3]], rtol=1e-6)


@pytest.mark.parametrize("feather", [0.0, 0.001, 0.02, 0.5])
def test_a_mask_of_ones_stays_one_and_of_a_partition_the_sum_is_one(rng, feather):
    ones = joined([mask_of(9, 12, fill=1.0)], 45, 60, feather)
    np.testing.assert_array_equal(ones, np.ones([1, 45, 60, 1], np.float32))
    parts = np.split(partition(rng, 18, 24, 3), 3, axis=3)
    together = joined(parts, 45, 60, feather)
    np.testing.assert_allclose(together.sum(axis=3), np.ones([1, 45, 60]), atol=1e-5)
    assert together.min() >= 0


def test_a_feathered_border_is_a_gaussian_integral():
    size, feather = 200, 0.02
    found = joined([half(size, size)], size, size, feather)[0, :, :, 0]
    # Every row is the same; the deviation is 4 pixels.
    np.testing.assert_allclose(found, np.tile(found[:1], [size, 1]), atol=1e-6)
    cut = 12  # Three deviations; the kernel beyond them is left out.
    offsets = np.arange(-cut, cut + 1)
    kernel = np.exp(-(offsets**2) / (2 * 4**2))
    kernel /= kernel.sum()
    expected = [
        sum(share for offset, share in zip(offsets, kernel, strict=True) if x + offset < 100)
        for x in range(size)
    ]
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    assert (np.diff(found[0]) <= 1e-7).all()
    # Beyond that it is exactly what it was.
    np.testing.assert_array_equal(found[:, : 100 - cut], 1)
    np.testing.assert_array_equal(found[:, 100 + cut :], 0)


def test_feathering_keeps_the_mass_of_what_is_away_from_the_borders(rng):
    mask = mask_of(60, 80)
    mask[:, 25:35, 30:50, 0] = rng.uniform(size=[10, 20])
    for feather in (0.01, 0.05):
        soft = joined([mask], 60, 80, feather)
        assert soft.sum() == pytest.approx(mask.sum(), rel=1e-5)
        assert soft.max() < mask.max()


def test_the_feather_is_a_share_of_the_long_side_at_every_size():
    small, large = (joined([half(40, 60)], 2 * x, 3 * x, 0.05)[0, x] for x in (20, 80))
    # Fourfold: the soft border is as wide against the picture.
    by_small = np.interp((np.arange(240) + 0.5) / 4 - 0.5, np.arange(60), small[:, 0])
    np.testing.assert_allclose(large[:, 0], by_small, atol=0.02)


def test_masks_of_different_sizes_are_joined_at_that_of_the_picture():
    together = joined([half(10, 20), 1 - half(40, 80)], 20, 40, 0.0)
    assert together.shape == (1, 20, 40, 2)
    np.testing.assert_allclose(together.sum(axis=3), np.ones([1, 20, 40]), atol=0.15)
    # Beyond two pixels of the smaller mask from the border.
    np.testing.assert_array_equal(together[:, :, :16], [[[[1, 0]]]] * np.ones([1, 20, 16, 1]))
    np.testing.assert_array_equal(together[:, :, 24:], [[[[0, 1]]]] * np.ones([1, 20, 16, 1]))
