"""The optimization from coarse to fine: network, objective, stages and optimizer put together."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stylize_tf import features, image_io, precision, pyramid, weights
from stylize_tf.config import ConfigError, StyleTransferConfig
from stylize_tf.evaluation import Evaluator
from stylize_tf.initial import initial_image
from stylize_tf.lbfgs import LBFGS
from stylize_tf.objective import Targets, build_objective
from stylize_tf.optimizers import Adam, Averaged, ImageOptimizer, ValueAndGradient
from stylize_tf.presets import PRESETS
from stylize_tf.watching import Watch, Work

_Key = tuple[int, int, str]
"""Height, width and number format of a stage."""

KEPT_SHAPES = 2
"""Shapes of picture whose optimizers are kept: as landscapes and portraits alternate, say. Those
of one take some 130 MB at 512 pixels."""

KEPT_STATISTICS = 64
"""Statistics of styles that are kept, one a style and stage, each under 3 MB with VGG19."""


@dataclasses.dataclass(frozen=True)
class Iterate:
    """Where a stylization stands after one step.

    Attributes:
        stage, stages: which of how many sizes, coarse to fine, from 1.
        step, steps: which of how many steps of the stage, from 1.
        evaluation, evaluations: which of how many steps of all stages, from 1. A stage that has
            converged ends early and skips some.
        height, width: of the picture at this stage, in pixels.
        losses: weighted value of each term before the step.
        seconds: what the step took; the first step of a stage includes its preparation.
        remaining: estimated seconds that the other steps take.
        messages: what the guards did, in plain words; mostly empty.
        picture: what `image` is made from, on the device; pixels may leave [0, 1].
    """

    stage: int
    stages: int
    step: int
    steps: int
    evaluation: int
    evaluations: int
    height: int
    width: int
    losses: dict[str, float]
    seconds: float
    remaining: float
    messages: tuple[str, ...]
    picture: tf.Tensor = dataclasses.field(repr=False)

    @property
    def loss(self) -> float:
        """The sum of the losses."""
        return sum(self.losses.values())

    @property
    def image(self) -> np.ndarray:
        """The result of the stage so far: float32, `[1, height, width, 3]` in [0, 1].

        The picture of the lowest loss, or with `average_decay` the average over the iterates.
        """
        return np.clip(self.picture.numpy(), 0, 1)


class Stylizer:
    """Stylizes pictures with one configuration.

    Keeps the network, the compiled steps of the last two shapes of picture and the statistics of
    the last styles, so that later pictures start sooner and memory stays bounded. Gatys, Ecker &
    Bethge (2016) is the method; README.md tells where we differ. Several `iterate` may be under
    way in turn, but not in several threads at once.

    Args:
        config: all options; its defaults if None.
        weights: of VGG19, from `weights.find()` or the path of their file; looked for if this and
            `network` are None.
        network: another network than VGG19 with layers of the same names, see
            `features.build_extractor`; its features are not normalized.

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
    ):
        config = config or StyleTransferConfig()
        self.config = config.replace(precision=precision.resolve(config.precision))
        units = features.MEAN_ACTIVATIONS if network is None else {}
        self._network = network or _vgg19(weights)
        self._objective = build_objective(self.config, units)
        self._evaluators: dict[str, Evaluator] = {}
        self._optimizers: dict[_Key, ImageOptimizer] = {}
        self._style_statistics: dict[tuple[Any, ...], Targets] = {}

    def __call__(
        self,
        content: image_io.ImageLike,
        style: image_io.ImageLike | Sequence[image_io.ImageLike],
        initial: image_io.ImageLike | None = None,
    ) -> np.ndarray:
        """The finished picture; arguments as for `iterate`.

        Returns:
            float32, `[1, H, W, 3]`, RGB in [0, 1].
        """
        for iterate in self.iterate(content, style, initial):  # noqa: B007
            pass
        return iterate.image

    def final_size(self, content: np.ndarray) -> tuple[int, int]:
        """Height and width of the finished picture for a photograph `[1, H, W, 3]`."""
        return pyramid.final_size(self.config, *content.shape[1:3])

    def iterate(
        self,
        content: image_io.ImageLike,
        style: image_io.ImageLike | Sequence[image_io.ImageLike],
        initial: image_io.ImageLike | None = None,
    ) -> Iterator[Iterate]:
        """Stylizes `content`, yielding after each step; the last iterate has the finished picture.

        Args:
            content: the photograph: a path, a PIL image, or an array or tensor `[H, W, 3]` or
                `[1, H, W, 3]` of uint8, or of floats in [0, 1]; see `image_io.read`.
            style: one painting or several, in the same forms.
            initial: the picture to start from, if `config.init` is "picture".

        Raises:
            ImageError: if a picture cannot be read or is out of range.
            ConfigError: if options and pictures do not fit together.
            StylizationError: if the loss is not finite from the start.
        """
        photograph = image_io.read(content, name="content")
        paintings = [image_io.read(x, name="style") for x in _as_list(style)]
        start = None if initial is None else image_io.read(initial, name="initial")
        shares = _shares(self.config.style_blend_weights, len(paintings))
        if (self.config.init == "picture") != (start is not None):
            raise ConfigError(
                '`initial`, the picture to start from, and `init` "picture" must be given together.'
            )
        if self.config.crop == "square":
            photograph = _cropped(photograph, 1.0)
        size = self.final_size(photograph)
        stages = list(pyramid.stages(self.config, size))
        # Not a generator itself: that would check nothing before it is asked for an iterate.
        return self._iterate(photograph, paintings, shares, start, stages)

    def _iterate(
        self,
        photograph: np.ndarray,
        paintings: list[np.ndarray],
        shares: list[float],
        start: np.ndarray | None,
        stages: list[pyramid.Stage],
    ) -> Iterator[Iterate]:
        generator = np.random.default_rng(self.config.seed)
        clock = time.perf_counter()
        image: np.ndarray | None = None
        previous: ImageOptimizer | None = None
        work = Work(stages)
        with self._borrowed(stages) as borrowed:
            for number, stage in enumerate(stages, start=1):
                evaluator = self._evaluator(number, len(stages))
                content = image_io.resize(photograph, stage.height, stage.width)
                styles = [self._fitted(x, stage, stages[-1]) for x in paintings]
                targets = self._targets(content, styles, shares, evaluator)
                optimizer = self._optimizer(stage, evaluator, targets, borrowed)
                if image is None:
                    main = styles[int(np.argmax(shares))]
                    image = initial_image(self.config.init, content, main, start, generator)
                else:
                    image = np.clip(image_io.resize(image, stage.height, stage.width), 0, 1)
                optimizer.start(tf.constant(image), previous)
                watch = Watch(optimizer)
                for step in range(1, stage.steps + 1):
                    losses = {name: float(value) for name, value in optimizer.step(targets).items()}
                    messages, ended = watch.look(is_last=step == stage.steps)
                    now = time.perf_counter()
                    yield Iterate(
                        stage=number,
                        stages=len(stages),
                        step=step,
                        steps=stage.steps,
                        evaluation=work.evaluation(number, step),
                        evaluations=work.evaluations,
                        height=stage.height,
                        width=stage.width,
                        losses=losses,
                        seconds=now - clock,
                        remaining=work.remaining(number, step, now - clock),
                        messages=messages,
                        picture=optimizer.result(),
                    )
                    clock = time.perf_counter()  # What was done with the iterate is not our time.
                    if ended:
                        break
                image = np.clip(optimizer.result().numpy(), 0, 1)
                previous = optimizer

    @contextlib.contextmanager
    def _borrowed(self, stages: Sequence[pyramid.Stage]) -> Iterator[dict[_Key, ImageOptimizer]]:
        """Where a run has its optimizers, out of reach of other runs; later ones get them back."""
        borrowed: dict[_Key, ImageOptimizer] = {}
        try:
            yield borrowed
        finally:
            self._optimizers.update(borrowed)
            _keep_newest(self._optimizers, KEPT_SHAPES * len(stages))

    def _evaluator(self, number: int, stages: int) -> Evaluator:
        """What evaluates a stage: in float32 the coarsest of several, as chosen the others.

        Near convergence, which only the cheap coarsest stage comes to, rounding hides the gradient.
        """
        name = "float32" if number == 1 and stages > 1 else self.config.precision
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

    def _fitted(self, style: np.ndarray, stage: pyramid.Stage, last: pyramid.Stage) -> np.ndarray:
        """A style picture at its size for a stage."""
        if self.config.style_fit == "crop":
            style = _cropped(style, stage.width / stage.height)
        height, width = style.shape[1:3]
        return image_io.resize(style, *pyramid.style_size(self.config, height, width, stage, last))

    def _targets(
        self,
        content: np.ndarray,
        styles: list[np.ndarray],
        shares: list[float],
        evaluator: Evaluator,
    ) -> Targets:
        statistics = [self._statistics_of_style(x, evaluator) for x in styles]
        targets = self._objective.targets(statistics, shares)
        own = evaluator.statistics("content", content)
        return {**targets, **self._objective.targets([own])}

    def _statistics_of_style(self, style: np.ndarray, evaluator: Evaluator) -> Targets:
        digest = hashlib.sha256(style.tobytes()).hexdigest()
        key = (digest, style.shape, evaluator.name)
        statistics = self._style_statistics.pop(key, None)
        if statistics is None:
            statistics = evaluator.statistics("style", style)
        self._style_statistics[key] = statistics
        _keep_newest(self._style_statistics, KEPT_STATISTICS)
        return statistics

    def _optimizer(
        self,
        stage: pyramid.Stage,
        evaluator: Evaluator,
        targets: Targets,
        borrowed: dict[_Key, ImageOptimizer],
    ) -> ImageOptimizer:
        """The optimizer of a stage, kept from an earlier run or new; it is then `borrowed`."""
        key = (stage.height, stage.width, evaluator.name)
        if key in self._optimizers:
            borrowed[key] = self._optimizers.pop(key)
        if key not in borrowed:
            borrowed[key] = build_optimizer(
                self.config,
                evaluator.value_and_gradient(targets),
                [1, stage.height, stage.width, 3],
            )
        return borrowed[key]


