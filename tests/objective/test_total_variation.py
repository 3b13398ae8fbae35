import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.objective.terms.total_variation import neighbor_sums, of_sums
from tests.fakes import twins


def of_form(form):
    function = lambda image: of_sums(neighbor_sums(image, form), form)  # noqa: E731
    function.__name__ = form
    return function


TOTAL_VARIATIONS = [of_form(form) for form in ("l1", "squared", "nine_point")]
l1, squared, nine_point = TOTAL_VARIATIONS


def value_and_gradient(function, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return float(value), tape.gradient(value, x).numpy()


def test_total_variation_of_two_by_two_pixels_is_worked_by_hand():
    image = tf.constant([[1.0, 4.0], [3.0, 0.0]])[tf.newaxis, ..., tf.newaxis]
    # Down: 2 and -4; right: 3 and -3.
    assert float(l1(image)) == pytest.approx((2 + 4) / 2 + (3 + 3) / 2)
    assert float(squared(image)) == pytest.approx((4 + 16) / 2 + 9)
    # With the border repeated there are four axial pairs each way and nine diagonal ones; of these
    # the inner one differs by 1, those across an edge of the picture by 3, 2, 4 and 3.
    axial = (4 + 16 + 0 + 0) / 4 + (9 + 9 + 0 + 0) / 4
    diagonal = 2 * (1 + 9 + 4 + 16 + 9 + 0 + 0 + 0 + 0) / 9
    expected = axial * 2 / 3 + diagonal / 6
    assert float(nine_point(image)) == pytest.approx(expected)


def test_nine_point_total_variation_is_the_stencil_of_style_transfer_pytorch(rng):
    image = rng.uniform(size=(1, 5, 7, 3))
    padded = np.pad(image, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    inner, after, before, on = slice(1, -1), slice(2, None), slice(None, -1), slice(1, None)
    expected = 2 * (
        np.mean((padded[:, inner, after] - padded[:, inner, inner]) ** 2) / 3
        + np.mean((padded[:, after, inner] - padded[:, inner, inner]) ** 2) / 3
        + np.mean((padded[:, on, on] - padded[:, before, before]) ** 2) / 12
        + np.mean((padded[:, on, before] - padded[:, before, on]) ** 2) / 12
    )
    actual = nine_point(tf.constant(image))
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("roughness", TOTAL_VARIATIONS, ids=lambda f: f.__name__)
def test_total_variation_does_not_change_when_the_picture_is_turned_or_mirrored(rng, roughness):
    image = rng.uniform(size=(1, 6, 9, 3))
    expected = float(roughness(tf.constant(image)))
    for same in (image[:, ::-1], image[:, :, ::-1], image.transpose(0, 2, 1, 3), image[..., ::-1]):
        np.testing.assert_allclose(roughness(tf.constant(same)), expected, rtol=1e-12)


@pytest.mark.parametrize("roughness", TOTAL_VARIATIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (4, 6)], ids=str)
def test_total_variation_of_flat_pictures_is_zero_and_so_is_its_gradient(roughness, size):
    value, gradient = value_and_gradient(roughness, np.full((1, *size, 3), 0.7))
    assert value == 0
    np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize("size", [(6, 9), (12, 40)], ids=str)
def test_total_variation_of_a_slope_is_its_steepness_at_any_size(size):
    rows, columns = np.mgrid[: size[0], : size[1]]
    slope = (0.03 * rows - 0.04 * columns)[np.newaxis, ..., np.newaxis] * np.ones(3)
    assert float(l1(tf.constant(slope))) == pytest.approx(0.07)
    assert float(squared(tf.constant(slope))) == pytest.approx(0.0025)


def test_nine_point_total_variation_of_a_slope_nears_the_squared_one_away_from_the_border():
    slope = np.broadcast_to(0.01 * np.arange(400.0), (3, 400))[np.newaxis, ..., np.newaxis]
    nine = float(nine_point(tf.constant(slope)))
    assert nine == pytest.approx(float(squared(tf.constant(slope))), rel=0.01)


@pytest.mark.parametrize("roughness", TOTAL_VARIATIONS, ids=lambda f: f.__name__)
def test_total_variation_gradient_agrees_with_finite_differences(rng, roughness):
    image, directions = rng.uniform(size=(1, 4, 5, 3)), rng.normal(size=(6, 1, 4, 5, 3))
    _, gradient = value_and_gradient(roughness, image)
    expected = twins.slopes(lambda x: roughness(tf.constant(x)), image, directions, 1e-6)
    np.testing.assert_allclose(
        np.sum(gradient * directions, axis=(1, 2, 3, 4)), expected, rtol=1e-6
    )


@pytest.mark.parametrize("roughness", TOTAL_VARIATIONS, ids=lambda f: f.__name__)
def test_other_ranks_are_refused_with_the_shape(roughness):
    with pytest.raises(ValueError, match=r"\(4, 4, 3\)"):
        roughness(tf.zeros([4, 4, 3]))
