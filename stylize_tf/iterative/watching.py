"""What a run is watched for: stalls, steps taken back, losses that are no numbers, time left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stylize_tf.config.fields import term_fields
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import StylizationError
from stylize_tf.iterative.pyramid import Stage

if TYPE_CHECKING:
    from stylize_tf.optimizers.method import ImageOptimizer

PATIENCE = 100
"""Steps without a better loss (by a hundred thousandth) after which a stage ends."""

GIVE_UP = 10
"""Steps taken back in a row after which a stage ends, or fails if it has no picture."""


class Watch:
    """Sees stalls and steps taken back, and says so in plain words."""

    def __init__(
        self, optimizer: ImageOptimizer, numbers: Sequence[float] = (0, 0, math.inf, 0, 0)
    ):
        self._optimizer = optimizer
        self._step_backs, self._in_a_row, self._best, self._since_best, self._ended = numbers

    def numbers(self) -> tuple[float, ...]:
        """What it remembers, to go on watching from there."""
        return self._step_backs, self._in_a_row, self._best, self._since_best, self._ended

    @property
    def ended(self) -> bool:
        """Whether the stage should have ended with the last look."""
        return bool(self._ended)

    def look(self, is_last: bool) -> tuple[tuple[str, ...], bool]:
        """Messages about the step just taken, and whether the stage should end.

        Args:
            is_last: whether the step was the last of its stage.

        Raises:
            StylizationError: if the stage ends and no step had a finite loss.
        """
        messages, ended = self._look(is_last)
        self._ended = float(ended)
        return messages, ended

    def _look(self, is_last: bool) -> tuple[tuple[str, ...], bool]:
        best = float(self._optimizer.best_loss.numpy())
        step_backs = int(self._optimizer.step_backs.numpy())
        taken_back, self._step_backs = step_backs > self._step_backs, step_backs
        self._in_a_row = self._in_a_row + 1 if taken_back else 0
        # Against the loss of then, not of the step before: small gains add up.
        improved = best < self._best - 1e-5 * abs(best)
        self._since_best = 0 if improved else self._since_best + 1
        self._best = best if improved else self._best
        gives_up = self._in_a_row >= GIVE_UP
        if math.isinf(best) and (gives_up or is_last):
            weights = term_fields(StyleTransferConfig).values()
            raise StylizationError(
                f"The loss is not finite even for the starting picture. Lower the weights "
                f"({', '.join(f'`{x.name}`' for x in weights)}) or start from another picture."
            )
        if best == 0:
            return ("The loss is 0: this stage has converged.",), True
        if gives_up:
            return (
                f"{GIVE_UP} steps in a row were taken back: this stage ends with its best picture.",
            ), True
        if taken_back:
            return (
                "The loss ran away or was not finite: went back to the best picture, with half "
                "the step.",
            ), False
        if self._since_best >= PATIENCE:
            return (f"No better loss in {PATIENCE} steps: this stage has converged.",), True
        return (), False


MOST_STEPS = 4
"""Times the steps that were asked for that a time budget may make of them."""


class Work:
    """How much of the work of all stages is done, and what time it takes.

    Args:
        stages: coarse to fine.
        costs: of a step of each stage, in any unit; its pixels if None.
        time_budget: seconds that the steps may take; 0 for as long as it takes.

    Attributes:
        stages: with the steps that a time budget leaves them.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        costs: Sequence[float] | None = None,
        time_budget: float = 0.0,
    ):
        self.stages = list(stages)
        self._asked = [stage.steps for stage in stages]
        self._costs = list(costs or [stage.height * stage.width for stage in stages])
        self._rate = self._preparation = 0.0
        self._stage = self._taken = 0  # Of it, the steps that this process made.
        self._is_known = False
        self._budget = time_budget
        self._left = time_budget or math.inf

    def resume(self, schedule: Sequence[int]) -> None:
        """Takes the steps of each stage from an earlier part of the run."""
        self.stages = [
            stage._replace(steps=steps) for stage, steps in zip(self.stages, schedule, strict=True)
        ]
        self._asked = list(schedule)

    @property
    def schedule(self) -> tuple[int, ...]:
        """Steps of each stage."""
        return tuple(stage.steps for stage in self.stages)

    @property
    def evaluations(self) -> int:
        """Steps of all stages."""
        return sum(self.schedule)

    def evaluation(self, number: int, step: int) -> int:
        """Which of all evaluations a step of a stage is, both counted from 1."""
        return sum(self.schedule[: number - 1]) + step

    def note(self, number: int, step: int, seconds: float) -> tuple[str, ...]:
        """Takes in how long a step took, and fits the steps to come to a time budget.

        The pace is a running average of the seconds a pixel. The first step of a stage, or the
        first that is made after a checkpoint, takes a preparation too, so it counts only while
        nothing better is known; the second begins the average anew.

        Returns:
            What there is to say about it.
        """
        stage, cost = self.stages[number - 1], self._costs[number - 1]
        rate = seconds / cost
        self._taken = self._taken + 1 if number == self._stage else 1
        self._stage = number
        if self._taken == 1:
            rate = self._rate or rate
            self._preparation = seconds
        elif self._taken == 2:
            self._preparation = max(self._preparation - seconds, 0.0)
            self._is_known = True
        else:
            rate = 0.7 * self._rate + 0.3 * rate
        self._rate = rate
        self._left -= seconds
        # When the pace of a stage is known, and not much of it is over.
        if math.isfinite(self._left) and step == min(3, stage.steps):
            return self._fit(number, step)
        return ()

    def _fit(self, number: int, step: int) -> tuple[str, ...]:
        made = [step if index == number - 1 else 0 for index in range(len(self.stages))]
        ahead = range(number - 1, len(self.stages))
        asked = sum((self._asked[index] - made[index]) * self._costs[index] for index in ahead)
        left = self._left - self._preparation * (len(self.stages) - number)
        factor = min(max(left, 0.0) / (self._rate * asked or 1.0), MOST_STEPS)
        for index in ahead:
            steps = made[index] + math.floor((self._asked[index] - made[index]) * factor)
            self.stages[index] = self.stages[index]._replace(steps=max(steps, 1))
        late = self._seconds(number, step) - left
        if late <= 0.1 * self._budget:
            return ()
        return (f"The time does not suffice: this will take about {late:.0f} seconds longer.",)

    def remaining(self, number: int, step: int) -> float | None:
        """Seconds that the other steps take at the pace so far; None while that is not known."""
        seconds = self._seconds(number, step)
        is_last = self.evaluation(number, step) >= self.evaluations
        return seconds if self._is_known or is_last else None

    def _seconds(self, number: int, step: int) -> float:
        steps = [*self.schedule[number - 1 :]]
        steps[0] -= step
        costs = self._costs[number - 1 :]
        return self._rate * sum(x * cost for x, cost in zip(steps, costs, strict=True))
