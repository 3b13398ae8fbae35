import math

import numpy as np
import pytest

from stylize_tf.errors import StylizationError
from stylize_tf.iterative import watching
from stylize_tf.iterative.pyramid import Stage
from stylize_tf.iterative.watching import Watch, Work


class Number:
    """A scalar variable."""

    def __init__(self, value):
        self.value = value

    def numpy(self):
        return self.value


class Told:
    """An optimizer that has only what is watched."""

    def __init__(self):
        self.best_loss, self.step_backs = Number(math.inf), Number(0)


def looks(losses, taken_back=(), last=None):
    """What a watch says of steps that lead to these lowest losses; of some taken back."""
    optimizer, said = Told(), []
    watch = Watch(optimizer)
    for number, loss in enumerate(losses, start=1):
        optimizer.best_loss.value = min(optimizer.best_loss.value, loss)
        optimizer.step_backs.value += number in taken_back
        said.append(watch.look(is_last=number == last))
    return said


def test_steps_that_get_on_are_not_worth_a_word():
    assert looks(100 * 0.99 ** np.arange(3 * watching.PATIENCE)) == [((), False)] * (
        3 * watching.PATIENCE
    )


@pytest.mark.parametrize("rate", [0.0, 0.5e-5 / watching.PATIENCE], ids=str)
def test_a_stage_ends_after_so_many_steps_without_a_better_loss(rate):
    """Better is by more than a hundred thousandth, over all these steps."""
    *before, (messages, ended) = looks((1 - rate) ** np.arange(watching.PATIENCE + 1))
    assert before == [((), False)] * watching.PATIENCE
    assert ended
    assert messages == (f"No better loss in {watching.PATIENCE} steps: this stage has converged.",)


def test_a_little_progress_now_and_then_is_enough_to_go_on():
    losses = np.repeat(0.9999 ** np.arange(5), watching.PATIENCE)
    assert not any(ended for _, ended in looks(losses))


def test_small_gains_add_up():
    """Half a hundred thousandth a step is as good as a hundred thousandth every other step."""
    losses = (1 - 0.5e-5) ** np.arange(5 * watching.PATIENCE)
    assert not any(ended for _, ended in looks(losses))


def test_a_loss_of_zero_is_the_end_of_progress():
    assert looks([0.0] * (watching.PATIENCE + 1))[-1][1]


def test_every_step_taken_back_is_told():
    said = looks([5.0, 4.0, 4.0, 3.0, 3.0], taken_back=(3, 5))
    assert [bool(messages) for messages, _ in said] == [False, False, True, False, True]
    assert not any(ended for _, ended in said)
    assert "went back to the best picture" in said[2][0][0]


def test_so_many_steps_back_in_a_row_end_the_stage():
    count = watching.GIVE_UP
    said = looks([5.0] * (count + 1), taken_back=range(2, count + 2))
    assert [ended for _, ended in said] == [False] * count + [True]
    assert "this stage ends with its best picture" in said[-1][0][0]
    # With a good step between them they are not in a row.
    backs = [*range(2, count + 1), *range(count + 2, 2 * count + 1)]
    assert not any(ended for _, ended in looks([5.0] * (2 * count), taken_back=backs))


def test_without_any_finite_loss_giving_up_or_the_last_step_is_an_error():
    count = watching.GIVE_UP
    with pytest.raises(StylizationError, match="not finite even for the starting picture"):
        looks([math.inf] * count, taken_back=range(1, count + 1))
    assert len(looks([math.inf] * (count - 1), taken_back=range(1, count))) == count - 1
    with pytest.raises(StylizationError, match="Lower the weights"):
        looks([math.inf] * 2, taken_back=(1, 2), last=2)
    # A picture that was evaluated once is a result.
    assert looks([1.0, math.inf], taken_back=(2,), last=2)[-1][1] is False


def test_a_watch_that_is_made_again_of_its_numbers_says_the_same():
    losses = [*np.linspace(5, 4, 7), *[4.0] * (watching.PATIENCE + 1)]
    backs = (3, 4, 9)
    optimizer, said = Told(), []
    watch = Watch(optimizer)
    for number, loss in enumerate(losses, start=1):
        optimizer.best_loss.value = min(optimizer.best_loss.value, loss)
        optimizer.step_backs.value += number in backs
        watch = Watch(optimizer, [float(x) for x in watch.numbers()])
        said.append(watch.look(is_last=False))
        assert watch.ended == said[-1][1]
        assert Watch(optimizer, watch.numbers()).ended == watch.ended
    assert said == looks(losses, backs)
    assert said[-1][1] or said[-2][1]


# How much is done.

STAGES = [Stage(10, 10, 4), Stage(20, 20, 2)]


def test_evaluations_are_counted_over_all_stages():
    work = Work(STAGES)
    assert work.evaluations == 6
    assert [work.evaluation(1, step) for step in (1, 4)] == [1, 4]
    assert [work.evaluation(2, step) for step in (1, 2)] == [5, 6]


def test_time_left_is_that_of_the_pixels_left():
    work = Work(STAGES)
    assert work.note(1, 1, 9.0) == ()
    # A second for 100 pixels; 2 more steps of 100 and 2 of 400 are 1000 pixels.
    assert work.note(1, 2, 1.0) == ()
    assert work.remaining(1, 2) == pytest.approx(10)
    assert work.remaining(1, 4) == pytest.approx(8)
    work.note(2, 2, 4.0)
    assert work.remaining(2, 2) == 0


