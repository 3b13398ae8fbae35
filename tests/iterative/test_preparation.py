"""What is prepared: traces, memory, time and methods."""

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.errors import ConfigError, StylizationError, WeightsError
from stylize_tf.evaluation import coarse, evaluator, memory_plan, tiling
from stylize_tf.evaluation.engine import Engine
from stylize_tf.evaluation.evaluator import Evaluator
from stylize_tf.evaluation.tiling import Tiling
from stylize_tf.iterative import pictures
from stylize_tf.iterative.preparation import Preparation
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.machine import memory
from stylize_tf.objective import objective
from stylize_tf.objective.areas import Shrinking
from stylize_tf.objective.terms import structure
from stylize_tf.optimizers.adam import Adam
from stylize_tf.optimizers.averaged import Averaged
from stylize_tf.optimizers.lbfgs import LBFGS
from stylize_tf.optimizers.methods import build_method
from stylize_tf.optimizers.spectral import Spectral
from tests.fakes.small_pictures import PLAIN, STAGED, Counter, enough, made, of_styles, smooth


def raising(error):
    def fail(*arguments):
        raise error

    return fail


# One trace.


def test_everything_is_traced_once_over_many_sizes_pictures_and_styles(
    tiny_network, rng, monkeypatch
):
    sums = Counter(monkeypatch, objective.Objective, "sums")
    descriptions = Counter(monkeypatch, objective.Objective, "descriptions")
    steps = Counter(monkeypatch, LBFGS, "advance")
    # A history that no other test asks for: equal methods share their trace in all the process.
    paint = Stylizer(PLAIN.replace(**STAGED, lbfgs_history=17), engine=Engine(tiny_network))
    traces = []
    for styles, height in ((1, 24), (1, 18), (2, 21)):
        content = smooth(rng, height, 24)
        paint(content, [smooth(rng, *rng.integers(16, 40, size=2)) for _ in range(styles)])
        traces.append((sums.count, descriptions.count, steps.count))
    # One of the losses, of the photographs' and of the paintings' statistics, and of the steps.
    assert traces == [(1, 2, 1)] * 3
    sizes = {(x.height, x.width) for x in paint.iterate(smooth(rng, 24, 18), smooth(rng, 20, 20))}
    assert len(sizes) > 2
    assert (sums.count, descriptions.count, steps.count) == (1, 2, 1)


def test_neither_places_nor_what_is_seen_from_afar_needs_another_trace(
    tiny_network, rng, monkeypatch
):
    monkeypatch.setattr(coarse, "SMALLEST_SIDE", 5)
    shrunk = Counter(monkeypatch, Shrinking, "transposed")
    sums = Counter(monkeypatch, objective.Objective, "sums")
    descriptions = Counter(monkeypatch, objective.Objective, "descriptions")
    weights = {"structure_weight": 0.5, "colors_weight": 0.5, "focus_weight": 1.0}
    config = PLAIN.replace(**STAGED, **weights, coarse_style_weight=0.1)
    paint = Stylizer(config, engine=Engine(tiny_network))
    for height in (24, 18, 21):
        paint(smooth(rng, height, 24), smooth(rng, 20, 30))
        # One is of the picture, of any size, and the others are of photographs and paintings.
        assert (sums.count, descriptions.count) == (1, 2)
    assert shrunk.count > 0


def test_structure_compares_nothing_where_it_has_no_weight(tiny_network, rng, monkeypatch):
    monkeypatch.setattr(structure, "WHOLE_SIDE", 8)  # Some weight is left at 17 pixels, not at 24.
    monkeypatch.setattr(structure, "WHOLE_SHARE", 1 / 3)
    monkeypatch.setattr(coarse, "SMALLEST_SIDE", 5)
    config = PLAIN.replace(**STAGED, structure_weight=0.5, coarse_style_weight=0.1)
    paint = Stylizer(config, engine=Engine(tiny_network))
    sources = paint.pictures(smooth(rng, 24, 24), smooth(rng, 20, 30))
    prepared = Preparation(paint.config, paint.engine, sources)

    def places(targets):
        return {x.counts.shape[1] for x in targets.of_terms["structure"].values()}

    found = {
        stage.long_side: places(prepared.stage(number).targets)
        for number, stage in enumerate(prepared.stages, start=1)
    }
    assert len(found) > 2
    assert {side: sides == {1} for side, sides in found.items()} == {x: x > 19 for x in found}
    _, from_afar = prepared._coarse(prepared.stages[-1])
    assert places(from_afar) == {1}


