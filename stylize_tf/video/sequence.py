"""Frames painted one after the other, each with what those before it say of it."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from stylize_tf.video.flow import Flow
from stylize_tf.video.warping import Previous, mended, reliable, together, warped

FramePainter: TypeAlias = Callable[[np.ndarray, Previous | None], np.ndarray]
"""(frame `[1, H, W, 3]`, what those before say of it; None begins anew) -> painted, likewise."""

SEEN_AFTER_CUT, CHANGED_BY_CUT = 0.5, 0.08
"""Share of a frame whose motion can be trusted, below which, and mean difference of its pixels from
the frame before, brought along, above which that is of another shot."""

GROWN_UP = 8
"""Frames after which what came into sight is painted as well as the rest, and is kept as firmly: a
frame has few steps, and strokes take more."""

FROM_NEIGHBOR = 0.5
"""Share of what the neighbor says in what a frame starts from when it is painted once more, as in
Ruder et al. (2016), section 4.3."""


class Painted(NamedTuple):
    """A painted frame.

    Attributes:
        image: uint8 `[H, W, 3]`.
        previous: what the frames before said of it; None if it began anew, or was known.
    """

    image: np.ndarray
    previous: Previous | None


def paint(
    frames: Iterable[np.ndarray],
    painter: FramePainter,
    flow: Flow,
    lags: Sequence[int] = (1,),
    *,
    known: Callable[[int], np.ndarray | None] = lambda number: None,
    before: Callable[[int], np.ndarray] | None = None,
) -> Iterator[Painted]:
    """Paints frames in their order.

    Only what is rounded to 8 bits is handed on, so that who keeps finished frames as pictures goes
    on from them to the same bytes.

    Args:
        frames: float32 `[H, W, 3]`, RGB in [0, 1], of one size.
        painter: of a frame.
        flow: of two frames.
        lags: how many frames before are asked what they know, the closest first; Ruder et al.
            (2016), Eq. (9) and (10).
        known: number of a frame, from 0 -> uint8, if it is painted already.
        before: number of a frame -> what it was painted like when all were gone through before, in
            the other direction; a frame with no neighbor stays like that.
    """
    past: collections.deque[tuple[np.ndarray, np.ndarray]] = collections.deque(maxlen=max(lags))
    ages = np.zeros([])
    for number, frame in enumerate(frames):
        motion = _motion(frame, past[-1][0], flow) if past else None
        if motion is not None and _is_cut(frame, past[-1][0], motion):
            past.clear()
            motion = None
        if motion is None:
            ages = np.full(frame.shape[:2], GROWN_UP, np.float32)
        else:
            brought = warped(ages[..., np.newaxis], motion.flow, smooth=True)
            ages = motion.trusted * brought.reshape(ages.shape)
        found, previous = known(number), None
        if found is None:
            previous = _previous(frame, [*past], flow, lags, motion)
            if previous is not None and before is None:
                grown = np.where(motion.trusted > 0, ages / GROWN_UP, 1) if motion else ages
                previous = previous._replace(grown=grown[np.newaxis, ..., np.newaxis])
            found = _painted(number, frame, previous, painter, before)
        ages = np.minimum(ages + 1, GROWN_UP)
        past.append((frame, found))
        yield Painted(found, previous)


def _painted(
    number: int,
    frame: np.ndarray,
    previous: Previous | None,
    painter: FramePainter,
    before: Callable[[int], np.ndarray] | None,
) -> np.ndarray:
    if before is not None:
        own = before(number)
        if previous is None:
            return own
        image = own[np.newaxis].astype(np.float32) / 255
        share = FROM_NEIGHBOR * previous.weights
        previous = previous._replace(start=image + share * (previous.image - image))
    return eight_bits(painter(frame[np.newaxis], previous)[0])


def eight_bits(image: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1] as uint8."""
    return (image * 255).round().clip(0, 255).astype(np.uint8)


class _Motion(NamedTuple):
    """From a frame to another: `[H, W, 2]`, and where that can be trusted, `[H, W]`."""

    flow: np.ndarray
    trusted: np.ndarray


def _motion(frame: np.ndarray, other: np.ndarray, flow: Flow) -> _Motion:
    there = flow(frame, other)
    return _Motion(*mended(frame, other, there, reliable(there, flow(other, frame))))


def _is_cut(frame: np.ndarray, other: np.ndarray, motion: _Motion) -> bool:
    """Whether a frame is of another shot than the one before it."""
    if motion.trusted.mean() >= SEEN_AFTER_CUT:
        return False
    return bool(np.abs(frame - warped(other, motion.flow).clip(0, 1)).mean() > CHANGED_BY_CUT)


def _previous(
    frame: np.ndarray,
    past: Sequence[tuple[np.ndarray, np.ndarray]],
    flow: Flow,
    lags: Sequence[int],
    closest: _Motion | None,
) -> Previous | None:
    """What the frames before, all of one shot, say of a frame; None if there is none."""
    several = []
    for lag in sorted(lags):
        if lag <= len(past):
            other, painted = past[-lag]
            motion = closest if lag == 1 and closest else _motion(frame, other, flow)
            several.append((warped(painted.astype(np.float32) / 255, motion.flow), motion.trusted))
    return together(frame, several) if several else None
