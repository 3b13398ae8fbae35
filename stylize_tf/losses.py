"""Statistics of feature maps and distances between them, as pure functions.

A statistic reduces features `[N, H, W, C]` to something that does not depend on the picture's size;
a distance compares two statistics and returns one scalar. Everything is computed in float32
whatever the format of the features, because sums over a million positions do not fit lower formats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf


def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """Correlations between channels, averaged over positions.

    Gatys et al. (2016), Eq. (3), divided by `H * W` so that image sizes compare (the paper sums):
    `gram[n, c, d] = mean(x[n, h, w, c] * x[n, h, w, d] for all h, w)`.

    Args:
        features: float, `[N, H, W, C]`.

    Returns:
        float, `[N, C, C]`; float32 for lower formats, else the same dtype; symmetric, positive
        semi-definite.

    Raises:
        ValueError: if `features` is not of rank 4.
    """
    positions = _positions(features)
    count = tf.cast(tf.shape(positions)[1], positions.dtype)
    # The factor goes in first: sums over megapixels of squared activations leave float32's
    # accuracy.
    positions = positions * tf.math.rsqrt(count)
    return tf.matmul(positions, positions, transpose_a=True)


class Gaussian(NamedTuple):
    """Mean `[N, C]` and covariance `[N, C, C]` of the features over the positions of a picture."""

    mean: tf.Tensor
    covariance: tf.Tensor


def gaussian(features: tf.Tensor) -> Gaussian:
    """The Gaussian that has the mean and the covariance (divided by `H * W`) of the features.

    The covariance is the Gram matrix less the square of the mean, so that both are sums over
    positions. That cancels where a channel's mean is large against its deviation: its relative
    error is float32's times `mean^2 / variance`, which activations behind a ReLU keep small.

    Args:
        features: float, `[N, H, W, C]`.

    Returns:
        `Gaussian`; float32 for lower formats, else the dtype of `features`.

    Raises:
        ValueError: if `features` is not of rank 4.
    """
    mean = tf.reduce_mean(_positions(features), axis=1)
    return Gaussian(mean, gram_matrix(features) - _outer(mean))


def patches(image: tf.Tensor, size: int) -> tf.Tensor:
    """The pixels around every position whose patch lies within the picture, as features.

    Args:
        image: float, `[N, H, W, C]`, neither `H` nor `W` below `size`.
        size: height and width of a patch, in pixels.

    Returns:
        `[N, H - size + 1, W - size + 1, size * size * C]`, same dtype.
    """
    return tf.image.extract_patches(
        image, [1, size, size, 1], strides=[1] * 4, rates=[1] * 4, padding="VALID"
    )


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


def _positions(features: tf.Tensor) -> tf.Tensor:
    """`[N, H * W, C]`, at least float32."""
    if features.shape.rank != 4:
        raise ValueError(f"`features` must be [N, H, W, C]; got {features.shape}.")
    if features.dtype in (tf.float16, tf.bfloat16):
        features = tf.cast(features, tf.float32)
    shape = tf.shape(features)
    channels = features.shape[3] or shape[3]
    return tf.reshape(features, [shape[0], shape[1] * shape[2], channels])


def mean_squared_error(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """`mean((x - target)^2)` over all elements: a scalar, at least float32."""
    return tf.reduce_mean(tf.math.squared_difference(_full(x), _full(target)))


def half_squared_error(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """`sum((x - target)^2) / 2`: Gatys et al. (2016), Eq. (1). A scalar, at least float32."""
    return tf.reduce_sum(tf.math.squared_difference(_full(x), _full(target))) / 2


def relative_squared_error(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """`sum((x - target)^2) / sum(target^2)`: a scalar that does not depend on any unit."""
    energy = tf.reduce_sum(tf.square(_full(target)))
    return tf.reduce_sum(tf.math.squared_difference(_full(x), _full(target))) / (energy + 1e-12)


def _full(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, tf.float32) if x.dtype in (tf.float16, tf.bfloat16) else x


class Wasserstein2Target(NamedTuple):
    """A target of `wasserstein_2`: mean `[N, C]`, covariance and its square root `[N, C, C]`."""

    mean: tf.Tensor
    covariance: tf.Tensor
    root: tf.Tensor


def wasserstein_2_target(target: Gaussian, epsilon: float = 0.0) -> Wasserstein2Target:
    """What `wasserstein_2` needs of a target, `epsilon * I` added: one eigendecomposition."""
    covariance = _with_epsilon(target.covariance, epsilon)
    return Wasserstein2Target(target.mean, covariance, _symmetric(covariance, tf.sqrt))


def wasserstein_2(
    x: Gaussian, target: Gaussian | Wasserstein2Target, epsilon: float = 0.0
) -> tf.Tensor:
    """Squared Wasserstein-2 distance between two Gaussians, a channel: the exact reference.

    Olkin & Pukelsheim (1982), Dowson & Landau (1982); as a style loss: Mroueh, "Wasserstein Style
    Transfer" (2020). `(|m - m*|^2 + tr(S + S* - 2 (S*^1/2 S S*^1/2)^1/2)) / C`, both covariances
    with `epsilon * I` added. We divide by the number of channels, so that layers compare.

    The value is exact. So is the gradient, where the eigenvalues of `S*^1/2 S S*^1/2` differ from
    0: it is written down rather than left to the gradient of `eigh`, which is infinite wherever two
    eigenvalues coincide. Costs an eigendecomposition `[C, C]` at each evaluation.

    Args:
        x: `[N, C]` and `[N, C, C]`.
        target: of equal shapes; `wasserstein_2_target` of it where it is used many times.
        epsilon: added to the variances; >= 0, in units of the squared features.

    Returns:
        Scalar, the mean over the batch; differentiable in `x`, not in `target`.
    """
    if isinstance(target, Gaussian):
        target = wasserstein_2_target(target, epsilon)
    covariance = _with_epsilon(x.covariance, epsilon)
    channels = tf.cast(tf.shape(covariance)[-1], covariance.dtype)
    means = tf.reduce_sum(tf.math.squared_difference(x.mean, target.mean), axis=-1)
    spread = _bures(covariance, tf.stop_gradient(target.covariance), tf.stop_gradient(target.root))
    return tf.reduce_mean((means + spread) / channels)


@tf.custom_gradient
def _bures(covariance: tf.Tensor, target: tf.Tensor, root: tf.Tensor) -> tf.Tensor:
    """`tr(S + S* - 2 (S*^1/2 S S*^1/2)^1/2)`, `[N]`, for batches `[N, C, C]`."""
    inner = _symmetrize(root @ covariance @ root)
    values, vectors = tf.linalg.eigh(inner)
    values = tf.maximum(values, 0)
    trace = tf.linalg.trace(covariance) + tf.linalg.trace(target)
    # Rounding would leave it a little below 0 at the target.
    distance = tf.maximum(trace - 2 * tf.reduce_sum(tf.sqrt(values), axis=-1), 0)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None, None]:
        # d/dS = I - S*^1/2 (S*^1/2 S S*^1/2)^-1/2 S*^1/2, the transport map's distance from
        # identity.
        floor = 1e-7 * tf.reduce_max(values, axis=-1, keepdims=True) + 1e-30
        inverse = tf.math.rsqrt(tf.maximum(values, floor))
        side = root @ vectors
        transport = tf.matmul(side * inverse[:, tf.newaxis], side, transpose_b=True)
        identity = tf.eye(tf.shape(covariance)[-1], dtype=covariance.dtype)
        return upstream[:, tf.newaxis, tf.newaxis] * (identity - transport), None, None

    return distance, gradient


class BuresTarget(NamedTuple):
    """A target of `bures`: mean `[N, C]`; axes `[N, C, C]`, variances `[N, C]` of the covariance.

    `axes[n]` has the eigenvectors of `S* + epsilon I` as columns, `variances[n]` its eigenvalues.
    """

    mean: tf.Tensor
    axes: tf.Tensor
    variances: tf.Tensor


def bures_target(target: Gaussian, epsilon: float) -> BuresTarget:
    """What `bures` needs to know of a target: one eigendecomposition, done once.

    Args:
        target: `Gaussian`.
        epsilon: added to the variances; > 0, in units of the squared features.
    """
    variances, axes = tf.linalg.eigh(_with_epsilon(target.covariance, epsilon))
    # Rounding can leave the smallest a little below epsilon.
    return BuresTarget(target.mean, axes, tf.maximum(variances, epsilon))


def bures(x: Gaussian, target: BuresTarget, epsilon: float) -> tf.Tensor:
    """Wasserstein-2 distance between Gaussians in a form without matrix roots, a channel.

    With `S* + epsilon I = U diag(v) U'` and `R = U' (S + epsilon I) U`, the picture's covariance in
    the axes of the painting:

        a[i] = ((sqrt(R[i, i]) + sqrt(v[i])) / 2)^2
        d = sum((R - diag(v))[i, j]^2 / (2 * (a[i] + a[j])) for all i, j)

    and the result is `(|m - m*|^2 + d) / C`. It is `wasserstein_2` when the two covariances commute
    (then `d = sum((sqrt(R[i, i]) - sqrt(v[i]))^2)`), and to second order around `S = S*` always,
    since in these axes the Bures distance of `S* + D` from `S*` is
    `sum(D[i, j]^2 / (2 * (v[i] + v[j])))` and smaller terms (Bhatia, Jain & Lim, 2019). It costs
    two matrix products and no decomposition, little more than a Gram loss. Keeping `a = v` instead,
    the plain expansion, under-penalises missing variance up to four times.

    Args:
        x: `Gaussian` of the picture.
        target: from `bures_target` with the same `epsilon`.
        epsilon: added to the variances; > 0, in units of the squared features.

    Returns:
        Scalar >= 0, the mean over the batch.
    """
    covariance = _with_epsilon(x.covariance, epsilon)
    rotated = tf.matmul(target.axes, covariance @ target.axes, transpose_a=True)
    variances = tf.maximum(tf.linalg.diag_part(rotated), epsilon)
    scale = tf.square((tf.sqrt(variances) + tf.sqrt(target.variances)) / 2)
    difference = rotated - tf.linalg.diag(target.variances)
    pairs = 2 * (scale[:, :, tf.newaxis] + scale[:, tf.newaxis, :])
    spread = tf.reduce_sum(tf.square(difference) / pairs, axis=[1, 2])
    means = tf.reduce_sum(tf.math.squared_difference(x.mean, target.mean), axis=-1)
    channels = tf.cast(tf.shape(covariance)[-1], covariance.dtype)
    return tf.reduce_mean((means + spread) / channels)


def _with_epsilon(covariance: tf.Tensor, epsilon: float) -> tf.Tensor:
    return covariance + epsilon * tf.eye(tf.shape(covariance)[-1], dtype=covariance.dtype)


def _symmetrize(matrix: tf.Tensor) -> tf.Tensor:
    return (matrix + tf.linalg.matrix_transpose(matrix)) / 2


def _symmetric(matrix: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """A function of a positive semi-definite matrix, through its eigenvalues."""
    values, vectors = tf.linalg.eigh(matrix)
    values = function(tf.maximum(values, 0))
    return tf.matmul(vectors * values[..., tf.newaxis, :], vectors, transpose_b=True)


def total_variation_l1(image: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference of horizontal neighbours plus that of vertical ones.

    Rudin, Osher & Fatemi (1992), in its anisotropic form, divided by the number of pairs so that
    image sizes compare. Args and result as for `total_variation_nine_point`.
    """
    down, right = _neighbour_differences(image)
    return _mean(tf.abs(down)) + _mean(tf.abs(right))


