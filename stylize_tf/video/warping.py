"""Frames brought along by the motion, and where they say what a frame should be like."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stylize_tf.machine.extras import require

STROKE = 4.0
"""Deviation, in pixels, of the Gaussian that leaves forms and takes strokes away."""

FINE_POWER = 1 / 7
"""Of the share in which what is finer is blended: .8 of forms goes with .97 of strokes."""

SOFT = 2.0
"""Deviation, in pixels, of the Gaussian by which what is blended in ends softly."""

DEVIATIONS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Of the Gaussians, in pixels, between which octaves lie whose contrast is kept."""

MOST_CONTRAST = 2.0
"""Factor by which that of an octave is changed at most."""

WINDOW = 5
"""Side of the square, in pixels, in which two pictures are held against each other."""

ALIKE, TIMES_USUAL, NEVER_ALIKE = 0.02, 2.0, 0.1
"""Two pictures look alike where they differ by no more than `ALIKE`, of values in [0, 1], beyond
`TIMES_USUAL` what they differ by where the flow is trusted (noise, a change of light), and by no
more than `NEVER_ALIKE`."""

SPARSE = 8
"""Pixels between the places of a flow that say how the camera moves."""

FEWEST_PLACES = 16
"""Of those, below which they say nothing."""


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
    returned = warped(back, flow, smooth=True)
    apart = np.square(flow + returned).sum(axis=2)
    lengths = np.square(flow).sum(axis=2)
    hidden = apart > 0.01 * (lengths + np.square(returned).sum(axis=2)) + 0.5
    slopes = sum(np.square(x).sum(axis=2) for x in np.gradient(flow, axis=(0, 1)))
    border = slopes > 0.01 * lengths + 0.002
    return np.asarray(~(hidden | border) & _leads_inside(flow), np.float32)


def mended(
    frame: np.ndarray, other: np.ndarray, flow: np.ndarray, trusted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A flow and where it can be trusted, and with both what looks alike in the two frames.

    Round a thing that passes, the flow of what is behind goes along with it and is not trusted, for
    as long as the thing is near: in a film from a camera that stands, a patch round everybody who
    walks, painted anew in every frame. Where what is not trusted looks the same in the other frame
    if it moves with the camera, it does; else, if it does by the flow, that is trusted after all.

    Args:
        frame, other: float32 `[H, W, 3]` in [0, 1].
        flow: from the frame to the other, float32 `[H, W, 2]`.
        trusted: 1 or 0, float32 `[H, W]`, see `reliable`.

    Returns:
        As `flow` and `trusted`.
    """
    if not trusted.any() or trusted.all():
        return flow, trusted
    apart = _apart(frame, other, flow)
    usual = float(np.median(apart[trusted > 0]))
    most = min(ALIKE + TIMES_USUAL * usual, NEVER_ALIKE)
    by_camera = of_camera(flow, trusted)
    steady = (_apart(frame, other, by_camera) <= most) & _leads_inside(by_camera)
    steady &= trusted == 0
    alike = (apart <= most) & _leads_inside(flow)
    found = np.where(steady[..., np.newaxis], by_camera, flow)
    return found, np.maximum(trusted, steady | alike).astype(np.float32)


def of_camera(flow: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    """The flow of what stands still while the camera moves: a homography, by RANSAC.

    Args:
        flow: float32 `[H, W, 2]`.
        trusted: 1 or 0, `[H, W]`.

    Returns:
        As `flow`; no motion where too little of it is trusted.
    """
    require("cv2", "video", "flow")
    import cv2

    height, width = flow.shape[:2]
    places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32)
    known = trusted[::SPARSE, ::SPARSE] > 0
    here, moves = places[::SPARSE, ::SPARSE][known], flow[::SPARSE, ::SPARSE][known]
    found = None
    if len(here) >= FEWEST_PLACES:
        found, _ = cv2.findHomography(here, here + moves, cv2.RANSAC, 1.0)
    if found is None:
        return np.zeros_like(flow)
    there = cv2.perspectiveTransform(places.reshape(1, -1, 2), found)
    return np.asarray(there.reshape(flow.shape) - places, np.float32)


def _apart(frame: np.ndarray, other: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The most by which a frame and another, brought along, differ about each pixel, `[H, W]`."""
    import cv2

    most = np.abs(frame - warped(other, flow, smooth=True)).max(axis=2)
    return np.asarray(cv2.dilate(most, np.ones([WINDOW, WINDOW], np.uint8)), np.float32)


def _leads_inside(flow: np.ndarray) -> np.ndarray:
    """Where the way does not lead out of the picture, bool `[H, W]`."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    return np.asarray((x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1))


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
    not fit each other have no mean but a dull one. What contrast is lost so all the same, and by
    being sampled again, is given back, octave by octave: else it is less from frame to frame.

    Args:
        painted: float32 `[1, H, W, 3]`.
        previous: of the frame.
        share: of the frames before, from 0 to 1.

    Returns:
        As `painted`; values may leave its range a little.
    """
    require("cv2", "video", "blend")
    import cv2

    weights = previous.weights[0, ..., 0]
    if not weights.any() or not share:
        return painted
    # Soft on the side of what is known alone: of what is not, nothing may come in.
    weights = np.minimum(weights, cv2.GaussianBlur(weights, (0, 0), SOFT))[..., np.newaxis]
    change = previous.image[0] - painted[0]
    forms = cv2.GaussianBlur(change, (0, 0), STROKE)
    image = painted[0] + weights * (share * forms + share**FINE_POWER * (change - forms))
    image += weights * (_in_contrast_of(painted[0], image, weights) - image)
    return image[np.newaxis]


def _in_contrast_of(painted: np.ndarray, image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """An image with the deviation of a painted one in each octave and color, where weights count.

    Args:
        painted, image: float32 `[H, W, 3]`.
        weights: `[H, W, 1]`, not all of them 0.
    """
    found = np.zeros_like(image)
    for own, wanted in zip(_octaves(image), _octaves(painted), strict=True):
        mean, deviation = _moments(own, weights)
        factor = _moments(wanted, weights)[1] / np.maximum(deviation, 1e-6)
        found += mean + (own - mean) * factor.clip(1 / MOST_CONTRAST, MOST_CONTRAST)
    return found


def _moments(image: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each color, `[3]`, weighed."""
    total = weights.sum()
    mean = (weights * image).sum(axis=(0, 1)) / total
    return mean, np.sqrt((weights * np.square(image - mean)).sum(axis=(0, 1)) / total)


def _octaves(image: np.ndarray) -> list[np.ndarray]:
    """What lies between Gaussians of 1, 2, 4 and more pixels, the finest first; their sum is it."""
    import cv2

    smooth = [image, *(cv2.GaussianBlur(image, (0, 0), deviation) for deviation in DEVIATIONS)]
    return [*(fine - coarse for fine, coarse in itertools.pairwise(smooth)), smooth[-1]]
