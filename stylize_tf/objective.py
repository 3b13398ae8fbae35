"""What is minimized: named terms, their weighted sum, and their targets.

A term is plain data, worth `weight * sum(layer_weight * distance(statistic(features), target))`
over its layers. Adding a loss means adding a term.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from stylize_tf import losses, total_variation
from stylize_tf.config import PATCH_SIZE, StyleTransferConfig
from stylize_tf.moments import Moments, full, moments

Features = Mapping[str, tf.Tensor]
Targets = dict[str, dict[str, Any]]
"""Term name -> layer -> what the term's distance compares with; a nest of tensors."""
Losses = dict[str, tf.Tensor]
"""Term name -> its weighted scalar."""

PATCH_EPSILON = 1.6e-4
"""Added to the variances of patches, of pixels in [0, 1]: a grain of three grey levels."""


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


FACTORS = "factors"
"""Key in `Targets` of factors of the terms' weights by name: data, so that stages share a trace."""

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
            term.name: term.weight
            * targets.get(FACTORS, {}).get(term.name, 1.0)
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


def build_objective(config: StyleTransferConfig, units: Mapping[str, float]) -> Objective:
    """The terms that a configuration asks for; those of weight 0 are left out.

    Args:
        config: which terms, layers, weights and forms.
        units: mean activation of each layer; used if `config.normalize_features`.
    """
    terms = []
    if config.strength < 2 and config.content_weight and config.content_layers:
        term = content_term(config)
        terms.append(
            dataclasses.replace(term, weight=term.weight * strength_factor(config.strength))
        )
    if not config.strength:  # The photograph itself.
        return Objective(tuple(terms), dict(units) if config.normalize_features else {})
    if config.style_weight and config.style_layers:
        terms.append(style_term(config))
    if config.style_weight and config.patch_weight:
        terms.append(patch_term(config))
    if config.total_variation_weight:
        terms.append(total_variation_term(config))
    return Objective(tuple(terms), dict(units) if config.normalize_features else {})


def strength_factor(strength: float) -> float:
    """The factor of the content's weight: 1 at a strength of 1, none at 2, ever more towards 0."""
    return ((2 - strength) / strength) ** 1.5 if strength else 1.0


def content_term(config: StyleTransferConfig) -> Term:
    """How far the features are from the photograph's: Gatys et al. (2016), Eq. (1).

    A target of another size is resized to the picture's map, layer by layer.
    """

    def sums(
        features: tf.Tensor, unit: float, target: tf.Tensor, edges: Edges, weights: None
    ) -> losses.Mean:
        difference = full(features) - full(_at_size_of(features, target))
        return losses.Mean.of(tf.square(difference / unit))

    def distance(squares: losses.Mean, target: tf.Tensor) -> tf.Tensor:
        return squares.total / (2 if config.content_form == "half_sum" else squares.count)

    return Term(
        name="content",
        source="content",
        layers=_layer_weights(config.content_layers, config.content_layer_weights),
        weight=config.content_weight,
        sums=sums,
        distance=distance,
        target_is_map=True,
    )


