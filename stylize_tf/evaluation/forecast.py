"""How long the parts of a run take: from what they took before, or guessed.

Nothing here needs TensorFlow. What is known beforehand is how the time of each part grows with the
picture; how fast a machine is, is told by samples of runs on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from stylize_tf.evaluation.segments import STATISTICS_PIXELS, Tiles, statistics_pixels

START, STEP, FIRST, WRITE = "start", "step", "first", "write"
"""Parts of a run: the process up to the picture, a step, what the first step of a stage takes
beside, writing the picture."""

MAIN, BANDS, STATISTICS = "main", "bands", "statistics"
"""What may be compiled in the first step of a stage: an evaluation of the whole with what is needed
once, one in bands, statistics in bands."""

_SECONDS = {START: 6.0, MAIN: 2.2, BANDS: 3.5, STATISTICS: 2.5}
"""Guesses that hang little on how fast convolutions are: of the machine of `benchmarks/README.md`.
"""

STEP_PIXELS = 4096
"""Pixels whose evaluation takes the time that a step takes beside its pixels."""

_WRITE_SECONDS = 3e-7
"""For each pixel of the finished picture."""

_KEPT = 5
"""Newest samples of one part and size that are looked at."""


class Sample(NamedTuple):
    """What a part of a run took.

    Attributes:
        part: "start", "write", "step" or "step bands", "first" or that and what was compiled.
        pixels: of the picture at its stage.
        work: of an evaluation at that stage, as `segments.work` counts it.
        seconds: that it took.
    """

    part: str
    pixels: int
    work: float
    seconds: float


class Part(NamedTuple):
    """A part of a run whose time is asked for; the attributes are those of `Sample`."""

    part: str
    pixels: int = 0
    work: float = 0.0


def step(tiles: Tiles, pixels: int, work: float) -> Part:
    """A step that is not the first of its stage."""
    return Part(f"{STEP} {BANDS}" if tiles.banded else STEP, pixels, work)


def first(
    stages: Sequence[tuple[int, Tiles]], works: Sequence[float], is_fresh: bool
) -> list[Part]:
    """What the first step of each stage takes beside its own time.

    Args:
        stages: pixels and tiles of each, in their order.
        works: of an evaluation of each.
        is_fresh: whether nothing is compiled yet.
    """
    parts = []
    done = set() if is_fresh else {MAIN, BANDS, STATISTICS}
    for (pixels, tiles), work in zip(stages, works, strict=True):
        needed = [
            MAIN,
            *([BANDS] if tiles.banded else []),
            *([STATISTICS] if pixels > statistics_pixels(tiles) else []),
        ]
        new = [name for name in needed if name not in done]
        done.update(new)
        parts.append(Part(" ".join([FIRST, *new]), pixels, work))
    return parts


class Pace:
    """How fast a machine is.

    Args:
        samples: of earlier runs, the newest last.
        speed: multiplications and additions a second, in pairs, that convolutions are guessed to
            make; where samples of steps tell, it makes no difference.

    Attributes:
        is_guess: whether there was none of a step.
    """

    def __init__(self, samples: Sequence[Sample], speed: float):
        self.is_guess = not any(sample.part.split()[0] == STEP for sample in samples)
        self._ratios: dict[str, dict[int, list[float]]] = {}
        self._speed = speed
        for sample in samples:
            own = self._ratios.setdefault(sample.part, {}).setdefault(sample.pixels, [])
            own.append(sample.seconds / self._guess(Part(*sample[:3])))
            del own[:-_KEPT]

    def seconds(self, part: Part) -> float:
        """What a part of a run is going to take."""
        return self._guess(part) * self._ratio(part)

    def _guess(self, part: Part) -> float:
        name, *compiled = part.part.split()
        if name == START:
            return _SECONDS[START]
        if name == WRITE:
            return 0.05 + _WRITE_SECONDS * part.pixels
        evaluation = part.work / self._speed
        beside = evaluation * STEP_PIXELS / max(part.pixels, 1)
        if name == STEP:
            return evaluation + beside
        # Statistics of photograph and painting, resizing, and a new state of the optimizer.
        share = 0.8 if part.pixels <= STATISTICS_PIXELS else 1.5
        return share * evaluation + beside + sum(_SECONDS[x] for x in compiled)

    def _ratio(self, part: Part) -> float:
        """Seconds that such parts took to what was guessed, at this size; between two, between."""
        found = self._ratios.get(part.part)
        if not found:
            return self._ratio_of_others(part)
        sizes = sorted(found)
        if part.pixels in found:
            return median(found[part.pixels])
        above = [size for size in sizes if size > part.pixels][:1]
        below = [size for size in sizes if size < part.pixels][-1:]
        if not above or not below:
            return median(found[(above or below)[0]])
        share = math.log(part.pixels / below[0]) / math.log(above[0] / below[0])
        low, high = (math.log(median(found[x[0]])) for x in (below, above))
        return math.exp(low + share * (high - low))

    def _ratio_of_others(self, part: Part) -> float:
        """That of the part most like it, at the nearest size."""
        name = part.part.split()[0]
        like = [x for x in self._ratios if x.split()[0] == name]
        if not like and name == FIRST:
            like = [x for x in self._ratios if x.split()[0] == STEP]
        if not like:
            return 1.0
        ratios = [
            (abs(math.log(max(size, 1) / max(part.pixels, 1))), median(found))
            for other in like
            for size, found in self._ratios[other].items()
        ]
        return min(ratios)[1]
