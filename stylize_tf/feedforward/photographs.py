"""Crops of photographs to train networks with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from stylize_tf.errors import ImageError
from stylize_tf.images import image_io
from stylize_tf.machine.newest import Newest

LONGEST_SIDE = 1024
"""Pixels of the long side of a photograph that is kept; larger ones are brought to it."""

KEPT = 512
"""Photographs that are kept, of 2 MB each."""

FLAT = 0.04
"""Deviation of a crop that has nothing to paint: normalization would enlarge its noise."""

_TRIES = 100


class Photographs:
    """Random crops of photographs, the same ones for the same seed and step.

    Those that cannot be read, or are smaller than a crop, are left out.

    Args:
        pictures: files or arrays, as `image_io.read` takes them.
        seed: of what is cut.

    Attributes:
        refused: number of a picture -> why it is left out.
    """

    def __init__(self, pictures: Sequence[image_io.ImageLike], seed: int = 0):
        self.refused: dict[int, str] = {}
        self._pictures = list(pictures)
        self._seed = seed
        self._read: Newest[np.ndarray | str] = Newest(KEPT)

    def crops(self, step: int, count: int, side: int) -> np.ndarray:
        """What is cut for a step: float32, `[count, side, side, 3]` in [0, 1].

        Of each photograph a square, from `side` pixels to all of its short side, at some place,
        mirrored or not.

        Raises:
            ImageError: if no photograph is left that has something to cut.
        """
        generator = np.random.default_rng([self._seed, step])
        return np.stack([self._crop(generator, side) for _ in range(count)])

    def _crop(self, generator: np.random.Generator, side: int) -> np.ndarray:
        for _ in range(_TRIES + 2 * len(self._pictures)):
            number = int(generator.integers(len(self._pictures))) if self._pictures else 0
            place, scale, mirrored = (
                generator.random(2),
                generator.random(),
                generator.random() < 0.5,
            )
            pixels = self._photograph(number) if self._pictures else ""
            if isinstance(pixels, str):
                continue
            height, width = pixels.shape[:2]
            short = min(height, width)
            if short < side:
                self.refused[number] = f"smaller than {side} pixels"
                continue
            cut = round(math.exp(math.log(side) + scale * math.log(short / side)))
            top, left = (int(x) for x in place * [height - cut + 1, width - cut + 1])
            crop = pixels[np.newaxis, top : top + cut, left : left + cut] / np.float32(255)
            crop = np.clip(image_io.resize(crop, side, side)[0], 0, 1)
            if crop.std(axis=(0, 1)).max() >= FLAT:
                return crop[:, ::-1] if mirrored < 0.5 else crop
        raise ImageError(self._nothing(side))

    def _photograph(self, number: int) -> np.ndarray | str:
        """8-bit pixels `[H, W, 3]`, or why there are none."""

        def read() -> np.ndarray | str:
            try:
                image = image_io.read(self._pictures[number])
            except ImageError as error:
                self.refused[number] = str(error)
                return str(error)
            height, width = image.shape[1:3]
            shrink = min(1.0, LONGEST_SIDE / max(height, width))
            if shrink < 1:
                image = image_io.resize(image, round(height * shrink), round(width * shrink))
            return np.round(np.clip(image[0], 0, 1) * 255).astype(np.uint8)

        return self._read.get((number,), read)

    def _nothing(self, side: int) -> str:
        reasons = "; ".join(list(self.refused.values())[:3])
        return (
            f"`photos` must have a photograph of {side} pixels or more a side with something on "
            f"it; got {len(self._pictures)} pictures, none of use"
            f"{f': {reasons}' if reasons else ''}. Name a folder of photographs."
        )

    def batches(self, first: int, sides: Sequence[int], count: int) -> Iterator[np.ndarray]:
        """The crops of the steps from `first` on; the next ones are cut while these are in use.

        Args:
            first: number of the first step, from 0.
            sides: of the crops of each of these steps.
            count: of a step.
        """
        with ThreadPoolExecutor(1) as thread:
            coming = None
            for step, side in enumerate(sides, first):
                cut, coming = coming, thread.submit(self.crops, step, count, side)
                if cut is not None:
                    yield cut.result()
            if coming is not None:
                yield coming.result()
