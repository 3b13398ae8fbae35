"""Moments of feature maps, and the distances that make the columns of the judge."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Moments:
    """The first two moments of a feature map over its positions, float64."""

    mean: np.ndarray
    """`[C]`."""
    gram_matrix: np.ndarray
    """`[C, C]`, `F^T F / N`: not centred."""

    @functools.cached_property
    def covariance(self) -> np.ndarray:
        """`[C, C]`, `gram_matrix - mean mean^T`."""
        return self.gram_matrix - np.outer(self.mean, self.mean)

    @functools.cached_property
    def root(self) -> np.ndarray:
        """`[C, C]`, the symmetric square root of the covariance."""
        values, vectors = np.linalg.eigh(self.covariance)
        return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def moments(features: tf.Tensor) -> Moments:
    """The moments of a `[1, H, W, C]` feature map."""
    rows = tf.reshape(features, [-1, features.shape[-1]])
    positions = int(rows.shape[0])
    return Moments(
        mean=tf.reduce_mean(rows, axis=0).numpy().astype(np.float64),
        gram_matrix=tf.matmul(rows, rows, transpose_a=True).numpy().astype(np.float64) / positions,
    )


def gram_distance(picture: Moments, style: Moments) -> float:
    """`norm(G - G*)^2 / norm(G*)^2`; 0 for equal Gram matrices, 1 for an all-zero picture."""
    difference = picture.gram_matrix - style.gram_matrix
    return float(np.sum(difference**2) / np.sum(style.gram_matrix**2))


def frechet_distance(picture: Moments, style: Moments) -> float:
    """Squared Wasserstein-2 (Frechet) distance of two Gaussians; 0 for equal moments.

    The Bures part is exact: `tr(S) + tr(S*) - 2 sum(sqrt(eigenvalues of S*^(1/2) S S*^(1/2)))`.
    """
    middle = style.root @ picture.covariance @ style.root
    overlap = np.sqrt(np.maximum(np.linalg.eigvalsh(middle), 0.0)).sum()
    bures = np.trace(picture.covariance) + np.trace(style.covariance) - 2.0 * overlap
    return float(np.sum((picture.mean - style.mean) ** 2) + max(bures, 0.0))


def wasserstein_distance(picture: Moments, style: Moments) -> float:
    """The Frechet distance over the style's mean squared activation."""
    return float(frechet_distance(picture, style) / np.trace(style.gram_matrix))


def content_distance(picture: np.ndarray, content: np.ndarray) -> float:
    """`sum((F - F*)^2) / sum(F*^2)` of two feature maps of one shape."""
    return float(np.sum((picture - content) ** 2) / np.sum(content**2))


def grain_energy(image: np.ndarray) -> float:
    """Mean squared four-neighbour Laplacian of the luma of a `[1, H, W, 3]` picture."""
    luma = image[0].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    padded = np.pad(luma, 1, mode="symmetric")
    neighbours = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return float(np.mean((neighbours - 4.0 * luma) ** 2))


def noise(picture: np.ndarray, style: np.ndarray) -> float:
    """log2 of the picture's grain over the style's; 0 if alike, positive if it is noisier."""
    smallest = 1e-12  # An even picture is far below 8-bit rounding, not infinitely far.
    return float(np.log2((grain_energy(picture) + smallest) / (grain_energy(style) + smallest)))


def axis_share(image: np.ndarray) -> float:
    """How many times more of a `[1, H, W, 3]` picture's finest waves run along the axes.

    The power of the luma's spectrum under a Hann window at .3 to .5 cycles a pixel: the mean within
    6 degrees of an axis over the mean between 10 and 80 degrees.
    """
    luma = image[0].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    height, width = luma.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2 + 1e-12
    y, x = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    radius, angle = np.hypot(x, y), np.degrees(np.arctan2(np.abs(y), np.abs(x)))
    finest = (radius > 0.3) & (radius < 0.5)
    near = finest & ((angle < 6) | (angle > 84))
    between = finest & (angle >= 10) & (angle <= 80)
    return float(power[near].mean() / power[between].mean())


def weave(picture: np.ndarray, style: np.ndarray) -> float:
    """log2 of the picture's axis share over the style's; 0 if alike, positive for a grid."""
    return float(np.log2(axis_share(picture) / axis_share(style)))


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine of the angle between two vectors."""
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))
