"""Frames brought along by the motion, and where they say what a frame should be like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stylize_tf.machine.extras import require


class Previous(NamedTuple):
    """What the frames before say of a frame.

    Attributes:
        image: float32 `[1, H, W, 3]`, in [0, 1].
        weights: how much it counts, float32 `[1, H, W, 1]` in [0, 1]; 0 where nothing is known.
        start: where the frame may start from; like `image`.
    """

    image: np.ndarray
    weights: np.ndarray
    start: np.ndarray


def warped(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """What is seen of an image at `(x, y) + flow[y, x]`, cubic; beyond the border the border's.

    Args:
        image: float32 `[H, W, C]` of up to 4 channels, or `[H, W]`.
        flow: float32 `[H, W, 2]`, in pixels, x and y.

    Returns:
        Of the image's shape; values may leave its range a little.
    """
    require("cv2", "video", "flow")
    import cv2

    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    found = cv2.remap(
        image,
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(found, np.float32)


def reliable(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Where a flow can be trusted: 1 or 0, float32 `[H, W]`.

    Sundaram, Brox & Keutzer (2010), as Ruder et al. (2016), Eq. (5) and (6), take it: not where the
    way there and back does not end where it began (what is hidden in the other frame),
    `|w + v|^2 > .01 (|w|^2 + |v|^2) + .5`, nor at borders of motion,
    `|dw/dx|^2 + |dw/dy|^2 > .01 |w|^2 + .002`; and, which they do not say, not where the way leads
    out of the picture.

    Args:
        flow: `w` from the frame to the other, float32 `[H, W, 2]`.
        back: `v` from the other to the frame, at the places of the other.
    """
    height, width = flow.shape[:2]
    returned = warped(back, flow)
    apart = np.square(flow + returned).sum(axis=2)
    lengths = np.square(flow).sum(axis=2)
    hidden = apart > 0.01 * (lengths + np.square(returned).sum(axis=2)) + 0.5
    slopes = sum(np.square(x).sum(axis=2) for x in np.gradient(flow, axis=(0, 1)))
    border = slopes > 0.01 * lengths + 0.002
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    outside = (x < 0) | (y < 0) | (x > width - 1) | (y > height - 1)
    return np.asarray(~(hidden | border | outside), np.float32)


def together(several: Sequence[tuple[np.ndarray, np.ndarray]]) -> Previous:
    """What several frames say together: each pixel counts in the closest one that knows it.

    Ruder et al. (2016), Eq. (10).

    Args:
        several: warped frames `[H, W, 3]` and how much they count `[H, W]`, the closest first.
    """
    image = np.zeros_like(several[0][0])
    total = np.zeros_like(several[0][1])
    for own, weights in several:
        share = np.maximum(weights - total, 0)
        image += share[..., np.newaxis] * own
        total += share
    closest = several[0][0]
    known = total[..., np.newaxis] > 0
    image = np.where(known, image / np.maximum(total, 1e-6)[..., np.newaxis], closest)
    image = image[np.newaxis].clip(0, 1)
    return Previous(image, total[np.newaxis, ..., np.newaxis], image)
