"""The term that keeps a frame like those before it, and targets that are given with a picture."""

import numpy as np
import pytest

from stylize_tf.errors import ConfigError
from stylize_tf.evaluation import memory_plan
from stylize_tf.iterative.sources import Sources
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.video import temporal
from tests.fakes.small_pictures import PLAIN, STAGED, enough, smooth

SIZE = (24, 18)


@pytest.fixture
def known(rng):
    """A frame as it should be, which counts at the left: `[1, H, W, 4]`."""
    image = np.concatenate([smooth(rng, *SIZE), np.zeros([*SIZE, 1], np.float32)], axis=2)
    image[:, :9, 3] = 1
    image[:, 9:12, 3] = 0.25
    return image[np.newaxis]


def painter(engine, weight=50.0, **changes):
    config = PLAIN.replace(**changes)
    return Stylizer(config, engine=engine, extra_terms=[temporal.of(weight)])


def painted(stylizer, content, style, known):
    return [*stylizer.iterate(Sources.of(content, style, given={"temporal": known}))]


def test_it_is_the_mean_squared_difference_where_it_counts(tiny_engine, content, style, known):
    [first, *_] = painted(painter(tiny_engine, weight=3.0), content, style, known)
    squares = known[0, ..., 3:] * np.square(content - known[0, ..., :3])
    assert first.losses["temporal"] == pytest.approx(3 * squares.mean(), rel=1e-5)


def test_it_draws_the_picture_to_what_is_known_and_leaves_the_rest(
    tiny_engine, content, style, known
):
    free, held = (
        painted(painter(tiny_engine, weight, steps=(40,)), content, style, known)[-1].image
        for weight in (0.01, 3e3)
    )
    distance = np.abs(held - known[..., :3]).mean(axis=(0, 1, 3))
    assert distance[:9].max() < 0.05
    assert np.abs(free - known[..., :3]).mean(axis=(0, 1, 3))[:9].min() > 0.15


def test_it_is_tiled_as_others_are(tiny_engine, content, style, known, monkeypatch):
    whole = painter(tiny_engine, **{**STAGED, "steps": (1,)})
    expected = painted(whole, content, style, known)
    monkeypatch.setattr(memory_plan, "plan", enough(2))
    tiles = painted(whole.replace(memory=1.0), content, style, known)
    assert len(tiles) == len(expected) == 3
    for tiled, alone in zip(tiles, expected, strict=True):
        assert tiled.losses["temporal"] == pytest.approx(alone.losses["temporal"], rel=1e-4)
        np.testing.assert_allclose(tiled.image, alone.image, atol=1e-4)


def test_what_is_given_is_brought_to_the_size_of_each_stage(tiny_engine, content, style):
    even = np.zeros([1, 1, 1, 4], np.float32)
    even[..., 3] = 1
    for iterate in painted(painter(tiny_engine, 2.0, **STAGED), content, style, even):
        if iterate.step == 1:
            losses = iterate.losses["temporal"]
            assert 0 < losses < 2
    small = painted(painter(tiny_engine, 2.0), content, style, even)[0].losses["temporal"]
    assert small == pytest.approx(2 * np.square(content).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"a map for each term of the source given, which are \['temporal'\]; got none"),
        ({"other": np.zeros([1, 2, 2, 4])}, r"got \['other'\]"),
        ({"temporal": np.zeros([2, 2, 4])}, r"finite maps .*; got that of 'temporal' as \[2, 2, 4"),
        ({"temporal": np.full([1, 2, 2, 4], np.nan)}, "must have finite maps"),
    ],
)
def test_what_is_given_has_to_fit_the_terms(tiny_engine, content, style, given, said):
    with pytest.raises(ConfigError, match=said):
        painter(tiny_engine).iterate(Sources.of(content, style, given=given))


def test_nothing_is_given_to_no_term(tiny_engine, content, style):
    sources = Sources.of(content, style, given={"temporal": np.zeros([1, 1, 1, 4])})
    with pytest.raises(ConfigError, match="which are none"):
        Stylizer(PLAIN, engine=tiny_engine).iterate(sources)
