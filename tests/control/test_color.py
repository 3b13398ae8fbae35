import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

import stylize_tf
from stylize_tf.control import color
from stylize_tf.images import color_spaces, image_io
from tests.fakes import twins

EXAMPLES = Path(stylize_tf.__file__).parent.parent / "examples"
CONVERSIONS = {
    "lab": (color_spaces.lab_from_srgb, color_spaces.srgb_from_lab),
    "oklab": (color_spaces.oklab_from_srgb, color_spaces.srgb_from_oklab),
    "yiq": (color_spaces.yiq_from_srgb, color_spaces.srgb_from_yiq),
}
AFFINE = ("symmetric", "pca", "cholesky")


def picture(*colors):
    """The picture of one row that has these colors."""
    return np.array([[colors]], np.float32)


def flat(*rgb, size=(4, 5)):
    return np.full((1, *size, 3), rgb, np.float32)


def random_picture(rng, mean, covariance, size=(20, 30)):
    """Colors of a normal distribution."""
    values = rng.multivariate_normal(mean, covariance, size)[np.newaxis]
    return values.astype(np.float32)


@pytest.fixture
def painting(rng):
    return random_picture(rng, [0.4, 0.5, 0.6], 0.005 * twins.positive_definite(rng, 3, 20))


@pytest.fixture
def photograph(rng):
    return random_picture(rng, [0.6, 0.5, 0.4], 0.005 * twins.positive_definite(rng, 3, 20))


def chroma_distance(image, other):
    """Distance in the plane of CIELAB's a and b, for each pixel."""
    difference = color_spaces.lab_from_srgb(image) - color_spaces.lab_from_srgb(other)
    return np.hypot(difference[..., 1], difference[..., 2])


def rounded(image):
    return np.rint(image * 255).astype(np.float32) / 255


def lab_of(rgb):
    """CIELAB of one color in Python's floats, step by step as the standards have it."""
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in rgb]
    rows = [
        (0.4124564, 0.3575761, 0.1804375),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339, 0.1191920, 0.9503041),
    ]
    xyz = [sum(m * x for m, x in zip(row, linear, strict=True)) / sum(row) for row in rows]
    f = [t ** (1 / 3) if t > (6 / 29) ** 3 else t * (29 / 6) ** 2 / 3 + 4 / 29 for t in xyz]
    return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]


# Spaces.


