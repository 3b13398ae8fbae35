"""Functions that TensorFlow compiles, and what decides how often they are traced."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from stylize_tf.machine.newest import Newest


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
    traced: Newest[Callable[..., Any]] = Newest()

    def call(*arguments: Any) -> Any:
        signature = tf.nest.map_structure(_spec, list(arguments))
        key = tuple(tf.nest.flatten(signature))
        make = functools.partial(compiled, function, input_signature=signature)
        return traced.get(key, make)(*arguments)

    return call


def _spec(tensor: tf.Tensor) -> tf.TensorSpec:
    shape = tensor.shape
    return tf.TensorSpec(
        [shape[0], None, None, shape[3]] if shape.rank == 4 else shape, tensor.dtype
    )
