"""What a step of a training minimizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.training import TrainingConfig
from stylize_tf.feedforward.channels import FINE_NOISES, LEVELS, NOISES, Level
from stylize_tf.feedforward.graph import COARSEST, MARGIN
from stylize_tf.feedforward.layers import Noise
from stylize_tf.feedforward.training.motion import Motion, difference
from stylize_tf.images import image_io
from stylize_tf.objective.balance import balanced_weights
from stylize_tf.objective.objective import Objective
from stylize_tf.objective.targets import Losses, Targets
from stylize_tf.objective.term import WHOLE_WEIGHT_SIDE

POOLED = 8
"""Pixels that are one position behind three poolings: what is judged of a painted window begins at
a random one of them. Else the poolings lie over the network's own grid, always alike, and what they
overlook is painted: a lattice."""


def objective_config(config: TrainingConfig) -> StyleTransferConfig:
    """With what pictures of a network are judged while it is trained.

    That of the optimizer, with the content's weight times `config.content_factor`, at every level
    alike, but for block5_conv1, which a crop has a few positions of, and for what counts at some of
    the optimizer's stages only; for the style from afar, see `Step.of_level`.
    """
    default = StyleTransferConfig()
    weights = dict(zip(default.style_layers, default.style_layer_weights, strict=True))
    weights.pop("block5_conv1", None)
    return default.replace(
        style_layers=tuple(weights),
        style_layer_weights=tuple(weights.values()),
        content_weight=default.content_weight * config.content_factor,
        content_growth=0.0,
        focus_weight=0.0,
        structure_weight=0.0,
        coarse_style_weight=0.0,
    )


class Step:
    """Crops of photographs as a level of a network paints them, against what they should be.

    Args:
        config: of the training.
        extractor: from `features.build_extractor`, of all layers that the objective reads.
        objective: what is minimized, as `objective_config` says.
        levels: of the network, from `graph.levels_of`.
    """

    def __init__(
        self,
        config: TrainingConfig,
        extractor: keras.Model,
        objective: Objective,
        levels: Sequence[keras.Model],
    ):
        self._config, self._extract, self._objective = config, extractor, objective
        self._levels = levels
        self._noise, self._fine_noise = Noise(NOISES), Noise(FINE_NOISES)

    def style(self, painting: np.ndarray, shrink: int) -> Targets:
        """Those of a painting `[1, H, W, 3]`, at a level that shrinks pictures so."""
        height, width = painting.shape[1:3]
        scale = min(1.0, self._config.style_size / max(height, width)) / shrink
        sides = (max(1, round(side * scale)) for side in (height, width))
        painting = image_io.resize(painting, *sides)
        statistics = self._objective.statistics("style", self._extract(tf.constant(painting)))
        targets = self._objective.targets([statistics])
        energies = self._objective.energies(statistics, targets)
        side = WHOLE_WEIGHT_SIDE
        own = balanced_weights(self._objective, side // shrink, [energies], finished=side)
        return Targets(targets, own)

    def places(self, number: int, generator: np.random.Generator) -> list[Any]:
        """Arguments of `of_level`: place of its window, what is seen of it, moves of noise, motion.

        Of the last there is none without `config.temporal_weight`.
        """
        crop, level = self._config.crop, LEVELS[number]
        free = crop - _window(crop, level) * level.shrink
        place = generator.integers(0, free // COARSEST + 1, 2) * COARSEST
        moves = (generator.integers(0, end, 2, np.int32) for end in (POOLED, Noise.SIDE))
        places = [tf.constant(x) for x in (place.astype(np.int32), *moves)]
        return [*places, Motion.drawn(generator) if self._config.temporal_weight else None]

    def of_level(
        self,
        crops: tf.Tensor,
        inputs: tf.Tensor,
        blend: tf.Tensor,
        place: tf.Tensor,
        seen_from: tf.Tensor,
        shift: tf.Tensor,
        motion: Motion | None,
        style: Targets,
        smaller: Targets,
        number: int,
        trained: Sequence[keras.Variable],
    ) -> tuple[Losses, list[tf.Tensor]]:
        """The losses of a level, and their gradient.

        What is painted is also held to the style at half of its sides, but for the first level:
        else a finer level gives away the strokes that the one before has painted.

        Args:
            crops: of photographs, `[N, crop, crop, 3]`.
            inputs: the same with noise on them.
            blend: of styles.
            place: top and left of the window of them that is painted, in pixels.
            seen_from: top and left of what is judged of the window, in pixels of the level.
            shift: rows and columns by which the network's noise is moved.
            motion: of a camera; what is painted after it is held to what was painted before.
            style: to paint in.
            smaller: the same at half of its sides, that of the level before.
            number: of the level.
            trained: weights that the gradient is of.
        """
        level = LEVELS[number]
        side = _window(self._config.crop, level)
        given = self._inputs(inputs, blend, place, shift, number)
        after: list[tf.Tensor] = []
        if motion is not None:
            middle = tf.cast(place, tf.float32) + (side * level.shrink - 1) / 2  # Of the window.
            noise = (inputs - crops)[:, :, ::-1]  # Another one.
            moved = motion.gain * motion.of(crops, middle, fill_mode="REFLECT") + noise
            after = self._inputs(moved, blend, place, shift, number)
        judged = side - POOLED
        seen = _cut(_shrunk(crops, level.shrink), place // level.shrink + seen_from, judged)
        own = self._objective.statistics("content", self._extract(seen))
        of_content = self._objective.targets([own])
        weights = self._weights(style, self._objective.energies(own, of_content))
        targets = Targets({**style.of_terms, **of_content}, weights)
        with tf.GradientTape() as tape:
            window = self._painted(given, number)
            painted = _cut(window, seen_from, judged)
            losses = self._objective(self._extract(painted), targets)
            if number:
                others = self._from_afar(_shrunk(painted, 2), smaller)
                own = {name: losses[name] + value for name, value in others.items()}
                losses = {**losses, **own}
            if motion is not None:
                apart = difference(self._painted(after, number), window, motion, level.shrink)
                losses = {**losses, "temporal": self._config.temporal_weight * apart}
            loss = tf.add_n(list(losses.values()))
        return losses, tape.gradient(loss, trained)

    def _inputs(
        self, crops: tf.Tensor, blend: tf.Tensor, place: tf.Tensor, shift: tf.Tensor, number: int
    ) -> list[tf.Tensor]:
        """What a level is given of a window, what the levels before paint with it."""
        level = LEVELS[number]
        around = [[0, 0], [MARGIN, MARGIN], [MARGIN, MARGIN], [0, 0]]
        padded = tf.pad(crops, around, "REFLECT")
        before: list[tf.Tensor] = []
        for coarser, model in zip(LEVELS[:number], self._levels, strict=False):
            image = _shrunk(padded, coarser.shrink)
            before = [model([image, blend, *self._noise_of(image, shift), *before])]
        wide = _window(self._config.crop, level) + 2 * MARGIN // level.shrink
        image = _cut(_shrunk(padded, level.shrink), place // level.shrink, wide)
        before = [_cut(x, place // (2 * level.shrink), wide // 2) for x in before]
        return [image, blend, *self._noise_of(image, shift), *before]

    def _painted(self, inputs: Sequence[tf.Tensor], number: int) -> tf.Tensor:
        """The window as a level paints it."""
        margin = MARGIN // LEVELS[number].shrink
        picture = tf.sigmoid(self._levels[number]([*inputs]))
        return picture[:, margin:-margin, margin:-margin]

    def _from_afar(self, painted: tf.Tensor, style: Targets) -> Losses:
        """The losses of the style, and of its patches, of painted pictures of a smaller size."""
        objective = self._objective.of("style")
        return objective(self._extract(painted), style)

    def _noise_of(self, image: tf.Tensor, shift: tf.Tensor) -> list[tf.Tensor]:
        """The noise that a level takes, for an image of its size."""
        height, width = image.shape[1:3]
        fine = self._fine_noise.maps(height, width, shift)
        return [fine, self._noise.maps(height // 4, width // 4, shift)]

    def _weights(self, style: Targets, energies: Losses) -> Losses:
        """Those of the style, and of the content's terms in units of this content's energies."""
        weights = dict(style.weights)
        for term in self._objective.of("content").terms:
            if term.smallest_energy is not None:
                energy = tf.maximum(energies[term.name], term.smallest_energy)
                weights[term.name] = weights[term.name] / energy
        return weights


def _window(crop: int, level: Level) -> int:
    """Pixels of the sides of what is painted of a crop at a level: half of the crop at most."""
    return min(crop // level.shrink, crop // 2)


def _shrunk(images: tf.Tensor, factor: int) -> tf.Tensor:
    return images if factor == 1 else tf.nn.avg_pool2d(images, factor, factor, "VALID")


def _cut(images: tf.Tensor, place: Any, side: int) -> tf.Tensor:
    """Squares of images from a place."""
    top, left = place[0], place[1]
    cut = images[:, top : top + side, left : left + side]
    return tf.ensure_shape(cut, [images.shape[0], side, side, images.shape[3]])
