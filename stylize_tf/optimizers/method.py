"""Optimizers of an image. They know only a function that gives losses and a gradient.

A `Method` is a pure function from state to state, traced once for images of every size; an
`ImageOptimizer` holds the state of one and evaluates. A method guards itself: a step whose loss or
gradient is not finite, or whose loss has run away, is taken back and tried smaller, and counted in
`step_backs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from stylize_tf.machine.newest import Newest
from stylize_tf.machine.tracing import of_any_size
from stylize_tf.objective.targets import Losses, ValueAndGradient

_ADVANCES: Newest[Callable[..., Any]] = Newest(128)
"""What is compiled, by the method."""


class Method(Protocol):
    """How an image is moved, given values and gradients; hashable, without state of its own.

    A state is a nest of tensors with the attributes `x`, `[N, H, W, C]`, the image that is
    evaluated next; `best_value`, the lowest value since the start, infinite until one was finite;
    and `step_backs`, the number of steps since the start that were taken back.
    """

    def __hash__(self) -> int: ...

    def initial(self, image: tf.Tensor, previous: Any = None) -> Any:
        """The state before the first evaluation, with what helps of the state of a coarser stage.

        Args:
            image: float32, `[N, H, W, C]`.
            previous: state of this method for an image of another size, or None.
        """

    def advance(self, state: Any, value: tf.Tensor, gradient: tf.Tensor) -> Any:
        """The state after `state.x` was evaluated.

        Args:
            state: from `initial` or `advance`.
            value: scalar, what is minimized, at `state.x`.
            gradient: of the value, there; in the shape of the image.
        """

    def result(self, state: Any) -> tf.Tensor:
        """The image to show: `[N, H, W, C]`."""


class ImageOptimizer:
    """Minimizes a function of an image.

    Args:
        value_and_gradient: the function.
        method: how.
        image: float32, `[N, H, W, C]`, to start from.
        previous: the optimizer, with the same method, of a coarser stage.

    Attributes:
        value_and_gradient: the function; it may be replaced by one of equal values.
        state: of the method, a nest of tensors; it may be set to go on from another one.
    """

    def __init__(
        self,
        value_and_gradient: ValueAndGradient,
        method: Method,
        image: tf.Tensor,
        previous: ImageOptimizer | None = None,
    ):
        self.value_and_gradient = value_and_gradient
        self._method = method
        self.state: Any = method.initial(image, previous.state if previous else None)

    @property
    def best_loss(self) -> tf.Tensor:
        """The lowest loss of a step; infinite until one was finite."""
        return self.state.best_value

    @property
    def step_backs(self) -> tf.Tensor:
        """Steps since the start that were taken back."""
        return self.state.step_backs

    def step(self, targets: Any) -> Losses:
        """Evaluates the image once, moves it, and returns the losses it had before."""
        losses, gradient = self.value_and_gradient(self.state.x, targets)
        loss = tf.add_n(list(losses.values()))
        advance = _ADVANCES.get(self._method, lambda: of_any_size(self._method.advance))
        self.state = advance(self.state, loss, gradient)
        return losses

    def result(self) -> tf.Tensor:
        """The image to show."""
        return self._method.result(self.state)
