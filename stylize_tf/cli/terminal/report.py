"""What is said of a run with --output_dir while it goes on and at its end, and its exit code."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.cli.terminal.listener import Terminal
from stylize_tf.cli.terminal.progress import (
    PLAIN_SECONDS,
    REDRAW_SECONDS,
    duration,
    live_line,
    plain_line,
    step_fields,
)
from stylize_tf.cli.terminal.standard_streams import print_line

if TYPE_CHECKING:
    from stylize_tf import Iterate

_NAMED = 5
"""Failures that the summary names; each had a line of its own."""


class Report(Terminal):
    """Counts what became of the pictures and tells it; several threads may use one.

    Args:
        console: where to tell it.
        interrupts: signals that end the run.
        clock: seconds that only grow; another one in tests.
    """

    def __init__(
        self,
        console: Console,
        interrupts: Interrupts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(console, interrupts)
        self._clock = clock
        self._lock = threading.RLock()
        self._started = clock()
        self._told = float("-inf")
        self._written = self._skipped = self._failed = self._elsewhere = 0
        self._failures: dict[str, Exit] = {}
        self._total = 0
        self._estimate = Estimate([], 1)
        self._ended_by: Exit | None = None

    def begin(self, works: Iterable[float], devices: int) -> None:
        """The pictures of such amounts of work are going to be painted on so many devices."""
        self._estimate = Estimate(works, devices)
        self._total = len(self._estimate.unpainted)
        there = f", {self._skipped} are there" if self._skipped else ""
        counts = {"total": self._total, "skipped": self._skipped}
        self._console.info(f"{_pictures(self._total)} to paint{there}.", "begun", **counts)

    def skipped(self, number: int | None = None) -> None:
        """A picture, of a number if it was to be painted, is there already."""
        with self._lock:
            self._skipped += 1
            self._estimate.drop(number)

    def left(self, number: int) -> None:
        """A picture is being painted by another run when this one ends."""
        with self._lock:
            self._elsewhere += 1
            self._estimate.drop(number)

    def started(self, number: int, text: str) -> None:
        """A picture is begun."""
        with self._lock:
            self._estimate.start(number, self._clock())
            if not self._console.is_live:
                line = f"{self._place(number)} {text}"
                self._console.info(line, "started", number=number, total=self._total)

    def update(self, number: int, iterate: Iterate) -> None:
        """A picture made a step."""
        with self._lock:
            self._estimate.update(number, iterate)
            for message in iterate.messages:
                self._console.info(f"{self._place(number)} {message}")
            now, live = self._clock(), self._console.is_live
            seconds = self._estimate.left(now)
            place = {"number": number, "total": self._total, "remaining_of_all": seconds}
            if self._console.event("step", **place, **step_fields(iterate)):
                return
            if now - self._told < (REDRAW_SECONDS if live else PLAIN_SECONDS):
                return
            self._told = now
            left = "" if seconds is None else f"  {duration(seconds)} left"
            if live:
                self._console.live(self._live_text(self._console.width - 1, left))
            else:
                line = plain_line(iterate, None)
                self._console.progress(f"{self._place(number)} {line}{left}")

    def written(self, number: int, path: str, size: str) -> None:
        """A picture is finished: its path goes to standard output."""
        with self._lock:
            self._written += 1
            now = self._clock()
            seconds = self._estimate.finish(number, now)
            left = self._estimate.left(now)
            rest = "" if not left else f"; {duration(left)} left"
            self._console.info(
                f"{self._place(number)} Wrote {path!r}, {size} pixels, in {seconds:.0f} s{rest}.",
                "written",
                **{"number": number, "total": self._total, "path": path, "finished": True},
                seconds=seconds,
            )
            self._hand_out(path)

    def _hand_out(self, path: str) -> None:
        print_line(path, self._console.warning)

    def lost(
        self,
        path: str,
        error: Exception,
        *,
        number: int | None = None,
        kept: str | None = None,
        ends: bool = False,
    ) -> None:
        """A picture could not be made: why, but no line twice."""
        with self._lock:
            self._failed += 1
            code = self._tell_lost(path, error, number=number, total=self._total)
            self._failures.setdefault(path, code)
            self._estimate.drop(number)
            if kept is not None:
                self._console.warning(f"the best picture before the failure is {kept!r}.")
            if ends:
                self._ended_by = code

    def unfinished(self, path: str | None) -> None:
        """A picture was interrupted, and what there was of it written, or nothing was."""
        if path is not None:
            line = f"Interrupted: wrote the best picture so far, {path!r}."
            self._console.info(line, "written", path=path, finished=False)

    def end(self) -> int:
        """Tells what became of all pictures, and returns the exit code."""
        signum = self._interrupts.signum
        with self._lock:
            code = self._exit(signum)
            text, counts = self._summary(signum)
            if not self._console.event("ended", text=text, code=int(code), **counts):
                (self._console.info if code == Exit.OK else self._console.error)(text)
            return code

    def _exit(self, signum: int | None) -> int:
        if signum is not None:
            return 128 + signum
        if self._ended_by is not None:
            return self._ended_by
        if not self._failed:
            return Exit.OK
        return Exit.PARTLY if self._written + self._skipped else next(iter(self._failures.values()))

    def _summary(self, signum: int | None) -> tuple[str, dict[str, int]]:
        left = len(self._estimate.unpainted)
        counts = {
            "written": self._written,
            "skipped": self._skipped,
            "failed": self._failed,
            "left_to_other_runs": self._elsewhere,
            "left": left,
        }
        told = {x.replace("_", " "): n for x, n in counts.items() if n or x == "written"}
        parts = [f"{n} {what}" for what, n in told.items()]
        text = ("Interrupted: " if signum is not None else "") + ", ".join(parts)
        text += f" in {duration(self._clock() - self._started)}"
        if self._failures:
            names = [repr(path) for path in self._failures]
            more = len(names) - _NAMED
            text += "; failed: " + ", ".join(names[:_NAMED])
            text += f" and {more} more" if more > 0 else ""
        return text + "." + (" --skip_existing goes on from here." if left else ""), counts

    def _place(self, number: int) -> str:
        return f"[{number}/{self._total}]"

    def _live_text(self, width: int, left: str) -> str:
        active = self._estimate.active
        if len(active) == 1:
            [(number, iterate)] = active.items()
            place = f"{self._place(number)} "
            return place + live_line(iterate, None, width - len(place) - len(left)) + left
        shares = (
            f"{self._place(number)} {iterate.evaluation / max(iterate.evaluations, 1):.0%}"
            for number, iterate in active.items()
        )
        return "  ".join(shares) + left


class Estimate:
    """How long the pictures that are not painted yet will take.

    From the seconds a unit of work that finished pictures took. The first of each device takes what
    is prepared once for all, so it counts only while no other is known; and until one is finished,
    what the optimization itself expects.

    Args:
        works: amounts of work of all pictures, in any unit.
        devices: how many are painted at a time.

    Attributes:
        active: the newest iterate of each picture that is being painted.
        unpainted: numbers of the pictures that are not painted, and did not fail.
    """

    def __init__(self, works: Iterable[float], devices: int) -> None:
        self._works = dict(enumerate(works, start=1))
        self._devices = devices
        self.unpainted = set(self._works)
        self.active: dict[int, Iterate] = {}
        self._begun: dict[int, float] = {}
        self._under_way: dict[int, float] = {}
        self._seconds: dict[int, float] = {}

    def start(self, number: int, now: float) -> None:
        """A picture is begun."""
        self._begun[number] = self._under_way[number] = now

    def update(self, number: int, iterate: Iterate) -> None:
        """A picture made a step."""
        self.active[number] = iterate

    def finish(self, number: int, now: float) -> float:
        """A picture is painted; the seconds that it took."""
        self._seconds[number] = now - self._begun[number]
        self.drop(number)
        return self._seconds[number]

    def drop(self, number: int | None) -> None:
        """A picture needs no more work."""
        self.unpainted.discard(number or 0)
        self._under_way.pop(number or 0, None)
        self.active.pop(number or 0, None)

    def left(self, now: float) -> float | None:
        """Seconds, or None while nothing is known."""
        first = set(list(self._begun)[: self._devices])
        known = {x: self._seconds[x] for x in self._seconds.keys() - first} or self._seconds
        expected = {
            number: iterate.remaining
            for number, iterate in self.active.items()
            if iterate.remaining is not None
        }
        known = known or {x: now - self._begun[x] + expected[x] for x in expected}
        if not known:
            return None
        rate = sum(known.values()) / sum(self._works[number] for number in known)
        under_way = [expected.get(x, self._works[x] * rate) for x in self._under_way]
        waiting = sum(self._works[x] for x in self.unpainted - self._under_way.keys()) * rate
        return max((waiting + sum(under_way)) / self._devices, *under_way, 0.0)


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
