import functools
import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import types
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import stylize_tf
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError, ImageError, StylizationError, WeightsError
from stylize_tf.evaluation import tiling
from stylize_tf.evaluation.evaluator import Evaluator, Tiles
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid, run, stylizer, watching
from stylize_tf.iterative.checkpoint import Checkpoint
from stylize_tf.iterative.run import Iterate
from stylize_tf.iterative.stylizer import Stylizer, build_method
from stylize_tf.network import features
from stylize_tf.objective import objective
from stylize_tf.objective.terms import build_objective
from stylize_tf.optimizers.adam import Adam
from stylize_tf.optimizers.averaged import Averaged
from stylize_tf.optimizers.lbfgs import LBFGS
from stylize_tf.optimizers.spectral import Spectral

# Two shallow layers, one stage, few steps: what a test does not say is not what it is about.
PLAIN = StyleTransferConfig(
    size=24,
    content_layers=("block2_conv1",),
    style_layers=("block1_conv1", "block2_conv1"),
    style_layer_weights=(),
    content_weight=1.0,
    style_weight=10.0,
    style_loss="gram",
    coarsest_size=0,
    steps=(4,),
    init="content",
    style_fit="own",
    style_scale=1.0,
    precision="float32",
)
STAGED = {"coarsest_size": 12, "stage_factor": 1.5, "steps": (3, 2)}


@pytest.fixture
def plain(tiny_network):
    return stylizer_of(tiny_network, PLAIN)


@pytest.fixture
def content(rng):
    return smooth(rng, 24, 18)


@pytest.fixture
def style(rng):
    return smooth(rng, 20, 24)


def smooth(rng, height, width):
    """A picture `[H, W, 3]` of 8-bit values, as floats in [0, 1]."""
    coarse = rng.uniform(size=[1, 6, 6, 3]).astype(np.float32)
    picture = image_io.resize(coarse, height, width)[0] * 0.8 + 0.1
    return np.round(picture * 255).astype(np.float32) / np.float32(255)


@functools.cache
def stylizer_of(network, config):
    """One for all tests that ask for the same: they may be used any number of times."""
    return Stylizer(config, network=network)


def made(network, content, style, **changes):
    return stylizer_of(network, PLAIN.replace(**changes))(content, style)


def resized(picture, height, width):
    return image_io.resize(picture[np.newaxis], height, width)[0]


