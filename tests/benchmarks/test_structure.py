import numpy as np
import pytest

from stylize_tf.judge import pictures, structure

SIDE = 256
GROUND, DISC = 60, 200


def lightness(grey):
    """CIE L* of a grey of 8 bits, 26 or more, under sRGB."""
    linear = ((grey / 255 + 0.055) / 1.055) ** 2.4
    return 116 * linear ** (1 / 3) - 16


def inside(radius=70):
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    return x**2 + y**2 < radius**2


def picture(greys):
    return np.repeat(np.asarray(greys, np.float32)[None, ..., None] / 255, 3, axis=-1)


def disc(grey, ground=GROUND):
    return picture(np.where(inside(), grey, ground))


PHOTOGRAPH = disc(DISC)


# From pictures.


@pytest.mark.parametrize("grey", [DISC, 123, 255, GROUND, 30])
def test_kept_is_the_share_of_a_discs_lightness_over_its_ground(grey):
    # The blur is linear, so at every place of the border the share is that of the two greys.
    expected = abs(lightness(grey) - lightness(GROUND)) / (lightness(DISC) - lightness(GROUND))
    found = structure.structure(disc(grey), PHOTOGRAPH)["kept"]
    assert found == pytest.approx(min(expected, 1), abs=1e-3)


def test_a_disc_faded_halfway_in_lightness_is_half_kept():
    greys = np.arange(GROUND, DISC)
    half = greys[np.argmin(abs(lightness(greys) - (lightness(GROUND) + lightness(DISC)) / 2))]
    assert half == 126
    found = structure.structure(disc(half), PHOTOGRAPH)["kept"]
    assert found == pytest.approx(0.5, abs=0.005)


def test_kept_asks_for_contrast_of_any_color_and_sign():
    assert structure.structure(1 - PHOTOGRAPH, 1 - PHOTOGRAPH)["kept"] == pytest.approx(1)
    red = disc(GROUND)
    red[0, inside()] = (1, 0, 0)
    assert structure.structure(red, PHOTOGRAPH)["kept"] == pytest.approx(1)


def test_a_disc_in_two_colors_is_less_whole_by_the_spread_within_it():
    found = structure.structure(PHOTOGRAPH, PHOTOGRAPH)["whole"]
    two = np.where(inside(), np.where(np.arange(SIDE) < SIDE / 2, 140, 250), GROUND)
    torn = structure.structure(picture(two), PHOTOGRAPH)["whole"]
    # Unblurred: nothing in the whole disc; in the torn one its area times half the difference,
    # over the spread of three lightnesses.
    area = inside().mean()
    low, high, ground = (lightness(grey) for grey in (140, 250, GROUND))
    values, weights = np.array([ground, low, high]), np.array([1 - area, area / 2, area / 2])
    spread = np.sqrt(weights @ (values - weights @ values) ** 2)
    rise = area * (high - low) / 2 / spread
    assert rise == pytest.approx(0.192, abs=0.001)
    # The blur leaves a little of the borders within the regions, in both.
    assert 0 < found < 0.05
    assert torn - found == pytest.approx(rise, abs=0.015)


def test_a_picture_of_another_size_or_of_one_color_has_both():
    small = pictures.resize(PHOTOGRAPH, 128, 128)
    assert structure.structure(small, PHOTOGRAPH)["kept"] > 0.99
    even = structure.structure(disc(GROUND), PHOTOGRAPH)
    assert even == pytest.approx({"kept": 0, "whole": 0}, abs=1e-6)
    nothing = structure.structure(PHOTOGRAPH, disc(GROUND))
    assert nothing == pytest.approx({"kept": 1, "whole": 1}, abs=1e-6)


# From colors and regions.


def halves(rows, columns, before, after, axis):
    regions = (np.indices((rows, columns))[axis] >= (rows, columns)[axis] // 2).astype(int)
    return regions, np.where(regions, after, before)[..., None] * np.array([1.0, 0.0, 0.0])


@pytest.mark.parametrize("axis", [0, 1])
def test_kept_counts_what_is_more_than_twelve_apart_on_either_axis(axis):
    regions, content = halves(20, 24, 0.0, 20.0, axis)
    picture = halves(20, 24, 0.0, 5.0, axis)[1]
    assert structure.kept(picture, content, regions) == pytest.approx(0.25)
    # Half of the border is 12 apart, which is not more, and lost.
    along = (slice(0, 10),) if axis == 1 else (slice(None), slice(0, 12))
    content, picture = content.copy(), picture.copy()
    content[along] *= 12 / 20
    picture[along] = 0
    assert structure.kept(picture, content, regions) == pytest.approx(0.25)
    content[along] *= 1.01
    assert structure.kept(picture, content, regions) == pytest.approx(0.125)


@pytest.mark.parametrize("flip", [0, 1])
def test_kept_is_the_same_for_mirrored_pictures(flip):
    generator = np.random.default_rng(0)
    regions = np.repeat(np.repeat(generator.integers(0, 4, (6, 5)), 5, 0), 7, 1)
    content, picture = generator.normal(0, 20, (2, *regions.shape, 3))
    expected = structure.kept(picture, content, regions)
    mirrored = (np.flip(array, flip) for array in (picture, content, regions))
    assert structure.kept(*mirrored) == pytest.approx(expected)
    assert 0 < expected < 1


def test_kept_looks_only_where_a_border_runs_through_the_place_itself():
    regions, content = halves(9, 21, 0.0, 20.0, 1)
    picture = content.copy()
    # The border is between columns 9 and 10: the places are 9 and 10, their ends 5, 13, 6 and 14.
    picture[:, [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 15, 16, 17, 18, 19, 20]] = 99.0
    assert structure.kept(picture, content, regions) == pytest.approx(1)
    picture[:, 14] = 0.0
    assert structure.kept(picture, content, regions) == pytest.approx(0.5)


def test_kept_leaves_out_what_is_thinner_than_its_reach():
    regions = np.zeros((9, 21), int)
    regions[:, 9:12] = 1
    # Four columns before and after each of its borders lies the one region around it.
    content = np.where(np.arange(21) < 10, 0.0, 20.0)[None, :, None] * np.ones((9, 1, 3))
    assert structure.kept(np.zeros_like(content), content, regions) == 1
    regions[:, 9:] = 1
    assert structure.kept(np.zeros_like(content), content, regions) == 0


def test_whole_worked_by_hand():
    regions = np.array([[0, 0, 0, 0], [1, 1, 1, 1]])
    colors = np.zeros((2, 4, 3))
    colors[1, :, 0] = 2.0
    assert structure.whole(colors, regions) == 0
    colors[1, :, 0] = [1, 1, 3, 3]
    # Half the area spreads by 1; all of it by the root of 20 / 8 - 1.
    assert structure.whole(colors, regions) == pytest.approx(0.5 / np.sqrt(1.5))
    # A second channel, even within the regions, lowers the mean within and in all alike.
    colors[1, :, 1] = 4.0
    assert structure.whole(colors, regions) == pytest.approx(0.5 / (np.sqrt(1.5) + 2))
    assert structure.whole(colors, np.zeros((2, 4), int)) == pytest.approx(1)
