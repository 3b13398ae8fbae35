"""The optimization from coarse to fine: network, objective, stages and optimizer put together."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import stylize_tf
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import regions
from stylize_tf.control.fine_style import configuration as fine_style_configuration
from stylize_tf.control.initial import initial_image
from stylize_tf.errors import ConfigError
from stylize_tf.evaluation import memory_plan
from stylize_tf.evaluation.evaluator import Evaluator, Tiles
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.balance import balanced, term_weights
from stylize_tf.iterative.checkpoint import Checkpoint
from stylize_tf.iterative.pictures import Pictures
from stylize_tf.iterative.run import Iterate, Prepared, Run, Snapshot, fits
from stylize_tf.iterative.watching import MOST_STEPS
from stylize_tf.machine import number_formats
from stylize_tf.network import features, weights
from stylize_tf.objective.objective import WEIGHTS, Targets, of_regions
from stylize_tf.objective.terms import build_objective
from stylize_tf.optimizers.lbfgs import LBFGS
from stylize_tf.optimizers.method import Adam, Averaged, Losses, Method, ValueAndGradient
from stylize_tf.optimizers.spectral import Spectral

KEPT_STATISTICS = 64
"""Statistics of styles that are kept, one a style and stage, each under 3 MB with VGG19."""

KEPT_PAINTINGS = 16
"""Paintings with the fine strokes of another that are kept, each as large as the picture."""

BANDED_COST = 1.5
"""Of a pixel that is evaluated in bands, against one of a whole picture: 1.2 to 1.9."""

EXTRA_COST = 4096
"""Pixels whose evaluation takes the time that a step takes beside its pixels."""


class Stylizer:
    """Stylizes pictures with one configuration.

    Keeps the network, the compiled functions, which are traced once for all sizes, and the
    statistics of the last styles, so that later pictures start sooner. Gatys, Ecker & Bethge (2016)
    is the method; README.md tells where we differ. Several `iterate` may be under way in turn, but
    not in several threads at once.

    Args:
        config: all options; its defaults if None.
        weights: of VGG19, from `weights.find()` or the path of their file; looked for if this and
            `network` are None.
        network: another network than VGG19 with layers of the same names, see
            `features.build_extractor`.
        units: of another network, the mean activation of each layer by its name, for
            `config.normalize_features`; 1 where missing.

    Attributes:
        config: the options, "auto" replaced by what was chosen.

    Raises:
        WeightsError: if the weights of VGG19 cannot be had.
    """

    def __init__(
        self,
        config: StyleTransferConfig | None = None,
        *,
        weights: weights.Weights | str | os.PathLike[str] | None = None,
        network: keras.Model | None = None,
        units: Mapping[str, float] | None = None,
    ):
        self.config = config or StyleTransferConfig()
        self._units = units or (features.MEAN_ACTIVATIONS if network is None else {})
        self._network = network or _vgg19(weights)
        self._objective = build_objective(self.config, self._units)
        self._evaluators: dict[str, Evaluator] = {}
        # What "auto" stands for here and now: it decides the pixels, so recipes tell it.
        self.config = self.config.replace(
            precision=number_formats.resolve(self.config.precision, self._agreement),
            memory=round(memory_plan.limit(self.config.memory) / 1e9, 3),
        )
        self._style_statistics: dict[tuple[Any, ...], Targets] = {}
        self._of_fine_strokes: tuple[StyleTransferConfig, Stylizer] | None = None
        self._with_fine_strokes: dict[tuple[Any, ...], np.ndarray] = {}

    def __call__(
        self,
        content: image_io.ImageLike,
        style: image_io.ImageLike | Sequence[image_io.ImageLike],
        initial: image_io.ImageLike | None = None,
        *,
        content_masks: image_io.ImageLike | Sequence[image_io.ImageLike] = (),
        style_masks: image_io.ImageLike | Sequence[image_io.ImageLike] = (),
        fine_style: image_io.ImageLike | None = None,
    ) -> np.ndarray:
        """The finished picture; arguments as for `iterate`.

        Returns:
            float32, `[1, H, W, 3]`, RGB in [0, 1].
        """
        for iterate in self.iterate(  # noqa: B007
            content,
            style,
            initial,
            content_masks=content_masks,
            style_masks=style_masks,
            fine_style=fine_style,
        ):
            pass
        return iterate.image

    def final_size(self, content: np.ndarray) -> tuple[int, int]:
        """Height and width of the finished picture for a photograph `[1, H, W, 3]`."""
        return pyramid.final_size(self.config, *content.shape[1:3])

    def pictures(
        self,
        content: image_io.ImageLike,
        style: image_io.ImageLike | Sequence[image_io.ImageLike],
        initial: image_io.ImageLike | None = None,
        *,
        content_masks: image_io.ImageLike | Sequence[image_io.ImageLike] = (),
        style_masks: image_io.ImageLike | Sequence[image_io.ImageLike] = (),
        fine_style: image_io.ImageLike | None = None,
    ) -> Pictures:
        """What `iterate` makes of the same arguments before it begins; `overlay()` shows regions.

        Raises:
            ImageError, ConfigError: as `iterate` does.
        """
        return Pictures(
            self.config,
            content,
            _as_list(style),
            initial,
            content_masks,
            style_masks,
            fine_style,
            find_regions=self._find_regions,
        )

    def _find_regions(
        self, photograph: np.ndarray, painting: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        extractor = features.build_extractor(
            self._network, [regions.FOUND_LAYER], padding=self.config.padding
        )
        count, seed = self.config.auto_regions, self.config.seed
        return regions.find(extractor, photograph, painting, count, seed)

    def _take_strokes(
        self, painting: np.ndarray, fine: np.ndarray, on_stroke: Callable[[], None] | None
    ) -> np.ndarray:
        """The painting with the strokes of another, see `fine_style`."""
        config = fine_style_configuration(self.config)
        if self._of_fine_strokes is None or self._of_fine_strokes[0] != config:
            own = Stylizer(config, network=self._network, units=self._units)
            self._of_fine_strokes = config, own
        key = (*(hashlib.sha256(x.tobytes()).hexdigest() for x in (painting, fine)), config)
        made = self._with_fine_strokes.pop(key, None)
        if made is None:
            for iterate in self._of_fine_strokes[1].iterate(painting, fine):  # noqa: B007
                if on_stroke is not None:
                    on_stroke()
            made = iterate.image
        self._with_fine_strokes[key] = made
        _keep_newest(self._with_fine_strokes, KEPT_PAINTINGS)
        return made

    def iterate(
        self,
        content: image_io.ImageLike,
        style: image_io.ImageLike | Sequence[image_io.ImageLike],
        initial: image_io.ImageLike | None = None,
        checkpoint: Checkpoint | None = None,
        *,
        content_masks: image_io.ImageLike | Sequence[image_io.ImageLike] = (),
        style_masks: image_io.ImageLike | Sequence[image_io.ImageLike] = (),
        fine_style: image_io.ImageLike | None = None,
        on_stroke: Callable[[], None] | None = None,
    ) -> Iterator[Iterate]:
        """Stylizes `content`, yielding after each step; the last iterate has the finished picture.

        Args:
            content: the photograph: a path, a PIL image, or an array or tensor `[H, W, 3]` or
                `[1, H, W, 3]` of uint8, or of floats in [0, 1]; see `image_io.read`.
            style: one painting or several, in the same forms; the path of a folder stands for all
                pictures in it as one style, see `styles.expanded`.
            initial: the picture to start from, if `config.init` is "picture".
            checkpoint: where the run saves its state, and goes on if an equal one was killed: to
                the same picture, byte for byte. Who writes the picture then removes it.
            content_masks: regions of the photograph, white where they are, at any size; "alpha"
                for how opaque the photograph is. What is in none of them stays as it is. Several
                regions have a painting each, in their order, or one for all. None: all of it.
            style_masks: which part of the painting counts, one for each painting; or of the only
                painting, one for each region.
            fine_style: a painting that lends its fine strokes to all of `style`, see the module
                `fine_style`; they take them before the first step.
            on_stroke: called after each step of that; what it raises ends the run.

        Raises:
            ImageError: if a picture cannot be read or is out of range, or a mask does not fit.
            ConfigError: if options and pictures do not fit together.
            StylizationError: if the loss is not finite from the start, or memory does not suffice.
            OSError: if the folder of the checkpoint cannot be made.
        """
        pictures = self.pictures(
            content,
            style,
            initial,
            content_masks=content_masks,
            style_masks=style_masks,
            fine_style=fine_style,
        )
        size = self.final_size(pictures.photograph)
        stages = list(pyramid.stages(self.config, size))
        # All of them before the first step: what does not fit is known at once.
        held = sum(painting.nbytes for painting in pictures.paintings[1:])
        plans = [self._plan(stage, pictures.mask_count, held) for stage in stages]
        evaluator = self._evaluator(self.config.precision)

        def prepare(number: int) -> Prepared:
            stage = stages[number - 1]
            tiles, pairs = plans[number - 1]
            photograph = pictures.photograph_at(stage)
            masks = pictures.masks_at(stage) if pictures.mask_count else None
            evaluate: Callable[[Tiles], ValueAndGradient] = evaluator.value_and_gradient
            if masks is not None:
                painted = masks.sum(axis=3, keepdims=True)
                seen = tf.constant(photograph), tf.constant(painted)
                evaluate = lambda tiles: regions.within(evaluator.value_and_gradient(tiles), *seen)  # noqa: E731
            return Prepared(
                targets=self._targets(pictures, photograph, masks, stage, stages[-1]),
                evaluate=evaluate,
                tiles=tiles,
                method=build_method(self.config, pairs),
                smaller=lambda tiles: memory_plan.smaller(tiles, stage.height * stage.width),
                finish=lambda image: pictures.finished(image, masks),
            )

        def initial_of_first_stage() -> np.ndarray:
            main = pictures.painting_at(pictures.main_painting, stages[0], stages[-1])
            generator = np.random.default_rng(self.config.seed)
            photograph = pictures.photograph_at(stages[0])
            return initial_image(self.config.init, photograph, main, pictures.start, generator)

        def fits_this_run(snapshot: Snapshot) -> bool:
            number = min(snapshot.stage, len(stages))
            return fits(snapshot, stages, build_method(self.config, plans[number - 1][1]))

        snapshot, opening = None, ""
        if checkpoint is not None:
            snapshot, opening = checkpoint.find(self._recipe(pictures.digests), fits_this_run)

        def save(current: Callable[[], Snapshot], is_last: bool) -> str:
            if checkpoint is None or not (is_last or checkpoint.is_due()):
                return ""
            return checkpoint.save(current())

        def iterates() -> Iterator[Iterate]:
            started = time.perf_counter()
            if self.config.strength:
                pictures.take_strokes(
                    lambda painting, fine: self._take_strokes(painting, fine, on_stroke), stages[-1]
                )
            budget = self.config.time_budget
            if budget:
                budget = max(budget - (time.perf_counter() - started), 1e-3)
            run = Run(
                stages,
                prepare,
                initial_of_first_stage,
                pictures.enlarged,
                costs=[
                    stage.height * stage.width * (BANDED_COST if tiles.banded else 1) + EXTRA_COST
                    for stage, (tiles, _) in zip(stages, plans, strict=True)
                ],
                time_budget=budget,
                snapshot=snapshot,
                save=save,
                opening=opening,
            )
            yield from run.iterates()

        # Not a generator itself: that would check nothing before it is asked for an iterate.
        return iterates()

    def _recipe(self, images: Sequence[str]) -> dict[str, Any]:
        """All that decides the pixels of a run."""
        return {
            # Steps that a budget made are in the checkpoint; what is left of it differs each time.
            "config": {**self.config.to_dict(), "time_budget": bool(self.config.time_budget)},
            "images": list(images),
            "network": _digest(self._network),
            "versions": {x: importlib.metadata.version(x) for x in ("keras", "numpy", "pillow")}
            | {"stylize_tf": stylize_tf.__version__, "tensorflow": tf.__version__},
        }

    def _agreement(self, name: str) -> float:
        """Cosine between the gradients in a number format and in float32, of a made-up picture."""
        blank = np.zeros([1, 64, 64, 3], np.float32)
        generator = np.random.default_rng(0)
        photograph, painting = (
            initial_image("pink_noise", blank, blank, None, generator) for _ in range(2)
        )
        gradients = []
        for each in ("float32", name):
            evaluator = self._evaluator(each)
            targets: Targets = {}
            energies = []
            for source, image in (("content", photograph), ("style", painting)):
                described = self._objective.statistics(source, evaluator.extractor(image))
                own = self._objective.targets([described])
                energies.append(self._objective.energies(described, own))
                targets |= own
            targets[WEIGHTS] = term_weights(self.config, pyramid.Stage(64, 64, 1), energies)
            picture = tf.constant((photograph + painting) / 2)
            gradients.append(evaluator.gradient_untraced(picture, targets))
        return number_formats.cosine(*gradients)

    def _plan(self, stage: pyramid.Stage, regions: int = 0, held: float = 0.0) -> tuple[Tiles, int]:
        """How a stage is evaluated, and how many curvature pairs it keeps; see `memory.plan`."""
        name = self.config.precision
        return memory_plan.plan(
            memory_plan.limit(self.config.memory),
            stage.height,
            stage.width,
            self._evaluator(name).segments,
            itemsize=4 if name == "float32" else 2,
            pairs=self.config.lbfgs_history if self.config.optimizer == "lbfgs" else 0,
            steps=stage.steps * (MOST_STEPS if self.config.time_budget else 1),
            regions=regions,
            held=held,
        )

    def _evaluator(self, name: str) -> Evaluator:
        """What evaluates pictures in a number format."""
        if name not in self._evaluators:
            extractor = features.build_extractor(
                self._network,
                self._objective.layers(),
                pooling=self.config.pooling,
                padding=self.config.padding,
                precision=name,
            )
            self._evaluators[name] = Evaluator(name, extractor, self._objective)
        return self._evaluators[name]

    def _targets(
        self,
        pictures: Pictures,
        photograph: np.ndarray,
        masks: np.ndarray | None,
        stage: pyramid.Stage,
        last: pyramid.Stage,
    ) -> Targets:
        """What the picture is compared with at a stage.

        Args:
            pictures: of the run.
            photograph: at the size of the stage, as are
            masks: of the regions, or None where there is one region, all of the picture.
            stage, last: which one, and the last of all.
        """
        evaluator = self._evaluator(self.config.precision)
        of_style, energies = [], []
        for region in pictures.regions:
            statistics = []
            for number, mask in zip(region.paintings, region.masks, strict=True):
                painting = pictures.painting_at(number, stage, last)
                part = None if mask is None else pictures.style_mask_at(mask, stage, painting)
                statistics.append(self._statistics_of_style(painting, part, evaluator))
            of_style.append(self._objective.targets(statistics, region.shares))
            energies.append(self._energies(statistics[0], of_style[-1]))
        targets = of_regions(of_style)
        if masks is not None:
            targets |= balanced(regions.coverage(masks, evaluator.extractor), energies)
        own = evaluator.statistics("content", photograph)
        of_content = self._objective.targets([own])
        energies.append(self._energies(own, of_content))
        return {**targets, **of_content, WEIGHTS: term_weights(self.config, stage, energies)}

    def _energies(self, statistics: Targets, targets: Targets) -> Losses:
        if not self.config.normalize_terms:
            return {}
        return self._objective.energies(statistics, targets)

    def _statistics_of_style(
        self, style: np.ndarray, mask: np.ndarray | None, evaluator: Evaluator
    ) -> Targets:
        """Of a painting `[1, H, W, 3]`, or of the part of it under a mask `[1, H, W, 1]`."""
        images = [style] if mask is None else [style, mask]
        digests = [hashlib.sha256(x.tobytes()).hexdigest() for x in images]
        key = (*digests, style.shape, evaluator.name)
        statistics = self._style_statistics.pop(key, None)
        if statistics is None:
            coverage = None if mask is None else regions.coverage(mask, evaluator.extractor)
            statistics = evaluator.statistics("style", style, coverage)
        self._style_statistics[key] = statistics
        _keep_newest(self._style_statistics, KEPT_STATISTICS)
        return statistics


def stylize(
    content: image_io.ImageLike,
    style: image_io.ImageLike | Sequence[image_io.ImageLike],
    *,
    initial: image_io.ImageLike | None = None,
    content_masks: image_io.ImageLike | Sequence[image_io.ImageLike] = (),
    style_masks: image_io.ImageLike | Sequence[image_io.ImageLike] = (),
    fine_style: image_io.ImageLike | None = None,
    preset: str = "default",
    **options: Any,
) -> np.ndarray:
    """Paints `content` in the manner of `style`, in one call.

    For several pictures a `Stylizer` is faster: it keeps what this builds anew.

    Args:
        content, style, initial, content_masks, style_masks, fine_style: see `Stylizer.iterate`.
        preset: name in `PRESETS`, whose options are the defaults here.
        options: fields of `StyleTransferConfig`.

    Returns:
        float32, `[H, W, 3]`, RGB in [0, 1]; `[1, H, W, 3]` if `content` is an array of that rank.

    Raises:
        ConfigError, ImageError, WeightsError, StylizationError: as the parts do.
    """
    if preset not in PRESETS:
        raise ConfigError(f"`preset` must be one of {', '.join(PRESETS)}; got {preset!r}.")
    picture = Stylizer(PRESETS[preset].replace(**options))(
        content,
        style,
        initial,
        content_masks=content_masks,
        style_masks=style_masks,
        fine_style=fine_style,
    )
    return picture if len(getattr(content, "shape", ())) == 4 else picture[0]


def build_method(config: StyleTransferConfig, pairs: int | None = None) -> Method:
    """The optimization method that a configuration asks for.

    Args:
        config: its options.
        pairs: curvature pairs of L-BFGS, where memory leaves fewer than the configuration.
    """
    method: Method
    if config.optimizer == "lbfgs":
        method = LBFGS(history=config.lbfgs_history if pairs is None else pairs)
        if config.lbfgs_coordinates == "spectral":
            method = Spectral(method, config.settled_size)
    else:
        method = Adam(
            learning_rate=config.learning_rate,
            warmup_steps=config.warmup_steps,
            clip_norm=config.clip_norm,
            beta_1=config.beta_1,
            beta_2=config.beta_2,
            epsilon=config.adam_epsilon,
            amsgrad=config.amsgrad,
        )
    return Averaged(method, config.average_decay) if config.average_decay else method


def _keep_newest(cache: dict[Any, Any], most: int) -> None:
    """Drops what was put in first until there are at most so many."""
    for key in list(cache)[: max(0, len(cache) - most)]:
        del cache[key]


def _vgg19(found: weights.Weights | str | os.PathLike[str] | None) -> keras.Model:
    if not isinstance(found, weights.Weights):
        found = weights.find(found)
    return features.vgg19(found.tensors)


def _digest(network: keras.Model) -> str:
    digest = hashlib.sha256()
    for weight in network.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).data)
    return digest.hexdigest()


def _as_list(style: Any) -> list[Any]:
    styles = list(style) if isinstance(style, (list, tuple)) else [style]
    if not styles:
        raise ConfigError("`style` must have at least one picture.")
    return styles
