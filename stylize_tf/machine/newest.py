"""What was made last, kept for the next time, for all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Newest(Generic[Made]):
    """What was made last, by what it was made from.

    Threads that want the same wait while the first of them makes it; others go on.

    Args:
        most: how many are kept; None for all.
    """

    def __init__(self, most: int | None = None):
        self._most = most
        self._made: dict[Hashable, Made] = {}
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What was made from `key`, or is made now."""
        with self._lock:
            if key in self._made:
                return self._put(key, self._made.pop(key))
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._made:
                    return self._put(key, self._made.pop(key))
            made = make()
            with self._lock:
                self._making.pop(key, None)
                return self._put(key, made)

    def _put(self, key: Hashable, made: Made) -> Made:
        self._made[key] = made
        if self._most is not None:
            for oldest in list(self._made)[: -self._most]:
                del self._made[oldest]
        return made

    def __len__(self) -> int:
        """How many are kept now."""
        with self._lock:
            return len(self._made)
