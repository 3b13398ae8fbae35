"""Who wants a job done, as the job sees it: the command line, a service, a worker."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stylize_tf import Iterate
    from stylize_tf.feedforward.training.trainer import Progress
    from stylize_tf.video.frames import VideoProgress


class Listener:
    """Who wants a job done: is told how it goes, and asked whether to stop. This one does nothing.

    What follows `begin` is of many pictures; several threads may tell of them.
    """

    def info(self, text: str) -> None:
        """A line of information."""

    def warning(self, text: str) -> None:
        """A line that somebody should see."""

    def fetching(self, done: int, total: int | None) -> None:
        """So many bytes of the weights are here, of a total if that is known."""

    def looking(self, done: int, total: int) -> None:
        """So many of the inputs were looked at."""

    def step(self, iterate: Iterate) -> None:
        """A step was made."""

    def trained(self, progress: Progress) -> None:
        """A step of a training was made."""

    def frame(self, progress: VideoProgress) -> None:
        """A frame of a clip is there."""

    def cell(self, number: int, total: int, label: str) -> None:
        """A cell of a sheet is begun, the first having the number 1."""

    def judging(self, number: int, total: int, path: str) -> None:
        """A picture is judged, the first having the number 1."""

    def failed(self, what: str, error: Exception) -> None:
        """Something beside the picture, or a cell of a sheet, could not be made."""

    def picture(self, data: bytes) -> None:
        """The finished picture of a run whose `output` is standard output.

        Raises:
            OutputError: if it cannot be delivered.
        """

    def is_stopped(self) -> bool:
        """Whether no other step shall be made."""
        return False

    def shielded(self) -> AbstractContextManager[None]:
        """A context in which nothing cuts through the writing of a file."""
        return contextlib.nullcontext()

    def begin(self, works: Iterable[float], devices: int) -> None:
        """The pictures of such amounts of work are going to be painted on so many devices."""

    def skipped(self, number: int | None = None) -> None:
        """A picture, of a number if it was to be painted, is there already."""

    def left(self, number: int) -> None:
        """A picture is being painted by another process when this one ends."""

    def started(self, number: int, text: str) -> None:
        """A picture is begun."""

    def update(self, number: int, iterate: Iterate) -> None:
        """A picture made a step."""

    def written(self, number: int, path: str, size: str) -> None:
        """A picture is finished."""

    def unfinished(self, path: str | None) -> None:
        """A picture was interrupted, and what there was of it written, or nothing was."""

    def lost(
        self,
        path: str,
        error: Exception,
        *,
        number: int | None = None,
        kept: str | None = None,
        ends: bool = False,
    ) -> None:
        """A picture could not be made; what is at fault may cost others, and is told again.

        Args:
            path: what is at fault.
            error: why.
            number: of the picture, if it was to be painted.
            kept: where the best picture before the failure is.
            ends: whether no other picture will be written either.
        """
