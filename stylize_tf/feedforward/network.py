"""The network that paints a picture at once, in one of several styles or a blend of them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from stylize_tf.errors import ConfigError
from stylize_tf.feedforward import network_files
from stylize_tf.feedforward.channels import LAST, channels_of, convolutions
from stylize_tf.feedforward.channels import check as check_channels
from stylize_tf.feedforward.layers import (
    EPSILON,
    EPSILON_OF_IMAGE,
    ConditionalInstanceNormalization,
    Enlarged,
    ReflectPadding,
)
from stylize_tf.feedforward.styles import LARGEST_WIDTH, Style, shares_of

MARGIN = 8
"""Pixels that are mirrored beyond each border, painted and cut away: what is seen on one side only
is not painted as well. Of a size that eight does not divide, up to seven at the right and at the
bottom are left out, so that maps of an eighth are halves of those of a quarter."""

COARSEST = 8
"""Sides of a picture over those of the smallest maps."""

SMALLEST_SIDE = MARGIN + 1
"""Pixels of a side of the smallest picture, which has as many to mirror."""


BLOCKS = 4
"""Residual blocks at an eighth of the sides."""


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

    - maps are halved by convolutions of 4x4, under which every position counts alike, and enlarged
      by `Enlarged`: neither prefers some positions to others, of which grids come;
    - most blocks are at an eighth of the sides, not at a quarter, where they see twice as far:
      great forms want room. What is finer goes round them, through a block before and one after;
    - borders are mirrored everywhere, and painted `MARGIN` pixels beyond, which are cut away;
    - the output is a sigmoid, so that colors are in range without being cut.

    Args:
        styles: their names.
        width: .25 for phones, .5, or 1; 32 times that are the channels at full size.
        blocks: residual blocks at an eighth of the sides.
        channels: of each group, see `channels.channels_of`; those of the width if None.
        seed: of the first weights.
        options: those of `keras.Model`.

    Raises:
        ConfigError: if there are no styles, or two of one name, or no channels or blocks.
    """

    def __init__(
        self,
        styles: Sequence[str],
        width: float = 0.5,
        blocks: int = BLOCKS,
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
        if not (1 / 64 < width <= LARGEST_WIDTH and blocks >= 1):
            raise ConfigError(
                f"`width` must be from .03 to {LARGEST_WIDTH:g} and `blocks` at least 1; got "
                f"{width!r} and {blocks!r}."
            )
        self.styles = names
        self.width = width
        self.blocks = blocks
        own = channels_of(width, blocks) if channels is None else channels
        self.channels = check_channels(own, width, blocks)
        self.graph = _graph(len(names), self.channels, blocks, seed)
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

    def blend(self, style: Style) -> np.ndarray:
        """How much of each style that is: float32, `[S]`, adding up to 1; see `shares_of`."""
        return shares_of(style, self.styles)

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        own = {"styles": list(self.styles), "width": self.width, "blocks": self.blocks}
        own["channels"] = dict(self.channels)
        return {**super().get_config(), **own}


def check_sides(sides: Sequence[int | None]) -> None:
    """Raises a `ConfigError` if a picture is too small; None is a side that is not known."""
    if any(side is not None and side < SMALLEST_SIDE for side in sides):
        height, width = sides
        raise ConfigError(
            f"`image` must have sides of {SMALLEST_SIDE} pixels or more for a network; got "
            f"{width}x{height}. Enlarge it."
        )


def _graph(styles: int, channels: Mapping[str, int], blocks: int, seed: int) -> keras.Model:
    """From images `[N, H, W, 3]` and blends `[N, styles]` to painted images."""
    image = keras.Input([None, None, 3], name="image", dtype="float32")
    blend = keras.Input([styles], name="blend", dtype="float32")
    numbers = itertools.count(1000 * seed)

    layout = {layer.name: layer for layer in convolutions(blocks)}

    def convolution(count: int, size: int, name: str, **options: Any) -> keras.layers.Layer:
        kernel = keras.initializers.GlorotUniform(next(numbers))
        fixed = {"data_format": "channels_last", "dtype": "float32", "name": name}
        return layers.Conv2D(count, size, kernel_initializer=kernel, **fixed, **options)

    def convolved(x: Any, name: str, stride: int = 1) -> Any:
        size, count = layout[name].size, channels[layout[name].target]
        x = ReflectPadding((size - 1) // 2, name=f"{name}_padding", dtype="float32")(x)
        return convolution(count, size, name, strides=stride, use_bias=False)(x)

    def normalized(x: Any, name: str) -> Any:
        epsilon = EPSILON_OF_IMAGE if name == "first" else EPSILON
        fixed = {"name": f"{name}_norm", "dtype": "float32"}
        norm = ConditionalInstanceNormalization(styles, epsilon, **fixed)
        return norm([x, blend])

    def activated(x: Any, name: str) -> Any:
        return layers.ReLU(name=f"{name}_relu", dtype="float32")(normalized(x, name))

    def block(x: Any, name: str) -> Any:
        y = activated(convolved(x, f"{name}_conv1"), f"{name}_conv1")
        y = normalized(convolved(y, f"{name}_conv2"), f"{name}_conv2")
        return layers.Add(name=f"{name}_sum", dtype="float32")([x, y])

    x = ReflectPadding(MARGIN, name="margin", dtype="float32")(image)
    x = Divisible(COARSEST, name="divisible", dtype="float32")(x)
    x = activated(convolved(x, "first"), "first")
    for number in (1, 2):
        name = f"down{number}"
        x = activated(convolved(x, name, stride=2), name)
    x = fine = block(x, "fine1")
    x = activated(convolved(x, "down3", stride=2), "down3")
    for number in range(1, blocks + 1):
        x = block(x, f"block{number}")
    x = Enlarged(name="up0_enlarged", dtype="float32")(x)
    x = normalized(convolved(x, "up0"), "up0")
    x = layers.Add(name="up0_sum", dtype="float32")([fine, x])
    x = block(x, "fine2")
    for number in (1, 2):
        name = f"up{number}"
        x = Enlarged(name=f"{name}_enlarged", dtype="float32")(x)
        x = activated(convolved(x, name), name)
    x = ReflectPadding(LAST.size // 2, name="last_padding", dtype="float32")(x)
    x = convolution(3, LAST.size, "last")(x)
    x = layers.Activation("sigmoid", name="color", dtype="float32")(x)
    return keras.Model(
        [image, blend], Cut(MARGIN, name="cut", dtype="float32")([x, image]), name="graph"
    )


@keras.saving.register_keras_serializable(package="stylize_tf")
class Divisible(layers.Layer):
    """The largest part of a map, from the top and the left, whose sides a number divides.

    Args:
        number: that divides them.
    """

    def __init__(self, number: int, **options: Any):
        super().__init__(**options)
        self.number = number

    def call(self, inputs: Any) -> Any:
        """`[N, H, W, C]` -> `[N, number * (H // number), number * (W // number), C]`."""
        shape = ops.shape(inputs)
        height, width = (self.number * (side // self.number) for side in shape[1:3])
        return inputs[:, :height, :width]

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives back."""
        batch, *sides, channels = shape
        high, wide = (side and self.number * (side // self.number) for side in sides)
        return batch, high, wide, channels

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        return {**super().get_config(), "number": self.number}


@keras.saving.register_keras_serializable(package="stylize_tf")
class Cut(layers.Layer):
    """What of a map is within a margin, of the size of another.

    Args:
        margin: positions at the top and at the left.
    """

    def __init__(self, margin: int, **options: Any):
        super().__init__(**options)
        self.margin = margin

    def call(self, inputs: Sequence[Any]) -> Any:
        """Of `[N, H, W, C]` the part that is as high and wide as the other, `[N, h, w, ...]`."""
        x, other = inputs
        shape = ops.shape(other)
        first = self.margin
        return x[:, first : first + shape[1], first : first + shape[2]]

    def compute_output_shape(self, shapes: Sequence[Sequence[int | None]]) -> Any:
        """The shape of what `call` gives back."""
        (batch, _, _, channels), (_, height, width, _) = shapes
        return batch, height, width, channels

    def get_config(self) -> dict[str, Any]:
        """What it takes to build it again."""
        return {**super().get_config(), "margin": self.margin}
