"""Adam on the pixels of an image."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class AdamState(NamedTuple):
    """The state of `Adam` between two evaluations.

    Attributes:
        x: `[N, H, W, C]`, the image that is evaluated next.
        momentum, velocity: averages of the gradient and of its square.
        largest: greatest velocity so far, with AMSGrad; else like `velocity`.
        iterations: scalar, steps that moved the image, those of coarser stages included.
        best_x, best_value: the evaluated image of the lowest value, and that value.
        first_value: scalar, the first sound value; infinite before.
        scale: factor of the learning rate, halved when a step is taken back.
        step_backs: int scalar, steps taken back since the start.
    """

    x: tf.Tensor
    momentum: tf.Tensor
    velocity: tf.Tensor
    largest: tf.Tensor
    iterations: tf.Tensor
    best_x: tf.Tensor
    best_value: tf.Tensor
    first_value: tf.Tensor
    scale: tf.Tensor
    step_backs: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Adam:
    """A `Method` that follows the gradient: Kingma & Ba (2015), Algorithm 1.

    The bias corrections are part of the step's length, as at the end of their Section 2, so that
    epsilon is added to the uncorrected root; so does Keras. AMSGrad is Reddi et al. (2018).

    Attributes:
        learning_rate: in units of the image.
        beta_1, beta_2: decay of the averages.
        epsilon: added to the root of the second moment.
        amsgrad: divide by the greatest second moment so far.
        warmup_steps: steps over which the learning rate rises linearly to its value; those of a
            coarser stage count.
        clip_norm: gradients of a larger norm are scaled down to it; 0 does not clip.
        bounds: lowest and highest value of a pixel, kept after every step; None leaves pixels free.
        runaway: a value this many times that of the start is taken back.
    """

    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False
    warmup_steps: int = 0
    clip_norm: float = 0.0
    bounds: tuple[float, float] | None = (0.0, 1.0)
    runaway: float = 10.0

    def initial(self, image: tf.Tensor, previous: AdamState | None = None) -> AdamState:
        """The state before the first evaluation; the moments of a coarser stage are resized.

        The first moment is divided by the growth of the number of pixels and the second by its
        square, since every pixel's share of a loss that is a mean shrinks by that much.
        """
        nothing, infinite = tf.zeros_like(image), tf.constant(np.inf)
        momentum = velocity = largest = nothing
        iterations = tf.constant(0.0)
        if previous is not None:
            momentum = _resized(previous.momentum, image, power=1)
            velocity = _resized(previous.velocity, image, power=2)
            largest = _resized(previous.largest, image, power=2)
            iterations = previous.iterations
        return AdamState(
            x=image,
            momentum=momentum,
            velocity=velocity,
            largest=largest,
            iterations=iterations,
            best_x=image,
            best_value=infinite,
            first_value=infinite,
            scale=tf.constant(1.0),
            step_backs=tf.constant(0),
        )

    def advance(self, state: AdamState, value: tf.Tensor, gradient: tf.Tensor) -> AdamState:
        """The state after `state.x` was evaluated; see `Method.advance`."""
        finite = tf.math.is_finite(value) & tf.reduce_all(tf.math.is_finite(gradient))
        sound = finite & (value <= self.runaway * tf.abs(state.first_value))
        better = sound & (value < state.best_value)
        is_first = sound & tf.math.is_inf(state.first_value)
        state = state._replace(
            best_x=tf.where(better, state.x, state.best_x),
            best_value=tf.where(better, value, state.best_value),
            first_value=tf.where(is_first, value, state.first_value),
        )
        return tf.cond(sound, lambda: self._forward(state, gradient), lambda: _back(state))

    def _forward(self, state: AdamState, gradient: tf.Tensor) -> AdamState:
        if self.clip_norm:
            gradient = tf.clip_by_norm(gradient, self.clip_norm)
        iterations = state.iterations + 1
        momentum = self.beta_1 * state.momentum + (1 - self.beta_1) * gradient
        velocity = self.beta_2 * state.velocity + (1 - self.beta_2) * tf.square(gradient)
        largest = tf.maximum(state.largest, velocity) if self.amsgrad else velocity
        rate = self.learning_rate * state.scale
        if self.warmup_steps:
            rate *= tf.minimum(1.0, iterations / self.warmup_steps)
        rate *= tf.sqrt(1 - self.beta_2**iterations) / (1 - self.beta_1**iterations)
        x = state.x - rate * momentum / (tf.sqrt(largest) + self.epsilon)
        return state._replace(
            x=x if self.bounds is None else tf.clip_by_value(x, *self.bounds),
            momentum=momentum,
            velocity=velocity,
            largest=largest,
            iterations=iterations,
        )

    def result(self, state: AdamState) -> tf.Tensor:
        """The evaluated image of the lowest value since the start."""
        return state.best_x


def _back(state: AdamState) -> AdamState:
    return state._replace(x=state.best_x, scale=state.scale / 2, step_backs=state.step_backs + 1)


def _resized(moment: tf.Tensor, image: tf.Tensor, power: int) -> tf.Tensor:
    growth = np.prod(image.shape[1:3]) / np.prod(moment.shape[1:3])
    return tf.image.resize(moment, image.shape[1:3], "bilinear") / float(growth**power)
