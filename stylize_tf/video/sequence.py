"""Frames painted one after the other, each with what those before it say of it."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from stylize_tf.video.flow import Flow
from stylize_tf.video.warping import Previous, reliable, together, warped

FramePainter: TypeAlias = Callable[[np.ndarray, Previous | None], np.ndarray]
"""(frame `[1, H, W, 3]`, what those before say of it; None begins anew) -> painted, likewise."""

SEEN_AFTER_CUT, CHANGED_BY_CUT = 0.5, 0.08
"""Share of a frame whose motion can be trusted, below which, and mean difference of its pixels from
the frame before, brought along, above which that is of another shot."""

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
    for number, frame in enumerate(frames):
        if past and _is_cut(frame, past[-1][0], flow):
            past.clear()
        found, previous = known(number), None
        if found is None:
            previous = _previous(frame, [*past], flow, lags)
            if before is None:
                found = eight_bits(painter(frame[np.newaxis], previous)[0])
            elif previous is None:
                found = before(number)
            else:
                own = before(number)[np.newaxis].astype(np.float32) / 255
                share = FROM_NEIGHBOR * previous.weights
                start = own + share * (previous.image - own)
                found = eight_bits(painter(frame[np.newaxis], previous._replace(start=start))[0])
        past.append((frame, found))
        yield Painted(found, previous)


def eight_bits(image: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1] as uint8."""
    return (image * 255).round().clip(0, 255).astype(np.uint8)


def _is_cut(frame: np.ndarray, other: np.ndarray, flow: Flow) -> bool:
    """Whether a frame is of another shot than the one before it."""
    there = flow(frame, other)
    if reliable(there, flow(other, frame)).mean() >= SEEN_AFTER_CUT:
        return False
    return bool(np.abs(frame - warped(other, there).clip(0, 1)).mean() > CHANGED_BY_CUT)


def _previous(
    frame: np.ndarray,
    past: Sequence[tuple[np.ndarray, np.ndarray]],
    flow: Flow,
    lags: Sequence[int],
) -> Previous | None:
    """What the frames before, all of one shot, say of a frame; None if there is none."""
    several = []
    for lag in sorted(lags):
        if lag <= len(past):
            other, painted = past[-lag]
            there = flow(frame, other)
            weights = reliable(there, flow(other, frame))
            several.append((warped(painted.astype(np.float32) / 255, there), weights))
    return together(several) if several else None
