"""Frames and the times they belong to, whatever they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

import numpy as np


class Frame(NamedTuple):
    """A frame that was read.

    Attributes:
        image: float32 `[H, W, 3]`, RGB in [0, 1].
        time: in seconds, from the same instant as the sound's.
    """

    image: np.ndarray
    time: Fraction


def offset_of(container: Any) -> Fraction:
    """The second at which an open clip begins, which is the 0 of our times.

    That of broadcasts is any. What begins before 0 is there to be decoded from 0 on.
    """
    import av

    return max(Fraction(container.start_time or 0, av.time_base), Fraction(0))


class Source(Protocol):
    """What frames come from; nothing of it is kept but what is being read.

    Attributes:
        label: what messages call it.
        size: height and width in pixels, as it is shown.
        rate: frames a second, about; times are told by each frame.
        count: frames, about; None if that is not known.
        metadata: how a clip is made of them again: `time_base`, and what else its kind has.
    """

    label: str
    size: tuple[int, int]
    rate: Fraction
    count: int | None
    metadata: Mapping[str, Any]

    def frames(self) -> Iterator[Frame]:
        """All of them, from the first on, in the order of their times.

        Raises:
            ImageError: if one cannot be read, or is not of the size of the first.
        """


class VideoProgress(NamedTuple):
    """Where a clip stands after a frame.

    Attributes:
        frame: which one, from 1; of both passes, if there are two.
        frames: how many there are, about; None if that is not known.
        seconds: that it took.
        remaining: seconds that the others take, about; None if that is not known.
    """

    frame: int
    frames: int | None
    seconds: float
    remaining: float | None
