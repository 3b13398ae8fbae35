import numpy as np
import pytest
from PIL import Image

from stylize_tf.control import masks
from stylize_tf.control.masks import Region, covers_all, joined, pair, read
from stylize_tf.errors import ConfigError, ImageError
from tests.fakes.masks import mask_of, partition


def blurred_by_hand(plane, deviation):
    """Each line, then each column, with its ends repeated, convolved with a Gaussian."""
    reach = round(3 * deviation)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(plane.astype(np.float64), reach, mode="edge")
    across = np.array([np.convolve(line, kernel, "valid") for line in padded])
    return np.array([np.convolve(line, kernel, "valid") for line in across.T]).T


@pytest.mark.parametrize("deviation", [0.5, 4, 30], ids=str)
@pytest.mark.parametrize("size", [(37, 53), (300, 20)], ids=str)
def test_feather_is_a_gaussian_with_the_border_repeated(rng, size, deviation):
    mask = (rng.random((1, *size, 1)) > 0.5).astype(np.float32)
    actual = masks.joined([mask], *size, feather=deviation / max(size))
    np.testing.assert_allclose(
        actual[0, ..., 0], blurred_by_hand(mask[0, ..., 0], deviation), atol=1e-6
    )


def test_overlap_is_the_share_of_the_picture_that_is_in_several_regions():
    left = np.zeros((1, 40, 80, 1), np.float32)
    left[:, :, :60] = 1
    right = 1 - left[:, :20, ::2]
    assert masks.overlap([left]) == 0
    assert masks.overlap([left, right]) < 0.02
    assert masks.overlap([left, np.ones_like(right)]) == pytest.approx(0.75, abs=0.02)
    assert masks.overlap([left, right, left]) == pytest.approx(0.75, abs=0.02)


def test_style_masks_are_of_their_own_painting_or_of_the_only_one():
    assert [masks.owner(number, 3) for number in range(3)] == [0, 1, 2]
    assert [masks.owner(number, 1) for number in range(3)] == [0, 0, 0]


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
    masks.check_counts(paintings, content_masks, len(style_masks))
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
    with pytest.raises(ConfigError, match=message):
        masks.check_counts(paintings, content_masks, style_masks)


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


def test_feather_changes_nothing_far_from_the_border():
    soft = joined([half(200, 300)], 200, 300, feather=5 / 300)[0, :, :, 0]
    np.testing.assert_allclose(soft, np.tile(soft[:1], [200, 1]), atol=1e-6)
    assert (np.diff(soft) <= 1e-7).all()
    # Three deviations; the kernel beyond them is left out.
    np.testing.assert_array_equal(soft[:, :135], 1)
    np.testing.assert_array_equal(soft[:, 165:], 0)
    assert 0 < soft[0, 162] < soft[0, 138] < 1


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


def test_the_photograph_is_mixed_in_where_hardly_any_strength_is_wanted_and_nowhere_else():
    least = masks.LEAST_STRENGTH
    shares = np.array([0, least / 2, least, 0.7, 1], np.float32)
    np.testing.assert_allclose(masks.painted(shares), [0, 0.5, 1, 1, 1])
