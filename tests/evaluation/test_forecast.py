"""How long parts of a run take, by what they took before."""

import pytest

from stylize_tf.evaluation import forecast
from stylize_tf.evaluation.forecast import Pace, Part, Sample
from stylize_tf.evaluation.segments import WHOLE, Tiles, of_vgg19, work

SPEED = 2e11
SEGMENTS = of_vgg19(("block5_conv1",))
SIDES = (128, 181, 256, 362, 512, 724, 1024)


def evaluation(side, tiles=WHOLE):
    return side * side, work(tiles, side, side, SEGMENTS)


def machine(part):
    """Seconds on a machine that is slower the larger the picture, as caches are."""
    return (0.013 + 1.7 * part.work / SPEED) * (1 + part.pixels / 1e7)


def sampled(part, seconds):
    return Sample(*part, seconds)


def steps(sides):
    return [forecast.step(WHOLE, *evaluation(side)) for side in sides]


def test_a_machine_is_known_by_what_it_took_at_any_size():
    known = [sampled(part, machine(part)) for part in steps((128, 256, 512, 1024))]
    pace = Pace(known, SPEED)
    assert not pace.is_guess
    for part in steps((128, 150, 181, 300, 362, 512, 724, 1024, 1448)):
        assert pace.seconds(part) == pytest.approx(machine(part), rel=0.1)


def test_the_speed_that_is_guessed_makes_no_difference_where_steps_are_known():
    [known] = steps((512,))
    samples = [sampled(known, machine(known))]
    for part in (*steps(SIDES), Part("first", 300, 1e9), Part("step bands", 300, 1e9)):
        expected = Pace(samples, SPEED).seconds(part)
        assert Pace(samples, SPEED / 30).seconds(part) == pytest.approx(expected)


def test_without_samples_it_is_a_guess_by_the_speed():
    pace = Pace([Sample("start", 0, 0.0, 9.0)], SPEED)
    assert pace.is_guess
    assert pace.seconds(Part("start")) == 9.0
    [part] = steps((1024,))
    assert pace.seconds(part) == pytest.approx(part.work / SPEED, rel=0.01)


def test_of_one_size_the_middle_of_the_newest_counts():
    [part] = steps((256,))
    took = [100.0, 100.0, 100.0, 1.0, 5.0, 2.0, 3.0, 4.0]
    assert Pace([sampled(part, x) for x in took], SPEED).seconds(part) == 3.0


def test_bands_are_known_apart_and_guessed_from_the_whole():
    whole, bands = evaluation(1024), evaluation(1024, Tiles(3, 2**18))
    assert 1.5 < bands[1] / whole[1] < 1.8
    samples = [sampled(forecast.step(WHOLE, *whole), 2.0)]
    part = forecast.step(Tiles(3, 2**18), *bands)
    assert Pace(samples, SPEED).seconds(part) == pytest.approx(2 * bands[1] / whole[1], rel=0.02)
    assert Pace([*samples, sampled(part, 9.0)], SPEED).seconds(part) == 9.0


def test_what_is_compiled_counts_once_in_the_stage_that_needs_it_first():
    stages = [
        (2**14, Tiles()),
        (2**20, Tiles()),
        (2**21, Tiles(3, 2**20)),
        (2**22, Tiles(3, 2**19)),
    ]
    works = [1e9, 2e10, 4e10, 8e10]
    fresh = [part.part for part in forecast.first(stages, works, is_fresh=True)]
    assert fresh == ["first main", "first", "first bands statistics", "first"]
    assert {part.part for part in forecast.first(stages, works, is_fresh=False)} == {"first"}
    pace = Pace([], SPEED)
    slow, quick = (
        sum(map(pace.seconds, forecast.first(stages, works, is_fresh=fresh)))
        for fresh in (True, False)
    )
    assert slow - quick == pytest.approx(
        sum(forecast._SECONDS[x] for x in ("main", "bands", "statistics"))
    )
