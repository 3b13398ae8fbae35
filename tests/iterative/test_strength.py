"""One dial from the photograph to style over everything."""

import numpy as np
import pytest

from stylize_tf.config.picture import LEAST_STRENGTH
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.images import image_io
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.objective.balance import build_objective, content_factors, strength_factor
from stylize_tf.objective.targets import Targets

PLAIN = StyleTransferConfig(
    size=32,
    content_layers=("block2_conv1",),
    style_layers=("block1_conv1", "block2_conv1"),
    style_layer_weights=(),
    content_weight=1.0,
    content_growth=0.0,
    focus_weight=0.0,
    structure_weight=0.0,
    coarse_style_weight=0.0,
    coarsest_size=0,
    steps=(40,),
    precision="float32",
)
KEEPING = ("content", "focus", "structure", "colors")
"""Terms that hold on to the photograph."""


@pytest.fixture
def photograph(rng):
    return smooth(rng, 48, 36)


@pytest.fixture
def painting(rng):
    return smooth(rng, 30, 40)[::-1] ** 2


def smooth(rng, height, width):
    coarse = rng.uniform(0.1, 0.9, size=[1, 8, 8, 3]).astype(np.float32)
    return image_io.resize(coarse, height, width)[0]


def terms_of(**options):
    return {term.name: term.weight for term in build_objective(PLAIN.replace(**options), {}).terms}


def test_the_factor_of_the_content_falls_from_the_photograph_to_nothing():
    assert strength_factor(1.0) == 1
    assert strength_factor(2.0) == 0
    # ((2 - 2/5) / (2/5))^1.5 = 4^1.5, and ((2 - 8/5) / (8/5))^1.5 = 1/8.
    assert strength_factor(0.4) == pytest.approx(8)
    assert strength_factor(1.6) == pytest.approx(1 / 8)
    factors = [strength_factor(strength) for strength in np.linspace(LEAST_STRENGTH, 2, 200)]
    assert (np.diff(factors) < 0).all()
    assert strength_factor(0.01) == strength_factor(LEAST_STRENGTH)  # The photograph is mixed in.
    # Half as strong and as much over the default are opposite: s and 2 - s.
    for strength in (0.2, 0.3, 0.9):
        assert strength_factor(strength) * strength_factor(2 - strength) == pytest.approx(1)


def test_where_less_is_wanted_the_content_counts_as_it_does_for_that_strength():
    # Of 1.6 the factor is 1/8; of half of it, .8, 1.5^1.5; of a quarter, .4, 8.
    found = content_factors(np.array([1, 0.5, 0.25], np.float32), 1.6)
    np.testing.assert_allclose(found, [1, 1.5**1.5 * 8, 64], rtol=1e-5)
    np.testing.assert_allclose(content_factors(np.float32([1, 0.4]), 1.0), [1, 8], rtol=1e-5)


def test_strength_weighs_the_content_and_leaves_the_other_terms_as_they_are():
    of_content = {"focus_weight": 0.7, "structure_weight": 3.0, "colors_weight": 0.2}
    default = terms_of(**of_content)
    assert len(default) == 7
    for strength in (0.25, 0.5, 1.5):
        factor = strength_factor(strength)
        scaled = {name: factor * default[name] for name in KEEPING}
        assert terms_of(**of_content, strength=strength) == pytest.approx({**default, **scaled})
    assert terms_of(**of_content, strength=1.0) == default


def test_at_the_ends_there_is_only_one_of_content_and_style():
    assert set(terms_of(strength=0.0)) == {"content"}
    assert set(terms_of(strength=2.0)) == {"style", "patches", "total_variation"}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"init": "white_noise"},
        {"init": "style_statistics"},
        {"color": "luminance", "color_space": "yiq"},
        {"color": "content", "init": "pink_noise"},
        {"optimizer": "adam", "average_decay": 0.9},
        {"crop": "square"},
    ],
    ids=str,
)
def test_no_strength_is_the_photograph_whatever_it_begins_with(
    tiny_engine, photograph, painting, options
):
    config = PLAIN.replace(strength=0.0, coarsest_size=16, steps=(3,), **options)
    image = Stylizer(config, engine=tiny_engine)(photograph, painting)
    whole = photograph[6:42] if "crop" in options else photograph
    [expected] = image_io.resize(whole[np.newaxis], *image.shape[:2])
    np.testing.assert_array_equal(image, expected)


def test_next_to_no_strength_is_next_to_the_photograph(tiny_engine, photograph, painting):
    least = Stylizer(PLAIN.replace(strength=LEAST_STRENGTH), engine=tiny_engine)
    kept = image_io.resize(photograph[np.newaxis], 32, 24)[0]
    expected = (kept + least(photograph, painting)) / 2
    half = Stylizer(PLAIN.replace(strength=LEAST_STRENGTH / 2), engine=tiny_engine)
    np.testing.assert_allclose(half(photograph, painting), expected, atol=1e-5)


def test_no_strength_of_a_single_stage_takes_one_step(tiny_engine, photograph, painting):
    paint = Stylizer(PLAIN.replace(strength=0.0), engine=tiny_engine)
    [iterate] = paint.iterate(photograph, painting)
    assert iterate.loss == 0
    assert "converged" in iterate.messages[0]


def test_distances_to_style_and_content_follow_the_strength(tiny_engine, photograph, painting):
    """As judged by one objective for all."""
    judge = build_objective(PLAIN.replace(total_variation_weight=0.0), {})
    paint = Stylizer(PLAIN, engine=tiny_engine)
    extract = tiny_engine.evaluator(PLAIN).extractor
    size = paint.final_size(photograph[np.newaxis])
    small = image_io.resize(photograph[np.newaxis], *size)
    targets = judge.targets([judge.statistics("content", extract(small))])
    style = image_io.resize(painting[np.newaxis], 24, 32)
    targets |= judge.targets([judge.statistics("style", extract(style))])
    content, styles = [], []
    for strength in (0.0, 0.25, 0.5, 1.0, 2.0):
        image = Stylizer(PLAIN.replace(strength=strength), engine=tiny_engine)(photograph, painting)
        losses = judge(extract(image[np.newaxis]), Targets(targets, judge.weights))
        content.append(float(losses["content"]))
        styles.append(float(losses["style"]) + float(losses["patches"]))
    assert content[0] == pytest.approx(0, abs=1e-9)
    assert (np.diff(content) > 0).all(), content
    assert (np.diff(styles) < 0).all(), styles
