"""The picture: what it is, what it starts from, and the iterates on its way."""

import itertools
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import stylize_tf
from stylize_tf.config.presets import PRESETS
from stylize_tf.errors import ConfigError
from stylize_tf.evaluation.engine import Engine
from stylize_tf.evaluation.evaluator import Evaluator
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid, run, stylizer
from stylize_tf.iterative.run import Iterate
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.machine import number_formats
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.targets import Targets
from tests.fakes.small_pictures import PLAIN, STAGED, eight_bit, made, resized, smooth

# The picture.


def test_the_result_is_a_picture_of_the_asked_size_and_of_a_lower_loss(plain, content, style):
    iterates = list(plain.iterate(content, style))
    image = iterates[-1].image
    assert (image.shape, image.dtype) == ((1, 24, 18, 3), np.float32)
    assert image.min() >= 0
    assert image.max() <= 1
    assert np.abs(image[0] - content).max() > 0.01
    assert iterates[-1].loss < iterates[0].loss


def test_the_call_returns_the_image_of_the_last_iterate(plain, content, style):
    *_, last = plain.iterate(content, style)
    np.testing.assert_array_equal(plain(content, style), last.image[0])


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(tiny_engine, content, style):
    first, again, other = (
        made(tiny_engine, content, style, init="white_noise", seed=seed, **STAGED)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_earlier_pictures_leave_nothing_behind(plain, content, style, rng):
    first = plain(content, style)
    plain(smooth(rng, 24, 18), smooth(rng, 30, 10))
    np.testing.assert_array_equal(plain(content, style), first)


def test_first_losses_are_those_of_the_starting_picture(tiny_engine, content, style):
    plain = {"normalize_terms": False, "total_variation_growth": 0.0}
    config = PLAIN.replace(total_variation_weight=3.0, **plain)
    built = build_objective(config, {})
    extract = tiny_engine.extractor(built.layers(), config)
    of_content, of_style = (extract(tf.constant(x[np.newaxis])) for x in (content, style))
    targets = built.targets([built.statistics("style", of_style)])
    targets |= built.targets([built.statistics("content", of_content)])
    expected = built(of_content, Targets(targets, built.weights))
    first = next(Stylizer(config, engine=tiny_engine).iterate(content, style))
    assert set(first.losses) == set(expected)
    assert first.losses["content"] == 0
    for name, value in expected.items():
        assert first.losses[name] == pytest.approx(float(value), rel=1e-4)
    assert first.loss == sum(first.losses.values())


def test_without_style_the_features_of_the_photograph_are_found_again_from_noise(
    tiny_engine, content, style
):
    options = {"style_weight": 0.0, "total_variation_weight": 0.0, "init": "white_noise"}
    paint = Stylizer(PLAIN.replace(**options, steps=(60,)), engine=tiny_engine)
    first, *_, last = paint.iterate(content, style)
    assert last.losses["content"] < first.losses["content"] / 100


@pytest.mark.parametrize("loss", ["gram", "bures", "w2"])
def test_noise_takes_the_statistics_of_the_style(tiny_engine, content, style, loss):
    stylized = Stylizer(
        PLAIN.replace(
            content_weight=0.0,
            total_variation_weight=0.0,
            style_loss=loss,
            init="white_noise",
            steps=(60,),
        ),
        engine=tiny_engine,
    )
    iterates = list(stylized.iterate(content, style))
    assert iterates[-1].losses["style"] < iterates[0].losses["style"] / 20


@pytest.mark.parametrize("shape", [(24, 18), (10, 40), (48, 12), (24, 24)], ids=str)
def test_shapes_of_content_and_style_are_free(plain, rng, shape):
    image = plain(smooth(rng, *shape), smooth(rng, 11, 30))
    long = max(shape)
    assert image.shape == (round(shape[0] * 24 / long), round(shape[1] * 24 / long), 3)


def test_the_photograph_is_cropped_to_its_centred_square_on_request(tiny_engine, rng, style):
    wide = smooth(rng, 20, 30)
    options = {"crop": "square", "size": 20}
    np.testing.assert_array_equal(
        made(tiny_engine, wide, style, **options),
        made(tiny_engine, wide[:, 5:25], style, size=20),
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_paints(tiny_engine, content, style, preset):
    small = {"size": 0, "size_of": "long", "coarsest_size": 0, "precision": "float32"}
    config = PRESETS[preset].replace(**small, steps=(3,))
    iterates = list(Stylizer(config, engine=tiny_engine).iterate(content, style))
    assert len(iterates) == 3
    assert np.isfinite([iterate.loss for iterate in iterates]).all()
    assert iterates[-1].messages == ()
    assert np.isfinite(iterates[-1].image).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adam", "learning_rate": 0.02},
        {"optimizer": "adam", "average_decay": 0.9, "amsgrad": True, "clip_norm": 1.0},
        {"average_decay": 0.5},
        {"precision": "bfloat16", **STAGED},
        {"pooling": "average", "padding": "reflect"},
    ],
    ids=str,
)
def test_options_of_the_optimizer_and_the_network_reduce_the_loss(
    tiny_engine, content, style, changes
):
    config = PLAIN.replace(**{"steps": (8,), **changes})
    iterates = list(Stylizer(config, engine=tiny_engine).iterate(content, style))
    last_stage = [iterate.loss for iterate in iterates if iterate.stage == iterate.stages]
    assert last_stage[-1] < last_stage[0]
    assert 0 <= iterates[-1].image.min() <= iterates[-1].image.max() <= 1


