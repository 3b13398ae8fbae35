"""How far a training is."""

import numpy as np
import pytest

from stylize_tf.config.training import TrainingConfig
from stylize_tf.feedforward.training import schedule as schedules
from stylize_tf.feedforward.training.schedule import SHARES, WORK, Schedule


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_levels_come_one_after_the_other_each_with_a_rate_that_rises_and_falls():
    assert sum(SHARES) == pytest.approx(1)
    schedule = Schedule(TrainingConfig(steps=800))
    levels = list(schedule.levels(0))
    assert levels == sorted(levels)
    assert len(levels) == pytest.approx(800, abs=1)
    work = [levels.count(level) * WORK[level] for level in range(3)]
    np.testing.assert_allclose(np.divide(work, sum(work)), SHARES, atol=0.005)
    assert list(schedule.levels(790)) == levels[790:]
    for level in range(3):
        began, count = levels.index(level), levels.count(level)
        rates = [schedule.learning_rate(began + x, began, level) for x in range(count)]
        assert 10 < np.argmax(rates) <= min(49, count // 10 + 1)
        assert 0.03 / 51 < rates[0] < 0.03 / 20  # A level begins within a step of its time.
        assert rates[count // 2] == pytest.approx(0.015, rel=0.05)
        assert 0 <= rates[-1] < 3e-5


def test_a_budget_ends_the_training_with_its_share_of_time_for_each_level():
    clock = Clock()
    schedule = Schedule(TrainingConfig(time_budget=100), clock=clock)
    seconds = [0.0] * 3
    for _, level in enumerate(schedule.levels(0)):
        seconds[level] += WORK[level]
        clock.now += WORK[level]
    assert seconds == pytest.approx([100 * share for share in SHARES], abs=1)


def test_what_a_budget_was_spent_before_counts():
    clock = Clock()
    schedule = Schedule(TrainingConfig(time_budget=100), spent=70, clock=clock)
    assert schedule.share(0) == pytest.approx(0.7)
    assert schedule.remaining(0) == pytest.approx(30)
    clock.now += 40
    assert list(schedule.levels(5)) == []
    assert schedule.remaining(5) == 0
    assert schedule.seconds == pytest.approx(110)


def test_what_remains_is_told_by_the_work_of_steps(monkeypatch):
    monkeypatch.setattr(schedules, "SHARES", (0.2, 0.0, 0.8))
    monkeypatch.setattr(schedules, "WORK", (0.25, 1.0, 1.0))
    clock = Clock()
    schedule = Schedule(TrainingConfig(steps=10), clock=clock)
    assert schedule.remaining(0) == 0  # Nothing is known.
    clock.now += 5  # 5 of the first level, a second each: the 5 steps that are left take 4 each.
    assert schedule.remaining(5) == pytest.approx(20)
    clock.now += 4
    assert schedule.remaining(6) == pytest.approx(16)