def stylize(
    content: image_io.ImageLike,
    style: image_io.ImageLike | Sequence[image_io.ImageLike],
    *,
    initial: image_io.ImageLike | None = None,
    preset: str = "default",
    **options: Any,
) -> np.ndarray:
    """Paints `content` in the manner of `style`, in one call.

    For several pictures a `Stylizer` is faster: it keeps what this builds anew.

    Args:
        content, style, initial: see `Stylizer.iterate`.
        preset: name in `PRESETS`, whose options are the defaults here.
        options: fields of `StyleTransferConfig`.

    Returns:
        float32, `[H, W, 3]`, RGB in [0, 1]; `[1, H, W, 3]` if `content` is an array of that rank.

    Raises:
        ConfigError, ImageError, WeightsError, StylizationError: as the parts do.
    """
    if preset not in PRESETS:
        raise ConfigError(f"`preset` must be one of {', '.join(PRESETS)}; got {preset!r}.")
    picture = Stylizer(PRESETS[preset].replace(**options))(content, style, initial)
    return picture if len(getattr(content, "shape", ())) == 4 else picture[0]


def build_optimizer(
    config: StyleTransferConfig, value_and_gradient: ValueAndGradient, shape: Sequence[int]
) -> ImageOptimizer:
    """The optimizer that a configuration asks for, for an image `[N, H, W, 3]`."""
    optimizer: ImageOptimizer
    if config.optimizer == "lbfgs":
        optimizer = LBFGS(value_and_gradient, shape, history=config.lbfgs_history)
    else:
        optimizer = Adam(
            value_and_gradient,
            shape,
            learning_rate=config.learning_rate,
            warmup_steps=config.warmup_steps,
            clip_norm=config.clip_norm,
            beta_1=config.beta_1,
            beta_2=config.beta_2,
            epsilon=config.adam_epsilon,
            amsgrad=config.amsgrad,
        )
    return Averaged(optimizer, config.average_decay) if config.average_decay else optimizer