def total_variation_squared(image: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of horizontal neighbours plus that of vertical ones.

    Mahendran & Vedaldi (2015), Eq. (4) with beta = 2, as a mean where they sum. Args and result as
    for `total_variation_nine_point`.
    """
    down, right = _neighbour_differences(image)
    return _mean(tf.square(down)) + _mean(tf.square(right))


def total_variation_nine_point(image: tf.Tensor) -> tf.Tensor:
    """Mean squared difference in a nine-point neighbourhood, the borders repeated.

    Pairs of axial neighbours count 2/3 and diagonal ones 1/6, so that on a smooth slope the term is
    `total_variation_squared`, and single pixels are penalised alike in every direction. With the
    constant 2 in it, this is the smoothness term that style-transfer-pytorch weighs by 2.

    Args:
        image: float, `[N, H, W, C]`.

    Returns:
        Scalar >= 0; 0 for a flat picture, whatever its size.
    """
    if image.shape.rank != 4:
        raise ValueError(f"`image` must be [N, H, W, C]; got {image.shape}.")
    padded = tf.pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="SYMMETRIC")
    down = padded[:, 2:, 1:-1] - image
    right = padded[:, 1:-1, 2:] - image
    falling = padded[:, 1:, 1:] - padded[:, :-1, :-1]
    rising = padded[:, 1:, :-1] - padded[:, :-1, 1:]
    axial = tf.reduce_mean(tf.square(down)) + tf.reduce_mean(tf.square(right))
    diagonal = tf.reduce_mean(tf.square(falling)) + tf.reduce_mean(tf.square(rising))
    return axial * (2 / 3) + diagonal / 6


def _neighbour_differences(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    if image.shape.rank != 4:
        raise ValueError(f"`image` must be [N, H, W, C]; got {image.shape}.")
    return image[:, 1:] - image[:, :-1], image[:, :, 1:] - image[:, :, :-1]


def _mean(x: tf.Tensor) -> tf.Tensor:
    """The mean, 0 where there is nothing to average (a picture of one row has no pairs of rows)."""
    return tf.math.divide_no_nan(tf.reduce_sum(x), tf.cast(tf.size(x), x.dtype))
