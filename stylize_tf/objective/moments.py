"""Sums over the positions of feature maps, which Gram matrices and covariances are made of.

Everything is added up in float32 whatever the format of the features, because sums over a million
positions do not fit lower formats.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

_PART = 2**21
"""Features of a part of a map that is added up at once: 8 MB in float32."""


class Moments(NamedTuple):
    """Sums over positions: those of the parts of a map add up to those of the map.

    Of a map with weights of its positions, they are the sums of one picture by each weight: `N` is
    then the number of weights.

    Attributes:
        count: `[N]`, positions, or the sum of their weights.
        first: `[N, C]`, the sum of the features.
        second: `[N, C, C]`, the sum of their outer products; symmetric.
    """

    count: tf.Tensor
    first: tf.Tensor
    second: tf.Tensor


def moments(features: tf.Tensor, weights: tf.Tensor | None = None) -> Moments:
    """The sums over the positions of a map that Gram matrices and covariances are made of.

    Args:
        features: float, `[N, H, W, C]`; with weights, `[1, H, W, C]`.
        weights: float32, `[1, H, W, R]`, >= 0: how much a position counts in each of R regions.

    Returns:
        `Moments`, with weights those of R regions; float32 for lower formats, else the dtype of
        `features`. Their gradient has the dtype of `features`, and there is none by the weights;
        derivatives of second order are not defined.

    Raises:
        ValueError: if `features` is not of rank 4.
    """
    if features.shape.rank != 4:
        raise ValueError(f"`features` must be [N, H, W, C]; got {features.shape}.")
    first, second = _sums(features, weights)
    if weights is not None:
        return Moments(tf.cast(tf.reduce_sum(weights, [0, 1, 2]), second.dtype), first, second)
    shape = tf.shape(features)
    count = tf.fill(shape[:1], tf.cast(shape[1] * shape[2], second.dtype))
    return Moments(count, first, second)


def _sums(features: tf.Tensor, weights: tf.Tensor | None) -> Any:
    """Sums `[N, C]` and sums of outer products `[N, C, C]`; by each of R weights, R in place of N.

    By parts of a few megabytes: the processor's caches then keep what is made float32, read for
    both sums and added up, which halves the time, and no sum over a million positions leaves
    float32's accuracy.

    The gradient is written down because the one of `matmul` takes a product for each of its two
    arguments, which are the same here, and keeps a float32 copy of maps of a lower format.
    """
    shape = tf.shape(features)
    count, width, channels = (features.shape[axis] or shape[axis] for axis in (0, 2, 3))
    regions = 1 if weights is None else weights.shape[3]
    dtype = full(features[:0]).dtype
    rows = tf.maximum(_PART // (count * width * channels), 1)

    @tf.custom_gradient
    def sums(features: tf.Tensor) -> Any:
        nothing = tf.zeros([count, channels], dtype), tf.zeros([count, channels, channels], dtype)
        _, firsts, seconds = tf.while_loop(
            lambda start, *_: start < shape[1],
            lambda *state: _part_added(features, weights, rows, *state),
            (tf.constant(0), *([x] * regions for x in nothing)),
            parallel_iterations=1,
        )

        def gradient(of_first: tf.Tensor, of_second: tf.Tensor) -> tf.Tensor:
            slope = tf.zeros([], features.dtype)
            for region in range(regions):
                one = slice(None) if weights is None else slice(region, region + 1)
                of_one = firsts[region], of_first[one], of_second[one]
                own = _slope(features, weights, region, *of_one)
                slope = own if region == 0 else slope + own  # Not kept: a map is large.
            return slope

        return (tf.concat(firsts, axis=0), tf.concat(seconds, axis=0)), gradient

    return sums(features)


def _part_added(
    features: tf.Tensor,
    weights: tf.Tensor | None,
    rows: tf.Tensor,
    start: tf.Tensor,
    first: list[tf.Tensor],
    second: list[tf.Tensor],
) -> tuple[tf.Tensor, list[tf.Tensor], list[tf.Tensor]]:
    """The next start, and the sums by each region with those of so many rows added."""
    here = slice(start, start + rows)
    part = full(features[:, here])
    positions = _positions(part)
    for region in range(len(first)):
        own = _weighted(part, weights, here, region)
        # Down the columns first: adding up all positions in one go is less accurate.
        first[region] += tf.reduce_sum(tf.reduce_sum(own, axis=1), axis=1)
        second[region] += _product(_positions(own), positions, transpose_a=True)
    return start + rows, first, second


def _weighted(part: tf.Tensor, weights: tf.Tensor | None, rows: slice, region: int) -> tf.Tensor:
    if weights is None:
        return part
    return part * tf.cast(weights[:, rows, :, region : region + 1], part.dtype)


def _slope(
    features: tf.Tensor,
    weights: tf.Tensor | None,
    region: int,
    first: tf.Tensor,
    of_first: tf.Tensor,
    of_second: tf.Tensor,
) -> tf.Tensor:
    """The gradient of the sums of a region: in the shape and format of the features."""
    both = of_second + tf.linalg.matrix_transpose(of_second)
    low = tf.cast(both, features.dtype)
    # What the lower format takes from the product is given back for the mean of the map: the
    # gradient of a covariance is the difference of two large numbers there.
    shape = tf.shape(features)
    area = shape[1] * shape[2] if weights is None else tf.reduce_sum(weights[..., region])
    mean = tf.math.divide_no_nan(first, tf.cast(area, first.dtype))
    lost = tf.linalg.matvec(both - tf.cast(low, both.dtype), mean)
    offset = tf.cast(of_first + lost, features.dtype)
    slope = _at_every_position(features, low, offset)
    return _weighted(slope, weights, slice(None), region)


def _positions(features: tf.Tensor) -> tf.Tensor:
    """`[N, H * W, C]`."""
    shape = tf.shape(features)
    count, channels = (features.shape[axis] or shape[axis] for axis in (0, 3))
    return tf.reshape(features, [count, shape[1] * shape[2], channels])


def _product(a: tf.Tensor, b: tf.Tensor, transpose_a: bool = False) -> tf.Tensor:
    """`tf.matmul` of batches, which is up to twice as slow as the same without a batch."""
    if a.shape[0] == 1 and b.shape[0] == 1:
        return tf.matmul(a[0], b[0], transpose_a=transpose_a)[tf.newaxis]
    return tf.matmul(a, b, transpose_a=transpose_a)


def _at_every_position(features: tf.Tensor, matrix: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """`x @ matrix[n] + offset[n]` for each `x` of `features[n]`: `[N, H, W, C]`."""
    if features.shape[0] == 1:  # As a convolution, which adds the offset in the same pass.
        kernel = matrix[tf.newaxis]
        return tf.nn.bias_add(tf.nn.conv2d(features, kernel, 1, "VALID"), offset[0])
    product = _product(_positions(features), matrix) + offset[:, tf.newaxis]
    return tf.reshape(product, tf.shape(features))


def full(x: tf.Tensor) -> tf.Tensor:
    """`x` in float32 if its format is a lower one."""
    return tf.cast(x, tf.float32) if x.dtype in (tf.float16, tf.bfloat16) else x