def test_linear_light_of_values_worked_by_hand():
    encoded = picture([0.0, 0.5, 1.0], [0.04045, 0.02, -0.1])
    # ((0.5 + 0.055) / 1.055)^2.4 = 0.2140; 0.04045 / 12.92 = 0.003131
    linear = picture([0.0, 0.21404114, 1.0], [0.00313080, 0.00154799, -0.00773994])
    np.testing.assert_allclose(color_spaces.linear_from_srgb(encoded), linear, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(color_spaces.srgb_from_linear(linear), encoded, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("rgb", "lab", "oklab"),
    [
        ([1, 1, 1], [100, 0, 0], [1, 0, 0]),
        ([0, 0, 0], [0, 0, 0], [0, 0, 0]),
        ([1, 0, 0], [53.24, 80.09, 67.20], [0.62796, 0.22486, 0.12585]),
        ([0, 1, 0], [87.74, -86.18, 83.18], [0.86644, -0.23389, 0.17950]),
        ([0, 0, 1], [32.30, 79.19, -107.86], [0.45201, -0.03246, -0.31153]),
    ],
    ids=str,
)
def test_published_values_of_white_black_and_the_primaries(rgb, lab, oklab):
    np.testing.assert_allclose(color_spaces.lab_from_srgb(picture(rgb))[0, 0, 0], lab, atol=0.008)
    np.testing.assert_allclose(
        color_spaces.oklab_from_srgb(picture(rgb))[0, 0, 0], oklab, atol=3e-5
    )


def test_yiq_of_the_primaries_is_the_matrix_of_ntsc():
    actual = color_spaces.yiq_from_srgb(picture([1, 0, 0], [0, 1, 0], [0, 0, 1]))[0, 0]
    expected = [[0.299, 0.596, 0.212], [0.587, -0.274, -0.523], [0.114, -0.322, 0.311]]
    np.testing.assert_allclose(actual, expected, atol=1e-3)


def test_lab_equals_its_definition_also_near_black(rng):
    colors = np.concatenate([rng.random((40, 3)), rng.random((20, 3)) / 50])
    expected = [lab_of(rgb) for rgb in colors]
    np.testing.assert_allclose(color_spaces.lab_from_srgb(colors), expected, atol=1e-3)


@pytest.mark.parametrize("space", color.SPACES)
def test_greys_have_no_chroma_and_rising_lightness(space):
    forward, _ = CONVERSIONS[space]
    converted = forward(np.linspace(0, 1, 256)[:, np.newaxis] * np.ones(3))
    converted /= converted[-1, 0]
    np.testing.assert_allclose(converted[:, 1:], 0, atol=1e-5)
    assert (np.diff(converted[:, 0]) > 0).all()
    np.testing.assert_allclose(converted[[0, -1], 0], [0, 1], atol=1e-6)


@pytest.mark.parametrize("space", color.SPACES)
def test_colors_come_back_from_every_space(space):
    forward, back = CONVERSIONS[space]
    steps = np.linspace(0, 1, 18)
    colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
    there = forward(colors)
    assert there.dtype == np.float32
    assert there.shape == colors.shape
    np.testing.assert_allclose(back(there), colors, atol=2e-4)


@pytest.mark.parametrize("space", color.SPACES)
def test_what_srgb_cannot_show_is_not_clipped(rng, space):
    forward, back = CONVERSIONS[space]
    beyond = rng.uniform(-0.2, 1.3, size=(1, 8, 9, 3))
    np.testing.assert_allclose(back(forward(beyond)), beyond, atol=1e-3)


# The photograph's colors, kept.


@pytest.mark.parametrize("space", color.SPACES)
def test_none_of_the_photographs_chroma_leaves_the_picture_as_it_is(rng, space):
    own, photograph = rng.random((2, 1, 5, 6, 3), np.float32)
    result = color.keep_colors(own, photograph, space, 0.0)
    np.testing.assert_array_equal(result, own)
    assert not np.shares_memory(result, own)


@pytest.mark.parametrize("amount", [0.3, 1.0])
@pytest.mark.parametrize("space", color.SPACES)
def test_a_photograph_keeps_its_own_colors(rng, space, amount):
    photograph = rng.random((1, 20, 30, 3), np.float32)
    result = color.keep_colors(photograph, photograph, space, amount)
    np.testing.assert_allclose(result, photograph, atol=1e-3)


@pytest.mark.parametrize("space", color.SPACES)
def test_lightness_is_the_pictures_and_chroma_a_mixture_where_colors_are_pale(rng, space):
    own, photograph = rng.uniform(0.4, 0.6, size=(2, 1, 5, 6, 3))
    forward, _ = CONVERSIONS[space]
    for amount in (0.25, 1.0):
        result = forward(color.keep_colors(own, photograph, space, amount))
        expected = forward(own)
        expected[..., 1:] *= 1 - amount
        expected[..., 1:] += amount * forward(photograph)[..., 1:]
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-3)


def test_chroma_is_the_photographs_also_where_it_does_not_fit_the_lightness(rng):
    own, photograph = rng.random((2, 1, 30, 40, 3), np.float32)
    result = color.keep_colors(own, photograph, "lab", 1.0)
    assert chroma_distance(result, photograph).max() < 0.2
    lab, _ = CONVERSIONS["lab"]
    colors = lab(own)
    colors[..., 1:] = lab(photograph)[..., 1:]
    clipped = np.clip(color_spaces.srgb_from_lab(colors), 0, 1)
    assert chroma_distance(clipped, photograph).mean() > 5  # There was something to do.


@pytest.mark.parametrize("space", color.SPACES)
def test_the_photographs_chroma_put_on_twice_changes_nothing_more(rng, space):
    own, photograph = rng.random((2, 1, 30, 40, 3), np.float32)
    once = color.keep_colors(own, photograph, space, 1.0)
    twice = color.keep_colors(once, photograph, space, 1.0)
    np.testing.assert_allclose(twice, once, atol=1 / 255)


