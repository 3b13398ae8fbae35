"""What moves the weights of a network: Muon its kernels, Adam the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

MOMENTUM = 0.9

COEFFICIENTS = (3.4445, -4.775, 2.0315)
"""Of the odd polynomial of fifth degree that, iterated, brings what is in (0, 1] near 1."""

ITERATIONS = 5

_SMALLEST_NORM = 1e-7

ADAM_RATE = 1 / 6
"""Learning rate of scales, offsets and biases, which Adam moves, over that of kernels."""


class Muon:
    """Moves kernels by their momentum with all of its singular values brought to about 1.

    Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks": Nesterov's
    momentum, made orthogonal by Newton-Schulz iterations, a kernel `[k, k, in, out]` as the matrix
    `[k * k * in, out]`. No direction of it is left behind for others of larger gradients: networks
    of a pyramid here come in 100 steps to what Adam takes 210 for. Keras has it for matrices alone.

    Args:
        kernels: that it moves.

    Attributes:
        kernels: the same.
        momenta: its state, one for each.
        learning_rate: scalar variable, by which kernels move.
    """

    def __init__(self, kernels: Sequence[keras.Variable]):
        self.kernels = list(kernels)
        self.momenta = [tf.Variable(tf.zeros(x.shape), trainable=False) for x in self.kernels]
        self.learning_rate = tf.Variable(0.0, trainable=False)

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """Moves the kernels, given the gradient of each."""
        for kernel, momentum, gradient in zip(self.kernels, self.momenta, gradients, strict=True):
            momentum.assign(MOMENTUM * momentum + gradient)
            rows = kernel.shape[0] * kernel.shape[1] * kernel.shape[2]
            step = tf.reshape(gradient + MOMENTUM * momentum, [rows, kernel.shape[3]])
            step = orthogonal(step) * max(1.0, kernel.shape[3] / rows) ** 0.5
            kernel.assign(kernel - self.learning_rate * tf.reshape(step, kernel.shape))


def orthogonal(matrix: tf.Tensor) -> tf.Tensor:
    """A matrix `[m, n]` with the same singular vectors, and values of about 1: .6 to 1.2.

    Those below a hundredth of the matrix's norm may come to less.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = tf.transpose(matrix) if is_tall else matrix
    x = x / (tf.norm(x) + _SMALLEST_NORM)
    first, second, third = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = x @ tf.transpose(x)
        x = first * x + (second * square + third * square @ square) @ x
    return tf.transpose(x) if is_tall else x


class Optimizers:
    """Move the weights of a level: `Muon` its kernels, Adam the rest.

    Args:
        weights: of the level, those that are trained.
    """

    def __init__(self, weights: Sequence[keras.Variable]):
        self.rest = [x for x in weights if x.name != "kernel"]
        self.muon = Muon([x for x in weights if x.name == "kernel"])
        self.adam = keras.optimizers.Adam()
        self.adam.build(self.rest)

    @property
    def state(self) -> list[Any]:
        """The variables of both."""
        return [*self.muon.momenta, *self.adam.variables]

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate of kernels; Adam's is `ADAM_RATE` of it."""
        self.muon.learning_rate.assign(rate)
        self.adam.learning_rate = rate * ADAM_RATE
