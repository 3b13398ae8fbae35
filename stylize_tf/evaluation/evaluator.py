"""The objective of a picture, evaluated: statistics for its targets, its value and its gradient."""

from __future__ import annotations

import functools
import gc

import keras
import tensorflow as tf

from stylize_tf.evaluation import memory_plan
from stylize_tf.evaluation.segments import STATISTICS_PIXELS, WHOLE, Tiles, by_bands
from stylize_tf.evaluation.tiling import Segment, Tiling, cut
from stylize_tf.machine.newest import Newest
from stylize_tf.objective.objective import Objective
from stylize_tf.objective.targets import (
    Coverages,
    Losses,
    OfTerms,
    Targets,
    ValueAndGradient,
)

KEPT_STATISTICS = 64
"""Statistics of paintings that are kept, one a painting and size, each under 3 MB with VGG19."""

OUT_OF_MEMORY = (tf.errors.ResourceExhaustedError, MemoryError)
"""What is raised where memory has run out: by TensorFlow, by Python and NumPy."""


class Evaluator:
    """An extractor and an objective, compiled once for pictures of every size.

    Args:
        name: of the number format of the extractor.
        extractor: from `features.build_extractor`.
        objective: whose layers the extractor has; its weights count for nothing.

    Attributes:
        of_paintings: the newest statistics, by what they are of.
        targets_of_paintings: the newest targets of the style, by what they are made from, and the
            energies of the first painting of each.
    """

    def __init__(self, name: str, extractor: keras.Model, objective: Objective):
        self.name = name
        self.extractor = extractor
        self._objective = objective
        self.of_paintings: Newest[OfTerms] = Newest(KEPT_STATISTICS)
        self.targets_of_paintings: Newest[tuple[OfTerms, Losses]] = Newest(KEPT_STATISTICS)
        self._describing: Newest[Tiling] = Newest()
        self._evaluating: Newest[Tiling] = Newest()

    def statistics(
        self,
        source: str,
        image: tf.Tensor,
        coverage: Coverages | None = None,
        pixels: int | None = None,
    ) -> OfTerms:
        """The statistics of a picture for terms whose targets are from `source`.

        Where memory runs out they are taken in ever smaller bands, if the network has any.

        Args:
            source: "content" or "style".
            image: float32 `[1, H, W, 3]` in [0, 1].
            coverage: of regions of the picture; the statistics are those of each.
            pixels: of a band; `STATISTICS_PIXELS` if None. A picture that has no more goes whole.
        """
        objective = self._objective.of(source)
        if not objective.terms:
            return {}
        size, pixels = image.shape[1] * image.shape[2], pixels or STATISTICS_PIXELS
        while True:
            try:
                tiling = self._described(source, objective, size > pixels)
                return tiling.statistics(tf.constant(image), pixels, coverage)
            except OUT_OF_MEMORY:
                pixels = min(pixels, size) // 2
                if pixels < memory_plan.SMALLEST_TILE_PIXELS or not by_bands(self.segments):
                    raise
            gc.collect()

    def _described(self, source: str, objective: Objective, in_bands: bool) -> Tiling:
        """What takes the statistics for terms of a source."""

        def make() -> Tiling:
            # No deeper than these layers need.
            outputs = {name: self.extractor.output[name] for name in objective.layers()}
            extractor = keras.Model(self.extractor.input, outputs)
            return Tiling(extractor, objective, by_bands(cut(extractor)) if in_bands else 0)

        return self._describing.get((source, in_bands), make)

    @functools.cached_property
    def segments(self) -> list[Segment]:
        """Those that `Tiles` speak of; cut once, as each cut stays in the extractor's graph."""
        return cut(self.extractor)

    @property
    def is_fresh(self) -> bool:
        """Whether no picture was evaluated yet, so that it is still to be compiled."""
        return not self._evaluating

    def gradient_untraced(self, image: tf.Tensor, targets: Targets) -> tf.Tensor:
        """The gradient of a small picture, without the time that tracing takes."""
        return Tiling(self.extractor, self._objective, 0).gradient_untraced(image, targets)

    def value_and_gradient(self, tiles: Tiles = WHOLE) -> ValueAndGradient:
        """The losses and their exact gradient: (image, targets) -> (losses, gradient).

        Traced once for all sizes, for targets of one structure.
        """
        tiling = self._evaluating.get(
            tiles.banded, lambda: Tiling(self.extractor, self._objective, tiles.banded)
        )
        return lambda image, targets: tiling.value_and_gradient(image, targets, tiles.pixels)
