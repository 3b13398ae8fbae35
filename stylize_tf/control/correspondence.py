"""Regions of a photograph and of a painting that belong together, found by their deep features.

Positions of both pictures are clustered together: each attends, by a softmax over similarities as
in attention, to centers that both pictures share, and a center's region in the one belongs to its
region in the other. Every region has its least share of both pictures, the constraint of optimal
transport with bounds on one side, and is found as there by a bias for each region.

References:
    Arthur & Vassilvitskii (2007), k-means++: the advantages of careful seeding; here centers start
        at random directions instead of random positions, so that the order of positions is nothing.
    Cuturi (2013), Sinkhorn distances: lightspeed computation of optimal transport.
    Dhillon & Modha (2001), Concept decompositions for large sparse text data using clustering:
        k-means of unit vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Masks = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

LEAST_SHARE = 0.08
"""Of a picture's area that each region has: the statistics of less say little about a painting."""

_COMPONENTS = 16  # Principal ones of the features; regions are told apart by the first few.
_TEMPERATURE = 0.07  # Of the softmax over cosines: borders are a position or two wide.
_SMOOTHING = 1.25  # Deviation of the Gaussian over features, in positions; strokes are no regions.
_RESTARTS = 16  # With these, other seeds found the same regions of six pairs, of 2 to 4 each.
_ITERATIONS = 100
_MOVED = 1e-5  # Of centers, which have length 1, that still counts as moving.
_FLAT = 1e-4  # Deviation of the features of a flat picture, relative to their size: rounding.
_FAINT = 1e-2  # Deviation of a channel, relative to all, below which it is not enlarged further.


def paired_regions(
    content_features: npt.ArrayLike, style_features: npt.ArrayLike, count: int, *, seed: int = 0
) -> tuple[Masks, Masks]:
    """Soft masks of regions of both pictures; region k of one belongs to region k of the other.

    Each picture's features are standardized by its own means and deviations, so that what is smooth
    or dark in a photograph meets what is smoothest or darkest in a painting that is neither.
    Regions are numbered by their area in the photograph, the largest first. A flat picture, all of
    whose features are equal, is shared equally by all regions everywhere.

    Args:
        content_features: of the photograph, `[1, h, w, C]`, finite; such as "block4_conv2" of VGG19
            at 256 pixels. Many more positions only make regions smaller than things are.
        style_features: of the painting, the same layer; height and width may differ.
        count: of the regions, K, from 2 to 8.
        seed: of the centers to start from.

    Returns:
        Masks of the photograph, float32 `[1, h, w, K]`, >= 0, adding up to 1 over K, each with a
        mean of `LEAST_SHARE` or more; and such masks of the painting.

    Raises:
        ValueError: if features are not as above.
    """
    pictures = [
        standardized(_checked(content_features, "content_features")),
        standardized(_checked(style_features, "style_features")),
    ]
    axes = principal_axes(pictures)
    directions = [unit(picture.reshape(-1, len(axes)) @ axes) for picture in pictures]
    generator = np.random.default_rng(seed)
    guides = generator.normal(size=[_RESTARTS, count, len(axes)]) @ axes
    found = [_clustered(directions, _seeds(directions, unit(guide))) for guide in guides]
    _, assignments = max(found, key=lambda each: each[0])
    order = np.argsort(-assignments[0].shares, kind="stable")
    content, style = (
        assignment.weights[order].T.astype(np.float32).reshape(1, *picture.shape[:2], count)
        for assignment, picture in zip(assignments, pictures, strict=True)
    )
    return content, style


class _Assignment(NamedTuple):
    """How much positions of a picture belong to each region: >= 0, adding up to 1 over K."""

    weights: Matrix  # [K, P]
    shares: Matrix  # Their means, [K].
    biases: Matrix  # [K], added to the logits of each region for it to have its least share.


