"""The layers of a network: a picture of a quarter of the sides, then of half, then the whole."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from stylize_tf.feedforward.channels import FINE_NOISES, FIXED, LEVELS, NOISES, Level, convolutions
from stylize_tf.feedforward.layers import (
    EPSILON,
    EPSILON_OF_IMAGE,
    ConditionalInstanceNormalization,
    ConditionalNoise,
    ConditionalScale,
    Cut,
    Divisible,
    Enlarged,
    EnlargingConvolution,
    Noise,
    ReflectPadding,
)

MARGIN = 16
"""Pixels that are mirrored beyond each border, painted and cut away: what is seen on one side only
is not painted as well. Of a size that `COARSEST` does not divide, up to fifteen at the right and at
the bottom are left out, so that maps of each size are halves of those before."""

COARSEST = 4 * LEVELS[0].shrink
"""Sides of a picture over those of the smallest maps."""

CONTRAST = 8.0
"""What the photograph, less a half, is multiplied with to be added to what the sigmoid takes. So
black and white come to within .02 of themselves, where a style wants the photograph; what lies
between is up to .13 off, and left to the last layer to mend."""


def build(styles: int, channels: Mapping[str, int], seed: int) -> keras.Model:
    """From images `[N, H, W, 3]` and blends `[N, S]` to painted images, with first weights.

    Args:
        styles: how many.
        channels: of each group of `channels.channels_of`.
        seed: of the weights.
    """
    make = _Layers(styles, channels, seed)
    image = keras.Input([None, None, 3], name="image", dtype="float32")
    blend = keras.Input([styles], name="blend", dtype="float32")
    padded = ReflectPadding(MARGIN, name="margin", dtype="float32")(image)
    padded = Divisible(COARSEST, name="divisible", dtype="float32")(padded)
    drawn = None
    for level in LEVELS:
        options = {"data_format": "channels_last", "dtype": "float32"}
        shrink = layers.AveragePooling2D(level.shrink, name=f"{level.name}_image", **options)
        drawn = make.level(level, shrink(padded), blend, drawn)
    picture = layers.Activation("sigmoid", name="picture", dtype="float32")(drawn)
    picture = Cut(MARGIN, name="cut", dtype="float32")([picture, image])
    return keras.Model([image, blend], picture, name="graph")


def levels_of(graph: keras.Model) -> list[keras.Model]:
    """The parts of a model by `build` for each of `LEVELS`, which share its weights.

    From images `[N, H, W, 3]` with their margins at the size of the level, blends, noise of that
    size, `[1, H, W, FINE_NOISES]`, and of the smallest maps, `[1, H / 4, W / 4, NOISES]`, and, but
    for the first, what the one before gave, to what the sigmoid makes the painted images of.
    """

    def made_by(name: str) -> Any:
        return graph.get_layer(name).output

    models: list[keras.Model] = []
    for level in LEVELS:
        given = [made_by(f"{level.name}_image"), graph.inputs[1]]
        given.append(made_by(f"{level.name}_fine_noise_maps"))
        given.append(made_by(f"{level.name}_noise_maps"))
        if models:
            given.append(made_by(f"{LEVELS[len(models) - 1].name}_sum"))
        models.append(keras.Model(given, made_by(f"{level.name}_sum"), name=level.name))
    return models


def is_of_styles(variable: keras.Variable) -> bool:
    """Whether each style has its own of these weights of a network."""
    return variable.name in ("scale", "offset")


def level_of(variable: keras.Variable) -> int:
    """The number of the level that weights of a network are of."""
    return [level.name for level in LEVELS].index(variable.path.partition("_")[0])


class _Layers:
    """Makes layers under the names of `convolutions`, with weights of one seed."""

    def __init__(self, styles: int, channels: Mapping[str, int], seed: int):
        self._styles = styles
        self._channels = {**channels, **FIXED}
        self._layout = {x.name: x for x in convolutions()}
        self._seeds = itertools.count(1000 * seed)

    def level(self, level: Level, image: Any, blend: Any, before: Any) -> Any:
        """What the sigmoid makes the picture of a level of.

        Args:
            level: which.
            image: of its size.
            blend: of styles.
            before: of the level before; None: this is the first.
        """
        name = f"{level.name}_{{}}".format
        x = image
        options = {"name": name("contrast"), "dtype": "float32"}
        contrast = layers.Rescaling(CONTRAST, -CONTRAST / 2, **options)(image)
        sums = [self._scaled(contrast, blend, name("photograph"), "zeros")]
        if before is not None:
            before = Enlarged(name=name("before"), dtype="float32")(before)
            drawn = layers.Activation("sigmoid", name=name("drawn"), dtype="float32")(before)
            x = layers.Concatenate(name=name("both"), dtype="float32")([image, drawn])
            sums.append(self._scaled(before, blend, name("before"), "ones"))
        fine_noise = Noise(FINE_NOISES, name=name("fine_noise_maps"), dtype="float32")(image)
        fine_noise = self._scaled(fine_noise, blend, name("fine_noise"), "ones")
        x = layers.Concatenate(name=name("given"), dtype="float32")([x, fine_noise])
        first = x = self._activated(x, blend, name("first"))
        half = x = self._activated(x, blend, name("down1"), stride=2)
        x = self._noisy(x, blend, name("down2"), name("noise"))
        for number in range(1, level.blocks + 1):
            x = self._block(x, blend, name(f"block{number}"))
        for own, finer in (("up1", half), ("up2", first)):
            x = self._normalized(self._enlarged(x, name(own)), blend, name(own))
            x = layers.Add(name=name(f"{own}_sum"), dtype="float32")([finer, x])
            x = layers.ReLU(name=name(f"{own}_relu"), dtype="float32")(x)
        # Nothing is changed at first of what the level before painted.
        start = None if before is None else "zeros"
        x = self._convolved(x, name("color"), use_bias=True, start=start)
        return layers.Add(name=name("sum"), dtype="float32")([*sums, x])

    def _scaled(self, x: Any, blend: Any, name: str, start: str) -> Any:
        options = {"name": f"{name}_scale", "dtype": "float32"}
        return ConditionalScale(self._styles, start, **options)([x, blend])

    def _convolved(
        self,
        x: Any,
        name: str,
        stride: int = 1,
        *,
        use_bias: bool = False,
        start: str | None = None,
    ) -> Any:
        own = self._layout[name]
        return layers.Conv2D(
            self._channels[own.target],
            own.size,
            strides=stride,
            use_bias=use_bias,
            kernel_initializer=start or keras.initializers.GlorotUniform(next(self._seeds)),
            data_format="channels_last",
            dtype="float32",
            name=name,
        )(self._padded(x, name))

    def _enlarged(self, x: Any, name: str) -> Any:
        return EnlargingConvolution(
            self._channels[self._layout[name].target],
            kernel_initializer=keras.initializers.GlorotUniform(next(self._seeds)),
            data_format="channels_last",
            dtype="float32",
            name=name,
        )(self._padded(x, name))

    def _padded(self, x: Any, name: str) -> Any:
        around = (self._layout[name].size - 1) // 2
        return ReflectPadding(around, name=f"{name}_padding", dtype="float32")(x)

    def _normalized(self, x: Any, blend: Any, name: str) -> Any:
        epsilon = EPSILON_OF_IMAGE if name.endswith("_first") else EPSILON
        options = {"name": f"{name}_norm", "dtype": "float32"}
        return ConditionalInstanceNormalization(self._styles, epsilon, **options)([x, blend])

    def _activated(self, x: Any, blend: Any, name: str, stride: int = 1) -> Any:
        x = self._normalized(self._convolved(x, name, stride), blend, name)
        return layers.ReLU(name=f"{name}_relu", dtype="float32")(x)

    def _noisy(self, x: Any, blend: Any, name: str, noise_name: str) -> Any:
        """A map halved, with noise."""
        x = self._convolved(x, name, stride=2)
        noise = Noise(NOISES, name=f"{noise_name}_maps", dtype="float32")(x)
        count, seed = self._channels[self._layout[noise_name].target], next(self._seeds)
        options = {"name": noise_name, "dtype": "float32"}
        y = ConditionalNoise(self._styles, count, seed, **options)([noise, blend])
        x = layers.Add(name=f"{name}_sum", dtype="float32")([x, y])
        x = self._normalized(x, blend, name)
        return layers.ReLU(name=f"{name}_relu", dtype="float32")(x)

    def _block(self, x: Any, blend: Any, name: str) -> Any:
        first, second = f"{name}_conv1", f"{name}_conv2"
        y = self._activated(x, blend, first)
        y = self._normalized(self._convolved(y, second), blend, second)
        return layers.Add(name=f"{name}_sum", dtype="float32")([x, y])
