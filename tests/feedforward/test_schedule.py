"""How far a training is."""

import numpy as np
import pytest

from stylize_tf.config.training import TrainingConfig
from stylize_tf.feedforward.training.schedule import Schedule


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_crops_are_half_as_large_first_and_the_rate_rises_and_falls():
    schedule = Schedule(TrainingConfig(steps=200, crop=64, draft_share=0.3))
    assert list(schedule.sides(0)) == [32] * 60 + [64] * 140
    assert list(schedule.sides(190)) == [64] * 10
    rates = [schedule.learning_rate(step, schedule.share(step)) for step in range(200)]
    assert np.argmax(rates) == 49
    assert rates[0] == pytest.approx(1e-3 / 50)
    assert rates[100] == pytest.approx(5e-4)
    assert 0 < rates[-1] < 1e-6


def test_a_budget_ends_the_training_with_the_shares_of_as_many_steps():
    clock = Clock()
    schedule = Schedule(TrainingConfig(time_budget=100, crop=64, draft_share=0.4), clock=clock)
    sides, rates = [], []
    for step, side in enumerate(schedule.sides(0)):
        sides.append(side)
        rates.append(schedule.learning_rate(step, schedule.share(step)))
        clock.now += 1.0 if side == 64 else 0.25
    # 0.4 of N steps at a quarter of a second and 0.6 of N at one are 100 s: N is 143.
    assert sides == [32] * sides.count(32) + [64] * sides.count(64)
    assert sides.count(32) == pytest.approx(57, abs=1)
    assert sides.count(64) == pytest.approx(86, abs=1)
    assert rates[-1] < 1e-6
    assert rates[71] == pytest.approx(5e-4, rel=0.05)


def test_what_a_budget_was_spent_before_counts():
    clock = Clock()
    schedule = Schedule(TrainingConfig(time_budget=100, draft_share=0), spent=70, clock=clock)
    assert schedule.share(0) == pytest.approx(0.7)
    assert schedule.remaining(0) == pytest.approx(30)
    clock.now += 40
    assert list(schedule.sides(5)) == []
    assert schedule.remaining(5) == 0
    assert schedule.seconds == pytest.approx(110)


def test_all_of_a_budget_may_be_drafts():
    clock = Clock()
    schedule = Schedule(TrainingConfig(time_budget=10, draft_share=1, crop=64), clock=clock)
    assert schedule.share(0) == 0
    clock.now += 5
    assert schedule.share(3) == pytest.approx(0.5)
    clock.now += 5
    assert schedule.share(9) >= 1


def test_what_remains_is_told_by_the_work_of_steps():
    clock = Clock()
    schedule = Schedule(TrainingConfig(steps=10, draft_share=0.5), clock=clock)
    assert schedule.remaining(0) == 0  # Nothing is known.
    clock.now += 5  # 5 drafts, a second each: the 5 steps that are left take 4 each.
    assert schedule.remaining(5) == pytest.approx(20)
    clock.now += 4
    assert schedule.remaining(6) == pytest.approx(16)
