"""Processes of workers, watched: one that dies is replaced, and its job given back at once."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from stylize_tf.service.following import WorkerOptions
from stylize_tf.service.queue import Queue
from stylize_tf.service.storages import QueueError

_LONGEST_WAIT = 30.0
"""Seconds before a worker that has died again and again is replaced, at most."""

_SEVERAL = 5
"""Tries in turn after which it is told that none could start."""

_LOOK_SECONDS = 0.2

_TOLD_SECONDS = 2.0
"""Of an end that lasts longer it is told why, and what would be faster."""


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


Target: TypeAlias = Callable[[Place, WorkerOptions, Connection], None]
"""What a process of a worker does. It sends None once it is ready, or why it will never be."""


@dataclasses.dataclass
class _Post:
    """What one worker after the other is started for.

    Attributes:
        place: where it takes jobs from.
        options: how it works.
        process: of the worker, None between two of them.
        line: what the process says of its start.
        begun: when it began, or ended.
        is_ready: it, or the one before, has started well.
        reason: why the newest one could not.
        trouble: the reason that was told of it.
        failures: how many in turn died.
    """

    place: Place
    options: WorkerOptions
    process: Any = None
    line: Any = None
    begun: float = 0.0
    is_ready: bool = False
    reason: str = ""
    trouble: str = ""
    failures: int = 0

    @property
    def wait(self) -> float:
        """Seconds from the death of a worker to the start of the next one."""
        return float(min(_LONGEST_WAIT, 0.5 * 2**self.failures))

    def hear(self) -> None:
        """Takes down what the process has said."""
        try:
            while self.line.poll():
                said = self.line.recv()
                self.is_ready, self.reason = said is None, said or ""
        except (EOFError, OSError):
            return  # Nothing comes any more.


class Workers:
    """Processes of workers.

    TensorFlow is not safe to be forked, so they are spawned, and the process that watches them
    never loads it.

    Args:
        several: of each worker where it takes jobs from, and how it works.
        target: what a process does with these two.
        say: told when one has died, or cannot start.
        asked: how often an end was asked for; twice is at once.
    """

    def __init__(
        self,
        several: Sequence[tuple[Place, WorkerOptions]],
        target: Target,
        say: Callable[[str], None],
        asked: Callable[[], int] = lambda: 0,
    ):
        self._target, self._say, self._asked = target, say, asked
        self._posts = [
            _Post(place, dataclasses.replace(options, name=f"{options.name}-{number}."))
            for number, (place, options) in enumerate(several)
        ]
        self._context = multiprocessing.get_context("spawn")
        self._told: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Starts all of them."""
        for post in self._posts:
            self._start(post)
        self._thread.start()

    @property
    def pids(self) -> list[int]:
        """Of the processes that live."""
        processes = [x.process for x in self._posts]
        return [x.pid for x in processes if x is not None and x.is_alive()]

    def hint(self, name: str) -> str:
        """What helps who finds that no worker is ready for a queue of this name."""
        posts = [x for x in self._posts if x.place.name == name]
        if any(x.failures and not x.is_ready for x in posts):
            return "The service cannot start its workers: its log tells why."
        return "One is being started." if posts else "Start one."

    def stop(self, seconds: float = 30.0) -> None:
        """Ends all of them after their next step; what they were at is given back."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        processes = [x.process for x in self._posts if x.process is not None]
        for process in processes:
            if process.is_alive():
                process.terminate()
        begun, is_told = time.monotonic(), False
        while any(x.is_alive() for x in processes):
            lasted = time.monotonic() - begun
            if lasted > _TOLD_SECONDS and not is_told:
                is_told = True
                self._say("Workers end after their step; once more ends them at once.")
            if lasted > seconds or self._asked() > 1:
                for process in processes:
                    process.kill()
            time.sleep(0.05)
        for post in self._posts:
            self._give_back(post)

    def _start(self, post: _Post) -> None:
        post.line, sending = self._context.Pipe(duplex=False)
        post.process = self._context.Process(
            target=self._target,
            args=(post.place, post.options, sending),
            name=post.options.name,
            daemon=True,
        )
        post.begun, post.is_ready, post.reason = time.monotonic(), False, ""
        with _left_to_us():
            post.process.start()
        sending.close()  # The process has its own.

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS) and not self._asked():
            for post in self._posts:
                self._look(post)

    def _look(self, post: _Post) -> None:
        lasted = time.monotonic() - post.begun
        if post.process is None:
            if lasted > post.wait:
                self._start(post)
            return
        is_alive = post.process.is_alive()
        post.hear()
        if is_alive:
            if post.is_ready and post.trouble:
                self._told.discard(post.trouble)
                post.trouble = ""
                self._say("A worker could start now.")
            if post.is_ready and lasted > _LONGEST_WAIT:
                post.failures = 0
            return
        post.failures += 1
        self._tell_of(post)
        post.process.join()
        post.line.close()
        post.process, post.begun = None, time.monotonic()
        self._give_back(post)

    def _tell_of(self, post: _Post) -> None:
        """Says that a worker has died; the reason why none can start is said once."""
        code = post.process.exitcode
        if post.is_ready:
            self._say(f"A worker has died, {code}; there will be another one.")
            return
        post.trouble = post.reason or f"its process ended with {code}."
        if post.trouble not in self._told:
            self._told.add(post.trouble)
            line, *ways = post.trouble.splitlines()
            self._say(
                f"A worker cannot start: {line} It is tried again in {post.wait:g} s, then ever "
                f"more rarely, and every {_LONGEST_WAIT:g} s in the end."
            )
            for way in ways:
                self._say(way.strip())
        if post.failures == _SEVERAL:
            self._say(f"{_SEVERAL} tries to start a worker have failed. Jobs wait until one works.")

    @staticmethod
    def _give_back(post: _Post) -> None:
        place = post.place
        try:
            Queue.at(place.queue, place.lease, place.name).recover(post.options.name)
        except QueueError:
            return  # After its lease it is given back all the same.


@contextlib.contextmanager
def _left_to_us() -> Iterator[None]:
    """Processes that are started meanwhile do not hear what a terminal sends to all of its own.

    Python would show where it stands while it starts; and they are told by SIGTERM.
    """
    if not hasattr(signal, "pthread_sigmask"):  # As on Windows.
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # It lets some of them through when it begins.
    sent = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, sent)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def name_of_machine() -> str:
    """A beginning of names of workers that no other process has."""
    return f"{socket.gethostname()}-{os.getpid()}-{time.time_ns():x}"