class Counter:
    """Counts the calls of a function of a module or class that it stands in for."""

    def __init__(self, monkeypatch, owner, name):
        self.count, self.arguments = 0, []
        original = getattr(owner, name)

        def counted(*args, **kwargs):
            self.count += 1
            self.arguments.append(args)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)


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
    np.testing.assert_array_equal(plain(content, style), last.image)


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(tiny_network, content, style):
    first, again, other = (
        made(tiny_network, content, style, init="white_noise", seed=seed, **STAGED)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_earlier_pictures_leave_nothing_behind(plain, content, style, rng):
    first = plain(content, style)
    plain(smooth(rng, 24, 18), smooth(rng, 30, 10))
    np.testing.assert_array_equal(plain(content, style), first)


def test_first_losses_are_those_of_the_starting_picture(tiny_network, content, style):
    plain = {"normalize_terms": False, "total_variation_growth": 0.0}
    config = PLAIN.replace(total_variation_weight=3.0, **plain)
    built = build_objective(config, {})
    extract = features.build_extractor(tiny_network, built.layers(), padding=config.padding)
    of_content, of_style = (extract(tf.constant(x[np.newaxis])) for x in (content, style))
    targets = built.targets([built.statistics("style", of_style)])
    targets |= built.targets([built.statistics("content", of_content)])
    expected = built(of_content, targets)
    first = next(Stylizer(config, network=tiny_network).iterate(content, style))
    assert set(first.losses) == set(expected)
    assert first.losses["content"] == 0
    for name, value in expected.items():
        assert first.losses[name] == pytest.approx(float(value), rel=1e-4)
    assert first.loss == sum(first.losses.values())


def test_without_style_the_features_of_the_photograph_are_found_again_from_noise(
    tiny_network, content, style
):
    options = {"style_weight": 0.0, "total_variation_weight": 0.0, "init": "white_noise"}
    paint = stylizer_of(tiny_network, PLAIN.replace(**options, steps=(60,)))
    first, *_, last = paint.iterate(content, style)
    assert last.losses["content"] < first.losses["content"] / 100


@pytest.mark.parametrize("loss", ["gram", "bures", "w2"])
def test_noise_takes_the_statistics_of_the_style(tiny_network, content, style, loss):
    stylized = Stylizer(
        PLAIN.replace(
            content_weight=0.0,
            total_variation_weight=0.0,
            style_loss=loss,
            init="white_noise",
            steps=(60,),
        ),
        network=tiny_network,
    )
    iterates = list(stylized.iterate(content, style))
    assert iterates[-1].losses["style"] < iterates[0].losses["style"] / 20


@pytest.mark.parametrize("shape", [(24, 18), (10, 40), (48, 12), (24, 24)], ids=str)
def test_shapes_of_content_and_style_are_free(plain, rng, shape):
    image = plain(smooth(rng, *shape), smooth(rng, 11, 30))
    long = max(shape)
    assert image.shape == (1, round(shape[0] * 24 / long), round(shape[1] * 24 / long), 3)


def test_the_photograph_is_cropped_to_its_centred_square_on_request(tiny_network, rng, style):
    wide = smooth(rng, 20, 30)
    options = {"crop": "square", "size": 20}
    np.testing.assert_array_equal(
        made(tiny_network, wide, style, **options),
        made(tiny_network, wide[:, 5:25], style, size=20),
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_paints(tiny_network, content, style, preset):
    small = {"size": 0, "size_of": "long", "coarsest_size": 0, "precision": "float32"}
    config = PRESETS[preset].replace(**small, steps=(3,))
    iterates = list(Stylizer(config, network=tiny_network).iterate(content, style))
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
    tiny_network, content, style, changes
):
    config = PLAIN.replace(**{"steps": (8,), **changes})
    iterates = list(stylizer_of(tiny_network, config).iterate(content, style))
    last_stage = [iterate.loss for iterate in iterates if iterate.stage == iterate.stages]
    assert last_stage[-1] < last_stage[0]
    assert 0 <= iterates[-1].image.min() <= iterates[-1].image.max() <= 1


# What it starts from.


def test_statistics_to_start_from_are_those_of_the_style_with_the_largest_share(
    tiny_network, content, style
):
    flat = np.full_like(style, 0.25)
    options = {"init": "style_statistics", "style_blend_weights": (1.0, 3.0), "steps": (1,)}
    start = made(tiny_network, content, [style, flat], **options)
    np.testing.assert_allclose(start, 0.25, atol=1e-3)


@pytest.mark.parametrize("init", ["white_noise", "pink_noise", "style_statistics"])
def test_it_starts_from_the_asked_noise(tiny_network, content, style, init):
    first = next(Stylizer(PLAIN.replace(init=init), network=tiny_network).iterate(content, style))
    # The best of one evaluated picture is that picture.
    assert np.abs(first.image[0] - content).mean() > 0.05
    assert first.losses["content"] > 0


def test_it_starts_from_a_given_picture_of_any_size(tiny_network, content, style, rng):
    initial = smooth(rng, 40, 11)
    paint = Stylizer(PLAIN.replace(init="picture"), network=tiny_network)
    first = next(paint.iterate(content, style, initial))
    np.testing.assert_allclose(first.image[0], resized(initial, 24, 18), atol=1e-6)


def test_a_picture_to_start_from_and_the_option_for_it_come_together(tiny_network, content, style):
    for init, initial in (("picture", None), ("content", content)):
        paint = Stylizer(PLAIN.replace(init=init), network=tiny_network)
        with pytest.raises(ConfigError, match=r"`initial`.*`init`.*together"):
            paint.iterate(content, style, initial)


# Iterates.


def test_iterates_count_stages_steps_and_evaluations(tiny_network, content, style):
    config = PLAIN.replace(**STAGED)
    stages = list(pyramid.stages(config, (24, 18)))
    assert len(stages) > 2
    iterates = list(stylizer_of(tiny_network, config).iterate(content, style))
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
    assert all(x.remaining > 0 for x in iterates[:-1])
    assert iterates[-1].remaining == 0


def test_a_stage_starts_from_the_result_of_the_one_before_with_the_photographs_details(
    tiny_network, rng, style
):
    photograph = smooth(rng, 48, 36)
    iterates = list(stylizer_of(tiny_network, PLAIN.replace(**STAGED)).iterate(photograph, style))
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
        np.testing.assert_array_equal(iterate.image, picture)


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


# Pictures in.


@pytest.fixture
def forms(content, tmp_path):
    """The same photograph in every form that is taken."""
    levels = np.round(content * 255).astype(np.uint8)
    path = tmp_path / "content.png"
    Image.fromarray(levels).save(path)
    return {
        "uint8": levels,
        "uint8 batch": levels[np.newaxis],
        "float32 batch": content[np.newaxis],
        "float64": levels / 255,
        "tensor": tf.constant(content),
        "uint8 tensor": tf.constant(levels),
        "variable": tf.Variable(content),
        "PIL": Image.fromarray(levels),
        "str": str(path),
        "path": path,
    }


def test_every_form_of_the_same_pictures_gives_the_same_result(plain, content, style, forms):
    expected = plain(content, style)
    for name, form in forms.items():
        np.testing.assert_allclose(plain(form, style), expected, atol=1e-5, err_msg=name)
    for form in (style, [style], (style,), style[np.newaxis], Image.fromarray(eight_bit(style))):
        np.testing.assert_allclose(plain(content, form), expected, atol=1e-5)


def eight_bit(picture):
    return np.round(picture * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (lambda x: x * 255, r"in \[0, 1\].*255"),
        (lambda x: x * np.nan, "NaN"),
        (lambda x: (x * 255).astype(np.int32), "int32"),
        (lambda x: x[..., :2], "channels"),
        (lambda x: np.stack([x, x]), "one picture"),
        (lambda x: x.tolist(), "list|array"),
    ],
)
def test_wrong_arrays_are_refused_by_name_before_anything_is_done(
    plain, content, style, wrong, rule
):
    for name, arguments in {
        "content": (wrong(content), style),
        "style": (content, [style, wrong(style)]),
    }.items():
        with pytest.raises(ImageError, match=f"`{name}`.*({rule})"):
            plain.iterate(*arguments)


