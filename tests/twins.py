"""What the losses should be, in plain NumPy and float64, and derivatives by differences."""

import numpy as np
import scipy.linalg


def moments(features):
    """Mean `[C]` and covariance `[C, C]` over the positions of features `[H, W, C]`."""
    rows = np.asarray(features, np.float64).reshape(-1, np.shape(features)[-1])
    return rows.mean(0), np.cov(rows, rowvar=False, bias=True).reshape(2 * rows.shape[1:])


def gram(features):
    """`F'F` of features `[H, W, C]`, summed over positions."""
    rows = np.asarray(features, np.float64).reshape(-1, np.shape(features)[-1])
    return rows.T @ rows


def wasserstein_2(mean, covariance, target_mean, target_covariance):
    """Squared distance between Gaussians a channel, by SciPy's general matrix root."""
    cross = scipy.linalg.sqrtm(covariance @ target_covariance)
    spread = np.trace(covariance + target_covariance - 2 * np.real(cross))
    return (np.sum((mean - target_mean) ** 2) + spread) / len(mean)


def bures(mean, covariance, target_mean, target_covariance):
    """The root-free form, entry by entry."""
    variances, axes = np.linalg.eigh(target_covariance)
    rotated = axes.T @ covariance @ axes
    scale = ((np.sqrt(np.diag(rotated)) + np.sqrt(variances)) / 2) ** 2
    spread = 0.0
    for i in range(len(mean)):
        for j in range(len(mean)):
            difference = rotated[i, j] - (variances[i] if i == j else 0.0)
            spread += difference**2 / (2 * (scale[i] + scale[j]))
    return (np.sum((mean - target_mean) ** 2) + spread) / len(mean)


def positive_definite(rng, channels, condition=100.0):
    """A random covariance with eigenvalues from 1 / condition to 1, in random axes."""
    axes = rotation(rng, channels)
    return (axes * np.geomspace(1 / condition, 1, channels)) @ axes.T


def rotation(rng, channels):
    """A random orthogonal matrix."""
    return np.linalg.qr(rng.normal(size=(channels, channels)))[0]


def slopes(function, x, directions, step):
    """Derivatives of a scalar function along directions `[K, ...]`, by central differences."""
    return np.array(
        [
            (float(function(x + step * d)) - float(function(x - step * d))) / (2 * step)
            for d in directions
        ]
    )
