"""Ctrl-C and its like: heard at once while nothing is to lose, then politely, for the picture."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from stylize_tf.cli.terminal.signals import ENDING

_HANG_UP = getattr(signal, "SIGHUP", None)


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to end.

    Attributes:
        signum: which one; the exit code is 128 more.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Interrupts:
    """Handles the signals of `ENDING` as long as it is entered.

    At first a signal raises `Interrupted` where the program stands. Within `politely()` the first
    signal is only noted in `signum`, for the loop to look at between two steps; the second raises,
    unless it is a hang-up: when a terminal is closed, its shell and the system each send one.
    Within `shielded()` signals are noted and never raise: a file is being written. Once the loop
    is left, unless by an error without a signal, all are only noted: the picture is being saved.

    A signal that the parent told us to ignore (`nohup`, background jobs) stays ignored.

    Args:
        announce: called with the signal when it is noted within `politely()`.

    Attributes:
        signum: the first that was heard.
        times: how many were; all hang-ups are one.
    """

    def __init__(self, announce: Callable[[int], None] = lambda signum: None) -> None:
        self.signum: int | None = None
        self.times = 0
        self._announce = announce
        self._polite = False
        self._shields = 0
        self._ending = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        for which in ENDING:
            if signal.getsignal(which) == signal.SIG_IGN:
                continue
            with contextlib.suppress(ValueError):  # Not in the main thread.
                self._previous[which] = signal.signal(which, self._heard)
        return self

    def __exit__(self, *exception: object) -> None:
        for which, handler in self._previous.items():
            signal.signal(which, handler)
        self._previous.clear()

    def note(self) -> int:
        """Takes down an interruption that came without a signal; the signal that counts."""
        self.signum = self.signum or signal.SIGINT
        return self.signum

    @contextlib.contextmanager
    def politely(self) -> Iterator[None]:
        """The loop that looks at `signum` itself."""
        self._polite = True
        try:
            yield
        except Exception:
            self._ending = self.signum is not None
            raise
        except BaseException:
            self._ending = True
            raise
        else:
            self._ending = True
        finally:
            self._polite = False

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """A piece of work, like writing a file, that signals do not cut through."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1

    def _heard(self, signum: int, frame: FrameType | None) -> None:
        first = self.signum is None
        self.signum = self.signum if self.signum is not None else signum
        self.times += first or signum != _HANG_UP
        if self._ending or self._shields:
            return
        if self._polite and (first or signum == _HANG_UP):
            if first:
                self._announce(signum)
            return
        self._ending = True
        raise Interrupted(self.signum)
