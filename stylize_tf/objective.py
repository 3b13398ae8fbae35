"""What is minimized: named terms, their weighted sum, and their targets.

A term is plain data, worth `weight * sum(layer_weight * distance(statistic(features), target))`
over its layers. Adding a loss means adding a term.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from stylize_tf import losses
from stylize_tf.config import PATCH_SIZE, StyleTransferConfig

Features = Mapping[str, tf.Tensor]
Targets = dict[str, dict[str, Any]]
"""Term name -> layer -> what the term's distance compares with; a nest of tensors."""
Losses = dict[str, tf.Tensor]
"""Term name -> its weighted scalar."""

PATCH_EPSILON = 1.6e-4
"""Added to the variances of patches, of pixels in [0, 1]: a grain of three grey levels."""


def _first(statistics: Sequence[Any], shares: Sequence[float]) -> Any:
    return statistics[0]


@dataclasses.dataclass(frozen=True)
class Term:
    """One summand of the objective.

    Attributes:
        name: key in `Losses` and `Targets`.
        source: "content" or "style", whose features give the targets; "none" where there is none.
        layers: layer -> weight within the term.
        weight: weight of the whole term.
        statistic: features `[N, H, W, C]` and the layer's unit -> statistic (any nest of tensors).
        distance: statistic, target -> scalar.
        blend: statistics of several pictures and their shares -> one statistic.
        target: statistic -> target; computed once, so it may be costly.
    """

    name: str
    source: str
    layers: Mapping[str, float]
    weight: float
    statistic: Callable[[tf.Tensor, float], Any]
    distance: Callable[[Any, Any], tf.Tensor]
    blend: Callable[[Sequence[Any], Sequence[float]], Any] = _first
    target: Callable[[Any], Any] = lambda statistic: statistic


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
        return {term.name: self._value(term, features, targets) for term in self.terms}

    def _value(self, term: Term, features: Features, targets: Targets) -> tf.Tensor:
        values = [
            weight * term.distance(self._statistic(term, features, layer), target)
            for layer, weight in term.layers.items()
            for target in [targets.get(term.name, {}).get(layer)]
        ]
        return term.weight * tf.add_n(values)

    def _statistic(self, term: Term, features: Features, layer: str) -> Any:
        return term.statistic(features[layer], self.units.get(layer, 1.0))

    def layers(self, source: str | None = None) -> tuple[str, ...]:
        """The layers that the terms read; only those with targets from `source` if it is given."""
        terms = [term for term in self.terms if source in (None, term.source)]
        return tuple(dict.fromkeys(layer for term in terms for layer in term.layers))

    def statistics(self, source: str, features: Features) -> Targets:
        """The statistics of one picture for the terms whose targets come from `source`."""
        return {
            term.name: {layer: self._statistic(term, features, layer) for layer in term.layers}
            for term in self.terms
            if term.source == source
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


def build_objective(config: StyleTransferConfig, units: Mapping[str, float]) -> Objective:
    """The terms that a configuration asks for; those of weight 0 are left out.

    Args:
        config: which terms, layers, weights and forms.
        units: mean activation of each layer; used if `config.normalize_features`.
    """
    terms = []
    if config.content_weight and config.content_layers:
        terms.append(content_term(config))
    if config.style_weight and config.style_layers:
        terms.append(style_term(config))
    if config.style_weight and config.patch_weight:
        terms.append(patch_term(config))
    if config.total_variation_weight:
        terms.append(total_variation_term(config))
    return Objective(tuple(terms), dict(units) if config.normalize_features else {})


def content_term(config: StyleTransferConfig) -> Term:
    """How far the features are from the photograph's: Gatys et al. (2016), Eq. (1).

    A target of another size is resized to the picture's map, layer by layer.
    """
    form = {"mean": losses.mean_squared_error, "half_sum": losses.half_squared_error}

    def distance(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        return form[config.content_form](features, _at_size_of(features, target))

    return Term(
        name="content",
        source="content",
        layers=_layer_weights(config.content_layers, config.content_layer_weights),
        weight=config.content_weight,
        statistic=lambda features, unit: tf.cast(features, tf.float32) / unit,
        distance=distance,
    )


def _at_size_of(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    size = tf.shape(features)[1:3]
    same = tf.reduce_all(tf.equal(size, tf.shape(target)[1:3]))
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
            "statistic": lambda features, unit: _gram(features, unit, config.gram_form),
            "distance": _GRAM_DISTANCES[config.gram_form],
            "blend": losses.blend,
        }
    else:
        epsilon = config.style_epsilon
        parts = {"statistic": _gaussian, "blend": losses.blend_gaussians}
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
        statistic=lambda image, unit: losses.gaussian(losses.patches(image, PATCH_SIZE)),
        distance=lambda x, target: losses.bures(x, target, PATCH_EPSILON),
        blend=losses.blend_gaussians,
        target=lambda statistic: losses.bures_target(statistic, PATCH_EPSILON),
    )


def _gaussian(features: tf.Tensor, unit: float) -> losses.Gaussian:
    mean, covariance = losses.gaussian(features)
    return losses.Gaussian(mean / unit, covariance / unit**2)


def _gram(features: tf.Tensor, unit: float, form: str) -> tf.Tensor:
    """The Gram matrix in the normalization of `form`: over positions unless it says otherwise."""
    gram = losses.gram_matrix(features) / unit**2
    if form == "sum":
        gram *= tf.cast(tf.reduce_prod(tf.shape(features)[1:3]), gram.dtype)
    if form == "channel_mean":
        gram /= tf.cast(tf.shape(features)[3], gram.dtype)
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
    forms = {
        "l1": losses.total_variation_l1,
        "squared": losses.total_variation_squared,
        "nine_point": losses.total_variation_nine_point,
    }
    return Term(
        name="total_variation",
        source="none",
        layers={"image": 1.0},
        weight=config.total_variation_weight,
        statistic=lambda image, unit: image,
        distance=lambda image, _: forms[config.total_variation](image),
    )


def _layer_weights(layers: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    """Layer -> weight; without weights the layers are averaged."""
    return dict(zip(layers, weights or [1 / len(layers)] * len(layers), strict=True))
