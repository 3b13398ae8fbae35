"""How far a training is, and what that decides: the level, and the learning rate."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator

from stylize_tf.config.training import TrainingConfig

SHARES = (0.25, 0.3, 0.45)
"""Of the time, of each level."""

WORK = (0.4, 1.0, 1.0)
"""Of a step of each level, over that of the last."""

RISE = 50
"""Steps, at most, in which the learning rate comes to its height."""


class Schedule:
    """Shares of the steps of a training that are done; a time budget makes shares of time of them.

    Args:
        config: of the training.
        spent: seconds that it took before, if it goes on.
        clock: seconds that only grow; another one in tests.
    """

    def __init__(
        self,
        config: TrainingConfig,
        spent: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._config = config
        self._clock = clock
        self._began = clock() - spent

    @property
    def seconds(self) -> float:
        """That the training took so far."""
        return self._clock() - self._began

    def share(self, step: int) -> float:
        """Of the work that is done before a step, by its number from 0: at the end 1 or more."""
        config = self._config
        if config.time_budget:
            return self.seconds / config.time_budget
        if step >= config.steps:
            return 1.0
        steps = [share / work for share, work in zip(SHARES, WORK, strict=True)]
        left, done = step / config.steps * sum(steps), 0.0
        for own, share in zip(steps, SHARES, strict=True):
            if left <= own:
                return done + share * left / own
            left, done = left - own, done + share
        return 1.0

    def remaining(self, step: int) -> float:
        """Seconds that the rest will take, by what these steps took."""
        if self._config.time_budget:
            return max(self._config.time_budget - self.seconds, 0.0)
        share = min(self.share(step), 1.0)
        return self.seconds * (1 - share) / share if share else 0.0

    def level(self, share: float) -> int:
        """Of a step before which such a share is done."""
        ends = itertools.accumulate(SHARES[:-1])
        return sum(share >= end - 1e-9 for end in ends)

    def levels(self, first: int) -> Iterator[int]:
        """Those of the steps from `first` on, each told when it is asked for."""
        step = first
        while (share := self.share(step)) < 1:
            yield self.level(share)
            step += 1

    def learning_rate(self, step: int, began: int, level: int) -> float:
        """Along half a cosine from its height to nothing, in each level.

        After a rise of `RISE` steps, or of a tenth of the level where that is sooner.

        Args:
            step: by its number.
            began: that of the first one of the level.
            level: by its number.
        """
        share = (self.share(step) - sum(SHARES[:level])) / SHARES[level]
        rise = max((step - began + 1) / RISE, 10 * share)
        cosine = (1 + math.cos(math.pi * min(max(share, 0.0), 1.0))) / 2
        return self._config.learning_rate * min(1.0, rise) * cosine
