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
from stylize_tf.feedforward.network import BLOCKS, Network
from stylize_tf.feedforward.styles import PHOTOGRAPH
from stylize_tf.feedforward.training.photographs import Photographs
from stylize_tf.feedforward.training.pruning import prune
from stylize_tf.feedforward.training.schedule import Schedule
from stylize_tf.images import image_io
from stylize_tf.objective.balance import balanced_weights
from stylize_tf.objective.objective import Objective
from stylize_tf.objective.targets import Losses, OfTerms, Targets
from stylize_tf.objective.term import WHOLE_WEIGHT_SIDE

PHOTOGRAPH_EVERY = 8
"""Steps of which one is for that style."""

LIKENESS_WEIGHT = 50.0
"""What the mean squared difference from the photograph counts in it."""

STYLE_RATE = 5.0
"""Learning rate of the weights that each style has of its own, over that of all others: of several
styles a step teaches one."""

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
        share: of the training that is done, up to 1.
        losses: before the step, by term.
        left_out: steps so far whose gradient was not finite.
        remaining: seconds that the rest will take, about.
    """

    step: int
    share: float
    losses: dict[str, float]
    left_out: int
    remaining: float


class _Optimizer:
    """Adam for some of the weights.

    Attributes:
        variables: that it moves.
        factor: of the learning rate.
        adam: the optimizer.
    """

    def __init__(self, variables: Sequence[keras.Variable], factor: float):
        self.variables, self.factor = list(variables), factor
        self.adam = keras.optimizers.Adam()
        self.adam.build(self.variables)


class StyleTargets(NamedTuple):
    """What a network is to paint like.

    Attributes:
        targets, weights: as those of `Targets`.
        likeness: scalar, what the mean squared difference from the photograph counts.
    """

    targets: OfTerms
    weights: Losses
    likeness: tf.Tensor


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
            `config.style_size` are brought to it. The style `PHOTOGRAPH` is added to them, see
            `config.photograph`.
        photographs: to paint.
        start: a network to go on from, of the same width and as many blocks. A style of a name that
            it has begins as that one, others as the mean of its styles. If only weights of styles
            are trained, its own styles come first and stay as they are.
        devices: that share each batch; none or one: where TensorFlow works.

    Raises:
        ConfigError: if the start is another network, or there has to be one, or a painting has the
            name of the photograph's style.
    """

    def __init__(
        self,
        config: TrainingConfig,
        extractor: keras.Model,
        objective: Objective,
        paintings: Mapping[str, np.ndarray],
        photographs: Photographs,
        start: Network | None = None,
        devices: Sequence[str] = (),
    ):
        self.config = config
        self._strategy = tf.distribute.get_strategy()
        if len(devices) > 1:
            self._strategy = tf.distribute.MirroredStrategy(devices)
        if config.batch % self._strategy.num_replicas_in_sync:
            raise ConfigError(
                f"`batch` must be a multiple of the {len(devices)} devices that share it; got "
                f"{config.batch}."
            )
        self._extract = extractor
        self._objective = objective
        self._photographs = photographs
        _check_start(start, config)
        kept = start.styles if start is not None and config.trained == "styles" else ()
        has_photograph = config.photograph and PHOTOGRAPH not in kept
        learned = [*paintings, *([PHOTOGRAPH] if has_photograph else [])]
        for name in {PHOTOGRAPH, *kept} & {*paintings}:
            raise ConfigError(f"`style` must not be named {name}: there is such a style already.")
        styles = [*kept, *(name for name in learned if name not in kept)]
        if start is not None and config.pruned < 1:
            start = prune(start, config.pruned)
        channels = None if start is None else start.channels
        with self._strategy.scope():
            self.network = Network(styles, config.width, channels=channels, seed=config.seed)
        if start is not None:
            _take(start, self.network)
        self._trained = self.network.trainable_variables
        if config.trained == "styles":
            self._trained = [x for x in self._trained if is_of_styles(x)]
        self.average = [tf.Variable(x) for x in self._trained]
        with self._strategy.scope():
            self._optimizers = [
                _Optimizer([x for x in self._trained if is_of_styles(x) == of_styles], factor)
                for of_styles, factor in ((False, 1.0), (True, STYLE_RATE))
            ]
        self._styles = {
            styles.index(name): self._style(painting) for name, painting in paintings.items()
        }
        self._paintings = list(self._styles)
        self._photograph: int | None = None
        if has_photograph:
            self._photograph = styles.index(PHOTOGRAPH)
            self._styles[self._photograph] = self._likeness(self._styles[self._paintings[0]])
        self._done = self._left_out = 0
        self._seconds = 0.0
        self._evaluate = tf.function(self._evaluated)
        self._move = tf.function(self._moved)

    def _style(self, painting: np.ndarray) -> StyleTargets:
        height, width = painting.shape[1:3]
        scale = min(1.0, self.config.style_size / max(height, width))
        sides = (max(1, round(side * scale)) for side in (height, width))
        painting = image_io.resize(painting, *sides)
        statistics = self._objective.statistics("style", self._extract(tf.constant(painting)))
        targets = self._objective.targets([statistics])
        energies = self._objective.energies(statistics, targets)
        own = balanced_weights(self._objective, WHOLE_WEIGHT_SIDE, [energies])
        return StyleTargets(targets, own, tf.constant(0.0))

    def _likeness(self, other: StyleTargets) -> StyleTargets:
        """Targets of the same structure as others of which only content and likeness count."""
        kept = {term.name for term in self._objective.of("content").terms}
        weights = {x: y if x in kept else tf.zeros_like(y) for x, y in other.weights.items()}
        return StyleTargets(other.targets, weights, tf.constant(LIKENESS_WEIGHT))

    def _style_of(self, step: int) -> int:
        """The number of the style that a step is for."""
        of_photograph = (step + 1) // PHOTOGRAPH_EVERY
        if self._photograph is None:
            of_photograph = 0
        elif (step + 1) % PHOTOGRAPH_EVERY == 0:
            return self._photograph
        return self._paintings[(step - of_photograph) % len(self._paintings)]

    @property
    def done(self) -> int:
        """Steps so far."""
        return self._done

    @property
    def standing(self) -> Progress:
        """Where it stands between two steps; what losses there were is not kept."""
        schedule = Schedule(self.config, self._seconds)
        share, left = schedule.share(self._done), schedule.remaining(self._done)
        return Progress(self._done, min(share, 1.0), {}, self._left_out, left)

    def state(self) -> list[np.ndarray]:
        """All that decides how it goes on, taken between two steps; the seconds so far are last."""
        return [*self._values(), np.array([self._done, self._left_out]), np.array(self._seconds)]

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """Goes on from a `state` of an equal training.

        Raises:
            ValueError: if it is one of another.
        """
        own = [(x.shape, x.dtype) for x in self.state()]
        if own != [(x.shape, x.dtype) for x in state]:
            raise ValueError("its state is not one of this training")
        *arrays, numbers, seconds = state
        for variable, array in zip(self._variables, arrays, strict=True):
            variable.assign(array)
        self._done, self._left_out = (int(x) for x in numbers)
        self._seconds = float(seconds)

    def _values(self) -> list[np.ndarray]:
        return [x.numpy() for x in self._variables]

    @property
    def _variables(self) -> list[Any]:
        own = [x for each in self._optimizers for x in each.adam.variables]
        return [*self.network.variables, *self.average, *own]

    def steps(self) -> Iterator[Progress]:
        """Takes the steps that are left, each for the next style in turn."""
        config = self.config
        schedule = Schedule(config, self._seconds)
        sides = schedule.sides(self._done)
        batches = self._photographs.batches(config.seed, self._done, sides, config.batch)
        with contextlib.closing(batches):
            for step, crops in enumerate(batches, self._done):
                rate = schedule.learning_rate(step, schedule.share(step))
                for optimizer in self._optimizers:
                    optimizer.adam.learning_rate = rate * optimizer.factor
                generator = np.random.default_rng([config.seed, step, 1])
                noise = generator.standard_normal(crops.shape, np.float32)
                number = self._style_of(step)
                losses, gradients, norm = self._evaluate(
                    self._on_devices(crops),
                    self._on_devices(crops + noise * np.float32(config.noise / 255)),
                    self._on_devices(self.network.blend(number)[None].repeat(len(crops), 0)),
                    self._styles[number],
                )
                # One crop without end in its gradient, and there would be no network any more.
                if math.isfinite(norm):
                    kept = min(config.averaging, (1 + step) / (10 + step))
                    self._move(gradients, tf.constant(kept, tf.float32))
                else:
                    self._left_out += 1
                found = {name: float(value) for name, value in losses.items()}
                self._done, self._seconds = step + 1, schedule.seconds
                share = min(schedule.share(self._done), 1.0)
                left = schedule.remaining(self._done)
                yield Progress(self._done, share, found, self._left_out, left)

    def averaged(self) -> Network:
        """A network of the averages of the weights of the steps."""
        own = self.network
        network = Network(own.styles, own.width, own.blocks, channels=own.channels)
        network.set_weights(own.get_weights())
        variables = network.trainable_variables
        if self.config.trained == "styles":
            variables = [x for x in variables if is_of_styles(x)]
        for variable, mean in zip(variables, self.average, strict=True):
            variable.assign(mean)
        return network

    def _evaluated(self, *arguments: Any) -> tuple[Losses, list[tf.Tensor], tf.Tensor]:
        """The losses, their gradient, brought to `LARGEST_GRADIENT`, and its norm; of all devices.

        Args:
            arguments: of `_of_device`, one on each.
        """
        found = self._strategy.run(self._of_device, args=arguments)
        losses, gradients = self._strategy.reduce("MEAN", found, axis=None)
        gradients, norm = tf.clip_by_global_norm(gradients, LARGEST_GRADIENT)
        return losses, gradients, norm

    def _of_device(
        self, crops: tf.Tensor, inputs: tf.Tensor, blend: tf.Tensor, style: StyleTargets
    ) -> tuple[Losses, list[tf.Tensor]]:
        own = self._objective.statistics("content", self._extract(crops))
        of_content = self._objective.targets([own])
        weights = self._weights(style, self._objective.energies(own, of_content))
        targets = Targets({**style.targets, **of_content}, weights)
        with tf.GradientTape() as tape:
            painted = self.network(inputs, style=blend)
            losses = self._objective(self._extract(painted), targets)
            difference = tf.reduce_mean(tf.square(painted - crops))
            losses = {**losses, "likeness": style.likeness * difference}
            loss = tf.add_n(list(losses.values()))
        return losses, tape.gradient(loss, self._trained)

    def _moved(self, gradients: Sequence[tf.Tensor], kept: tf.Tensor) -> None:
        """Moves the weights, and their averages."""
        self._strategy.run(self._move_on_device, args=(gradients,))
        for mean, variable in zip(self.average, self._trained, strict=True):
            mean.assign(kept * mean + (1 - kept) * variable)

    def _move_on_device(self, gradients: Sequence[tf.Tensor]) -> None:
        by_name = dict(zip([x.path for x in self._trained], gradients, strict=True))
        devices = self._strategy.num_replicas_in_sync
        for optimizer in self._optimizers:
            own = optimizer.variables
            if own:  # Keras adds what the devices give it, which is alike here.
                optimizer.adam.apply([by_name[x.path] / devices for x in own], own)

    def _on_devices(self, batch: np.ndarray) -> Any:
        """A part of a batch for each device."""
        parts = np.split(batch, self._strategy.num_replicas_in_sync)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    def _weights(self, style: StyleTargets, energies: Losses) -> Losses:
        """Those of the style, and of the content's terms in units of this content's energies."""
        weights = dict(style.weights)
        for term in self._objective.of("content").terms:
            if term.smallest_energy is not None:
                energy = tf.maximum(energies[term.name], term.smallest_energy)
                weights[term.name] = weights[term.name] / energy
        return weights


def is_of_styles(variable: keras.Variable) -> bool:
    """Whether each style has its own of these weights of a network."""
    return variable.name in ("scale", "offset")


def _check_start(start: Network | None, config: TrainingConfig) -> None:
    """Raises a `ConfigError` unless it is one that the training can take."""
    if start is None and (config.trained != "all" or config.pruned < 1):
        name = "pruned" if config.trained == "all" else "trained"
        raise ConfigError(f"`{name}` goes with `start`: name a network.")
    if start is not None and (start.width, start.blocks) != (config.width, BLOCKS):
        raise ConfigError(
            f"`start` must be a network of width {config.width:g} and {BLOCKS} blocks; got one of "
            f"width {start.width:g} and {start.blocks}."
        )


def _take(start: Network, network: Network) -> None:
    """Gives a network the weights of another one, style by style."""
    for own, other in zip(network.trainable_variables, start.trainable_variables, strict=True):
        values = other.numpy()
        if is_of_styles(own):
            mean = values.mean(axis=0)
            rows = [
                values[start.styles.index(name)] if name in start.styles else mean
                for name in network.styles
            ]
            values = np.stack(rows)
        own.assign(values)
