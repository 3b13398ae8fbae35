"""Colors: the photograph's kept by the picture, or given to the painting.

Pictures are float32 `[1, H, W, 3]`, RGB as sRGB encodes it, in [0, 1]. All is done by parts, so
that a call takes the memory of its result and a few megabytes.

- Lightness and chroma are told apart in CIELAB or Oklab, which are perceptual, or in YIQ, a matrix
  on the encoded values; see `keep_colors`.
- Means, covariances and histograms are those of encoded values, as in the papers: equal steps look
  about equal, and are what the network sees. In linear light most of a picture lies near black,
  where an affine map soon leaves what can be shown.

References:
    Gatys, Bethge, Hertzmann & Shechtman (2016), Preserving Color in Neural Artistic Style Transfer.
    Gatys et al. (2017), Controlling Perceptual Factors in Neural Style Transfer, color control.
    Hertzmann et al. (2001), Image Analogies.
    Pitie, Kokaram & Dahyot (2007), Automated colour grading using colour distribution transfer.
    Pitie & Kokaram (2007), The linear Monge-Kantorovitch linear colour mapping.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stylize_tf.images.color_spaces import PART, SPACES, Matrix, Pixels, in_parts, times

MAX_GAIN = 5.0
"""How many times a difference of colors in the painting may be enlarged to fit the photograph's.

