"""What a picture is compared with, and what comes out: the types that everything hands around."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

Features: TypeAlias = Mapping[str, tf.Tensor]
"""Layer -> map `[N, h, W, C]`; `IMAGE` -> the image itself."""

OfTerms: TypeAlias = dict[str, dict[str, Any]]
"""Term name -> layer -> sums, a statistic or a target of that layer; a nest of tensors."""

Losses: TypeAlias = dict[str, tf.Tensor]
"""Term name -> its weighted scalar."""


class Coverage(NamedTuple):
    """How much the positions of a layer's map count in each of R regions of the picture.

    Attributes:
        weights: float32, `[1, h, w, R]`, in [0, 1]; or those of a part of the map.
        shares: `[R]`, of the area of the picture, so that a region counts by its size.
    """

    weights: tf.Tensor
    shares: tf.Tensor


Coverages: TypeAlias = dict[str, Coverage]
"""Layer -> the coverage of its positions; empty where there are no regions."""


class Targets(NamedTuple):
    """What a picture is compared with: arguments of compiled functions, never constants in them.

    Attributes:
        of_terms: what the distance of each term compares with.
        weights: term name -> float32 scalar, what the term counts; or a number.
        coverage: of the regions of the picture; `of_terms` then has R of them in place of N.
    """

    of_terms: OfTerms
    weights: Mapping[str, Any]
    coverage: Coverages = {}  # noqa: RUF012 - a default of a tuple; nobody writes to it


ValueAndGradient: TypeAlias = Callable[[tf.Tensor, Targets], tuple[Losses, tf.Tensor]]
"""(image, targets) -> (weighted scalars by name, gradient of their sum by the image)."""