def test_the_statistics_of_styles_are_kept(tiny_network, rng, monkeypatch):
    seen = Counter(monkeypatch, Evaluator, "statistics")
    paint, style = Stylizer(PLAIN, engine=Engine(tiny_network)), smooth(rng, 20, 24)
    for _ in range(3):
        paint(smooth(rng, 24, 18), style)
    assert of_styles(seen) == 1
    paint(smooth(rng, 24, 18), 1 - style)
    assert of_styles(seen) == 2


def test_what_is_kept_for_later_pictures_is_bounded(tiny_network, rng, monkeypatch):
    monkeypatch.setattr(evaluator, "KEPT_STATISTICS", 3)
    seen = Counter(monkeypatch, Evaluator, "statistics")
    paint, photograph = (
        Stylizer(PLAIN.replace(steps=1), engine=Engine(tiny_network)),
        smooth(rng, 24, 18),
    )
    styles = [smooth(rng, 20, 24) for _ in range(5)]
    for _ in range(2):
        for style in styles:
            paint(photograph, style)
    assert of_styles(seen) == 10  # None of five is still there when it comes again.
    for index in (4, 3, 2, 4):
        paint(photograph, styles[index])
    assert of_styles(seen) == 10


# Memory.


def test_a_picture_in_tiles_is_that_of_the_whole(tiny_engine, rng, monkeypatch):
    content, style = smooth(rng, 40, 30), smooth(rng, 36, 24)
    options = {"size": 40, "style_loss": "bures", **STAGED, "memory": 9.0}
    config = PLAIN.replace(**options)
    monkeypatch.setattr(memory_plan, "plan", enough(5))
    bands = Counter(monkeypatch, tiling, "bands_of")
    whole = list(Stylizer(config, engine=tiny_engine).iterate(content, style))
    assert bands.count == 0
    paint = Stylizer(config.replace(memory=1.0), engine=tiny_engine)
    tiled = list(paint.iterate(content, style))
    assert bands.count > 0
    assert len(tiled) == len(whole)
    for a, b in zip(whole, tiled, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-3)
        np.testing.assert_allclose(a.image, b.image, atol=1e-3)
    assert whole[-1].loss < whole[0].loss


def test_a_limit_too_small_is_refused_before_anything_is_done(tiny_engine, content, style):
    paint = Stylizer(PLAIN.replace(memory=0.1), engine=tiny_engine)
    with pytest.raises(
        ConfigError, match=r"`memory` must be at least .* GB for a picture of 18x24"
    ):
        paint.iterate(content, style)


def test_a_stylizer_tells_how_much_memory_it_takes(tiny_engine, monkeypatch):
    assert Stylizer(PLAIN.replace(memory=2.5), engine=tiny_engine).config.memory == 2.5
    monkeypatch.setattr(memory, "limit", lambda memory, device="": memory * 1e9 or 7.4321e9)
    assert Stylizer(PLAIN, engine=tiny_engine).config.memory == 7.432


def test_memory_that_runs_out_is_told_and_gives_the_same_picture(
    tiny_engine, content, style, monkeypatch
):
    monkeypatch.setattr(memory_plan, "SMALLEST_TILE_PIXELS", 50)
    expected = made(tiny_engine, content, style)
    evaluate = Evaluator.value_and_gradient

    def exhausted(image, targets):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    monkeypatch.setattr(
        Evaluator,
        "value_and_gradient",
        lambda self, tiles: evaluate(self, tiles) if tiles.banded else exhausted,
    )
    iterates = list(Stylizer(PLAIN, engine=tiny_engine).iterate(content, style))
    assert iterates[0].messages == ("Out of memory: from here on in tiles of 216 pixels.",)
    assert [x.messages for x in iterates[1:]] == [()] * 3
    np.testing.assert_allclose(iterates[-1].image, expected, atol=1e-4)


