"""Optimizers of an image. They know only a function that gives losses and a gradient.

A `Method` is a pure function from state to state, traced once for images of every size; an
`ImageOptimizer` holds the state of one and evaluates. A method guards itself: a step whose loss or
gradient is not finite, or whose loss has run away, is taken back and tried smaller, and counted in
`step_backs`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from stylize_tf.objective.targets import Losses, ValueAndGradient


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
    def image(self) -> tf.Tensor:
        """What the next step evaluates."""
        return self.state.x

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
        self.state = _compiled_advance(self._method)(self.state, loss, gradient)
        return losses

    def result(self) -> tf.Tensor:
        """The image to show."""
        return self._method.result(self.state)


@functools.lru_cache
def _compiled_advance(method: Method) -> Callable[..., Any]:
    return of_any_size(method.advance)


def compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`tf.function` for one function of several objects.

    TensorFlow counts the traces of all functions of one source together, and warns when every size
    of picture has its own; behind a partial each counts for itself. Nothing that is traced needs
    AutoGraph, without which tracing takes a quarter less time.
    """
    return tf.function(functools.partial(function), autograph=False, **options)


def of_any_size(function: Callable[..., Any]) -> Callable[..., Any]:
    """`tf.function` with one trace for maps `[N, H, W, C]` of all heights and widths.

    Another number of pictures or channels, format or shape of other tensors makes another trace.
    """
    traced: dict[tuple[tf.TensorSpec, ...], Callable[..., Any]] = {}

    def call(*arguments: Any) -> Any:
        signature = tf.nest.map_structure(_spec, list(arguments))
        key = tuple(tf.nest.flatten(signature))
        if key not in traced:
            traced[key] = compiled(function, input_signature=signature)
        return traced[key](*arguments)

    return call


def _spec(tensor: tf.Tensor) -> tf.TensorSpec:
    shape = tensor.shape
    return tf.TensorSpec(
        [shape[0], None, None, shape[3]] if shape.rank == 4 else shape, tensor.dtype
    )


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
    return tf.image.resize(moment, image.shape[1:3], "bilinear") / growth**power


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
