"""A contact sheet: one picture for each value of one option, or for each pair of two."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stylize_tf.config.fields import checked, closest, is_tuple, read
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import styles
from stylize_tf.errors import ConfigError, ImageError, StylizationError
from stylize_tf.images import image_io
from stylize_tf.images.montage import sheet as montage
from stylize_tf.images.montage import sheet_size
from stylize_tf.jobs import painting
from stylize_tf.jobs.inputs import Wanted
from stylize_tf.jobs.job import Draft, Job, Variants, configured, starting, unfollowable
from stylize_tf.jobs.job import draft as draft_picture
from stylize_tf.jobs.job import prepare as prepare_picture
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options.checks import check_modes
from stylize_tf.jobs.options.painting import Given, Options
from stylize_tf.jobs.outputs import Output, derived_name, free_name, stem_of, with_suffix
from stylize_tf.jobs.painting import Painting
from stylize_tf.jobs.plan import remember
from stylize_tf.jobs.recipe import Input

PREVIEW_SIZE = 256
"""Pixels of the side that `size` means, if nothing is said of it."""

MOST_CELLS = 64

_NOT_REACHED = 237
"""Grey of the cells that an interrupted run did not come to."""


class _AxisError(ConfigError):
    """A `sheet` that makes no sense, whatever pictures it is of."""


@dataclasses.dataclass(frozen=True)
class Axis:
    """An option and the values that it takes.

    Attributes:
        name: field of `StyleTransferConfig`.
        texts: the values as they were written.
        values: the same, as the flag reads them.
    """

    name: str
    texts: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What is written beside the cells: `strength=.5`."""
        return tuple(f"{self.name}={text}" for text in self.texts)


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A sheet whose every input was read and whose every configuration was checked.

    Attributes:
        job: the picture that all cells have in common.
        texts: the axes as they were written.
        axes: first the columns, then, if there are two, the rows.
    """

    job: Job
    texts: tuple[str, ...]
    axes: tuple[Axis, ...]

    @property
    def options(self) -> Options:
        """All that was asked for beside the configuration."""
        return self.job.options

    @property
    def columns(self) -> tuple[str, ...]:
        """Labels of the columns."""
        return self.axes[0].labels

    @property
    def rows(self) -> tuple[str, ...]:
        """Labels of the rows; an empty one if one option is varied."""
        return self.axes[1].labels if len(self.axes) > 1 else ("",)

    @property
    def title(self) -> str:
        """The names of the photograph and the paintings, in their order."""
        return _title(self.job.inputs)

    def cell(self, row: int, column: int) -> tuple[Job, dict[str, Any]]:
        """The picture in a cell, and what its configuration changes in that of the sheet."""
        places = zip(self.axes, (column, row), strict=False)
        changes = {axis.name: axis.values[place] for axis, place in places}
        config = self.job.config.replace(**changes)
        sources = starting(config, self.job.sources)
        return dataclasses.replace(self.job, config=config, sources=sources), changes


def asked_for(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The axes of the sheet that is wanted, each as `strength=.5,1`; none if no sheet is.

    They are those of `sheet`, or of the sheet that `from_picture` names.

    Raises:
        ImageError: if the metadata of that are damaged.
    """
    if "sheet" in options or "from_picture" not in options:
        return tuple(options.get("sheet", ()))
    try:
        metadata = image_io.read_metadata(options["from_picture"])
    except ImageError:
        return ()  # Who reads the recipe says so.
    recorded = (metadata or {}).get("sheet", [])
    if not isinstance(recorded, list) or not all(isinstance(text, str) for text in recorded):
        raise unfollowable(options["from_picture"], "its sheet is not a list of options")
    return tuple(recorded)


@contextlib.contextmanager
def _blaming(given: Given) -> Iterator[None]:
    """Makes an error of the axes one of the picture whose recipe they are from, if they are."""
    try:
        yield
    except _AxisError as error:
        if "sheet" in given.options:
            raise
        raise unfollowable(given.options["from_picture"], error) from error


def draft(given: Given, listener: Listener) -> tuple[Draft, list[str]]:
    """What is known of a sheet before a pixel was read, and the labels of its cells, row by row.

    Raises:
        ConfigError, ImageError, OutputError: saying what cannot be had.
    """
    check_modes(given.options, "sheet")
    with _blaming(given):
        axes, wanted, variants = _asked(given)
        drawn = draft_picture(wanted, listener, variants)
        if drawn.output.derived and "sheet" in given.options:
            output = _output(drawn.output, drawn.files, drawn.named)
            drawn = dataclasses.replace(drawn, output=output)
        labels = [axis.labels for axis in reversed(axes)]
        return drawn, [", ".join(reversed(place)) for place in itertools.product(*labels)]


def prepare(given: Given, listener: Listener) -> Sheet:
    """Reads and checks all that a sheet needs, cheapest first.

    Raises:
        ConfigError, ImageError, OutputError, WeightsError, StylizationError: saying which of it
            cannot be had.
    """
    check_modes(given.options, "sheet")
    with _blaming(given):
        return _prepare(given, listener)


