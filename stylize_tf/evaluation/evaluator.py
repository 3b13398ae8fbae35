"""The objective of a picture, evaluated: statistics for its targets, its value and its gradient."""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf

from stylize_tf.evaluation.tiling import Segment, Tiling, cut
from stylize_tf.machine.newest import Newest
from stylize_tf.objective.objective import Objective
from stylize_tf.objective.targets import Coverages, OfTerms, Targets, ValueAndGradient

KEPT_STATISTICS = 64
"""Statistics of paintings that are kept, one a painting and size, each under 3 MB with VGG19."""

STATISTICS_PIXELS = 2**20
"""Pixels of the bands in which statistics are taken; there is no way back that needs the maps."""


class Tiles(NamedTuple):
    """How a picture is evaluated part by part.

    Attributes:
        banded: how many segments of the network go by bands, see `Tiling`; 0 evaluates the picture
            as a whole.
        pixels: of the image in a band, about.
    """

    banded: int = 0
    pixels: int = 0


WHOLE = Tiles()
"""The picture as a whole."""


class Evaluator:
    """An extractor and an objective, compiled once for pictures of every size.

    Args:
        name: of the number format of the extractor.
        extractor: from `features.build_extractor`.
        objective: whose layers the extractor has; its weights count for nothing.

    Attributes:
        of_paintings: the newest statistics, by what they are of.
    """

    def __init__(self, name: str, extractor: keras.Model, objective: Objective):
        self.name = name
        self.extractor = extractor
        self._objective = objective
        self.of_paintings: Newest[OfTerms] = Newest(KEPT_STATISTICS)
        self._describing: Newest[Tiling] = Newest()
        self._evaluating: Newest[Tiling] = Newest()

    def statistics(
        self, source: str, image: tf.Tensor, coverage: Coverages | None = None
    ) -> OfTerms:
        """The statistics of a picture for terms whose targets are from `source`.

        Args:
            source: "content" or "style".
            image: float32 `[1, H, W, 3]` in [0, 1].
            coverage: of regions of the picture; the statistics are those of each.
        """
        objective = self._objective.of(source)
        if not objective.terms:
            return {}
        is_small = image.shape[1] * image.shape[2] <= STATISTICS_PIXELS

        def make() -> Tiling:
            # No deeper than these layers need.
            outputs = {name: self.extractor.output[name] for name in objective.layers()}
            extractor = keras.Model(self.extractor.input, outputs)
            return Tiling(extractor, objective, 0 if is_small else len(cut(extractor)))

        tiling = self._describing.get((source, is_small), make)
        return tiling.statistics(tf.constant(image), STATISTICS_PIXELS, coverage)

    @property
    def segments(self) -> list[Segment]:
        """Those that `Tiles` speak of."""
        return cut(self.extractor)

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
