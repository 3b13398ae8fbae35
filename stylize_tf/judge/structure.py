"""Whether the things of a photograph are still there, and still one: in color, with no network.

Only this module imports scikit-image, and only when it is asked: it comes with the extra `judge`.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from stylize_tf.judge import pictures

LONG_SIDE = 256
BLUR = 2.0
REACH = 4
LEAST_DIFFERENCE = 12.0
_LEAST_SPREAD = 1e-6
"""In CIELAB: rounding in a picture of one color has less, one grey level of 8 bits in it more."""


def is_installed() -> bool:
    """Whether scikit-image is there. Nothing is imported."""
    return importlib.util.find_spec("skimage") is not None


def structure(picture: np.ndarray, content: np.ndarray) -> dict[str, float]:
    """The columns `kept` and `whole` of a picture.

    Args:
        picture: float32, `[1, H, W, 3]` in [0, 1]; as is
        content: the photograph, of the picture's shape up to rounding, at any size.
    """
    from skimage.color import rgb2lab
    from skimage.filters import gaussian

    content = pictures.resize_long_side(content, LONG_SIDE)
    picture = pictures.resize(picture, *content.shape[1:3])
    colors, painted = (rgb2lab(image[0].astype(np.float64)) for image in (content, picture))
    regions = segment(colors)
    colors, painted = (
        gaussian(image, BLUR, mode="reflect", channel_axis=-1, preserve_range=True)
        for image in (colors, painted)
    )
    return {"kept": kept(painted, colors, regions), "whole": whole(painted, regions)}


def segment(colors: np.ndarray) -> np.ndarray:
    """The regions of a photograph, Felzenszwalb and Huttenlocher (2004): int, `[H, W]`.

    Args:
        colors: float64, `[H, W, 3]`, CIELAB.
    """
    from skimage.segmentation import felzenszwalb

    scaled = (colors - colors.min()) / max(np.ptp(colors), _LEAST_SPREAD)
    return felzenszwalb(scaled, scale=120, sigma=1, min_size=150)


def kept(picture: np.ndarray, content: np.ndarray, regions: np.ndarray) -> float:
    """How much of the photograph's contrast across its borders the picture has.

    Along each axis, at every place whose neighbour before or after is of another region, and where
    the places `REACH` before and after are of different ones: the distance between the colors of
    these two as a share of the photograph's, at most 1; the mean of all that are more than
    `LEAST_DIFFERENCE` apart in the photograph.

    Args:
        picture: float64, `[H, W, 3]`, blurred CIELAB; as is
        content: the photograph.
        regions: int, `[H, W]`, the photograph's.

    Returns:
        From 0 to 1, and 1 where the photograph has no such border.
    """
    shares = [np.empty(0)]
    for axis in (0, 1):
        x, c, r = (np.moveaxis(array, axis, 0) for array in (picture, content, regions))
        here, last = slice(REACH, -REACH), -REACH
        border = (r[here] != r[REACH - 1 : last - 1]) | (r[here] != r[REACH + 1 : last + 1 or None])
        border &= r[: 2 * last] != r[2 * REACH :]
        wanted = np.linalg.norm(c[: 2 * last] - c[2 * REACH :], axis=-1)[border]
        found = np.linalg.norm(x[: 2 * last] - x[2 * REACH :], axis=-1)[border]
        clear = wanted > LEAST_DIFFERENCE
        shares.append(np.minimum(found[clear] / wanted[clear], 1.0))
    every = np.concatenate(shares)
    return float(every.mean()) if every.size else 1.0


def whole(picture: np.ndarray, regions: np.ndarray) -> float:
    """The spread of color within regions over that of the whole picture; lower is more of a piece.

    A spread is the mean over the three channels of the standard deviation; those of the regions are
    averaged by area. 0 where every region is of one color, at most about 1; 0 for an even picture.

    Args:
        picture: float64, `[H, W, 3]`, blurred CIELAB.
        regions: int, `[H, W]`, the photograph's.
    """
    within = 0.0
    for region in np.unique(regions):
        inside = regions == region
        within += inside.mean() * picture[inside].std(axis=0).mean()
    return float(within / max(picture.std(axis=(0, 1)).mean(), _LEAST_SPREAD))
