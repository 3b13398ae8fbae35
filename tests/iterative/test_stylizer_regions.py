"""Regions and colors of a picture that is painted."""

import itertools

import numpy as np
import pytest

from stylize_tf.errors import ConfigError
from stylize_tf.evaluation import memory_plan
from stylize_tf.evaluation.engine import Engine
from stylize_tf.evaluation.evaluator import Evaluator
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.checkpoint import Checkpoint
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.objective import objective
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.targets import Targets
from tests.fakes.small_pictures import PLAIN, STAGED, Counter, enough, left_half, of_styles, smooth

# Regions and colors.


def test_masks_of_ones_give_the_pixels_of_none(tiny_engine, content, style):
    for options in (STAGED, {"style_loss": "bures", "patch_weight": 2.0, **STAGED}):
        paint = Stylizer(PLAIN.replace(**options), engine=tiny_engine)
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
def test_what_no_mask_covers_stays_the_photograph(tiny_engine, rng, style, options):
    content = smooth(rng, 24, 36)
    config = PLAIN.replace(size=36, mask_feather=0.02, normalize_terms=False, **options)
    *_, last = Stylizer(config, engine=tiny_engine).iterate(
        content, style, content_masks=[left_half(12, 18)]
    )
    # Three deviations of 0.72 pixels, and two from making the mask larger.
    np.testing.assert_array_equal(last.image[0, :, 18 + 2 + 3 :], content[:, 18 + 2 + 3 :])
    assert np.abs(last.image[0, :, : 18 - 5] - content[:, : 18 - 5]).mean() > 0.01


def test_every_region_takes_the_style_of_its_own_painting(tiny_engine, rng):
    content = smooth(rng, 32, 64)
    dark, light = smooth(rng, 32, 32) * 0.4, 1 - smooth(rng, 32, 32)[::-1] * 0.4
    options = {"size": 64, "content_weight": 0.0, "total_variation_weight": 0.0, "steps": (60,)}
    paint = Stylizer(PLAIN.replace(**options), engine=tiny_engine)
    left = left_half(32, 64)
    for styles in ([dark, light], [light, dark]):
        image = paint(content[np.newaxis], styles, content_masks=[left, 1 - left])
        built = build_objective(PLAIN.replace(content_weight=0.0), {})
        extract = tiny_engine.extractor(built.layers(), PLAIN)
        parts = image[:, :, :28], image[:, :, 36:]
        wanted = [
            Targets(
                built.targets([built.statistics("style", extract(x[np.newaxis]))]), built.weights
            )
            for x in styles
        ]
        for number, part in enumerate(parts):
            own, other = (
                float(built(extract(part), wanted[x])["style"]) for x in (number, 1 - number)
            )
            assert 3 * own < other


def test_regions_of_one_painting_may_have_a_part_of_it_each(tiny_engine, rng):
    content = smooth(rng, 24, 48)
    dark, light = smooth(rng, 24, 24) * 0.4, 1 - smooth(rng, 24, 24) * 0.4
    painting = np.concatenate([dark, light], axis=1)
    options = {"size": 48, "content_weight": 0.0, "mask_feather": 0.0, "steps": (30,)}
    paint = Stylizer(PLAIN.replace(**options), engine=tiny_engine)
    left = left_half(24, 48)
    image = paint(content, painting, content_masks=[left, 1 - left], style_masks=[1 - left, left])
    assert image[:, :20].mean() > image[:, 28:].mean() + 0.3


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
    tiny_engine, rng, monkeypatch, color, given
):
    content, style = smooth(rng, 40, 30), smooth(rng, 36, 24)
    options = {"size": 40, "style_loss": "bures", "patch_weight": 1.0, "color": color}
    monkeypatch.setattr(memory_plan, "plan", enough(5))
    runs = []
    for gigabytes in (9.0, 1.0):
        config = PLAIN.replace(**options, memory=gigabytes)
        paint = Stylizer(config, engine=tiny_engine)
        runs.append(list(paint.iterate(content, style, **masked(given))))
    for a, b in zip(*runs, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-3)
        np.testing.assert_allclose(a.image, b.image, atol=1e-3)
    assert runs[0][-1].loss < runs[0][0].loss
    assert np.abs(runs[0][-1].image[0] - content).max() > 0.02