def test_statistics_for_which_there_is_no_room_are_taken_in_bands(
    tiny_engine, content, style, monkeypatch
):
    monkeypatch.setattr(memory_plan, "SMALLEST_TILE_PIXELS", 50)
    expected = made(tiny_engine, content, style)
    statistics = Tiling.statistics
    sizes = []

    def roomless(self, image, pixels, coverage=None):
        sizes.append(pixels)
        if pixels > 150:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")
        return statistics(self, image, pixels, coverage)

    monkeypatch.setattr(Tiling, "statistics", roomless)
    engine = Engine(tiny_engine.network, {})  # Which has no statistics of the painting yet.
    np.testing.assert_allclose(made(engine, content, style), expected, atol=1e-4)
    whole = evaluator.STATISTICS_PIXELS
    # Of 20x24 and of 24x18 pixels; the painting first.
    assert sizes == [whole, 240, 120, whole, 216, 108]


def test_where_a_stage_goes_by_bands_its_statistics_do(tiny_engine, content, style, monkeypatch):
    """Or they would take more memory than its steps."""
    expected = made(tiny_engine, content, style)
    monkeypatch.setattr(memory_plan, "plan", enough(1e9))
    seen = Counter(monkeypatch, Tiling, "statistics")
    engine = Engine(tiny_engine.network, {})
    np.testing.assert_allclose(made(engine, content, style), expected, atol=1e-4)
    assert {arguments[2] for arguments in seen.arguments} == {1}


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "")])
def test_memory_that_runs_out_between_stages_ends_in_one_line_after_the_picture_so_far(
    tiny_engine, content, style, monkeypatch, error
):
    monkeypatch.setattr(Preparation, "enlarged", raising(error))
    iterates = Stylizer(PLAIN.replace(**STAGED), engine=tiny_engine).iterate(content, style)
    seen = [next(iterates) for _ in range(3)]
    with pytest.raises(StylizationError, match=r"^Out of memory at 13x17 pixels\. .*`size`.*\.$"):
        next(iterates)
    assert seen[-1].image.shape == (1, 12, 9, 3)


def test_memory_that_runs_out_as_pictures_are_read_ends_in_one_line(
    tiny_engine, content, style, monkeypatch
):
    monkeypatch.setattr(pictures, "no_larger", raising(MemoryError()))
    with pytest.raises(StylizationError, match=r"^Out of memory as the pictures are made ready\."):
        Stylizer(PLAIN, engine=tiny_engine).iterate(content, style)


# Time.


def test_a_time_budget_ends_sooner_and_the_schedule_tells(tiny_engine, content, style):
    config = PLAIN.replace(**{**STAGED, "steps": (400,)}, time_budget=1.0)
    iterates = list(Stylizer(config, engine=tiny_engine).iterate(content, style))
    last = iterates[-1]
    assert last.stages > 2
    assert last.evaluations == sum(last.schedule) < 400 * last.stages
    assert {x.stage for x in iterates} == set(range(1, last.stages + 1))


def test_without_a_time_budget_the_schedule_is_that_of_the_steps(plain, content, style):
    assert {x.schedule for x in plain.iterate(content, style)} == {(4,)}


# The method.


def test_the_method_is_what_the_configuration_asks_for():
    pixels = PLAIN.replace(lbfgs_history=7, lbfgs_coordinates="pixels")
    assert build_method(pixels) == LBFGS(history=7)
    assert build_method(pixels, pairs=3) == LBFGS(history=3)
    spectral = pixels.replace(lbfgs_coordinates="spectral", settled_size=300)
    assert build_method(spectral, pairs=3) == Spectral(LBFGS(history=3), settled_size=300)
    names = {
        "learning_rate": 0.5,
        "beta_1": 0.1,
        "beta_2": 0.2,
        "amsgrad": True,
        "warmup_steps": 3,
        "clip_norm": 4.0,
    }
    adam = PLAIN.replace(optimizer="adam", adam_epsilon=0.01, **names)
    assert build_method(adam) == Adam(epsilon=0.01, **names)
    averaged = build_method(adam.replace(average_decay=0.9), pairs=3)
    assert averaged == Averaged(Adam(epsilon=0.01, **names), 0.9)
    assert build_method(adam).bounds == (0.0, 1.0)


def test_weights_may_be_named_by_their_file(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere\.npz"):
        Stylizer(weights=tmp_path / "nowhere.npz")
