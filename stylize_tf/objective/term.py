"""A summand of the objective, and what it sees of a picture."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf

from stylize_tf.errors import ConfigError

WHOLE_WEIGHT_SIDE = 512
"""Long side in pixels at which terms that grow with the picture have the weight they are given."""


class Edges(NamedTuple):
    """Rows at the top and at the bottom of a part of the image that belong to its neighbors.

    Terms on the image itself compare pixels with those around them, so they are given one row
    beyond each side of a part, where there is one; its pairs and patches are counted once.
    """

    above: Any
    below: Any


class Place(NamedTuple):
    """Where in a map some of its rows are: the first of them, and the rows of all of the map."""

    first: Any
    rows: Any


WHOLE = Edges(0, 0)
"""Of a map that is not a part of another."""


class Part(NamedTuple):
    """A map of a layer, or some rows of one, as a term sees it.

    Attributes:
        features: `[N, h, W, C]`.
        unit: number that the features of the layer are divided by.
        target: of the layer; where it is of maps, the same rows of them. None where none is known
            yet.
        edges: rows of the neighbors among the features, where they are pixels.
        weights: `[1, h, W, R]`, how much the positions count in each region; None without regions.
        place: of the rows, but those of the neighbors, in the map; None if they are all of it.
    """

    features: tf.Tensor
    unit: float = 1.0
    target: Any = None
    edges: Edges = WHOLE
    weights: tf.Tensor | None = None
    place: Place | None = None

    @property
    def own(self) -> tf.Tensor:
        """The features without rows of the neighbors: what adds up over parts to the whole map."""
        return self.features[:, self.edges.above : tf.shape(self.features)[1] - self.edges.below]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Term:
    """One summand: `weight * sum(layer_weight * distance(statistic(sums), target))` over layers.

    What it needs of a map are sums over positions, so that they can be had from parts of the map,
    and added up. A subclass is a frozen dataclass that overrides the functions below; terms that
    are equal share what is compiled, so its fields must be all that the functions depend on.
    `Stylizer(..., extra_terms=[...])` takes those of others.

    Attributes:
        name: key in `Losses` and `Targets`.
        source: "content" or "style", whose features give the targets; "given" where who asks for a
            picture gives them, see `Sources.given`; "none" where there is none.
        layer_weights: pairs of a layer and its weight within the term.
        weight: of the whole term; data, as are the other fields that do not compare.
        growth: how the weight grows with the picture: with this power of its long side over
            `WHOLE_WEIGHT_SIDE`,
        grown_side: up to a picture of this long side.
        smallest_energy: what is less of a target's distance from a picture without features is
            nothing; the weight is in units of that distance. None: it is in no such units.
        target_is_map: whether targets are made of maps in place of statistics: compared by
            position.
        has_regions: whether the statistics can be those of regions, with R in place of N. Others
            see all of the painting, and of the picture all that is seen, whatever mask there is:
            they do not go with several regions.
        balances_regions: whether regions count alike in units of this term's energies.
    """

    name: str
    source: str
    layer_weights: tuple[tuple[str, float], ...]
    weight: float = dataclasses.field(default=1.0, compare=False)
    growth: float = dataclasses.field(default=0.0, compare=False)
    grown_side: float = dataclasses.field(default=math.inf, compare=False)
    smallest_energy: float | None = dataclasses.field(default=None, compare=False)
    target_is_map: ClassVar[bool] = False
    has_regions: ClassVar[bool] = False
    balances_regions: ClassVar[bool] = False

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that it reads."""
        return tuple(layer for layer, _ in self.layer_weights)

    def size_factor(self, long_side: float, finished: float) -> float:
        """The factor of the weight at a stage.

        Args:
            long_side: of it, in pixels.
            finished: that of the finished picture.
        """
        del finished  # Of most terms the look is that of the size itself.
        return float((min(long_side, self.grown_side) / WHOLE_WEIGHT_SIDE) ** self.growth)

    def sums(self, part: Part) -> Any:
        """Tensors to add up over the parts of a map."""
        raise NotImplementedError

    def statistic(self, sums: Any) -> Any:
        """What the sums over a whole map say of it: a nest of tensors."""
        return sums

    def blend(self, statistics: Sequence[Any], shares: Sequence[float]) -> Any:
        """The statistic of several pictures together, in shares that add up to 1.

        Their weighted mean, unless a subclass knows better.

        Raises:
            ConfigError: if they are of different shapes.
        """
        if len(statistics) == 1:
            return statistics[0]
        shapes = {str(tf.nest.map_structure(lambda x: x.shape, each)) for each in statistics}
        if len(shapes) > 1:
            raise ConfigError(
                f"`extra_terms`: {self.name!r} has statistics of paintings that differ in shape, "
                f"which have no mean: override its `blend`, or give one painting."
            )
        return tf.nest.map_structure(
            lambda *each: tf.add_n([x * share for x, share in zip(each, shares, strict=True)]),
            *statistics,
        )

    def target(self, statistic: Any) -> Any:
        """What the distance compares with; computed once, so it may be costly."""
        return statistic

    def weighed(self, target: Any, weights: tf.Tensor) -> Any:
        """A target that counts so many times as much in each place, `[1, h, w, 1]` of its layer.

        The target itself, of terms that do not compare by position.
        """
        return target

    def idle_target(self, target: Any) -> Any:
        """What stands for a target where the term has no weight: of its structure and rank.

        It may be smaller, of a term whose `sums` and `distance` go by it and then take no time.
        """
        return target

    def distance(self, statistic: Any, target: Any) -> tf.Tensor:
        """Scalar >= 0, of a batch the mean; 0 at the target."""
        raise NotImplementedError


