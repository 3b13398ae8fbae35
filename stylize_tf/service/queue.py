"""Jobs that wait, are worked on and are done: what the web process and the workers share.

The queue is huey's storage (SQLite, or Redis): a list of who waits, values by their keys, a value
that is set by the first who sets it, and counters. What is ours is how a job that a worker takes is
given back when that dies, which huey, as most, leaves to who calls it: a job is taken by an
*attempt*, whose claim is such a first value; whoever holds it writes that it lives; a claim that
nobody has renewed for `LEASE` seconds is over, and the job waits again for the next attempt. Its
end is a first value, too, so that a worker that was only slow does not end it twice.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from stylize_tf.service.storages import Told, storage_at

if TYPE_CHECKING:
    from huey.storage import BaseStorage

LEASE = 15.0
"""Seconds without a sign of life after which a worker is taken for dead."""

MOST_ATTEMPTS = 5
"""Workers that a job may take with it before it is given up."""

QUEUED, RUNNING = "queued", "running"
FINISHED, FAILED, CANCELLED = "finished", "failed", "cancelled"


@dataclasses.dataclass(frozen=True)
class Attempt:
    """A job that is worked on.

    Attributes:
        job: its id.
        number: how many attempts there are with this one.
        asked: what the job is, as `Queue.add` was given it.
    """

    job: str
    number: int
    asked: dict[str, Any]


class Queue:
    """Jobs in a storage of huey.

    Args:
        storage: that all processes share.
        clock: seconds since some moment that all machines mean.
        lease: see `LEASE`.

    Attributes:
        lease: likewise.

    Raises:
        QueueError: by every method, if the storage cannot be reached.
    """

    def __init__(
        self,
        storage: BaseStorage,
        clock: Callable[[], float] = time.time,
        lease: float = LEASE,
    ):
        self._storage = Told(storage)
        self._clock, self.lease = clock, lease
        self._first_open = 1

    @classmethod
    def at(cls, place: str, lease: float = LEASE, name: str = "stylize_tf") -> Queue:
        """A queue of a place: `redis://host:port/number`, or the path of an SQLite file.

        Raises:
            ConfigError, QueueError: as of `storage_at`.
        """
        return cls(storage_at(place, name), lease=lease)

    # What the web process does.

    def add(self, asked: dict[str, Any], job: str | None = None) -> str:
        """A new job that waits; its id.

        Args:
            asked: what it is, as JSON can hold it.
            job: the id that it is to have; of `new_id`.
        """
        job = job or new_id()
        number = self._storage.incr("jobs")
        self._put(f"job:{job}", {**asked, "number": number, "created": self._clock()})
        self._storage.put_data(f"number:{number}", job.encode())
        self._storage.enqueue(job.encode())
        return job

    def first(self, key: str, job: str) -> str:
        """The job of the first who asks with a key: `job` itself, or the one of before."""
        if self._storage.put_if_empty(f"key:{key}", job.encode()):
            return job
        found = self._peek(f"key:{key}")
        return job if found is None else found.decode()

    def asked(self, job: str) -> dict[str, Any] | None:
        """What a job is; None if there is none of this id."""
        return self._read(f"job:{job}")

    def state(self, job: str) -> dict[str, Any]:
        """Where a job stands: `state`, `attempt`, and of one that is over what it came to."""
        ended = self._read(f"end:{job}")
        if ended is not None:
            return ended
        if self._claim_of(job):
            return {"state": RUNNING, **(self._read(f"progress:{job}") or {})}
        return {"state": QUEUED}

    def place(self, job: str) -> int | None:
        """How many jobs are before one that waits; None if it does not."""
        waiting = self.waiting()
        return waiting.index(job) if job in waiting else None

    def waiting(self) -> list[str]:
        """The jobs that wait, the next one first; those that ended meanwhile do not."""
        jobs = [*dict.fromkeys(bytes(x).decode() for x in self._storage.enqueued_items())]
        over = {_text(x) for x in self._storage.peek_many([f"end:{x}" for x in ["", *jobs]])}
        return [job for job in jobs if f"end:{job}" not in over]

    def cancel(self, job: str) -> bool:
        """Asks that a job ends; whether it has ended so, as it was not worked on."""
        self._storage.put_data(f"cancel:{job}", b"1")
        if self._take(job, "cancel") is None:
            return False
        return self.end(job, {"state": CANCELLED})

    def events(self, job: str, after: int) -> list[dict[str, Any]]:
        """What was told of a job after an event of a number; each has its own as `id`."""
        found: list[dict[str, Any]] = []
        while True:
            first = after + len(found) + 1
            keys = [f"event:{job}:{number}" for number in range(first, first + 50)]
            some = {_text(x): y for x, y in self._storage.peek_many(keys).items()}
            for number, key in enumerate(keys, first):
                if key not in some:
                    return found
                found.append({"id": number, **json.loads(bytes(some[key]))})

    def open_of(self, client: str) -> int:
        """How many jobs of a client have not ended."""
        return sum(self._read(f"job:{x}", {}).get("client") == client for x in self._open())

    def counts(self) -> tuple[int, int]:
        """How many jobs wait, and how many are worked on."""
        waiting = {*self.waiting()}
        return len(waiting), sum(x not in waiting for x in self._open())

    def is_worked(self) -> bool:
        """Whether a worker has said not long ago that it is ready."""
        since = self._peek("ready")
        return since is not None and self._clock() - float(since) < 2 * self.lease

    # What workers do.

    def ready(self) -> None:
        """Says that a worker is ready, and should be said again and again."""
        self._storage.put_data("ready", str(self._clock()).encode())

    def take(self, worker: str) -> Attempt | None:
        """The next job, claimed; None if none waits."""
        while (data := self._storage.dequeue()) is not None:
            attempt = self._take(bytes(data).decode(), worker)
            if attempt is not None:
                return attempt
        return None

    def renew(self, attempt: Attempt) -> bool:
        """Says that an attempt lives; whether it is still the job's, which has not ended."""
        if not self.is_current(attempt):
            return False
        self._storage.put_data(f"alive:{attempt.job}", str(self._clock()).encode())
        return True

    def is_current(self, attempt: Attempt) -> bool:
        """Whether no other attempt has followed, and the job has not ended."""
        later = f"claim:{attempt.job}:{attempt.number + 1}"
        return not self._storage.peek_many([later, f"end:{attempt.job}"])

    def is_cancelled(self, job: str) -> bool:
        """Whether somebody asked that a job ends."""
        return bool(self._storage.has_data_for_key(f"cancel:{job}"))

    def tell(self, attempt: Attempt, event: dict[str, Any]) -> None:
        """Adds an event to those of a job."""
        number = 1 + int(self._peek(f"events:{attempt.job}") or 0)
        # A worker may have died between the two lines below.
        while self._storage.has_data_for_key(f"event:{attempt.job}:{number}"):
            number += 1
        self._put(f"event:{attempt.job}:{number}", event)
        self._storage.put_data(f"events:{attempt.job}", str(number).encode())

    def note(self, attempt: Attempt, progress: dict[str, Any]) -> None:
        """What `state` tells of a job that is worked on."""
        self._put(f"progress:{attempt.job}", progress)

    def show(self, attempt: Attempt, data: bytes) -> None:
        """What the picture looks like now, as a small JPEG."""
        self._storage.put_data(f"preview:{attempt.job}", data)

    def preview(self, job: str) -> bytes | None:
        """What `show` was given last."""
        return self._peek(f"preview:{job}")

    def end(self, job: str, how: dict[str, Any]) -> bool:
        """Ends a job, once and for all; whether it was this that ended it."""
        how = {**how, "ended": self._clock()}
        if not self._storage.put_if_empty(f"end:{job}", json.dumps(how).encode()):
            return False
        self.tell(Attempt(job, 0, {}), {"event": "end", **how})
        return True

    # What any of them does now and then.

    def recover(self, workers: str | None = None) -> list[str]:
        """Lets jobs of dead workers wait again, and those that a dead one had not yet claimed.

        Args:
            workers: beginning of the names of some that are known to be dead; else those that have
                given no sign of life.
        """
        recovered = []
        waiting = {*self.waiting()}
        for job in self._open():
            claim = self._claim_of(job)
            if job in waiting:
                continue
            if claim is None:
                since = self._read(f"job:{job}", {}).get("created", 0.0)
                is_lost = workers is None and self._clock() - since > self.lease
            else:
                is_dead = workers is not None and claim[1].startswith(workers)
                is_lost = is_dead or (workers is None and self._is_over(job, claim[0]))
            if is_lost and self._give_back(job, 0 if claim is None else claim[0]):
                recovered.append(job)
        return recovered

    def forget(self, seconds: float) -> Iterator[str]:
        """The jobs that ended so long ago, of which nothing is known any more afterwards."""
        latest = self._storage.incr("jobs", 0)
        for number in range(1 + self._storage.incr("forgotten", 0), latest + 1):
            job = self._peek(f"number:{number}")
            if job is not None:
                ended = self._read(f"end:{job.decode()}")
                if ended is None or self._clock() - ended["ended"] < seconds:
                    return
                yield job.decode()
                self._forget(job.decode(), number)
            self._storage.incr("forgotten", number - self._storage.incr("forgotten", 0))

    def _forget(self, job: str, number: int) -> None:
        asked = self._read(f"job:{job}", {})
        count = self._peek(f"events:{job}")
        claim = self._claim_of(job)
        keys = [f"event:{job}:{n}" for n in range(1, 2 + (0 if count is None else int(count)))]
        attempts = range(1, 1 + (0 if claim is None else claim[0]))
        keys += [f"{x}:{job}:{n}" for n in attempts for x in ("claim", "back")]
        keys += [f"{x}:{job}" for x in _PARTS]
        keys += [f"key:{asked['key']}"] if asked.get("key") else []
        for key in [*keys, f"number:{number}"]:
            self._storage.delete_data(key)

    def _open(self) -> list[str]:
        """Jobs that have not ended."""
        found = []
        latest = self._storage.incr("jobs", 0)
        for number in range(self._first_open, latest + 1):
            job = self._peek(f"number:{number}")
            is_open = job is not None and not self._storage.has_data_for_key(f"end:{job.decode()}")
            if is_open and job is not None:
                found.append(job.decode())
            elif not found and job is not None:
                self._first_open = number + 1
        return found

    def _claim_of(self, job: str) -> tuple[int, str] | None:
        """The number and the worker of the newest attempt."""
        keys = [f"claim:{job}:{number}" for number in range(1, MOST_ATTEMPTS + 3)]
        found = {_text(x): y for x, y in self._storage.peek_many(keys).items()}
        if not found:
            return None
        newest = max(found, key=lambda key: int(key.rpartition(":")[2]))
        return int(newest.rpartition(":")[2]), bytes(found[newest]).decode()

    def _take(self, job: str, worker: str) -> Attempt | None:
        """The next attempt at a job, if that is waiting for one."""
        asked = self._read(f"job:{job}")
        if asked is None or self._storage.has_data_for_key(f"end:{job}"):
            return None
        claim = self._claim_of(job)
        if claim is not None and not self._is_given_back(job, claim[0]):
            return None  # It waits twice, and somebody was faster.
        number = 1 if claim is None else claim[0] + 1
        self._storage.put_data(f"alive:{job}", str(self._clock()).encode())
        if not self._storage.put_if_empty(f"claim:{job}:{number}", worker.encode()):
            return None
        return Attempt(job, number, asked)

    def _is_over(self, job: str, number: int) -> bool:
        """Whether an attempt has given no sign of life for too long."""
        since = float(self._peek(f"alive:{job}") or 0.0)
        return self._clock() - since > self.lease

    def _is_given_back(self, job: str, number: int) -> bool:
        return bool(self._storage.has_data_for_key(f"back:{job}:{number}"))

    def _give_back(self, job: str, number: int) -> bool:
        """Lets a job wait for the attempt after one; whether it was this that did so."""
        is_first = not number or self._storage.put_if_empty(f"back:{job}:{number}", b"1")
        if not is_first and not self._is_over(job, number):
            return False  # Who did so may have died before the last line below.
        if number >= MOST_ATTEMPTS:
            error = f"{number} workers that tried it died."
            self.end(job, {"state": FAILED, "error": error, "hint": "Ask for a smaller `size`."})
            return False
        self._storage.enqueue(job.encode())
        return True

    def _put(self, key: str, value: dict[str, Any]) -> None:
        self._storage.put_data(key, json.dumps(value).encode())

    def _peek(self, key: str) -> bytes | None:
        from huey.constants import EmptyData

        found = self._storage.peek_data(key)
        return None if found is EmptyData else bytes(found)

    def _read(self, key: str, default: Any = None) -> Any:
        found = self._peek(key)
        return default if found is None else json.loads(found)


_PARTS = ("job", "progress", "preview", "alive", "cancel", "events", "end")


def new_id() -> str:
    """An id that nobody can guess: who knows it may see the job, and cancel it."""
    return secrets.token_urlsafe(15)


def _text(key: str | bytes) -> str:
    return key.decode() if isinstance(key, bytes) else key
