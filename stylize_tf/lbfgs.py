"""L-BFGS on the device, in float32, one evaluation a step: functions state -> state, and a class.

Liu & Nocedal (1989), without a line search: near a solution the quasi-Newton step has the right
length, and on style losses that one evaluation a step wins over the better steps of a search. What
a search would guarantee is replaced by a rule: a step that ends in a loss that is not finite, or
that gives back most of what was won, is taken back to the best image and tried along the gradient,
half as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from stylize_tf.optimizers import ImageOptimizer, Losses, ValueAndGradient, compiled


class State(NamedTuple):
    """The state between two evaluations, for `n` variables and a history of `m` pairs.

    Attributes:
        x: `[n]`, where the function is evaluated next.
        previous_x, previous_gradient: `[n]`, the last point that was kept, and its gradient.
        best_x, best_gradient: `[n]`, the point of the lowest value, and its gradient.
        best_value: scalar; infinite before the first evaluation.
        first_value: scalar, the value at the start.
        steps: `[m, n]`, `x` differences of the last pairs; a ring, filled from 0.
        changes: `[m, n]`, gradient differences of the same pairs.
        pairs: int scalar, pairs stored since the history was last cleared.
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
    steps: tf.Tensor
    changes: tf.Tensor
    pairs: tf.Tensor
    curvature_radius: tf.Tensor
    scale: tf.Tensor
    step_backs: tf.Tensor


def initial_state(x: tf.Tensor, history: int, curvature_radius: float = 0.0) -> State:
    """The state before the first evaluation.

    Args:
        x: float32 `[n]`.
        history: number of pairs to remember.
        curvature_radius: a guess of the inverse Hessian's scale from a similar problem; 0 for none.
    """
    nothing, rows = tf.zeros_like(x), tf.zeros([history, x.shape[0]], x.dtype)
    infinite = tf.constant(np.inf, x.dtype)
    return State(
        x=x,
        previous_x=x,
        previous_gradient=nothing,
        best_x=x,
        best_gradient=nothing,
        best_value=infinite,
        first_value=infinite,
        steps=rows,
        changes=rows,
        pairs=tf.constant(0),
        curvature_radius=tf.constant(curvature_radius, x.dtype),
        scale=tf.constant(1.0, x.dtype),
        step_backs=tf.constant(0),
    )


def advance(
    state: State, value: tf.Tensor, gradient: tf.Tensor, *, first_step: float = 1.0
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
    state: State, value: tf.Tensor, gradient: tf.Tensor, is_first: tf.Tensor, first_step: float
) -> State:
    step, change = state.x - state.previous_x, gradient - state.previous_gradient
    curvature = tf.reduce_sum(step * change)
    # Only pairs of positive curvature keep the inverse Hessian positive definite.
    curved = curvature > 1e-6 * tf.norm(step) * tf.norm(change)
    stored = curved & ~is_first
    slot = tf.where(stored, state.pairs % state.steps.shape[0], -1)
    steps = _with_row(state.steps, slot, step)
    changes = _with_row(state.changes, slot, change)
    pairs = state.pairs + tf.cast(stored, tf.int32)
    radius = tf.where(
        stored,
        tf.math.divide_no_nan(curvature, tf.reduce_sum(tf.square(change))),
        state.curvature_radius,
    )
    better = value < state.best_value
    scale = tf.minimum(1.0, state.scale * 2)
    moved = state._replace(
        previous_x=state.x,
        previous_gradient=gradient,
        best_x=tf.where(better, state.x, state.best_x),
        best_gradient=tf.where(better, gradient, state.best_gradient),
        best_value=tf.where(better, value, state.best_value),
        first_value=tf.where(is_first, value, state.first_value),
        steps=steps,
        changes=changes,
        pairs=pairs,
        curvature_radius=radius,
        scale=scale,
    )
    direction = quasi_newton_direction(gradient, steps, changes, pairs, radius)
    # Before anything is known of the curvature.
    length = tf.where(radius > 0, 1.0, _cautious(gradient) * first_step)
    return moved._replace(x=state.x + direction * length * scale)


def _back(state: State, first_step: float) -> State:
    """From the best point along its gradient, half as far as before, the history forgotten."""
    scale = state.scale / 2
    known = state.curvature_radius > 0
    length = tf.where(known, state.curvature_radius, _cautious(state.best_gradient) * first_step)
    return state._replace(
        x=state.best_x - scale * length * state.best_gradient,
        previous_x=state.best_x,
        previous_gradient=state.best_gradient,
        pairs=tf.constant(0),
        scale=scale,
        step_backs=state.step_backs + 1,
    )


