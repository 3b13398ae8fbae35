"""The stages of one picture: what steps give back, memory that runs out, and going on."""

import dataclasses
import itertools
import types

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.errors import StylizationError
from stylize_tf.evaluation.segments import Tiles
from stylize_tf.images import image_io
from stylize_tf.iterative import run, watching
from stylize_tf.iterative.checkpoint import fits
from stylize_tf.iterative.preparation import Prepared
from stylize_tf.iterative.pyramid import Stage
from stylize_tf.iterative.run import Run
from stylize_tf.optimizers.adam import Adam
from stylize_tf.optimizers.averaged import Averaged
from stylize_tf.optimizers.lbfgs import LBFGS

STAGES = (Stage(4, 5, 4), Stage(6, 8, 1), Stage(9, 11, 3))
METHODS = [
    Adam(learning_rate=0.03, amsgrad=True, warmup_steps=3),
    LBFGS(history=2, first_step=0.02),
    Averaged(Adam(learning_rate=0.03), 0.8),
    Averaged(LBFGS(history=3, first_step=0.02), 0.5),
]


def away(image, targets):
    """Mean distances from what is wanted, one rounder than the other; in two terms."""
    difference = image - targets["wanted"]
    count = tf.cast(tf.size(image), tf.float32)
    squares = tf.reduce_sum(difference**2) / count
    fourths = tf.reduce_sum(difference**4) / count
    slope = (2 * difference + 4 * difference**3) / count
    return {"squares": squares, "fourths": fourths}, slope


class Problem:
    """A small problem in every stage, and who was asked for what.

    Args:
        method: of optimization.
        room: most pixels of a tile that memory suffices for; whole pictures need all of theirs.
        failure: what is raised where it does not.
    """

    def __init__(self, method=METHODS[0], stages=STAGES, room=np.inf, failure=MemoryError):
        self.method, self.stages, self.room, self.failure = method, stages, room, failure
        self.asked, self.evaluated, self.images, self.taken = [], [], [], []
        self.costs = None

    def run(self, snapshot=None, opening="", save=lambda current, is_last: "", time_budget=0.0):
        self.snapshot, self.opening, self.save = snapshot, opening, save
        return Run(self, time_budget)

    def stage(self, number):
        stage = self.stages[number - 1]
        rng = np.random.default_rng(number)
        wanted = rng.uniform(size=[1, stage.height, stage.width, 3])
        pixels = stage.height * stage.width

        def evaluate(tiles):
            def function(image, targets):
                self.evaluated.append(tiles)
                self.images.append(image.numpy())
                if (tiles.pixels or pixels) > self.room:
                    raise self.failure
                return away(image, targets)

            return function

        def smaller(tiles):
            self.asked.append(tiles)
            size = (tiles.pixels or pixels) // 2
            return Tiles(2, size) if size >= 4 else None

        return Prepared(
            {"wanted": tf.constant(wanted, tf.float32)}, evaluate, Tiles(), self.method, smaller
        )

    def initial(self):
        return np.full([1, *self.stages[0][:2], 3], 0.5, np.float32)

    @staticmethod
    def enlarged(image, stage):
        return image_io.resize(image, stage.height, stage.width)

    def took(self, number, seconds, tiles):
        self.taken.append((number, len(seconds), tiles))


@pytest.fixture(autouse=True)
def collections(monkeypatch):
    """Counts what takes a second in a process with as much in memory as that of the tests."""
    counted = []
    monkeypatch.setattr(run, "gc", types.SimpleNamespace(collect=lambda: counted.append(1)))
    return counted


def exhausted():
    return tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")


def seen(iterates):
    """What iterates show, but not how long it took."""
    return [
        (x.stage, x.step, x.evaluation, x.schedule, x.losses, x.picture.numpy().tobytes())
        for x in iterates
    ]


# Iterates.