def _asked(given: Given) -> tuple[tuple[Axis, ...], Given, Variants]:
    """The axes, what was asked for beside them, and what makes the cells."""
    axes = read_axes(asked_for(given.options))
    for axis in axes:
        if axis.name in given.config:
            raise ConfigError(
                f"`{axis.name}` and `sheet` {axis.name}=... exclude each other: leave one out."
            )
    if "sheet" in given.options:
        given = dataclasses.replace(given, config={"size": PREVIEW_SIZE, **given.config})
    if "from_picture" not in given.options:  # Before anything is read or fetched.
        preset = Options(**given.options).preset
        _configs(configured(given, PRESETS[preset]), axes)

    def configs(config: StyleTransferConfig, named: Sequence[str]) -> list[StyleTransferConfig]:
        return _configs(config, [_of_paintings(axis, named) for axis in axes])

    def size(cells: Sequence[tuple[int, int]], files: Sequence[Wanted]) -> tuple[int, int]:
        columns, rows = (*(axis.labels for axis in axes), ("",))[:2]
        return sheet_size(cells, rows, columns, _title(files))

    return axes, given, Variants(configs, size)


def _title(items: Sequence[Input | Wanted]) -> str:
    return " + ".join(stem_of(item.path) for item in items if item.role in ("content", "style"))


def _prepare(given: Given, listener: Listener) -> Sheet:
    texts = asked_for(given.options)
    axes, wanted, variants = _asked(given)
    job = prepare_picture(wanted, listener, variants)
    axes = tuple(_of_paintings(axis, job.named) for axis in axes)
    if any(map(styles.is_folder, job.named)):
        texts = tuple(
            f"{axis.name}={';'.join(axis.texts)}" if axis.name == "style_blend_weights" else text
            for axis, text in zip(axes, texts, strict=True)
        )
    if job.output.derived and "sheet" in given.options:
        job = dataclasses.replace(job, output=_output(job.output, job.inputs, job.named))
    return Sheet(job, texts, axes)


def read_axes(texts: Sequence[str]) -> tuple[Axis, ...]:
    """The options and values that --sheet was given.

    Raises:
        ConfigError: if there are more than two, or `MOST_CELLS` cells, or one is not as it should
            be.
    """
    if len(texts) > 2:
        raise _AxisError(f"`sheet` is given once or twice, for columns and rows; got {len(texts)}.")
    axes = tuple(map(_read_axis, texts))
    if len({axis.name for axis in axes}) < len(axes):
        raise _AxisError(f"`sheet` varies {axes[0].name} twice: name two different options.")
    sizes = [len(axis.values) for axis in axes]
    if math.prod(sizes) > MOST_CELLS:
        factors = f" ({' times '.join(map(str, sizes))})" if len(sizes) > 1 else ""
        raise _AxisError(
            f"`sheet` would have {math.prod(sizes)} cells{factors}; at most {MOST_CELLS} can be "
            f"made. Give fewer values."
        )
    return axes


def _read_axis(text: str) -> Axis:
    name, equals, listed = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise _AxisError(
            f"`sheet` must be an option and its values, such as strength=.5,1,1.5; got {text!r}."
        )
    fields = {field.name: field for field in dataclasses.fields(StyleTransferConfig)}
    if name not in fields:
        if name in (field.name for field in dataclasses.fields(Options)):
            raise _AxisError(
                f"`sheet` cannot vary `{name}`: only options of how a picture is painted, such as "
                f"strength or style_scale."
            )
        hint = closest(name.lstrip("-").replace("-", "_"), fields)
        raise _AxisError(f"`sheet`: there is no option {name!r}.{hint}")
    if not listed.strip():
        raise _AxisError(f"`sheet` {name}= has no values: write {name}=VALUE,VALUE,...")
    is_list = is_tuple(fields[name])
    if is_list and "," in listed and ";" not in listed:
        raise _AxisError(
            f"`sheet` {text.strip()} is one value, a list. Put ; between values, and quotes around "
            f"all of them: `sheet` '{text.strip()};...'."
        )
    texts = tuple(part.strip() for part in listed.split(";" if is_list else ","))
    field = fields[name]
    try:
        return Axis(name, texts, tuple(checked(field, read(field, part)) for part in texts))
    except ConfigError as error:
        raise _AxisError(str(error)) from error


def _configs(base: StyleTransferConfig, axes: Sequence[Axis]) -> list[StyleTransferConfig]:
    """The configurations of the cells, row by row.

    Raises:
        _AxisError: if a value is not allowed.
    """
    names = [axis.name for axis in reversed(axes)]
    cells = itertools.product(*(axis.values for axis in reversed(axes)))
    try:
        return [base.replace(**dict(zip(names, values, strict=True))) for values in cells]
    except ConfigError as error:
        raise _AxisError(str(error)) from error


