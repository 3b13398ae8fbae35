"""Colors of pictures in spaces that tell lightness from chroma, and back.

Colors are float32 `[..., 3]`, RGB as sRGB encodes it, in [0, 1]; see `in_parts` for large pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

PART = 2**13
"""Pixels at once: arrays of them are small enough for memory that is used again."""

# IEC 61966-2-1: linear sRGB -> XYZ, divided by the white (D65) that it gives.
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_XYZ /= _XYZ.sum(axis=1, keepdims=True)
# CIE 15: L, a, b from the cube roots of X, Y, Z; without the offset of L.
_LAB = np.array([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])
_LAB_OFFSET = np.array([16.0, 0.0, 0.0], np.float32)
_LAB_EPSILON, _LAB_KAPPA = 216 / 24389, 24389 / 27
# Ottosson (2020), A perceptual color space for image processing: linear sRGB -> cone responses,
# their cube roots -> L, a, b.
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# NTSC: encoded R, G, B -> Y, I, Q.
_YIQ = np.array(
    [
        [0.299, 0.587, 0.114],
        [0.59590059, -0.27455667, -0.32134392],
        [0.21153661, -0.52273617, 0.31119955],
    ]
)


def in_parts(function: Callable[..., npt.NDArray[np.floating]], *images: npt.ArrayLike) -> Pixels:
    """A function of colors `[n, 3]`, a part of all images at a time; as float32 of their shape.

    It takes the memory of its result and a few megabytes.
    """
    arrays = [np.asarray(x, np.float32) for x in images]
    colors = [x.reshape(-1, 3) for x in arrays]
    result = np.empty_like(colors[0])
    for start in range(0, len(result), PART):
        part = slice(start, start + PART)
        result[part] = function(*(x[part] for x in colors))
    return result.reshape(arrays[0].shape)


def times(colors: Pixels, matrix: Matrix) -> Pixels:
    """`matrix @ color` for each color of `[..., 3]`."""
    return colors @ matrix.T.astype(np.float32)


def linear_from_srgb(image: Pixels) -> Pixels:
    """Linear light of encoded values, float32 `[..., 3]`: IEC 61966-2-1.

    `x / 12.92` up to 0.04045, also below 0; then `((x + 0.055) / 1.055)^2.4`.
    """
    curve = ((np.maximum(image, 0.04045) + 0.055) / 1.055) ** np.float32(2.4)
    return np.where(image <= 0.04045, image / 12.92, curve)


def srgb_from_linear(linear: Pixels) -> Pixels:
    """Encoded values of linear light, float32 `[..., 3]`; not clipped."""
    curve = 1.055 * np.maximum(linear, 0.0031308) ** np.float32(1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curve)


def lab_from_srgb(image: Pixels) -> Pixels:
    """CIELAB of encoded values, float32 `[..., 3]`, for the white of sRGB: D65, 2 degrees.

    CIE 15: `L = 116 f(Y) - 16`, `a = 500 (f(X) - f(Y))`, `b = 200 (f(Y) - f(Z))` with X, Y and Z
    relative to white and `f(t) = t^(1/3)`, below 216/24389 `(24389/27 t + 16) / 116`. L is from 0
    to 100, a and b from about -108 to 98, 0 for greys.
    """
    xyz = times(linear_from_srgb(image), _XYZ)
    roots = np.where(xyz > _LAB_EPSILON, np.cbrt(xyz), (_LAB_KAPPA * xyz + 16) / 116)
    return times(roots, _LAB) - _LAB_OFFSET


def srgb_from_lab(lab: Pixels) -> Pixels:
    """Encoded values of colors in CIELAB, float32 `[..., 3]`; not clipped to what sRGB has."""
    roots = times(lab + _LAB_OFFSET, np.linalg.inv(_LAB))
    cubes = roots**3
    xyz = np.where(cubes > _LAB_EPSILON, cubes, (116 * roots - 16) / _LAB_KAPPA)
    return srgb_from_linear(times(xyz, np.linalg.inv(_XYZ)))


def oklab_from_srgb(image: Pixels) -> Pixels:
    """Oklab of encoded values, float32 `[..., 3]`.

    Ottosson (2020): cube roots of three sums of linear light, and a matrix. L is from 0 to 1, a and
    b from about -0.32 to 0.28, 0 for greys. Hues, blue above all, stay as lightness changes.
    """
    return times(np.cbrt(times(linear_from_srgb(image), _CONES)), _OKLAB)


def srgb_from_oklab(oklab: Pixels) -> Pixels:
    """Encoded values of colors in Oklab, float32 `[..., 3]`; not clipped to what sRGB has."""
    cones = times(oklab, np.linalg.inv(_OKLAB)) ** 3
    return srgb_from_linear(times(cones, np.linalg.inv(_CONES)))


def yiq_from_srgb(image: Pixels) -> Pixels:
    """YIQ of encoded values, float32 `[..., 3]`: the matrix of NTSC, as in Gatys et al. (2016).

    Y, which is luma and not luminance, is from 0 to 1, I within 0.6 and Q within 0.53 of 0.
    """
    return times(image, _YIQ)


def srgb_from_yiq(yiq: Pixels) -> Pixels:
    """Encoded values of colors in YIQ, float32 `[..., 3]`; not clipped to what sRGB has."""
    return times(yiq, np.linalg.inv(_YIQ))


class Space(NamedTuple):
    """Lightness first, then two axes of chroma that are 0 for greys."""

    from_srgb: Callable[[Pixels], Pixels]
    to_srgb: Callable[[Pixels], Pixels]


SPACES = {
    "lab": Space(lab_from_srgb, srgb_from_lab),
    "oklab": Space(oklab_from_srgb, srgb_from_oklab),
    "yiq": Space(yiq_from_srgb, srgb_from_yiq),
}
"""By name."""
