import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.optimizers.adam import Adam
from stylize_tf.optimizers.method import ImageOptimizer
from tests.fakes.functions import (
    SHAPE,
    bowl,
    bowl_targets,
    half_square,
    iterates,
    random_image,
    slope,
)


@pytest.mark.parametrize("parameters", [{}, {"amsgrad": True}, {"beta_1": 0.5, "clip_norm": 0.3}])
def test_adam_is_that_of_keras(rng, parameters):
    targets, start = bowl_targets(rng), random_image(rng)
    method = Adam(learning_rate=0.05, bounds=None, **parameters)
    actual = iterates(ImageOptimizer(bowl, method, start), targets, 10)
    names = {"clip_norm": "clipnorm"}
    reference = keras.optimizers.Adam(
        0.05, **{names.get(name, name): value for name, value in parameters.items()}
    )
    image = tf.Variable(start)
    for expected in actual:
        reference.apply([bowl(image, targets)[1]], [image])
        np.testing.assert_allclose(image, expected, rtol=1e-5, atol=1e-6)


def test_the_first_step_moves_every_pixel_by_the_learning_rate():
    method = Adam(learning_rate=0.01, epsilon=1e-9)
    optimizer = ImageOptimizer(half_square, method, tf.fill(SHAPE, 0.5))
    [first] = iterates(optimizer, tf.fill(SHAPE, 0.9), 1)
    np.testing.assert_allclose(first, 0.51, rtol=1e-5)


def test_the_learning_rate_rises_linearly_during_the_warm_up():
    # Constant gradients: every step is as long as its rate.
    method = Adam(learning_rate=0.01, warmup_steps=4, epsilon=1e-9, bounds=None)
    optimizer = ImageOptimizer(slope, method, tf.zeros(SHAPE))
    images = iterates(optimizer, (), 6)[:, 0, 0, 0, 0]
    np.testing.assert_allclose(
        np.diff(images, prepend=0), -0.01 * np.array([0.25, 0.5, 0.75, 1, 1, 1]), rtol=1e-4
    )


def test_pixels_stay_within_the_bounds_and_are_free_without(rng):
    targets = tf.constant(rng.choice([-3.0, 4.0], size=SHAPE), tf.float32)
    for bounds in ((0.0, 1.0), (0.2, 0.6)):
        method = Adam(learning_rate=0.3, bounds=bounds)
        images = iterates(ImageOptimizer(half_square, method, tf.fill(SHAPE, 0.5)), targets, 8)
        np.testing.assert_allclose(images[-1], np.where(targets < 0, *bounds), rtol=1e-6)
        assert bounds[0] <= images.min() <= images.max() <= bounds[1] + 1e-7
    free = Adam(learning_rate=0.3, bounds=None)
    images = iterates(ImageOptimizer(half_square, free, tf.fill(SHAPE, 0.5)), targets, 8)
    assert images.min() < 0
    assert images.max() > 1


def test_moments_are_carried_to_a_stage_of_the_same_size(rng):
    targets, start = bowl_targets(rng), random_image(rng)
    method = Adam(learning_rate=0.02, bounds=None, amsgrad=True)
    through = iterates(ImageOptimizer(bowl, method, start), targets, 9)
    first = ImageOptimizer(bowl, method, start)
    before = iterates(first, targets, 4)
    second = ImageOptimizer(bowl, method, tf.constant(before[-1]), first)
    after = iterates(second, targets, 5)
    np.testing.assert_allclose(np.concatenate([before, after]), through, rtol=1e-5, atol=1e-6)


def test_moments_of_a_coarser_stage_are_resized_in_proportion_to_the_pixels():
    """The gradient of a mean is four times smaller on four times the pixels, its square sixteen."""

    def tilt(image, targets):
        """The mean of the red channel alone."""
        share = tf.constant([1.0, 0.0, 0.0]) / tf.cast(tf.size(image), tf.float32)
        return {"loss": tf.reduce_sum(image * share)}, tf.broadcast_to(share, tf.shape(image))

    method = Adam(learning_rate=0.02, bounds=None, epsilon=1e-12)
    coarse = ImageOptimizer(tilt, method, tf.zeros([1, 2, 3, 3]))
    iterates(coarse, (), 3)
    images = iterates(ImageOptimizer(tilt, method, tf.zeros([1, 4, 6, 3]), coarse), (), 4)
    # With the right moments nothing notices the change: steps stay as long as the rate.
    expected = -0.02 * np.arange(1, 5)[:, None, None, None, None] * np.array([1, 0, 0])
    np.testing.assert_allclose(images, np.broadcast_to(expected, images.shape), atol=1e-5)


def test_the_warm_up_is_not_repeated_in_a_later_stage():
    method = Adam(learning_rate=0.01, warmup_steps=3, epsilon=1e-9, bounds=None)
    first = ImageOptimizer(slope, method, tf.zeros(SHAPE))
    iterates(first, (), 5)
    [image] = iterates(ImageOptimizer(slope, method, tf.zeros(SHAPE), first), (), 1)
    np.testing.assert_allclose(image, -0.01, rtol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30], ids=str)
def test_a_step_with_a_bad_loss_goes_back_to_the_best_image_with_half_the_rate(bad):
    def cliff(image, targets):
        """Falls by one a pixel, and is bad beyond `targets`."""
        fallen = tf.reduce_min(image) < targets
        loss = tf.where(fallen, bad, 1 + tf.reduce_mean(image))
        return {"loss": loss}, tf.ones_like(image)

    method = Adam(learning_rate=0.1, epsilon=1e-9, bounds=None)
    optimizer = ImageOptimizer(cliff, method, tf.zeros(SHAPE))
    images = iterates(optimizer, tf.constant(-0.15), 4)[:, 0, 0, 0, 0]
    # -0.1 is good, -0.2 is not: back to -0.1.
    np.testing.assert_allclose(images[:3], [-0.1, -0.2, -0.1], rtol=1e-4)
    assert -0.1 > images[3] > -0.2
    assert int(optimizer.step_backs) == 1
    np.testing.assert_allclose(optimizer.result(), -0.1, rtol=1e-4)
    assert float(optimizer.best_loss) == pytest.approx(0.9)


def test_a_loss_may_rise_over_the_best_one_but_not_to_ten_times_that_of_the_start():
    def told(image, targets):
        return {"loss": targets}, tf.ones_like(image)

    optimizer = ImageOptimizer(told, Adam(learning_rate=0.001), tf.fill(SHAPE, 0.5))
    step_backs = []
    for loss in (3.0, 0.001, 2.0, 29.0, 31.0, 1.0):
        optimizer.step(tf.constant(loss))
        step_backs.append(int(optimizer.step_backs))
    assert step_backs == [0, 0, 0, 0, 1, 1]
    assert float(optimizer.best_loss) == pytest.approx(0.001)
