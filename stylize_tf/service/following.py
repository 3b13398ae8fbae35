"""What a worker tells of the job that it is at, and how it learns whether to go on."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from stylize_tf.images import image_io
from stylize_tf.jobs.listener import Listener
from stylize_tf.service.networks import Networks, offered
from stylize_tf.service.queue import Attempt, Queue
from stylize_tf.service.storages import QueueError

if TYPE_CHECKING:
    from stylize_tf import Iterate

PREVIEW_SIDE = 320
"""Pixels of the long side of a preview."""

PREVIEW_SECONDS, STEP_SECONDS = 1.0, 0.2
"""Between two previews, and two events of steps, at least."""

_Found = TypeVar("_Found")


@dataclasses.dataclass(frozen=True)
class WorkerOptions:
    """How a worker works.

    Attributes:
        name: that no other has; workers of a machine share its beginning.
        device: where TensorFlow works.
        threads: cores that it uses; 0 for all.
        is_of_network: paints with networks alone, at once.
        networks: that it has.
        weights: of VGG19, a file; looked for if None.
        offline: never fetch them.
        job_seconds: that a job may take; 0 for as long as it takes.
        checkpoint_seconds: between two checkpoints of a job, at least.
        scratch: folder of what is under way; a temporary one if None.
    """

    name: str
    device: str = "auto"
    threads: int = 0
    is_of_network: bool = False
    networks: Networks = dataclasses.field(default_factory=offered)
    weights: str | None = None
    offline: bool = False
    job_seconds: float = 0.0
    checkpoint_seconds: int = 2
    scratch: str | None = None


class Following(Listener):
    """Tells the queue how a job goes, and learns from it whether to stop.

    A thread says all the while that the worker lives: loading TensorFlow, or a step of a large
    picture, may take longer than a lease.
    """

    def __init__(self, queue: Queue, options: WorkerOptions, is_stopped: Callable[[], bool]):
        self._queue, self._options, self._asked = queue, options, is_stopped
        self._attempt: Attempt | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._began = time.monotonic()
        self._told = self._shown = 0.0
        self._previews = 0
        self.is_lost = False

    def follow(self, attempt: Attempt) -> None:
        """What follows is of this attempt."""
        self._attempt = attempt
        self._thread.start()
        self._tell({"event": "begin", "attempt": attempt.number})

    def __enter__(self) -> Following:
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def is_late(self) -> bool:
        """Whether the job takes too long."""
        limit = self._options.job_seconds
        return bool(limit) and time.monotonic() - self._began > limit

    @property
    def is_over(self) -> bool:
        """Whether the job ends before its picture is whole."""
        return self.is_late or self._is_cancelled()

    def is_stopped(self) -> bool:
        """Whether no other step shall be made."""
        return self.is_lost or self._asked() or self.is_over

    def warning(self, text: str) -> None:
        """A line that who asked for the picture should see."""
        self._tell({"event": "warning", "text": text})

    def step(self, iterate: Iterate) -> None:
        """A step was made."""
        if self._options.is_of_network:  # The only one, and who asked waits for the picture itself.
            return
        now, is_last = time.monotonic(), iterate.evaluation == iterate.evaluations
        if now - self._shown >= PREVIEW_SECONDS or is_last:
            self._shown = now
            self._preview(iterate)
        if now - self._told >= STEP_SECONDS or is_last:
            self._told = now
            event = {
                "stage": iterate.stage,
                "stages": iterate.stages,
                "evaluation": iterate.evaluation,
                "evaluations": iterate.evaluations,
                "loss": round(iterate.loss, 6),
                "remaining": iterate.remaining and round(iterate.remaining, 2),
                "preview": self._previews,
            }
            self._tell({"event": "step", **event})
            self._patiently(lambda attempt: self._queue.note(attempt, event))

    def _preview(self, iterate: Iterate) -> None:
        image = iterate.image
        scale = min(1.0, PREVIEW_SIDE / max(image.shape[1:3]))
        sides = (max(1, round(side * scale)) for side in image.shape[1:3])
        small = image_io.resize(image, *sides).clip(0, 1)
        data = image_io.encode("preview.jpg", small, quality=80)
        self._patiently(lambda attempt: self._queue.show(attempt, data))
        self._previews += 1

    def _is_cancelled(self) -> bool:
        found = False

        def ask(attempt: Attempt) -> None:
            nonlocal found
            found = self._queue.is_cancelled(attempt.job)

        self._patiently(ask)
        return found

    def _tell(self, event: Mapping[str, Any]) -> None:
        self._patiently(lambda attempt: self._queue.tell(attempt, dict(event)))

    def _patiently(self, act: Callable[[Attempt], None]) -> None:
        attempt = self._attempt
        if attempt is not None and not self.is_lost:
            patiently(lambda: act(attempt), lambda: self.is_lost or self._asked())

    def _live(self) -> None:
        while not self._ended.wait(self._queue.lease / 5):
            with contextlib.suppress(QueueError):  # Next time it may be there again.
                self._queue.ready()
                if self._attempt is not None and not self._queue.renew(self._attempt):
                    self.is_lost = True
                    return


def patiently(act: Callable[[], _Found], is_stopped: Callable[[], bool]) -> _Found | None:
    """What comes of an act, tried until the queue can be reached; None if it is stopped before."""
    while True:
        try:
            return act()
        except QueueError:
            if is_stopped():
                return None
            time.sleep(0.5)
