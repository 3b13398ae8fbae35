"""What a run takes, prepared stage by stage: plans, targets, methods, and where it goes on."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import stylize_tf
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import regions
from stylize_tf.control.initial import initial_image
from stylize_tf.control.masks import Region
from stylize_tf.errors import ConfigError
from stylize_tf.evaluation import memory_plan
from stylize_tf.evaluation.coarse import seen_from_afar, with_coarse
from stylize_tf.evaluation.engine import Engine
from stylize_tf.evaluation.forecast import STEP_PIXELS, Sample
from stylize_tf.evaluation.segments import Tiles, by_bands, statistics_pixels
from stylize_tf.images import image_io
from stylize_tf.iterative import planning, pyramid
from stylize_tf.iterative.checkpoint import Checkpoint, Snapshot, fits
from stylize_tf.iterative.pictures import Pictures
from stylize_tf.machine import memory
from stylize_tf.objective.areas import Shrinking
from stylize_tf.objective.balance import balanced_regions, balanced_weights, content_factors
from stylize_tf.objective.objective import of_regions
from stylize_tf.objective.targets import Losses, OfTerms, Targets, ValueAndGradient
from stylize_tf.objective.term import Term, layers_of
from stylize_tf.optimizers.method import Method
from stylize_tf.optimizers.methods import build_method

BANDED_COST = 1.5
"""Of a pixel that is evaluated in bands, against one of a whole picture: 1.2 to 1.9."""


class Prepared(NamedTuple):
    """What a stage needs.

    Attributes:
        targets: of the objective, at this size.
        evaluate: makes the function to minimize, for tiles.
        tiles: how to evaluate, first.
        method: of optimization.
        smaller: other tiles for when memory runs out, ever smaller.
        finish: the picture as it is shown, of the one that is optimized: arrays `[1, H, W, 3]`.
    """

    targets: Targets
    evaluate: Callable[[Tiles], ValueAndGradient]
    tiles: Tiles
    method: Method
    smaller: Callable[[Tiles], Tiles | None]
    finish: Callable[[np.ndarray], np.ndarray] = lambda image: image


class Preparation:
    """The steps of preparing a run; everything that may be known is known at once.

    Args:
        config: how, without "auto".
        engine: what is compiled.
        pictures: of the run.
        checkpoint: where it saves its state, and may go on.
        extra_terms: of the objective, beside those of the configuration.

    Attributes:
        stages: coarse to fine.
        costs: of a step of each stage, in pixels that are evaluated as a whole.
        snapshot: where an equal run stood that was killed; None begins.
        opening: what there is to say about that.

    Raises:
        ConfigError: if memory does not suffice, the picture is too small or too large, or a term
            has no regions where there are some.
        OSError: if the folder of the checkpoint cannot be made.
    """

    def __init__(
        self,
        config: StyleTransferConfig,
        engine: Engine,
        pictures: Pictures,
        checkpoint: Checkpoint | None = None,
        extra_terms: Sequence[Term] = (),
    ):
        self._config = config
        self._engine = engine
        self._pictures = pictures
        self._checkpoint = checkpoint
        self._evaluator = engine.evaluator(config, extra_terms=extra_terms)
        self._objective = engine.objective(config, extra_terms)
        self._segments = self._evaluator.segments
        self._is_fresh = self._evaluator.is_fresh
        _check_regions(extra_terms, len(pictures.regions))
        _check_given(extra_terms, pictures.given)
        self._extra_terms = extra_terms
        layers = layers_of(extra_terms)
        self._smallest = pyramid.smallest_size(config, layers)
        size = pyramid.final_size(config, *pictures.photograph.shape[1:3], layers=layers)
        self.stages = list(pyramid.stages(config, size, layers))
        # All of them before the first step: what does not fit is known at once.
        self._plans = self._plan()
        self.costs = [
            stage.height * stage.width * (BANDED_COST if way.tiles.banded else 1) + STEP_PIXELS
            for stage, way in zip(self.stages, self._plans, strict=True)
        ]
        self.snapshot: Snapshot | None = None
        self.opening = ""
        if checkpoint is not None:
            self.snapshot, self.opening = checkpoint.find(self._recipe(), self._fits)

    def _plan(self) -> list[memory_plan.Way]:
        """How each stage is evaluated, and how many curvature pairs it keeps."""
        config, pictures = self._config, self._pictures
        demands = planning.demands(
            config,
            self.stages,
            self._segments,
            regions=pictures.mask_count,
            held=planning.held(
                [pictures.photograph, *pictures.paintings],
                compared=len(self._engine.formats) > 0,
            ),
        )
        return memory_plan.plan(memory.limit(config.memory), demands)

    def _recipe(self) -> dict[str, Any]:
        """All that decides the pixels of a run."""
        config = self._config
        return {
            # Steps that a budget made are in the checkpoint; what is left of it differs each time.
            "config": {**config.to_dict(), "time_budget": bool(config.time_budget)},
            "images": self._pictures.digests,
            "network": self._engine.digest,
            "layers": self._engine.positions(self._objective.layers()),
            "units": dict(self._objective.units),
            "terms": [
                [type(x).__module__, type(x).__qualname__, repr(x)] for x in self._extra_terms
            ],
            "versions": {x: importlib.metadata.version(x) for x in ("keras", "numpy", "pillow")}
            | {"stylize_tf": stylize_tf.__version__, "tensorflow": tf.__version__},
        }

    def _fits(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot is one of this run."""
        number = min(snapshot.stage, len(self.stages))
        method = build_method(self._config, self._plans[number - 1].pairs)
        return fits(snapshot, self.stages, method)

    def save(self, current: Callable[[], Snapshot], is_last: bool) -> str:
        """Saves where the run stands, if it is time to; returns what there is to say."""
        if self._checkpoint is None or not (is_last or self._checkpoint.is_due()):
            return ""
        return self._checkpoint.save(current())

    def initial(self) -> np.ndarray:
        """The picture that the first stage starts from: float32 `[1, H, W, 3]`."""
        pictures, first = self._pictures, self.stages[0]
        main = pictures.painting_at(pictures.main_painting, first, self.stages[-1])
        generator = np.random.default_rng(self._config.seed)
        photograph = pictures.photograph_at(first)
        return initial_image(self._config.init, photograph, main, pictures.start, generator)

    def enlarged(self, image: np.ndarray, stage: pyramid.Stage) -> np.ndarray:
        """The picture of a smaller stage at the size of a stage."""
        return self._pictures.enlarged(image, stage)

    def stage(self, number: int) -> Prepared:
        """What a stage needs, by its number from 1."""
        stage = self.stages[number - 1]
        tiles, pairs, _ = self._plans[number - 1]
        photograph = self._pictures.photograph_at(stage)
        masks = self._pictures.masks_at(stage) if self._pictures.mask_count else None
        coarse = self._coarse(stage)
        seen = None
        if masks is not None:
            seen = tf.constant(photograph), tf.constant(masks.sum(axis=3, keepdims=True))

        def evaluate(tiles: Tiles) -> ValueAndGradient:
            function = self._evaluator.value_and_gradient(tiles)
            function = function if coarse is None else with_coarse(function, *coarse)
            return function if seen is None else regions.within(function, *seen)

        return Prepared(
            targets=self._targets(photograph, masks, stage, statistics_pixels(tiles)),
            evaluate=evaluate,
            tiles=tiles,
            method=build_method(self._config, pairs),
            smaller=lambda x: memory_plan.smaller(
                x, stage.height * stage.width, by_bands(self._segments)
            ),
            finish=lambda image: self._pictures.finished(image, masks),
        )

    def _coarse(self, stage: pyramid.Stage) -> tuple[Shrinking, Targets] | None:
        """What `with_coarse` needs at a stage, if the style is to be seen from afar there."""
        finished = self.stages[-1].long_side
        size = seen_from_afar(stage.height, stage.width, self._smallest, finished=finished)
        weight = self._config.coarse_style_weight
        if size is None or not weight or not self._objective.of("style").terms:
            return None
        small = pyramid.Stage(*size, stage.steps)
        masks = self._pictures.masks_at(small) if self._pictures.mask_count else None
        photograph = self._pictures.photograph_at(small)
        targets = self._targets(photograph, masks, small, photograph.size)
        weights = {
            name: value * (weight if name == "style" else 0.0)
            for name, value in targets.weights.items()
        }
        shrinking = Shrinking.of((stage.height, stage.width), size)
        return shrinking, self._objective.spared(targets._replace(weights=weights))

    def took(self, number: int, seconds: Sequence[float], tiles: Tiles) -> None:
        """Notes what the steps of a stage took, if it went as it was planned.

        Args:
            number: of the stage, from 1.
            seconds: of each step; the first with its preparation.
            tiles: in which it was evaluated.
        """
        if self.snapshot is not None or tiles != self._plans[number - 1].tiles or len(seconds) < 2:
            return
        parts = planning.parts(self.stages, self._plans, self._segments, is_fresh=self._is_fresh)
        first, step = parts[number - 1]
        each = median(seconds[1:])
        self._engine.note(
            planning.kind(self._config, self._extra_terms),
            [Sample(*step, each), Sample(*first, max(seconds[0] - each, 1e-3))],
        )

    def _targets(
        self,
        photograph: np.ndarray,
        masks: np.ndarray | None,
        stage: pyramid.Stage,
        pixels: int,
    ) -> Targets:
        """What the picture is compared with at a stage.

        Args:
            photograph: at the size of the stage, as are
            masks: of the regions, or None where there is one region, all of the picture.
            stage: which one.
            pixels: of a band in which statistics are taken.
        """
        objective, pictures = self._objective, self._pictures
        of_style, energies = [], []
        for region in pictures.regions:
            own, energy = self._targets_of_style(region, stage, pixels)
            of_style.append(own)
            energies.append(energy)
        coverage = {}
        if masks is not None:
            coverage = regions.coverage(masks, self._evaluator.extractor)
            coverage = balanced_regions(objective, coverage, energies)
        described = self._evaluator.statistics("content", photograph, pixels=pixels)
        of_content = objective.targets([described])
        energies.append(self._energies(described, of_content))
        shares = pictures.strengths_at(stage.height, stage.width)
        if shares is not None:
            of_layers = regions.coverage(shares, self._evaluator.extractor)
            factors = {
                layer: content_factors(x.weights.numpy().clip(0, 1), self._config.strength)
                for layer, x in of_layers.items()
            }
            of_content = objective.weighed(of_content, factors)
        finished = self.stages[-1].long_side
        weights = balanced_weights(objective, stage.long_side, energies, finished=finished)
        of_terms = {**of_regions(of_style), **of_content, **self._given(stage)}
        return objective.spared(Targets(of_terms, weights, coverage))

    def _given(self, stage: pyramid.Stage) -> OfTerms:
        """The targets that are given with the pictures, at the size of a stage."""
        given = {
            name: tf.constant(image_io.resize(x, stage.height, stage.width))
            for name, x in self._pictures.given.items()
        }
        return {
            term.name: {layer: term.target(given[term.name]) for layer in term.layers}
            for term in self._objective.of("given").terms
        }

    def _energies(self, statistics: OfTerms, targets: OfTerms) -> Losses:
        if not self._config.normalize_terms:
            return {}
        return self._objective.energies(statistics, targets)

    def _targets_of_style(
        self, region: Region, stage: pyramid.Stage, pixels: int
    ) -> tuple[OfTerms, Losses]:
        """Those of a region, and the energies of its first painting."""
        pictures, parts = self._pictures, []
        for number, mask in zip(region.paintings, region.masks, strict=True):
            painting = pictures.painting_at(number, stage, self.stages[-1])
            part = None if mask is None else pictures.style_mask_at(mask, stage, painting)
            parts.append((painting, part))

        def make() -> tuple[OfTerms, Losses]:
            statistics = [self._statistics_of_style(*part, pixels) for part in parts]
            targets = self._objective.targets(statistics, region.shares)
            return targets, self._energies(statistics[0], targets)

        keys = tuple(_key(*part) for part in parts)
        key = (keys, tuple(region.shares), self._config.normalize_terms)
        return self._evaluator.targets_of_paintings.get(key, make)

    def _statistics_of_style(
        self, style: np.ndarray, mask: np.ndarray | None, pixels: int
    ) -> OfTerms:
        """Of a painting `[1, H, W, 3]`, or of the part of it under a mask `[1, H, W, 1]`."""
        evaluator = self._evaluator

        def make() -> OfTerms:
            coverage = None if mask is None else regions.coverage(mask, evaluator.extractor)
            return evaluator.statistics("style", style, coverage, pixels)

        return evaluator.of_paintings.get(_key(style, mask), make)


def _key(style: np.ndarray, mask: np.ndarray | None) -> tuple[Any, ...]:
    """What statistics of a painting, or of the part of it under a mask, are kept by."""
    images = [style] if mask is None else [style, mask]
    return (*(hashlib.sha256(x.tobytes()).hexdigest() for x in images), style.shape)


def _check_given(terms: Sequence[Term], given: Iterable[str]) -> None:
    names = {term.name for term in terms if term.source == "given" and term.weight}
    if names != {*given}:
        raise ConfigError(
            f"`given` must have a map for each term of the source given, which are "
            f"{sorted(names) or 'none'}; got {sorted(given) or 'none'}."
        )


def _check_regions(terms: Sequence[Term], regions: int) -> None:
    for term in terms:
        if regions > 1 and term.source == "style" and not term.has_regions:
            raise ConfigError(
                f"`extra_terms`: {term.name!r} has one target for all of a picture, which goes "
                f"with one region; got {regions}. Give it `has_regions`, or leave masks and "
                f"`regions` out."
            )
