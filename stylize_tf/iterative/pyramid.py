"""From which sizes, coarse to fine, a picture is painted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stylize_tf.config.layers import IMAGE, PATCH_SIZE, VGG19_LAYERS
from stylize_tf.config.picture import LONGEST_SIDE
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError


class Stage(NamedTuple):
    """One size of the coarse-to-fine sequence and the evaluations spent on it."""

    height: int
    width: int
    steps: int

    @property
    def long_side(self) -> int:
        """In pixels."""
        return max(self.height, self.width)


def final_size(
    config: StyleTransferConfig, height: int, width: int, *, layers: Sequence[str] = ()
) -> tuple[int, int]:
    """Height and width of the finished picture for a photograph of this height and width.

    Args:
        config: how large it is.
        height, width: of the photograph.
        layers: that are in use beside those of the configuration, here and below.

    Raises:
        ConfigError: if a side would be longer than 16384 pixels, or too short for the layers.
    """
    if config.crop == "square":
        height = width = min(height, width)
    sides = _scaled(config, height, width, config.size)
    if max(sides) > LONGEST_SIDE:
        raise ConfigError(
            f"`size` must give a picture of at most {LONGEST_SIDE} pixels a side; {config.size} "
            f"gives {sides[1]}x{sides[0]}. Choose a smaller one."
        )
    smallest = smallest_size(config, layers)
    if min(sides) < smallest:
        size = math.ceil((smallest - 0.5) / min(height, width) * _measured(config, height, width))
        while min(_scaled(config, height, width, size)) < smallest:  # A half is rounded to even.
            size += 1
        advice = f"Ask for {size} or more, or for shallower layers."
        if max(_scaled(config, height, width, size)) > LONGEST_SIDE:
            advice = "It is too thin: crop it, or ask for shallower layers."
        raise ConfigError(
            f"`size` must leave each side at least {smallest} pixels for these layers; the picture "
            f"would be {sides[1]}x{sides[0]}. {advice}"
        )
    return sides


def _scaled(config: StyleTransferConfig, height: int, width: int, size: int) -> tuple[int, int]:
    scale = size / _measured(config, height, width) if size else 1.0
    return _rounded(height * scale), _rounded(width * scale)


def _measured(config: StyleTransferConfig, height: int, width: int) -> int:
    """The side that `size` is about."""
    return (max if config.size_of == "long" else min)(height, width)


def smallest_size(config: StyleTransferConfig, layers: Sequence[str] = ()) -> int:
    """Shortest side in pixels that leaves every map in use a position, and pixels a patch.

    Each of VGG's five poolings halves the map, rounding down. Of layers of other networks the
    names do not tell: they are taken to be behind five such halvings.
    """
    used = {*layers}.union(*config.layers_in_use.values())
    poolings = [0]
    for name in used - {IMAGE}:
        block, _, what = name.partition("_")
        if name not in VGG19_LAYERS:
            poolings.append(5)
            continue
        poolings.append(int(block.removeprefix("block")) - (what != "pool"))
    return max(PATCH_SIZE, 2 ** max(poolings))


def style_size(
    config: StyleTransferConfig,
    height: int,
    width: int,
    stage: Stage,
    last: Stage,
    layers: Sequence[str] = (),
) -> tuple[int, int]:
    """Height and width of a painting at a stage.

    Args:
        config: how large the painting is against the picture.
        height, width: of the painting as it is; where `style_fit` is "crop", after cropping.
        stage, last: the stage that it is for, and the last of all.
        layers: as for `final_size`.

    Raises:
        ConfigError: if the painting is so thin that it would have to be enlarged beyond measure.
    """
    if config.style_fit != "own":
        return stage.height, stage.width
    wanted = config.style_scale * stage.long_side
    if config.style_size:
        wanted = config.style_size * stage.long_side / last.long_side
    smallest = smallest_size(config, layers)
    scale = min(config.style_enlargement, wanted / max(height, width))
    scale = max(scale, smallest / min(height, width))
    if max(height, width) * scale > LONGEST_SIDE:
        raise ConfigError(
            f"`style` must not be too thin for the network: {width}x{height} pixels would become "
            f"{round(max(height, width) * scale)} long for {smallest} wide. Crop it, or use "
            f"`style_fit` crop."
        )
    return _rounded(height * scale), _rounded(width * scale)


def stages(
    config: StyleTransferConfig, size: tuple[int, int], layers: Sequence[str] = ()
) -> Iterator[Stage]:
    """The stages for a picture of this size, evenly spaced, about `config.stage_factor` apart.

    The first has a long side of `config.coarsest_size`, the last is the size of the picture. A
    picture smaller than that, or a `coarsest_size` of 0, has one stage.

    Args:
        config: how coarse to start and how many steps to take.
        size: height and width of the finished picture, from `final_size`.
        layers: as there.
    """
    if not config.strength:  # The photograph itself: there is nothing to paint.
        yield Stage(*size, 1)
        return
    long_side = max(size)
    visible = math.ceil(smallest_size(config, layers) * long_side / min(size))
    coarsest = max(config.coarsest_size, visible)
    ratio = long_side / coarsest if config.coarsest_size else 1.0
    intervals = max(0, round(math.log(ratio) / math.log(config.stage_factor)))
    for index in range(intervals + 1):
        scale = ratio ** (index / intervals - 1) if index < intervals else 1.0
        steps = config.steps[min(index, len(config.steps) - 1)]
        yield Stage(_rounded(size[0] * scale), _rounded(size[1] * scale), steps)


def _rounded(side: float) -> int:
    return max(1, round(side))