def _at_size_of(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    size = tf.shape(features)[1:3]
    same = tf.reduce_all(tf.equal(size, tf.shape(target)[1:3]))
    target = full(target)
    resized = tf.cond(same, lambda: target, lambda: tf.image.resize(target, size, antialias=True))
    return tf.ensure_shape(resized, [None, None, None, target.shape[3]])


def style_term(config: StyleTransferConfig) -> Term:
    """How far the statistics of the features are from the painting's.

    "gram" is Gatys et al. (2016), Eqs. (4) and (5), in the normalization of `config.gram_form`;
    "w2" and "bures" compare mean and covariance, see `losses.wasserstein_2` and `losses.bures`.
    """
    parts: dict[str, Any]
    if config.style_loss == "gram":
        parts = {
            "sums": _moments_of_all if config.gram_form == "sum" else _moments,
            "statistic": lambda sums: _gram(sums, config.gram_form),
            "distance": _GRAM_DISTANCES[config.gram_form],
            "blend": losses.blend,
        }
    else:
        epsilon = config.style_epsilon
        parts = {
            "sums": _moments,
            "statistic": losses.gaussian_of,
            "blend": losses.blend_gaussians,
        }
        if config.style_loss == "w2":
            parts["distance"] = lambda x, target: losses.wasserstein_2(x, target, epsilon)
            parts["target"] = lambda statistic: losses.wasserstein_2_target(statistic, epsilon)
        else:
            parts["distance"] = lambda x, target: losses.bures(x, target, epsilon)
            parts["target"] = lambda statistic: losses.bures_target(statistic, epsilon)
    return Term(
        name="style",
        source="style",
        layers=_layer_weights(config.style_layers, config.style_layer_weights),
        weight=config.style_weight,
        has_regions=True,
        **parts,
    )


def patch_term(config: StyleTransferConfig) -> Term:
    """How far the statistics of 3x3 patches of pixels are from the painting's.

    Mean and covariance of the 27 numbers of a patch are the colors and the autocorrelation up to
    two pixels, hence the spectrum of the finest grain, in every direction. The network's first
    layer hardly sees it: without this term a smoothed picture shows a weave along the axes. Ours;
    not in the literature of style transfer. The distance is `losses.bures`.
    """
    return Term(
        name="patches",
        source="style",
        layers={"image": 1.0},
        weight=config.style_weight * config.patch_weight,
        sums=_patch_moments,
        has_regions=True,
        statistic=losses.gaussian_of,
        distance=lambda x, target: losses.bures(x, target, PATCH_EPSILON),
        blend=losses.blend_gaussians,
        target=lambda statistic: losses.bures_target(statistic, PATCH_EPSILON),
    )


def _moments(
    features: tf.Tensor, unit: float, target: Any, edges: Edges, weights: tf.Tensor | None
) -> Moments:
    count, first, second = moments(features, weights)
    return Moments(count, first / unit, second / unit**2)


def _moments_of_all(
    features: tf.Tensor, unit: float, target: Any, edges: Edges, weights: tf.Tensor | None
) -> tuple[Moments, tf.Tensor]:
    """`_moments`, and the number of positions, whether a region covers them or not."""
    shape = tf.shape(features)
    sums = _moments(features, unit, target, edges, weights)
    return sums, tf.cast(shape[1] * shape[2], sums.count.dtype)


def _patch_moments(
    image: tf.Tensor, unit: float, target: Any, edges: Edges, weights: tf.Tensor | None
) -> Moments:
    """Those of the patches whose middle pixel is in the part; edges have the rows for that."""
    if weights is not None:
        reach = PATCH_SIZE // 2
        rows = slice(reach - edges.above, tf.shape(weights)[1] - reach + edges.below)
        weights = weights[:, rows, reach:-reach]
    return moments(losses.patches(image, PATCH_SIZE), weights)


def _gram(sums: Any, form: str) -> tf.Tensor:
    """The Gram matrix in the normalization of `form`: over positions unless it says otherwise.

    The sum over a region is taken as if the region were as large as the picture.
    """
    if form == "sum":
        of_region, positions = sums
        extent = tf.math.divide_no_nan(positions, of_region.count)
        return of_region.second * extent[:, tf.newaxis, tf.newaxis]
    gram = losses.gram_of(sums)
    if form == "channel_mean":
        gram /= tf.cast(tf.shape(gram)[-1], gram.dtype)
    return gram


def _mean_over_channels(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    # sum(d^2) / C^4: the mean over the C^2 entries, divided by C^2 once more.
    return losses.mean_squared_error(x, target) / tf.cast(tf.shape(x)[-1], x.dtype) ** 2


_GRAM_DISTANCES: Mapping[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "mean": losses.mean_squared_error,
    "sum": _mean_over_channels,
    "channel_mean": losses.mean_squared_error,
    # sum(d^2) / (4 C^2 N^2) with d of the summed Gram matrices, for pictures of equal size.
    "gatys": lambda x, target: losses.mean_squared_error(x, target) / 4,
    "relative": losses.relative_squared_error,
}


def total_variation_term(config: StyleTransferConfig) -> Term:
    """How rough the picture itself is; it has no target."""
    return Term(
        name="total_variation",
        source="none",
        layers={"image": 1.0},
        weight=config.total_variation_weight,
        sums=lambda image, unit, target, edges, weights: total_variation.neighbor_sums(
            image, config.total_variation, *edges
        ),
        distance=lambda sums, _: total_variation.of_sums(sums, config.total_variation),
    )


def _layer_weights(layers: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    """Layer -> weight; without weights the layers are averaged."""
    return dict(zip(layers, weights or [1 / len(layers)] * len(layers), strict=True))
