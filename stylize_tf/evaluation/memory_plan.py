"""The plan that keeps a run within a limit of memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stylize_tf.errors import ConfigError
from stylize_tf.evaluation.segments import Span, Tiles, by_bands

PROCESS = 0.97e9
"""Bytes of Python, TensorFlow, the network and what is compiled of it, without a picture."""

COMPARED = 0.16e9
"""Bytes more where number formats were compared: another extractor, and what convolutions keep."""

RETAINED = 0.2e9
RETAINED_PIXELS = 4e5
"""Bytes that are free and not given back, at most, and pixels of a picture with two thirds of them:
the allocator gives back only large maps, as those of large pictures are."""

TILE_PIXELS = 2**20
"""Pixels of the largest tile: larger ones are no faster."""

SMALLEST_TILE_PIXELS = 2**15
"""Pixels of the smallest tile: below, margins and calls take most of the time."""

FEWEST_PAIRS = 3
"""Curvature pairs that L-BFGS should have at least."""


VECTORS = 14
"""Images in float32 that a run holds beside its inputs and the pairs of L-BFGS: the photograph at
this size, the points and gradients of an optimizer, and what a step needs in passing."""


class Demand(NamedTuple):
    """What decides how much memory a stage takes.

    Attributes:
        height, width: of the picture, in pixels.
        steps: of the optimizer: it has a pair less than that at most.
        segments: of the network.
        itemsize: bytes of a number of the maps.
        pairs: of images, that the optimizer would keep; 0 for other methods than L-BFGS.
        cosines: whether the optimizer keeps those of both axes, see `spectral.Coordinates`.
        regions: of the picture that have masks.
        held: bytes that are taken besides.
    """

    height: int
    width: int
    steps: int
    segments: Sequence[Span]
    itemsize: int
    pairs: int = 0
    cosines: bool = False
    regions: int = 0
    held: float = 0.0


class Way(NamedTuple):
    """How a stage is evaluated within a limit.

    Attributes:
        tiles: of the picture.
        pairs: of images, that the optimizer keeps.
        bytes: that the process takes then.
    """

    tiles: Tiles
    pairs: int
    bytes: float


def plan(bytes_allowed: float, demands: Sequence[Demand]) -> list[Way]:
    """How each stage of a run is evaluated, and how many curvature pairs it keeps, within a limit.

    A picture is evaluated as a whole if that fits, else with tiles as large as fit. Where even
    small ones do not, L-BFGS keeps fewer pairs.

    Args:
        bytes_allowed: for the process.
        demands: of the stages, that of the finished picture last.

    Raises:
        ConfigError: if a stage cannot be kept within the limit. It names what suffices for all.
    """
    found = [
        next((way for way in ways(demand) if way.bytes <= bytes_allowed), None)
        for demand in demands
    ]
    fitting = [way for way in found if way is not None]
    if len(fitting) == len(demands):
        return fitting
    # Rounded up, so that it suffices as it is written.
    least = math.ceil(max(min(way.bytes for way in ways(x)) for x in demands) / 1e8) / 10
    allowed = math.floor(bytes_allowed / 1e7 + 1e-6) / 100
    picture = demands[-1]
    raise ConfigError(
        f"`memory` must be at least {least:.1f} GB for a picture of "
        f"{picture.width}x{picture.height} pixels; got {allowed:g} GB. Allow more, or ask "
        f"for a smaller `size`."
    )


def ways(demand: Demand) -> Iterator[Way]:
    """The ways to evaluate a stage, from the fastest to the smallest."""
    height, width = demand.height, demand.width
    pixels = height * width
    fewest = min(demand.pairs, FEWEST_PAIRS)
    for kept in range(demand.pairs, fewest - 1, -1):
        images = VECTORS + demand.regions + 2 * min(kept, demand.steps - 1)
        optimizer: float = 12 * pixels * images
        # Cosines and their copy: what a thin picture has more of them than one of 3:4, whose are
        # among `VECTORS`.
        optimizer += max(0, 8 * (height**2 + width**2) - 50 / 3 * pixels) if demand.cosines else 0
        for tiles in choices(pixels, by_bands(demand.segments)):
            maps = evaluation_bytes(tiles, pixels, demand.segments, demand.itemsize)
            yield Way(tiles, kept, process_bytes(pixels) + demand.held + optimizer + maps)


def choices(pixels: int, segments: int) -> Iterator[Tiles]:
    """Ways to evaluate a picture, from the fastest to the smallest."""
    yield Tiles()
    if not segments:
        return
    for banded in range(1, segments):
        yield Tiles(banded, TILE_PIXELS)
    size = TILE_PIXELS // 2
    while size >= SMALLEST_TILE_PIXELS:
        yield Tiles(max(segments - 1, 1), size)
        size //= 2


def smaller(tiles: Tiles, pixels: int, segments: int) -> Tiles | None:
    """What to try when memory has run out, for a picture of so many pixels; None if nothing is."""
    if not segments:
        return None
    size = min(tiles.pixels if tiles.banded else 2 * TILE_PIXELS, pixels) // 2
    return Tiles(max(segments - 1, 1), size) if size >= SMALLEST_TILE_PIXELS else None


def process_bytes(pixels: int) -> float:
    """What the process takes beside pictures and maps, of a picture of so many pixels."""
    return PROCESS + RETAINED * -math.expm1(-pixels / RETAINED_PIXELS)


def evaluation_bytes(tiles: Tiles, pixels: int, segments: Sequence[Span], itemsize: int) -> float:
    """What the maps of an evaluation take at the same time.

    Compared with peaks of the resident memory, in both formats, whole and in bands: of whole runs
    of 256 to 2048 pixels from 9% too little to 5% too much for the process; of runs of few steps
    of up to 12.6 megapixels no more than 12% too much.
    """

    # All maps, and of the largest what its gradient and statistics take.
    def maps(some: Sequence[Span], of: int) -> float:
        numbers = sum(segment.memory for segment in some)
        widest = max((segment.memory / 3.4 for segment in some), default=0.0)
        return of * (numbers * itemsize + 2.8 * widest)

    target = pixels * 8 * itemsize
    if not tiles.banded:
        return maps(segments, pixels) + target
    banded = segments[: tiles.banded]
    # The inputs of the segments and the gradients by them.
    between = sum(8 / 2**index for index in range(tiles.banded)) * itemsize * 3
    of_band = max(maps([segment], 1) / segment.memory for segment in banded) * banded[0].memory
    return (
        of_band * min(tiles.pixels, pixels) * 1.1
        + maps(segments[tiles.banded :], pixels)
        + pixels * between
        + target
    )
