"""A strength for each place of a picture."""

import numpy as np
import pytest

from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.evaluation import memory_plan
from stylize_tf.iterative.stylizer import Stylizer, stylize
from tests.fakes.small_pictures import PLAIN, STAGED, enough, left_half, smooth

EVEN = {"normalize_terms": False, "coarse_style_weight": 0.0, "structure_weight": 0.0, **STAGED}
WITH_ALL = {"focus_weight": 0.7, "structure_weight": 0.6, "colors_weight": 0.3}


def test_white_gives_the_pixels_of_none(tiny_engine, content, style):
    paint = Stylizer(PLAIN.replace(**STAGED), engine=tiny_engine)
    ones = np.ones([12, 9], np.float32)
    np.testing.assert_array_equal(paint(content, style, strength_mask=ones), paint(content, style))


@pytest.mark.parametrize("strength", [0.5, 0.1])
@pytest.mark.parametrize("weights", [{}, WITH_ALL])
def test_an_even_grey_is_a_strength_of_its_own(tiny_engine, content, style, weights, strength):
    config = PLAIN.replace(**{**EVEN, **weights})
    grey = np.full([12, 9], strength, np.float32)
    found = Stylizer(config, engine=tiny_engine)(content, style, strength_mask=grey)
    expected = Stylizer(config.replace(strength=strength), engine=tiny_engine)(content, style)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    whole = Stylizer(config, engine=tiny_engine)(content, style)
    assert np.abs(found - whole).mean() > 5 * np.abs(found - expected).mean()


def test_what_is_black_stays_the_photograph_and_grey_keeps_more_of_it(tiny_engine, rng, style):
    content = smooth(rng, 24, 36)
    config = PLAIN.replace(
        size=36, mask_feather=0.0, content_weight=20.0, **{**EVEN, "steps": (20, 20)}
    )
    paint = Stylizer(config, engine=tiny_engine)
    mask = left_half(24, 36)
    black = paint(content, style, strength_mask=mask)
    np.testing.assert_allclose(black[:, 20:], content[:, 20:], atol=1e-6)
    grey = paint(content, style, strength_mask=np.maximum(mask, 0.25))
    off = [np.abs(x - content)[:, 20:].mean() for x in (grey, paint(content, style))]
    assert 0.001 < off[0] < 0.8 * off[1]


def test_a_region_may_have_less_of_it(tiny_engine, rng, style):
    content, other = smooth(rng, 24, 36), smooth(rng, 30, 20)
    config = PLAIN.replace(
        size=36, mask_feather=0.0, content_weight=20.0, **{**EVEN, "steps": (20, 20)}
    )
    paint = Stylizer(config, engine=tiny_engine)
    left = left_half(24, 36)
    regions = {"content_masks": [left, 1 - left]}
    whole = paint(content, [style, other], **regions)
    less = paint(content, [style, other], **regions, strength_mask=np.maximum(left, 0.25))
    off = [np.abs(x - content)[:, 20:].mean() for x in (less, whole)]
    assert off[0] < 0.95 * off[1]


def test_a_region_without_any_leaves_no_trace_of_its_painting(tiny_engine, rng, style):
    content, other = smooth(rng, 24, 36), smooth(rng, 30, 20)
    config = PLAIN.replace(size=36, mask_feather=0.03, **EVEN)
    paint = Stylizer(config, engine=tiny_engine)
    left = left_half(24, 36)
    masks = {"content_masks": [left, 1 - left], "strength_mask": left}
    found = paint(content, [style, other], **masks)
    np.testing.assert_allclose(found, paint(content, [style, 1 - other], **masks), atol=1e-6)
    np.testing.assert_allclose(found[:, 24:], content[:, 24:], atol=1e-6)
    assert np.abs(found - content)[:, :12].mean() > 0.01


def test_in_bands_it_is_the_same_picture(tiny_engine, rng, style, monkeypatch):
    content = smooth(rng, 64, 40)
    mask = np.linspace(0, 1, 64, dtype=np.float32)[:, np.newaxis].repeat(40, axis=1)
    paint = Stylizer(PLAIN.replace(size=64, **EVEN), engine=tiny_engine)
    expected = paint(content, style, strength_mask=mask)
    monkeypatch.setattr(memory_plan, "plan", enough(1e9))
    np.testing.assert_allclose(paint(content, style, strength_mask=mask), expected, atol=1e-3)


def test_a_mask_that_does_not_go_with_the_rest_is_refused(tiny_engine, content, style):
    ones = np.ones([12, 9], np.float32)
    for strength in (0.0, 2.0):
        with pytest.raises(ConfigError, match="`strength_mask` says where less of `strength`"):
            stylize(content, style, strength_mask=ones, strength=strength)
    paint = Stylizer(PLAIN, engine=tiny_engine)
    with pytest.raises(ImageError, match="`strength_mask` must have the shape of its picture"):
        paint(content, style, strength_mask=np.ones([9, 30], np.float32))
    with pytest.raises(ImageError, match="`strength_mask` holds no region"):
        paint(content, style, strength_mask=np.zeros([12, 9], np.float32))
