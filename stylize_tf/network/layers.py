"""Copies of layers that do here what they are told to, whatever Keras is set to for others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf


def untrained() -> AbstractContextManager[Any]:
    """A scope whose variables no `tf.GradientTape` watches.

    A tape of somebody else's would hold every map of a run else. Keras' own `trainable` comes too
    late for that: it says so to the layer, after the variable was made.
    """
    return tf.variable_creator_scope(_untrained)


def take_weights(copy: keras.layers.Layer, layer: keras.layers.Layer) -> None:
    """Gives a copy, which is built, the weights of a layer."""
    with tf.init_scope():  # It pauses tapes, which would watch what is read.
        copy.set_weights(layer.get_weights())


def _untrained(make: Callable[..., Any], **options: Any) -> Any:
    return make(**{**options, "trainable": False})
