"""Optimizers of an image. They know only a function that gives losses and a gradient.

An `ImageOptimizer` holds its state in variables of fixed shape, so that its step is traced once. It
guards itself: a step whose loss or gradient is not finite, or whose loss has run away, is taken
back and tried smaller, and counted in `step_backs`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

Losses = dict[str, tf.Tensor]
ValueAndGradient = Callable[[tf.Tensor, Any], tuple[Losses, tf.Tensor]]
"""(image, targets) -> (weighted scalars by name, gradient of their sum by the image)."""


class ImageOptimizer(Protocol):
    """What the stylizer needs of an optimizer.

    Attributes:
        image: variable `[N, H, W, C]`, the picture that the next step evaluates.
        best: variable of that shape, the evaluated picture of the lowest loss since `start`.
        best_loss: scalar variable, its loss; infinite until a step had a finite loss.
        step_backs: scalar integer variable, steps since `start` that were taken back.
    """

    image: tf.Variable
    best: tf.Variable
    best_loss: tf.Variable
    step_backs: tf.Variable

    def start(self, image: tf.Tensor, previous: ImageOptimizer | None = None) -> None:
        """Begins anew from `image`, with what helps of the state of a coarser stage."""

    def step(self, targets: Any) -> Losses:
        """Evaluates `image` once, moves it, and returns the losses it had before."""

    def result(self) -> tf.Tensor:
        """The picture to show: `[N, H, W, C]`."""


def compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`tf.function` for one function of several objects.

    TensorFlow counts the traces of all functions of one source together, and warns when every size
    of picture has its own; behind a partial each counts for itself.
    """
    return tf.function(functools.partial(function), **options)


