import numpy as np
import pytest
import scipy.fft
import tensorflow as tf

from stylize_tf.optimizers import spectral
from stylize_tf.optimizers.lbfgs import LBFGS
from stylize_tf.optimizers.method import ImageOptimizer
from stylize_tf.optimizers.spectral import BANDS, Coordinates, Spectral

SHAPES = [(1, 8, 8, 3), (1, 5, 12, 3), (1, 1, 7, 3), (1, 6, 4, 1)]


def image_of(rng, shape):
    return tf.constant(rng.normal(size=shape), tf.float32)


def coordinates_of(shape, gains=None):
    return Coordinates.of(tf.TensorShape(shape), gains)


@pytest.mark.parametrize("size", [1, 2, 7, 16])
def test_cosines_are_those_of_scipys_transform(rng, size):
    x = rng.normal(size=size)
    np.testing.assert_allclose(
        spectral.cosines(size) @ x, scipy.fft.dct(x, norm="ortho"), atol=1e-5
    )


def test_long_cosines_are_still_orthonormal():
    basis = spectral.cosines(600).astype(np.float64)
    assert spectral.cosines(600).dtype == np.float32
    np.testing.assert_allclose(basis @ basis.T, np.eye(600), atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_coefficients_are_scipys_of_decorrelated_colors(rng, shape):
    image = image_of(rng, shape)
    even = coordinates_of(shape, np.ones([BANDS, shape[3]]))
    planes = scipy.fft.dctn(image[0].numpy(), axes=(0, 1), norm="ortho")
    if shape[3] == 3:  # Brightness first, then what differs from it, all of length 1.
        colors = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
        planes = planes @ colors.T
    np.testing.assert_allclose(np.abs(even.of_image(image)[0]), np.abs(planes), atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_picture_at_the_coordinates_of_a_picture_is_that_picture(rng, shape):
    image, coordinates = image_of(rng, shape), coordinates_of(shape)
    np.testing.assert_allclose(
        coordinates.image(coordinates.of_image(image)), image, rtol=1e-4, atol=1e-5
    )


def test_the_gradient_is_that_by_the_coordinates(rng):
    shape = (1, 6, 9, 3)
    coordinates, slope = coordinates_of(shape), image_of(rng, shape)
    with tf.GradientTape() as tape:
        place = image_of(rng, shape)
        tape.watch(place)
        value = tf.reduce_sum(slope * coordinates.image(place))
    np.testing.assert_allclose(
        coordinates.of_gradient(slope), tape.gradient(value, place), rtol=1e-3, atol=1e-4
    )


def test_bands_are_quarters_of_octaves_up_to_the_highest_frequency():
    band = spectral.bands(64, 64)
    assert band[0, 0] == 0
    # Half a cycle a pixel on one axis is half an octave below the highest, which is on both.
    assert band[63, 63] == BANDS - 1
    assert band[63, 0] == BANDS - 3
    assert band[32, 0] == band[63, 0] - 4 + 1  # An octave, less what 63 is short of 64.
    assert (np.diff(band[0]) >= 0).all()
    assert spectral.bands(32, 48)[16, 24] == spectral.bands(64, 96)[32, 48]


def test_gains_have_a_geometric_mean_of_one_and_fall_with_the_frequency():
    gains = coordinates_of((1, 8, 8, 3)).gains.numpy()
    assert gains.shape == (BANDS, 3)
    assert np.mean(np.log(gains)) == pytest.approx(0, abs=1e-6)
    assert (np.diff(gains, axis=0) < 0).all()


def quadratic(curvatures):
    """Half of `sum(curvature * coefficient^2)` in cosine coefficients of decorrelated colors."""

    def value_and_gradient(image, targets):
        plain = coordinates_of(image.shape, np.ones([BANDS, 3]))
        factors = curvatures(image.shape)
        coefficients = plain.of_image(image)
        loss = tf.reduce_sum(factors * coefficients**2) / 2
        return {"loss": loss}, plain.image(factors * coefficients)

    return value_and_gradient


def rising(shape):
    """Curvature in proportion to the frequency, higher for color, falling with the pixels."""
    band = spectral.bands(*shape[1:3])
    curvature = 2.0 ** (band[np.newaxis, :, :, np.newaxis] / 4) * [1, 4, 16]
    return tf.constant(curvature / np.prod(shape[1:3]), tf.float32)


def evaluations_until(optimizer, value, limit=300):
    for count in range(1, limit + 1):
        if float(optimizer.step(())["loss"]) <= value:
            return count
    return limit


def test_it_needs_fewer_evaluations_where_curvature_rises_with_frequency(rng):
    start = image_of(rng, (1, 24, 32, 3))
    function = quadratic(rising)
    goal = 1e-5 * float(function(start, ())[0]["loss"])
    plain = evaluations_until(ImageOptimizer(function, LBFGS(history=5), start), goal)
    ours = evaluations_until(ImageOptimizer(function, Spectral(LBFGS(history=5)), start), goal)
    assert ours < 0.7 * plain


def test_what_was_seen_at_a_coarse_stage_helps_at_the_next(rng):
    function, method = quadratic(rising), Spectral(LBFGS(history=5))
    coarse = ImageOptimizer(function, method, image_of(rng, (1, 12, 16, 3)))
    for _ in range(30):
        coarse.step(())
    start = image_of(rng, (1, 24, 32, 3))
    goal = 1e-5 * float(function(start, ())[0]["loss"])
    anew = evaluations_until(ImageOptimizer(function, method, start), goal)
    after = evaluations_until(ImageOptimizer(function, method, start, coarse), goal)
    assert after < anew


def test_learned_gains_are_the_inverse_curvatures_of_a_quadratic(rng):
    """Half way to them in logarithms, as the mean of what was known and what was seen."""
    function, method = quadratic(rising), Spectral(LBFGS(history=5))
    optimizer = ImageOptimizer(function, method, image_of(rng, (1, 32, 32, 3)))
    before = optimizer.state.coordinates.gains.numpy()
    for _ in range(4):
        optimizer.step(())
    gains, radius = spectral.learned(optimizer.state)
    inverse = 1 / (2.0 ** (np.arange(BANDS)[:, np.newaxis] / 4) * [1.0, 4, 16])
    wanted = np.sqrt(inverse * before)
    wanted /= np.exp(np.mean(np.log(wanted)))
    # Bands that a picture of 32 pixels has waves in.
    np.testing.assert_allclose(gains[6:], wanted[6:], rtol=0.15)
    assert radius > 0


def test_without_a_step_the_gains_stay_and_no_radius_is_known(rng):
    state = Spectral(LBFGS()).initial(image_of(rng, (1, 6, 8, 3)))
    gains, radius = spectral.learned(state)
    np.testing.assert_array_equal(gains, state.coordinates.gains)
    assert radius == 0


def test_broad_waves_of_a_large_picture_keep_near_what_a_smaller_stage_settled(rng):
    def scales(size, previous_size, shape):
        method = Spectral(LBFGS(history=2), settled_size=size)
        image = image_of(rng, shape)
        previous = previous_size and method.initial(image_of(rng, (1, 8, previous_size, 3)))
        ours = method.initial(image, previous or None).coordinates.scale
        alike = Spectral(LBFGS(history=2)).initial(image, previous or None).coordinates.scale
        return (ours / alike).numpy()[0, :, :, 0] ** 2

    shape = (1, 32, 64, 3)
    ones = np.ones(shape[1:3])
    # Where nothing was settled: no size, a first stage, a stage before that was smaller.
    for size, previous_size in ((0, 32), (32, 0), (32, 31), (64, 32)):
        np.testing.assert_array_equal(scales(size, previous_size, shape), ones)
    across = scales(32, 48, shape)[0]  # A cosine of number k has k / 2 cycles.
    np.testing.assert_allclose(across[:9], spectral.SETTLED_GAIN, rtol=1e-5)
    np.testing.assert_allclose(across[16:], 1, rtol=1e-5)
    assert (np.diff(across[8:17]) > 0).all()
    # The picture's shape does not matter, only how long the waves are.
    np.testing.assert_allclose(scales(32, 48, (1, 64, 64, 3))[:, 0], across, rtol=1e-5)


def test_bands_without_waves_are_like_the_nearest_others(rng):
    values = rng.normal(size=(BANDS, 4))
    known = rng.random((BANDS, 4)) < 0.4
    known[:7, 1] = known[-3:, 1] = known[:, 3] = False
    found = spectral._between(tf.constant(values), tf.constant(known)).numpy()
    rows = np.arange(BANDS)
    for channel in range(3):
        own = known[:, channel]
        expected = np.interp(rows, rows[own], values[own, channel])
        np.testing.assert_allclose(found[:, channel], expected)
    np.testing.assert_array_equal(found[:, 3], values[:, 3])
