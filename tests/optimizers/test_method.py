import dataclasses
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.optimizers.adam import Adam
from stylize_tf.optimizers.averaged import Averaged
from stylize_tf.optimizers.lbfgs import LBFGS
from stylize_tf.optimizers.method import ImageOptimizer
from tests.fakes import twins

SHAPE = [1, 4, 5, 3]


def half_square(image, targets):
    """`sum((image - targets)^2) / 2`, in two terms."""
    away = image - targets
    loss = tf.reduce_sum(away**2) / 2
    return {"a": 0.25 * loss, "b": 0.75 * loss}, away


def bowl(image, targets):
    """A parabola in each pixel, steep in some and flat in others."""
    curvature, minimum = targets
    away = image - minimum
    return {"loss": tf.reduce_sum(curvature * away**2) / 2}, curvature * away


def bowl_targets(rng, shape=SHAPE):
    return (
        tf.constant(np.exp(rng.normal(size=shape)), tf.float32),
        tf.constant(rng.normal(size=shape), tf.float32),
    )


def random_image(rng, shape=SHAPE):
    return tf.constant(rng.uniform(size=shape), tf.float32)


def iterates(optimizer, targets, steps):
    """The images that so many steps lead to."""
    found = []
    for _ in range(steps):
        optimizer.step(targets)
        found.append(optimizer.image.numpy())
    return np.array(found)


METHODS = [
    Adam(learning_rate=0.05),
    Adam(learning_rate=0.05, amsgrad=True, clip_norm=0.5, warmup_steps=3),
    LBFGS(history=2, first_step=0.02),
    Averaged(Adam(learning_rate=0.05, bounds=None), 0.9),
    Averaged(LBFGS(history=3, first_step=0.02), 0.5),
]

PARAMETERS = [
    {"learning_rate": 0.03},
    {"learning_rate": 0.03, "beta_1": 0.5, "beta_2": 0.7, "epsilon": 0.1},
    {"learning_rate": 0.03, "beta_1": 0.0, "beta_2": 0.99, "amsgrad": True},
    {"learning_rate": 0.03, "warmup_steps": 7},
    {"learning_rate": 0.03, "epsilon": 1e-3, "clip_norm": 0.2},
    {"learning_rate": 0.2, "bounds": (0.0, 1.0)},
    {"learning_rate": 0.2, "bounds": (-0.5, 0.25), "amsgrad": True, "warmup_steps": 3},
]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_adam_is_the_plain_twin_step_by_step(rng, parameters):
    options = {"bounds": None, **parameters}
    curvature, minimum = targets = bowl_targets(rng)
    start = tf.zeros(SHAPE)
    actual = iterates(ImageOptimizer(bowl, Adam(**options), start), targets, 12)
    expected = twins.adam(
        lambda x: curvature.numpy() * (x - minimum.numpy()), start.numpy(), steps=12, **options
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=2e-6)


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


def slope(image, targets):
    return {"loss": tf.reduce_sum(image)}, tf.ones_like(image)


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


def test_step_returns_the_losses_before_it_and_the_result_is_the_best_image_evaluated(rng):
    # So fast that it runs over the minimum.
    optimizer = ImageOptimizer(half_square, Adam(learning_rate=0.3), tf.fill(SHAPE, 0.9))
    targets, losses, images = tf.fill(SHAPE, 0.4), [], []
    for _ in range(10):
        images.append(optimizer.image.numpy())
        found = optimizer.step(targets)
        assert set(found) == {"a", "b"}
        losses.append(float(found["a"] + found["b"]))
        assert losses[-1] == pytest.approx(np.sum((images[-1] - 0.4) ** 2) / 2, rel=1e-4)
        assert float(optimizer.best_loss) == pytest.approx(min(losses))
        np.testing.assert_array_equal(optimizer.result(), images[int(np.argmin(losses))])
    assert losses != sorted(losses, reverse=True)
    assert int(optimizer.step_backs) == 0


# State.