def test_the_pace_is_a_running_average_without_the_preparation_of_a_stage():
    work = Work([Stage(10, 10, 4), Stage(20, 20, 3)])

    def left(number, step, seconds):
        work.note(number, step, seconds)
        return work.remaining(number, step)

    # The first step, prepared for 50 seconds, tells nothing of the others.
    assert left(1, 1, 50.0) is None
    # 3 seconds for 100 pixels, and 1400 pixels left.
    assert left(1, 2, 3.0) == pytest.approx(42)
    # 0.7 * 3 + 0.3 * 1 = 2.4 seconds for 100 pixels, and 1300 left.
    assert left(1, 3, 1.0) == pytest.approx(2.4 * 13)
    # Nor does the preparation of the next stage count: 800 pixels left at that pace.
    assert left(2, 1, 70.0) == pytest.approx(2.4 * 8)
    # 8 seconds for 400 pixels, and 400 left: nothing of the pace before.
    assert left(2, 2, 8.0) == pytest.approx(8)


def test_the_costs_of_steps_may_be_told_instead_of_their_pixels():
    work = Work(STAGES, costs=[1.0, 10.0])
    work.note(1, 1, 9.0)
    work.note(1, 2, 2.0)
    assert work.remaining(1, 2) == pytest.approx(2.0 * (2 * 1 + 2 * 10))


def test_the_time_left_is_not_told_before_the_pace_is_known():
    work = Work([Stage(10, 10, 1), Stage(10, 10, 4)])
    seen = []
    second = [(2, step, 1.0) for step in (2, 3, 4)]
    for number, step, seconds in [(1, 1, 50.0), (2, 1, 60.0), *second]:
        work.note(number, step, seconds)
        seen.append(work.remaining(number, step))
    assert seen == [None, None, pytest.approx(2), pytest.approx(1), 0]
    short = Work([Stage(10, 10, 1)])
    short.note(1, 1, 50.0)
    assert short.remaining(1, 1) == 0  # Of nothing that is known.


def test_a_run_that_goes_on_learns_its_pace_anew():
    work = Work(STAGES)
    work.resume((4, 2))
    assert work.remaining(1, 2) is None  # Of the step that the checkpoint has.
    work.note(1, 3, 50.0)  # Prepared, as every first step.
    assert work.remaining(1, 3) is None
    work.note(1, 4, 1.0)
    assert work.remaining(1, 4) == pytest.approx(8)


# A time budget.

LONG = [Stage(10, 10, 40), Stage(14, 14, 20), Stage(20, 20, 10)]


def painted(work, seconds, preparation=0.0, clock=None):
    """Goes through all steps, at so many seconds a unit of 100 pixels: how long, and what is said.

    Args:
        work: to go through.
        seconds: of a step, for every 100 pixels; or a function of stage and step.
        preparation: seconds, of every stage.
    """
    pace = seconds if callable(seconds) else lambda number, step: seconds
    total, said, steps = 0.0, [], []
    for number, stage in enumerate(work.stages, start=1):
        step = 0
        while step < max(work.stages[number - 1].steps, 1):
            step += 1
            took = pace(number, step) * stage.height * stage.width / 100
            took += preparation if step == 1 else 0.0
            said += work.note(number, step, took)
            total += took
            assert work.stages[number - 1].steps >= step  # What is made is made.
            assert all(stage.steps >= 1 for stage in work.stages)
        steps.append(step)
    assert tuple(steps) == work.schedule
    return total, said


@pytest.mark.parametrize("budget", [15.0, 40.0, 100.0, 130.0, 300.0, 450.0])
@pytest.mark.parametrize("preparation", [0.0, 0.5, 2.0])
def test_the_steps_of_all_stages_are_fitted_to_the_time(budget, preparation):
    work = Work(LONG, time_budget=budget)  # As asked: 40 + 39.2 + 40 seconds at one a unit.
    total, said = painted(work, 1.0, preparation)
    least = 3 * 1 + 3 * preparation + 1.96 + 4
    if budget > 1.5 * least:
        assert total <= 1.1 * budget
        assert total >= 0.75 * budget
        assert said == []


def test_steps_are_made_more_only_up_to_a_multiple():
    work = Work(LONG, time_budget=1e6)
    painted(work, 1.0)
    # Of those that are not made yet when the pace of their stage is known: after three.
    assert work.schedule == tuple(3 + watching.MOST_STEPS * (stage.steps - 3) for stage in LONG)


def test_without_a_budget_the_steps_stay_as_asked_however_long_they_take():
    work = Work(LONG)
    assert painted(work, 1e6)[1] == []
    assert work.schedule == (40, 20, 10)


def test_a_machine_that_slows_down_gets_fewer_steps_and_one_that_speeds_up_more():
    steady, slower, faster = (Work(LONG, time_budget=60.0) for _ in range(3))
    painted(steady, 1.0)
    total, _ = painted(slower, lambda number, step: 1.0 if number == 1 else 2.0)
    assert total <= 75  # What was spent on the first stage at the old pace is spent.
    painted(faster, lambda number, step: 1.0 if number == 1 else 0.25)
    assert slower.schedule[2] < steady.schedule[2] < faster.schedule[2]


@pytest.mark.parametrize("stages", [LONG, LONG[:1], [Stage(10, 10, 1)] * 3], ids=len)
def test_time_that_does_not_suffice_is_told_and_every_stage_has_a_step(stages):
    work = Work(stages, time_budget=0.5)
    total, said = painted(work, 1.0, preparation=9.0)
    assert total > 1
    assert all(1 <= steps <= 3 for steps in work.schedule)
    assert any("time does not suffice" in message for message in said)
    assert not any("\n" in message for message in said)


def test_a_run_that_goes_on_keeps_the_schedule_of_before():
    work = Work(LONG)
    work.resume((7, 5, 3))
    assert work.schedule == (7, 5, 3)
    assert painted(work, 1.0)[1] == []
    assert work.schedule == (7, 5, 3)
