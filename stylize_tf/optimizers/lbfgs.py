"""L-BFGS on the device, in float32, one evaluation a step, as functions from state to state.

Liu & Nocedal (1989), without a line search: near a solution the quasi-Newton step has the right
length, and on style losses that one evaluation a step wins over the better steps of a search. What
a search would guarantee is replaced by a rule: a step that ends in a loss that is not finite, or
that gives back most of what was won, is taken back to the best image and tried along the gradient,
half as long.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

Pairs = tuple[tf.Tensor, ...]
"""Tensors in the shape of `x`, the newest first; zeros where there is none yet."""


class State(NamedTuple):
    """The state between two evaluations, for an `x` of any shape and a history of `m` pairs.

    The history is a tuple, so that a step moves references and copies nothing.

    Attributes:
        x: where the function is evaluated next.
        previous_x, previous_gradient: the last point that was kept, and its gradient.
        best_x, best_gradient: the point of the lowest value, and its gradient.
        best_value: scalar; infinite before the first evaluation.
        first_value: scalar, the value at the start.
        steps: `m` differences of `x`.
        changes: the `m` differences of the gradient that go with them.
        curvature_radius: scalar, `s'y / y'y` of the newest pair: the length scale of the inverse
            Hessian; 0 while it is unknown.
        scale: scalar in (0, 1], factor of the next step; halved when a step is taken back.
        step_backs: int scalar, steps taken back since the start.
    """

    x: tf.Tensor
    previous_x: tf.Tensor
    previous_gradient: tf.Tensor
    best_x: tf.Tensor
    best_gradient: tf.Tensor
    best_value: tf.Tensor
    first_value: tf.Tensor
    steps: Pairs
    changes: Pairs
    curvature_radius: tf.Tensor
    scale: tf.Tensor
    step_backs: tf.Tensor


def initial_state(x: tf.Tensor, history: int, curvature_radius: float | tf.Tensor = 0.0) -> State:
    """The state before the first evaluation.

    Args:
        x: float.
        history: number of pairs to remember.
        curvature_radius: a guess of the inverse Hessian's scale from a similar problem; 0 for none.
    """
    nothing, infinite = tf.zeros_like(x), tf.constant(np.inf, x.dtype)
    return State(
        x=x,
        previous_x=x,
        previous_gradient=nothing,
        best_x=x,
        best_gradient=nothing,
        best_value=infinite,
        first_value=infinite,
        steps=(nothing,) * history,
        changes=(nothing,) * history,
        curvature_radius=tf.cast(curvature_radius, x.dtype),
        scale=tf.constant(1.0, x.dtype),
        step_backs=tf.constant(0),
    )


def advance(
    state: State, value: tf.Tensor, gradient: tf.Tensor, *, first_step: float | tf.Tensor = 1.0
) -> State:
    """The state after the function was evaluated at `state.x`.

    Args:
        state: from `initial_state` or `advance`.
        value: scalar, the function at `state.x`.
        gradient: `[n]`, its gradient there.
        first_step: with no curvature known, the step is the gradient times
            `min(1, 1 / |gradient|_1) * first_step`.
    """
    finite = tf.math.is_finite(value) & tf.reduce_all(tf.math.is_finite(gradient))
    is_first = tf.math.is_inf(state.first_value)
    # Values may rise on the way; giving back half of all that was won is a step gone wrong.
    # Rounding and low-precision features make equal values differ a little.
    won = tf.where(is_first, 0.0, state.first_value - state.best_value)
    allowed = state.best_value + tf.maximum(won / 2, 1e-3 * tf.abs(state.best_value))
    sound = finite & (is_first | (value <= allowed))
    return tf.cond(
        sound,
        lambda: _forward(state, value, gradient, is_first, first_step),
        lambda: _back(state, first_step),
    )


def _forward(
    state: State,
    value: tf.Tensor,
    gradient: tf.Tensor,
    is_first: tf.Tensor,
    first_step: float | tf.Tensor,
) -> State:
    step, change = state.x - state.previous_x, gradient - state.previous_gradient
    curvature = _dot(step, change)
    # Only pairs of positive curvature keep the inverse Hessian positive definite.
    curved = curvature > 1e-6 * tf.sqrt(_dot(step, step) * _dot(change, change))
    stored = curved & ~is_first
    steps, changes, radius = tf.cond(
        stored,
        lambda: (
            (step, *state.steps[:-1]),
            (change, *state.changes[:-1]),
            tf.math.divide_no_nan(curvature, _dot(change, change)),
        ),
        lambda: (state.steps, state.changes, state.curvature_radius),
    )
    best_x, best_gradient, best_value = tf.cond(
        value < state.best_value,
        lambda: (state.x, gradient, value),
        lambda: (state.best_x, state.best_gradient, state.best_value),
    )
    scale = tf.minimum(1.0, state.scale * 2)
    direction = quasi_newton_direction(gradient, steps, changes, radius)
    # Before anything is known of the curvature.
    length = tf.where(radius > 0, 1.0, _cautious(gradient) * first_step)
    return State(
        x=state.x + direction * (length * scale),
        previous_x=state.x,
        previous_gradient=gradient,
        best_x=best_x,
        best_gradient=best_gradient,
        best_value=best_value,
        first_value=tf.where(is_first, value, state.first_value),
        steps=steps,
        changes=changes,
        curvature_radius=radius,
        scale=scale,
        step_backs=state.step_backs,
    )


def _back(state: State, first_step: float | tf.Tensor) -> State:
    """From the best point along its gradient, half as far as before, the history forgotten."""
    scale = state.scale / 2
    known = state.curvature_radius > 0
    length = tf.where(known, state.curvature_radius, _cautious(state.best_gradient) * first_step)
    forgotten = (tf.zeros_like(state.x),) * len(state.steps)
    return state._replace(
        x=state.best_x - (scale * length) * state.best_gradient,
        previous_x=state.best_x,
        previous_gradient=state.best_gradient,
        steps=forgotten,
        changes=forgotten,
        scale=scale,
        step_backs=state.step_backs + 1,
    )


def _cautious(gradient: tf.Tensor) -> tf.Tensor:
    return tf.minimum(1.0, tf.math.divide_no_nan(1.0, tf.reduce_sum(tf.abs(gradient))))


def _dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b)


def quasi_newton_direction(
    gradient: tf.Tensor,
    steps: Sequence[tf.Tensor],
    changes: Sequence[tf.Tensor],
    curvature_radius: tf.Tensor,
) -> tf.Tensor:
    """`-H gradient` by the two-loop recursion: Nocedal & Wright (2006), Algorithm 7.4.

    Args:
        gradient: of any shape.
        steps, changes: differences of `x` and of the gradient in that shape, the newest first;
            pairs of zeros count for nothing.
        curvature_radius: scalar, the multiple of the identity that H starts from; where it is 0,
            for unknown, the identity itself.

    Returns:
        In the shape of `gradient`.
    """
    pairs = list(zip(steps, changes, strict=True))
    inverses = [tf.math.divide_no_nan(1.0, _dot(step, change)) for step, change in pairs]
    direction, alphas = -gradient, []
    for inverse, (step, change) in zip(inverses, pairs, strict=True):
        alphas.append(inverse * _dot(step, direction))
        direction -= alphas[-1] * change
    direction *= tf.where(curvature_radius > 0, curvature_radius, 1.0)
    for inverse, alpha, (step, change) in reversed(list(zip(inverses, alphas, pairs, strict=True))):
        direction += (alpha - inverse * _dot(change, direction)) * step
    return direction


@dataclasses.dataclass(frozen=True)
class LBFGS:
    """An `optimizers.Method` on `advance`; the image is not confined, so that H stays true.

    Attributes:
        history: number of curvature pairs.
        first_step: length of the first step while the curvature is unknown, as the mean change of a
            pixel; shorter where the gradient's L1 norm is below 1.
    """

    history: int = 10
    first_step: float = 1e-3

    def initial(self, image: tf.Tensor, previous: State | None = None) -> State:
        """The state before the first evaluation, with the scale of a coarser stage's curvature.

        That of the inverse Hessian grows with the number of pixels, since every pixel's share of a
        loss that is a mean, and so its curvature, shrinks by that much.
        """
        radius = tf.zeros([])
        if previous is not None:
            growth = np.prod(image.shape) / np.prod(previous.x.shape)
            radius = previous.curvature_radius * np.float32(growth)
        return initial_state(image, self.history, radius)

    def advance(self, state: State, value: tf.Tensor, gradient: tf.Tensor) -> State:
        """The state after the function was evaluated at `state.x`."""
        # `advance` means the sum over pixels.
        count = tf.cast(tf.size(gradient), gradient.dtype)
        return advance(state, value, gradient, first_step=self.first_step * count)

    def result(self, state: State) -> tf.Tensor:
        """The evaluated image of the lowest value since the start."""
        return state.best_x
