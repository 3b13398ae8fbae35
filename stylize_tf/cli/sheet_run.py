"""The run that paints a contact sheet, cell by cell."""

from __future__ import annotations

import dataclasses
import gc
import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize_tf.cli.console import Console
from stylize_tf.cli.exits import CommandError, Exit
from stylize_tf.cli.failures import explain
from stylize_tf.cli.interrupts import Interrupted, Interrupts
from stylize_tf.cli.painting import Painting
from stylize_tf.cli.progress import Progress, duration
from stylize_tf.cli.sheet import Sheet
from stylize_tf.cli.standard_output import print_line
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.images import image_io
from stylize_tf.images.montage import sheet as montage

if TYPE_CHECKING:
    from stylize_tf import Stylizer
    from stylize_tf.cli.runtime import Runtime
    from stylize_tf.network.weights import Weights

READ_ANEW = frozenset(
    (
        *("size", "size_of", "crop", "init", "seed"),
        *("style_scale", "style_size", "style_fit", "style_enlargement", "style_blend_weights"),
        *("color", "color_space", "color_match", "color_amount", "mask_feather"),
        *("strength", "content_weight", "style_weight", "patch_weight", "normalize_terms"),
        *("total_variation_weight", "total_variation_growth"),
        *("content_growth", "coarsest_size", "stage_factor", "steps"),
        *("optimizer", "lbfgs_history", "lbfgs_coordinates", "settled_size"),
        *("learning_rate", "beta_1", "beta_2", "adam_epsilon"),
        *("amsgrad", "warmup_steps", "clip_norm", "average_decay"),
        *("memory", "time_budget"),
    )
)
"""Options that a stylizer reads for each picture; the others decide what it compiles."""

_AUTO = {"precision": "auto", "memory": 0.0}
"""What is measured and decides pixels: once, for all cells."""

_NOT_REACHED = 237
"""Grey of the cells that an interrupted run did not come to."""


class _Stylizers:
    """One stylizer at a time, kept for as long as what it compiled serves.

    The weights are in memory already. What TensorFlow compiles takes 70 MB with VGG19 that are not
    given back, so it is not made anew for what a stylizer reads for each picture anyway.
    """

    def __init__(self, backend: Runtime, weights: Weights) -> None:
        self._backend = backend
        self._weights = weights
        self._stylizer: Stylizer | None = None
        self._measured: dict[str, Any] = {}

    def measured(self, config: StyleTransferConfig) -> StyleTransferConfig:
        """The configuration with what was chosen for "auto", as far as that is known."""
        return config.replace(
            **{x: value for x, value in self._measured.items() if getattr(config, x) == _AUTO[x]}
        )

    def of(self, config: StyleTransferConfig) -> Stylizer:
        """The one for a configuration; whichever was returned before may not be used any more."""
        config = self.measured(config)
        if self._stylizer is None or compiled_by(self._stylizer.config) != compiled_by(config):
            self._stylizer = None
            gc.collect()  # Networks and compiled functions refer to themselves.
            self._stylizer = self._backend.stylizer(config, weights=self._weights)
            for name, auto in _AUTO.items():
                if getattr(config, name) == auto:
                    self._measured[name] = getattr(self._stylizer.config, name)
        return self._stylizer.replace(**self.measured(config).to_dict())


def compiled_by(config: StyleTransferConfig) -> tuple[Any, ...]:
    """What decides the compiled functions of a stylizer; equal for those that can share one."""
    names = (field.name for field in dataclasses.fields(config))
    terms = (
        config.strength < 2 and config.content_weight,
        config.strength and config.style_weight,
        config.strength and config.style_weight and config.patch_weight,
        config.strength and config.total_variation_weight,
    )
    options = tuple(getattr(config, name) for name in names if name not in READ_ANEW)
    return *options, *map(bool, terms)