def test_a_missing_file_is_named(plain, content, tmp_path):
    with pytest.raises(ImageError, match=r"missing\.jpg"):
        plain.iterate(tmp_path / "missing.jpg", content)


def test_pictures_too_small_for_the_layers_are_refused(tiny_network, style, content):
    deep = Stylizer(PLAIN.replace(style_layers=("block5_conv1",)), network=tiny_network)
    with pytest.raises(ConfigError, match="`size` must leave each side at least 16 pixels"):
        deep.iterate(content[:, :10], style)


# Styles.


def test_shares_of_one_and_of_equal_styles_are_that_style_alone(tiny_network, content, style, rng):
    other = smooth(rng, 20, 24)
    alone = made(tiny_network, content, style)
    first = made(tiny_network, content, [style, other], style_blend_weights=(5.0, 0.0))
    twice = made(tiny_network, content, [style, style], style_blend_weights=(1.0, 3.0))
    both = made(tiny_network, content, [style, other])
    np.testing.assert_allclose(first, alone, atol=1e-4)
    np.testing.assert_allclose(twice, alone, atol=1e-4)
    assert np.abs(both - alone).max() > 1e-3


def test_blend_weights_are_shares_and_equal_without_them(tiny_network, content, style, rng):
    styles = [style, smooth(rng, 16, 30)]
    np.testing.assert_allclose(
        made(tiny_network, content, styles),
        made(tiny_network, content, styles, style_blend_weights=(7.0, 7.0)),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        made(tiny_network, content, styles, style_blend_weights=(1.0, 3.0)),
        made(tiny_network, content, styles[::-1], style_blend_weights=(0.6, 0.2)),
        atol=1e-4,
    )


def test_there_are_as_many_blend_weights_as_styles_and_at_least_one_style(
    tiny_network, plain, content, style
):
    blending = Stylizer(PLAIN.replace(style_blend_weights=(1.0, 1.0)), network=tiny_network)
    with pytest.raises(ConfigError, match=r"`style_blend_weights`.*got 2 for 3"):
        blending.iterate(content, [style] * 3)
    with pytest.raises(ConfigError, match="`style` must have at least one"):
        plain.iterate(content, [])


def test_style_scale_makes_the_style_smaller_and_larger_as_far_as_it_may_be_enlarged(
    tiny_network, content, rng
):
    style = smooth(rng, 36, 48)
    half = made(tiny_network, content, style, style_scale=0.5)
    # Small enough already: as it is.
    as_it_is = {"style_enlargement": 1.0}
    small = made(tiny_network, content, resized(style, 9, 12), **as_it_is)
    np.testing.assert_array_equal(half, small)
    full = made(tiny_network, content, style, style_scale=8.0, **as_it_is)
    np.testing.assert_array_equal(full, made(tiny_network, content, style, style_scale=2.0))
    assert np.abs(half - full).max() > 1e-3
    double = made(tiny_network, content, style, style_scale=8.0)
    np.testing.assert_array_equal(double, made(tiny_network, content, style, style_scale=4.0))
    assert np.abs(double - full).max() > 1e-3


def test_style_size_is_the_long_side_of_the_style_whatever_the_scale(tiny_network, content, rng):
    style = smooth(rng, 36, 48)
    np.testing.assert_array_equal(
        made(tiny_network, content, style, style_size=16, style_scale=3.0),
        made(tiny_network, content, resized(style, 12, 16), style_enlargement=1.0),
    )


def test_style_fit_brings_the_style_to_the_shape_of_the_picture(tiny_network, content, rng):
    style = smooth(rng, 36, 48)
    np.testing.assert_array_equal(
        made(tiny_network, content, style, style_fit="resize"),
        made(tiny_network, content, resized(style, 24, 18)),
    )
    # Of 48 columns the middle 27 have the shape 24 x 18 at a height of 36; 10.5 are cut off left.
    np.testing.assert_array_equal(
        made(tiny_network, content, style, style_fit="crop"),
        made(tiny_network, content, resized(style[:, 10:37], 24, 18)),
    )


def test_the_style_keeps_its_proportion_to_the_picture_in_every_stage(
    tiny_network, content, rng, monkeypatch
):
    style = smooth(rng, 60, 90)
    paint = Stylizer(PLAIN.replace(style_size=48, **STAGED), network=tiny_network)
    resizes = Counter(monkeypatch, image_io, "resize")
    stages = {x.stage: (x.height, x.width) for x in paint.iterate(content, style)}
    # From the size of the last stage, which it is brought to first. That of the first stage is made
    # once more for what noise might be made of.
    sizes = dict.fromkeys(x[1:] for x in resizes.arguments if x[0].shape[1:3] == (32, 48))
    assert len(sizes) == len(stages) > 2
    for (height, width), stage in zip(sizes, stages.values(), strict=True):
        assert width == pytest.approx(48 / 24 * max(stage), abs=1)
        assert height == pytest.approx(width * 60 / 90, abs=1)


# One trace.


