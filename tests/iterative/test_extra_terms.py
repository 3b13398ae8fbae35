"""Terms of others join the objective, and are dealt with like ours."""

import dataclasses
import pickle

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.errors import ConfigError
from stylize_tf.evaluation import memory_plan
from stylize_tf.iterative.checkpoint import Checkpoint
from stylize_tf.iterative.stylizer import Stylizer
from tests.fakes.small_pictures import PLAIN, STAGED, enough, left_half, smooth
from tests.fakes.terms import Means

MEANS = Means(
    name="means", source="style", layer_weights=(("image", 1.0), ("block2_conv1", 0.5)), weight=40.0
)


@pytest.fixture
def paint(tiny_engine):
    return Stylizer(PLAIN.replace(**STAGED), engine=tiny_engine, extra_terms=[MEANS])


def color_distance(picture, style):
    return np.abs(picture.reshape(-1, 3).mean(0) - style.mean((0, 1))).max()


def test_it_is_told_by_its_name_and_does_to_the_picture_what_it_says(paint, content, style):
    many = paint.replace(steps=(20,), coarsest_size=0, content_weight=0.0)
    iterates = list(many.iterate(content, style))
    assert [*iterates[0].losses] == ["style", "patches", "total_variation", "means"]
    assert iterates[-1].losses["means"] < 0.01 * iterates[0].losses["means"]
    assert color_distance(iterates[-1].image, style) < 0.3 * color_distance(content, style)


def test_it_is_tiled_as_ours_are(paint, content, style, monkeypatch):
    whole = paint.replace(steps=(1,))
    expected = list(whole.iterate(content, style))
    monkeypatch.setattr(memory_plan, "plan", enough(2))
    for tiled, alone in zip(
        whole.replace(memory=1.0).iterate(content, style), expected, strict=True
    ):
        assert tiled.losses["means"] == pytest.approx(alone.losses["means"], rel=1e-4)
        np.testing.assert_allclose(tiled.image, alone.image, atol=1e-4)


def test_it_is_in_units_of_its_own_target_if_it_says_so(tiny_engine, content, style):
    def first(**changes):
        term = dataclasses.replace(MEANS, layer_weights=(("image", 1.0),), weight=1.0, **changes)
        paint = Stylizer(PLAIN, engine=tiny_engine, extra_terms=[term])
        return next(paint.iterate(content, style)).losses["means"]

    energy = np.mean(np.square(style.mean((0, 1))))
    assert first(smallest_energy=1e-12) == pytest.approx(first() / energy, rel=1e-3)
    assert first(growth=1.0) == pytest.approx(first() * 24 / 512, rel=1e-5)


def test_strength_counts_for_it_and_a_weight_of_zero_leaves_it_out(tiny_engine, content, style):
    def names(term, **changes):
        paint = Stylizer(PLAIN.replace(**changes), engine=tiny_engine, extra_terms=[term])
        return set(next(paint.iterate(content, style)).losses)

    assert "means" in names(MEANS, strength=2.0)
    assert names(MEANS, strength=0.0) == {"content"}
    of_content = dataclasses.replace(MEANS, source="content")
    assert "means" in names(of_content, strength=0.0)
    assert "means" not in names(of_content, strength=2.0)
    assert "means" not in names(dataclasses.replace(MEANS, weight=0.0))


def test_it_stays_when_options_change_and_when_the_stylizer_is_pickled(paint, content, style):
    expected = paint.replace(steps=(1,))(content, style)
    travelled = pickle.loads(pickle.dumps(paint)).replace(steps=(1,))
    np.testing.assert_array_equal(travelled(content, style), expected)


def elsewhere(term):
    """The same of another module, which may do anything else."""
    known = {"__module__": "elsewhere", "__qualname__": type(term).__qualname__, "__doc__": ""}
    made = type(type(term).__name__, (type(term),), known)
    return dataclasses.dataclass(frozen=True, kw_only=True)(made)(**vars(term))


def test_checkpoints_are_of_runs_with_the_same_terms(tiny_engine, content, style, tmp_path):
    files = set()
    assert repr(elsewhere(MEANS)) == repr(MEANS)
    for terms in ((), (MEANS,), (dataclasses.replace(MEANS, weight=41.0),), (elsewhere(MEANS),)):
        paint = Stylizer(PLAIN, engine=tiny_engine, extra_terms=terms)
        list(paint.iterate(content, style, checkpoint=Checkpoint(tmp_path, 0)))
        files |= {path.name for path in tmp_path.iterdir()}
    assert len(files) == 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithList(Means):
    items: list = dataclasses.field(default_factory=list)


