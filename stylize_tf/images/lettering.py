"""Lines of text in the boxes of a picture: as large as fits, else shortened in their middle.

Text is drawn with the font that comes with Pillow, which has the letters of ASCII: accents are
left out, and letters of other scripts are boxes. Sizes are those of the font, in pixels.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.float32]

GROUND, INK = 1.0, 0.13

_SMALLEST_TEXT = 9
_SHRINKING = 0.7
"""How much smaller labels are made, at most, before letters are left out of them."""


class Box(NamedTuple):
    """A part of a canvas, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Its index in an array `[1, H, W, 3]`."""
        rows = slice(self.top, self.top + self.height)
        return slice(None), rows, slice(self.left, self.left + self.width)


def text_size(height: int, width: int) -> int:
    """The size of labels that suits pictures that large."""
    return max(_SMALLEST_TEXT + 1, round(math.sqrt(height * width) / 15))


def line_height(size: int) -> int:
    """Rows of a line."""
    return sum(_font(size).getmetrics())


def text_width(text: str, size: int) -> int:
    """Columns of a line."""
    left, _, right, _ = _font(size).getbbox(_one_line(text), anchor="ls")
    return math.ceil(right - left)


def shrunk(labels: Sequence[tuple[str, Box]], size: int) -> int:
    """The largest size at which all labels fit into their boxes, or the smallest allowed."""
    smallest = max(_SMALLEST_TEXT, round(size * _SHRINKING))
    for smaller in range(size, smallest, -1):
        if all(text_width(label, smaller) <= box.width for label, box in labels):
            return smaller
    return smallest


def write(
    canvas: Pixels, box: Box, text: str, size: int, *, align: float = 0.5, ink: float = INK
) -> None:
    """Writes a line into the middle of a box, or for other `align` towards its left, 0, or right.

    It is shortened to the width of the box, and nothing is written beside that.
    """
    line, font = _shortened(text, size, box.width), _font(size)
    if not line:
        return
    left, _, right, _ = font.getbbox(line, anchor="ls")
    ascent, descent = font.getmetrics()
    mask = Image.new("L", (box.width, box.height))
    place = (
        round((box.width - (right - left)) * align) - left,
        (box.height - ascent - descent) // 2 + ascent,
    )
    ImageDraw.Draw(mask).text(place, line, fill=255, font=font, anchor="ls")
    opacity = np.asarray(mask, np.float32)[np.newaxis, ..., np.newaxis] / 255
    canvas[box.slices] += (ink - canvas[box.slices]) * opacity


@functools.lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _one_line(text: str) -> str:
    """The text without accents, line ends, and what cannot be printed."""
    plain = unicodedata.normalize("NFKD", " ".join(text.split()))
    letters = [letter for letter in plain if not unicodedata.combining(letter)]
    return "".join(letter if letter.isprintable() else "?" for letter in letters)


def _shortened(text: str, size: int, width: int) -> str:
    """The text, or as much of its start and end as fits into `width` around an ellipsis.

    Labels that are too long, such as "total_variation_weight=4", often differ at their end only.
    """
    text = _one_line(text)
    if text_width(text, size) <= width:
        return text
    for kept in range(min(len(text) - 1, width), -1, -1):
        start, end = text[: kept // 2], text[len(text) - (kept + 1) // 2 :]
        shorter = f"{start.rstrip()}…{end.lstrip()}"
        if text_width(shorter, size) <= width:
            return shorter
    return ""
