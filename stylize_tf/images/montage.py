"""Pictures put together to be looked at: contact sheets, comparisons, regions laid over a picture.

Pictures are float32 `[1, H, W, 3]` RGB in [0, 1], or anything else that `image_io.read` takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stylize_tf.config.picture import LONGEST_SIDE
from stylize_tf.images import lettering
from stylize_tf.images.image_io import MAX_PIXELS, ImageLike, read, resize
from stylize_tf.images.lettering import GROUND, Box, Pixels

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

_EMPTY, _EMPTY_INK = 0.93, 0.55
_EMPTY_SIDE = 128
"""Height and width of the cells of a sheet that has no picture."""

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
    canvas = np.full((1, layout.height, layout.width, 3), GROUND, np.float32)
    lettering.write(
        canvas, layout.title, title, lettering.shrunk([(title, layout.title)], layout.title_text)
    )
    labels = [(label, layout.row_label(row)) for row, label in enumerate(rows)]
    headings = [(label, layout.column_label(column)) for column, label in enumerate(columns)]
    text = lettering.shrunk(labels + headings, layout.text)
    for label, box in labels:
        lettering.write(canvas, box, label, text, align=1.0)
    for label, box in headings:
        lettering.write(canvas, box, label, text)
    for row, column in np.ndindex(len(rows), len(columns)):
        box, cell = layout.cell(row, column), cells[row][column]
        if cell is None:
            canvas[box.slices] = _EMPTY
            lettering.write(canvas, box, "failed", text, ink=_EMPTY_INK)
        else:
            _place(canvas, box, read(cell), layout.scale)
    return canvas


def sheet_size(
    sizes: Sequence[tuple[int, int]], rows: Sequence[str], columns: Sequence[str], title: str = ""
) -> tuple[int, int]:
    """Height and width of the `sheet` with these labels, of cells of these heights and widths.

    Raises:
        ValueError: if so many cells do not fit.
    """
    layout = _fitting(sizes, rows, columns, title)
    return layout.height, layout.width


def comparison(
    content: ImageLike, style: ImageLike | Sequence[ImageLike], picture: ImageLike
) -> Pixels:
    """The photograph, its painting or paintings, and the result, side by side on white.

    All have the height of the result, which keeps its pixels unless the whole would be too large;
    see `sheet`. Several paintings share a column, one above the other at the same width, or
    several such columns if one would be narrow.

    Args:
        content: the photograph, of any size.
        style: a painting, or a list or tuple of some, or of none, of any size.
        picture: the result.

    Returns:
        `[1, H, W, 3]`, float32, in [0, 1], where `H` is the height of the result.

    Raises:
        ValueError: if one is not a picture.
    """
    styles = style if isinstance(style, list | tuple) else [style]
    photograph, result = read(content, name="content"), read(picture, name="picture")
    paintings = [read(each, name=f"style[{index}]") for index, each in enumerate(styles)]
    height, width = result.shape[1:3]
    gutter = _gutter(height, width)
    of_paintings = _columns(paintings, height, width) if paintings else []
    columns = [[photograph], *of_paintings, [result]]
    total = sum(_column_width(column, height, width) + gutter for column in columns) - gutter
    excess = _excess(height, total)
    if excess > 1 and max(height, width) > 1:
        smaller = (max(1, int(side * 0.99 / excess)) for side in (height, width))
        return comparison(photograph, paintings, resize(result, *smaller))
    return _joined([_column(each, height, width) for each in columns], gutter, axis=2)


def overlay(image: ImageLike, masks: npt.ArrayLike) -> Pixels:
    """The picture with colors over it, one for each mask, and a legend of their numbers below.

    Under a mask the picture is grey, so that only the mask decides the hue, and the color, one of
    `COLORS` or far from all of them, is half opaque. Where no mask is, pixels are unchanged. Where
    masks overlap, their colors are mixed.

    Args:
        image: the picture.
        masks: `[1, H, W, K]`, numbers in [0, 1], as large as the picture.

    Returns:
        `[1, H + legend, W, 3]`, float32, in [0, 1]: the picture, and below it a field of each
        color with its number, from 1.

    Raises:
        ValueError: if `image` is not a picture.
    """
    picture = read(image)
    height, width = picture.shape[1:3]
    soft = np.asarray(masks, np.float32)
    palette = _distinct_colors(soft.shape[-1])
    total = soft.sum(-1, keepdims=True)
    color = soft @ palette / np.maximum(total, np.finfo(np.float32).tiny)
    grey = (picture @ _LUMA)[..., np.newaxis]
    painted = picture + ((grey + color) / 2 - picture) * np.minimum(total, 1)
    return np.concatenate([painted.clip(0, 1), _legend(palette, height, width)], axis=1)


class _Layout:
    """Where everything is on a sheet, in pixels, for cells of a size and pictures of a scale."""

    def __init__(
        self,
        cell: tuple[int, int],
        scale: float,
        rows: Sequence[str],
        columns: Sequence[str],
        title: str,
    ) -> None:
        self.scale = scale
        self._cell = height, width = [max(1, round(side * scale)) for side in cell]
        self._gutter = _gutter(height, width)
        self.text = lettering.text_size(height, width)
        self.title_text = self.text + self.text // 2
        self._label_width = min(max(lettering.text_width(row, self.text) for row in rows), width)
        margin = self._top = 2 * self._gutter
        self._left = margin + (self._label_width + margin if self._label_width else 0)
        line = lettering.line_height(self.title_text) if title else 0
        for used in (line, lettering.line_height(self.text) if any(columns) else 0):
            self._top += used + self._gutter if used else 0
        self.height = self._top + len(rows) * (height + self._gutter) + self._gutter
        self.width = self._left + len(columns) * (width + self._gutter) + self._gutter
        self.title = Box(margin, margin, line, self.width - 2 * margin)

    def cell(self, row: int, column: int) -> Box:
        height, width = self._cell
        top = self._top + row * (height + self._gutter)
        return Box(top, self._left + column * (width + self._gutter), height, width)

    def row_label(self, row: int) -> Box:
        top, left, height, _ = self.cell(row, 0)
        left -= 2 * self._gutter + self._label_width
        return Box(top, left, height, self._label_width)

    def column_label(self, column: int) -> Box:
        top, left, _, width = self.cell(0, column)
        line = lettering.line_height(self.text)
        return Box(top - self._gutter - line, left, line, width)


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


def _place(canvas: Pixels, box: Box, picture: Pixels, scale: float = 1.0) -> None:
    """Puts a picture into the middle of a box that is as large or larger."""
    height, width = (max(1, round(side * scale)) for side in picture.shape[1:3])
    top, left = box.top + (box.height - height) // 2, box.left + (box.width - width) // 2
    canvas[Box(top, left, height, width).slices] = resize(picture, height, width)


def _gutter(height: int, width: int) -> int:
    return max(2, round(math.sqrt(height * width) / 40))


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
    canvas = np.full((1, height, shared, 3), GROUND, np.float32)
    _place(canvas, Box(0, 0, height, shared), _joined(tiles, _gutter(height, width), axis=1))
    return canvas


def _joined(pictures: Sequence[Pixels], gutter: int, *, axis: int) -> Pixels:
    """Pictures in a row with gutters between, along an axis of the array."""
    shape = list(pictures[0].shape)
    shape[axis] = gutter
    between = np.full(shape, GROUND, np.float32)
    parts = [part for picture in pictures for part in (between, picture)]
    return np.concatenate(parts[1:], axis=axis)


def _distinct_colors(count: int) -> Pixels:
    """`COLORS`, and then each time the one that is farthest from all before and from grey."""
    colors: list[tuple[float, ...]] = [(0.0,) * 3, (0.5,) * 3, (1.0,) * 3, *COLORS]
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 6)] * 3), -1).reshape(-1, 3)
    while len(colors) < 3 + count:
        distances = np.linalg.norm(grid[:, np.newaxis] - np.array(colors), axis=-1).min(1)
        colors.append(tuple(grid[distances.argmax()].tolist()))
    return np.array(colors[3 : 3 + count], np.float32)


def _legend(palette: Pixels, height: int, width: int) -> Pixels:
    """`[1, h, width, 3]`: a field of each color with its number, side by side."""
    size, widest = lettering.text_size(height, width), str(len(palette))
    text = lettering.shrunk([(widest, Box(0, 0, 0, round(0.7 * width / len(palette))))], size)
    canvas = np.empty((1, lettering.line_height(size), width, 3), np.float32)
    edges = np.linspace(0, width, len(palette) + 1).astype(int).tolist()
    for index, color in enumerate(palette):
        box = Box(0, edges[index], canvas.shape[1], edges[index + 1] - edges[index])
        canvas[box.slices] = color
        lettering.write(
            canvas, box, str(index + 1), text, ink=lettering.INK if color @ _LUMA > 0.4 else GROUND
        )
    return canvas