# What it starts from.


def test_statistics_to_start_from_are_those_of_the_style_with_the_largest_share(
    tiny_engine, content, style
):
    flat = np.full_like(style, 0.25)
    options = {"init": "style_statistics", "style_blend_weights": (1.0, 3.0), "steps": (1,)}
    start = made(tiny_engine, content, [style, flat], **options)
    np.testing.assert_allclose(start, 0.25, atol=1e-3)


@pytest.mark.parametrize("init", ["white_noise", "pink_noise", "style_statistics"])
def test_it_starts_from_the_asked_noise(tiny_engine, content, style, init):
    first = next(Stylizer(PLAIN.replace(init=init), engine=tiny_engine).iterate(content, style))
    # The best of one evaluated picture is that picture.
    assert np.abs(first.image[0] - content).mean() > 0.05
    assert first.losses["content"] > 0


def test_it_starts_from_a_given_picture_of_any_size(tiny_engine, content, style, rng):
    initial = smooth(rng, 40, 11)
    paint = Stylizer(PLAIN.replace(init="picture"), engine=tiny_engine)
    first = next(paint.iterate(content, style, initial))
    np.testing.assert_allclose(first.image[0], resized(initial, 24, 18), atol=1e-6)


def test_a_picture_to_start_from_and_the_option_for_it_come_together(tiny_engine, content, style):
    for init, initial in (("picture", None), ("content", content)):
        paint = Stylizer(PLAIN.replace(init=init), engine=tiny_engine)
        with pytest.raises(ConfigError, match=r"`init`.*`initial`|`initial`.*`init`"):
            paint.iterate(content, style, initial)


# Iterates.


def test_iterates_count_stages_steps_and_evaluations(tiny_engine, content, style):
    config = PLAIN.replace(**STAGED)
    stages = list(pyramid.stages(config, (24, 18)))
    assert len(stages) > 2
    iterates = list(Stylizer(config, engine=tiny_engine).iterate(content, style))
    expected = [
        (number, step, stage.steps, stage.height, stage.width)
        for number, stage in enumerate(stages, start=1)
        for step in range(1, stage.steps + 1)
    ]
    assert [(x.stage, x.step, x.steps, x.height, x.width) for x in iterates] == expected
    assert [x.evaluation for x in iterates] == list(range(1, len(iterates) + 1))
    assert {x.evaluations for x in iterates} == {len(iterates)}
    assert {x.stages for x in iterates} == {len(stages)}
    for iterate in iterates:
        assert isinstance(iterate, Iterate)
        assert iterate.image.shape == (1, iterate.height, iterate.width, 3)
        assert iterate.seconds > 0
        assert iterate.messages == ()
        assert "picture" not in repr(iterate)  # A line in a log, not an array.
    assert iterates[0].remaining is None  # The pace is known of two steps.
    assert all(x.remaining > 0 for x in iterates[1:-1])
    assert iterates[-1].remaining == 0


def test_a_stage_starts_from_the_result_of_the_one_before_with_the_photographs_details(
    tiny_engine, rng, style
):
    photograph = smooth(rng, 48, 36)
    iterates = list(
        Stylizer(PLAIN.replace(**STAGED), engine=tiny_engine).iterate(photograph, style)
    )
    stages = 0
    for before, after in itertools.pairwise(iterates):
        if after.step == 1:
            size, small = (after.height, after.width), (before.height, before.width)
            # What the photograph loses by being made as small as the stage before.
            fitted = resized(photograph, *size)
            lost = fitted - resized(resized(fitted, *small), *size)
            expected = image_io.resize(before.image, *size) + lost
            # Coordinates of frequencies round a little on the way there and back.
            np.testing.assert_allclose(after.image, np.clip(expected, 0, 1), atol=1e-5)
            stages += 1
    assert stages == 2