def test_lightness_moves_towards_the_photographs_no_further_than_it_takes(rng):
    own, photograph = rng.random((2, 1, 6, 10, 3), np.float32)
    result = color_spaces.lab_from_srgb(color.keep_colors(own, photograph, "lab", 1.0))[0, ..., 0]
    start = color_spaces.lab_from_srgb(own)[0, ..., 0]
    colors = color_spaces.lab_from_srgb(photograph)[0]
    moved = 0
    for index in np.ndindex(start.shape):
        end, a, b = colors[index]
        path = np.linspace(start[index], end, 2001)
        candidates = np.stack([path, np.full(2001, a), np.full(2001, b)], axis=-1)
        rgb = color_spaces.srgb_from_lab(candidates)
        fits = ((rgb > -6e-4) & (rgb < 1 + 6e-4)).all(axis=-1)
        first = np.argmax(fits)
        assert fits[first]
        assert result[index] == pytest.approx(path[first], abs=0.2)
        moved += first > 0
    assert moved > 20


@pytest.mark.parametrize("space", ["lab", "yiq"])
def test_black_and_white_become_the_photographs_color_where_it_has_but_one_lightness(space):
    photograph = picture([1, 0, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1])
    for own in (np.zeros_like(photograph), np.ones_like(photograph)):
        result = color.keep_colors(own, photograph, space, 1.0)
        np.testing.assert_allclose(result, photograph, atol=0.03 if space == "lab" else 1e-3)


