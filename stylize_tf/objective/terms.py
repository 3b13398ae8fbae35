"""The terms of the objective that a configuration asks for: content, style, patches, roughness."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from stylize_tf.config.style_transfer import PATCH_SIZE, StyleTransferConfig
from stylize_tf.objective import losses, total_variation
from stylize_tf.objective.moments import Moments, full, moments
from stylize_tf.objective.objective import Edges, Objective, Term

PATCH_EPSILON = 1.6e-4
"""Added to the variances of patches, of pixels in [0, 1]: a grain of three grey levels."""


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