@pytest.mark.parametrize(
    ("terms", "match"),
    [
        ([dataclasses.replace(MEANS, name="style")], r"names of their own; got 'style' beside"),
        ([MEANS, MEANS], r"names of their own; got 'means'"),
        (
            [dataclasses.replace(MEANS, source="photo")],
            r"one of content, style, given, none; got 'photo'",
        ),
        ([dataclasses.replace(MEANS, weight=-1.0)], r"a number of at least 0; got -1"),
        ([dataclasses.replace(MEANS, weight=float("nan"))], r"a number of at least 0; got nan"),
        ([dataclasses.replace(MEANS, weight="1")], r"a number of at least 0; got '1'"),
        (
            [dataclasses.replace(MEANS, layer_weights=())],
            r"`layer_weights` .* at least, .* got \(\)",
        ),
        ([dataclasses.replace(MEANS, layer_weights=("image",))], r"pairs .*; got \('image',\)"),
        ([dataclasses.replace(MEANS, layer_weights=(("image", "1"),))], r"pairs .* '1'\),\)"),
        (["means"], r"must be of `stylize_tf.Term`; got 'means'"),
        ([WithList(**vars(MEANS))], r"fields of 'means' must be hashable"),
    ],
    ids=str,
)
def test_what_cannot_join_is_refused_in_a_line(tiny_engine, terms, match):
    with pytest.raises(ConfigError, match=match) as caught:
        Stylizer(PLAIN, engine=tiny_engine, extra_terms=terms)
    assert "\n" not in str(caught.value)


def test_a_term_without_regions_is_refused_where_there_are_several(paint, content, style):
    masks = [left_half(24, 18), 1 - left_half(24, 18)]
    paint(content, style, content_masks=masks[:1])
    with pytest.raises(ConfigError, match=r"'means' has one target .*; got 2"):
        paint.iterate(content, [style, style], content_masks=masks)


def test_one_alone_is_taken_as_a_list_of_it(tiny_engine, content, style):
    paint = Stylizer(PLAIN, engine=tiny_engine, extra_terms=MEANS)
    assert "means" in next(paint.iterate(content, style)).losses


def test_of_several_paintings_it_has_the_mean_of_their_statistics_by_their_shares():
    [found] = MEANS.blend([[tf.constant([[0.0, 2.0]])], [tf.constant([[4.0, 2.0]])]], (0.25, 0.75))
    np.testing.assert_array_equal(found, [[3.0, 2.0]])
    with pytest.raises(ConfigError, match=r"'means' has statistics .* differ in shape.*`blend`"):
        MEANS.blend([tf.zeros([1, 2]), tf.zeros([1, 3])], (0.5, 0.5))


def test_a_painting_without_a_share_of_the_blend_does_not_count_for_it(
    tiny_engine, content, style, rng
):
    other = smooth(rng, 20, 24)

    def first(*paintings, shares=()):
        config = PLAIN.replace(style_blend_weights=shares)
        paint = Stylizer(config, engine=tiny_engine, extra_terms=[MEANS])
        return next(paint.iterate(content, paintings)).losses["means"]

    alone = first(style), first(other)
    assert alone[0] != pytest.approx(alone[1], rel=0.1)
    assert first(style, other, shares=(1, 0)) == pytest.approx(alone[0], rel=1e-5)
    assert first(style, other, shares=(0, 1)) == pytest.approx(alone[1], rel=1e-5)


DEEP = dataclasses.replace(MEANS, layer_weights=(("block5_conv1", 1.0),))


def test_a_picture_too_small_for_its_layers_is_refused_in_a_line(tiny_engine, content, style):
    paint = Stylizer(PLAIN.replace(size=12), engine=tiny_engine, extra_terms=[DEEP])
    for ask in (paint.iterate, paint.plan):
        with pytest.raises(ConfigError, match=r"at least 16 pixels .* 9x12\. Ask for 21 or"):
            ask(content, style)
    with pytest.raises(ConfigError, match=r"at least 16 pixels"):
        paint.final_size(content[np.newaxis])


def test_paintings_and_stages_are_as_large_as_its_layers_need(tiny_engine, content, style):
    options = {**STAGED, "style_scale": 0.4, "coarsest_size": 8, "size": 48}
    paint = Stylizer(PLAIN.replace(**options), engine=tiny_engine, extra_terms=[DEEP])
    iterates = list(paint.iterate(content, style))
    assert min(iterates[0].height, iterates[0].width) == 16
    assert paint.plan(content, style).steps == len(iterates)
