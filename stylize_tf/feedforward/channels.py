"""How many channels each part of a network has: by its width, or as few as pruning left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stylize_tf.errors import ConfigError

IMAGE, FINE, COARSE = "image", "fine", "coarse"
"""Groups of more than one layer: what goes in, and the sums of the blocks of a quarter and of an
eighth of the sides, whose layers have the same channels."""

ENDS = 5
"""Sides of the kernels of the first and the last layer: 9, as Johnson et al. (2016) have them, took
a third of the time, and what they see farther the maps of an eighth see anyway."""


class Convolution(NamedTuple):
    """A convolution of a network.

    Attributes:
        name: of the layer.
        source, target: groups of the channels that it reads and makes.
        size: of its kernel.
        scale: sides of the picture over those of the map that it makes.
    """

    name: str
    source: str
    target: str
    size: int
    scale: int


def convolutions(blocks: int) -> list[Convolution]:
    """Those of a network with so many blocks, in their order, but for the last to the picture."""

    def block(name: str, group: str, scale: int) -> list[Convolution]:
        first, second = f"{name}_conv1", f"{name}_conv2"
        return [
            Convolution(first, group, first, 3, scale),
            Convolution(second, first, group, 3, scale),
        ]

    return [
        Convolution("first", IMAGE, "first", ENDS, 1),
        Convolution("down1", "first", "down1", 4, 2),
        Convolution("down2", "down1", FINE, 4, 4),
        *block("fine1", FINE, 4),
        Convolution("down3", FINE, COARSE, 4, 8),
        *(x for number in range(1, blocks + 1) for x in block(f"block{number}", COARSE, 8)),
        Convolution("up0", COARSE, FINE, 3, 4),
        *block("fine2", FINE, 4),
        Convolution("up1", FINE, "up1", 3, 2),
        Convolution("up2", "up1", "up2", 3, 1),
    ]


LAST = Convolution("last", "up2", "picture", ENDS, 1)


def channels_of(width: float, blocks: int) -> dict[str, int]:
    """Group -> channels of a network of a width."""
    at_full_size = round(32 * width)
    factors = {"first": 1, "down1": 2, "up1": 2, "up2": 1}
    groups = dict.fromkeys(x.target for x in convolutions(blocks))
    return {group: at_full_size * factors.get(group, 4) for group in groups}


def check(channels: Mapping[str, int], width: float, blocks: int) -> dict[str, int]:
    """The channels in the order of their groups.

    Raises:
        ConfigError: unless each group has some, and not more than the width gives it.
    """
    most = channels_of(width, blocks)
    if set(channels) != set(most) or not all(
        isinstance(x, int) and 1 <= x <= most[group] for group, x in channels.items()
    ):
        raise ConfigError(
            f"`channels` must have from 1 to as many as a width of {width:g} gives for each of "
            f"{', '.join(most)}; got {dict(channels)}."
        )
    return {group: channels[group] for group in most}


def multiply_adds(channels: Mapping[str, int], blocks: int) -> float:
    """Multiplications and additions of convolutions, for a pixel of the picture."""
    counts = {**channels, IMAGE: 3, "picture": 3}
    every: Sequence[Convolution] = [*convolutions(blocks), LAST]
    return sum(counts[x.source] * counts[x.target] * x.size**2 / x.scale**2 for x in every)
