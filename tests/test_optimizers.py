import keras
import numpy as np
import pytest
import tensorflow as tf
import twins

from stylize_tf.optimizers import Adam, Averaged, compiled

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


def iterates(optimizer, start, targets, steps, previous=None):
    """The images that so many steps lead to."""
    optimizer.start(start, previous)
    found = []
    for _ in range(steps):
        optimizer.step(targets)
        found.append(optimizer.image.numpy())
    return np.array(found)


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
    actual = iterates(Adam(bowl, SHAPE, **options), start, targets, 12)
    expected = twins.adam(
        lambda x: curvature.numpy() * (x - minimum.numpy()), start.numpy(), steps=12, **options
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("parameters", [{}, {"amsgrad": True}, {"beta_1": 0.5, "clip_norm": 0.3}])
def test_adam_is_that_of_keras(rng, parameters):
    targets, start = bowl_targets(rng), random_image(rng)
    actual = iterates(
        Adam(bowl, SHAPE, learning_rate=0.05, bounds=None, **parameters), start, targets, 10
    )
    names = {"clip_norm": "clipnorm"}
    reference = keras.optimizers.Adam(
        0.05, **{names.get(name, name): value for name, value in parameters.items()}
    )
    image = tf.Variable(start)
    for expected in actual:
        reference.apply([bowl(image, targets)[1]], [image])
        np.testing.assert_allclose(image, expected, rtol=1e-5, atol=1e-6)


def test_the_first_step_moves_every_pixel_by_the_learning_rate():
    optimizer = Adam(half_square, SHAPE, learning_rate=0.01, epsilon=1e-9)
    start, targets = tf.fill(SHAPE, 0.5), tf.fill(SHAPE, 0.9)
    [first] = iterates(optimizer, start, targets, 1)
    np.testing.assert_allclose(first, 0.51, rtol=1e-5)


def test_the_learning_rate_rises_linearly_during_the_warm_up():
    # Constant gradients: every step is as long as its rate.
    optimizer = Adam(slope, SHAPE, learning_rate=0.01, warmup_steps=4, epsilon=1e-9, bounds=None)
    images = iterates(optimizer, tf.zeros(SHAPE), (), 6)[:, 0, 0, 0, 0]
    np.testing.assert_allclose(
        np.diff(images, prepend=0), -0.01 * np.array([0.25, 0.5, 0.75, 1, 1, 1]), rtol=1e-4
    )


def slope(image, targets):
    return {"loss": tf.reduce_sum(image)}, tf.ones_like(image)


def test_pixels_stay_within_the_bounds_and_are_free_without(rng):
    targets = tf.constant(rng.choice([-3.0, 4.0], size=SHAPE), tf.float32)
    for bounds in ((0.0, 1.0), (0.2, 0.6)):
        optimizer = Adam(half_square, SHAPE, learning_rate=0.3, bounds=bounds)
        images = iterates(optimizer, tf.fill(SHAPE, 0.5), targets, 8)
        np.testing.assert_allclose(images[-1], np.where(targets < 0, *bounds), rtol=1e-6)
        assert bounds[0] <= images.min() <= images.max() <= bounds[1] + 1e-7
    free = Adam(half_square, SHAPE, learning_rate=0.3, bounds=None)
    images = iterates(free, tf.fill(SHAPE, 0.5), targets, 8)
    assert images.min() < 0
    assert images.max() > 1


def test_step_returns_the_losses_before_it_and_the_result_is_the_best_image_evaluated(rng):
    # So fast that it runs over the minimum.
    optimizer = Adam(half_square, SHAPE, learning_rate=0.3)
    optimizer.start(tf.fill(SHAPE, 0.9))
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


def test_a_restart_forgets_everything(rng):
    optimizer = Adam(bowl, SHAPE, learning_rate=0.1, amsgrad=True, warmup_steps=2)
    targets, start = bowl_targets(rng), random_image(rng)
    first = iterates(optimizer, start, targets, 5)
    assert np.isfinite(float(optimizer.best_loss))
    np.testing.assert_array_equal(iterates(optimizer, start, targets, 5), first)
    optimizer.start(start)
    assert np.isinf(float(optimizer.best_loss))
    np.testing.assert_array_equal(optimizer.result(), start)


def test_moments_are_carried_to_a_stage_of_the_same_size(rng):
    targets, start = bowl_targets(rng), random_image(rng)
    options = {"learning_rate": 0.02, "bounds": None, "amsgrad": True}
    through = iterates(Adam(bowl, SHAPE, **options), start, targets, 9)
    first, second = Adam(bowl, SHAPE, **options), Adam(bowl, SHAPE, **options)
    before = iterates(first, start, targets, 4)
    after = iterates(second, tf.constant(before[-1]), targets, 5, previous=first)
    np.testing.assert_allclose(np.concatenate([before, after]), through, rtol=1e-5, atol=1e-6)


def test_moments_of_a_coarser_stage_are_resized_in_proportion_to_the_pixels():
    """The gradient of a mean is four times smaller on four times the pixels, its square sixteen."""

    def tilt(image, targets):
        """The mean of the red channel alone."""
        share = tf.constant([1.0, 0.0, 0.0]) / tf.cast(tf.size(image), tf.float32)
        return {"loss": tf.reduce_sum(image * share)}, tf.broadcast_to(share, tf.shape(image))

    options = {"learning_rate": 0.02, "bounds": None, "epsilon": 1e-12}
    coarse, fine = Adam(tilt, [1, 2, 3, 3], **options), Adam(tilt, [1, 4, 6, 3], **options)
    iterates(coarse, tf.zeros([1, 2, 3, 3]), (), 3)
    images = iterates(fine, tf.zeros([1, 4, 6, 3]), (), 4, previous=coarse)
    # With the right moments nothing notices the change: steps stay as long as the rate.
    expected = -0.02 * np.arange(1, 5)[:, None, None, None, None] * np.array([1, 0, 0])
    np.testing.assert_allclose(images, np.broadcast_to(expected, images.shape), atol=1e-5)


def test_the_warm_up_is_not_repeated_in_a_later_stage():
    options = {"learning_rate": 0.01, "warmup_steps": 3, "epsilon": 1e-9, "bounds": None}
    first, second = Adam(slope, SHAPE, **options), Adam(slope, SHAPE, **options)
    iterates(first, tf.zeros(SHAPE), (), 5)
    [image] = iterates(second, tf.zeros(SHAPE), (), 1, previous=first)
    np.testing.assert_allclose(image, -0.01, rtol=1e-4)


# Guards.


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30], ids=str)
def test_a_step_with_a_bad_loss_goes_back_to_the_best_image_with_half_the_rate(bad):
    def cliff(image, targets):
        """Falls by one a pixel, and is bad beyond `targets`."""
        fallen = tf.reduce_min(image) < targets
        loss = tf.where(fallen, bad, 1 + tf.reduce_mean(image))
        return {"loss": loss}, tf.ones_like(image)

    optimizer = Adam(cliff, SHAPE, learning_rate=0.1, epsilon=1e-9, bounds=None)
    images = iterates(optimizer, tf.zeros(SHAPE), tf.constant(-0.15), 4)[:, 0, 0, 0, 0]
    # -0.1 is good, -0.2 is not: back to -0.1.
    np.testing.assert_allclose(images[:3], [-0.1, -0.2, -0.1], rtol=1e-4)
    assert -0.1 > images[3] > -0.2
    assert int(optimizer.step_backs) == 1
    np.testing.assert_allclose(optimizer.result(), -0.1, rtol=1e-4)
    assert float(optimizer.best_loss) == pytest.approx(0.9)


