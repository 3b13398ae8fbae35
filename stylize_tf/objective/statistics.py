"""Statistics of feature maps, as pure functions.

A statistic reduces features `[N, H, W, C]` to something that does not depend on the picture's size.
Everything is computed in float32 whatever the format of the features, because sums over a million
positions do not fit lower formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from stylize_tf.objective.moments import Moments

ACTIVITY_WINDOW = 5
"""Positions of a map, high and wide, that say how much is going on in their middle."""


def gram_matrix(sums: Moments) -> tf.Tensor:
    """Correlations between channels, averaged over positions.

    Gatys et al. (2016), Eq. (3), divided by `H * W` so that image sizes compare (the paper sums):
    `gram[n, c, d] = mean(x[n, h, w, c] * x[n, h, w, d] for all h, w)` of the features `x` that the
    moments are of.

    Returns:
        `[N, C, C]`; symmetric, positive semi-definite.
    """
    return tf.math.divide_no_nan(sums.second, sums.count[:, tf.newaxis, tf.newaxis])


class Gaussian(NamedTuple):
    """Mean `[N, C]` and covariance `[N, C, C]` of the features over the positions of a picture."""

    mean: tf.Tensor
    covariance: tf.Tensor


def gaussian(sums: Moments) -> Gaussian:
    """The Gaussian that has the mean and the covariance (divided by `H * W`) of the features.

    The covariance is the Gram matrix less the square of the mean, so that both are sums over
    positions. That cancels where a channel's mean is large against its deviation: its relative
    error is float32's times `mean^2 / variance`, which activations behind a ReLU keep small.
    """
    mean = tf.math.divide_no_nan(sums.first, sums.count[:, tf.newaxis])
    return Gaussian(mean, gram_matrix(sums) - _outer(mean))


def patches(image: tf.Tensor, size: int) -> tf.Tensor:
    """The pixels around every position whose patch lies within the picture, as features.

    Args:
        image: float, `[N, H, W, C]`, neither `H` nor `W` below `size`.
        size: height and width of a patch, in pixels.

    Returns:
        `[N, H - size + 1, W - size + 1, size * size * C]`, same dtype.
    """
    # A convolution that copies: `tf.image.extract_patches` has a gradient many times as slow.
    count = size * size * image.shape[3]
    kernel = tf.reshape(tf.eye(count, dtype=image.dtype), [size, size, image.shape[3], count])
    return tf.nn.conv2d(image, kernel, 1, "VALID")


def blend_gaussians(gaussians: Sequence[Gaussian], shares: Sequence[float]) -> Gaussian:
    """The Gaussian of all the pictures side by side, each in its share of the area.

    Args:
        gaussians: one a picture.
        shares: as many, >= 0, adding up to 1.
    """
    mean = blend([x.mean for x in gaussians], shares)
    second_moment = blend([x.covariance + _outer(x.mean) for x in gaussians], shares)
    return Gaussian(mean, second_moment - _outer(mean))


def blend(statistics: Sequence[tf.Tensor], shares: Sequence[float]) -> tf.Tensor:
    """The weighted sum of statistics that are averages over positions, such as Gram matrices."""
    return tf.add_n([x * share for x, share in zip(statistics, shares, strict=True)])


def _outer(mean: tf.Tensor) -> tf.Tensor:
    return mean[:, :, tf.newaxis] * mean[:, tf.newaxis, :]


def activity(features: tf.Tensor) -> tf.Tensor:
    """How much is going on around each position: the deviation of the features there.

    Over a window of `ACTIVITY_WINDOW` positions a side, or what there is of it, in units of its
    mean over the picture, and at most 1: half or more of most pictures is flat beside the rest.

    Args:
        features: float, `[N, H, W, C]`.

    Returns:
        `[N, H, W]` in [0, 1], same dtype; 0 where nothing differs.
    """
    window = ACTIVITY_WINDOW
    mean = tf.nn.avg_pool2d(features, window, 1, "SAME")
    second_moment = tf.nn.avg_pool2d(tf.square(features), window, 1, "SAME")
    variance = tf.reduce_sum(second_moment - tf.square(mean), axis=3)
    deviation = tf.sqrt(tf.maximum(variance, 0))
    of_picture = tf.reduce_mean(deviation, axis=[1, 2], keepdims=True)
    return tf.minimum(tf.math.divide_no_nan(deviation, of_picture), 1)


class Mean(NamedTuple):
    """A mean over positions as two sums, which add up over the parts of a map."""

    total: tf.Tensor
    count: tf.Tensor

    @classmethod
    def of(cls, x: tf.Tensor) -> Mean:
        """The mean of all elements."""
        return cls(tf.reduce_sum(x), tf.cast(tf.size(x), x.dtype))

    def value(self) -> tf.Tensor:
        """0 where there is nothing to average (a picture of one row has no pairs of rows)."""
        return tf.math.divide_no_nan(self.total, self.count)
