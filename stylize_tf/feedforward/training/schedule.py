"""How far a training is, and what that decides: sides of crops, and the learning rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

from stylize_tf.config.training import TrainingConfig

DRAFT_WORK = 0.25
"""Of a step with crops of half the side, over that of one with whole ones."""

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
        """Of the steps that are done before a step, by its number from 0: at the end 1 or more."""
        config = self._config
        if not config.time_budget:
            return step / config.steps
        work = self.seconds / config.time_budget
        drafts, rest = config.draft_share, 1 - config.draft_share
        of_drafts = drafts * DRAFT_WORK / (drafts * DRAFT_WORK + rest)
        if work < of_drafts:
            return drafts * work / of_drafts
        return drafts + rest * (work - of_drafts) / (1 - of_drafts) if rest else max(work, 1.0)

    def remaining(self, step: int) -> float:
        """Seconds that the rest will take, by what these steps took."""
        if self._config.time_budget:
            return max(self._config.time_budget - self.seconds, 0.0)
        drafts, share = self._config.draft_share, min(self.share(step), 1.0)
        done = min(share, drafts) * DRAFT_WORK + max(share - drafts, 0.0)
        all_of_it = drafts * DRAFT_WORK + 1 - drafts
        return self.seconds * (all_of_it - done) / done if done else 0.0

    def side(self, share: float) -> int:
        """Of the crops of a step before which such a share is done, in pixels."""
        crop = self._config.crop
        return crop // 2 if share < self._config.draft_share else crop

    def sides(self, first: int) -> Iterator[int]:
        """Those of the steps from `first` on, each told when it is asked for."""
        step = first
        while (share := self.share(step)) < 1:
            yield self.side(share)
            step += 1

    def learning_rate(self, step: int, share: float) -> float:
        """Along half a cosine from its height to nothing, after a rise of up to `RISE` steps."""
        config = self._config
        rise = RISE if config.time_budget else min(RISE, config.steps)
        cosine = (1 + math.cos(math.pi * min(share, 1.0))) / 2
        return config.learning_rate * min(1.0, (step + 1) / rise) * cosine