def test_a_new_optimizer_of_the_same_method_begins_anew(rng):
    method = Adam(learning_rate=0.1, amsgrad=True, warmup_steps=2)
    targets, start = bowl_targets(rng), random_image(rng)
    runs = []
    for _ in range(2):
        optimizer = ImageOptimizer(bowl, method, start)
        assert np.isinf(float(optimizer.best_loss))
        assert int(optimizer.step_backs) == 0
        np.testing.assert_array_equal(optimizer.result(), start)
        runs.append(iterates(optimizer, targets, 5))
        assert np.isfinite(float(optimizer.best_loss))
    np.testing.assert_array_equal(*runs)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_state_that_is_put_back_goes_on_as_it_did(rng, method):
    targets, optimizer = bowl_targets(rng), ImageOptimizer(bowl, method, random_image(rng))
    for steps in (0, 1, 4):
        iterates(optimizer, targets, steps)
        state = optimizer.state
        onward = iterates(optimizer, targets, 5), optimizer.result()
        other = ImageOptimizer(bowl, method, tf.zeros(SHAPE))
        other.state = state
        again = iterates(other, targets, 5), other.result()
        for x, expected in zip(again, onward, strict=True):
            np.testing.assert_array_equal(x, expected)
        assert len(np.unique(onward[0], axis=0)) == 5


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_advancing_leaves_the_state_it_is_given_as_it_was(rng, method):
    targets, optimizer = bowl_targets(rng), ImageOptimizer(bowl, method, random_image(rng))
    iterates(optimizer, targets, 3)
    state = optimizer.state
    before = [x.numpy().copy() for x in tf.nest.flatten(state)]
    for loss in (0.1, np.nan):
        method.advance(state, tf.constant(loss), tf.ones(SHAPE))
    for x, expected in zip(tf.nest.flatten(state), before, strict=True):
        np.testing.assert_array_equal(x, expected)


def test_the_function_may_be_replaced_by_one_of_equal_values(rng):
    """As when memory runs out and it goes on in tiles."""
    targets, start, method = bowl_targets(rng), random_image(rng), Adam(learning_rate=0.05)
    expected = iterates(ImageOptimizer(bowl, method, start), targets, 6)
    optimizer, calls = ImageOptimizer(bowl, method, start), []
    before = iterates(optimizer, targets, 3)

    def other(image, targets):
        calls.append(1)
        return bowl(image, targets)

    optimizer.value_and_gradient = other
    after = iterates(optimizer, targets, 3)
    np.testing.assert_array_equal(np.concatenate([before, after]), expected)
    assert len(calls) == 3


def test_a_step_that_fails_leaves_the_state_as_it_was(rng):
    def exhausted(image, targets):
        raise MemoryError

    targets, method = bowl_targets(rng), Adam(learning_rate=0.05)
    optimizer = ImageOptimizer(bowl, method, random_image(rng))
    iterates(optimizer, targets, 2)
    state, optimizer.value_and_gradient = optimizer.state, exhausted
    with pytest.raises(MemoryError):
        optimizer.step(targets)
    assert optimizer.state is state


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


# Guards.


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


def test_a_gradient_that_is_not_finite_does_not_reach_the_moments():
    def broken_once(image, targets):
        gradient = tf.where(targets, tf.fill(SHAPE, np.float32(np.nan)), tf.ones(SHAPE))
        return {"loss": 1 + tf.reduce_sum(image)}, gradient

    method = Adam(learning_rate=0.001, bounds=None)
    optimizer = ImageOptimizer(broken_once, method, tf.zeros(SHAPE))
    for broken in (False, True, False, False):
        optimizer.step(tf.constant(broken))
        assert np.isfinite(optimizer.image).all()
    assert int(optimizer.step_backs) == 1
    # From the start again, two steps of about half the rate.
    assert float(optimizer.image[0, 0, 0, 0]) == pytest.approx(-0.001, rel=0.2)


def test_where_nothing_is_finite_the_image_stays_and_the_best_loss_is_infinite(rng):
    def hopeless(image, targets):
        return {"loss": tf.constant(np.nan)}, image * np.nan

    start = random_image(rng)
    optimizer = ImageOptimizer(hopeless, Adam(learning_rate=0.1), start)
    images = iterates(optimizer, (), 3)
    np.testing.assert_array_equal(images, np.broadcast_to(start, images.shape))
    assert int(optimizer.step_backs) == 3
    assert np.isinf(float(optimizer.best_loss))


# One trace, and the same without one.


@dataclasses.dataclass(frozen=True)
class Counted(Adam):
    """Counts its traces."""

    traces: list[int] = dataclasses.field(default_factory=list, compare=False)

    def advance(self, state, value, gradient):
        self.traces.append(1)
        return super().advance(state, value, gradient)