@pytest.mark.parametrize("amount", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("space", color.SPACES)
def test_mixtures_of_extreme_colors_are_on_the_way_to_what_can_be_shown(rng, space, amount):
    own, photograph = rng.integers(0, 2, size=(2, 1, 20, 30, 3)).astype(np.float32)
    result = color.keep_colors(own, photograph, space, amount)
    forward, back = CONVERSIONS[space]
    start = forward(own)
    start[..., 1:] += amount * (forward(photograph) - forward(own))[..., 1:]
    way = forward(own + amount * (photograph - own)) - start
    steps = np.linspace(0, 1, 2001, dtype=np.float32).reshape(-1, 1, 1, 1)
    candidates = back(start + steps * way)
    distance = np.abs(candidates - result).max(axis=-1).min(axis=0)
    assert distance.max() < 1 / 255


@pytest.mark.parametrize(("space", "bound"), [("lab", 0.5), ("oklab", 2.0), ("yiq", 2.0)])
def test_a_real_painting_has_the_chroma_of_the_photograph_in_8_bits(space, bound):
    photograph = image_io.read(EXAMPLES / "gallery" / "content.jpg")
    painted = image_io.read(EXAMPLES / "gallery" / "strength_one.jpg")
    photograph = image_io.resize(photograph, *painted.shape[1:3])
    result = rounded(color.keep_colors(painted, photograph, space, 1.0))
    assert chroma_distance(painted, photograph).mean() > 10
    assert chroma_distance(result, photograph).mean() < bound


# Grey pictures.


@pytest.mark.parametrize("space", color.SPACES)
def test_luminance_is_grey_and_as_light_as_the_picture(rng, space):
    photograph = rng.random((1, 7, 8, 3))
    grey = color.luminance(photograph, space)
    np.testing.assert_array_equal(grey, np.repeat(grey[..., :1], 3, axis=-1))
    forward, _ = CONVERSIONS[space]
    lightness = forward(photograph)[..., 0]
    np.testing.assert_allclose(forward(grey)[..., 0], lightness, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(color.luminance(grey, space), grey, atol=1e-4)


def test_luminance_of_green_is_worked_by_hand():
    green = picture([0, 1, 0])
    # 1.055 * 0.7151522^(1 / 2.4) - 0.055
    np.testing.assert_allclose(color.luminance(green, "lab"), picture([0.86246] * 3), atol=1e-4)
    np.testing.assert_allclose(color.luminance(green, "yiq"), picture([0.587] * 3), atol=1e-6)


@pytest.mark.parametrize("space", color.SPACES)
def test_a_grey_photograph_gets_all_its_colors_back(rng, space):
    photograph = rng.random((1, 30, 40, 3), np.float32)
    grey = color.luminance(photograph, space)
    result = color.keep_colors(grey, photograph, space, 1.0)
    np.testing.assert_allclose(result, photograph, atol=2e-3)


def grey_picture(*values):
    return np.repeat(np.array(values, np.float32)[np.newaxis, :, np.newaxis, np.newaxis], 3, axis=3)


def test_matched_lightness_has_the_photographs_mean_and_deviation():
    # Mean 0.4 and deviation 0.1 become 0.5 and 0.2: 0.5 + 2 * (x - 0.4)
    style, photograph = grey_picture(0.3, 0.5, 0.3, 0.5), grey_picture(0.3, 0.7)
    result = color.match_lightness(style, photograph, 1.0)
    np.testing.assert_allclose(result, grey_picture(0.3, 0.7, 0.3, 0.7), atol=1e-6)
    halfway = color.match_lightness(style, photograph, 0.5)
    np.testing.assert_allclose(halfway, grey_picture(0.3, 0.6, 0.3, 0.6), atol=1e-6)
    np.testing.assert_array_equal(color.match_lightness(style, photograph, 0.0), style)
    np.testing.assert_allclose(color.match_lightness(style, style, 1.0), style, atol=1e-6)


def test_matched_lightness_of_flat_and_faint_pictures():
    photograph = grey_picture(0.2, 0.6)  # Mean 0.4, deviation 0.2.
    dull = grey_picture(0.9, 0.9)
    np.testing.assert_allclose(
        color.match_lightness(dull, photograph, 1.0), grey_picture(0.4, 0.4), atol=1e-6
    )
    np.testing.assert_allclose(
        color.match_lightness(photograph, dull, 1.0), grey_picture(0.9, 0.9), atol=1e-6
    )
    np.testing.assert_allclose(color.match_lightness(dull, dull, 1.0), dull, atol=1e-6)
    faint = grey_picture(0.80, 0.82)  # A deviation of 0.01 could grow twentyfold.
    gain = color.MAX_GAIN
    np.testing.assert_allclose(
        color.match_lightness(faint, photograph, 1.0),
        grey_picture(0.4 - 0.01 * gain, 0.4 + 0.01 * gain),
        atol=1e-5,
    )


# The photograph's statistics, given to the painting.


@pytest.mark.parametrize("method", AFFINE)
def test_mean_and_covariance_become_the_photographs(painting, photograph, method):
    result = color.match_colors(painting, photograph, method, 1.0)
    assert 0 < result.min() < result.max() < 1  # Nothing was clipped.
    mean, covariance = twins.moments(result[0])
    expected_mean, expected_covariance = twins.moments(photograph[0])
    np.testing.assert_allclose(mean, expected_mean, atol=1e-6)
    np.testing.assert_allclose(covariance, expected_covariance, atol=1e-7)


@pytest.mark.parametrize("method", AFFINE)
def test_affine_maps_are_those_of_the_papers(painting, photograph, method):
    mean, own = twins.moments(painting[0])
    wanted_mean, wanted = twins.moments(photograph[0])
    root = scipy.linalg.sqrtm
    inverse = np.linalg.inv
    matrix = {
        "symmetric": lambda: (
            inverse(root(own)) @ root(root(own) @ wanted @ root(own)) @ inverse(root(own))
        ),
        "pca": lambda: root(wanted) @ inverse(root(own)),
        "cholesky": lambda: np.linalg.cholesky(wanted) @ inverse(np.linalg.cholesky(own)),
    }[method]()
    matched = (painting - mean) @ np.real(matrix).T + wanted_mean
    for amount in (0.4, 1.0):
        np.testing.assert_allclose(
            color.match_colors(painting, photograph, method, amount),
            painting + amount * (matched - painting),
            atol=2e-6,
        )


def test_the_symmetric_map_moves_colors_least(painting, photograph):
    moved = {
        method: np.mean((color.match_colors(painting, photograph, method, 1.0) - painting) ** 2)
        for method in AFFINE
    }
    assert moved["symmetric"] < min(moved["pca"], moved["cholesky"])


def test_histograms_of_the_channels_become_the_photographs(rng):
    painting = rng.beta(2, 5, size=(1, 60, 50, 3)).astype(np.float32)
    photograph = rng.beta(1, 1.5, size=(1, 60, 50, 3)).astype(np.float32)
    photograph[..., 2] = photograph[..., 0] ** 2
    result = color.match_colors(painting, photograph, "histogram", 1.0)
    affine = color.match_colors(painting, photograph, "symmetric", 1.0)
    wanted = np.sort(photograph.reshape(-1, 3), axis=0)
    np.testing.assert_allclose(np.sort(result.reshape(-1, 3), axis=0), wanted, atol=0.02)
    assert np.abs(np.sort(affine.reshape(-1, 3), axis=0) - wanted).max() > 0.05


def test_histograms_are_not_torn_where_the_photograph_has_nothing(rng):
    """Half of the photograph is dark, half is light; a gentle ramp does not become two patches."""
    ramp = np.linspace(0.2, 0.8, 400, dtype=np.float32).reshape(1, 20, 20, 1) * np.ones(3)
    photograph = np.concatenate([flat(0.1, 0.1, 0.1), flat(0.9, 0.9, 0.9)], axis=1)
    photograph += rng.normal(size=photograph.shape) * 0.01
    steepest = (0.4 / np.std(ramp)) * color.MAX_GAIN * np.diff(ramp[0, ..., 0].ravel()).max()
    result = color.match_colors(ramp, photograph, "histogram", 1.0)[0, ..., 0].ravel()
    assert np.diff(result).max() < 1.05 * steepest
    assert result.min() < 0.13  # And still there are both.
    assert result.max() > 0.87


@pytest.mark.parametrize("method", color.METHODS)
def test_a_picture_matched_to_itself_stays_as_it_is(painting, method):
    result = color.match_colors(painting, painting, method, 1.0)
    np.testing.assert_allclose(result, painting, atol=1e-5 if method in AFFINE else 2e-3)


@pytest.mark.parametrize("method", color.METHODS)
def test_amounts_lead_straight_from_the_painting_to_the_match(painting, photograph, method):
    np.testing.assert_array_equal(color.match_colors(painting, photograph, method, 0.0), painting)
    match = color.match_colors(painting, photograph, method, 1.0)
    third = color.match_colors(painting, photograph, method, 1 / 3)
    np.testing.assert_allclose(third, painting + (match - painting) / 3, atol=1e-6)


@pytest.mark.parametrize("method", AFFINE)
def test_only_the_end_of_the_way_is_clipped(method):
    # Deviations are 0.1 and 0.5: 0.5 +- 0.3 would become 0.5 +- 1.5, and halfway 0.5 +- 0.9.
    style, photograph = grey_picture(0.2, 0.8, *[0.5] * 16), grey_picture(0.0, 1.0)
    result = color.match_colors(style, photograph, method, 0.5)
    np.testing.assert_allclose(result, grey_picture(0.0, 1.0, *[0.5] * 16), atol=1e-6)


@pytest.mark.parametrize("method", color.METHODS)
def test_where_pixels_are_does_not_matter(rng, painting, photograph, method):
    def shuffled(image, order):
        return image.reshape(-1, 3)[order].reshape(image.shape)

    order = rng.permutation(painting.size // 3)
    result = color.match_colors(painting, photograph, method, 1.0)
    np.testing.assert_allclose(
        color.match_colors(shuffled(painting, order), photograph[:, ::-1], method, 1.0),
        shuffled(result, order),
        atol=1e-5,
    )


@pytest.mark.parametrize("method", color.METHODS)
def test_pictures_of_other_sizes_have_statistics_too(rng, painting, method):
    wide = rng.uniform(0.2, 0.8, size=(1, 3, 90, 3))
    mean = color.match_colors(painting, wide, method, 1.0).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(mean, wide.mean(axis=(0, 1, 2)), atol=0.01)


@pytest.mark.parametrize("method", color.METHODS)
def test_a_flat_painting_takes_the_mean_color_and_a_flat_photograph_gives_it(photograph, method):
    dull = flat(0.1, 0.9, 0.3)
    mean = photograph.mean(axis=(0, 1, 2), dtype=np.float64)
    np.testing.assert_allclose(
        color.match_colors(dull, photograph, method, 1.0), flat(*mean), atol=1e-4
    )
    np.testing.assert_allclose(
        color.match_colors(photograph, dull, method, 1.0),
        flat(0.1, 0.9, 0.3, size=photograph.shape[1:3]),
        atol=1e-4,
    )
    np.testing.assert_allclose(color.match_colors(dull, flat(1, 0, 0), method, 1.0), flat(1, 0, 0))


@pytest.mark.parametrize("method", color.METHODS)
def test_a_grey_photograph_makes_the_painting_grey(rng, painting, method):
    grey = np.repeat(rng.uniform(0.4, 0.6, size=(1, 20, 30, 1)), 3, axis=3)
    result = color.match_colors(painting, grey, method, 1.0)
    assert np.ptp(result, axis=-1).max() < 1e-3
    assert result.std() == pytest.approx(grey.std(), rel=0.01)


@pytest.mark.parametrize("method", AFFINE)
def test_a_grey_painting_is_tinted_along_one_line_of_colors(rng, photograph, method):
    grey = np.repeat(rng.uniform(0.2, 0.8, size=(1, 20, 30, 1)), 3, axis=3)
    result = color.match_colors(grey, photograph, method, 1.0)
    mean, covariance = twins.moments(result[0])
    np.testing.assert_allclose(mean, twins.moments(photograph[0])[0], atol=1e-5)
    values = np.linalg.eigvalsh(covariance)
    assert values[1] < 1e-9 < 1e-4 < values[2]


@pytest.mark.parametrize("method", AFFINE)
def test_no_difference_of_colors_grows_more_than_the_limit(rng, method):
    wanted = 0.01 * twins.positive_definite(rng, 3, 1000)
    photograph = random_picture(rng, [0.5, 0.5, 0.5], wanted)
    for deviations in ([1e-1, 1e-3, 1e-3], [1e-2, 1e-2, 0], [1e-4, 1e-4, 1e-4]):
        axes = twins.rotation(rng, 3)
        style = random_picture(rng, [0.5, 0.5, 0.5], (axes * np.square(deviations)) @ axes.T)
        result = color.match_colors(style, photograph, method, 1.0).astype(np.float64)
        keep = (result > 0).all(axis=-1) & (result < 1).all(axis=-1)
        before, after = style[keep], result[keep]
        slopes, *_ = np.linalg.lstsq(before - before.mean(0), after - after.mean(0), rcond=1e-3)
        assert np.linalg.norm(slopes, 2) < 1.001 * color.MAX_GAIN


@pytest.mark.parametrize("method", color.METHODS)
def test_the_noise_of_a_grey_painting_does_not_become_colors(rng, photograph, method):
    grey = np.repeat(rng.uniform(0.2, 0.8, size=(1, 40, 50, 1)), 3, axis=3)
    noisy = rounded(grey + rng.normal(size=grey.shape) / 255)
    saturated = np.clip((photograph - 0.5) * 3 + 0.5, 0, 1)
    clean = color.match_colors(grey, saturated, method, 1.0)
    result = color.match_colors(noisy, saturated, method, 1.0)
    # The noise has a deviation of 1 / 255, and sqrt(1 / 12) / 255 of rounding.
    assert np.std(result - clean) < 1.1 * color.MAX_GAIN * np.sqrt(1 + 1 / 12) / 255


@pytest.mark.parametrize("method", color.METHODS)
def test_every_direction_gets_what_the_limit_allows(method):
    # Along grey the painting's deviation is 0.01, the photograph's 0.2.
    result = color.match_colors(grey_picture(0.49, 0.51), grey_picture(0.3, 0.7), method, 1.0)
    np.testing.assert_allclose(result, grey_picture(0.45, 0.55), atol=1e-4)


def test_histograms_of_large_pictures_are_those_of_a_grid_of_pixels(rng):
    painting = rng.beta(3, 5, size=(1, 700, 600, 3)).astype(np.float32)
    photograph = rng.beta(4, 3, size=(1, 600, 800, 3)).astype(np.float32)
    result = color.match_colors(painting, photograph, "histogram", 1.0)
    levels = np.linspace(0.01, 0.99, 50)
    np.testing.assert_allclose(
        np.quantile(result, levels, axis=(0, 1, 2)),
        np.quantile(photograph, levels, axis=(0, 1, 2)),
        atol=0.01,
    )


# All of them.

CALLS = {
    "keep_colors": lambda own, other: color.keep_colors(own, other, "lab", 1.0),
    "luminance": lambda own, other: color.luminance(own, "oklab"),
    "match_lightness": lambda own, other: color.match_lightness(own, other, 1.0),
    "match_colors": lambda own, other: color.match_colors(own, other, "symmetric", 0.5),
    "histogram": lambda own, other: color.match_colors(own, other, "histogram", 0.5),
    "lab_from_srgb": lambda own, other: color_spaces.lab_from_srgb(own),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_takes_the_memory_of_its_result_and_a_little(rng, name):
    own, other = rng.random((2, 1, 1000, 1500, 3), np.float32)
    tracemalloc.start()
    result = CALLS[name](own, other)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.shape == own.shape
    assert peak < result.nbytes + (32e6 if name == "histogram" else 3e6)


@pytest.mark.parametrize("name", CALLS)
def test_pictures_are_float32_within_the_range_and_arguments_stay_as_they_were(rng, name):
    own, other = rng.random((2, 1, 9, 11, 3))
    before = own.copy(), other.copy()
    result = CALLS[name](own, other)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(own, before[0])
    np.testing.assert_array_equal(other, before[1])
    if name != "lab_from_srgb":
        assert result.min() >= 0
        assert result.max() <= 1


IMAGE = flat(0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: color.keep_colors(IMAGE, IMAGE, "oklb", 1.0),
            r"`space` must be one of lab, oklab, yiq; got 'oklb'. Did you mean 'oklab'\?",
        ),
        (lambda: color.luminance(IMAGE, "hsv"), "`space` must be .*; got 'hsv'"),
        (
            lambda: color.match_colors(IMAGE, IMAGE, "colesky", 1.0),
            r"`method` must be one of .*; got 'colesky'. Did you mean 'cholesky'\?",
        ),
        (
            lambda: color.match_colors(IMAGE, IMAGE, "pca", float("nan")),
            r"`amount` must be in \[0, 1\]; got nan",
        ),
        (lambda: color.match_lightness(IMAGE, IMAGE, -0.1), "`amount` must be .*; got -0.1"),
        (lambda: color.keep_colors(IMAGE, IMAGE, "lab", 1.1), "`amount` must be .*; got 1.1"),
        (
            lambda: color.keep_colors(IMAGE, flat(0, 0, 0, size=(5, 4)), "lab", 0.0),
            r"`photograph` must have the size of `picture`, \(4, 5\); got \(5, 4\)",
        ),
        (
            lambda: color.match_colors(IMAGE[0], IMAGE, "pca", 1.0),
            r"`style` must be \[1, H, W, 3\] and not empty; got \(4, 5, 3\)",
        ),
        (
            lambda: color.match_lightness(IMAGE, IMAGE[..., :1], 1.0),
            r"`photograph` must be .*; got \(1, 4, 5, 1\)",
        ),
        (lambda: color.luminance(IMAGE[:, :0], "lab"), r"`image` must be .*; got \(1, 0, 5, 3\)"),
        (
            lambda: color.keep_colors(np.concatenate([IMAGE, IMAGE]), IMAGE, "lab", 1.0),
            r"`picture` must be .*; got \(2, 4, 5, 3\)",
        ),
    ],
)
def test_bad_arguments_are_named_with_the_rule_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
