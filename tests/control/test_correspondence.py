"""Regions found in both pictures by their features."""

import re

import numpy as np
import pytest

from stylize_tf.control.correspondence import LEAST_SHARE, paired_regions


def kinds(numbers, rng, *, gain=1.0, offset=0.0, noise=0.02):
    """Features `[1, h, w, 24]` of positions of some kinds, `[h, w]`: kind k has 6 channels."""
    kind = np.asarray(numbers)
    features = (np.arange(24) // 6 == kind[..., np.newaxis]) * 1.0
    features += noise * rng.uniform(size=features.shape)
    return (offset + gain * features)[np.newaxis].astype(np.float32)


def halves(height, width):
    """Kind 0 above, 1 below."""
    return np.repeat(np.arange(height) >= height / 2, width).reshape(height, width) * 1


def stripes(height, width, count):
    """Kinds 0, 1, ... from left to right."""
    return np.tile(np.arange(width) * count // width, (height, 1))


def random_features(rng, height=14, width=18, channels=20):
    """Smooth enough to have regions."""
    coarse = rng.uniform(size=[-(-height // 4), -(-width // 4), channels])
    fine = coarse.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    return (fine + 0.1 * rng.uniform(size=fine.shape))[np.newaxis].astype(np.float32)


def within_border(numbers, reach=3):
    """Where all positions up to `reach` away are of one kind."""
    kind = np.pad(np.asarray(numbers), reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(kind, [2 * reach + 1] * 2)
    return windows.min(axis=(2, 3)) == windows.max(axis=(2, 3))


def test_what_is_alike_in_both_pictures_is_one_region(rng):
    above, left = halves(16, 20), stripes(18, 16, 2)
    photograph, painting = paired_regions(kinds(above, rng), kinds(1 - left, rng), 2)
    # Which kind has which number is left open; that both pictures agree is not.
    first = int(photograph[0, 0, 0].argmax())
    expected = np.where(above == 0, first, 1 - first)
    paired = np.where(left == 1, first, 1 - first)
    for masks, regions in ((photograph, expected), (painting, paired)):
        clear = within_border(regions)
        assert clear.mean() > 0.3
        np.testing.assert_array_equal(masks[0].argmax(axis=-1)[clear], regions[clear])
        assert masks[0].max(axis=-1)[clear].min() > 0.9


def test_four_kinds_are_found_however_large_or_bright_each_picture_is(rng):
    across, mirrored = stripes(12, 40, 4), stripes(20, 48, 4)[:, ::-1]
    photograph, painting = paired_regions(
        kinds(across, rng), kinds(mirrored, rng, gain=9, offset=3), 4
    )
    number_of_kind = [int(photograph[0, 6, 5 + 10 * kind].argmax()) for kind in range(4)]
    assert sorted(number_of_kind) == [0, 1, 2, 3]
    assert [int(painting[0, 10, 42 - 12 * kind].argmax()) for kind in range(4)] == number_of_kind


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_masks_add_up_to_one_and_each_has_its_least_share_of_both_pictures(rng, count):
    content, style = random_features(rng), random_features(rng, 17, 11)
    photograph, painting = paired_regions(content, style, count)
    assert photograph.shape == (1, 14, 18, count)
    assert painting.shape == (1, 17, 11, count)
    for masks in (photograph, painting):
        assert masks.dtype == np.float32
        assert masks.min() >= 0
        np.testing.assert_allclose(masks.sum(axis=-1), 1, atol=1e-6)
        assert masks.mean(axis=(0, 1, 2)).min() >= LEAST_SHARE - 1e-6


def test_what_is_in_one_picture_alone_still_has_its_share_of_the_other(rng):
    # Half of the photograph is of a kind that the painting does not have at all.
    content = kinds(np.concatenate([halves(12, 10), np.full([12, 10], 2)], axis=1), rng)
    photograph, painting = paired_regions(content, kinds(halves(16, 12), rng), 3)
    only = int(photograph[0, 6, 16].argmax())
    assert photograph[..., only].mean() > 0.4
    assert LEAST_SHARE - 1e-6 <= painting[..., only].mean() < 0.2


def test_regions_are_numbered_by_their_area_in_the_photograph(rng):
    photograph, _ = paired_regions(random_features(rng), random_features(rng), 4)
    shares = photograph.mean(axis=(0, 1, 2))
    assert (np.diff(shares) <= 0).all()


def test_equal_seeds_give_equal_masks_and_no_input_is_changed(rng):
    content, style = random_features(rng), random_features(rng)
    copies = content.copy(), style.copy()
    once = paired_regions(content, style, 3, seed=7)
    again = paired_regions(content, style, 3, seed=7)
    for masks, same in zip(once, again, strict=True):
        np.testing.assert_array_equal(masks, same)
    np.testing.assert_array_equal(content, copies[0])
    np.testing.assert_array_equal(style, copies[1])


@pytest.mark.parametrize(
    "turned",
    [lambda x: x[:, ::-1], lambda x: x[:, :, ::-1], lambda x: x.transpose(0, 2, 1, 3)],
    ids=["upside down", "mirrored", "transposed"],
)
def test_turning_a_picture_turns_its_masks_and_leaves_the_other_picture_alone(rng, turned):
    content, style = random_features(rng), random_features(rng)
    photograph, painting = paired_regions(content, style, 3)
    turned_photograph, same_painting = paired_regions(turned(content), style, 3)
    np.testing.assert_allclose(turned_photograph, turned(photograph), atol=1e-4)
    np.testing.assert_allclose(same_painting, painting, atol=1e-4)


def test_exchanging_the_pictures_exchanges_their_masks(rng):
    content, style = kinds(halves(12, 16), rng), kinds(stripes(10, 18, 2), rng)
    photograph, painting = paired_regions(content, style, 2)
    second, first = paired_regions(style, content, 2)
    # Regions are numbered by their area in the first picture.
    order = (
        [0, 1]
        if abs(first - photograph).max() < abs(first[..., ::-1] - photograph).max()
        else [1, 0]
    )
    np.testing.assert_allclose(first[..., order], photograph, atol=1e-3)
    np.testing.assert_allclose(second[..., order], painting, atol=1e-3)


def test_channels_that_never_vary_change_nothing(rng):
    content, style = random_features(rng), random_features(rng)
    padded = [np.pad(x, [(0, 0)] * 3 + [(0, 5)]) for x in (content, style)]
    photograph, painting = paired_regions(*padded, 2)
    expected = paired_regions(content, style, 2)
    np.testing.assert_allclose(photograph, expected[0], atol=1e-3)
    np.testing.assert_allclose(painting, expected[1], atol=1e-3)


@pytest.mark.parametrize("level", [0.0, 0.1, 731.7])
def test_flat_pictures_are_shared_equally(level):
    flat = np.full([1, 6, 9, 5], level, np.float32)
    photograph, painting = paired_regions(flat, flat[:, :4], 3)
    np.testing.assert_allclose(photograph, np.full([1, 6, 9, 3], 1 / 3), rtol=1e-6)
    np.testing.assert_allclose(painting, np.full([1, 4, 9, 3], 1 / 3), rtol=1e-6)


def test_beside_a_flat_painting_the_photograph_still_has_regions(rng):
    regions = halves(16, 20)
    photograph, painting = paired_regions(
        kinds(regions, rng), np.full([1, 5, 7, 24], 0.3, np.float32), 2
    )
    np.testing.assert_allclose(painting, 0.5, rtol=1e-6)
    numbers, clear = photograph[0].argmax(axis=-1), within_border(regions)
    assert len(set(numbers[clear & (regions == 0)])) == 1
    np.testing.assert_array_equal(numbers[clear] == numbers[0, 0], regions[clear] == regions[0, 0])


def test_a_picture_of_one_position_is_shared_equally(rng):
    _, painting = paired_regions(random_features(rng), np.ones([1, 1, 1, 20]), 4)
    np.testing.assert_allclose(painting, np.full([1, 1, 1, 4], 0.25), rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda x: x[0], "[1, h, w, C], of one picture; got (14, 18, 20)."),
        (lambda x: np.concatenate([x, x]), "[1, h, w, C], of one picture; got (2, 14, 18, 20)."),
        (lambda x: x[:, :0], "[1, h, w, C], of one picture; got (1, 0, 18, 20)."),
        (lambda x: np.where(x == x.max(), np.nan, x), "finite; got NaN or infinity."),
        (lambda x: np.where(x == x.max(), np.inf, x), "finite; got NaN or infinity."),
    ],
    ids=["no batch", "two pictures", "empty", "NaN", "infinity"],
)
@pytest.mark.parametrize("name", ["content_features", "style_features"])
def test_features_that_are_not_of_one_picture_are_refused(rng, name, change, rule):
    features = {"content_features": random_features(rng), "style_features": random_features(rng)}
    features[name] = change(features[name])
    with pytest.raises(ValueError, match=f"^{re.escape(f'`{name}` must be {rule}')}"):
        paired_regions(**features, count=2)