def _checked(features: npt.ArrayLike, name: str) -> Matrix:
    values = np.asarray(features, np.float64)
    if values.ndim != 4 or values.shape[0] != 1 or not values.size:
        raise ValueError(f"`{name}` must be [1, h, w, C], of one picture; got {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError(f"`{name}` must be finite; got NaN or infinity.")
    return values[0]


def standardized(features: Matrix) -> Matrix:
    """Smoothed over positions, of mean 0 and deviation 1 in each channel: `[h, w, C]`.

    Roots of the activations, or a few strong ones, such as those at the stars of a night, would
    make the regions.
    """
    smooth = _blurred(np.sign(features) * np.sqrt(np.abs(features)))
    centered = smooth - smooth.mean(axis=(0, 1))
    deviations = centered.std(axis=(0, 1))
    overall = np.sqrt(np.mean(deviations**2))
    if overall <= _FLAT * np.sqrt(np.mean(smooth**2)):
        return np.zeros_like(features)
    return centered / np.maximum(deviations, _FAINT * overall)


def _blurred(features: Matrix) -> Matrix:
    """By a Gaussian, the border repeated."""
    reach = round(3 * _SMOOTHING)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SMOOTHING) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        indices = np.arange(features.shape[axis])
        features = sum(
            weight * features.take((indices + shift).clip(0, len(indices) - 1), axis)
            for weight, shift in zip(kernel, range(-reach, reach + 1), strict=True)
        )
    return features


def principal_axes(pictures: list[Matrix]) -> Matrix:
    """`[C, components]`, of both pictures together, each counting the same."""
    channels = pictures[0].shape[2]
    covariance = np.zeros([channels, channels])
    for picture in pictures:
        rows = picture.reshape(-1, channels)
        covariance += rows.T @ rows / len(rows)
    return np.linalg.eigh(covariance)[1][:, -_COMPONENTS:]


def unit(vectors: Matrix) -> Matrix:
    """Of length 1, or 0 where they are 0."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, np.finfo(np.float64).tiny)


def _seeds(directions: list[Matrix], guides: Matrix) -> Matrix:
    """Centers to start from, `[K, components]`: positions far from each other and along guides."""
    candidates = np.concatenate(directions)
    nearest = np.zeros(len(candidates))
    seeds: list[Matrix] = []
    for guide in guides:
        chosen = candidates[np.argmax((1 - nearest) * (1 + candidates @ guide))]
        nearest = np.maximum(nearest, candidates @ chosen) if seeds else candidates @ chosen
        seeds.append(chosen)
    return np.array(seeds)


def _clustered(directions: list[Matrix], centers: Matrix) -> tuple[float, list[_Assignment]]:
    """How near positions are to their centers, and the assignments, by k-means from centers."""
    biases = [np.zeros(len(centers))] * len(directions)
    for _ in range(_ITERATIONS):
        assignments = [
            _assigned(centers @ each.T / _TEMPERATURE, bias)
            for each, bias in zip(directions, biases, strict=True)
        ]
        biases = [assignment.biases for assignment in assignments]
        # Means of a picture, not sums: the one with more positions does not count more.
        means = [
            assignment.weights @ each / len(each)
            for assignment, each in zip(assignments, directions, strict=True)
        ]
        previous, centers = centers, unit(np.sum(means, axis=0))
        if np.abs(centers - previous).max() < _MOVED:
            break
    nearness = sum(
        float(np.sum(assignment.weights * (previous @ each.T)) / len(each))
        for assignment, each in zip(assignments, directions, strict=True)
    )
    return nearness, assignments


def _assigned(logits: Matrix, biases: Matrix) -> _Assignment:
    """The softmax of logits `[K, P]`, with the biases >= 0 that every region needs for its share.

    Newton's steps in each bias on the logarithm of its share; what they leave undone is mixed in.
    """
    for _ in range(30):
        weights = np.exp(logits + biases[:, np.newaxis])  # Both are far from overflowing.
        weights /= weights.sum(axis=0)
        shares = weights.mean(axis=1)
        known = np.maximum(shares, 1e-12)
        missing = np.log(LEAST_SHARE / known)
        if not ((missing > 1e-3) | ((missing < -1e-3) & (biases > 0))).any():
            break
        slopes = 1 - np.mean(weights**2, axis=1) / known
        biases = np.maximum(biases + (missing / np.maximum(slopes, 0.1)).clip(-5, 5), 0)
    equal = 1 / len(shares)
    lowest = min(float(shares.min()), LEAST_SHARE)
    mixed = (LEAST_SHARE - lowest) / (equal - lowest)
    weights = weights + (equal - weights) * mixed
    return _Assignment(weights, weights.mean(axis=1), biases)