def test_how_long_the_steps_of_each_stage_took_is_told_at_its_end():
    problem = Problem()
    list(problem.run().iterates())
    expected = [(number, stage.steps, Tiles()) for number, stage in enumerate(STAGES, start=1)]
    assert problem.taken == expected


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_iterates_count_stages_and_steps_and_tell_the_schedule(method):
    iterates = list(Problem(method).run().iterates())
    assert [(x.stage, x.step, x.steps) for x in iterates] == [
        *((1, step, 4) for step in (1, 2, 3, 4)),
        (2, 1, 1),
        *((3, step, 3) for step in (1, 2, 3)),
    ]
    assert [x.evaluation for x in iterates] == list(range(1, 9))
    for x in iterates:
        assert (x.stages, x.evaluations, x.schedule) == (3, 8, (4, 1, 3))
        assert x.image.shape == (1, x.height, x.width, 3)
        assert x.loss == x.losses["squares"] + x.losses["fourths"]
        assert x.seconds > 0
    assert iterates[3].loss < iterates[0].loss


@pytest.mark.parametrize("method", [Adam(learning_rate=0.4), LBFGS(first_step=3.0)], ids=repr)
def test_the_losses_told_are_those_of_the_picture_however_bad_the_step_was(method):
    problem = Problem(method, stages=(Stage(6, 8, 12), Stage(9, 11, 12)))
    worse = 0
    for x in problem.run().iterates():
        wanted = problem.stage(x.stage).targets
        for picture, losses in ((x.picture, x.losses), (problem.images[-1], x.step_losses)):
            expected = {name: float(value) for name, value in away(picture, wanted)[0].items()}
            assert losses == pytest.approx(expected, rel=1e-5)
        assert (x.loss, x.step_loss) == (sum(x.losses.values()), sum(x.step_losses.values()))
        worse += x.loss < x.step_loss
    assert worse


def test_a_notebook_shows_an_iterate_as_its_picture():
    *_, iterate = Problem().run().iterates()
    shown = image_io.read(iterate._repr_png_())
    np.testing.assert_allclose(shown, iterate.image, atol=0.51 / 255)


def test_the_first_iterate_tells_what_there_is_to_say_before_it():
    iterates = list(Problem().run(opening="Begins anew.").iterates())
    assert [x.messages for x in iterates] == [("Begins anew.",), *[()] * 7]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_stage_begins_with_the_result_of_the_one_before(method):
    """The average where there is one, not the last image that was evaluated."""
    problem = Problem(method)
    iterates = list(problem.run().iterates())
    for index, (before, after) in enumerate(itertools.pairwise(iterates), start=1):
        if after.step == 1:
            expected = np.clip(image_io.resize(before.image, after.height, after.width), 0, 1)
            np.testing.assert_allclose(problem.images[index], expected, atol=1e-6)


# Memory that runs out.


@pytest.mark.parametrize("failure", [MemoryError, exhausted], ids=["MemoryError", "TensorFlow's"])
@pytest.mark.parametrize("method", METHODS[:2], ids=repr)
def test_where_memory_runs_out_it_goes_on_in_tiles_and_says_so(method, failure):
    if failure is exhausted:
        failure = exhausted()
    expected = seen(Problem(method).run().iterates())
    problem = Problem(method, room=25, failure=failure)
    iterates = list(problem.run().iterates())
    # The values of tiles are those of the whole: nothing of the state is lost.
    assert seen(iterates) == expected
    # 20 pixels fit; of 48 the half; of 99 a quarter.
    told = {(x.stage, x.step): x.messages for x in iterates if x.messages}
    assert told == {
        (2, 1): ("Out of memory: from here on in tiles of 24 pixels.",),
        (3, 1): ("Out of memory: from here on in tiles of 24 pixels.",),
    }
    assert problem.asked == [Tiles(), Tiles(), Tiles(2, 49)]
    # Tried once; then the tiles that fit are kept for the stage.
    assert problem.evaluated[5:] == [Tiles(2, 24), Tiles(), Tiles(2, 49), *[Tiles(2, 24)] * 3]


def test_memory_that_runs_out_in_the_middle_of_a_stage_loses_no_step(collections):
    expected = seen(Problem().run().iterates())
    problem = Problem()
    found = []
    for iterate in problem.run().iterates():
        found.append(iterate)
        if (iterate.stage, iterate.step) == (1, 2):
            problem.room = 10
    assert seen(found) == expected
    assert found[2].messages == ("Out of memory: from here on in tiles of 10 pixels.",)
    # What the failed step left was given back before the next one.
    assert len(collections) == 1 + 3 + 4  # To 10 pixels of 20; to 6 of 48 and of 99.
    assert found[1].messages == found[3].messages == ()