class Adam:
    """An `ImageOptimizer` that follows the gradient (Kingma & Ba, 2015).

    Args:
        value_and_gradient: what to minimize.
        shape: of the image, `[N, H, W, C]`.
        learning_rate: in units of the image.
        warmup_steps: steps over which the learning rate rises linearly to its value; those of a
            coarser stage count.
        clip_norm: gradients of a larger norm are scaled down to it; 0 does not clip.
        bounds: lowest and highest value of a pixel, kept after every step; None leaves pixels free.
        parameters: others of `keras.optimizers.Adam`, such as `beta_1` or `amsgrad`.
    """

    runaway = 10.0  # A loss this many times that of the stage's start is taken back.

    def __init__(
        self,
        value_and_gradient: ValueAndGradient,
        shape: Sequence[int],
        *,
        learning_rate: float,
        warmup_steps: int = 0,
        clip_norm: float = 0.0,
        bounds: tuple[float, float] | None = (0.0, 1.0),
        **parameters: Any,
    ):
        self.image = tf.Variable(tf.zeros(shape))
        self.best = tf.Variable(tf.zeros(shape))
        self.best_loss = tf.Variable(np.inf, dtype=tf.float32)
        self.step_backs = tf.Variable(0)
        self._first_loss = tf.Variable(np.inf, dtype=tf.float32)
        self._value_and_gradient = value_and_gradient
        self._compiled_step = compiled(self._step)
        self._rate = learning_rate
        self._scale = tf.Variable(1.0)  # Halved with every step that is taken back.
        self._warmup_steps = warmup_steps
        self._bounds = bounds
        self._optimizer = keras.optimizers.Adam(
            learning_rate, clipnorm=clip_norm or None, **parameters
        )
        self._optimizer.build([self.image])  # A traced step may not create the slots.
        self._fresh = [variable.numpy() for variable in self._optimizer.variables]

    def start(self, image: tf.Tensor, previous: ImageOptimizer | None = None) -> None:
        """Begins from `image`; the moments of a coarser stage are resized to this one.

        Its first moment is divided by the growth of the number of pixels and the second by its
        square, since every pixel's share of a loss that is a mean shrinks by that much.
        """
        self.image.assign(image)
        self.best.assign(image)
        self.best_loss.assign(np.inf)
        self._first_loss.assign(np.inf)
        self._scale.assign(1.0)
        self.step_backs.assign(0)
        for variable, value in zip(self._optimizer.variables, self._fresh, strict=True):
            variable.assign(value)
        if isinstance(previous, Adam):
            self._carry(previous)

    def _carry(self, previous: Adam) -> None:
        self._optimizer.iterations.assign(previous._optimizer.iterations)
        height, width = self.image.shape[1:3]
        growth = (height * width) / (previous.image.shape[1] * previous.image.shape[2])
        slots = zip(self._optimizer.variables, previous._optimizer.variables, strict=True)
        for variable, coarse in slots:
            if len(variable.shape) == 4:
                power = 1 if "_momentum" in variable.path else 2
                moment = tf.image.resize(coarse.value, [height, width], "bilinear")
                variable.assign(moment / growth**power)

    def step(self, targets: Any) -> Losses:
        """Evaluates `image` once, moves it, and returns the losses it had before."""
        return self._compiled_step(targets)

    def _step(self, targets: Any) -> Losses:
        losses, gradient = self._value_and_gradient(self.image, targets)
        loss = tf.add_n(list(losses.values()))
        finite = tf.math.is_finite(loss) & tf.reduce_all(tf.math.is_finite(gradient))
        sound = finite & (loss <= self.runaway * tf.abs(self._first_loss))
        is_first = sound & tf.math.is_inf(self._first_loss)
        self._first_loss.assign(tf.where(is_first, loss, self._first_loss))
        better = sound & (loss < self.best_loss)
        self.best.assign(tf.where(better, self.image, self.best))
        self.best_loss.assign(tf.where(better, loss, self.best_loss))
        self.step_backs.assign_add(tf.cast(~sound, tf.int32))
        self._scale.assign(tf.where(sound, self._scale, self._scale / 2))
        self._optimizer.learning_rate.assign(self._rate * self._scale * self._warmup())
        self._optimizer.apply([tf.where(sound, gradient, 0.0)], [self.image])
        image = self.image
        if self._bounds is not None:
            image = tf.clip_by_value(self.image, *self._bounds)
        self.image.assign(tf.where(sound, image, self.best))
        return losses

    def _warmup(self) -> tf.Tensor:
        if not self._warmup_steps:
            return tf.constant(1.0)
        done = tf.cast(self._optimizer.iterations, tf.float32) + 1.0
        return tf.minimum(1.0, done / self._warmup_steps)

    def result(self) -> tf.Tensor:
        """The evaluated picture of the lowest loss since `start`."""
        return self.best.value()


class Averaged:
    """An `ImageOptimizer` whose result is the exponential average of another's iterates.

    Polyak & Juditsky (1992); the bias of the first steps is corrected as in Adam. `start` begins a
    new average.

    Args:
        optimizer: what moves the image.
        decay: of the average, in (0, 1); it looks back about `1 / (1 - decay)` steps.
    """

    def __init__(self, optimizer: ImageOptimizer, decay: float):
        self._optimizer = optimizer
        self._decay = decay
        self._average = tf.Variable(tf.zeros(optimizer.image.shape))
        self._steps = tf.Variable(0.0)
        self.image = optimizer.image
        self.best = optimizer.best
        self.best_loss = optimizer.best_loss
        self.step_backs = optimizer.step_backs

    def start(self, image: tf.Tensor, previous: ImageOptimizer | None = None) -> None:
        """Begins anew from `image` with an empty average."""
        inner = previous._optimizer if isinstance(previous, Averaged) else previous
        self._optimizer.start(image, inner)
        self._average.assign(tf.zeros_like(self._average))
        self._steps.assign(0.0)

    def step(self, targets: Any) -> Losses:
        """A step of the optimizer, whose new image joins the average."""
        losses = self._optimizer.step(targets)
        self._average.assign(
            self._decay * self._average + (1 - self._decay) * self._optimizer.image
        )
        self._steps.assign_add(1.0)
        return losses

    def result(self) -> tf.Tensor:
        """The average; the starting picture before the first step."""
        if not self._steps.numpy():
            return self._optimizer.result()
        return self._average / (1 - self._decay ** self._steps.numpy())
