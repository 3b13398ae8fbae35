"""Whether the painting's own subject stands in the picture: an arrangement copied, not a manner.

A patch of texture is alike wherever it is; a moon or a face is an arrangement, found at one place
of the painting only. So windows of deep features are compared cell by cell, each less its own mean,
which takes out palette and texture and leaves what lies where.

On six pairs a square of the painting pasted in, a quarter of the long side wide, has .61 to
.79: less than 1, as features at its edge see what is around, and cells do not lie alike. Pictures
put together from the painting's squares of 16 or 32 pixels of 512, in no order, have .24 to .36.
The measure knows no subjects: a swirl copied counts as a face does, and stripes that run through a
painting are alike everywhere (one of the evening sky, mirrored, has .82; the others .48 to .51).
"""

from __future__ import annotations

import numpy as np

LAYER = "block4_conv1"
LONG_SIDE = 256
WINDOW = 6
"""Cells of 8 pixels: a fifth of the long side."""
COUNT = 9
"""As many windows as lie in one thing of 8 by 8 cells, a quarter of the long side."""
LEAST_ENERGY = 0.5


def ghost(picture: np.ndarray, content: np.ndarray, style: np.ndarray) -> float:
    """How closely the picture's closest windows repeat windows of the painting.

    `(r - r*) / (1 - r*)`, r the correlation of a window of the picture with one of the painting, r*
    that of the photograph's window at the same place, where positive, with the same one: what the
    picture has of the way from the photograph to a copy. For each window of the picture the largest
    over the painting's; of these the mean of the `COUNT` largest.

    Args:
        picture: float, `[h, w, C]`, features; as are
        content: the photograph's, of the same shape, and
        style: the painting's, of any height and width.

    Returns:
        At most 1, where a thing of the painting is copied cell by cell; 0 for the photograph.
    """
    side = min(WINDOW, *content.shape[:2], *style.shape[:2])
    before = np.maximum(window_correlations(content, style, side), 0.0)
    gain = window_correlations(picture, style, side) - before
    gain /= np.maximum(1.0 - before, 1e-3)
    return float(np.sort(gain.max(axis=(2, 3)).ravel())[-COUNT:].mean())


def window_correlations(image: np.ndarray, style: np.ndarray, side: int) -> np.ndarray:
    """Zero-mean normalized cross-correlation of every window with every window of the painting.

    A window's energy is its sum of squared deviations from its own mean, channel by channel; no
    energy counts as less than `LEAST_ENERGY` times the mean energy of the painting's, so that what
    is nearly even is like nothing.

    Args:
        image: float, `[h, w, C]`.
        style: float, `[H, W, C]`.
        side: of a window, in cells.

    Returns:
        float32, `[h - side + 1, w - side + 1, H - side + 1, W - side + 1]`, from -1 to 1.
    """
    center = style.mean(axis=(0, 1))  # Nothing changes by it but the rounding.
    image, style = ((x - center).astype(np.float32) for x in (image, style))
    products = np.tensordot(image, style, axes=(2, 2))
    for axis in (0, 1):
        products = _sums(products, side, (axis, axis + 2))
    means = [_sums(_sums(x, side, (0,)), side, (1,)) / side**2 for x in (image, style)]
    products -= np.tensordot(means[0], means[1], axes=(2, 2)) * side**2
    energies = []
    for features, mean in zip((image, style), means, strict=True):
        squares = _sums(_sums(np.sum(features**2, axis=2), side, (0,)), side, (1,))
        energies.append(squares - np.sum(mean**2, axis=2) * side**2)
    # A painting of one color has no windows to repeat; its rounding is none either.
    least = max(LEAST_ENERGY * float(energies[1].mean()), 1e-6)
    first, second = (np.sqrt(np.maximum(energy, least)) for energy in energies)
    return products / first[:, :, None, None] / second


def _sums(array: np.ndarray, side: int, axes: tuple[int, ...]) -> np.ndarray:
    """Sums of `side` neighbours along one axis, or along the diagonal of several."""

    def shifted(start: int) -> np.ndarray:
        cut = [slice(None)] * array.ndim
        for axis in axes:
            cut[axis] = slice(start, start + array.shape[axis] - side + 1)
        return array[tuple(cut)]

    total = shifted(0).copy()
    for start in range(1, side):
        total += shifted(start)
    return total