The grain of a nearly grey painting, or what compression left in its file, is not to be taken for
colors. Of the 20 pairs of five photographs and paintings none needs more than 4.2.
"""

_SAMPLE = 2**18  # Pixels that histograms are made of, at most.
_QUANTILES = 256
_TINY = 1e-10  # A deviation of 1/400 of a grey level: what singular covariances are given.
_SHOWN = 1 / 2048  # An eighth of a grey level beyond [0, 1] still counts as within.
_HALVINGS = 12


def keep_colors(
    picture: npt.ArrayLike, photograph: npt.ArrayLike, space: str, amount: float
) -> Pixels:
    """The picture's lightness with the photograph's chroma, pixel by pixel.

    Gatys et al. (2016), who take YIQ and clip. Where sRGB has no color of the picture's lightness
    and the photograph's chroma (black strokes in a blue sky), clipping would change the chroma; we
    move the lightness towards the photograph's as far as it takes, and no further. Partial amounts
    move towards the mixture of encoded values instead, which at amount 1 is the photograph.

    "lab" is the space to begin with: it keeps what is commonly measured. Over 20 pairs of
    photographs and paintings, rounded to 8 bits, the mean distance to the photograph's chroma in
    CIELAB is 0.25 (at most 0.26 for a pair), 1.2 (1.8) with "oklab" and 1.9 (2.7) with "yiq". The
    dark strokes of a blue sky look truer with "oklab": CIELAB's blue turns to teal.

    Args:
        picture: float, `[1, H, W, 3]` in [0, 1].
        photograph: float in [0, 1], of the same size.
        space: where lightness and chroma are told apart, one of `SPACES`.
        amount: how much of the chroma is the photograph's, in [0, 1]; the rest is the picture's,
            which is the result at 0.

    Returns:
        float32, `[1, H, W, 3]` in [0, 1].
    """
    chosen = SPACES[space]
    if amount == 0:
        return np.array(picture, np.float32)

    def mix(picture: Pixels, photograph: Pixels) -> Pixels:
        colors = chosen.from_srgb(picture)
        colors[:, 1:] += amount * (chosen.from_srgb(photograph) - colors)[:, 1:]
        rgb = chosen.to_srgb(colors)
        beyond = ~_shown(rgb)
        if beyond.any():
            # At amount 1 this is the photograph, and only lightness differs from `colors`.
            safe = picture[beyond] + amount * (photograph[beyond] - picture[beyond])
            rgb[beyond] = _nearest(colors[beyond], chosen.from_srgb(safe), chosen.to_srgb)
        return np.clip(rgb, 0, 1)

    return in_parts(mix, picture, photograph)


def _nearest(colors: Pixels, safe: Pixels, to_srgb: Callable[[Pixels], Pixels]) -> Pixels:
    """Encoded values of the first colors that sRGB has on the way to those it surely has."""
    way = safe - colors
    fits, beyond = np.ones_like(way[:, :1]), np.zeros_like(way[:, :1])
    for _ in range(_HALVINGS):
        middle: Pixels = (fits + beyond) * np.float32(0.5)
        shown = _shown(to_srgb(colors + middle * way))[:, np.newaxis]
        fits, beyond = np.where(shown, middle, fits), np.where(shown, beyond, middle)
    return to_srgb(colors + fits * way)


def _shown(rgb: Pixels) -> npt.NDArray[np.bool_]:
    """Which colors `[n, 3]` sRGB has."""
    # By columns: a reduction over an axis of three is many times as slow.
    within = np.abs(rgb - np.float32(0.5)) <= 0.5 + _SHOWN
    return within[:, 0] & within[:, 1] & within[:, 2]


def luminance(image: npt.ArrayLike, space: str) -> Pixels:
    """The grey picture of the same lightness.

    Luminance-only transfer (Gatys et al., 2016, 2017) paints with photograph and painting both
    grey, and `keep_colors` in the same space then gives the result the photograph's colors: the
    photograph itself, if nothing was painted.

    Args:
        image: float, `[1, H, W, 3]` in [0, 1].
        space: whose lightness, one of `SPACES`; that of "lab" is the luminance of linear light.

    Returns:
        float32, `[1, H, W, 3]` in [0, 1], of three equal channels.
    """
    chosen = SPACES[space]

    def grey(part: Pixels) -> Pixels:
        colors = chosen.from_srgb(part)
        colors[:, 1:] = 0
        return np.repeat(np.clip(chosen.to_srgb(colors)[:, 1:2], 0, 1), 3, axis=1)

    return in_parts(grey, image)


def match_lightness(style: npt.ArrayLike, photograph: npt.ArrayLike, amount: float) -> Pixels:
    """The grey painting with the mean and the deviation of the grey photograph.

    Hertzmann et al. (2001); luminance-only transfer of Gatys et al. (2016, 2017):
    `deviation_c / deviation_s * (x - mean_s) + mean_c`, of encoded values. We let the quotient
    be `MAX_GAIN` at most.

    Args:
        style: float, `[1, h, w, 3]`, a picture by `luminance`.
        photograph: float, `[1, H, W, 3]`, the same.
        amount: in [0, 1], from the painting itself to all of the above, in a straight line.

    Returns:
        float32, `[1, h, w, 3]`, clipped to [0, 1] at the end.
    """
    own, other = np.asarray(style, np.float32), np.asarray(photograph, np.float32)
    (mean, covariance), (wanted_mean, wanted) = _moments(own), _moments(other)
    variance, wanted_variance = covariance.mean(), max(wanted.mean(), 0.0)
    gain = np.sqrt(wanted_variance / max(variance, wanted_variance / MAX_GAIN**2, _TINY))
    matrix = gain * np.eye(3)
    return _moved(own, amount, lambda x: _carried(x, mean, matrix, wanted_mean))


def match_colors(
    style: npt.ArrayLike, photograph: npt.ArrayLike, method: str, amount: float
) -> Pixels:
    """The painting with the color statistics of the photograph.

    Gatys et al. (2016, 2017), color histogram matching. Three methods are affine and give the
    painting the photograph's mean and covariance; with S that of the painting, T the photograph's:

    - "symmetric", `S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2`, moves colors the least, in the mean of
      squares (Monge-Kantorovich; Pitie & Kokaram, 2007). The one to begin with.
    - "pca", `T^1/2 S^-1/2`, is that of Image Analogies, and nearly always looks the same.
    - "cholesky", `chol(T) chol(S)^-1`, takes red, green and blue in this order, which shifts hues.

    "histogram" follows "symmetric" by the histograms of red, green and blue, which exactly become
    the photograph's where that takes no steeper slope than `MAX_GAIN`. As channels are matched
    each by itself, colors can arise that neither picture has. We do not match other axes too, as
    Pitie, Kokaram & Dahyot (2007) do for the whole distribution: even strokes break into patches.

    The affine maps enlarge no difference of colors more than `MAX_GAIN` times. Where the painting
    has less than `1 / MAX_GAIN^2` of the photograph's variance, in any direction of color space,
    it is taken to have that, and so gets less than all of it. Grey paintings become tinted, flat
    ones take the mean color.

    Args:
        style: float, `[1, h, w, 3]` in [0, 1].
        photograph: float, `[1, H, W, 3]` in [0, 1].
        method: one of `METHODS`.
        amount: in [0, 1], from the painting itself to all of the above, in a straight line.

    Returns:
        float32, `[1, h, w, 3]`, clipped to [0, 1] at the end.
    """
    own, other = np.asarray(style, np.float32), np.asarray(photograph, np.float32)
    (mean, covariance), (wanted_mean, wanted) = _moments(own), _moments(other)
    matrix = _affine(covariance, wanted, METHODS[method])

    def affine(x: Pixels) -> Pixels:
        return _carried(x, mean, matrix, wanted_mean)

    if method != "histogram":
        return _moved(own, amount, affine)
    # What the painting cannot have of the photograph's variance is taken from the photograph too,
    # or its histograms would stretch what the affine map does not.
    shrink = _affine(wanted, matrix @ covariance @ matrix.T, _symmetric)
    target = _carried(_sample(other), wanted_mean, shrink, wanted_mean)
    knots, values = _matching(affine(_sample(own)), target)

    def matched(x: Pixels) -> Pixels:
        y = affine(x)
        for channel in range(3):
            y[:, channel] = np.interp(y[:, channel], knots[:, channel], values[:, channel])
        return y

    return _moved(own, amount, matched)


def _affine(
    covariance: Matrix, wanted: Matrix, method: Callable[[Matrix, Matrix], Matrix]
) -> Matrix:
    """The matrix that gives colors of one covariance the other, as far as `MAX_GAIN` allows.

    A floor for the covariance, `S >= T / g^2` as quadratic forms, is all it takes. The squares of
    the gains are eigenvalues of `A A'`, that is of `T^1/2 S^-1 T^1/2 <= g^2`, the same with
    Cholesky factors, or of the square of the symmetric map, where `(S^1/2 T S^1/2)^1/2 <= g S`
    because the root keeps the order of matrices.
    """
    wanted = wanted + _TINY * np.eye(3)
    least = wanted / MAX_GAIN**2
    whiten, unwhiten = _power(least, -0.5), _power(least, 0.5)
    values, axes = np.linalg.eigh(whiten @ covariance @ whiten)
    if values[0] < 1:
        side = unwhiten @ axes
        covariance = (side * np.maximum(values, 1)) @ side.T
    return method(covariance, wanted)


def _symmetric(covariance: Matrix, wanted: Matrix) -> Matrix:
    root, inverse = _power(covariance, 0.5), _power(covariance, -0.5)
    return inverse @ _power(root @ wanted @ root, 0.5) @ inverse


def _pca(covariance: Matrix, wanted: Matrix) -> Matrix:
    return _power(wanted, 0.5) @ _power(covariance, -0.5)


def _cholesky(covariance: Matrix, wanted: Matrix) -> Matrix:
    own, other = np.linalg.cholesky(covariance), np.linalg.cholesky(wanted)
    return np.asarray(other @ np.linalg.inv(own), np.float64)


METHODS = {
    "symmetric": _symmetric,
    "pca": _pca,
    "cholesky": _cholesky,
    "histogram": _symmetric,
}
"""What `method` may be."""


def _power(matrix: Matrix, exponent: float) -> Matrix:
    """A power of a positive definite matrix, through its eigenvalues."""
    values, axes = np.linalg.eigh((matrix + matrix.T) / 2)
    return (axes * np.maximum(values, 1e-30) ** exponent) @ axes.T


def _matching(colors: Pixels, wanted: Pixels) -> tuple[Matrix, Matrix]:
    """The quantiles `[n, 3]` of the channels of colors, and what they become: those of others.

    Where that is steeper than `MAX_GAIN` (much of the painting, nothing of the photograph), strokes
    would break in two; it is the mean of the highest map below and the lowest above that are not.
    """
    levels = np.linspace(0, 1, _QUANTILES + 1)
    knots, values = (np.quantile(x, levels, axis=0).astype(float) for x in (colors, wanted))
    rise = MAX_GAIN * np.abs(knots[:, np.newaxis] - knots)
    return knots, ((values + rise).min(axis=1) + (values - rise).max(axis=1)) / 2


def _sample(image: Pixels) -> Pixels:
    """Colors `[n, 3]` of the pixels on a grid, at most `_SAMPLE` of them."""
    step = math.ceil(math.sqrt(image.size / 3 / _SAMPLE))
    return image[:, ::step, ::step].reshape(-1, 3)


def _moments(image: Pixels) -> tuple[Matrix, Matrix]:
    """Mean `[3]` and covariance `[3, 3]` of the colors."""
    colors = image.reshape(-1, 3)
    first, second = np.zeros(3), np.zeros([3, 3])
    for start in range(0, len(colors), PART):
        part = colors[start : start + PART].astype(np.float64)
        first += part.sum(axis=0)
        second += part.T @ part
    mean = first / len(colors)
    return mean, second / len(colors) - np.outer(mean, mean)


def _carried(colors: Pixels, mean: Matrix, matrix: Matrix, wanted_mean: Matrix) -> Pixels:
    """`matrix @ (color - mean) + wanted_mean` for each color of `[n, 3]`."""
    return times(colors - mean.astype(np.float32), matrix) + wanted_mean.astype(np.float32)


def _moved(image: Pixels, amount: float, function: Callable[[Pixels], Pixels]) -> Pixels:
    """The picture on its straight way to `function` of it, then clipped to [0, 1]."""
    return in_parts(lambda x: np.clip(x + amount * (function(x) - x), 0, 1), image)
