"""Frames brought along by the motion, and where they say what a frame should be like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stylize_tf.machine.extras import require

STROKE = 4.0
"""Deviation, in pixels, of the Gaussian that leaves forms and takes strokes away."""

FINE_POWER = 1 / 7
"""Of the share in which what is finer is blended: .8 of forms goes with .97 of strokes."""


class Previous(NamedTuple):
    """What the frames before say of a frame.

    Attributes:
        image: float32 `[1, H, W, 3]`, in [0, 1].
        weights: how much it counts, float32 `[1, H, W, 1]` in [0, 1]; 0 where nothing is known.
        start: where the frame may start from: `image`, and where nothing is known the frame with
            its colors mapped as they are elsewhere.
        grown: how far it is painted that is known, like `weights`: what came into sight a frame
            ago is not yet to be kept.
    """

    image: np.ndarray
    weights: np.ndarray
    start: np.ndarray
    grown: np.ndarray | float = 1.0


def warped(image: np.ndarray, flow: np.ndarray, *, smooth: bool = False) -> np.ndarray:
    """What is seen of an image at `(x, y) + flow[y, x]`; beyond the border that of the border.

    By Lanczos' kernel of 8x8 pixels: what is brought along from frame to frame is sampled again and
    again, and loses its finest octave by a smaller one.

    Args:
        image: float32 `[H, W, C]` of up to 4 channels.
        flow: float32 `[H, W, 2]`, in pixels, x and y.
        smooth: between the four closest pixels instead, which never leaves their range.

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
        cv2.INTER_LINEAR if smooth else cv2.INTER_LANCZOS4,
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
    returned = warped(back, flow, smooth=True)
    apart = np.square(flow + returned).sum(axis=2)
    lengths = np.square(flow).sum(axis=2)
    hidden = apart > 0.01 * (lengths + np.square(returned).sum(axis=2)) + 0.5
    slopes = sum(np.square(x).sum(axis=2) for x in np.gradient(flow, axis=(0, 1)))
    border = slopes > 0.01 * lengths + 0.002
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    outside = (x < 0) | (y < 0) | (x > width - 1) | (y > height - 1)
    return np.asarray(~(hidden | border | outside), np.float32)


def together(frame: np.ndarray, several: Sequence[tuple[np.ndarray, np.ndarray]]) -> Previous:
    """What several frames say together: each pixel counts in the closest one that knows it.

    Ruder et al. (2016), Eq. (10).

    Args:
        frame: of which they say it, `[H, W, 3]`.
        several: warped frames `[H, W, 3]` and how much they count `[H, W]`, the closest first.
    """
    image = np.zeros_like(several[0][0])
    total = np.zeros_like(several[0][1])
    for own, weights in several:
        share = np.maximum(weights - total, 0)
        image += share[..., np.newaxis] * own
        total += share
    known = total[..., np.newaxis]
    image = (image / np.maximum(known, 1e-6)).clip(0, 1)
    start = image + (1 - known) * (_in_colors_of(image, known, frame) - image)
    return Previous(image[np.newaxis], known[np.newaxis], start[np.newaxis])


def _in_colors_of(image: np.ndarray, known: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """The frame, its colors mapped as what is known of it was painted: affine, by least squares."""
    colors = np.concatenate([frame, np.ones_like(frame[..., :1])], axis=2).reshape(-1, 4)
    weighed = known.reshape(-1, 1) * colors
    # A thousandth of the pixels say that colors are the frame's, where next to nothing is known.
    doubt = 1e-3 * len(colors) * np.eye(4)
    left = weighed.T @ colors + doubt
    right = weighed.T @ image.reshape(-1, 3) + doubt[:, :3]
    mapped = (colors @ np.linalg.solve(left, right)).reshape(frame.shape).clip(0, 1)
    return np.asarray(mapped, np.float32)


def blended(painted: np.ndarray, previous: Previous, share: float) -> np.ndarray:
    """A painted frame with what the frames before say of it blended in, where they know it.

    Forms are blended in that share, and what is finer than strokes in more of it: textures that do
    not fit each other have no mean but a dull one.

    Args:
        painted: float32 `[1, H, W, 3]`.
        previous: of the frame.
        share: of the frames before, from 0 to 1.

    Returns:
        As `painted`; values may leave its range a little.
    """
    require("cv2", "video", "blend")
    import cv2

    change = previous.image - painted
    forms = cv2.GaussianBlur(change[0], (0, 0), STROKE)[np.newaxis]
    blend = share * forms + share**FINE_POWER * (change - forms)
    return np.asarray(painted + previous.weights * blend, np.float32)
