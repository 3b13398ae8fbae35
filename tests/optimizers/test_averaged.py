import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.optimizers.adam import Adam
from stylize_tf.optimizers.averaged import Averaged
from stylize_tf.optimizers.lbfgs import LBFGS
from stylize_tf.optimizers.method import ImageOptimizer
from tests.fakes.functions import SHAPE, bowl, bowl_targets, iterates, random_image


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


@pytest.mark.parametrize("method", [Adam(0.05), LBFGS(history=3, first_step=0.02)], ids=repr)
def test_averaging_does_not_change_where_the_optimizer_goes(rng, method):
    targets, start = bowl_targets(rng), random_image(rng)
    alone = iterates(ImageOptimizer(bowl, method, start), targets, 6)
    averaged = ImageOptimizer(bowl, Averaged(method, 0.9), start)
    np.testing.assert_allclose(iterates(averaged, targets, 6), alone, rtol=1e-6, atol=1e-6)
    weights = 0.1 * 0.9 ** np.arange(6)[::-1]
    expected = np.tensordot(weights, alone, 1) / weights.sum()
    np.testing.assert_allclose(averaged.result(), expected, rtol=1e-4, atol=1e-5)
