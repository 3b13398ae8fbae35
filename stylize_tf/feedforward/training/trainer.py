"""Training of a network by the objective with which pictures are optimized."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from stylize_tf.config.training import TrainingConfig
from stylize_tf.errors import ConfigError
from stylize_tf.feedforward.channels import LEVELS
from stylize_tf.feedforward.graph import is_of_styles, level_of, levels_of
from stylize_tf.feedforward.network import Network
from stylize_tf.feedforward.training.optimizers import Optimizers
from stylize_tf.feedforward.training.photographs import Photographs
from stylize_tf.feedforward.training.pruning import prune
from stylize_tf.feedforward.training.schedule import Schedule
from stylize_tf.feedforward.training.step import Step
from stylize_tf.objective.objective import Objective
from stylize_tf.objective.targets import Losses, Targets

LARGEST_GRADIENT = 1.0
"""Norm to which the gradient of a step is brought, if it is larger."""


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


class Trainer:
    """Trains a network to paint photographs in the manner of paintings.

    Johnson et al. (2016), by our objective: statistics of the painted crop against those of the
    painting, features against those of the crop, all targets arguments of one compiled step. The
    weights of terms are those of pictures of 128, 256 and 512 pixels, one after the other, but the
    content's, which is one for all.

    Args:
        config: all options.
        extractor: from `features.build_extractor`, of all layers that the objective reads.
        objective: what is minimized, as `objective_config` says.
        paintings: name of a style -> float32 `[1, H, W, 3]`, RGB in [0, 1]; larger ones than
            `config.style_size` are brought to it.
        photographs: to paint.
        start: a network to go on from, of the same width. A style of a name that
            it has begins as that one, others as the mean of its styles. If only weights of styles
            are trained, its own styles come first and stay as they are.
        devices: that share each batch; none or one: where TensorFlow works.

    Raises:
        ConfigError: if the start is another network, or there has to be one, or a painting has the
            name of a style that stays.
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
        self._photographs = photographs
        _check_start(start, config)
        kept = start.styles if start is not None and config.trained == "styles" else ()
        for name in {*kept} & {*paintings}:
            raise ConfigError(f"`style` must not be named {name}: there is such a style already.")
        styles = [*kept, *paintings]
        if start is not None and config.pruned < 1:
            start = prune(start, config.pruned)
        channels = None if start is None else start.channels
        with self._strategy.scope():
            self.network = Network(styles, config.width, channels=channels, seed=config.seed)
        if start is not None:
            _take(start, self.network)
        self._step = Step(config, extractor, objective, levels_of(self.network.graph))
        self._trained = self.network.trainable_variables
        if config.trained == "styles":
            self._trained = [x for x in self._trained if is_of_styles(x)]
        self.average = [tf.Variable(x) for x in self._trained]
        with self._strategy.scope():
            self._optimizers = [
                Optimizers([x for x in self._trained if level_of(x) == number])
                for number in range(len(LEVELS))
            ]
        self._styles = [self._targets(paintings, level.shrink) for level in LEVELS]
        self._paintings = [styles.index(name) for name in paintings]
        self._done = self._left_out = 0
        self._began = [0] * len(LEVELS)
        self._seconds = 0.0
        self._evaluate = tf.function(self._evaluated)
        self._move = tf.function(self._moved)

    def _targets(self, paintings: Mapping[str, np.ndarray], shrink: int) -> dict[int, Targets]:
        """Number of a style -> what it is to be like at a level that shrinks pictures so."""
        number = self.network.styles.index
        return {number(name): self._step.style(x, shrink) for name, x in paintings.items()}

    def _style_of(self, step: int) -> int:
        """The number of the style that a step is for."""
        return self._paintings[step % len(self._paintings)]

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
        return [
            *self._values(),
            np.array([self._done, self._left_out, *self._began]),
            np.array(self._seconds),
        ]

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
        self._done, self._left_out, *self._began = (int(x) for x in numbers)
        self._seconds = float(seconds)

    def _values(self) -> list[np.ndarray]:
        return [x.numpy() for x in self._variables]

    @property
    def _variables(self) -> list[Any]:
        own = [x for each in self._optimizers for x in each.state]
        return [*self.network.variables, *self.average, *own]

    def steps(self) -> Iterator[Progress]:
        """Takes the steps that are left, each for the next style in turn."""
        config = self.config
        schedule = Schedule(config, self._seconds)
        # Those of a training that goes on with another budget do not begin anew.
        least = max(number for number, began in enumerate(self._began) if began or not number)
        levels = (max(level, least) for level in schedule.levels(self._done))
        batches = self._photographs.batches(
            config.seed, self._done, levels, config.batch, config.crop
        )
        with contextlib.closing(batches):
            for step, (crops, level) in enumerate(batches, self._done):
                self._begin(level, step)
                rate = schedule.learning_rate(step, self._began[level], level)
                self._optimizers[level].set_rate(rate)
                number = self._style_of(step)
                losses, gradients, norm = self._evaluate(
                    *self._given(crops, step, number, level),
                    *(self._styles[each][number] for each in (level, max(level - 1, 0))),
                    level=level,
                )
                # One crop without end in its gradient, and there would be no network any more.
                if math.isfinite(norm):
                    before = step - self._began[level]
                    kept = min(config.averaging, (1 + before) / (10 + before))
                    self._move(gradients, tf.constant(kept, tf.float32), level=level)
                else:
                    self._left_out += 1
                found = {name: float(value) for name, value in losses.items()}
                self._done, self._seconds = step + 1, schedule.seconds
                share = min(schedule.share(self._done), 1.0)
                left = schedule.remaining(self._done)
                yield Progress(self._done, share, found, self._left_out, left)

    def _begin(self, level: int, step: int) -> None:
        """Before the first step of a level, gives those before the averages of their weights."""
        if level and not self._began[level]:
            self._began[level] = step
            for variable, mean in zip(self._trained, self.average, strict=True):
                if level_of(variable) < level:
                    variable.assign(mean)

    def _given(self, crops: np.ndarray, step: int, style: int, level: int) -> list[Any]:
        """Crops, the same with noise, blends, places, motion: see `Step.of_level`."""
        generator = np.random.default_rng([self.config.seed, step, 1])
        noise = generator.standard_normal(crops.shape, np.float32)
        blend = self.network.blend(style)[np.newaxis].repeat(len(crops), axis=0)
        noisy = crops + noise * np.float32(self.config.noise / 255)
        return [
            *(self._on_devices(x) for x in (crops, noisy, blend)),
            *self._step.places(level, generator),
        ]

    def averaged(self) -> Network:
        """A network of the averages of the weights of the steps."""
        own = self.network
        network = Network(own.styles, own.width, channels=own.channels)
        network.set_weights(own.get_weights())
        variables = network.trainable_variables
        if self.config.trained == "styles":
            variables = [x for x in variables if is_of_styles(x)]
        for variable, mean in zip(variables, self.average, strict=True):
            variable.assign(mean)
        return network

    def _evaluated(self, *arguments: Any, level: int) -> tuple[Losses, Any, tf.Tensor]:
        """The losses, their gradient, brought to `LARGEST_GRADIENT`, and its norm; of all devices.

        Args:
            arguments: of `Step.of_level`, one on each.
            level: number of the one whose weights the gradient is of.
        """
        trained = [x for x in self._trained if level_of(x) == level]
        found = self._strategy.run(self._step.of_level, args=(*arguments, level, trained))
        losses, gradients = self._strategy.reduce("MEAN", found, axis=None)
        gradients, norm = tf.clip_by_global_norm(gradients, LARGEST_GRADIENT)
        return losses, gradients, norm

    def _moved(self, gradients: Sequence[tf.Tensor], kept: tf.Tensor, *, level: int) -> None:
        """Moves the weights of a level, and their averages."""
        trained = [x for x in self._trained if level_of(x) == level]
        by_path = dict(zip([x.path for x in trained], gradients, strict=True))
        own = self._optimizers[level]
        own.muon.apply([by_path[x.path] for x in own.muon.kernels])
        self._strategy.run(self._move_rest, args=([by_path[x.path] for x in own.rest], level))
        for mean, variable in zip(self.average, self._trained, strict=True):
            if level_of(variable) == level:
                mean.assign_add((1 - kept) * (variable - mean))  # Exactly nothing of equal ones.

    def _move_rest(self, gradients: Sequence[tf.Tensor], level: int) -> None:
        own, devices = self._optimizers[level], self._strategy.num_replicas_in_sync
        # Keras adds what the devices give it, which is alike here.
        own.adam.apply([x / devices for x in gradients], own.rest)

    def _on_devices(self, batch: np.ndarray) -> Any:
        """A part of a batch for each device."""
        parts = np.split(batch, self._strategy.num_replicas_in_sync)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )


def _check_start(start: Network | None, config: TrainingConfig) -> None:
    """Raises a `ConfigError` unless it is one that the training can take."""
    if start is None and (config.trained != "all" or config.pruned < 1):
        name = "pruned" if config.trained == "all" else "trained"
        raise ConfigError(f"`{name}` goes with `start`: name a network.")
    if start is not None and start.width != config.width:
        raise ConfigError(
            f"`start` must be a network of width {config.width:g}; got one of {start.width:g}."
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
