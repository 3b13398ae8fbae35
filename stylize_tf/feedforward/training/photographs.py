"""Crops of photographs to train networks with."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from stylize_tf.errors import ImageError
from stylize_tf.images import image_io
from stylize_tf.machine.newest import Newest

MOST_PIXELS = 2**20
"""Of a photograph that is kept; larger ones are brought to as many."""

KEPT = 512
"""Photographs that are kept, of up to 3 MB each."""

FLAT = 0.04
"""Deviation of a crop that has nothing to paint: normalization would enlarge its noise."""

MOST_ENLARGED = 2
"""Sides of a crop over those that a photograph has at least."""

_Kind = TypeVar("_Kind")

_TRIES = 4
"""Times that every photograph may show something flat."""


class Photographs:
    """Random crops of photographs, the same ones for one seed and step.

    Those that cannot be read, or are smaller than half of a crop, are left out.

    Args:
        pictures: files or arrays, as `image_io.read` takes them.

    Raises:
        ImageError: if there are none.
    """

    def __init__(self, pictures: Sequence[image_io.ImageLike]):
        self._pictures = list(pictures)
        self._refused: dict[int, str] = {}
        self._read: Newest[np.ndarray | str] = Newest(KEPT)
        if not self._pictures:
            raise ImageError("`photos` must have photographs; got none. Name a folder of some.")

    @property
    def refused(self) -> dict[int, str]:
        """Number of a picture -> why it is left out, of those that were met so far."""
        return dict(self._refused)

    def crops(self, seed: int, step: int, count: int, side: int) -> np.ndarray:
        """What is cut for a step: float32, `[count, side, side, 3]` in [0, 1].

        Of each photograph a square, from `side` pixels to all of its short side, at some place,
        mirrored or not. Of one whose short side has fewer it is all of that, enlarged.

        Raises:
            ImageError: if no photograph has something to cut.
        """
        generator = np.random.default_rng([seed, step])
        return np.stack([self._crop(generator, side) for _ in range(count)])

    def _crop(self, generator: np.random.Generator, side: int) -> np.ndarray:
        for _ in range(_TRIES):
            for number in generator.permutation(len(self._pictures)):
                crop = self._crop_of(int(number), generator, side)
                if crop is not None:
                    return crop
        raise ImageError(self._nothing(side))

    def _crop_of(self, number: int, generator: np.random.Generator, side: int) -> np.ndarray | None:
        """One of a photograph; None if it is of no use, or flat there."""
        place, scale, is_mirrored = (
            generator.random(2),
            generator.random(),
            generator.random() < 0.5,
        )
        pixels = self._photograph(number)
        if isinstance(pixels, str):
            return None
        height, width = pixels.shape[:2]
        short = min(height, width)
        if short * MOST_ENLARGED < side:
            self._refused[number] = f"smaller than {side // MOST_ENLARGED} pixels"
            return None
        cut = round(min(short, math.exp(math.log(side) + scale * math.log(short / side))))
        top, left = (int(x) for x in place * [height - cut + 1, width - cut + 1])
        crop = pixels[np.newaxis, top : top + cut, left : left + cut] / np.float32(255)
        crop = image_io.resize(crop, side, side)[0]
        if crop.std(axis=(0, 1)).max() < FLAT:
            return None
        return crop[:, ::-1] if is_mirrored else crop

    def _photograph(self, number: int) -> np.ndarray | str:
        """8-bit pixels `[H, W, 3]`, or why there are none."""

        def read() -> np.ndarray | str:
            try:
                image = image_io.read(self._pictures[number])
            except ImageError as error:
                self._refused[number] = str(error)
                return str(error)
            height, width = image.shape[1:3]
            shrink = min(1.0, math.sqrt(MOST_PIXELS / (height * width)))
            if shrink < 1:
                sides = (max(1, round(side * shrink)) for side in (height, width))
                image = image_io.resize(image, *sides)
            return np.round(np.clip(image[0], 0, 1) * 255).astype(np.uint8)

        return self._read.get((number,), read)

    def _nothing(self, side: int) -> str:
        reasons = "; ".join(list(self._refused.values())[:3])
        return (
            f"`photos` must have a photograph of {side // MOST_ENLARGED} pixels a side with "
            f"something on it; got {len(self._pictures)} pictures, none of use"
            f"{f': {reasons}' if reasons else ''}. Name a folder of photographs."
        )

    def batches(
        self, seed: int, first: int, kinds: Iterable[_Kind], count: int, side: int
    ) -> Generator[tuple[np.ndarray, _Kind], None, None]:
        """The crops of the steps from `first` on; the next ones are cut while these are in use.

        Args:
            seed: of what is cut.
            first: number of the first step, from 0.
            kinds: what each of these steps is, asked for one step ahead and given back.
            count: of a step.
            side: of the crops.
        """
        with ThreadPoolExecutor(1) as thread:
            coming = None
            for step, kind in enumerate(kinds, first):
                cut, coming = coming, (thread.submit(self.crops, seed, step, count, side), kind)
                if cut is not None:
                    yield cut[0].result(), cut[1]
            if coming is not None:
                yield coming[0].result(), coming[1]
