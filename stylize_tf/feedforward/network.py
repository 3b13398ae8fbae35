"""The network that paints a picture at once, in one of several styles or a blend of them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from stylize_tf.errors import ConfigError
from stylize_tf.feedforward import graph, network_files
from stylize_tf.feedforward.channels import channels_of
from stylize_tf.feedforward.channels import check as check_channels
from stylize_tf.feedforward.graph import MARGIN
from stylize_tf.feedforward.styles import LARGEST_WIDTH, Style, shares_of

SMALLEST_SIDE = MARGIN + 1
"""Pixels of a side of the smallest picture, which has as many to mirror."""


@keras.saving.register_keras_serializable(package="stylize_tf")
class Network(keras.Model):
    """Paints pictures in the manner of the paintings that it was trained with.

        network = Network.load("network.keras")
        picture = network(photograph[np.newaxis], style="starry_night")

    `keras.saving.load_model` opens the file, too, once this module is imported. Its numbers are
    float32, channels last, whatever Keras is set to.

    The architecture is that of Johnson, Alahi & Fei-Fei (2016), "Perceptual Losses for Real-Time
    Style Transfer and Super-Resolution", with the normalization of Dumoulin et al. (2017), see
    `ConditionalInstanceNormalization`. We differ in that

    - a picture is painted at a quarter of its sides, then at half and then whole, each by a network
      of that architecture which sees the photograph and the picture before, at its size, and says
      what to change (Lin et al. 2021, "Drafting and Revision: Laplacian Pyramid Network for Fast
      High-Quality Artistic Style Transfer", have two such). Great forms come so: seven blocks of
      eight are at a quarter or half of the sides, where they see far and cost little;
    - within each, maps of before the blocks are added to those of the same size after them, and the
      first and the last layer are of 3x3;
    - noise goes into each (`layers.Noise`), at the size of the image and at a quarter of its sides,
      each style having as much of it as it wants, as it has of the photograph and of the picture
      before, which are added to what the last layer gives;
    - maps are halved by convolutions of 4x4, under which every position counts alike, and enlarged
      by `layers.EnlargingConvolution`: neither prefers some positions to others, of which grids
      come;
    - borders are mirrored everywhere, and painted `MARGIN` pixels beyond, which are cut away;
    - the output is a sigmoid, so that colors are in range without being cut.

    Args:
        styles: their names.
        width: .25 for phones, .5, or 1; 32 times that are the channels at full size.
        channels: of each group, see `channels.channels_of`; those of the width if None.
        seed: of the first weights.
        options: those of `keras.Model`.

    Raises:
        ConfigError: if there are no styles, or two of one name, or no channels.
    """

    def __init__(
        self,
        styles: Sequence[str],
        width: float = 0.5,
        *,
        channels: Mapping[str, int] | None = None,
        seed: int = 0,
        **options: Any,
    ):
        # A name that Keras counts up would differ from one file to the next.
        super().__init__(**{"name": "network", **options, "dtype": "float32"})
        names = () if isinstance(styles, str) else tuple(styles)
        if not names or len(set(names)) < len(names) or not all(isinstance(x, str) for x in names):
            raise ConfigError(
                f"`styles` must be names, at least one and each of one style; got {styles!r}."
            )
        if not 1 / 64 < width <= LARGEST_WIDTH:
            raise ConfigError(f"`width` must be from .03 to {LARGEST_WIDTH:g}; got {width!r}.")
        self.styles = names
        self.width = width
        own = channels_of(width) if channels is None else channels
        self.channels = check_channels(own, width)
        self.graph = graph.build(len(names), self.channels, seed)
        self.built = True  # All weights are there before the first picture is.

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """The network of a file by `network_files.save`, or by `save`.

        Raises:
            WeightsError: if there is no such file, or it is cut, changed, or of something else.
        """
        with network_files.opened(path) as (config, weights):
            network = cls(**config)
            network.load_weights(weights)
            if not all(np.isfinite(x).all() for x in network.get_weights()):
                raise ValueError("not all of its weights are numbers")
        return network

    def call(self, image: Any, style: Style | tf.Tensor = None) -> Any:
        """The painted pictures.

        Args:
            image: float, RGB in [0, 1], `[N, H, W, 3]`, no side below `SMALLEST_SIDE`.
            style: one for all of them; or a tensor: a number, how much of each style, `[S]`, or
                `[N, S]` as it is, where blends add up to 1.

        Returns:
            As `image`: same shape, in [0, 1].

        Raises:
            ConfigError: if there is no such style, or a side is known to be too short.
        """
        check_sides(image.shape[1:3])
        if isinstance(style, tf.Tensor) and len(style.shape) < 2 and hasattr(style, "numpy"):
            given = style.numpy()  # So do arrays come in, too, and numbers of NumPy.
            style = int(given) if given.ndim == 0 else given
        if isinstance(style, (tf.Tensor, keras.KerasTensor)):
            if len(style.shape) == 2:
                return self.graph([image, style])
            is_number = len(style.shape) == 0
            shares = ops.one_hot(style, len(self.styles)) if is_number else style
            blend = ops.cast(shares / ops.sum(shares), "float32")[None]
        else:
            blend = ops.convert_to_tensor(self.blend(style)[np.newaxis])
        return self.graph([image, ops.tile(blend, [ops.shape(image)[0], 1])])

    @functools.cached_property
    def function(self) -> Callable[[Any, Any], tf.Tensor]:
        """`graph` compiled, for pictures `[1, H, W, 3]` of any size and shares `[1, S]`.

        It takes a second or three to be made, and then of a picture of 256 pixels a fifth of the
        time; pixels are the same.
        """
        picture, shares = tf.TensorSpec([1, None, None, 3]), tf.TensorSpec([1, len(self.styles)])
        return tf.function(lambda *inputs: self.graph([*inputs]), input_signature=[picture, shares])

    def blend(self, style: Style) -> np.ndarray:
        """How much of each style that is: float32, `[S]`, adding up to 1; see `shares_of`."""
        return shares_of(style, self.styles)

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        own = {"styles": list(self.styles), "width": self.width, "channels": dict(self.channels)}
        return {**super().get_config(), **own}


def check_sides(sides: Sequence[int | None]) -> None:
    """Raises a `ConfigError` if a picture is too small; None is a side that is not known."""
    if any(side is not None and side < SMALLEST_SIDE for side in sides):
        height, width = sides
        raise ConfigError(
            f"`image` must have sides of {SMALLEST_SIDE} pixels or more for a network; got "
            f"{width}x{height}. Enlarge it."
        )
