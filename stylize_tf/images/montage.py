"""Pictures put together to be looked at: contact sheets, comparisons, regions laid over a picture.

Pictures are float32 `[1, H, W, 3]` RGB in [0, 1], or anything else that `image_io.read` takes.
Text is drawn with the font that comes with Pillow, which has the letters of ASCII: accents are
left out, and letters of other scripts are boxes.
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

from stylize_tf.config.style_transfer import LONGEST_SIDE
from stylize_tf.images.image_io import MAX_PIXELS, ImageLike, read, resize

Pixels = npt.NDArray[np.float32]

COLORS = (
    (0.84, 0.37, 0.00),
    (0.00, 0.45, 0.70),
    (0.94, 0.89, 0.26),
    (0.00, 0.62, 0.45),
    (0.80, 0.47, 0.65),
    (0.34, 0.71, 0.91),
    (0.90, 0.62, 0.00),
)
"""Colors that people of any color vision tell apart: Okabe and Ito, "Color Universal Design"."""

_GROUND, _INK = 1.0, 0.13
_EMPTY, _EMPTY_INK = 0.93, 0.55
_EMPTY_SIDE = 128
"""Height and width of the cells of a sheet that has no picture."""

_SMALLEST_TEXT = 9
_SHRINKING = 0.7
"""How much smaller labels are made, at most, before letters are left out of them."""

_STYLES_WIDTH = 1.25
"""Width of all paintings of a comparison, at most, in widths of the picture beside them."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def sheet(
    cells: Sequence[Sequence[ImageLike | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str = "",
) -> Pixels:
    """A contact sheet: a grid of pictures on white with a label for each row and column.

    All cells have the size of the largest picture; smaller ones are in the middle of theirs.
    Pictures keep their pixels unless the sheet would be too large: of more than `LONGEST_SIDE`
    pixels a side, or of more than `image_io.read` takes. Then all are made smaller alike.

    Args:
        cells: rows of pictures, top to bottom and left to right; None for one that failed.
        rows: a label for each row, such as "strength=.5". Labels that are too long get smaller
            letters, then an ellipsis in their middle. If all are empty they take no room.
        columns: a label for each column.
        title: a line above all; none if it is empty.

    Returns:
        `[1, H, W, 3]`, float32, in [0, 1].

    Raises:
        ValueError: if there is no cell, the labels are not as many as the rows and columns, a cell
            is not a picture, or so many cells do not fit.
    """
    _check_labels(cells, rows, columns)
    # As float32 hundreds of pictures may not fit into memory, so only one is held at a time.
    sizes = [
        read(cell, name=f"cells[{row}][{column}]").shape[1:3]
        for row, line in enumerate(cells)
        for column, cell in enumerate(line)
        if cell is not None
    ]
    layout = _fitting(sizes, rows, columns, title)
    canvas = np.full((1, layout.height, layout.width, 3), _GROUND, np.float32)
    _write(canvas, layout.title, title, _shrunk([(title, layout.title)], _title_size(layout.text)))
    labels = [(label, layout.row_label(row)) for row, label in enumerate(rows)]
    headings = [(label, layout.column_label(column)) for column, label in enumerate(columns)]
    font = _shrunk(labels + headings, layout.text)
    for label, box in labels:
        _write(canvas, box, label, font, align=1.0)
    for label, box in headings:
        _write(canvas, box, label, font)
    for row, column in np.ndindex(len(rows), len(columns)):
        box, cell = layout.cell(row, column), cells[row][column]
        if cell is None:
            canvas[box.slices] = _EMPTY
            _write(canvas, box, "failed", font, ink=_EMPTY_INK)
        else:
            _place(canvas, box, read(cell), layout.scale)
    return canvas


def comparison(
    content: ImageLike, style: ImageLike | Sequence[ImageLike], picture: ImageLike
) -> Pixels:
    """The photograph, its painting or paintings, and the result, side by side on white.

    All have the height of the result, which keeps its pixels unless the whole would be too large;
    see `sheet`. Several paintings share a column, one above the other at the same width, or
    several such columns if one would be narrow.

    Args:
        content: the photograph, of any size.
        style: a painting, or a list or tuple of some, of any size.
        picture: the result.

    Returns:
        `[1, H, W, 3]`, float32, in [0, 1], where `H` is the height of the result.

    Raises:
        ValueError: if one is not a picture, or there is no painting.
    """
    styles = style if isinstance(style, list | tuple) else [style]
    if not styles:
        raise ValueError("`style` must have at least one painting; got none.")
    photograph, result = read(content, name="content"), read(picture, name="picture")
    paintings = [read(each, name=f"style[{index}]") for index, each in enumerate(styles)]
    height, width = result.shape[1:3]
    gutter = _gutter(height, width)
    columns = [[photograph], *_columns(paintings, height, width), [result]]
    total = sum(_column_width(column, height, width) + gutter for column in columns) - gutter
    excess = _excess(height, total)
    if excess > 1 and max(height, width) > 1:
        smaller = (max(1, int(side * 0.99 / excess)) for side in (height, width))
        return comparison(photograph, paintings, resize(result, *smaller))
    return _joined([_column(each, height, width) for each in columns], gutter, axis=2)


def overlay(
    image: ImageLike, masks: npt.ArrayLike, colors: Sequence[Sequence[float]] | None = None
) -> Pixels:
    """The picture with colors over it, one for each mask, and a legend of their numbers below.

    Under a mask the picture is grey, so that only the mask decides the hue, and the color is half
    opaque. Where no mask is, pixels are unchanged. Where masks overlap, their colors are mixed.

    Args:
        image: the picture.
        masks: `[1, H, W, K]`, numbers in [0, 1], as large as the picture.
        colors: `[K, 3]`, RGB in [0, 1]; by default `COLORS`, then others far from them.

    Returns:
        `[1, H + legend, W, 3]`, float32, in [0, 1]: the picture, and below it a field of each
        color with its number, from 1.

    Raises:
        ValueError: if `image` is not a picture, or masks or colors are not as above.
    """
    picture = read(image)
    height, width = picture.shape[1:3]
    soft = _checked_masks(masks, height, width)
    palette = _checked_colors(colors, soft.shape[-1])
    total = soft.sum(-1, keepdims=True)
    color = soft @ palette / np.maximum(total, np.finfo(np.float32).tiny)
    grey = (picture @ _LUMA)[..., np.newaxis]
    painted = picture + ((grey + color) / 2 - picture) * np.minimum(total, 1)
    return np.concatenate([painted.clip(0, 1), _legend(palette, height, width)], axis=1)


class _Box(NamedTuple):
    """A part of a canvas, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        rows = slice(self.top, self.top + self.height)
        return slice(None), rows, slice(self.left, self.left + self.width)


class _Layout:
    """Where everything is on a sheet, in pixels, for cells of a size.

    Attributes:
        height, width: of the sheet.
        scale: of the pictures.
        text: size of the labels.
        title: box of the title.
    """

    def __init__(
        self,
        cell: tuple[int, int],
        scale: float,
        rows: Sequence[str],
        columns: Sequence[str],
        title: str,
    ) -> None:
        self.scale = scale
        self._cell = max(1, round(cell[0] * scale)), max(1, round(cell[1] * scale))
        self._gutter = _gutter(*self._cell)
        self.text = _text_size(*self._cell)
        widest = max(_text_width(row, _font(self.text)) for row in rows)
        self._label_width = min(widest, self._cell[1])
        margin = 2 * self._gutter
        self._left = margin + (self._label_width + margin if self._label_width else 0)
        self._top = margin
        if title:
            self._top += _line_height(_title_size(self.text)) + self._gutter
        if any(columns):
            self._top += _line_height(self.text) + self._gutter
        self.height = self._top + len(rows) * (self._cell[0] + self._gutter) + self._gutter
        self.width = self._left + len(columns) * (self._cell[1] + self._gutter) + self._gutter
        line = _line_height(_title_size(self.text)) if title else 0
        self.title = _Box(margin, margin, line, self.width - 2 * margin)

    def cell(self, row: int, column: int) -> _Box:
        height, width = self._cell
        top = self._top + row * (height + self._gutter)
        return _Box(top, self._left + column * (width + self._gutter), height, width)

    def row_label(self, row: int) -> _Box:
        top, left, height, _ = self.cell(row, 0)
        left -= 2 * self._gutter + self._label_width
        return _Box(top, left, height, self._label_width)

    def column_label(self, column: int) -> _Box:
        top, left, _, width = self.cell(0, column)
        line = _line_height(self.text)
        return _Box(top - self._gutter - line, left, line, width)


def _check_labels(
    cells: Sequence[Sequence[object]], rows: Sequence[str], columns: Sequence[str]
) -> None:
    if not rows or not columns:
        raise ValueError(
            f"`rows` and `columns` must have at least one label each; got {len(rows)} and "
            f"{len(columns)}."
        )
    if len(cells) != len(rows):
        raise ValueError(
            f"`cells` must have a row for each of the {len(rows)} `rows`; got {len(cells)}."
        )
    for row, line in enumerate(cells):
        if len(line) != len(columns):
            raise ValueError(
                f"`cells[{row}]` must have a cell for each of the {len(columns)} `columns`; "
                f"got {len(line)}. Give None where there is no picture."
            )


def _fitting(
    sizes: Sequence[tuple[int, ...]], rows: Sequence[str], columns: Sequence[str], title: str
) -> _Layout:
    """The layout with the largest cells that the limits of a sheet leave room for."""
    height, width = np.max(sizes, axis=0).tolist() if sizes else (_EMPTY_SIDE, _EMPTY_SIDE)
    scale = 1.0
    while True:
        layout = _Layout((height, width), scale, rows, columns, title)
        excess = _excess(layout.height, layout.width)
        if excess <= 1:
            return layout
        if max(height, width) * scale < 1:
            raise ValueError(
                f"`cells` must be so few that a sheet of {LONGEST_SIDE} pixels a side holds them; "
                f"got {len(rows)} rows and {len(columns)} columns. Make several sheets."
            )
        scale *= 0.99 / excess


def _excess(height: float, width: float) -> float:
    """By which factor the sides of a picture are too long; at most 1 if they are not."""
    return max(max(height, width) / LONGEST_SIDE, math.sqrt(height * width / MAX_PIXELS))


def _place(canvas: Pixels, box: _Box, picture: Pixels, scale: float = 1.0) -> None:
    """Puts a picture into the middle of a box that is as large or larger."""
    height, width = (max(1, round(side * scale)) for side in picture.shape[1:3])
    top, left = box.top + (box.height - height) // 2, box.left + (box.width - width) // 2
    canvas[_Box(top, left, height, width).slices] = resize(picture, height, width)


def _gutter(height: int, width: int) -> int:
    return max(2, round(math.sqrt(height * width) / 40))


def _text_size(height: int, width: int) -> int:
    return max(_SMALLEST_TEXT + 1, round(math.sqrt(height * width) / 15))


def _title_size(text: int) -> int:
    return text + text // 2


@functools.lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _line_height(size: int) -> int:
    return sum(_font(size).getmetrics())


def _text_width(text: str, font: ImageFont.FreeTypeFont) -> int:
    left, _, right, _ = font.getbbox(_one_line(text), anchor="ls")
    return math.ceil(right - left)


def _one_line(text: str) -> str:
    """The text without accents, line ends, and what cannot be printed."""
    plain = unicodedata.normalize("NFKD", " ".join(text.split()))
    letters = [letter for letter in plain if not unicodedata.combining(letter)]
    return "".join(letter if letter.isprintable() else "?" for letter in letters)


def _shrunk(labels: Sequence[tuple[str, _Box]], size: int) -> ImageFont.FreeTypeFont:
    """The largest font with which all labels fit into their boxes, or the smallest allowed."""
    smallest = max(_SMALLEST_TEXT, round(size * _SHRINKING))
    for smaller in range(size, smallest, -1):
        if all(_text_width(label, _font(smaller)) <= box.width for label, box in labels):
            return _font(smaller)
    return _font(smallest)


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """The text, or as much of its start and end as fits into `width` around an ellipsis.

    Labels that are too long, such as "total_variation_weight=4", often differ at their end only.
    """
    text = _one_line(text)
    if _text_width(text, font) <= width:
        return text
    for kept in range(min(len(text) - 1, width), -1, -1):
        start, end = text[: kept // 2], text[len(text) - (kept + 1) // 2 :]
        shorter = f"{start.rstrip()}…{end.lstrip()}"
        if _text_width(shorter, font) <= width:
            return shorter
    return ""


def _write(
    canvas: Pixels,
    box: _Box,
    text: str,
    font: ImageFont.FreeTypeFont,
    *,
    align: float = 0.5,
    ink: float = _INK,
) -> None:
    """Writes a line into the middle of a box, or for other `align` towards its left, 0, or right.

    It is shortened to the width of the box, and nothing is written beside that.
    """
    line = _shortened(text, font, box.width)
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


def _columns(pictures: Sequence[Pixels], height: int, width: int) -> list[list[Pixels]]:
    """The pictures in columns of a height, in all as wide as looks well beside a picture."""
    choices = []
    for count in range(1, len(pictures) + 1):
        columns = [
            [pictures[index] for index in indices]
            for indices in np.array_split(np.arange(len(pictures)), count)
        ]
        if _room(columns[0], height, width) >= len(columns[0]):  # At least a pixel each.
            total = sum(_column_width(each, height, width) for each in columns)
            choices.append((total, columns))
    narrow = [choice for choice in choices if choice[0] <= width * _STYLES_WIDTH]
    # The widest shows most; columns of as many pictures as possible where all are too wide.
    _, columns = max(narrow, key=lambda choice: choice[0]) if narrow else choices[0]
    return columns


def _room(column: Sequence[Pixels], height: int, width: int) -> int:
    """What the gutters of a column leave of its height."""
    return height - _gutter(height, width) * (len(column) - 1)


def _column_width(column: Sequence[Pixels], height: int, width: int) -> int:
    """The width at which a column has its height, at most twice that of the picture beside it."""
    ratios = sum(picture.shape[1] / picture.shape[2] for picture in column)
    return max(1, min(round(_room(column, height, width) / ratios), 2 * width))


def _column(pictures: Sequence[Pixels], height: int, width: int) -> Pixels:
    """Pictures of one width, one above the other, `height` high in all."""
    shared = _column_width(pictures, height, width)
    sides = [max(1, round(shared * each.shape[1] / each.shape[2])) for each in pictures]
    room = _room(pictures, height, width)
    while sum(sides) > room:
        sides[sides.index(max(sides))] -= 1
    if shared < 2 * width:  # Else the limit on the width leaves more room than rounding does.
        sides[sides.index(max(sides))] += room - sum(sides)
    tiles = [resize(each, side, shared) for each, side in zip(pictures, sides, strict=True)]
    canvas = np.full((1, height, shared, 3), _GROUND, np.float32)
    _place(canvas, _Box(0, 0, height, shared), _joined(tiles, _gutter(height, width), axis=1))
    return canvas


def _joined(pictures: Sequence[Pixels], gutter: int, *, axis: int) -> Pixels:
    """Pictures in a row with gutters between, along an axis of the array."""
    shape = list(pictures[0].shape)
    shape[axis] = gutter
    between = np.full(shape, _GROUND, np.float32)
    parts = [part for picture in pictures for part in (between, picture)]
    return np.concatenate(parts[1:], axis=axis)


def _checked_masks(masks: npt.ArrayLike, height: int, width: int) -> Pixels:
    soft = np.asarray(masks, np.float32)
    if soft.ndim != 4 or soft.shape[:3] != (1, height, width) or not soft.shape[-1]:
        raise ValueError(
            f"`masks` must be [1, {height}, {width}, K], as large as the picture; "
            f"got {soft.shape}. Resize them with `image_io.resize`."
        )
    if not (soft.min() >= 0 and soft.max() <= 1):  # Also if they are NaN.
        raise ValueError(
            f"`masks` must be in [0, 1]; got {soft.min():g} to {soft.max():g}. Clip them."
        )
    return soft


def _checked_colors(colors: Sequence[Sequence[float]] | None, count: int) -> Pixels:
    if colors is None:
        colors = _distinct_colors(count)
    palette = np.asarray(colors, np.float32)
    if palette.shape != (count, 3) or not (palette.min() >= 0 and palette.max() <= 1):
        raise ValueError(
            f"`colors` must be RGB in [0, 1] for each of the {count} masks, [{count}, 3]; "
            f"got {colors!r}."
        )
    return palette


def _distinct_colors(count: int) -> list[tuple[float, ...]]:
    """`COLORS`, and then each time the one that is farthest from all before and from grey."""
    colors: list[tuple[float, ...]] = [(0.0,) * 3, (0.5,) * 3, (1.0,) * 3, *COLORS]
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 6)] * 3), -1).reshape(-1, 3)
    while len(colors) < 3 + count:
        distances = np.linalg.norm(grid[:, np.newaxis] - np.array(colors), axis=-1).min(1)
        colors.append(tuple(grid[distances.argmax()].tolist()))
    return colors[3 : 3 + count]


def _legend(palette: Pixels, height: int, width: int) -> Pixels:
    """`[1, h, width, 3]`: a field of each color with its number, side by side."""
    size, widest = _text_size(height, width), str(len(palette))
    font = _shrunk([(widest, _Box(0, 0, 0, round(0.7 * width / len(palette))))], size)
    canvas = np.empty((1, _line_height(size), width, 3), np.float32)
    edges = np.linspace(0, width, len(palette) + 1).astype(int).tolist()
    for index, color in enumerate(palette):
        box = _Box(0, edges[index], canvas.shape[1], edges[index + 1] - edges[index])
        canvas[box.slices] = color
        _write(canvas, box, str(index + 1), font, ink=_INK if color @ _LUMA > 0.4 else _GROUND)
    return canvas