@pytest.mark.parametrize("given", ["regions", "fine_style"])
def test_found_regions_and_fine_strokes_in_tiles_are_those_of_the_whole(
    tiny_engine, rng, monkeypatch, given
):
    content, style = smooth(rng, 40, 30), smooth(rng, 36, 24)
    options = {"size": 40, "style_loss": "bures", "steps": (3,)}
    options |= {"regions": "auto:2"} if given == "regions" else {}
    others = {"fine_style": smooth(rng, 30, 30)} if given == "fine_style" else {}
    monkeypatch.setattr(memory_plan, "plan", enough(5))
    pictures = [
        Stylizer(PLAIN.replace(**options, memory=gigabytes), engine=tiny_engine)(
            content, style, **others
        )
        for gigabytes in (9.0, 1.0)
    ]
    np.testing.assert_allclose(*pictures, atol=1e-3)
    plain = {**options, "regions": "none"}
    without = Stylizer(PLAIN.replace(**plain), engine=tiny_engine)(content, style)
    assert np.abs(pictures[0] - without).max() > 0.003


def test_color_changes_only_what_is_given_and_what_is_shown(tiny_engine, content, style):
    """Content keeps its colors afterwards: what is optimized is the same."""
    runs = [
        list(Stylizer(PLAIN.replace(color=color), engine=tiny_engine).iterate(content, style))
        for color in ("style", "content")
    ]
    for plain, kept in zip(*runs, strict=True):
        np.testing.assert_array_equal(plain.picture, kept.picture)
        assert plain.losses == kept.losses
    assert np.abs(plain.image - kept.image).max() > 0.01


def test_statistics_of_styles_are_kept_by_their_masks(tiny_network, content, rng, monkeypatch):
    seen = Counter(monkeypatch, Evaluator, "statistics")
    paint, style = (
        Stylizer(PLAIN.replace(steps=1), engine=Engine(tiny_network)),
        smooth(rng, 20, 24),
    )
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
    paint = Stylizer(PLAIN.replace(**STAGED), engine=Engine(tiny_network))
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


def test_a_killed_run_goes_on_with_its_own_masks_only(tiny_engine, content, style, tmp_path):
    paint, left = Stylizer(PLAIN.replace(**STAGED), engine=tiny_engine), left_half(24, 18)
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
    np.testing.assert_array_equal(iterates[-1].image[0], paint(content, style, **masks))


def test_a_killed_run_with_a_time_budget_goes_on_with_what_is_left_of_it(
    tiny_engine, content, style, tmp_path
):
    """The command line gives what is left to a process, which differs each time."""
    config = PLAIN.replace(**STAGED)

    def iterates(budget):
        paint = Stylizer(config.replace(time_budget=budget), engine=tiny_engine)
        return paint.iterate(content, style, checkpoint=Eager(tmp_path))

    killed = iterates(60.0)
    list(itertools.islice(killed, 4))
    killed.close()
    assert "No checkpoint of this run" in next(iterates(0.0)).messages[0]
    assert "Goes on from a checkpoint, at stage" in next(iterates(55.5)).messages[0]


# Regions found without masks.


def test_regions_are_found_alike_each_time_and_cover_both_pictures(tiny_engine, rng):
    config = PLAIN.replace(regions="auto:2", size=64)
    content, style = smooth(rng, 96, 128), smooth(rng, 112, 80)
    found = [Stylizer(config, engine=tiny_engine).pictures(content, style) for _ in range(2)]
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


def test_found_regions_change_the_picture_and_can_be_made_again(tiny_engine, rng):
    content, style = smooth(rng, 48, 64), smooth(rng, 64, 48)
    options = {"size": 64, **STAGED, "coarsest_size": 32}
    without = Stylizer(PLAIN.replace(**options), engine=tiny_engine)(content, style)
    config = PLAIN.replace(regions="auto:2", **options)
    pictures = [Stylizer(config, engine=tiny_engine)(content, style) for _ in range(2)]
    np.testing.assert_array_equal(*pictures)
    assert np.abs(pictures[0] - without).max() > 1e-4


@pytest.mark.parametrize("given", ["two styles", "content_masks", "style_masks"])
def test_found_regions_leave_no_place_for_masks_or_more_paintings(
    tiny_engine, content, style, given
):
    paint = Stylizer(PLAIN.replace(regions="auto:2"), engine=tiny_engine)
    masks = {given: [np.ones([24, 18])]} if given != "two styles" else {}
    styles = [style, style] if given == "two styles" else style
    with pytest.raises(ConfigError, match="`regions` auto finds the masks itself"):
        paint.iterate(content, styles, **masks)
