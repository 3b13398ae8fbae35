"""The plan that keeps a run within a limit of memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from stylize_tf.errors import ConfigError
from stylize_tf.evaluation.evaluator import Tiles
from stylize_tf.evaluation.tiling import Segment

PROCESS = 1.0e9
"""Bytes of Python, TensorFlow and the network, before there is a picture."""

TILE_PIXELS = 2**20
"""Pixels of the largest tile: larger ones are no faster."""

SMALLEST_TILE_PIXELS = 2**15
"""Pixels of the smallest tile: below, margins and calls take most of the time."""

FEWEST_PAIRS = 3
"""Curvature pairs that L-BFGS should have at least."""


VECTORS = 14
"""Images in float32 that a run holds beside the pairs of L-BFGS: the photograph, the points and
gradients of an optimizer, and what a step needs in passing."""


def plan(
    bytes_allowed: float,
    height: int,
    width: int,
    segments: Sequence[Segment],
    itemsize: int,
    pairs: int,
    steps: int,
    *,
    cosines: bool = False,
    regions: int = 0,
    held: float = 0.0,
) -> tuple[Tiles, int]:
    """How a picture is evaluated, and how many curvature pairs are kept, within a limit.

    The picture is evaluated as a whole if that fits, else with tiles as large as fit. Where even
    small ones do not, L-BFGS keeps fewer pairs.

    Args:
        bytes_allowed: for the process.
        height, width: of the picture, in pixels.
        segments: of the network.
        itemsize: bytes of a number of the maps.
        pairs: of images, that the optimizer would keep; 0 for other methods than L-BFGS.
        steps: of the optimizer: it has a pair less than that at most.
        cosines: whether the optimizer keeps those of both axes, see `spectral.Coordinates`.
        regions: of the picture that have masks.
        held: bytes that are taken besides.

    Raises:
        ConfigError: if there is no way to keep within the limit.
    """
    pixels = height * width
    fewest = min(pairs, FEWEST_PAIRS)
    least = math.inf
    for kept in range(pairs, fewest - 1, -1):
        optimizer: float = 12 * pixels * (VECTORS + regions + 2 * min(kept, steps - 1))
        # Cosines and their copy: what a thin picture has more of them than one of 3:4, whose are
        # among `VECTORS`.
        optimizer += max(0, 8 * (height**2 + width**2) - 50 / 3 * pixels) if cosines else 0
        for tiles in choices(pixels, len(segments)):
            need = PROCESS + held + optimizer + evaluation_bytes(tiles, pixels, segments, itemsize)
            least = min(least, need)
            if need <= bytes_allowed:
                return tiles, kept
    raise ConfigError(
        f"`memory` must be at least {least / 1e9:.1f} GB for a picture of {width}x{height} pixels; "
        f"got {bytes_allowed / 1e9:.1f} GB. Allow more, or ask for a smaller `size`."
    )


def choices(pixels: int, segments: int) -> Iterator[Tiles]:
    """Ways to evaluate a picture, from the fastest to the smallest."""
    yield Tiles()
    for banded in range(1, segments):
        yield Tiles(banded, TILE_PIXELS)
    size = TILE_PIXELS // 2
    while size >= SMALLEST_TILE_PIXELS:
        yield Tiles(max(segments - 1, 1), size)
        size //= 2


def smaller(tiles: Tiles, pixels: int, segments: int) -> Tiles | None:
    """What to try when memory has run out, for a picture of so many pixels; None if nothing is."""
    size = min(tiles.pixels if tiles.banded else 2 * TILE_PIXELS, pixels) // 2
    return Tiles(max(segments - 1, 1), size) if size >= SMALLEST_TILE_PIXELS else None


def evaluation_bytes(
    tiles: Tiles, pixels: int, segments: Sequence[Segment], itemsize: int
) -> float:
    """What the maps of an evaluation take at the same time.

    Compared with peaks of the resident memory at 0.8, 3.1 and 12.6 megapixels: from 2% too little
    to 15% too much for the process.
    """

    # A map and its gradient, a float32 copy for its statistics, and what the allocator holds.
    def maps(some: Sequence[Segment], of: int) -> float:
        numbers = sum(segment.memory for segment in some)
        widest = max((segment.memory / 3.4 for segment in some), default=0.0)
        return of * (1.3 * numbers * itemsize + 8 * widest)

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