class SheetRun:
    """The run that paints the cells of a sheet, and what it leaves on disk.

    A cell that fails stays empty. The first signal ends the run after the step, and the sheet is
    written with the cells that are finished.
    """

    def __init__(
        self,
        sheet: Sheet,
        backend: Runtime,
        console: Console,
        interrupts: Interrupts,
        started: float,
    ) -> None:
        self._sheet = sheet
        self._backend = backend
        self._console = console
        self._interrupts = interrupts
        self._started = started
        self._stylizers = _Stylizers(backend, sheet.job.weights)
        self._pictures: dict[tuple[int, int], np.ndarray] = {}
        self._results: dict[tuple[int, int], dict[str, Any]] = {}
        self._failed: set[tuple[int, int]] = set()

    def make(self) -> int:
        """Makes the sheet, or what an interruption leaves of it, and returns the exit code."""
        try:
            with self._interrupts.politely():
                self._paint_all()
        except KeyboardInterrupt:  # The second signal; what there is gets written below.
            self._interrupts.signum = self._interrupts.signum or signal.SIGINT
        signum = self._interrupts.signum
        if not self._pictures:
            if signum is not None:
                raise Interrupted(signum)
            raise CommandError("no cell of the sheet could be made: see above.", Exit.FAILED)
        path = self._sheet.job.output.to_write()
        with self._interrupts.shielded():
            size = self._write(path)
        finished, total = len(self._pictures), sum(map(len, self._sheet.configs))
        if signum is None:
            seconds = duration(time.monotonic() - self._started)
            self._console.info(f"Wrote {path!r}, {size} pixels, in {seconds}.")
        else:
            self._console.info(
                f"Interrupted: wrote {path!r} with {finished} of {total} cells, {size} pixels."
            )
        print_line(path)
        if self._sheet.job.options.show and signum is None:
            from stylize_tf.cli.viewer import show

            show(path, self._console.warning)
        if signum is not None:
            return 128 + signum
        return int(Exit.PARTLY if self._failed else Exit.OK)

    def _paint_all(self) -> None:
        cells = list(self._cells())
        started = time.monotonic()
        for number, place in enumerate(cells, start=1):
            if self._interrupts.signum is not None:
                return
            done = number - 1
            left = (time.monotonic() - started) / max(done, 1) * (len(cells) - done)
            rest = f"; about {duration(left)} left" if done else ""
            self._console.info(f"[{number}/{len(cells)}] {self._label(place)}{rest}")
            self._paint(place)

    def _cells(self) -> Iterator[tuple[int, int]]:
        """Rows and columns of the cells; those that share a stylizer follow each other."""
        configs = self._sheet.configs
        places = [(row, column) for row, line in enumerate(configs) for column in range(len(line))]
        kinds = {place: compiled_by(configs[place[0]][place[1]]) for place in places}
        for kind in dict.fromkeys(kinds.values()):
            yield from (place for place in places if kinds[place] == kind)

    def _label(self, place: tuple[int, int]) -> str:
        row, column = place
        return ", ".join(filter(None, (self._sheet.columns[column], self._sheet.rows[row])))

    def _paint(self, place: tuple[int, int]) -> None:
        """Paints a cell; whatever goes wrong is a warning."""
        progress = Progress(self._console)
        try:
            job = self._sheet.cell_job(*place)
            painting = Painting(job, self._stylizers.of(job.config))
            if not painting.paint(progress.update, lambda: self._interrupts.signum is not None):
                return
            # Sixty-four pictures as float32 may be more than there is room for.
            picture = np.rint(painting.picture() * 255).astype(np.uint8)
            self._results[place] = self._result(painting)
            self._pictures[place] = picture
        except Exception as error:
            if self._interrupts.signum is None:  # Else a library's word for the interruption.
                self._fail(place, error)
        finally:
            progress.close()

    def _result(self, painting: Painting) -> dict[str, Any]:
        """What the metadata tell of a cell."""
        last = painting.last
        assert last is not None
        recipe = painting.job.recipe(painting.job.config)
        metadata = recipe.to_metadata(last.losses, last.evaluation, finished=True)
        return dict(metadata["result"])

    def _fail(self, place: tuple[int, int], error: Exception) -> None:
        self._failed.add(place)
        known = isinstance(error, self._backend.failure)
        message = str(error) if known else explain(error)[0].partition("\n")[0]
        text = f"{self._label(place)} failed: {message}"
        if self._console.verbose:
            self._console.error(text, error)
        else:
            self._console.warning(text)

    def _write(self, path: str) -> str:
        """Writes the sheet, and returns its size as `1024x768`."""
        sheet = self._sheet
        height, width = np.max([x.shape[1:3] for x in self._pictures.values()], axis=0).tolist()
        blank = np.full((1, height, width, 3), _NOT_REACHED, np.uint8)
        cells = [
            [
                None if (row, column) in self._failed else self._pictures.get((row, column), blank)
                for column in range(len(sheet.columns))
            ]
            for row in range(len(sheet.rows))
        ]
        picture = montage(cells, sheet.rows, sheet.columns, title=sheet.title)
        options = sheet.job.options
        image_io.write(path, picture, metadata=self._metadata(), quality=options.quality)
        return f"{picture.shape[2]}x{picture.shape[1]}"

    def _metadata(self) -> dict[str, Any]:
        """The recipe that all cells have in common, the axes, and how far each cell came."""
        sheet = self._sheet
        recipe = sheet.job.recipe(self._stylizers.measured(sheet.job.config))
        rows, columns = range(len(sheet.rows)), range(len(sheet.columns))
        result = {
            "finished": len(self._pictures) == len(rows) * len(columns),
            "cells": [[self._results.get((row, column)) for column in columns] for row in rows],
        }
        return {
            **recipe.to_metadata({}, 0, finished=True),
            "sheet": [*sheet.texts],
            "result": result,
        }
