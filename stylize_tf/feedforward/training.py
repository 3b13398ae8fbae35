"""Training of a network by the objective with which pictures are optimized."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.training import TrainingConfig
from stylize_tf.errors import ConfigError
from stylize_tf.feedforward.network import Network
from stylize_tf.feedforward.photographs import Photographs
from stylize_tf.images import image_io
from stylize_tf.objective.balance import balanced_weights
from stylize_tf.objective.objective import Objective
from stylize_tf.objective.targets import Losses, OfTerms, Targets
from stylize_tf.objective.term import WHOLE_WEIGHT_SIDE

LARGEST_GRADIENT = 1.0
"""Norm to which the gradient of a step is brought, if it is larger."""


def objective_config(config: TrainingConfig) -> StyleTransferConfig:
    """With what pictures of a network are judged while it is trained.

    That of the optimizer, with the content's weight times `config.content_factor`, but for
    block5_conv1, which a crop has a few positions of, and for what counts at the optimizer's coarse
    stages only.
    """
    default = StyleTransferConfig()
    weights = dict(zip(default.style_layers, default.style_layer_weights, strict=True))
    weights.pop("block5_conv1", None)
    return default.replace(
        style_layers=tuple(weights),
        style_layer_weights=tuple(weights.values()),
        content_weight=default.content_weight * config.content_factor,
        focus_weight=0.0,
        structure_weight=0.0,
        coarse_style_weight=0.0,
    )


class Progress(NamedTuple):
    """Where a training stands after a step.

    Attributes:
        step: how many are done.
        steps: how many there are.
        losses: before the step, by term.
        left_out: steps so far whose gradient was not finite.
    """

    step: int
    steps: int
    losses: dict[str, float]
    left_out: int


class StyleTargets(NamedTuple):
    """What a network is to paint like: targets, and how much they count, as for `Targets`."""

    targets: OfTerms
    weights: Losses


class Trainer:
    """Trains a network to paint photographs in the manner of paintings.

    Johnson et al. (2016), by our objective: statistics of the painted crop against those of the
    painting, features against those of the crop, all targets arguments of one compiled step. The
    weights of terms are those of a picture of 512 pixels.

    Args:
        config: all options.
        extractor: from `features.build_extractor`, of all layers that the objective reads.
        objective: what is minimized, as `objective_config` says.
        paintings: name of a style -> float32 `[1, H, W, 3]`, RGB in [0, 1]; larger ones than
            `config.style_size` are brought to it.
        photographs: to paint.
        start: a network to go on from, of as many styles, the same width and as many blocks.

    Raises:
        ConfigError: if the start is another network.
    """

    def __init__(
        self,
        config: TrainingConfig,
        extractor: keras.Model,
        objective: Objective,
        paintings: Mapping[str, np.ndarray],
        photographs: Photographs,
        start: Network | None = None,
    ):
        self.config = config
        self._extract = extractor
        self._objective = objective
        self._photographs = photographs
        self.network = Network(list(paintings), config.width, seed=config.seed)
        if start is not None:
            shapes = [[x.shape for x in each.weights] for each in (start, self.network)]
            if shapes[0] != shapes[1]:
                raise ConfigError(
                    f"`start` must be a network of {len(paintings)} styles and width "
                    f"{config.width:g}; got one of {len(start.styles)} and {start.width:g}."
                )
            self.network.set_weights(start.get_weights())
        self.average = [tf.Variable(x) for x in self.network.trainable_variables]
        self.optimizer = keras.optimizers.Adam(config.learning_rate)
        self.optimizer.build(self.network.trainable_variables)
        self._styles = [self._style(painting) for painting in paintings.values()]
        self._done = self._left_out = 0
        self._step = tf.function(self._taken)

    def _style(self, painting: np.ndarray) -> StyleTargets:
        height, width = painting.shape[1:3]
        scale = min(1.0, self.config.style_size / max(height, width))
        sides = (max(1, round(side * scale)) for side in (height, width))
        painting = image_io.resize(painting, *sides)
        statistics = self._objective.statistics("style", self._extract(tf.constant(painting)))
        targets = self._objective.targets([statistics])
        energies = self._objective.energies(statistics, targets)
        own = balanced_weights(self._objective, WHOLE_WEIGHT_SIDE, [energies])
        return StyleTargets(targets, own)

    @property
    def sides(self) -> list[int]:
        """Sides of the crops of every step."""
        config = self.config
        drafts = round(config.draft_share * config.steps)
        return [config.crop // 2] * drafts + [config.crop] * (config.steps - drafts)

    def state(self) -> list[np.ndarray]:
        """All that decides how it goes on, taken between two steps."""
        return [*self._values(), np.array([self._done, self._left_out])]

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """Goes on from a `state` of an equal training.

        Raises:
            ValueError: if it is one of another.
        """
        *arrays, numbers = state
        kinds = [(tuple(x.shape), x.dtype) for x in self._values()]
        if kinds != [(x.shape, x.dtype) for x in arrays] or numbers.shape != (2,):
            raise ValueError("its state is not one of this training")
        for variable, array in zip(self._variables, arrays, strict=True):
            variable.assign(array)
        self._done, self._left_out = (int(x) for x in numbers)

    def _values(self) -> list[np.ndarray]:
        return [x.numpy() for x in self._variables]

    @property
    def _variables(self) -> list[Any]:
        return [*self.network.variables, *self.average, *self.optimizer.variables]

    def steps(self) -> Iterator[Progress]:
        """Takes the steps that are left, each with the next style in turn."""
        config = self.config
        sides = self.sides[self._done :]
        batches = self._photographs.batches(config.seed, self._done, sides, config.batch)
        with contextlib.closing(batches):
            for step, crops in enumerate(batches, self._done):
                self.optimizer.learning_rate = self.learning_rate(step)
                generator = np.random.default_rng([config.seed, step, 1])
                noise = generator.standard_normal(crops.shape, np.float32)
                number = step % len(self._styles)
                losses = self._step(
                    tf.constant(crops),
                    tf.constant(crops + noise * np.float32(config.noise / 255)),
                    tf.constant(np.eye(len(self._styles), dtype=np.float32)[[number] * len(crops)]),
                    self._styles[number],
                    tf.constant(min(config.averaging, (1 + step) / (10 + step)), tf.float32),
                )
                found = {name: float(value) for name, value in losses.items()}
                self._left_out += not math.isfinite(found.pop("gradient"))
                self._done = step + 1
                yield Progress(self._done, config.steps, found, self._left_out)

    def learning_rate(self, step: int) -> float:
        """Along half a cosine from its height to nothing, after a start of up to 50 steps."""
        config = self.config
        start = min(1.0, (step + 1) / min(50, config.steps))
        cosine = (1 + math.cos(math.pi * step / config.steps)) / 2
        return config.learning_rate * start * cosine

    def averaged(self) -> Network:
        """A network of the averages of the weights of the steps."""
        network = Network(self.network.styles, self.network.width, self.network.blocks)
        for own, mean in zip(network.trainable_variables, self.average, strict=True):
            own.assign(mean)
        return network

    def _taken(
        self,
        crops: tf.Tensor,
        inputs: tf.Tensor,
        blend: tf.Tensor,
        style: StyleTargets,
        kept: tf.Tensor,
    ) -> Losses:
        """One step: the losses before it, and the norm of the gradient."""
        own = self._objective.statistics("content", self._extract(crops))
        of_content = self._objective.targets([own])
        weights = self._weights(style, self._objective.energies(own, of_content))
        targets = Targets({**style.targets, **of_content}, weights)
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            painted = self.network(inputs, style=blend)
            losses = self._objective(self._extract(painted), targets)
            loss = tf.add_n(list(losses.values()))
        gradients = tape.gradient(loss, variables)
        gradients, norm = tf.clip_by_global_norm(gradients, LARGEST_GRADIENT)

        def apply() -> tf.Tensor:
            self.optimizer.apply(gradients, variables)
            for mean, variable in zip(self.average, variables, strict=True):
                mean.assign(kept * mean + (1 - kept) * variable)
            return norm

        # One crop without end in its gradient, and there would be no network any more.
        tf.cond(tf.math.is_finite(norm), apply, lambda: norm)
        return {**losses, "gradient": norm}

    def _weights(self, style: StyleTargets, energies: Losses) -> Losses:
        """Those of the style, and of the content's terms in units of this content's energies."""
        weights = dict(style.weights)
        for term in self._objective.of("content").terms:
            if term.smallest_energy is not None:
                energy = tf.maximum(energies[term.name], term.smallest_energy)
                weights[term.name] = weights[term.name] / energy
        return weights