def test_a_loss_may_rise_over_the_best_one_but_not_to_ten_times_that_of_the_start():
    def told(image, targets):
        return {"loss": targets}, tf.ones_like(image)

    optimizer = Adam(told, SHAPE, learning_rate=0.001)
    optimizer.start(tf.fill(SHAPE, 0.5))
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

    optimizer = Adam(broken_once, SHAPE, learning_rate=0.001, bounds=None)
    optimizer.start(tf.zeros(SHAPE))
    for broken in (False, True, False, False):
        optimizer.step(tf.constant(broken))
        assert np.isfinite(optimizer.image).all()
    assert int(optimizer.step_backs) == 1
    # From the start again, two steps of about half the rate.
    assert float(optimizer.image[0, 0, 0, 0]) == pytest.approx(-0.001, rel=0.2)


def test_where_nothing_is_finite_the_image_stays_and_the_best_loss_is_infinite(rng):
    def hopeless(image, targets):
        return {"loss": tf.constant(np.nan)}, image * np.nan

    optimizer, start = Adam(hopeless, SHAPE, learning_rate=0.1), random_image(rng)
    images = iterates(optimizer, start, (), 3)
    np.testing.assert_array_equal(images, np.broadcast_to(start, images.shape))
    assert int(optimizer.step_backs) == 3
    assert np.isinf(float(optimizer.best_loss))


# One trace, and the same without one.


def test_the_whole_step_is_traced_once_whatever_the_targets(rng):
    traces = []

    def counted(image, targets):
        traces.append(1)
        return bowl(image, targets)

    optimizer = Adam(counted, SHAPE, learning_rate=0.1, warmup_steps=2, clip_norm=1.0)
    for _ in range(3):
        optimizer.start(random_image(rng))
        for _ in range(4):
            optimizer.step(bowl_targets(rng))
    assert len(traces) == 1


