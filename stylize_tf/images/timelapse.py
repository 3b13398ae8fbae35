"""Paintings in motion: how a picture came about, as an animated WebP or GIF."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from stylize_tf.images.image_io import ImageLike, read
from stylize_tf.machine.atomic_files import replacing, try_replacing

FORMATS = {".webp": "WEBP", ".gif": "GIF"}
"""Extensions that can be written, and Pillow's name of their format."""

_LONGEST_SIDE = 16_383
"""Of a WebP."""

_HOLD = 2000
"""Milliseconds for which the last frame stays."""

_SHORTEST, _LONGEST = 20, 500
"""Milliseconds for which another frame stays; browsers slow down what is faster than the first."""

_WEBP = {"quality": 85, "method": 4}

_EFFECTIVE = os.access in os.supports_effective_ids


class Timelapse:
    """The frames of a picture as it is painted, and the animation that is made of them.

    Frames are kept with 8 bits a channel and at most `long_side` pixels, some 100 MB by default.
    When they are more than `most_frames`, every second one is dropped and from then on every
    second one is taken, so any number may be added. The first and the newest always stay.

    Args:
        path: where to write, `.webp` or `.gif`. An existing file is replaced by `save`, and is
            not touched before. WebP is several times smaller and has all colors.
        seconds: how long the painting takes in the animation; less if it has so few frames that
            each would stay for over half a second. After that the last frame stays for 2 s.
        most_frames: in the file, at least 2.
        long_side: of the animation in pixels; smaller pictures are not enlarged.

    Raises:
        ValueError: if the extension is another one, or a number is out of range.
        OSError: if the file could not be written there, before any work is lost.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        seconds: float = 6.0,
        most_frames: int = 120,
        long_side: int = 512,
    ) -> None:
        self._format = _format(path)
        if not 0 < seconds <= 3600:  # Not true of NaN either.
            raise ValueError(f"`seconds` must be more than 0 and at most 3600; got {seconds!r}.")
        if most_frames < 2:
            raise ValueError(f"`most_frames` must be at least 2; got {most_frames!r}.")
        if not 1 <= long_side <= _LONGEST_SIDE:
            raise ValueError(f"`long_side` must be from 1 to {_LONGEST_SIDE}; got {long_side!r}.")
        self._path = Path(os.path.realpath(path))  # Links stay, the file they lead to is replaced.
        _try_writing(self._path)
        self._seconds = seconds
        self._most_frames = most_frames
        self._long_side = long_side
        self._added = 0
        self._stride = 1
        # Those whose index is a multiple of the stride, and behind them the newest.
        self._frames: list[tuple[int, Image.Image]] = []

    def add(self, image: ImageLike) -> None:
        """Takes a picture as the next frame.

        Args:
            image: as `image_io.read` takes it, such as float `[1, H, W, 3]` in [0, 1]. Sizes may
                differ from frame to frame; all are brought to that of the last.

        Raises:
            ValueError: if it is not a picture.
        """
        frame = self._limited(read(image)[0])
        if self._frames and self._frames[-1][0] % self._stride:
            self._frames.pop()  # It was kept for being the newest.
        self._frames.append((self._added, frame))
        self._added += 1
        if len(self._frames) > self._most_frames:
            self._stride *= 2
            newest = self._frames.pop()
            self._frames = [each for each in self._frames if each[0] % self._stride == 0]
            self._frames.append(newest)

    def save(self) -> None:
        """Writes the animation of the frames so far, or leaves all as it was.

        Raises:
            ValueError: if there is no frame.
            OSError: if the file cannot be written.
        """
        if not self._frames:
            raise ValueError("`save` must come after `add`; got no frame.")
        size = self._frames[-1][1].size
        frames = [
            frame if frame.size == size else frame.resize(size, Image.Resampling.BICUBIC)
            for _, frame in self._frames
        ]
        if self._format == "GIF":
            frames = [indexed(frame) for frame in frames]
        with replacing(self._path) as file:
            frames[0].save(
                file,
                self._format,
                save_all=True,
                append_images=frames[1:],
                duration=self._durations(),
                loop=0,
                **(_WEBP if self._format == "WEBP" else {}),
            )

    def _limited(self, pixels: npt.NDArray[np.float32]) -> Image.Image:
        """8 bits of `[H, W, 3]`, within the long side."""
        frame = Image.fromarray(np.rint(pixels * 255).astype(np.uint8))
        scale = self._long_side / max(frame.size)
        if scale >= 1:
            return frame
        width, height = (max(1, round(side * scale)) for side in frame.size)
        return frame.resize((width, height), Image.Resampling.BICUBIC)

    def _durations(self) -> list[int]:
        """Milliseconds of each frame, in tens as GIF counts them."""
        others = len(self._frames) - 1
        if not others:
            return [_HOLD]
        each = min(max(self._seconds * 1000 / others, _SHORTEST), _LONGEST)
        return [10 * round(each / 10)] * others + [_HOLD]


def _format(path: str | os.PathLike[str]) -> str:
    """Pillow's name of the format that the extension stands for."""
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        raise ValueError(
            f"`path` must end in {' or '.join(FORMATS)}; got {os.fspath(path)!r}. "
            "Other formats hold no animation here."
        )
    return FORMATS[suffix.lower()]


def _try_writing(path: Path) -> None:
    """Raises `OSError` if `path` cannot be replaced, which does not touch it."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    # Replacing needs no permission for the file itself, but somebody has protected it.
    if path.exists() and not os.access(path, os.W_OK, effective_ids=_EFFECTIVE):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    try_replacing(path)


def indexed(frame: Image.Image) -> Image.Image:
    """The frame in 256 colors of its own, as GIF has them.

    Large areas keep their colors best so: 1.1 grey levels off after a blur of 2 pixels, where
    Pillow's own conversion (median cut without dithering) is 2.4 and one palette for all frames
    1.6 to 2.6, for files of the same size. Median cut with dithering, 2.0, takes ten times as long.
    """
    palette = frame.quantize(256, Image.Quantize.FASTOCTREE)
    return frame.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