def _of_paintings(axis: Axis, named: Sequence[str]) -> Axis:
    """The axis with a weight for each painting of a folder, as the recipe tells of paintings."""
    if axis.name != "style_blend_weights" or not any(map(styles.is_folder, named)):
        return axis
    values = []
    for value in axis.values:
        paintings, weights = styles.expanded(named, value)
        values.append(weights or (1.0,) * len(paintings))
    return Axis(axis.name, tuple(",".join(map(repr, x)) for x in values), tuple(values))


def _output(output: Output, inputs: Sequence[Input | Wanted], named: Sequence[str]) -> Output:
    """`photo_painting_sheet.png`, in place of the name that the picture would have had."""
    content, *paintings = [x.path for x in inputs if x.role in ("content", "style")]
    name = with_suffix(derived_name(content, list(named) or paintings), "_sheet")
    place = Path(output.path)
    path = free_name(str(place.with_name(name).with_suffix(place.suffix)))
    return dataclasses.replace(output, path=path)


class SheetRun:
    """The run that paints the cells of a sheet, and what it leaves on disk.

    A cell that fails stays empty. When the listener stops it, the run ends after the step, and the
    sheet is written with the cells that are finished.
    """

    def __init__(self, sheet: Sheet, listener: Listener) -> None:
        self._sheet = sheet
        self._listener = listener
        self._stylizer = painting.make_stylizer(sheet.job.config, sheet.job.weights)
        self._pictures: dict[tuple[int, int], np.ndarray] = {}
        self._results: dict[tuple[int, int], dict[str, Any]] = {}
        self._failed: set[tuple[int, int]] = set()
        columns = range(len(sheet.columns))
        self._places = [[(row, column) for column in columns] for row in range(len(sheet.rows))]
        self._total = len(sheet.rows) * len(sheet.columns)

    @property
    def unfinished(self) -> str:
        """What is there of an interrupted run."""
        return f"{len(self._pictures)} of {self._total} cells"

    @property
    def is_partial(self) -> bool:
        """Whether some cells failed."""
        return bool(self._failed)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self._pictures

    def make(self) -> bool:
        """Paints the cells; whether it came to its end."""
        sheet = self._sheet
        for number, place in enumerate(itertools.chain(*self._places), start=1):
            if self._listener.is_stopped():
                return False
            row, column = place
            label = ", ".join(filter(None, (sheet.columns[column], sheet.rows[row])))
            self._listener.cell(number, self._total, label)
            try:
                self._paint(place)
            except Exception as error:
                if not self._listener.is_stopped():  # Else a library's word for the interruption.
                    self._failed.add(place)
                    self._listener.failed(f"{label} failed", error)
        if not self._pictures and not self._listener.is_stopped():
            raise StylizationError("no cell of the sheet could be made: see above.")
        return not self._listener.is_stopped()

    def _paint(self, place: tuple[int, int]) -> None:
        job, changes = self._sheet.cell(*place)
        current = Painting(job, self._stylizer.replace(**changes))
        if current.paint(self._listener.step, self._listener.is_stopped):
            # Sixty-four pictures as float32 may be more than there is room for.
            self._pictures[place] = np.rint(current.picture() * 255).astype(np.uint8)
            self._results[place] = current.metadata(finished=True)["result"]

    def save(self, *, finished: bool) -> tuple[str, str]:
        """Writes the sheet; its path, - for standard output, and size."""
        sheet = self._sheet
        height, width = np.max([x.shape[1:3] for x in self._pictures.values()], axis=0).tolist()
        blank = np.full((1, height, width, 3), _NOT_REACHED, np.uint8)
        cells = [
            [None if x in self._failed else self._pictures.get(x, blank) for x in row]
            for row in self._places
        ]
        picture = montage(cells, sheet.rows, sheet.columns, title=sheet.title)
        metadata, quality = self._metadata(), sheet.job.options.quality

        def write(output: Output) -> str:
            data = image_io.encode(output.path, picture, metadata=metadata, quality=quality)
            return output.deliver(data, self._listener.picture)

        path = sheet.job.output.rescuing(write)
        return path, f"{picture.shape[2]}x{picture.shape[1]}"

    def remember(self, start: float, write: float) -> None:
        """Keeps what the cells took, see `plan.remember`."""
        job = self._sheet.job
        remember(job.options, [self._stylizer], asked=job.config.precision, start=start)

    def write_views(self) -> None:
        """Nothing: the sheet is all there is."""

    def _metadata(self) -> dict[str, Any]:
        """The recipe that all cells have in common, the axes, and how far each cell came."""
        result = {
            "finished": len(self._pictures) == self._total,
            "cells": [[self._results.get(place) for place in row] for row in self._places],
        }
        common = self._sheet.job.recipe(self._stylizer.config).to_metadata({}, 0, finished=True)
        return {**common, "sheet": [*self._sheet.texts], "result": result}
