"""Processes of workers, watched: one that dies is replaced, and its job given back at once."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from stylize_tf.service.following import WorkerOptions
from stylize_tf.service.queue import Queue
from stylize_tf.service.storages import QueueError

_LONGEST_WAIT = 30.0
"""Seconds before a worker that has died again and again is replaced, at most."""

_LOOK_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class Place:
    """Where workers take jobs from.

    Attributes:
        queue: `redis://...`, or an SQLite file.
        name: of the queue there.
        results: where the pictures are, as `Files` takes it.
        lease: as of `Queue`.
    """

    queue: str
    name: str
    results: str
    lease: float


Target: TypeAlias = Callable[[Place, WorkerOptions], None]


class Workers:
    """Processes of workers.

    TensorFlow is not safe to be forked, so they are spawned, and the process that watches them
    never loads it.

    Args:
        several: of each worker where it takes jobs from, and how it works.
        target: what a process does with these two.
        say: told when one has died.
    """

    def __init__(
        self,
        several: Sequence[tuple[Place, WorkerOptions]],
        target: Target,
        say: Callable[[str], None],
    ):
        self._several, self._target, self._say = list(several), target, say
        self._context = multiprocessing.get_context("spawn")
        self._processes: list[Any] = [None] * len(self._several)
        self._failures = [0] * len(self._several)
        self._begun = [0.0] * len(self._several)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Starts all of them."""
        for number in range(len(self._several)):
            self._start(number)
        self._thread.start()

    @property
    def pids(self) -> list[int]:
        """Of the processes that live."""
        return [x.pid for x in self._processes if x is not None and x.is_alive()]

    def stop(self, seconds: float = 30.0) -> None:
        """Ends all of them after their next step; what they were at is given back."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        for process in self._processes:
            if process is not None and process.is_alive():
                process.terminate()
        until = time.monotonic() + seconds
        for process in self._processes:
            if process is not None:
                process.join(max(0.0, until - time.monotonic()))
                if process.is_alive():
                    process.kill()
                    process.join()

    def join(self) -> None:
        """Waits until it is stopped by another thread or a signal."""
        while not self._stopping.wait(0.5):
            pass

    def _start(self, number: int) -> None:
        place, options = self._several[number]
        own = dataclasses.replace(options, name=f"{options.name}-{number}.")
        process = self._context.Process(
            target=self._target, args=(place, own), name=own.name, daemon=True
        )
        process.start()
        self._processes[number], self._begun[number] = process, time.monotonic()

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            for number, process in enumerate(self._processes):
                if process is not None and process.is_alive():
                    if time.monotonic() - self._begun[number] > _LONGEST_WAIT:
                        self._failures[number] = 0
                    continue
                wait = min(_LONGEST_WAIT, 0.5 * 2 ** self._failures[number])
                if process is not None:
                    self._processes[number] = None
                    self._say(f"A worker has died, {process.exitcode}; there will be another one.")
                    self._failures[number] += 1
                    self._begun[number] = time.monotonic()
                    self._give_back(number)
                elif time.monotonic() - self._begun[number] > wait:
                    self._start(number)

    def _give_back(self, number: int) -> None:
        place, options = self._several[number]
        try:
            Queue.at(place.queue, place.lease, place.name).recover(f"{options.name}-{number}.")
        except QueueError:
            return  # After its lease it is given back all the same.


def name_of_machine() -> str:
    """A beginning of names of workers that no other process has."""
    return f"{socket.gethostname()}-{os.getpid()}-{time.time_ns():x}"
