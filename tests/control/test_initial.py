import itertools

import numpy as np
import pytest

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control.initial import initial_image, pink_noise, style_statistics
from stylize_tf.images import image_io

KINDS = StyleTransferConfig.__dataclass_fields__["init"].metadata["choices"]
NOISES = [kind for kind in KINDS if kind not in ("content", "picture")]


@pytest.fixture
def content(rng):
    return rng.uniform(size=[1, 32, 48, 3]).astype(np.float32)


@pytest.fixture
def style(rng):
    """Colors that go together, coarse patches, far from the ends of the range."""
    coarse = (
        0.05 * rng.normal(size=[1, 8, 8, 3]) @ np.array([[1, 0.8, 0.2], [0, 0.5, 0.5], [0, 0, 0.3]])
    )
    return image_io.resize(coarse + np.array([0.6, 0.4, 0.3]), 40, 40)


def made(kind, content, style, picture=None, seed=0):
    return initial_image(kind, content, style, picture, np.random.default_rng(seed))


def colors(image):
    """Mean and covariance of the colors of `[1, H, W, 3]`."""
    rows = np.asarray(image, np.float64).reshape(-1, 3)
    return rows.mean(0), np.cov(rows, rowvar=False, bias=True)


def neighbour_correlation(image):
    centred = image - image.mean(axis=(1, 2), keepdims=True)
    return np.mean(centred[:, 1:] * centred[:, :-1]) / np.mean(centred**2)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_picture_of_the_size_of_the_photograph(content, style, kind):
    image = made(kind, content, style, picture=style if kind == "picture" else None)
    assert (image.shape, image.dtype) == (content.shape, np.float32)
    assert 0 <= image.min() < image.max() <= 1
    assert np.isfinite(image).all()


@pytest.mark.parametrize("kind", NOISES)
def test_noise_is_the_same_for_the_same_seed_only(content, style, kind):
    first, again, other = (made(kind, content, style, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


@pytest.mark.parametrize("kind", NOISES)
def test_noise_does_not_depend_on_the_photograph(content, style, kind):
    np.testing.assert_array_equal(made(kind, content, style), made(kind, 1 - content, style))


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_is_given_is_not_changed(content, style, kind):
    pictures = [content.copy(), style.copy()]
    for picture in pictures:
        picture.flags.writeable = False
    made(kind, *pictures, picture=pictures[1])


def test_the_photograph_and_a_picture_are_taken_as_they_are(content, style):
    np.testing.assert_array_equal(made("content", content, style), content)
    expected = image_io.resize(style, 32, 48)
    np.testing.assert_array_equal(made("picture", content, style, picture=style), expected)


def test_white_noise_is_uniform(style):
    image = made("white_noise", np.zeros([1, 200, 200, 3], np.float32), style)
    np.testing.assert_allclose(image.mean(axis=(0, 1, 2)), 0.5, atol=0.01)
    np.testing.assert_allclose(image.var(axis=(0, 1, 2)), 1 / 12, rtol=0.02)
    np.testing.assert_allclose(np.quantile(image, [0.1, 0.9]), [0.1, 0.9], atol=0.01)
    assert abs(neighbour_correlation(image)) < 0.02


def test_gaussian_noise_is_grey_with_a_deviation_of_15_percent(style):
    image = made("gaussian_noise", np.zeros([1, 200, 200, 3], np.float32), style)
    np.testing.assert_allclose(image.mean(axis=(0, 1, 2)), 0.5, atol=0.01)
    np.testing.assert_allclose(image.std(axis=(0, 1, 2)), 0.15, rtol=0.02)
    # Two thirds of a normal distribution lie within a deviation.
    assert np.mean(np.abs(image - 0.5) < 0.15) == pytest.approx(0.683, abs=0.01)
    assert abs(neighbour_correlation(image)) < 0.02


def test_pink_noise_has_a_spectrum_that_falls_as_one_over_the_squared_frequency(rng):
    noise = pink_noise((1, 256, 256, 3), rng)
    np.testing.assert_allclose(noise.mean(axis=(1, 2)), 0, atol=1e-9)
    np.testing.assert_allclose(noise.std(axis=(1, 2)), 1, rtol=1e-9)
    power = np.mean(np.abs(np.fft.fft2(noise, axes=(1, 2))) ** 2, axis=(0, 3))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256), indexing="ij"))
    rings = np.geomspace(0.02, 0.5, 9)
    ring_powers = [
        power[(frequency >= low) & (frequency < high)].mean()
        for low, high in itertools.pairwise(rings)
    ]
    steepness, _ = np.polyfit(np.log(np.sqrt(rings[:-1] * rings[1:])), np.log(ring_powers), 1)
    assert steepness == pytest.approx(-2, abs=0.15)


def test_pink_noise_has_the_same_spectrum_along_both_sides_of_a_wide_picture(rng):
    noise = pink_noise((1, 64, 512, 1), rng)
    down = np.mean((noise[:, 1:] - noise[:, :-1]) ** 2)
    right = np.mean((noise[:, :, 1:] - noise[:, :, :-1]) ** 2)
    assert down == pytest.approx(right, rel=0.1)


def test_pink_noise_is_smoother_than_white_and_of_unlike_channels(content, style):
    pink = made("pink_noise", content, style)
    assert neighbour_correlation(pink) > 0.5
    correlations = np.corrcoef(pink.reshape(-1, 3), rowvar=False)
    assert np.abs(correlations - np.eye(3)).max() < 0.6


@pytest.mark.parametrize("size", [(40, 40), (24, 60)], ids=str)
def test_style_statistics_have_the_colors_and_the_spectrum_of_the_style(rng, style, size):
    noise = style_statistics((1, *size, 3), style, rng)
    texture = image_io.resize(style, *size).astype(np.float64)
    for actual, expected in zip(colors(noise), colors(texture), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    spectra = [np.abs(np.fft.fft2(x, axes=(1, 2))) for x in (noise, texture)]
    np.testing.assert_allclose(*spectra, atol=1e-4)
    # The same colors and frequencies, in other places.
    assert np.abs(noise - texture).mean() > 0.02


def test_style_statistics_start_with_the_mean_color_of_the_style(content, style):
    image = made("style_statistics", content, style)
    np.testing.assert_allclose(image.mean(axis=(1, 2)), style.mean(axis=(1, 2)), atol=0.01)


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2)], ids=str)
def test_tiny_pictures_have_noise_too(style, kind, size):
    image = made(kind, np.zeros([1, *size, 3], np.float32), style)
    assert image.shape == (1, *size, 3)
    assert np.isfinite(image).all()


def test_a_flat_style_gives_its_color(content):
    flat = np.full([1, 20, 20, 3], 0.3, np.float32)
    np.testing.assert_allclose(made("style_statistics", content, flat), 0.3, atol=1e-6)
