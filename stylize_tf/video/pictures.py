"""Frames that are pictures: files in their order, and animations; GIF and WebP are written, too."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from stylize_tf.errors import ImageError
from stylize_tf.images import image_io, opening
from stylize_tf.images.timelapse import indexed
from stylize_tf.machine.atomic_files import replacing
from stylize_tf.video.frames import Frame

ANIMATIONS = {".gif": "GIF", ".webp": "WEBP"}
"""Extensions of animations, and Pillow's name of their format."""

_MILLISECONDS = Fraction(1, 1000)

_HUNDREDTHS = Fraction(1, 100)
"""In which GIF tells times."""

_UNTOLD = 100
"""Milliseconds of a frame that does not tell how long it stays, as browsers have it."""


class Pictures:
    """Files of pictures, a frame each.

    Args:
        paths: in their order; at least one.
        rate: frames a second.

    Attributes: see `frames.Source`.

    Raises:
        ImageError: if the first cannot be read.
    """

    def __init__(self, paths: Sequence[str], rate: Fraction, background: tuple[int, int, int]):
        self._paths, self._background = paths, background
        self.label = repr(paths[0]) if len(paths) == 1 else f"{len(paths)} pictures"
        self.size = image_io.size_of(paths[0])
        self.rate = rate
        self.count: int | None = len(paths)
        self.metadata: Mapping[str, Any] = {"time_base": 1 / rate}

    def frames(self) -> Iterator[Frame]:
        """See `frames.Source`."""
        for number, path in enumerate(self._paths):
            image = image_io.read(path, background=self._background)[0]
            _check_size(path, image.shape[:2], self.size)
            yield Frame(image, number / self.rate)


class Animation:
    """An animated GIF, WebP or PNG.

    Args:
        path: of the file.
        background: RGB in [0, 255], before which it is shown where it is transparent.

    Attributes: see `frames.Source`; `metadata` has `loop`, how often it is shown, 0 without end.

    Raises:
        ImageError: if it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], background: tuple[int, int, int]):
        self._path, self._background = os.fspath(path), background
        self.label = repr(self._path)
        with self._opened() as image:
            self.size = image.height, image.width
            self.count: int | None = getattr(image, "n_frames", 1)
            durations = [
                _stay(frame) for frame in itertools.islice(_frames_of(image, self.label), 8)
            ]
            self.rate = Fraction(1000 * len(durations), sum(durations))
            loop = image.info.get("loop")
        self.metadata: Mapping[str, Any] = {
            "time_base": _MILLISECONDS,
            "loop": 1 if loop is None else loop,
        }

    def frames(self) -> Iterator[Frame]:
        """See `frames.Source`."""
        time = Fraction(0)
        with self._opened() as image:
            for frame in _frames_of(image, self.label):
                stays = _stay(frame)
                yield Frame(image_io.read(frame.copy(), background=self._background)[0], time)
                time += stays * _MILLISECONDS

    def _opened(self) -> Any:
        return opening.opened(self._path, image_io.MAX_PIXELS, self.label, verify=False)


def write_animation(
    path: str,
    images: Iterable[np.ndarray],
    times: Sequence[Fraction],
    last: Fraction,
    loop: int = 0,
    quality: int = 85,
) -> None:
    """Writes an animated GIF or WebP, which appears when it is whole.

    Args:
        path: with an extension of `ANIMATIONS`.
        images: uint8 `[H, W, 3]`.
        times: of each, in seconds, ascending.
        last: seconds for which the last one stays.
        loop: how often it is shown, 0 without end.
        quality: of WebP, 1 to 100.

    Raises:
        OSError: if it cannot be written.
    """
    form = ANIMATIONS[Path(path).suffix.lower()]
    unit = _HUNDREDTHS if form == "GIF" else _MILLISECONDS
    # Of rounded times, not of rounded stays, which would add up to another length.
    ticks = [round((time - times[0]) / unit) for time in (*times, times[-1] + last)]
    stays = [int((b - a) * unit / _MILLISECONDS) for a, b in itertools.pairwise(ticks)]
    finish = indexed if form == "GIF" else lambda picture: picture
    pictures = (finish(Image.fromarray(np.ascontiguousarray(image))) for image in images)
    with replacing(Path(path)) as file:
        next(pictures).save(
            file,
            form,
            save_all=True,
            append_images=pictures,
            duration=stays,
            loop=loop,
            **({"quality": quality, "method": 4} if form == "WEBP" else {}),
        )


def _frames_of(image: Any, label: str) -> Iterator[Any]:
    try:
        for frame in ImageSequence.Iterator(image):
            frame.load()  # Of a WebP it tells only then how long it stays.
            yield frame
    except (OSError, EOFError, SyntaxError) as error:
        raise ImageError(f"{label} cannot be read to its end: {error}.") from error


def _stay(frame: Any) -> int:
    """Milliseconds for which a frame stays."""
    return round(frame.info.get("duration") or _UNTOLD)


def _check_size(path: str, size: tuple[int, ...], first: tuple[int, int]) -> None:
    if size != first:
        raise ImageError(
            f"{path!r} has {size[1]}x{size[0]} pixels where the first picture has "
            f"{first[1]}x{first[0]}: frames of a clip are of one size."
        )
