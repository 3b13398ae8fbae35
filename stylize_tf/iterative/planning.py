"""What a run is going to be: its stages, how each is evaluated, memory and time.

Nothing here needs TensorFlow or a pixel: sizes suffice.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from stylize_tf.config.fields import term_fields
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control.fine_style import configuration as fine_style_configuration
from stylize_tf.control.styles import expanded
from stylize_tf.evaluation import forecast, memory_plan
from stylize_tf.evaluation.forecast import Pace, Part
from stylize_tf.evaluation.memory_plan import Demand, Way
from stylize_tf.evaluation.segments import Span, Tiles, bands_of, of_vgg19, work
from stylize_tf.images import image_io
from stylize_tf.images.image_io import ImageLike
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.pyramid import Stage
from stylize_tf.iterative.sources import Sources
from stylize_tf.iterative.watching import MOST_STEPS
from stylize_tf.optimizers.methods import METHODS

if TYPE_CHECKING:
    from stylize_tf.objective.term import Term

Size = tuple[int, int]
"""Height and width, in pixels."""


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How large the pictures of a run are, as they are given.

    Attributes:
        content: the photograph.
        styles: each painting.
        fine_style: whether one lends its strokes to them.
        regions: how many regions have masks.
    """

    content: Size
    styles: tuple[Size, ...]
    fine_style: bool = False
    regions: int = 0

    @classmethod
    def of(cls, sources: Sources, config: StyleTransferConfig) -> Sizes:
        """Those of sources, of files from their headers alone.

        Raises:
            ImageError: if one cannot be read.
            ConfigError: if they do not go together.
        """
        sources.check(config)
        styles, _ = expanded(sources.styles, config.style_blend_weights)
        return cls(
            content=_size_of(sources.content, "content"),
            styles=tuple(_size_of(style, "style") for style in styles),
            fine_style=sources.fine_style is not None,
            regions=max(
                len(sources.content_masks),
                config.auto_regions,
                sources.strength_mask is not None,
            ),
        )