def test_the_picture_of_an_iterate_stays_what_it_was(plain, content, style):
    images, iterates = [], []
    for iterate in plain.iterate(content, style):
        images.append(iterate.image.copy())
        iterates.append(iterate)
    for iterate, image in zip(iterates, images, strict=True):
        np.testing.assert_array_equal(iterate.image, image)
    assert np.abs(images[-1] - images[0]).max() > 0


def test_it_can_be_stopped_and_used_again(plain, content, style):
    expected = plain(content, style)
    iterates = plain.iterate(content, style)
    next(iterates)
    iterates.close()
    np.testing.assert_array_equal(plain(content, style), expected)


def test_two_may_be_iterated_in_turn(plain, content, style):
    expected = plain(content, style), plain(1 - content, style)
    both = zip(plain.iterate(content, style), plain.iterate(1 - content, style), strict=True)
    *_, last = both
    for iterate, picture in zip(last, expected, strict=True):
        np.testing.assert_array_equal(iterate.image[0], picture)


def test_what_is_done_with_an_iterate_does_not_count_as_time_of_a_step(
    plain, content, style, monkeypatch
):
    spent = [0.0]  # The clock only moves while somebody has an iterate.
    clock = types.SimpleNamespace(perf_counter=lambda: spent[0])
    monkeypatch.setattr(run, "time", clock)
    for iterate in plain.iterate(content, style):
        assert iterate.seconds == 0
        spent[0] += 1
    assert spent == [4]


# One call.


@pytest.fixture
def without_vgg(monkeypatch, tiny_engine):
    monkeypatch.setattr(stylizer, "Stylizer", lambda config: Stylizer(config, engine=tiny_engine))


def test_stylize_returns_the_rank_of_the_photograph(without_vgg, content, style):
    options = PLAIN.to_dict()
    alone = stylize_tf.stylize(content, style, **options)
    assert (alone.shape, alone.dtype) == ((24, 18, 3), np.float32)
    batch = stylize_tf.stylize(content[np.newaxis], style, **options)
    np.testing.assert_array_equal(batch, alone[np.newaxis])
    drawn = stylize_tf.stylize(Image.fromarray(eight_bit(content)), style, **options)
    np.testing.assert_allclose(drawn, alone, atol=1e-5)


def test_options_of_stylize_override_those_of_the_preset(without_vgg, content, style):
    class SeenError(Exception):
        pass

    def shown(config):
        raise SeenError(config)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stylizer, "Stylizer", shown)
        with pytest.raises(SeenError) as seen:
            stylize_tf.stylize(content, style, preset="paper", steps=3, size=24)
    assert seen.value.args == (PRESETS["paper"].replace(steps=3, size=24),)


def test_unknown_presets_and_options_are_refused_at_once(content, style):
    with pytest.raises(ConfigError, match=r"`preset` must be one of .*paper.*; got 'papr'"):
        stylize_tf.stylize(content, style, preset="papr")
    with pytest.raises(ConfigError, match=r"no option `styel_weight`.*`style_weight`"):
        stylize_tf.stylize(content, style, styel_weight=3)


def test_a_stylizer_tells_which_precision_it_chose(tiny_network, monkeypatch):
    for chosen in ("bfloat16", "float32"):
        fast = ("bfloat16",) if chosen == "bfloat16" else ()
        monkeypatch.setattr(number_formats, "faster_formats", lambda device, fast=fast: fast)
        paint = Stylizer(PLAIN.replace(precision="auto"), engine=Engine(tiny_network))
        assert paint.config.precision == chosen


def test_all_stages_are_in_the_format_that_was_chosen(tiny_engine, content, style, monkeypatch):
    used = []
    evaluate = Evaluator.value_and_gradient

    def recorded(self, tiles):
        used.append(self.name)
        return evaluate(self, tiles)

    monkeypatch.setattr(Evaluator, "value_and_gradient", recorded)
    for name in ("bfloat16", "float32"):
        paint = Stylizer(PLAIN.replace(precision=name, **STAGED), engine=tiny_engine)
        *_, last = paint.iterate(content, style)
        assert used == [name] * last.stages
        used.clear()