def test_everything_is_traced_once_over_many_sizes_pictures_and_styles(
    tiny_network, rng, monkeypatch
):
    sums = Counter(monkeypatch, objective.Objective, "sums")
    descriptions = Counter(monkeypatch, objective.Objective, "descriptions")
    steps = Counter(monkeypatch, LBFGS, "advance")
    # A history that no other test asks for: equal methods share their trace in all the process.
    paint = Stylizer(PLAIN.replace(**STAGED, lbfgs_history=17), network=tiny_network)
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


def of_styles(seen):
    """How often statistics of styles were asked for."""
    return sum(source == "style" for _, source, *_ in seen.arguments)


def test_the_statistics_of_styles_are_kept(tiny_network, rng, monkeypatch):
    seen = Counter(monkeypatch, Evaluator, "statistics")
    paint, style = Stylizer(PLAIN, network=tiny_network), smooth(rng, 20, 24)
    for _ in range(3):
        paint(smooth(rng, 24, 18), style)
    assert of_styles(seen) == 1
    paint(smooth(rng, 24, 18), 1 - style)
    assert of_styles(seen) == 2


def test_what_is_kept_for_later_pictures_is_bounded(tiny_network, rng, monkeypatch):
    monkeypatch.setattr(stylizer, "KEPT_STATISTICS", 3)
    seen = Counter(monkeypatch, Evaluator, "statistics")
    paint, photograph = Stylizer(PLAIN.replace(steps=1), network=tiny_network), smooth(rng, 24, 18)
    styles = [smooth(rng, 20, 24) for _ in range(4)]
    for index in (0, 1, 2, 0, 3):  # The second is the oldest when a fourth comes.
        paint(photograph, styles[index])
    assert of_styles(seen) == 4
    assert len(paint._style_statistics) == 3
    for index in (0, 2, 3):
        paint(photograph, styles[index])
    assert of_styles(seen) == 4
    paint(photograph, styles[1])
    assert of_styles(seen) == 5


# Memory.


def enough(gigabytes):
    """In place of `memory.plan`: in the smallest tiles, unless there is plenty."""

    def plan(bytes_allowed, height, width, segments, itemsize, pairs, steps, regions, held):
        return (Tiles() if bytes_allowed > gigabytes * 1e9 else Tiles(3, 1)), pairs

    return plan


def test_a_picture_in_tiles_is_that_of_the_whole(tiny_network, rng, monkeypatch):
    content, style = smooth(rng, 40, 30), smooth(rng, 36, 24)
    options = {"size": 40, "style_loss": "bures", **STAGED, "memory": 9.0}
    config = PLAIN.replace(**options)
    monkeypatch.setattr(stylizer.memory, "plan", enough(5))
    bands = Counter(monkeypatch, tiling, "bands")
    whole = list(Stylizer(config, network=tiny_network).iterate(content, style))
    assert bands.count == 0
    paint = Stylizer(config.replace(memory=1.0), network=tiny_network)
    tiled = list(paint.iterate(content, style))
    assert bands.count > 0
    assert len(tiled) == len(whole)
    for a, b in zip(whole, tiled, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-3)
        np.testing.assert_allclose(a.image, b.image, atol=1e-3)
    assert whole[-1].loss < whole[0].loss


def test_a_limit_too_small_is_refused_before_anything_is_done(tiny_network, content, style):
    paint = Stylizer(PLAIN.replace(memory=0.1), network=tiny_network)
    with pytest.raises(
        ConfigError, match=r"`memory` must be at least .* GB for a picture of 18x24"
    ):
        paint.iterate(content, style)


def test_a_stylizer_tells_how_much_memory_it_takes(tiny_network, monkeypatch):
    assert Stylizer(PLAIN.replace(memory=2.5), network=tiny_network).config.memory == 2.5
    monkeypatch.setattr(stylizer.memory, "limit", lambda memory: memory * 1e9 or 7.4321e9)
    assert Stylizer(PLAIN, network=tiny_network).config.memory == 7.432


def test_memory_that_runs_out_is_told_and_gives_the_same_picture(
    tiny_network, content, style, monkeypatch
):
    monkeypatch.setattr(stylizer.memory, "SMALLEST_TILE_PIXELS", 50)
    expected = made(tiny_network, content, style)
    evaluate = Evaluator.value_and_gradient

    def exhausted(image, targets):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    monkeypatch.setattr(
        Evaluator,
        "value_and_gradient",
        lambda self, tiles: evaluate(self, tiles) if tiles.banded else exhausted,
    )
    iterates = list(Stylizer(PLAIN, network=tiny_network).iterate(content, style))
    assert iterates[0].messages == ("Out of memory: from here on in tiles of 216 pixels.",)
    assert [x.messages for x in iterates[1:]] == [()] * 3
    np.testing.assert_allclose(iterates[-1].image, expected, atol=1e-4)


# Regions and colors.


