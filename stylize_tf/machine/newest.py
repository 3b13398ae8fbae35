"""What was made last, kept for the next time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Newest(Generic[Made]):
    """What was made last, by what it was made from.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int):
        self._most = most
        self._made: dict[Hashable, Made] = {}

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What was made from `key`, or is made now."""
        made = self._made.pop(key) if key in self._made else make()
        self._made[key] = made
        for oldest in list(self._made)[: -self._most]:
            del self._made[oldest]
        return made
