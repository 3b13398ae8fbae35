"""The figures of an evaluation: rows by the judge, their means and spreads, and a sheet of some.

Whoever calls it has loaded TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import stylize_tf
from stylize_tf.errors import ImageError
from stylize_tf.images import image_io, montage
from stylize_tf.images.files import replace_file
from stylize_tf.iterative.pictures import cropped
from stylize_tf.jobs import inputs
from stylize_tf.jobs.evaluation.evaluation import Evaluation
from stylize_tf.jobs.evaluation.pairs import Pair
from stylize_tf.jobs.inputs import Wanted
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options.painting import Options
from stylize_tf.jobs.recipe import Recipe, RecipeError
from stylize_tf.machine import tensorflow_runtime

if TYPE_CHECKING:
    from stylize_tf.judge.judge import Judge
    from stylize_tf.network.weights import Weights

_SHOWN = 8
"""Pairs of a sheet."""

_SIDE = 256
"""Of pictures on it."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A picture that was judged; `figures` are by the judge's columns."""

    pair: Pair
    figures: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Summary:
    """A column over all pictures; `spread` is the standard deviation."""

    mean: float
    spread: float
    least: float
    most: float
    pictures: int


def judge_all(job: Evaluation, weights: Weights, listener: Listener) -> list[Row]:
    """Judges the pairs whose pictures are there, until the listener stops it.

    Args:
        job: what is judged.
        weights: of VGG19, by which.
        listener: told of each pair, and of those that cannot be judged.
    """
    from stylize_tf.judge.judge import judge_by

    judge = judge_by(weights.tensors)
    rows: list[Row] = []
    for number, pair in enumerate(job.pairs, start=1):
        if listener.is_stopped():
            break
        if job.folder is not None and not Path(pair.picture).exists():
            continue  # Who was to paint it has told why.
        listener.judging(number, len(job.pairs), pair.picture)
        try:
            rows.append(Row(pair, _figures(pair, judge, job)))
        except (ImageError, MemoryError) as error:
            listener.lost(pair.picture, error)
    return rows


def _figures(pair: Pair, judge: Judge, job: Evaluation) -> dict[str, float]:
    """The judge's row of a picture.

    Raises:
        ImageError: if one of the files cannot be read or is none of this pair, or they are none
            that can be compared.
    """
    options = Options(background=job.options.background, max_pixels=job.options.max_pixels)
    crop = _checked_crop(pair, job.options.network is not None)
    wanted = [Wanted(x, y, y) for x, y in (("content", pair.content), ("style", pair.style))]
    content, style = (inputs.read(wanted, place, (), options) for place in range(2))
    if crop == "square":
        content = cropped(content, 1.0)
    picture = image_io.read(pair.picture, max_pixels=options.max_pixels)
    try:
        return judge(picture, content, style)
    except ValueError as error:
        raise ImageError(f"{pair.picture!r} cannot be judged: {error}") from error


def _checked_crop(pair: Pair, by_network: bool) -> str:
    """How the photograph was cropped, by the recipe; "none" where there is no recipe.

    Raises:
        ImageError: if the picture is made from other files.
    """
    with contextlib.suppress(RecipeError):
        recipe = Recipe.from_metadata(image_io.read_metadata(pair.picture) or {})
        made_of = {(item.role, item.sha256) for item in recipe.inputs}
        files = {"content": pair.content, **({} if by_network else {"style": pair.style})}
        for role, path in files.items():
            if (role, inputs.hash_of(path)) not in made_of:
                raise ImageError(f"{pair.picture!r} is not made from the {role} {path!r}.")
        return str(recipe.config.get("crop", "none"))
    return "none"


def summarized(rows: Sequence[Row]) -> dict[str, Summary]:
    """Each column over the pictures that have it, in the judge's order."""
    from stylize_tf.judge.judge import COLUMNS

    found = {}
    for column in COLUMNS:
        values = [row.figures[column] for row in rows if column in row.figures]
        values = [value for value in values if math.isfinite(value)]
        if values:
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            ends = min(values), max(values)
            found[column] = Summary(statistics.fmean(values), spread, *ends, len(values))
    return found


def table(summary: dict[str, Summary]) -> str:
    """The same as Markdown."""
    lines = ["| measure | mean | spread | least | most | pictures |", "|---|---|---|---|---|---|"]
    for column, own in summary.items():
        numbers = (f"{x:.3f}" for x in (own.mean, own.spread, own.least, own.most))
        lines.append(f"| {column} | {' | '.join(numbers)} | {own.pictures} |")
    return "\n".join(lines)


def write(rows: Sequence[Row], job: Evaluation, weights: Weights) -> list[str]:
    """Writes figures and sheet, where they are asked for and there is something to show.

    Returns:
        Their paths.

    Raises:
        OutputError: if one cannot be written.
    """
    written = []
    if job.options.json is not None:
        text = json.dumps(_report(rows, job, weights), indent=2, allow_nan=False)
        replace_file(job.options.json, f"{text}\n".encode())
        written.append(job.options.json)
    if job.options.sheet is not None and rows:
        image_io.write(job.options.sheet, _sheet(rows, job.options.max_pixels))
        written.append(job.options.sheet)
    return written


def _report(rows: Sequence[Row], job: Evaluation, weights: Weights) -> dict[str, Any]:
    """All figures, and what they were measured with: plain data."""
    is_kept = job.options.painted is not None or job.options.output_dir is not None

    def told(pair: Pair) -> dict[str, str]:
        own = pair if is_kept else dataclasses.replace(pair, picture=Path(pair.picture).name)
        return dataclasses.asdict(own)

    judged = [
        {
            **told(row.pair),
            "figures": {x: y if math.isfinite(y) else None for x, y in row.figures.items()},
        }
        for row in rows
    ]
    known = {row.pair for row in rows}
    return {
        "summary": {x: dataclasses.asdict(y) for x, y in summarized(rows).items()},
        "pictures": judged,
        "not_judged": [told(pair) for pair in job.pairs if pair not in known],
        "weights": {"source": weights.source, "sha256": weights.sha256},
        "versions": {"stylize_tf": stylize_tf.__version__, **tensorflow_runtime.versions()},
    }


def _sheet(rows: Sequence[Row], max_pixels: int) -> np.ndarray:
    """Photograph, painting and picture of some of the pairs, the best in `gram` first."""
    ordered = sorted(rows, key=lambda row: row.figures["gram"])
    count = min(_SHOWN, len(ordered))
    places = [round(x) for x in np.linspace(0, len(ordered) - 1, count)]
    shown = [ordered[place] for place in places]
    side = min(
        _SIDE, max(max(image_io.size_of(row.pair.picture, max_pixels=max_pixels)) for row in shown)
    )

    def small(path: str) -> np.ndarray:
        image = image_io.read(path, max_pixels=max_pixels)
        scale = min(1.0, side / max(image.shape[1:3]))
        return image_io.resize(image, *(max(1, round(x * scale)) for x in image.shape[1:3]))

    files = [(row.pair.content, row.pair.style, row.pair.picture) for row in shown]
    cells = [[small(path) for path in paths] for paths in files]
    labels = [f"gram {row.figures['gram']:.3f} cont {row.figures['cont']:.3f}" for row in shown]
    return montage.sheet(cells, labels, ["photograph", "painting", "picture"])
