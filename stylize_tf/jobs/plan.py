"""What a run would be, from the headers of its pictures: stages, memory and time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import masks
from stylize_tf.errors import ConfigError
from stylize_tf.evaluation.forecast import START, WRITE, Pace, Part, Sample
from stylize_tf.iterative import planning
from stylize_tf.iterative.planning import Plan
from stylize_tf.jobs.inputs import Wanted
from stylize_tf.jobs.options.painting import Options
from stylize_tf.jobs.recipe import ROLES
from stylize_tf.machine import memory, rates

if TYPE_CHECKING:
    from stylize_tf import Stylizer

_AROUND_SECONDS = 1.0
"""Of a time budget: what starting Python and writing the picture take."""


def check_memory(
    config: StyleTransferConfig,
    options: Options,
    items: Sequence[Wanted],
    sizes: Sequence[tuple[int, int]],
) -> None:
    """Makes sure that there is memory for the picture, as far as can be said so early.

    Raises:
        ConfigError: if there is not. What it names suffices in every number format.
    """
    limit = memory.likely_limit(config.memory, options.device)
    try:
        planning.check_memory(_outlines(config, options, items, sizes, config.precision), limit)
    except ConfigError:  # Of auto the least: what is named is what the most takes.
        most = "float32" if config.precision == "auto" else config.precision
        planning.check_memory(_outlines(config, options, items, sizes, most), limit)


def _outlines(
    config: StyleTransferConfig,
    options: Options,
    items: Sequence[Wanted],
    sizes: Sequence[tuple[int, int]],
    precision: str,
) -> list[planning.Outline]:
    """The runs of a picture in a number format."""
    of = {role: [y for x, y in zip(items, sizes, strict=True) if x.role == role] for role in ROLES}
    regions = len(of["content_mask"]) + options.content_mask.count(masks.ALPHA)
    is_uneven = bool(of["strength_mask"]) or options.strength_mask == masks.ALPHA
    known = planning.Sizes(
        content=of["content"][0],
        styles=tuple(of["style"]),
        fine_style=bool(of["fine_style"]),
        regions=max(regions, config.auto_regions, is_uneven),
    )
    compared = config.precision == "auto"
    return planning.outlines(config.replace(precision=precision), known, compared=compared)


def plan_of(
    config: StyleTransferConfig,
    options: Options,
    items: Sequence[Wanted],
    sizes: Sequence[tuple[int, int]],
    *,
    is_first: bool = True,
    is_alone: bool = False,
) -> Plan:
    """What a picture is going to take, by what was painted on this machine.

    Args:
        config: how.
        options: of the run.
        items: the inputs that are files.
        sizes: height and width of each.
        is_first: whether it is the first of its process, which loads TensorFlow and compiles.
        is_alone: whether it is the only one: then a time budget is of the whole process.

    Raises:
        ConfigError: if there is not enough memory.
    """
    samples, formats = rates.read()
    place = _place(options)
    precision = config.precision
    if precision == "auto":
        precision = formats.get(place) or rates.guessed_format()
    outlines = _outlines(config, options, items, sizes, precision)
    kind = planning.kind(outlines[-1].config)
    own = [*samples.get(f"{place} {kind}", []), *samples.get(place, [])]
    speed = rates.guessed_speed(precision, options.device)
    pace = Pace([Sample(*row) for row in own], speed)
    if is_alone:
        outlines = [_with_budget_left(each, pace.seconds(Part(START))) for each in outlines]
    last = outlines[-1].stages[-1]
    around = [Part(WRITE, last.height * last.width), *([Part(START)] if is_first else [])]
    limit = memory.likely_limit(config.memory, options.device)
    return planning.plan(outlines, limit, pace, is_fresh=is_first, around=around)


def _with_budget_left(outline: planning.Outline, start: float) -> planning.Outline:
    config = outline.config
    if not config.time_budget:
        return outline
    return dataclasses.replace(outline, config=left_of_budget(config, start))


def left_of_budget(config: StyleTransferConfig, start: float) -> StyleTransferConfig:
    """The same with what painting may take of a time budget, of which a start took its part."""
    left = config.time_budget - start - _AROUND_SECONDS
    return config.replace(time_budget=max(left, 0.1))


def remember(
    options: Options,
    stylizers: Iterable[Stylizer],
    *,
    asked: str,
    start: float | None = None,
    written: tuple[int, float] | None = None,
) -> None:
    """Keeps what a run took, so that others can be planned by it; failing to is no matter.

    Args:
        options: of the run.
        stylizers: that made it.
        asked: the number format that was asked for.
        start: seconds that the process took until it began to paint.
        written: pixels of the picture, and seconds that it took to write it.
    """
    place = _place(options)
    samples: dict[str, list[rates.Row]] = {}
    formats = {}
    for stylizer in stylizers:
        if asked == "auto":
            formats[place] = stylizer.config.precision
        for kind, rows in stylizer.engine.samples.items():
            samples[f"{place} {kind}"] = list(rows)
    if not samples:
        return
    around: list[rates.Row] = [] if start is None else [Sample(START, 0, 0.0, start)]
    around += [] if written is None else [Sample(WRITE, written[0], 0.0, written[1])]
    rates.add({**samples, place: list(around)}, formats)


def _place(options: Options) -> str:
    """Where a run works, as rates are told apart."""
    return f"{options.device} {options.threads or 'all'}"