def _keep_newest(cache: dict[Any, Any], most: int) -> None:
    """Drops what was put in first until there are at most so many."""
    for key in list(cache)[: max(0, len(cache) - most)]:
        del cache[key]


def _vgg19(found: weights.Weights | str | os.PathLike[str] | None) -> keras.Model:
    if not isinstance(found, weights.Weights):
        found = weights.find(found)
    return features.vgg19(found.tensors)


def _as_list(style: Any) -> list[Any]:
    styles = list(style) if isinstance(style, (list, tuple)) else [style]
    if not styles:
        raise ConfigError("`style` must have at least one picture.")
    return styles


def _shares(blend_weights: Sequence[float], count: int) -> list[float]:
    if not blend_weights:
        return [1 / count] * count
    if len(blend_weights) != count:
        raise ConfigError(
            f"`style_blend_weights` must have one weight for each of the {count} styles; got "
            f"{len(blend_weights)}."
        )
    return [weight / sum(blend_weights) for weight in blend_weights]


def _cropped(image: np.ndarray, aspect: float) -> np.ndarray:
    """The centre of an image, with this ratio of width to height."""
    height, width = image.shape[1:3]
    new_height = min(height, max(1, round(width / aspect)))
    new_width = min(width, max(1, round(height * aspect)))
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return image[:, top : top + new_height, left : left + new_width]