SOURCES = ("content", "style", "given", "none")
"""Of what the features give the targets of a term."""


def checked_terms(terms: Term | Iterable[Term], taken: Iterable[str]) -> tuple[Term, ...]:
    """Terms of others, if they can join an objective.

    Args:
        terms: of others, or one.
        taken: names that are given to other terms.

    Raises:
        ConfigError: if one is no `Term`, cannot be a key, or has a name that is taken, a source
            that is unknown, no layers, or a weight that is none.
    """
    terms, names = (terms,) if isinstance(terms, Term) else tuple(terms), [*taken]
    for term in terms:
        if not isinstance(term, Term):
            raise ConfigError(f"`extra_terms` must be of `stylize_tf.Term`; got {term!r}.")
        if term.name in names:
            raise ConfigError(
                f"`extra_terms` must have names of their own; got {term.name!r} beside "
                f"{', '.join(names)}."
            )
        _check_fields(term)
        names.append(term.name)
    return terms


def _check_fields(term: Term) -> None:
    of = f"of {term.name!r} must be"
    try:
        hash(term)
    except TypeError as error:
        raise ConfigError(
            f"`extra_terms`: the fields {of} hashable, as what is compiled is kept by them: make "
            f"it a frozen dataclass, with tuples for lists ({error})."
        ) from error
    if term.source not in SOURCES:
        raise ConfigError(
            f"`extra_terms`: `source` {of} one of {', '.join(SOURCES)}; got {term.source!r}."
        )
    if not _is_weight(term.weight):
        raise ConfigError(
            f"`extra_terms`: `weight` {of} a number of at least 0; got {term.weight!r}."
        )
    pairs = term.layer_weights
    if not (isinstance(pairs, tuple) and pairs and all(map(_is_layer_weight, pairs))):
        raise ConfigError(
            f"`extra_terms`: `layer_weights` {of} pairs of a layer and its weight, one at least, "
            f'such as (("image", 1.0),); got {pairs!r}.'
        )


def _is_weight(weight: Any) -> bool:
    return isinstance(weight, Real) and 0 <= float(weight) < math.inf


def _is_layer_weight(pair: Any) -> bool:
    return (
        isinstance(pair, tuple)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and isinstance(pair[1], Real)
        and math.isfinite(float(pair[1]))
    )


def layers_of(terms: Iterable[Term]) -> tuple[str, ...]:
    """The layers that terms read; what has no weight is left out."""
    return tuple(layer for term in terms if term.weight for layer in term.layers)


def layer_weights(layers: Sequence[str], weights: Sequence[float]) -> tuple[tuple[str, float], ...]:
    """Pairs of a layer and its weight; without weights the layers are averaged."""
    return tuple(zip(layers, weights or [1 / len(layers)] * len(layers), strict=True))