@dataclasses.dataclass(frozen=True)
class PlannedStage:
    """A stage of a run that has not begun.

    Attributes:
        height, width: of the picture, in pixels.
        steps: evaluations.
        bands: of rows in which the first segment of the network is evaluated; 1 for the whole.
        seconds: that it is going to take.
        bytes: of memory that the process takes then.
        what: it paints, if not the picture.
    """

    height: int
    width: int
    steps: int
    bands: int
    seconds: float
    bytes: float
    what: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run is going to be. As text it is a table.

    Attributes:
        stages: in their order; strokes that paintings are given are stages, too.
        seconds: that all of it is going to take, steps that converge early not counted on.
        bytes: of memory that the process takes at most.
        is_guess: whether nothing like it was painted on the machine, so that seconds are guessed.
    """

    stages: tuple[PlannedStage, ...]
    seconds: float
    bytes: float
    is_guess: bool

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def remark(self) -> str:
        """What there is to say about the seconds, or nothing."""
        guess = "Nothing like it was painted here yet: the seconds are a guess."
        return guess if self.is_guess else ""

    def __str__(self) -> str:
        rows = [("stage", "pixels", "steps", "evaluated", "seconds", "GB")]
        for number, stage in enumerate(self.stages, start=1):
            way = "whole" if stage.bands == 1 else f"{stage.bands} bands"
            size, memory = f"{stage.width}x{stage.height}", f"{stage.bytes / 1e9:.2f}"
            name = f"{number}{' ' if stage.what else ''}{stage.what}"
            rows.append((name, size, str(stage.steps), way, f"{stage.seconds:.1f}", memory))
        total = f"{self.seconds:.1f}", f"{self.bytes / 1e9:.2f}"
        rows.append(("all", "", str(self.steps), "", *total))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *filter(None, [self.remark])])


def network_of(config: StyleTransferConfig) -> list[Span]:
    """The segments of VGG19 that a configuration takes."""
    layers = itertools.chain(*config.layers_in_use.values())
    return list(of_vgg19([*layers], config.pooling))


def demands(
    config: StyleTransferConfig,
    stages: Sequence[Stage],
    segments: Sequence[Span],
    *,
    regions: int = 0,
    held: float = 0.0,
) -> list[Demand]:
    """What decides the memory of each stage.

    Args:
        config: whose optimizer and number format count; "auto" is taken for the least of them.
        stages: coarse to fine.
        segments: of the network.
        regions, held: see `Demand`.
    """
    entry = METHODS[config.optimizer]
    return [
        Demand(
            height=stage.height,
            width=stage.width,
            steps=stage.steps * (MOST_STEPS if config.time_budget else 1),
            segments=segments,
            itemsize=4 if config.precision == "float32" else 2,
            pairs=entry.pairs(config),
            cosines=entry.cosines(config),
            regions=regions,
            held=held,
        )
        for stage in stages
    ]


@dataclasses.dataclass(frozen=True)
class Outline:
    """A run by its sizes alone.

    Attributes:
        config: how it paints; of fine strokes that of these.
        stages: coarse to fine.
        segments: of the network.
        demands: of each stage.
        what: it paints, if not the picture.
        decoded: bytes of what was read of paintings and is not needed as large.
    """

    config: StyleTransferConfig
    stages: tuple[Stage, ...]
    segments: Sequence[Span]
    demands: tuple[Demand, ...]
    what: str = ""
    decoded: float = 0.0


def outlines(
    config: StyleTransferConfig,
    sizes: Sizes,
    segments_of: Callable[[StyleTransferConfig], Sequence[Span]] = network_of,
    *,
    compared: bool = False,
    layers: Sequence[str] = (),
) -> list[Outline]:
    """The runs that a picture takes: one for each painting that is given strokes, and its own.

    Args:
        config: how.
        sizes: of the pictures.
        segments_of: those of the network that a configuration takes.
        compared: whether number formats were, or will be.
        layers: that are in use beside those of the configuration.

    Raises:
        ConfigError: as `pyramid.final_size`, `stages` and `style_size`.
    """
    size = pyramid.final_size(config, *sizes.content, layers=layers)
    stages = tuple(pyramid.stages(config, size, layers))
    last, paintings = stages[-1], []
    for style in sizes.styles:
        seen = style if config.style_fit != "crop" else _cropped(style, last)
        paintings.append(pyramid.style_size(config, *seen, last, last, layers))
    found = []
    if sizes.fine_style and config.strength:
        own = fine_style_configuration(config)
        for number, painting in enumerate(paintings, start=1):
            stage = Stage(*painting, own.steps[0])
            network = segments_of(own)
            what = "strokes" if len(paintings) == 1 else f"strokes of style {number}"
            demand = demands(own, [stage], network, held=_compared(compared))
            found.append(Outline(own, (stage,), network, tuple(demand), what))
    kept = [(min(x, a), min(y, b)) for (x, y), (a, b) in zip(paintings, sizes.styles, strict=True)]
    held = _held([sizes.content, *kept]) + _compared(compared)
    decoded = 12 * (_pixels(sizes.styles) - _pixels(kept))
    network = segments_of(config)
    demand = demands(config, stages, network, regions=sizes.regions, held=held)
    return [*found, Outline(config, stages, network, tuple(demand), decoded=decoded)]


def held(images: Sequence[np.ndarray], *, compared: bool) -> float:
    """Bytes that are taken beside the stages.

    Args:
        images: photograph and paintings, `[1, H, W, 3]` each.
        compared: whether number formats were.
    """
    return _held([(x.shape[1], x.shape[2]) for x in images]) + _compared(compared)


def _compared(compared: bool) -> float:
    return memory_plan.COMPARED if compared else 0.0


def _held(sizes: Sequence[Size]) -> float:
    """Bytes of pictures in float32, as they were read and as they are taken."""
    return 24.0 * _pixels(sizes)


def _pixels(sizes: Sequence[Size]) -> int:
    return sum(height * width for height, width in sizes)


def check_memory(outlines: Sequence[Outline], bytes_allowed: float) -> list[list[Way]]:
    """How every stage of the runs is evaluated within a limit.

    Raises:
        ConfigError: if one cannot be. It names what suffices for all.
    """
    ways = iter(memory_plan.plan(bytes_allowed, [x for each in outlines for x in each.demands]))
    return [[next(ways) for _ in each.demands] for each in outlines]


def plan(
    outlines: Sequence[Outline],
    bytes_allowed: float,
    pace: Pace,
    *,
    is_fresh: bool = True,
    around: Sequence[Part] = (),
) -> Plan:
    """What is going to happen.

    Args:
        outlines: of the runs of a picture.
        bytes_allowed: that they may take.
        pace: of the machine.
        is_fresh: whether nothing is compiled yet.
        around: parts that are to be counted, too: of the process and the file.

    Raises:
        ConfigError: as `check_memory`.
    """
    planned: list[PlannedStage] = []
    for outline, ways in zip(outlines, check_memory(outlines, bytes_allowed), strict=True):
        planned += _stages(outline, ways, pace, is_fresh=is_fresh)
    seconds = sum(stage.seconds for stage in planned) + sum(map(pace.seconds, around))
    return Plan(tuple(planned), seconds, max(x.bytes for x in planned), pace.is_guess)


def parts(
    stages: Sequence[Stage], ways: Sequence[Way], segments: Sequence[Span], *, is_fresh: bool
) -> list[tuple[Part, Part]]:
    """Of each stage what its first step takes beside, and a step.

    Args:
        stages, ways: of a run, coarse to fine.
        segments: of the network.
        is_fresh: whether nothing is compiled yet.
    """
    sizes = [(x.height * x.width, y.tiles) for x, y in zip(stages, ways, strict=True)]
    works = [work(y.tiles, x.height, x.width, segments) for x, y in zip(stages, ways, strict=True)]
    steps = [forecast.step(y, x, own) for (x, y), own in zip(sizes, works, strict=True)]
    return list(zip(forecast.first(sizes, works, is_fresh=is_fresh), steps, strict=True))


def kind(config: StyleTransferConfig, extra_terms: Iterable[Term] = ()) -> str:
    """What decides how long a pixel takes, of all options and terms of others, as text."""
    names = ["precision", "optimizer", "lbfgs_coordinates", "lbfgs_history", "style_loss"]
    names += ["pooling", "padding", "total_variation"]
    chosen = [str(getattr(config, name)) for name in names]
    layers = ["+".join(each) for each in config.layers_in_use.values()]
    weighed = [
        name for name, x in term_fields(StyleTransferConfig).items() if getattr(config, x.name)
    ]
    others = [f"{x.name}={'+'.join(x.layers)}" for x in extra_terms if x.weight]
    coarse = ["coarse"] if config.coarse_style_weight else []
    return " ".join([*chosen, *weighed, *coarse, *layers, *others])


def _stages(
    outline: Outline, ways: Sequence[Way], pace: Pace, *, is_fresh: bool
) -> list[PlannedStage]:
    taken = [
        (pace.seconds(first), pace.seconds(step))
        for first, step in parts(outline.stages, ways, outline.segments, is_fresh=is_fresh)
    ]
    steps = _fitted([stage.steps for stage in outline.stages], taken, outline.config)
    return [
        PlannedStage(
            stage.height,
            stage.width,
            count,
            bands(way.tiles, stage, outline.segments),
            first + count * each,
            way.bytes + outline.decoded,
            outline.what,
        )
        for stage, way, count, (first, each) in zip(outline.stages, ways, steps, taken, strict=True)
    ]


def bands(tiles: Tiles, stage: Stage, segments: Sequence[Span]) -> int:
    """In how many bands the first segment of the network goes; 1 for the whole."""
    if not tiles.banded:
        return 1
    return len(bands_of(segments, 0, stage.height, stage.width, tiles.pixels))


def _fitted(
    steps: Sequence[int], taken: Sequence[tuple[float, float]], config: StyleTransferConfig
) -> list[int]:
    """The steps of each stage that a time budget leaves, see `watching.Work`."""
    if not config.time_budget:
        return list(steps)
    asked = sum(count * each for count, (_, each) in zip(steps, taken, strict=True))
    left = config.time_budget - sum(first for first, _ in taken)
    factor = min(max(left, 0.0) / asked, MOST_STEPS)
    return [max(1, int(count * factor)) for count in steps]


def _size_of(image: ImageLike, name: str) -> Size:
    if isinstance(image, str | os.PathLike):
        return image_io.size_of(image)
    height, width = image_io.read(image, name=name).shape[1:3]
    return height, width


def _cropped(style: Size, last: Stage) -> Size:
    """What is left of a painting where `style_fit` is crop, as `pictures.cropped`."""
    height, width, aspect = *style, last.width / last.height
    return min(height, max(1, round(width / aspect))), min(width, max(1, round(height * aspect)))
