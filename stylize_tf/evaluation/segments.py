"""The segments of the network and the bands of a picture as numbers, of which plans are made.

Nothing here needs TensorFlow, so a plan can be made before it is loaded; `tiling` does what these
numbers say.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from stylize_tf.config.layers import VGG19_LAYERS

STATISTICS_PIXELS = 2**20
"""Pixels of the bands in which statistics are taken; there is no way back that needs the maps."""

_CHANNELS = (64, 128, 256, 512, 512)
"""Of the maps of each block of VGG19."""


class Tiles(NamedTuple):
    """How a picture is evaluated part by part.

    Attributes:
        banded: how many segments of the network go by bands, see `tiling.Tiling`; 0 evaluates the
            picture as a whole.
        pixels: of the image in a band, about.
    """

    banded: int = 0
    pixels: int = 0


WHOLE = Tiles()
"""The picture as a whole."""


def statistics_pixels(tiles: Tiles) -> int:
    """Pixels of the bands in which the statistics for a stage are taken."""
    return min(tiles.pixels, STATISTICS_PIXELS) if tiles.banded else STATISTICS_PIXELS


class Span(Protocol):
    """What decides time and memory of a segment, see `tiling.Segment`."""

    @property
    def margin(self) -> int:
        """Rows of the input beyond a band that its maps depend on."""

    @property
    def step(self) -> int:
        """Rows of the input to one row of the output; 0 where no band is exact."""

    @property
    def stride(self) -> int:
        """Rows of the image to one row of the input."""

    @property
    def memory(self) -> float:
        """Numbers in all maps, for one pixel of the image."""

    @property
    def work(self) -> float:
        """Multiplications and additions of the convolutions, in pairs, for one such pixel."""


class Numbers(NamedTuple):
    """A `Span` and nothing else."""

    margin: int
    step: int
    stride: int
    memory: float
    work: float


def of_vgg19(layers: Collection[str], pooling: str = "max") -> list[Numbers]:
    """The segments of an extractor of layers of VGG19, as `tiling.cut` cuts it.

    Args:
        layers: that are wanted, one of the network's at least.
        pooling: "max", or "average", which has maps of its own.
    """
    deepest = max(VGG19_LAYERS.index(name) for name in layers if name in VGG19_LAYERS)
    segments = []
    reach, step, stride, inputs = 0, 1, 1, 3
    memory, work = 3.0, 0.0  # The image, as the network takes it.
    for index, name in enumerate(VGG19_LAYERS[: deepest + 1]):
        block, is_pooling = int(name[len("block")]), name.endswith("_pool")
        channels = _CHANNELS[block - 1]
        if is_pooling:
            step *= 2
            reach = step * math.ceil(reach / step)
        else:
            reach += step
            work += 9 * inputs * channels / (stride * step) ** 2
        maps = 2 if is_pooling and pooling == "average" else 1
        memory += maps * channels / (stride * step) ** 2
        inputs = channels
        if index == deepest or (is_pooling and block >= 2):
            segments.append(Numbers(reach, step, stride, memory, work))
            stride *= step
            reach, step, memory, work = 0, 1, 0.0, 0.0
    return segments


def by_bands(segments: Sequence[Span]) -> int:
    """How many segments may go by bands: all, or none of a network that is evaluated as a whole."""
    return len(segments) if all(segment.step for segment in segments) else 0


def bands(height: int, rows: int, step: int, margin: int) -> Iterator[tuple[int, int]]:
    """First row and end of bands of about `rows` rows each, that begin at multiples of `step`.

    No band is shorter than `margin`, so that it reaches no further than its neighbors, nor than
    `step`, unless all of the rows are.
    """
    count = math.ceil(height / max(rows, margin, step))
    each = step * math.ceil(height / count / step)
    starts = list(range(0, height, each))
    if len(starts) > 1 and height - starts[-1] < max(margin, step):
        starts.pop()
    yield from zip(starts, [*starts[1:], height], strict=True)


def bands_of(
    segments: Sequence[Span], index: int, height: int, width: int, pixels: int
) -> list[tuple[int, int]]:
    """The bands of a segment's input; those of all segments take about equal memory.

    Args:
        segments: of the network.
        index: which of them.
        height: of its input.
        width: of the image.
        pixels: of the image in a band of the first segment, about.
    """
    segment = segments[index]
    share = segments[0].memory / segment.memory
    rows = int(pixels * share / width) // segment.stride
    return list(bands(height, rows, segment.step, segment.margin))


def work(tiles: Tiles, height: int, width: int, segments: Sequence[Span]) -> float:
    """Multiplications and additions, in pairs, of one value and gradient of a picture.

    The way back takes as many as the way forth: only the picture's gradient is wanted. What goes by
    bands is computed once more on the way back, with the margins of each band.
    """
    total = 0.0
    for index, segment in enumerate(segments):
        ways = 2.0
        if index < tiles.banded:
            rows = height // segment.stride
            margin = segment.margin
            seen = sum(
                min(end + margin, rows) - max(start - margin, 0)
                for start, end in bands_of(segments, index, rows, width, tiles.pixels)
            )
            ways = 3.0 * seen / rows
        total += ways * segment.work * height * width
    return total
