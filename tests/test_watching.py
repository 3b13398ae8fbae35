import math

import numpy as np
import pytest

from stylize_tf import watching
from stylize_tf.pyramid import Stage
from stylize_tf.watching import StylizationError, Watch, Work


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


# How much is done.

STAGES = [Stage(10, 10, 4), Stage(20, 20, 2)]


def test_evaluations_are_counted_over_all_stages():
    work = Work(STAGES)
    assert work.evaluations == 6
    assert [work.evaluation(1, step) for step in (1, 4)] == [1, 4]
    assert [work.evaluation(2, step) for step in (1, 2)] == [5, 6]


def test_time_left_is_that_of_the_pixels_left():
    work = Work(STAGES)
    # A second for 100 pixels; 3 more steps of 100 and 2 of 400 are 1100 pixels.
    assert work.remaining(1, 1, 1.0) == pytest.approx(11)
    assert work.remaining(1, 4, 1.0) == pytest.approx(8)
    assert work.remaining(2, 2, 4.0) == 0


def test_the_pace_is_a_running_average_without_the_preparation_of_a_stage():
    work = Work([Stage(10, 10, 4), Stage(20, 20, 3)])
    # The first step, prepared for 50 seconds, is all that is known.
    assert work.remaining(1, 1, 50.0) == pytest.approx(50 * 15)
    # 3 seconds for 100 pixels, and 1400 pixels left.
    assert work.remaining(1, 2, 3.0) == pytest.approx(42)
    # 0.7 * 3 + 0.3 * 1 = 2.4 seconds for 100 pixels, and 1300 left.
    assert work.remaining(1, 3, 1.0) == pytest.approx(2.4 * 13)
    # Nor does the preparation of the next stage count: 800 pixels left at that pace.
    assert work.remaining(2, 1, 70.0) == pytest.approx(2.4 * 8)
    # 8 seconds for 400 pixels, and 400 left: nothing of the pace before.
    assert work.remaining(2, 2, 8.0) == pytest.approx(8)