@pytest.mark.parametrize("failure", [MemoryError, exhausted()], ids=["MemoryError", "TensorFlow's"])
def test_where_even_small_tiles_do_not_fit_it_gives_up_and_says_what_to_do(failure):
    problem = Problem(room=3, failure=failure)
    with pytest.raises(StylizationError) as caught:
        list(problem.run().iterates())
    assert "Out of memory at 5x4 pixels" in str(caught.value)
    assert "smaller `size`" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "even in small tiles" in str(caught.value)
    assert problem.evaluated == [Tiles(), Tiles(2, 10), Tiles(2, 5)]


def test_tiles_that_were_not_tried_are_not_spoken_of():
    with pytest.raises(StylizationError, match=r"^Out of memory at 1x5 pixels\. Ask for a"):
        list(Problem(stages=[Stage(5, 1, 1)], room=3).run().iterates())


def test_other_errors_are_not_taken_for_memory():
    problem = Problem(room=0, failure=ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        list(problem.run().iterates())
    assert problem.asked == []


# Going on.


def through_the_disk(snapshot):
    """As far as a file may change it: arrays anew, numbers as Python's."""
    return snapshot._replace(
        state=[np.array(array) for array in snapshot.state],
        watch=tuple(float(x) for x in snapshot.watch),
        tiles=Tiles(*snapshot.tiles),
    )


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_going_on_from_any_step_gives_the_same_iterates_bit_by_bit(method):
    whole, snapshots = Problem(method).run(), []
    iterates = []
    for iterate in whole.iterates():
        iterates.append(iterate)
        snapshots.append(through_the_disk(whole.snapshot()))
    expected = seen(iterates)
    assert [(x.stage, x.step) for x in snapshots] == [x[:2] for x in expected]
    for index, snapshot in enumerate(snapshots):
        problem = Problem(method)
        assert fits(snapshot, STAGES, method)
        again = list(problem.run(snapshot=snapshot).iterates())
        # The last one that was made comes first, without another evaluation.
        assert seen(again) == expected[index:]
        assert again[0].seconds == 0
        assert len(problem.evaluated) == len(expected) - index - 1


def test_going_on_again_and_again_gives_the_same_picture():
    expected = seen(Problem(METHODS[1]).run().iterates())[-1]
    snapshot = None
    for _ in range(20):
        current = Problem(METHODS[1]).run(snapshot=snapshot)
        iterates = list(itertools.islice(current.iterates(), 2))
        snapshot = through_the_disk(current.snapshot())
    assert seen(iterates)[-1] == expected


def test_going_on_keeps_the_tiles_that_memory_left():
    problem = Problem(room=10)
    first = problem.run()
    next(first.iterates())
    snapshot = first.snapshot()
    assert snapshot.tiles == Tiles(2, 10)
    again = Problem(room=10)
    list(itertools.islice(again.run(snapshot=snapshot).iterates(), 3))
    assert set(again.evaluated) == {Tiles(2, 10)}


def test_going_on_remembers_how_long_there_was_no_better_loss(monkeypatch):
    """Also at the step that ended its stage early."""
    monkeypatch.setattr(watching, "PATIENCE", 3)
    stages = (Stage(4, 5, 30), Stage(6, 8, 2))

    class Flat(Problem):
        def stage(self, number):
            wanted = tf.zeros([1, *self.stages[number - 1][:2], 3])
            flat = lambda image, targets: ({"loss": tf.constant(1.0)}, tf.zeros_like(image))  # noqa: E731
            return (
                super()
                .stage(number)
                ._replace(targets={"wanted": wanted}, evaluate=lambda tiles: flat)
            )

    whole, expected, snapshots = Flat(stages=stages).run(), [], []
    for iterate in whole.iterates():
        expected.append(iterate)
        snapshots.append(whole.snapshot())
    assert [(x.stage, x.step) for x in expected] == [
        *((1, x) for x in (1, 2, 3, 4)),
        (2, 1),
        (2, 2),
    ]
    for index, snapshot in enumerate(snapshots):
        again = list(Flat(stages=stages).run(snapshot=snapshot).iterates())
        assert seen(again) == seen(expected)[index:]


def test_a_snapshot_stays_what_it_was_while_the_run_goes_on():
    current = Problem(METHODS[1]).run()
    iterates = current.iterates()
    next(iterates)
    snapshot = current.snapshot()
    before = [array.tobytes() for array in snapshot.state]
    for _ in iterates:
        pass
    assert [array.tobytes() for array in snapshot.state] == before


def test_a_snapshot_of_another_run_does_not_fit():
    current = Problem(METHODS[1]).run()
    next(current.iterates())
    snapshot = current.snapshot()
    method = METHODS[1]
    assert fits(snapshot, STAGES, method)
    assert not fits(snapshot, STAGES[:2], method)
    assert not fits(snapshot, (Stage(5, 5, 4), *STAGES[1:]), method)
    assert not fits(snapshot, STAGES, dataclasses.replace(method, history=3))
    assert not fits(snapshot, STAGES, METHODS[0])
    for stage in (0, 2, 4):
        assert not fits(snapshot._replace(stage=stage), STAGES, method)
    assert not fits(snapshot._replace(state=snapshot.state[:-1]), STAGES, method)


def test_what_is_saved_is_where_the_run_stands_and_what_saving_says_is_told():
    saved = []

    def save(current, is_last):
        saved.append((current(), is_last))
        return "The disk is full." if len(saved) == 2 else ""

    iterates = list(Problem().run(save=save).iterates())
    assert [(x.stage, x.step) for x, _ in saved] == [(x.stage, x.step) for x in iterates]
    assert [is_last for _, is_last in saved] == [*[False] * 7, True]
    assert [x.messages for x in iterates] == [(), ("The disk is full.",), *[()] * 6]
    for (snapshot, _), iterate in zip(saved, iterates, strict=True):
        assert (snapshot.losses, snapshot.step_losses) == (iterate.losses, iterate.step_losses)


# Time.


class Clock:
    """A clock that every evaluation moves, by so many seconds a pixel."""

    def __init__(self, monkeypatch, seconds):
        self.now, self.seconds = 0.0, seconds
        fake = types.SimpleNamespace(perf_counter=lambda: self.now)
        monkeypatch.setattr(run, "time", fake)


class Timed(Problem):
    """Takes time by the clock, and for the preparation of a stage, too."""

    def __init__(self, clock, preparation=0.0, **options):
        super().__init__(**options)
        self.clock, self.preparation = clock, preparation

    def stage(self, number):
        self.clock.now += self.preparation
        prepared = super().stage(number)

        def evaluate(tiles):
            def function(image, targets):
                self.clock.now += self.clock.seconds * image.shape[1] * image.shape[2]
                return away(image, targets)

            return function

        return prepared._replace(evaluate=evaluate)


@pytest.mark.parametrize("budget", [30.0, 60.0, 150.0])
def test_a_time_budget_is_kept_and_the_schedule_told(monkeypatch, budget):
    stages = (Stage(10, 10, 20), Stage(14, 14, 20), Stage(20, 20, 20))
    clock = Clock(monkeypatch, 0.01)  # As asked it is 20 + 39.2 + 80 seconds.
    iterates = list(Timed(clock, 0.5, stages=stages).run(time_budget=budget).iterates())
    assert clock.now <= budget
    assert clock.now > 0.8 * budget
    assert sum(x.seconds for x in iterates) == pytest.approx(clock.now)
    last = iterates[-1]
    made = [max(x.step for x in iterates if x.stage == number) for number in (1, 2, 3)]
    assert list(last.schedule) == made
    assert last.evaluation == last.evaluations == len(iterates)
    assert last.remaining == 0
    assert min(made) >= 3
    assert not any(x.messages for x in iterates)


def test_what_is_done_with_an_iterate_does_not_count(monkeypatch):
    clock = Clock(monkeypatch, 0.01)
    for iterate in Timed(clock).run().iterates():
        assert iterate.seconds == pytest.approx(0.01 * iterate.height * iterate.width)
        clock.now += 1000
