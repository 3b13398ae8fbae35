"""How far the features are from the photograph's where something is going on there."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective.moments import full
from stylize_tf.objective.statistics import Mean, activity
from stylize_tf.objective.term import WHOLE_WEIGHT_SIDE, Part, Term, layer_weights
from stylize_tf.objective.terms.content import Weighed, at_size_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Focus(Term):
    """The content where something is going on (`statistics.activity`, squared), early.

    The content's weight grows over the stages, to leave great forms of the painting room. Where
    there are things they have no room to take: there, this term makes up for what the content
    lacks yet, and is gone where it lacks nothing. Ours; not in the literature of style transfer.

    Attributes:
        content_growth: how the content's weight grows, see `StyleTransferConfig`.
    """

    content_growth: float = dataclasses.field(default=1.0, compare=False)
    target_is_map = True

    def size_factor(self, long_side: float, finished: float) -> float:
        """What the content's factor lacks of 1."""
        del finished
        return 1.0 - min(long_side / WHOLE_WEIGHT_SIDE, 1.0) ** self.content_growth

    def target(self, statistic: tf.Tensor) -> Weighed:
        """With the places where something is going on."""
        weights = tf.square(activity(full(statistic)))[..., tf.newaxis]
        return Weighed(statistic, tf.cast(weights, statistic.dtype))

    def weighed(self, target: Weighed, weights: tf.Tensor) -> Weighed:
        """The target, counting so much in each place."""
        return target._replace(weights=target.weights * tf.cast(weights, target.weights.dtype))

    def sums(self, part: Part) -> Mean:
        """Of the squared differences, so weighed."""
        features = full(part.features)
        target, weights = (at_size_of(features, x) for x in part.target)
        squares = tf.square((features - target) / part.unit)
        return Mean.of(weights * squares)

    def distance(self, squares: Mean, target: Weighed) -> tf.Tensor:
        """`mean(s^2 * (F - F*)^2)`."""
        return squares.value()


def of(config: StyleTransferConfig) -> Focus | None:
    """The term that a configuration asks for."""
    if not (config.focus_weight and config.content_weight and config.content_layers):
        return None
    return Focus(
        name="focus",
        source="content",
        layer_weights=layer_weights(config.content_layers, config.content_layer_weights),
        weight=config.content_weight * config.focus_weight,
        smallest_energy=1e-12,
        content_growth=config.content_growth,
    )
