"""What every method of moving an image keeps, whatever it does."""

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.optimizers.adam import Adam
from stylize_tf.optimizers.averaged import Averaged
from stylize_tf.optimizers.lbfgs import LBFGS
from stylize_tf.optimizers.method import ImageOptimizer
from stylize_tf.optimizers.spectral import Spectral
from tests.fakes import twins
from tests.fakes.functions import (
    SHAPE,
    bowl,
    bowl_targets,
    half_square,
    iterates,
    random_image,
    rosenbrock,
)

METHODS = [
    Adam(learning_rate=0.05),
    Adam(learning_rate=0.05, beta_1=0.5, bounds=None, amsgrad=True, clip_norm=0.5, warmup_steps=3),
    LBFGS(history=3, first_step=0.02),
    Spectral(LBFGS(history=2, first_step=0.02)),
    Averaged(Adam(learning_rate=0.05, bounds=None), 0.5),
    Averaged(LBFGS(history=1, first_step=0.02), 0.5),
]

# More of those that have a twin in plain NumPy.
VARIANTS = [
    Adam(0.03, beta_1=0.5, beta_2=0.7, epsilon=0.1, bounds=None),
    Adam(0.03, beta_1=0.0, beta_2=0.99, bounds=None, amsgrad=True),
    Adam(0.03, epsilon=1e-3, bounds=None, clip_norm=0.2),
    Adam(0.2, bounds=(0.25, 0.75), amsgrad=True, warmup_steps=7),
    LBFGS(history=8, first_step=0.3),
]

# So fast that they run over the minimum.
FAST = {
    Adam: {"learning_rate": 0.5},
    LBFGS: {"first_step": 2.0},
    Spectral: {"method": LBFGS(history=2, first_step=2.0)},
}

every_method = pytest.mark.parametrize("method", METHODS, ids=repr)
every_method_of_the_best_image = pytest.mark.parametrize(
    "method", [x for x in METHODS if not isinstance(x, Averaged)], ids=repr
)


@dataclasses.dataclass(frozen=True)
class Counted:
    """A method that counts its traces."""

    method: Any
    traces: list[int] = dataclasses.field(default_factory=list, compare=False)

    def initial(self, image, previous=None):
        return self.method.initial(image, previous)

    def advance(self, state, value, gradient):
        self.traces.append(1)
        return self.method.advance(state, value, gradient)

    def result(self, state):
        return self.method.result(state)


def twin_of(method, function, x, steps):
    """The points that a method goes through in plain NumPy, the start not among them."""
    if isinstance(method, LBFGS):
        first_step = method.first_step * x.size
        return twins.lbfgs(function, x, method.history, steps + 1, first_step)[0][1:]
    options = dataclasses.asdict(method)
    del options["runaway"]
    return twins.adam(lambda x: function(x)[1], x, steps=steps, **options)


@pytest.mark.parametrize(
    "method", [x for x in METHODS + VARIANTS if isinstance(x, Adam | LBFGS)], ids=repr
)
def test_steps_are_those_of_the_plain_twin(rng, method):
    targets, start = bowl_targets(rng), random_image(rng)
    curvature, minimum = (x.numpy().ravel().astype(np.float64) for x in targets)

    def function(x):
        gradient = curvature * (x - minimum)
        return gradient @ (x - minimum) / 2, gradient

    actual = iterates(ImageOptimizer(bowl, method, start), targets, 12)
    expected = twin_of(method, function, start.numpy().ravel().astype(np.float64), 12)
    np.testing.assert_allclose(actual.reshape(12, -1), expected, rtol=1e-4, atol=1e-4)


@every_method
@pytest.mark.parametrize(
    ("function", "shape"), [(bowl, SHAPE), (rosenbrock, [1, 1, 2, 3])], ids=["bowl", "rosenbrock"]
)
def test_it_minimizes_a_quadratic_and_rosenbrock(rng, method, function, shape):
    targets = bowl_targets(rng, shape)
    optimizer = ImageOptimizer(function, method, random_image(rng, shape))
    first = float(optimizer.step(targets)["loss"])
    iterates(optimizer, targets, 150)
    losses, _ = function(optimizer.result(), targets)
    assert max(float(losses["loss"]), float(optimizer.best_loss)) < first / 100


@every_method_of_the_best_image
def test_step_returns_the_losses_before_it_and_the_result_is_the_best_image_evaluated(rng, method):
    method = dataclasses.replace(method, **FAST[type(method)])
    optimizer = ImageOptimizer(half_square, method, tf.fill(SHAPE, 0.9))
    targets, losses, images = random_image(rng), [], []
    for _ in range(10):
        images.append(optimizer.state.x.numpy())
        found = optimizer.step(targets)
        assert set(found) == {"a", "b"}
        losses.append(float(found["a"] + found["b"]))
        assert losses[-1] == pytest.approx(np.sum((images[-1] - targets) ** 2) / 2, rel=1e-4)
        assert float(optimizer.best_loss) == pytest.approx(min(losses))
        best = images[int(np.argmin(losses))]
        np.testing.assert_allclose(optimizer.result(), best, atol=1e-6)
    assert losses != sorted(losses, reverse=True)


