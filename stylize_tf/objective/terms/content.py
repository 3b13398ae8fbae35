"""How far the features are from the photograph's."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, NamedTuple

import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective.moments import full
from stylize_tf.objective.statistics import Mean
from stylize_tf.objective.term import WHOLE_WEIGHT_SIDE, Part, Term, layer_weights


class Weighed(NamedTuple):
    """A target that counts more in some places: features `[N, h, w, C]`, weights `[.., 1]`."""

    features: tf.Tensor
    weights: tf.Tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Content(Term):
    """Gatys et al. (2016), Eq. (1); a target of another size is resized to the picture's map.

    Great forms of the painting need room at the coarse stages; what content they lose the finer
    ones restore. So the weight grows with the stage, and a small picture is as a large one is on
    its way: it shows what that will look like.

    Attributes:
        form: "mean", or "half_sum" as in the paper.
    """

    form: str = "mean"
    target_is_map: ClassVar[bool] = True

    def sums(self, part: Part) -> Mean:
        """Of the squared differences; for "half_sum" the total is that of a picture."""
        target = part.target
        features = target.features if isinstance(target, Weighed) else target
        difference = full(part.features) - full(at_size_of(part.features, features))
        every = tf.square(difference / part.unit)
        if isinstance(target, Weighed):
            every *= at_size_of(part.features, target.weights)
        squares = Mean.of(every)
        pictures = tf.cast(tf.shape(difference)[0], difference.dtype)
        return squares if self.form == "mean" else squares._replace(total=squares.total / pictures)

    def weighed(self, target: tf.Tensor, weights: tf.Tensor) -> Weighed:
        """The target, counting so much in each place."""
        return Weighed(target, tf.cast(weights, target.dtype))

    def distance(self, squares: Mean, target: tf.Tensor | Weighed) -> tf.Tensor:
        """`mean((F - F*)^2)`, or `sum((F - F*)^2) / 2`."""
        return squares.total / (squares.count if self.form == "mean" else 2)


def at_size_of(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """A target, which may be of another size, at the size of a map: `[N, h, w, C]`."""
    size = tf.shape(features)[1:3]
    same = tf.reduce_all(tf.equal(size, tf.shape(target)[1:3]))
    target = full(target)
    resized = tf.cond(same, lambda: target, lambda: tf.image.resize(target, size, antialias=True))
    return tf.ensure_shape(resized, [None, None, None, target.shape[3]])


def of(config: StyleTransferConfig) -> Content | None:
    """The term that a configuration asks for."""
    if not config.content_weight or not config.content_layers:
        return None
    return Content(
        name="content",
        source="content",
        layer_weights=layer_weights(config.content_layers, config.content_layer_weights),
        weight=config.content_weight,
        growth=config.content_growth,
        grown_side=WHOLE_WEIGHT_SIDE,
        smallest_energy=1e-12,
        form=config.content_form,
    )