@pytest.mark.parametrize("options", [{}, {"amsgrad": True, "clip_norm": 0.5, "warmup_steps": 3}])
def test_eager_steps_equal_compiled_ones(rng, options):
    targets, start = bowl_targets(rng), random_image(rng)
    expected = iterates(Adam(bowl, SHAPE, learning_rate=0.05, **options), start, targets, 6)
    eager = Adam(bowl, SHAPE, learning_rate=0.05, **options)
    eager.start(start)
    for image in expected:
        eager._step(targets)
        np.testing.assert_allclose(eager.image, image, rtol=1e-5, atol=1e-6)


def test_compiled_functions_of_one_source_count_their_traces_each_for_itself(monkeypatch):
    """TensorFlow's log warns when the functions of one source have many traces together."""
    warned = []
    monkeypatch.setattr(tf.get_logger(), "handle", warned.append)
    functions = [compiled(half_square) for _ in range(12)]
    for index, function in enumerate(functions, start=1):
        shape = [1, index, 1, 3]
        for _ in range(2):
            function(tf.zeros(shape), tf.ones(shape))
        assert function.experimental_get_tracing_count() == 1
    assert warned == []


# The average of the iterates.


class Scripted:
    """An `ImageOptimizer` whose images are told beforehand."""

    def __init__(self, values):
        self.image = tf.Variable(tf.zeros(SHAPE))
        self.best = tf.Variable(tf.zeros(SHAPE))
        self.best_loss, self.step_backs = tf.Variable(np.inf), tf.Variable(0)
        self._values = iter(values)
        self.previous = "never started"

    def start(self, image, previous=None):
        self.image.assign(image)
        self.best.assign(image)
        self.previous = previous

    def step(self, targets):
        self.image.assign(tf.fill(SHAPE, next(self._values)))
        return {"loss": tf.constant(1.0)}

    def result(self):
        return self.best.value()


def test_the_average_is_worked_by_hand():
    averaged = Averaged(Scripted([1.0, 3.0, 7.0]), 0.5)
    averaged.start(tf.fill(SHAPE, 9.0))
    # Before a step it is the starting picture.
    np.testing.assert_allclose(averaged.result(), 9)
    # Weights 1; 1 and 2 of 3; 1, 2 and 4 of 7, the newest the heaviest.
    for expected in (1.0, (1 + 2 * 3) / 3, (1 + 2 * 3 + 4 * 7) / 7):
        averaged.step(())
        np.testing.assert_allclose(averaged.result(), expected, rtol=1e-6)


@pytest.mark.parametrize("decay", [0.1, 0.9, 0.99999])
def test_the_average_of_equal_images_is_that_image_from_the_first_step(decay):
    averaged = Averaged(Scripted([0.25] * 5), decay)
    averaged.start(tf.zeros(SHAPE))
    for _ in range(5):
        averaged.step(())
        np.testing.assert_allclose(averaged.result(), 0.25, rtol=1e-2)


def test_a_start_begins_a_new_average():
    averaged = Averaged(Scripted([1.0, 1.0, 5.0]), 0.9)
    averaged.start(tf.zeros(SHAPE))
    averaged.step(())
    averaged.step(())
    averaged.start(tf.fill(SHAPE, 3.0))
    np.testing.assert_allclose(averaged.result(), 3)
    averaged.step(())
    np.testing.assert_allclose(averaged.result(), 5, rtol=1e-5)


def test_averaging_hands_on_losses_the_best_image_and_the_optimizer_of_the_stage_before():
    inner, coarse = Scripted([1.0]), Scripted([])
    averaged = Averaged(inner, 0.9)
    averaged.start(tf.zeros(SHAPE), Averaged(coarse, 0.9))
    assert inner.previous is coarse
    averaged.start(tf.zeros(SHAPE), coarse)
    assert inner.previous is coarse
    assert float(averaged.step(())["loss"]) == 1
    for name in ("image", "best", "best_loss", "step_backs"):
        assert getattr(averaged, name) is getattr(inner, name)


def test_averaging_does_not_change_where_the_optimizer_goes(rng):
    targets, start = bowl_targets(rng), random_image(rng)
    alone = iterates(Adam(bowl, SHAPE, learning_rate=0.05), start, targets, 6)
    averaged = Averaged(Adam(bowl, SHAPE, learning_rate=0.05), 0.9)
    np.testing.assert_array_equal(iterates(averaged, start, targets, 6), alone)
    weights = 0.1 * 0.9 ** np.arange(6)[::-1]
    expected = np.tensordot(weights, alone, 1) / weights.sum()
    np.testing.assert_allclose(averaged.result(), expected, rtol=1e-4, atol=1e-5)