@every_method
def test_a_new_optimizer_of_the_same_method_begins_anew(rng, method):
    targets, start, runs = bowl_targets(rng), random_image(rng), []
    for _ in range(2):
        optimizer = ImageOptimizer(bowl, method, start)
        assert np.isinf(float(optimizer.best_loss))
        assert int(optimizer.step_backs) == 0
        np.testing.assert_array_equal(optimizer.state.x, start)
        np.testing.assert_allclose(optimizer.result(), start, atol=1e-6)
        runs.append(iterates(optimizer, targets, 5))
        assert np.isfinite(float(optimizer.best_loss))
    np.testing.assert_array_equal(*runs)


@every_method
def test_a_state_that_went_through_arrays_goes_on_as_it_did(rng, method):
    targets, optimizer = bowl_targets(rng), ImageOptimizer(bowl, method, random_image(rng))
    for steps in (0, 1, 4):
        iterates(optimizer, targets, steps)
        state = optimizer.state
        arrays = [tensor.numpy().copy() for tensor in tf.nest.flatten(state)]
        onward = iterates(optimizer, targets, 5), optimizer.result()
        other = ImageOptimizer(bowl, method, tf.zeros(SHAPE))
        other.state = tf.nest.pack_sequence_as(state, [tf.constant(x) for x in arrays])
        again = iterates(other, targets, 5), other.result()
        for x, expected in zip(again, onward, strict=True):
            np.testing.assert_array_equal(x, expected)
        assert len(np.unique(onward[0], axis=0)) == 5


@every_method
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30, None], ids=str)
def test_a_bad_step_is_taken_back_and_leaves_the_state_it_is_given_as_it_was(rng, method, bad):
    """Of a bad loss, or with None of a good one with a bad gradient."""
    targets, optimizer = bowl_targets(rng), ImageOptimizer(bowl, method, random_image(rng))
    iterates(optimizer, targets, 3)
    state, best = optimizer.state, float(optimizer.best_loss)
    before = [x.numpy().copy() for x in tf.nest.flatten(state)]
    gradient = tf.fill(SHAPE, np.float32(np.nan) if bad is None else 1.0)
    after = method.advance(state, tf.constant(best / 2 if bad is None else bad), gradient)
    for x, expected in zip(tf.nest.flatten(state), before, strict=True):
        np.testing.assert_array_equal(x, expected)
    assert int(after.step_backs) == 1
    assert float(after.best_value) == best
    optimizer.state = after
    for _ in range(5):
        assert np.isfinite(optimizer.state.x).all()
        optimizer.step(targets)
    assert float(optimizer.best_loss) < best


@every_method
def test_where_nothing_is_finite_the_image_stays_and_the_best_loss_is_infinite(rng, method):
    def hopeless(image, targets):
        return {"loss": tf.constant(np.nan)}, image * np.nan

    start = random_image(rng)
    optimizer = ImageOptimizer(hopeless, method, start)
    images = iterates(optimizer, (), 3)
    np.testing.assert_allclose(images, np.broadcast_to(start, images.shape), atol=1e-6)
    np.testing.assert_allclose(optimizer.result(), start, atol=1e-6)
    assert int(optimizer.step_backs) == 3
    assert np.isinf(float(optimizer.best_loss))


@every_method
def test_one_trace_serves_equal_methods_images_of_every_size_and_all_functions(rng, method):
    traces = []
    for shape in (SHAPE, [1, 1, 9, 3], [1, 8, 2, 3]):
        for function in (bowl, rosenbrock):
            counted = Counted(copy.deepcopy(method), traces)
            optimizer = ImageOptimizer(function, counted, random_image(rng, shape))
            for _ in range(3):
                optimizer.step(bowl_targets(rng, shape))
            assert optimizer.state.x.shape == shape
    assert len(traces) == 1


@every_method
def test_eager_steps_equal_compiled_ones_at_every_size(rng, method):
    for shape in (SHAPE, [1, 3, 8, 3]):
        targets, start = bowl_targets(rng, shape), random_image(rng, shape)
        optimizer, state = ImageOptimizer(bowl, method, start), method.initial(start)
        for _ in range(6):
            optimizer.step(targets)
            losses, gradient = bowl(state.x, targets)
            state = method.advance(state, losses["loss"], gradient)
            np.testing.assert_allclose(optimizer.state.x, state.x, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(
                optimizer.result(), method.result(state), rtol=1e-4, atol=1e-5
            )
        assert np.abs(state.x - start).max() > 0.01


@every_method
def test_a_finer_stage_starts_from_its_picture_and_counts_anew(rng, method):
    coarse = ImageOptimizer(bowl, method, random_image(rng))
    iterates(coarse, bowl_targets(rng), 4)
    shape = [1, 8, 10, 3]
    targets, start = bowl_targets(rng, shape), random_image(rng, shape)
    fine = ImageOptimizer(bowl, method, start, coarse)
    np.testing.assert_array_equal(fine.state.x, start)
    assert np.isinf(float(fine.best_loss))
    assert int(fine.step_backs) == 0
    first = float(fine.step(targets)["loss"])
    iterates(fine, targets, 60)
    assert float(fine.best_loss) < first / 20
