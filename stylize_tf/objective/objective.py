"""What is minimized: the weighted sum of named terms, over features and targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from stylize_tf.config.layers import IMAGE
from stylize_tf.objective.targets import Coverages, Features, Losses, OfTerms, Targets
from stylize_tf.objective.term import WHOLE, Edges, Part, Place, Term

ROWS = 64
"""Of a map that are looked at together where memory counts."""


def added(sums: Sequence[Any]) -> Any:
    """Sums of several parts together: nests of tensors of one structure."""
    return tf.nest.map_structure(lambda *parts: tf.add_n(parts), *sums)


@dataclasses.dataclass(frozen=True)
class Objective:
    """The weighted sum of terms.

    Attributes:
        terms: with different names.
        units: layer -> number its features are divided by; 1 where missing.
    """

    terms: tuple[Term, ...]
    units: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for objectives that can share what is compiled: they may differ in weights."""
        return self.terms, tuple(sorted(self.units.items()))

    @property
    def weights(self) -> dict[str, float]:
        """What each term counts as it was given; compiled functions want tensors."""
        return {term.name: term.weight for term in self.terms}

    def __call__(self, features: Features, targets: Targets) -> Losses:
        """The weighted value of each term: scalars, float32; the loss is their sum."""
        return self.losses(self.sums(features, targets), targets)

    def of(self, source: str) -> Objective:
        """The terms whose targets come from `source`."""
        terms = tuple(term for term in self.terms if term.source == source)
        return dataclasses.replace(self, terms=terms)

    def layers(self) -> tuple[str, ...]:
        """The layers that the terms read."""
        return tuple(dict.fromkeys(layer for term in self.terms for layer in term.layers))

    def sums(
        self,
        features: Features,
        targets: Targets,
        edges: Edges = WHOLE,
        places: Mapping[str, Place] | None = None,
    ) -> OfTerms:
        """What the terms need of these maps, those of the layers that they read and that are here.

        Args:
            features: of a picture, or of a part of one.
            targets: of it; where they are maps, of that part.
            edges: of the part of the image among the features.
            places: layer -> where the rows of the part are; None for all of the picture.
        """
        return {
            term.name: {
                layer: term.sums(
                    self._part(
                        term,
                        layer,
                        features,
                        targets.coverage,
                        edges,
                        places,
                        targets.of_terms.get(term.name, {}).get(layer),
                    )
                )
                for layer in term.layers
                if layer in features
            }
            for term in self.terms
        }

    def descriptions(
        self,
        features: Features,
        edges: Edges = WHOLE,
        coverage: Coverages | None = None,
        places: Mapping[str, Place] | None = None,
    ) -> OfTerms:
        """As `sums`, of a picture that is to give the targets; of some terms the map itself.

        Args:
            features, edges, places: as for `sums`.
            coverage: of the picture or of the part, to describe regions of it.
        """
        return {
            term.name: {
                layer: features[layer]
                if term.target_is_map
                else term.sums(self._part(term, layer, features, coverage or {}, edges, places))
                for layer in term.layers
                if layer in features
            }
            for term in self.terms
        }

    def _part(
        self,
        term: Term,
        layer: str,
        features: Features,
        coverage: Coverages,
        edges: Edges,
        places: Mapping[str, Place] | None,
        target: Any = None,
    ) -> Part:
        weights = coverage[layer].weights if term.has_regions and coverage else None
        edges = edges if layer == IMAGE else WHOLE
        place = places[layer] if places else None
        return Part(features[layer], self.units.get(layer, 1.0), target, edges, weights, place)

    def together(self, parts: Sequence[OfTerms]) -> OfTerms:
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
        of_terms = {
            term.name: {
                layer: _rows(target, rows[layer])
                if term.target_is_map and layer in rows
                else target
                for layer, target in targets.of_terms[term.name].items()
            }
            for term in self.terms
            if term.name in targets.of_terms
        }
        return Targets(of_terms, targets.weights, part_of_coverage(targets.coverage, rows))

    def losses(self, sums: OfTerms, targets: Targets) -> Losses:
        """The weighted value of each term, from the sums over all of a picture."""
        return {
            term.name: targets.weights[term.name]
            * tf.add_n(
                [
                    weight * _distance(term, layer, term.statistic(sums[term.name][layer]), targets)
                    for layer, weight in term.layer_weights
                ]
            )
            for term in self.terms
        }

    def statistics(
        self, source: str, features: Features, coverage: Coverages | None = None
    ) -> OfTerms:
        """The statistics of one picture for the terms whose targets come from `source`."""
        own = self.of(source)
        return own.described(own.descriptions(features, coverage=coverage))

    def described(self, descriptions: OfTerms) -> OfTerms:
        """The statistics of a picture from the `descriptions` of all of it."""
        return {
            term.name: {
                layer: sums if term.target_is_map else term.statistic(sums)
                for layer, sums in descriptions[term.name].items()
            }
            for term in self.terms
        }

    def targets(self, statistics: Sequence[OfTerms], shares: Sequence[float] = (1.0,)) -> OfTerms:
        """What to compare with, from the `statistics` of several pictures in shares of a blend.

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

    def weighed(self, of_terms: OfTerms, weights: Features) -> OfTerms:
        """Targets that count so many times as much in each place of a layer, `[1, h, w, 1]`."""
        return {
            term.name: {
                layer: term.weighed(target, weights[layer])
                for layer, target in of_terms[term.name].items()
            }
            for term in self.terms
            if term.name in of_terms
        }

    def spared(self, targets: Targets) -> Targets:
        """The same targets, but `Term.idle_target` of terms without weight."""
        # In a graph those without weight are the ones that are known to have none.
        known = {name: tf.get_static_value(weight) for name, weight in targets.weights.items()}
        is_idle = {name: weight is not None and not weight for name, weight in known.items()}
        of_terms = {
            term.name: {
                layer: term.idle_target(target) if is_idle[term.name] else target
                for layer, target in targets.of_terms[term.name].items()
            }
            for term in self.terms
            if term.name in targets.of_terms
        }
        return targets._replace(of_terms=of_terms)

    def energies(self, statistics: OfTerms, targets: OfTerms) -> Losses:
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
                    for layer, weight in term.layer_weights
                ]
            )
            for term in self.terms
            if term.name in statistics
        }

    def _energy(self, term: Term, layer: str, statistics: OfTerms, targets: OfTerms) -> tf.Tensor:
        target = targets[term.name][layer]
        if not term.target_is_map:
            nothing = tf.nest.map_structure(tf.zeros_like, statistics[term.name][layer])
            return term.distance(nothing, target)
        sums = []
        features = statistics[term.name][layer]
        for start in range(0, features.shape[1], ROWS):  # Of a large map there is no room for more.
            rows = slice(start, start + ROWS)
            nothing = tf.zeros_like(features[:, rows])
            part = Part(nothing, self.units.get(layer, 1.0), _rows(target, rows))
            sums.append(term.sums(part))
        return term.distance(term.statistic(added(sums)), target)


def _rows(target: Any, rows: slice) -> Any:
    """Of maps `[N, H, ...]` these rows."""
    return tf.nest.map_structure(lambda x: x[:, rows], target)


def part_of_coverage(coverage: Coverages, rows: Mapping[str, slice]) -> Coverages:
    """Of the coverage of a picture, these rows of each layer that has some."""
    return {
        layer: each._replace(weights=each.weights[:, rows[layer]])
        for layer, each in coverage.items()
        if layer in rows
    }


def _distance(term: Term, layer: str, statistic: Any, targets: Targets) -> tf.Tensor:
    """The distance of a statistic from its target; of regions, the sum in their shares."""
    target = targets.of_terms.get(term.name, {}).get(layer)
    if not (term.has_regions and targets.coverage):
        return term.distance(statistic, target)
    shares = targets.coverage[layer].shares
    return tf.add_n(
        [
            shares[region] * term.distance(_region(statistic, region), _region(target, region))
            for region in range(shares.shape[0])
        ]
    )


def _region(nest: Any, region: int) -> Any:
    """Of tensors `[R, ...]` those of one region, `[1, ...]`."""
    return tf.nest.map_structure(lambda tensor: tensor[region : region + 1], nest)


def of_regions(targets: Sequence[OfTerms]) -> OfTerms:
    """The targets of R regions from those of each: tensors `[1, ...]` -> `[R, ...]`."""
    return tf.nest.map_structure(lambda *each: tf.concat(each, axis=0), *targets)
