"""The colors of a painting brought to the statistics of the photograph's."""

import numpy as np
import pytest
import scipy.linalg

from stylize_tf.control import color
from tests.fakes import twins
from tests.fakes.colors import flat, grey_picture, random_picture, rounded

AFFINE = ("symmetric", "pca", "cholesky")


@pytest.fixture
def painting(rng):
    return random_picture(rng, [0.4, 0.5, 0.6], 0.005 * twins.positive_definite(rng, 3, 20))


@pytest.fixture
def photograph(rng):
    return random_picture(rng, [0.6, 0.5, 0.4], 0.005 * twins.positive_definite(rng, 3, 20))


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
