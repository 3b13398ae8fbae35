"""Distances between statistics, as pure functions: scalars, of a batch the mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from stylize_tf.objective.moments import full
from stylize_tf.objective.statistics import Gaussian


def mean_squared_error(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """`mean((x - target)^2)` over all elements: a scalar, at least float32."""
    return tf.reduce_mean(tf.math.squared_difference(full(x), full(target)))


def relative_squared_error(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """`sum((x - target)^2) / sum(target^2)` a picture: a scalar that does not depend on a unit."""
    axes = list(range(1, x.shape.rank))
    energy = tf.reduce_sum(tf.square(full(target)), axes)
    squares = tf.reduce_sum(tf.math.squared_difference(full(x), full(target)), axes)
    return tf.reduce_mean(squares / (energy + 1e-12))


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

    `axes[n]` has the eigenvectors of `S* + epsilon I` as columns, `variances[n]` its eigenvalues;
    `null`, `[N, C]`, is 1 where the painting has no variance but epsilon, 0 where it has some, and
    `rounding`, `[N]`, the variance up to which that cannot be told.
    """

    mean: tf.Tensor
    axes: tf.Tensor
    variances: tf.Tensor
    null: tf.Tensor
    rounding: tf.Tensor


def bures_target(target: Gaussian, epsilon: float) -> BuresTarget:
    """What `bures` needs to know of a target: one eigendecomposition, done once.

    Args:
        target: `Gaussian`.
        epsilon: added to the variances; > 0, in units of the squared features.
    """
    variances, axes = tf.linalg.eigh(_with_epsilon(target.covariance, epsilon))
    # Rounding can leave the smallest a little below epsilon.
    variances = tf.maximum(variances, epsilon)
    # As for the rank of a matrix. It fades as far again, so that no direction jumps in or out.
    relative = variances.shape[-1] * float(np.finfo(variances.dtype.as_numpy_dtype).eps)
    rounding = relative * tf.reduce_max(variances, axis=-1)
    null = tf.clip_by_value(2 - (variances - epsilon) / rounding[:, tf.newaxis], 0, 1)
    return BuresTarget(target.mean, axes, variances, null, rounding)


def bures(x: Gaussian, target: BuresTarget, epsilon: float) -> tf.Tensor:
    """Wasserstein-2 distance between Gaussians in a form without matrix roots, a channel.

    With `S* + epsilon I = U diag(v) U'`, `R = U' (S + epsilon I) U`, the picture's covariance in
    the axes of the painting, and `D = R - diag(v)`:

        a[i] = ((sqrt(v[i] + e[i]) + sqrt(v[i])) / 2)^2 with e[i] = D[i, i]
        d = sum(D[i, j]^2 / (2 * (a[i] + a[j])) for all i, j)

    and the result is `(|m - m*|^2 + d) / C`. It is `wasserstein_2` when the two covariances commute
    (then `d = sum((sqrt(R[i, i]) - sqrt(v[i]))^2)`), and to second order around `S = S*` always,
    since in these axes the Bures distance of `S* + D` from `S*` is
    `sum(D[i, j]^2 / (2 * (v[i] + v[j])))` and smaller terms (Bhatia, Jain & Lim, 2019). It costs
    two matrix products and no decomposition, little more than a Gram loss. Keeping `a = v` instead,
    the plain expansion, under-penalises missing variance up to four times.

    A painting with fewer positions than channels has no axes of its own where it has no variance,
    `v[i] = epsilon`: any basis of that null space will do. So all of it has one
    `e = sum(D[i, j]^2 for i, j in it) / sum(D[i, i] for i in it)`, which no rotation in it changes:
    the mean of the eigenvalues of `D` there, each weighed by itself. Nothing can be missing there;
    of what is too much, `d` is exact if all these eigenvalues are equal or 0, and nears their sum,
    which is exact, far above epsilon. Between the two it exceeds the exact distance, since
    `(sqrt(v + e) - sqrt(v))^2 / e` is concave in `e`. The mean of `D[i, i]` would charge a
    variance in one direction once for each dimension of the null space. Equal variances above
    epsilon, which no painting has, are not held together.

    Args:
        x: `Gaussian` of the picture.
        target: from `bures_target` with the same `epsilon`.
        epsilon: added to the variances; > 0, in units of the squared features.

    Returns:
        Scalar >= 0, the mean over the batch.
    """
    covariance = _with_epsilon(x.covariance, epsilon)
    rotated = tf.matmul(target.axes, covariance @ target.axes, transpose_a=True)
    spread = _spread(rotated, target, epsilon)
    means = tf.reduce_sum(tf.math.squared_difference(x.mean, target.mean), axis=-1)
    channels = tf.cast(tf.shape(covariance)[-1], covariance.dtype)
    return tf.reduce_mean((means + spread) / channels)