def _cautious(gradient: tf.Tensor) -> tf.Tensor:
    return tf.minimum(1.0, tf.math.divide_no_nan(1.0, tf.reduce_sum(tf.abs(gradient))))


def _with_row(rows: tf.Tensor, slot: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """`rows` with one row replaced; unchanged if `slot` is negative."""
    return tf.cond(
        slot >= 0,
        lambda: tf.tensor_scatter_nd_update(rows, [[slot]], row[tf.newaxis]),
        lambda: rows,
    )


def quasi_newton_direction(
    gradient: tf.Tensor,
    steps: tf.Tensor,
    changes: tf.Tensor,
    pairs: tf.Tensor,
    curvature_radius: tf.Tensor,
) -> tf.Tensor:
    """`-H gradient` by the two-loop recursion: Nocedal & Wright (2006), Algorithm 7.4.

    Args:
        gradient: `[n]`.
        steps, changes: `[m, n]` rings of `x` and gradient differences.
        pairs: int scalar, how many were ever stored; the newest is in row `(pairs - 1) % m`.
        curvature_radius: scalar, the multiple of the identity that H starts from; where it is 0,
            for unknown, the identity itself.

    Returns:
        `[n]`.
    """
    history = steps.shape[0]
    held = tf.minimum(pairs, history)
    curvatures = tf.reduce_sum(steps * changes, axis=1)
    inverse = tf.math.divide_no_nan(1.0, curvatures)
    direction = -gradient
    alphas = tf.zeros([history], gradient.dtype)
    for age in tf.range(held):
        row = (pairs - 1 - age) % history
        alpha = inverse[row] * tf.reduce_sum(steps[row] * direction)
        direction -= alpha * changes[row]
        alphas = tf.tensor_scatter_nd_update(alphas, [[row]], [alpha])
    direction *= tf.where(curvature_radius > 0, curvature_radius, 1.0)
    for age in tf.range(held):
        row = (pairs - held + age) % history
        beta = inverse[row] * tf.reduce_sum(changes[row] * direction)
        direction += (alphas[row] - beta) * steps[row]
    return direction


class LBFGS:
    """An `ImageOptimizer` on `advance`; the image is not confined, so that H stays true.

    Args:
        value_and_gradient: what to minimize.
        shape: of the image, `[N, H, W, C]`.
        history: number of curvature pairs.
        first_step: length of the first step while the curvature is unknown, as the mean change of a
            pixel; shorter where the gradient's L1 norm is below 1.
    """

    def __init__(
        self,
        value_and_gradient: ValueAndGradient,
        shape: Sequence[int],
        *,
        history: int = 10,
        first_step: float = 1e-3,
    ):
        self._value_and_gradient = value_and_gradient
        self._compiled_step = compiled(self._step)
        self._history = history
        self._count = int(np.prod(shape))
        # `advance` means the sum over pixels.
        self._first_step = first_step * self._count
        self.image = tf.Variable(tf.zeros(shape))
        self.best = tf.Variable(tf.zeros(shape))
        fresh = initial_state(tf.zeros([self._count]), history)
        self._state = State(*(tf.Variable(value) for value in fresh))
        self.best_loss = self._state.best_value
        self.step_backs = self._state.step_backs

    def start(self, image: tf.Tensor, previous: ImageOptimizer | None = None) -> None:
        """Begins from `image`; of a coarser stage, the scale of the inverse Hessian helps.

        It grows with the number of pixels, since every pixel's share of a loss that is a mean, and
        so its curvature, shrinks by that much.
        """
        radius = 0.0
        if isinstance(previous, LBFGS):
            radius = float(previous._state.curvature_radius.numpy())
            radius *= self._count / previous._count
        self.image.assign(image)
        self.best.assign(image)
        self._assign(initial_state(tf.reshape(self.image, [-1]), self._history, radius))

    def _assign(self, state: State) -> None:
        for variable, value in zip(self._state, state, strict=True):
            variable.assign(value)

    def step(self, targets: Any) -> Losses:
        """Evaluates `image` once, moves it, and returns the losses it had before."""
        return self._compiled_step(targets)

    def _step(self, targets: Any) -> Losses:
        losses, gradient = self._value_and_gradient(self.image, targets)
        loss = tf.add_n(list(losses.values()))
        state = State(*(variable.value() for variable in self._state))
        state = advance(state, loss, tf.reshape(gradient, [-1]), first_step=self._first_step)
        self._assign(state)
        self.image.assign(tf.reshape(state.x, self.image.shape))
        self.best.assign(tf.reshape(state.best_x, self.image.shape))
        return losses

    def result(self) -> tf.Tensor:
        """The evaluated picture of the lowest loss since `start`."""
        return self.best.value()
