"""What is minimized: named terms, their weighted sum, and their targets.

A term is plain data, worth `weight * sum(layer_weight * distance(statistic(features), target))`
over its layers. Adding a loss means adding a term.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

Features = Mapping[str, tf.Tensor]
Targets = dict[str, dict[str, Any]]
"""Term name -> layer -> what the term's distance compares with; a nest of tensors."""
Losses = dict[str, tf.Tensor]
"""Term name -> its weighted scalar."""


class Coverage(NamedTuple):
    """How much the positions of a layer's map count in each of R regions of the picture.

    Attributes:
        weights: float32, `[1, h, w, R]`, in [0, 1]; or those of a part of the map.
        shares: `[R]`, of the area of the picture, so that a region counts by its size.
    """

    weights: tf.Tensor
    shares: tf.Tensor


class Edges(NamedTuple):
    """Rows at the top and at the bottom of a part of the image that belong to its neighbors.

    Terms on the image itself compare pixels with those around them, so they are given one row
    beyond each side of a part, where there is one; its pairs and patches are counted once.
    """

    above: Any
    below: Any


WHOLE = Edges(0, 0)
"""Of a map that is not a part of another."""


def added(sums: Sequence[Any]) -> Any:
    """Sums of several parts together: nests of tensors of one structure."""
    return tf.nest.map_structure(lambda *parts: tf.add_n(parts), *sums)


def _first(statistics: Sequence[Any], shares: Sequence[float]) -> Any:
    return statistics[0]


def _same(statistic: Any) -> Any:
    return statistic


@dataclasses.dataclass(frozen=True)
class Term:
    """One summand of the objective.

    What it needs of a map are sums over positions, so that they can be had from parts of the map,
    and added up.

    Attributes:
        name: key in `Losses` and `Targets`.
        source: "content" or "style", whose features give the targets; "none" where there is none.
        layers: layer -> weight within the term.
        weight: weight of the whole term.
        sums: a map `[N, h, W, C]` or a part of it, the layer's unit, the part of the target where
            that is a map, else the target, the part's `Edges`, and for terms with regions the
            weights `[1, h, W, R]` of its positions or None -> tensors to add up.
        statistic: sums of a whole map -> statistic (any nest of tensors).
        distance: statistic, target -> scalar.
        blend: statistics of several pictures and their shares -> one statistic.
        target: statistic -> target; computed once, so it may be costly.
        target_is_map: whether targets are maps in place of statistics, compared by position.
        has_regions: whether the statistics are those of regions, where the targets tell of some:
            nests with R in place of N.
    """

    name: str
    source: str
    layers: Mapping[str, float]
    weight: float
    sums: Callable[[tf.Tensor, float, Any, Edges, tf.Tensor | None], Any]
    statistic: Callable[[Any], Any] = _same
    distance: Callable[[Any, Any], tf.Tensor] = lambda statistic, target: statistic
    blend: Callable[[Sequence[Any], Sequence[float]], Any] = _first
    target: Callable[[Any], Any] = _same
    target_is_map: bool = False
    has_regions: bool = False


ROWS = 64
"""Of a map that are looked at together where memory counts."""

WEIGHTS = "weights"
"""Key in `Targets` of the terms' weights by name, in place of their own: data, so that stages, and
runs of other weights, share a trace."""

COVERAGE = "coverage"
"""Key in `Targets` of the `Coverage` of regions by layer; missing where there are none."""

Sums = dict[str, dict[str, Any]]
"""Term name -> layer -> the term's sums over the positions of a map."""