def left_half(height, width, white=1.0):
    mask = np.zeros([height, width], np.float32)
    mask[:, : width // 2] = white
    return mask


def test_masks_of_ones_give_the_pixels_of_none(tiny_network, content, style):
    for options in (STAGED, {"style_loss": "bures", "patch_weight": 2.0, **STAGED}):
        paint = stylizer_of(tiny_network, PLAIN.replace(**options))
        expected = paint(content, style)
        ones, of_style = np.ones([24, 18]), np.ones([40, 48], np.float32)
        for masks in (
            {"content_masks": [ones]},
            {"content_masks": ["alpha"]},
            {"style_masks": [of_style]},
            {"content_masks": ones, "style_masks": of_style},
        ):
            np.testing.assert_array_equal(paint(content, style, **masks), expected)


@pytest.mark.parametrize(
    "options",
    [STAGED, {"optimizer": "adam"}, {"init": "white_noise", **STAGED}, {"color": "luminance"}],
    ids=str,
)
def test_what_no_mask_covers_stays_the_photograph(tiny_network, rng, style, options):
    content = smooth(rng, 24, 36)
    config = PLAIN.replace(size=36, mask_feather=0.02, normalize_terms=False, **options)
    *_, last = stylizer_of(tiny_network, config).iterate(
        content, style, content_masks=[left_half(12, 18)]
    )
    # Three deviations of 0.72 pixels, and two from making the mask larger.
    np.testing.assert_array_equal(last.image[0, :, 18 + 2 + 3 :], content[:, 18 + 2 + 3 :])
    assert np.abs(last.image[0, :, : 18 - 5] - content[:, : 18 - 5]).mean() > 0.01


def test_every_region_takes_the_style_of_its_own_painting(tiny_network, rng):
    content = smooth(rng, 32, 64)
    dark, light = smooth(rng, 32, 32) * 0.4, 1 - smooth(rng, 32, 32)[::-1] * 0.4
    options = {"size": 64, "content_weight": 0.0, "total_variation_weight": 0.0, "steps": (60,)}
    paint = stylizer_of(tiny_network, PLAIN.replace(**options))
    left = left_half(32, 64)
    for styles in ([dark, light], [light, dark]):
        image = paint(content, styles, content_masks=[left, 1 - left])
        built = build_objective(PLAIN.replace(content_weight=0.0), {})
        extract = features.build_extractor(tiny_network, built.layers(), padding="replicate")
        parts = image[:, :, :28], image[:, :, 36:]
        wanted = [
            built.targets([built.statistics("style", extract(x[np.newaxis]))]) for x in styles
        ]
        for number, part in enumerate(parts):
            own, other = (
                float(built(extract(part), wanted[x])["style"]) for x in (number, 1 - number)
            )
            assert 3 * own < other


def test_regions_of_one_painting_may_have_a_part_of_it_each(tiny_network, rng):
    content = smooth(rng, 24, 48)
    dark, light = smooth(rng, 24, 24) * 0.4, 1 - smooth(rng, 24, 24) * 0.4
    painting = np.concatenate([dark, light], axis=1)
    options = {"size": 48, "content_weight": 0.0, "mask_feather": 0.0, "steps": (30,)}
    paint = stylizer_of(tiny_network, PLAIN.replace(**options))
    left = left_half(24, 48)
    image = paint(content, painting, content_masks=[left, 1 - left], style_masks=[1 - left, left])
    assert image[0, :, :20].mean() > image[0, :, 28:].mean() + 0.3


REGIONS = {
    "whole": {},
    "one region": {"content_masks": 1},
    "part of the painting": {"style_masks": 1},
    "two regions": {"content_masks": 2, "style_masks": 2},
}


def masked(given):
    masks = [left_half(20, 15), 1 - left_half(40, 30, 0.8)]
    of_style = [left_half(36, 24), 1 - left_half(18, 12)]
    kinds = {"content_masks": masks, "style_masks": of_style}
    return {kind: kinds[kind][:count] for kind, count in given.items()}


@pytest.mark.parametrize(
    ("color", "given"),
    [
        *(("style", given) for given in REGIONS.values()),
        *((color, REGIONS["two regions"]) for color in ("content", "luminance", "match")),
        ("luminance", REGIONS["whole"]),
    ],
    ids=str,
)
def test_regions_and_colors_in_tiles_are_those_of_the_whole(
    tiny_network, rng, monkeypatch, color, given
):
    content, style = smooth(rng, 40, 30), smooth(rng, 36, 24)
    options = {"size": 40, "style_loss": "bures", "patch_weight": 1.0, "color": color}
    monkeypatch.setattr(stylizer.memory, "plan", enough(5))
    runs = []
    for gigabytes in (9.0, 1.0):
        config = PLAIN.replace(**options, memory=gigabytes)
        paint = stylizer_of(tiny_network, config)
        runs.append(list(paint.iterate(content, style, **masked(given))))
    for a, b in zip(*runs, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-3)
        np.testing.assert_allclose(a.image, b.image, atol=1e-3)
    assert runs[0][-1].loss < runs[0][0].loss
    assert np.abs(runs[0][-1].image[0] - content).max() > 0.02


@pytest.mark.parametrize("given", ["regions", "fine_style"])
def test_found_regions_and_fine_strokes_in_tiles_are_those_of_the_whole(
    tiny_network, rng, monkeypatch, given
):
    content, style = smooth(rng, 40, 30), smooth(rng, 36, 24)
    options = {"size": 40, "style_loss": "bures", "steps": (3,)}
    options |= {"regions": "auto:2"} if given == "regions" else {}
    others = {"fine_style": smooth(rng, 30, 30)} if given == "fine_style" else {}
    monkeypatch.setattr(stylizer.memory, "plan", enough(5))
    pictures = [
        stylizer_of(tiny_network, PLAIN.replace(**options, memory=gigabytes))(
            content, style, **others
        )
        for gigabytes in (9.0, 1.0)
    ]
    np.testing.assert_allclose(*pictures, atol=1e-3)
    plain = {**options, "regions": "none"}
    without = stylizer_of(tiny_network, PLAIN.replace(**plain))(content, style)
    assert np.abs(pictures[0] - without).max() > 0.003


def test_color_changes_only_what_is_given_and_what_is_shown(tiny_network, content, style):
    """Content keeps its colors afterwards: what is optimized is the same."""
    runs = [
        list(stylizer_of(tiny_network, PLAIN.replace(color=color)).iterate(content, style))
        for color in ("style", "content")
    ]
    for plain, kept in zip(*runs, strict=True):
        np.testing.assert_array_equal(plain.picture, kept.picture)
        assert plain.losses == kept.losses
    assert np.abs(plain.image - kept.image).max() > 0.01


def test_statistics_of_styles_are_kept_by_their_masks(tiny_network, content, rng, monkeypatch):
    seen = Counter(monkeypatch, Evaluator, "statistics")
    paint, style = Stylizer(PLAIN.replace(steps=1), network=tiny_network), smooth(rng, 20, 24)
    left = left_half(20, 24)
    images = [
        paint(content, style, style_masks=masks)
        for _ in range(2)
        for masks in ((), [left], [1 - left])
    ]
    assert of_styles(seen) == 3
    for one, again in zip(images[:3], images[3:], strict=True):
        np.testing.assert_array_equal(one, again)


def test_regions_are_traced_once_over_many_sizes_and_pictures(tiny_network, rng, monkeypatch):
    sums = Counter(monkeypatch, objective.Objective, "sums")
    descriptions = Counter(monkeypatch, objective.Objective, "descriptions")
    paint = Stylizer(PLAIN.replace(**STAGED), network=tiny_network)
    traces = []
    for height in (24, 18, 21):
        left, of_style = left_half(height, 24), left_half(20, 28)
        paint(
            smooth(rng, height, 24),
            smooth(rng, *rng.integers([18, 26], [21, 30])),
            content_masks=[left, 1 - left],
            style_masks=[of_style, 1 - of_style],
        )
        traces.append((sums.count, descriptions.count))
    assert traces == [(1, 2)] * 3


class Eager(Checkpoint):
    """Saves after every step."""

    def is_due(self):
        return True


def test_a_killed_run_goes_on_with_its_own_masks_only(tiny_network, content, style, tmp_path):
    paint, left = stylizer_of(tiny_network, PLAIN.replace(**STAGED)), left_half(24, 18)
    masks = {
        "content_masks": [left, 1 - left],
        "style_masks": [left_half(20, 24), np.ones([20, 24])],
    }
    killed = paint.iterate(content, style, checkpoint=Eager(tmp_path), **masks)
    list(itertools.islice(killed, 4))
    killed.close()
    for other in (
        {},
        {**masks, "style_masks": ()},
        {**masks, "style_masks": masks["style_masks"][::-1]},
        {**masks, "content_masks": [1 - left, left]},
    ):
        first = next(paint.iterate(content, style, checkpoint=Checkpoint(tmp_path), **other))
        assert "No checkpoint of this run" in first.messages[0]
    iterates = list(paint.iterate(content, style, checkpoint=Checkpoint(tmp_path), **masks))
    assert "Goes on from a checkpoint, at stage 2, step 1" in iterates[0].messages[0]
    np.testing.assert_array_equal(iterates[-1].image, paint(content, style, **masks))


def test_a_killed_run_with_a_time_budget_goes_on_with_what_is_left_of_it(
    tiny_network, content, style, tmp_path
):
    """The command line gives what is left to a process, which differs each time."""
    config = PLAIN.replace(**STAGED)

    def iterates(budget):
        paint = stylizer_of(tiny_network, config.replace(time_budget=budget))
        return paint.iterate(content, style, checkpoint=Eager(tmp_path))

    killed = iterates(60.0)
    list(itertools.islice(killed, 4))
    killed.close()
    assert "No checkpoint of this run" in next(iterates(0.0)).messages[0]
    assert "Goes on from a checkpoint, at stage" in next(iterates(55.5)).messages[0]


# Time.


def test_a_time_budget_ends_sooner_and_the_schedule_tells(tiny_network, content, style):
    config = PLAIN.replace(**{**STAGED, "steps": (400,)}, time_budget=1.0)
    iterates = list(Stylizer(config, network=tiny_network).iterate(content, style))
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


# Guards.


def test_a_loss_that_is_not_finite_from_the_start_is_an_error_that_says_what_to_do(
    tiny_network, content, style
):
    # Over what float32 can hold.
    weights = {"content_weight": 1e30, "content_layer_weights": (1e12,), "normalize_terms": False}
    paint = Stylizer(
        PLAIN.replace(**weights, init="white_noise", steps=(50,)), network=tiny_network
    )
    iterates = []
    with pytest.raises(
        StylizationError, match=r"not finite even for the starting picture.*weights"
    ):
        iterates.extend(paint.iterate(content, style))
    assert len(iterates) < 50


def test_damaged_weights_never_give_a_picture(tiny_network, content, style):
    damaged = keras.models.clone_model(tiny_network)
    damaged.set_weights([np.full_like(x, np.nan) for x in tiny_network.get_weights()])
    with pytest.raises(StylizationError):
        made(damaged, content, style, optimizer="adam", steps=(50,))


def test_a_converged_stage_ends_early_with_a_message(tiny_network, content, style, monkeypatch):
    monkeypatch.setattr(watching, "PATIENCE", 5)
    # Steps so small that there is nothing to win.
    slow = {"optimizer": "adam", "learning_rate": 1e-8}
    options = {**slow, **STAGED, "coarsest_size": 0, "size": 24, "steps": (50,)}
    paint = Stylizer(PLAIN.replace(**options), network=tiny_network)
    iterates = list(paint.iterate(content, style))
    messages = [(x.stage, x.step, x.messages) for x in iterates if x.messages]
    told = ("No better loss in 5 steps: this stage has converged.",)
    assert messages == [(1, 6, told)]
    assert len(iterates) == 6


@pytest.mark.parametrize("coordinates", ["pixels", "spectral"])
def test_a_stage_without_any_loss_ends_at_once_with_the_picture_it_began_with(
    tiny_network, content, style, coordinates
):
    # Content alone, from the content.
    alone = {"style_weight": 0.0, "total_variation_weight": 0.0, "lbfgs_coordinates": coordinates}
    options = {**alone, **STAGED, "coarsest_size": 0, "size": 24, "steps": (50,)}
    paint = Stylizer(PLAIN.replace(**options), network=tiny_network)
    (iterate,) = paint.iterate(content, style)
    assert iterate.messages == ("The loss is 0: this stage has converged.",)
    np.testing.assert_allclose(iterate.image[0], content, atol=1e-6)


class Stuck(LBFGS):
    """Had one good evaluation and then only takes steps back."""

    def advance(self, state, value, gradient):
        is_first = tf.math.is_inf(state.best_value)
        return state._replace(
            best_value=tf.minimum(state.best_value, 7.0),
            step_backs=state.step_backs + tf.where(is_first, 0, 1),
        )


def test_steps_taken_back_are_told_and_too_many_in_a_row_end_the_stage(
    tiny_network, content, style, monkeypatch
):
    monkeypatch.setattr(stylizer, "build_method", lambda config, pairs: Stuck(2))
    paint = Stylizer(PLAIN.replace(steps=(50,)), network=tiny_network)
    iterates = list(paint.iterate(content, style))
    assert len(iterates) == 1 + watching.GIVE_UP
    assert iterates[0].messages == ()
    for iterate in iterates[1:-1]:
        assert "went back to the best picture" in iterate.messages[0]
    assert "this stage ends with its best picture" in iterates[-1].messages[0]
    np.testing.assert_allclose(iterates[-1].image[0], content, atol=1e-6)


def test_pixels_that_leave_the_range_are_brought_back(tiny_network, style):
    """L-BFGS is not confined, its picture is."""
    extreme = np.zeros([24, 18, 3], np.float32)
    extreme[::2] = 1
    iterates = list(
        Stylizer(PLAIN.replace(content_weight=0.0, steps=(20,)), network=tiny_network).iterate(
            extreme, style
        )
    )
    assert float(tf.reduce_min(iterates[-1].picture)) < 0
    assert iterates[-1].image.min() == 0
    assert iterates[-1].image.max() <= 1


# One call.


@pytest.fixture
def without_vgg(monkeypatch, tiny_network):
    monkeypatch.setattr(stylizer, "Stylizer", lambda config: stylizer_of(tiny_network, config))


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
        monkeypatch.setattr(stylizer.precision, "faster_formats", lambda device, fast=fast: fast)
        paint = Stylizer(PLAIN.replace(precision="auto"), network=tiny_network)
        assert paint.config.precision == chosen


def test_all_stages_are_in_the_format_that_was_chosen(tiny_network, content, style, monkeypatch):
    used = []
    evaluate = Evaluator.value_and_gradient

    def recorded(self, tiles):
        used.append(self.name)
        return evaluate(self, tiles)

    monkeypatch.setattr(Evaluator, "value_and_gradient", recorded)
    for name in ("bfloat16", "float32"):
        paint = Stylizer(PLAIN.replace(precision=name, **STAGED), network=tiny_network)
        *_, last = paint.iterate(content, style)
        assert used == [name] * last.stages
        used.clear()


# Manners.


def global_state():
    """What a program may share with us, and would not like to find changed."""
    return {
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "data format": keras.config.image_data_format(),
        "policy": keras.config.dtype_policy().name,
        "traceback filtering": keras.config.is_traceback_filtering_enabled(),
        "eager functions": tf.config.functions_run_eagerly(),
        "jit": tf.config.optimizer.get_jit(),
        "determinism": tf.config.experimental.tensor_float_32_execution_enabled(),
        "soft placement": tf.config.get_soft_device_placement(),
        "numpy": np.random.get_state()[1].tolist(),
        "handlers": list(logging.getLogger().handlers),
        "level": logging.getLogger().level,
        "filters": list(warnings.filters),
        "environment": dict(os.environ),
        "interrupt": signal.getsignal(signal.SIGINT),
        "threads": threading.active_count(),
        "folder": sorted(Path.cwd().iterdir()),
        "numpy errors": np.geterr(),
        "pillow limit": Image.MAX_IMAGE_PIXELS,
    }


def test_a_stylization_prints_nothing_and_changes_no_global_state(
    tiny_network, content, style, capfd, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    tf.random.set_seed(5)
    expected_random = tf.random.uniform([3]).numpy()
    tf.random.set_seed(5)
    before = global_state()
    capfd.readouterr()
    config = PLAIN.replace(optimizer="adam", init="pink_noise", average_decay=0.5, **STAGED)
    Stylizer(config, network=tiny_network)(content, style)
    printed = capfd.readouterr()
    assert printed == ("", "")
    after = global_state()
    for name, value in before.items():
        assert after[name] == value, name
    np.testing.assert_array_equal(tf.random.uniform([3]), expected_random)


def test_a_given_picture_is_not_written_to(plain, content, style):
    photograph, painting = content.copy(), style.copy()
    photograph.flags.writeable = painting.flags.writeable = False
    plain(photograph, painting)
    np.testing.assert_array_equal(photograph, content)


def in_a_new_process(code, folder):
    """What a new Python prints, in an empty folder."""
    root = str(Path(stylize_tf.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_importing_the_package_loads_neither_tensorflow_nor_anything_heavy(tmp_path):
    printed = in_a_new_process(
        "import sys, stylize_tf, stylize_tf.cli.stylize\n"
        "stylize_tf.PRESETS, stylize_tf.ConfigError, stylize_tf.StyleTransferConfig\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'PIL', 'absl', 'h5py'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "stylize_tf.ImageError, stylize_tf.WeightsError\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n",
        tmp_path,
    )
    assert printed == ""
    assert list(tmp_path.iterdir()) == []


def test_importing_everything_starts_no_device_and_changes_nothing(tmp_path):
    printed = in_a_new_process(
        "import os\n"
        "os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\n"
        "import warnings\n"
        "warnings.simplefilter('ignore')\n"
        "import keras, tensorflow as tf\n"
        "from tensorflow.python.eager import context\n"
        "def state():\n"
        "    return (keras.config.floatx(), keras.config.dtype_policy().name,\n"
        "        keras.config.image_data_format(), tf.config.get_soft_device_placement(),\n"
        "        tf.config.threading.get_intra_op_parallelism_threads(), dict(os.environ))\n"
        "before = state()\n"
        "import stylize_tf\n"
        "for name in stylize_tf.__all__:\n"
        "    getattr(stylize_tf, name)\n"
        "import stylize_tf.stylizer\n"
        "assert state() == before\n"
        "assert not context.context()._initialized\n"
        "print('sound')\n",
        tmp_path,
    )
    assert printed == "sound\n"
    assert list(tmp_path.iterdir()) == []


def test_the_public_names_are_listed_and_there():
    assert set(stylize_tf.__all__) <= set(dir(stylize_tf))
    for name in stylize_tf.__all__:
        assert getattr(stylize_tf, name) is not None
    with pytest.raises(AttributeError, match="stylise"):
        stylize_tf.stylise  # noqa: B018


# Regions found without masks.


def test_regions_are_found_alike_each_time_and_cover_both_pictures(tiny_network, rng):
    config = PLAIN.replace(regions="auto:2", size=64)
    content, style = smooth(rng, 96, 128), smooth(rng, 112, 80)
    found = [Stylizer(config, network=tiny_network).pictures(content, style) for _ in range(2)]
    (stage,) = pyramid.stages(config, (48, 64))
    for pictures in found:
        masks = pictures.masks_at(stage)
        assert masks.shape == (1, 48, 64, 2)
        np.testing.assert_allclose(masks.sum(axis=3), 1, atol=1e-5)
        assert masks.mean(axis=(0, 1, 2)).min() > 0.05
        assert [region.paintings for region in pictures.regions] == [(0,), (0,)]
    np.testing.assert_array_equal(*[x.masks_at(stage) for x in found])
    overlay = found[0].overlay()
    assert overlay.shape[0] == 1
    assert overlay.shape[2] > 128 + 80  # Side by side.


def test_found_regions_change_the_picture_and_can_be_made_again(tiny_network, rng):
    content, style = smooth(rng, 48, 64), smooth(rng, 64, 48)
    options = {"size": 64, **STAGED, "coarsest_size": 32}
    without = Stylizer(PLAIN.replace(**options), network=tiny_network)(content, style)
    config = PLAIN.replace(regions="auto:2", **options)
    pictures = [Stylizer(config, network=tiny_network)(content, style) for _ in range(2)]
    np.testing.assert_array_equal(*pictures)
    assert np.abs(pictures[0] - without).max() > 1e-4


@pytest.mark.parametrize("given", ["two styles", "content_masks", "style_masks"])
def test_found_regions_leave_no_place_for_masks_or_more_paintings(
    tiny_network, content, style, given
):
    paint = Stylizer(PLAIN.replace(regions="auto:2"), network=tiny_network)
    masks = {given: [np.ones([24, 18])]} if given != "two styles" else {}
    styles = [style, style] if given == "two styles" else style
    with pytest.raises(ConfigError, match="`regions` auto finds the masks itself"):
        paint.iterate(content, styles, **masks)