def _spread(rotated: tf.Tensor, target: BuresTarget, epsilon: float) -> tf.Tensor:
    """`d` of `bures`, `[N]`, from `R`, `[N, C, C]`, and the target; differentiable in `R`.

    The gradient is written down: it takes half of the passes over `[C, C]` that the derived one
    takes, which is a tenth of an evaluation of small pictures.
    """
    wanted, null = target.variances, target.null
    wanted_deviations = tf.sqrt(wanted)

    @tf.custom_gradient
    def spread(rotated: tf.Tensor) -> Any:
        diagonal = tf.linalg.diag_part(rotated)
        difference = tf.linalg.set_diag(rotated, diagonal - wanted)
        # Of the null space, all of it in one: sum(D[i, j]^2) / sum(D[i, i]).
        trace = tf.reduce_sum(tf.square(null) * (diagonal - wanted), axis=-1)
        total = (tf.maximum(trace, 0) + target.rounding)[:, tf.newaxis]
        rows = tf.linalg.matvec(tf.square(difference), null)
        excess = tf.reduce_sum(null * rows, axis=-1, keepdims=True) / total

        deviations = tf.sqrt(tf.maximum(diagonal, epsilon))
        roots = (deviations + wanted_deviations) / 2
        null_deviations = tf.sqrt(wanted + excess)
        null_roots = (null_deviations + wanted_deviations) / 2
        scale = (1 - null) * tf.square(roots) + null * tf.square(null_roots)
        quotient = difference / (scale[:, :, tf.newaxis] + scale[:, tf.newaxis, :])
        value = tf.reduce_sum(difference * quotient, axis=[1, 2]) / 2

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            # d/da[i] = -sum(quotient[i, j]^2 for all j), da[i]/dR[i, i] = roots / (2 deviations).
            by_scale = -tf.reduce_sum(tf.square(quotient), axis=-1)
            slope = tf.where(diagonal >= epsilon, roots / (2 * deviations), 0.0)
            own = by_scale * (1 - null) * slope
            # The same of the excess, which depends on all of the null space.
            slopes = by_scale * null * null_roots / (2 * null_deviations)
            by_excess = tf.reduce_sum(slopes, axis=-1, keepdims=True) / total
            of_trace = tf.where(trace[:, tf.newaxis] > 0, by_excess * excess, 0.0)
            own -= of_trace * tf.square(null)
            shared = (2 * by_excess * null)[:, :, tf.newaxis] * null[:, tf.newaxis, :]
            whole = quotient + shared * difference
            whole = tf.linalg.set_diag(whole, tf.linalg.diag_part(whole) + own)
            return upstream[:, tf.newaxis, tf.newaxis] * whole

        return value, gradient

    value: tf.Tensor = spread(rotated)
    return value


def _with_epsilon(covariance: tf.Tensor, epsilon: float) -> tf.Tensor:
    return covariance + epsilon * tf.eye(tf.shape(covariance)[-1], dtype=covariance.dtype)


def _symmetrize(matrix: tf.Tensor) -> tf.Tensor:
    return (matrix + tf.linalg.matrix_transpose(matrix)) / 2


def _symmetric(matrix: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """A function of a positive semi-definite matrix, through its eigenvalues."""
    values, vectors = tf.linalg.eigh(matrix)
    values = function(tf.maximum(values, 0))
    return tf.matmul(vectors * values[..., tf.newaxis, :], vectors, transpose_b=True)