@dataclasses.dataclass(frozen=True)
class Objective:
    """The weighted sum of terms.

    Attributes:
        terms: with different names.
        units: layer -> number its features are divided by; 1 where missing.
    """

    terms: tuple[Term, ...]
    units: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __call__(self, features: Features, targets: Targets) -> Losses:
        """The weighted value of each term: scalars, float32; the loss is their sum."""
        return self.losses(self.sums(features, targets), targets)

    def of(self, source: str) -> Objective:
        """The terms whose targets come from `source`."""
        terms = tuple(term for term in self.terms if term.source == source)
        return dataclasses.replace(self, terms=terms)

    def sums(self, features: Features, targets: Targets, edges: Edges = WHOLE) -> Sums:
        """What the terms need of these maps, those of the layers that they read and that are here.

        Args:
            features: of a picture, or of a part of one.
            targets: of it; where they are maps, of that part.
            edges: of the part of the image among the features.
        """
        return {
            term.name: {
                layer: self._sums(term, layer, features, targets, edges)
                for layer in term.layers
                if layer in features
            }
            for term in self.terms
        }

    def _sums(
        self, term: Term, layer: str, features: Features, targets: Targets, edges: Edges
    ) -> Any:
        target = targets.get(term.name, {}).get(layer)
        weights = targets[COVERAGE][layer].weights if _is_regional(term, targets) else None
        return term.sums(features[layer], self.units.get(layer, 1.0), target, edges, weights)

    def descriptions(
        self, features: Features, edges: Edges = WHOLE, coverage: Targets | None = None
    ) -> Sums:
        """As `sums`, of a picture that is to give the targets; of some terms the map itself.

        Args:
            features, edges: as for `sums`.
            coverage: `{COVERAGE: ...}` of the picture or of the part, to describe regions of it.
        """
        return {
            term.name: {
                layer: features[layer]
                if term.target_is_map
                else self._sums(term, layer, features, coverage or {}, edges)
                for layer in term.layers
                if layer in features
            }
            for term in self.terms
        }

    def together(self, parts: Sequence[Sums]) -> Sums:
        """The `descriptions` of a picture from those of its bands, top to bottom."""
        return {
            term.name: {
                layer: tf.concat([part[term.name][layer] for part in parts], axis=1)
                if term.target_is_map
                else added([part[term.name][layer] for part in parts])
                for layer in parts[0][term.name]
            }
            for term in self.terms
        }

    def parts_of(self, targets: Targets, rows: Mapping[str, slice]) -> Targets:
        """The targets of a part of the picture: of those that are maps, these rows of a layer."""
        parts = {
            term.name: {
                layer: target[:, rows[layer]] if term.target_is_map and layer in rows else target
                for layer, target in targets[term.name].items()
            }
            for term in self.terms
            if term.name in targets
        }
        if COVERAGE in targets:
            parts[COVERAGE] = {
                layer: coverage._replace(weights=coverage.weights[:, rows[layer]])
                for layer, coverage in targets[COVERAGE].items()
                if layer in rows
            }
        return parts

    def losses(self, sums: Sums, targets: Targets) -> Losses:
        """The weighted value of each term, from the sums over all of a picture."""
        return {
            term.name: targets.get(WEIGHTS, {}).get(term.name, term.weight)
            * tf.add_n(
                [
                    weight * _distance(term, layer, term.statistic(sums[term.name][layer]), targets)
                    for layer, weight in term.layers.items()
                ]
            )
            for term in self.terms
        }

    def layers(self, source: str | None = None) -> tuple[str, ...]:
        """The layers that the terms read; only those with targets from `source` if it is given."""
        terms = [term for term in self.terms if source in (None, term.source)]
        return tuple(dict.fromkeys(layer for term in terms for layer in term.layers))

    def statistics(
        self, source: str, features: Features, coverage: Targets | None = None
    ) -> Targets:
        """The statistics of one picture for the terms whose targets come from `source`."""
        own = self.of(source)
        return own.described(own.descriptions(features, coverage=coverage))

    def described(self, descriptions: Sums) -> Targets:
        """The statistics of a picture from the `descriptions` of all of it."""
        return {
            term.name: {
                layer: sums if term.target_is_map else term.statistic(sums)
                for layer, sums in descriptions[term.name].items()
            }
            for term in self.terms
        }

    def energies(self, statistics: Targets, targets: Targets) -> Losses:
        """The distances of the targets from a picture without features, without terms' weights.

        Args:
            statistics: of one source.
            targets: that these give.

        Returns:
            Term -> scalar, for the terms that are among the statistics.
        """
        return {
            term.name: tf.add_n(
                [
                    weight * self._energy(term, layer, statistics, targets)
                    for layer, weight in term.layers.items()
                ]
            )
            for term in self.terms
            if term.name in statistics
        }

    def _energy(self, term: Term, layer: str, statistics: Targets, targets: Targets) -> tf.Tensor:
        target = targets[term.name][layer]
        if not term.target_is_map:
            nothing = tf.nest.map_structure(tf.zeros_like, statistics[term.name][layer])
            return term.distance(nothing, target)
        unit, sums = self.units.get(layer, 1.0), []
        for start in range(0, target.shape[1], ROWS):  # Of a large map there is no room for more.
            part = target[:, start : start + ROWS]
            sums.append(term.sums(tf.zeros_like(part), unit, part, WHOLE, None))
        return term.distance(term.statistic(added(sums)), target)

    def targets(self, statistics: Sequence[Targets], shares: Sequence[float] = (1.0,)) -> Targets:
        """The targets from the `statistics` of several pictures with these shares of the blend.

        Args:
            statistics: of one source; not empty.
            shares: as many, >= 0, adding up to 1.
        """
        return {
            term.name: {
                layer: term.target(term.blend([x[term.name][layer] for x in statistics], shares))
                for layer in term.layers
            }
            for term in self.terms
            if term.name in statistics[0]
        }


def _is_regional(term: Term, targets: Targets) -> bool:
    return term.has_regions and COVERAGE in targets


def _distance(term: Term, layer: str, statistic: Any, targets: Targets) -> tf.Tensor:
    """The distance of a statistic from its target; of regions, the sum in their shares."""
    target = targets.get(term.name, {}).get(layer)
    if not _is_regional(term, targets):
        return term.distance(statistic, target)
    shares = targets[COVERAGE][layer].shares
    return tf.add_n(
        [
            shares[region] * term.distance(_region(statistic, region), _region(target, region))
            for region in range(shares.shape[0])
        ]
    )


def _region(nest: Any, region: int) -> Any:
    """Of tensors `[R, ...]` those of one region, `[1, ...]`."""
    return tf.nest.map_structure(lambda tensor: tensor[region : region + 1], nest)


def of_regions(targets: Sequence[Targets]) -> Targets:
    """The targets of R regions from those of each: tensors `[1, ...]` -> `[R, ...]`."""
    return tf.nest.map_structure(lambda *each: tf.concat(each, axis=0), *targets)
