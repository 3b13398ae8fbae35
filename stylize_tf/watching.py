"""What a run is watched for: stalls, steps taken back, losses that are no numbers, time left."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stylize_tf.optimizers import ImageOptimizer
from stylize_tf.pyramid import Stage

PATIENCE = 100
"""Steps without a better loss (by a hundred thousandth) after which a stage ends."""

GIVE_UP = 10
"""Steps taken back in a row after which a stage ends, or fails if it has no picture."""


class StylizationError(RuntimeError):
    """No picture could be made; the message says why and what to do."""


class Watch:
    """Sees stalls and steps taken back, and says so in plain words."""

    def __init__(self, optimizer: ImageOptimizer):
        self._optimizer = optimizer
        self._step_backs = 0
        self._in_a_row = 0
        self._best = math.inf
        self._since_best = 0

    def look(self, is_last: bool) -> tuple[tuple[str, ...], bool]:
        """Messages about the step just taken, and whether the stage should end.

        Args:
            is_last: whether the step was the last of its stage.

        Raises:
            StylizationError: if the stage ends and no step had a finite loss.
        """
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
            raise StylizationError(
                "The loss is not finite even for the starting picture. Lower the weights "
                "(content_weight, style_weight, total_variation_weight) or start from another "
                "picture."
            )
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


class Work:
    """How much of the work of all stages is done, in evaluated pixels."""

    def __init__(self, stages: Sequence[Stage]):
        self._stages = stages
        self.evaluations = sum(stage.steps for stage in stages)
        self._rate = 0.0

    def evaluation(self, number: int, step: int) -> int:
        """Which of all evaluations a step of a stage is, both counted from 1."""
        return sum(stage.steps for stage in self._stages[: number - 1]) + step

    def remaining(self, number: int, step: int, seconds: float) -> float:
        """Seconds left, from a running average of the seconds a pixel.

        The first step of a stage takes its preparation too, so it counts only while nothing better
        is known; the second begins the average anew.
        """
        stage = self._stages[number - 1]
        rate = seconds / (stage.height * stage.width)
        if step == 1:
            rate = self._rate or rate
        elif step > 2 and self._rate:
            rate = 0.7 * self._rate + 0.3 * rate
        self._rate = rate
        left = (stage.steps - step) * stage.height * stage.width
        left += sum(x.steps * x.height * x.width for x in self._stages[number:])
        return left * self._rate
