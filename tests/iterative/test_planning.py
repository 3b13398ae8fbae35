"""What a run is going to be, told before it begins."""

import numpy as np
import pytest

from stylize_tf import image_io
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.evaluation import segments as segments_of
from stylize_tf.evaluation.engine import Engine
from stylize_tf.evaluation.forecast import Pace, Sample
from stylize_tf.evaluation.segments import Tiles
from stylize_tf.iterative import planning
from stylize_tf.iterative.planning import Sizes
from stylize_tf.iterative.stylizer import Stylizer
from tests.fakes.small_pictures import PLAIN, STAGED, smooth
from tests.fakes.terms import Means

DEFAULT = StyleTransferConfig(precision="float32")
SPEED = 2e11


def planned(config, sizes, gigabytes=1000.0, samples=()):
    outlines = planning.outlines(config, sizes)
    return planning.plan(outlines, gigabytes * 1e9, Pace(samples, SPEED))


def test_a_plan_has_the_stages_that_the_run_then_has(tiny_engine, content, style):
    paint = Stylizer(PLAIN.replace(**STAGED), engine=tiny_engine)
    plan = paint.plan(content, style)
    iterates = list(paint.iterate(content, style))
    assert plan.steps == len(iterates)
    for number, stage in enumerate(plan.stages, start=1):
        own = [x for x in iterates if x.stage == number]
        assert [(x.height, x.width) for x in own] == [(stage.height, stage.width)] * stage.steps


def test_what_was_painted_tells_what_the_next_picture_takes(tiny_network, content, style):
    paint = Stylizer(PLAIN.replace(steps=(30,)), engine=Engine(tiny_network))
    before = paint.plan(content, style)
    assert before.is_guess
    assert "a guess" in str(before)
    list(paint.replace(steps=(3,)).iterate(content, style))
    after = paint.plan(content, style)
    assert not after.is_guess
    assert "a guess" not in str(after)
    assert paint.replace(style_loss="bures").plan(content, style).is_guess
    terms = [Means(name="means", source="style", layer_weights=(("image", 1.0),))]
    assert (
        Stylizer(paint.config, engine=paint.engine, extra_terms=terms).plan(content, style).is_guess
    )


def test_the_seconds_of_a_plan_are_those_of_samples(tiny_network, content, style):
    """By hand: 30 steps of 2 s, and 7 s for what is made once."""
    engine = Engine(tiny_network)
    paint = Stylizer(PLAIN.replace(steps=(30,)), engine=engine)
    pixels, segments = 24 * 18, engine.evaluator(PLAIN).segments
    work = segments_of.work(Tiles(), 24, 18, segments)
    samples = [Sample("step", pixels, work, 2.0), Sample("first main", pixels, work, 7.0)]
    engine.note(planning.kind(paint.config), samples)
    assert paint.plan(content, style).seconds == pytest.approx(67)


def test_a_plan_is_made_of_files_arrays_and_folders(tmp_path, tiny_engine, content, style, rng):
    image_io.write(str(tmp_path / "photo.png"), content[np.newaxis])
    (tmp_path / "paintings").mkdir()
    for name in ("a.png", "b.png"):
        image_io.write(str(tmp_path / "paintings" / name), smooth(rng, 20, 30)[np.newaxis])
    paint = Stylizer(PLAIN, engine=tiny_engine)
    plan = paint.plan(tmp_path / "photo.png", tmp_path / "paintings")
    assert plan.stages[-1].bytes > paint.plan(content, style).stages[-1].bytes  # Of the second.
    with pytest.raises(ImageError):
        paint.plan(tmp_path / "none.png", style)
    with pytest.raises(ConfigError):
        paint.plan(content, ())


def test_less_memory_takes_bands_and_more_time():
    sizes = Sizes((1536, 2048), ((1000, 1500),))
    whole = planned(DEFAULT.replace(size=2048), sizes)
    banded = planned(DEFAULT.replace(size=2048), sizes, 3.5)
    assert {stage.bands for stage in whole.stages} == {1}
    assert banded.stages[-1].bands > 1
    assert banded.bytes <= 3.5e9 < whole.bytes
    assert banded.seconds > 1.2 * whole.seconds
    with pytest.raises(ConfigError, match="`memory` must be at least"):
        planned(DEFAULT.replace(size=2048), sizes, 1.0)


def test_pictures_that_are_held_count_as_large_as_they_are():
    """In float32, as they were read and as they are taken; of paintings what the picture takes."""
    small = Sizes((384, 512), ((384, 512),))
    large = Sizes((3840, 5120), ((3840, 5120),))
    more = planned(DEFAULT, large).bytes - planned(DEFAULT, small).bytes
    photograph, painting = 24 * 99 * 384 * 512, 12 * 99 * 384 * 512
    assert more == pytest.approx(photograph + painting)


def test_paintings_that_are_given_strokes_are_stages_of_their_own():
    plain = planned(DEFAULT, Sizes((384, 512), ((600, 800), (600, 800))))
    fine = planned(DEFAULT, Sizes((384, 512), ((600, 800), (600, 800)), fine_style=True))
    assert [stage.what for stage in fine.stages[:3]] == [
        "strokes of style 1",
        "strokes of style 2",
        "",
    ]
    assert (fine.stages[0].height, fine.stages[0].width) == (384, 512)
    assert fine.stages[2:] == plain.stages
    assert fine.seconds > plain.seconds


def test_a_time_budget_decides_the_steps():
    sizes = Sizes((384, 512), ((600, 800),))
    free = planned(DEFAULT, sizes)
    for share in (0.5, 2.0):
        budget = share * free.seconds
        plan = planned(DEFAULT.replace(time_budget=budget), sizes)
        assert plan.seconds == pytest.approx(budget, rel=0.1)
    most = planned(DEFAULT.replace(time_budget=1e6), sizes)
    assert most.steps == 4 * free.steps


def test_a_plan_reads_as_a_table():
    config = DEFAULT.replace(steps=(8, 4), coarsest_size=256)
    step = Sample("step", 384 * 512, 1.4e11, 2.0)
    lines = str(planned(config, Sizes((384, 512), ((600, 800),)), samples=[step])).splitlines()
    assert lines[0].split() == ["stage", "pixels", "steps", "evaluated", "seconds", "GB"]
    assert [line.split()[:4] for line in lines[1:4]] == [
        ["1", "256x192", "8", "whole"],
        ["2", "362x272", "4", "whole"],
        ["3", "512x384", "4", "whole"],
    ]
    assert lines[4].split()[:2] == ["all", "16"]
    assert len(lines) == 5
