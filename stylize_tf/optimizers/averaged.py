"""The average of the images that another method goes through."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import tensorflow as tf

from stylize_tf.optimizers.method import Method


class AveragedState(NamedTuple):
    """The state of another method, and the sum of `steps` images, decaying."""

    inner: Any
    average: tf.Tensor
    steps: tf.Tensor

    @property
    def x(self) -> tf.Tensor:
        """The image that is evaluated next."""
        return self.inner.x

    @property
    def best_value(self) -> tf.Tensor:
        """The lowest value since the start."""
        return self.inner.best_value

    @property
    def step_backs(self) -> tf.Tensor:
        """Steps since the start that were taken back."""
        return self.inner.step_backs


@dataclasses.dataclass(frozen=True)
class Averaged:
    """A `Method` whose result is the exponential average of another's iterates.

    Polyak & Juditsky (1992); the bias of the first steps is corrected as in Adam. Every stage
    begins a new average.

    Attributes:
        method: what moves the image.
        decay: of the average, in (0, 1); it looks back about `1 / (1 - decay)` steps.
    """

    method: Method
    decay: float

    def initial(self, image: tf.Tensor, previous: AveragedState | None = None) -> AveragedState:
        """The other method's state, and an empty average."""
        inner = self.method.initial(image, previous.inner if previous else None)
        return AveragedState(inner, tf.zeros_like(image), tf.constant(0.0))

    def advance(self, state: AveragedState, value: tf.Tensor, gradient: tf.Tensor) -> AveragedState:
        """A step of the other method, whose new image joins the average."""
        inner = self.method.advance(state.inner, value, gradient)
        average = self.decay * state.average + (1 - self.decay) * inner.x
        return AveragedState(inner, average, state.steps + 1)

    def result(self, state: AveragedState) -> tf.Tensor:
        """The average; the starting picture before the first step."""
        if not float(state.steps):
            return self.method.result(state.inner)
        return state.average / (1 - self.decay ** float(state.steps))
