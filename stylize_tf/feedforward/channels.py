"""How many channels each part of a network has: by its width, or as few as pruning left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stylize_tf.errors import ConfigError

IMAGE, BOTH, NOISE, PICTURE = "image", "image and picture", "noise", "picture"
"""Groups of what goes into a level and comes out of it, see `FIXED`."""

NOISES = 4
"""Maps of noise, of the sides of a level's smallest maps."""

FINE_NOISES = 2
"""Maps of noise, of the sides of a level itself."""

FIXED = {IMAGE: 3 + FINE_NOISES, BOTH: 6 + FINE_NOISES, NOISE: NOISES, PICTURE: 3}
"""Groups whose channels are given -> how many."""


class Level(NamedTuple):
    """A size at which a picture is painted.

    Attributes:
        name: with which the names of its layers begin.
        shrink: sides of the finished picture over those of this one.
        blocks: residual blocks.
    """

    name: str
    shrink: int
    blocks: int


LEVELS = (Level("quarter", 4, 4), Level("half", 2, 3), Level("whole", 1, 1))
"""Coarse to fine. Small ones see far, and hardly cost: most blocks are theirs."""


class Convolution(NamedTuple):
    """A convolution of a network.

    Attributes:
        name: of the layer.
        source, target: groups of the channels that it reads and makes. Layers whose maps are summed
            make the same.
        size: of its kernel.
        scale: sides of the picture over those of the map that it makes.
        is_normalized: whether a normalization follows.
    """

    name: str
    source: str
    target: str
    size: int
    scale: int
    is_normalized: bool = True


def convolutions() -> list[Convolution]:
    """Those of a network, in their order."""
    return [x for level in LEVELS for x in _convolutions_of(level)]


def _convolutions_of(level: Level) -> list[Convolution]:
    def convolution(
        name: str, source: str, target: str, size: int, scale: int, is_normalized: bool = True
    ) -> Convolution:
        source, target = (x if x in FIXED else f"{level.name}_{x}" for x in (source, target))
        own, scale = f"{level.name}_{name}", scale * level.shrink
        return Convolution(own, source, target, size, scale, is_normalized)

    given = IMAGE if level is LEVELS[0] else BOTH
    blocks = []
    for number in range(1, level.blocks + 1):
        first, second = (f"block{number}_conv{index}" for index in (1, 2))
        blocks.append(convolution(first, "down2", first, 3, 4))
        blocks.append(convolution(second, first, "down2", 3, 4))
    return [
        convolution("first", given, "first", 3, 1),
        convolution("down1", "first", "down1", 4, 2),
        convolution("down2", "down1", "down2", 4, 4),
        convolution("noise", NOISE, "down2", 1, 4, is_normalized=False),
        *blocks,
        convolution("up1", "down2", "down1", 3, 2),
        convolution("up2", "down1", "first", 3, 1),
        convolution("color", "first", PICTURE, 3, 1, is_normalized=False),
    ]


def channels_of(width: float) -> dict[str, int]:
    """Group -> channels of a network of a width."""
    at_full_size = round(32 * width)
    groups = dict.fromkeys(x.target for x in convolutions() if x.target not in FIXED)
    factors = {"first": 1, "down1": 2}
    return {x: at_full_size * factors.get(x.partition("_")[2], 4) for x in groups}


def check(channels: Mapping[str, int], width: float) -> dict[str, int]:
    """The channels in the order of their groups.

    Raises:
        ConfigError: unless each group has some, and not more than the width gives it.
    """
    most = channels_of(width)
    if set(channels) != set(most) or not all(
        isinstance(x, int) and 1 <= x <= most[group] for group, x in channels.items()
    ):
        raise ConfigError(
            f"`channels` must have from 1 to as many as a width of {width:g} gives for each of "
            f"{', '.join(most)}; got {dict(channels)}."
        )
    return {group: channels[group] for group in most}


def multiply_adds(channels: Mapping[str, int]) -> float:
    """Multiplications and additions of convolutions, for a pixel of the picture."""
    counts = {**channels, **FIXED}
    return sum(counts[x.source] * counts[x.target] * x.size**2 / x.scale**2 for x in convolutions())
