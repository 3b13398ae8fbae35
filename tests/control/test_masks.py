import numpy as np
import pytest

from stylize_tf.control import masks
from stylize_tf.errors import ConfigError


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


def test_feather_changes_nothing_far_from_the_border():
    mask = np.zeros((1, 200, 300, 1), np.float32)
    mask[:, :100] = 1
    soft = masks.joined([mask], 200, 300, feather=5 / 300)
    assert (soft[:, :85] == 1).all()
    assert (soft[:, 115:] == 0).all()
    assert 0 < soft[0, 112, 0, 0] < soft[0, 88, 0, 0] < 1


def test_overlap_is_the_share_of_the_picture_that_is_in_several_regions():
    left = np.zeros((1, 40, 80, 1), np.float32)
    left[:, :, :60] = 1
    right = 1 - left[:, :20, ::2]
    assert masks.overlap([left]) == 0
    assert masks.overlap([left, right]) < 0.02
    assert masks.overlap([left, np.ones_like(right)]) == pytest.approx(0.75, abs=0.02)
    assert masks.overlap([left, right, left]) == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("counts", [(1, 0, 0), (3, 0, 3), (3, 1, 3), (1, 4, 4), (4, 4, 0)], ids=str)
def test_numbers_of_masks_that_fit_are_taken(counts):
    masks.check_counts(*counts)
    paintings, regions, style_masks = counts
    shares = [1 / paintings] * paintings
    paired = masks.pair(paintings, shares, regions, [np.ones((1, 2, 2, 1))] * style_masks)
    assert len(paired) == max(regions, 1)


@pytest.mark.parametrize("counts", [(2, 3, 0), (3, 2, 0), (1, 0, 2), (2, 2, 1), (1, 3, 1)], ids=str)
def test_numbers_of_masks_that_do_not_fit_are_refused(counts):
    with pytest.raises(ConfigError, match="There must be one `style"):
        masks.check_counts(*counts)


def test_style_masks_are_of_their_own_painting_or_of_the_only_one():
    assert [masks.owner(number, 3) for number in range(3)] == [0, 1, 2]
    assert [masks.owner(number, 1) for number in range(3)] == [0, 0, 0]