def test_one_trace_serves_images_of_every_size_and_all_targets(rng):
    method = Counted(learning_rate=0.1, warmup_steps=2, clip_norm=1.0)
    for shape in (SHAPE, [1, 1, 9, 3], [1, 8, 2, 3]):
        optimizer = ImageOptimizer(bowl, method, random_image(rng, shape))
        for _ in range(4):
            optimizer.step(bowl_targets(rng, shape))
        assert optimizer.image.shape == shape
    assert len(method.traces) == 1


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_eager_steps_equal_compiled_ones(rng, method):
    targets, start = bowl_targets(rng), random_image(rng)
    optimizer, state = ImageOptimizer(bowl, method, start), method.initial(start)
    for _ in range(6):
        optimizer.step(targets)
        losses, gradient = bowl(state.x, targets)
        state = method.advance(state, losses["loss"], gradient)
        np.testing.assert_allclose(optimizer.image, state.x, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(optimizer.result(), method.result(state), rtol=1e-4, atol=1e-5)
    assert np.abs(state.x - start).max() > 0.01


# The average of the iterates.


class Told(NamedTuple):
    """The state of `Script`."""

    x: tf.Tensor
    best_value: tf.Tensor
    step_backs: tf.Tensor
    previous: Any


@dataclasses.dataclass(frozen=True)
class Script:
    """A `Method` whose images are flat, of the values it is told."""

    def initial(self, image, previous=None):
        return Told(image, tf.constant(np.inf), tf.constant(0), previous)

    def advance(self, state, value, gradient):
        x = tf.fill(tf.shape(state.x), value)
        return Told(x, tf.constant(3.0), state.step_backs + 2, state.previous)

    def result(self, state):
        return state.x


def told(method, value, start):
    """The states of a method through these values, the first before any."""
    states = [method.initial(tf.fill(SHAPE, start))]
    for x in value:
        states.append(method.advance(states[-1], tf.constant(x), tf.zeros(SHAPE)))
    return states


def test_the_average_is_worked_by_hand():
    averaged = Averaged(Script(), 0.5)
    states = told(averaged, [1.0, 3.0, 7.0], start=9.0)
    # Before a step it is the starting picture.
    # Then the weights are 1; 1 and 2 of 3; 1, 2 and 4 of 7, the newest the heaviest.
    for state, expected in zip(
        states, (9.0, 1.0, (1 + 2 * 3) / 3, (1 + 2 * 3 + 4 * 7) / 7), strict=True
    ):
        np.testing.assert_allclose(averaged.result(state), expected, rtol=1e-6)


@pytest.mark.parametrize("decay", [0.1, 0.9, 0.99999])
def test_the_average_of_equal_images_is_that_image_from_the_first_step(decay):
    averaged = Averaged(Script(), decay)
    for state in told(averaged, [0.25] * 5, start=0.0)[1:]:
        np.testing.assert_allclose(averaged.result(state), 0.25, rtol=1e-2)


def test_a_later_stage_begins_a_new_average_and_hands_on_the_state_of_the_method():
    averaged = Averaged(Script(), 0.9)
    coarse = told(averaged, [1.0, 1.0], start=0.0)[-1]
    state = averaged.initial(tf.fill(SHAPE, 3.0), coarse)
    assert state.inner.previous is coarse.inner
    np.testing.assert_allclose(averaged.result(state), 3)
    state = averaged.advance(state, tf.constant(5.0), tf.zeros(SHAPE))
    np.testing.assert_allclose(averaged.result(state), 5, rtol=1e-5)


def test_averaging_shows_the_image_the_best_value_and_the_steps_back_of_the_method():
    state = told(Averaged(Script(), 0.9), [1.0], start=0.0)[-1]
    for name in ("x", "best_value", "step_backs"):
        assert getattr(state, name) is getattr(state.inner, name)
    assert int(state.step_backs) == 2


@pytest.mark.parametrize("method", [Adam(learning_rate=0.05), LBFGS(history=2)], ids=repr)
def test_averaging_does_not_change_where_the_optimizer_goes(rng, method):
    targets, start = bowl_targets(rng), random_image(rng)
    alone = iterates(ImageOptimizer(bowl, method, start), targets, 6)
    averaged = ImageOptimizer(bowl, Averaged(method, 0.9), start)
    np.testing.assert_allclose(iterates(averaged, targets, 6), alone, rtol=1e-6, atol=1e-6)
    weights = 0.1 * 0.9 ** np.arange(6)[::-1]
    expected = np.tensordot(weights, alone, 1) / weights.sum()
    np.testing.assert_allclose(averaged.result(), expected, rtol=1e-4, atol=1e-5)
