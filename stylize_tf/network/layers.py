"""Copies of layers that do here what they are told to, whatever Keras is set to for others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf


def pinned_config(
    layer: keras.layers.Layer, policy: str = "float32", **changes: Any
) -> dict[str, Any]:
    """The configuration of a copy of a layer that has no format left to a global setting.

    Args:
        layer: any; convolutions and poolings with channels first, which Keras may be set to, become
            such with channels last. What names the axis of channels otherwise keeps it, so networks
            with other layers are to have them last, see `features.part_of_another`.
        policy: of number formats, as Keras names it.
        changes: fields of the configuration.
    """
    config = {**layer.get_config(), "dtype": policy, "trainable": False}
    if "data_format" in config:
        config["data_format"] = "channels_last"
    # The copy gets the weights of the layer; random ones would take most of the time.
    config |= {name: "zeros" for name in config if name.endswith("_initializer")}
    return {**config, **changes}


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


def copied(model: keras.Model, policy: str = "float32") -> keras.Model:
    """A model of the same layers, channels last, whose weights are zeros.

    Args:
        model: of one input with three channels, and without models within it.
        policy: of number formats, as Keras names it.
    """
    with untrained():
        return keras.models.clone_model(
            model,
            input_tensors=keras.Input([None, None, 3], dtype="float32"),
            clone_function=lambda layer: type(layer).from_config(pinned_config(layer, policy)),
        )
