"""How far the statistics of the features are from the painting's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective import distances, statistics
from stylize_tf.objective.moments import Moments, moments
from stylize_tf.objective.term import Part, Term, layer_weights


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style(Term):
    """What the forms of the style have in common: statistics of features in units of the layer."""

    has_regions: ClassVar[bool] = True
    balances_regions: ClassVar[bool] = True

    def sums(self, part: Part) -> Any:
        """The moments of the features."""
        count, first, second = moments(part.features, part.weights)
        return Moments(count, first / part.unit, second / part.unit**2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gram(Style):
    """Gram matrices: Gatys et al. (2016), Eqs. (4) and (5), in one of several normalizations.

    Attributes:
        form: a choice of `StyleTransferConfig.gram_form`, which tells the formulas.
    """

    form: str = "mean"

    def sums(self, part: Part) -> Any:
        """The moments; for "sum" with the number of all positions."""
        sums = super().sums(part)
        if self.form != "sum":
            return sums
        shape = tf.shape(part.features)
        return sums, tf.cast(shape[1] * shape[2], sums.count.dtype)

    def statistic(self, sums: Any) -> tf.Tensor:
        """The Gram matrix `[N, C, C]`: over positions unless the form says otherwise.

        The sum over a region is taken as if the region were as large as the picture.
        """
        if self.form == "sum":
            of_region, positions = sums
            extent = tf.math.divide_no_nan(positions, of_region.count)
            return of_region.second * extent[:, tf.newaxis, tf.newaxis]
        gram = statistics.gram_matrix(sums)
        if self.form == "channel_mean":
            gram /= tf.cast(tf.shape(gram)[-1], gram.dtype)
        return gram

    def blend(self, statistics_of_each: Sequence[tf.Tensor], shares: Sequence[float]) -> tf.Tensor:
        """The Gram matrix of the pictures side by side."""
        return statistics.blend(statistics_of_each, shares)

    def distance(self, statistic: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """In the form's normalization."""
        return _GRAM_DISTANCES[self.form](statistic, target)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gaussians(Style):
    """Mean and covariance of the features, compared by `distances.bures`.

    Attributes:
        epsilon: added to the variances; > 0, in units of the layer's squared.
    """

    epsilon: float

    def statistic(self, sums: Moments) -> statistics.Gaussian:
        """Mean and covariance."""
        return statistics.gaussian(sums)

    def blend(
        self, statistics_of_each: Sequence[statistics.Gaussian], shares: Sequence[float]
    ) -> statistics.Gaussian:
        """The Gaussian of the pictures side by side."""
        return statistics.blend_gaussians(statistics_of_each, shares)

    def target(self, statistic: statistics.Gaussian) -> Any:
        """With an eigendecomposition, done once."""
        return distances.bures_target(statistic, self.epsilon)

    def distance(self, statistic: statistics.Gaussian, target: Any) -> tf.Tensor:
        """Without matrix roots."""
        return distances.bures(statistic, target, self.epsilon)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExactGaussians(Gaussians):
    """The same compared by `distances.wasserstein_2`."""

    def target(self, statistic: statistics.Gaussian) -> Any:
        """With the root of the covariance."""
        return distances.wasserstein_2_target(statistic, self.epsilon)

    def distance(self, statistic: statistics.Gaussian, target: Any) -> tf.Tensor:
        """Exact."""
        return distances.wasserstein_2(statistic, target, self.epsilon)


def _mean_over_channels(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    # sum(d^2) / C^4: the mean over the C^2 entries, divided by C^2 once more.
    return distances.mean_squared_error(x, target) / tf.cast(tf.shape(x)[-1], x.dtype) ** 2


_GRAM_DISTANCES: Mapping[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "mean": distances.mean_squared_error,
    "sum": _mean_over_channels,
    "channel_mean": distances.mean_squared_error,
    # sum(d^2) / (4 C^2 N^2) with d of the summed Gram matrices, for pictures of equal size.
    "gatys": lambda x, target: distances.mean_squared_error(x, target) / 4,
    "relative": distances.relative_squared_error,
}


def of(config: StyleTransferConfig) -> Style | None:
    """The term that a configuration asks for."""
    if not config.style_weight or not config.style_layers:
        return None
    common: dict[str, Any] = {
        "name": "style",
        "source": "style",
        "layer_weights": layer_weights(config.style_layers, config.style_layer_weights),
        "weight": config.style_weight,
        "smallest_energy": 1e-12,
    }
    if config.style_loss == "gram":
        return Gram(**common, form=config.gram_form)
    kind = ExactGaussians if config.style_loss == "w2" else Gaussians
    return kind(**common, epsilon=config.style_epsilon)
