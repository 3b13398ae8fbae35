"""What is like what in a picture: attention between deep features, with the edges of the picture.

Every pixel has a direction, and the cosine of two tells how much the one is like the other: the
logit of attention between them. Directions are those of `correspondence`, of one picture and by
its first principal components, so that a thing is one thing and not its parts. They are brought
from the few positions of deep features to pixels by a guided filter. That is linear in what it
filters, so the map of how like a place everything is has the edges of the picture, too, and it
takes a product for each place that is asked about.

References:
    He, Sun & Tang (2013), Guided image filtering, Eqs. (19) to (21).
    He & Sun (2015), Fast guided filter: here likewise, coefficients are those of a small picture.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stylize_tf.control.correspondence import principal_axes, standardized, unit
from stylize_tf.images import image_io

SIDE = 384
"""Pixels of the long side of what is known of a picture."""

COMPONENTS = 9
"""Of directions: with 16 a part of a thing is not like the others, with 4 different things are."""

_STRIPS = COMPONENTS // 3
_SHRUNK = 4  # Times that the picture is smaller in which coefficients are found.
_REACH = 4  # Pixels there to each side of a window: a position of the features and a half.
_SMOOTH = 2e-3  # Variance of colors, in [0, 1], below which there is no edge.

Pixels = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float64]


def directions(features: npt.ArrayLike, picture: Pixels) -> Pixels:
    """A direction for each pixel, whose cosine with another's tells how alike the two are.

    Args:
        features: of the picture, `[1, h, w, C]`, as `regions.features_of`.
        picture: float32, `[1, H, W, 3]` in [0, 1], of any size.

    Returns:
        float32, `[1, h, w, COMPONENTS]`, with a long side of `SIDE`, of length 1 each, or 0 in a
        picture that is flat.
    """
    deviations = standardized(np.asarray(features, np.float64)[0])
    axes = principal_axes([deviations])[:, -COMPONENTS:]
    coarse = np.zeros([*deviations.shape[:2], COMPONENTS])
    coarse[..., : axes.shape[1]] = unit(deviations @ axes)  # A small network has fewer channels.
    height, width = picture.shape[1:3]
    sides = [max(1, round(side * SIDE / max(height, width))) for side in (height, width)]
    guide = image_io.resize(picture, *sides).clip(0, 1)
    return unit(_snapped(coarse, guide[0]))[np.newaxis].astype(np.float32)


def encoded(found: Pixels) -> bytes:
    """Directions as a PNG: one above the other, pictures whose colors are three components each.

    A component of -1 is black, 1 is white.
    """
    strips = np.split((found + 1) / 2, _STRIPS, axis=3)
    return image_io.encode("likeness.png", np.concatenate(strips, axis=1))


def _snapped(coarse: Plane, guide: Pixels) -> Plane:
    """What is known of few positions, `[h, w, C]`, for each pixel of a guide `[H, W, 3]`."""
    small = [max(1, round(side / _SHRUNK)) for side in guide.shape[:2]]
    colors, values = (_resized(x, *small) for x in (guide, coarse))
    mean_color, mean_value = _windowed(colors), _windowed(values)
    variance = _windowed(_products(colors, colors)) - _products(mean_color, mean_color)
    covariance = _windowed(_products(colors, values)) - _products(mean_color, mean_value)
    slopes = np.linalg.solve(variance + _SMOOTH * np.eye(3), covariance).astype(
        np.float64, copy=False
    )
    offsets = mean_value - np.einsum("hwg,hwgc->hwc", mean_color, slopes)
    size = guide.shape[:2]
    slopes = _resized(_windowed(slopes).reshape(*small, -1), *size).reshape(*size, 3, -1)
    return np.einsum("hwg,hwgc->hwc", guide, slopes) + _resized(_windowed(offsets), *size)


def _products(first: Plane, second: Plane) -> Plane:
    """Of all channels of one with all of the other: `[H, W, A, B]`."""
    return first[..., :, np.newaxis] * second[..., np.newaxis, :]


def _resized(plane: npt.ArrayLike, height: int, width: int) -> Plane:
    image = np.asarray(plane, np.float32)[np.newaxis]
    return image_io.resize(image, height, width)[0].astype(np.float64)


def _windowed(plane: Plane) -> Plane:
    """Means over windows of `[H, W, ...]`, the border repeated."""
    length = 2 * _REACH + 1
    for axis in (0, 1):
        around = [(0, 0)] * plane.ndim
        around[axis] = (_REACH + 1, _REACH)
        sums = np.pad(plane, around, mode="edge").cumsum(axis)
        count = plane.shape[axis]
        ends = (np.arange(count) + length, np.arange(count))
        plane = (sums.take(ends[0], axis) - sums.take(ends[1], axis)) / length
    return plane
