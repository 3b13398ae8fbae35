"""Whose colors a picture has; what all functions of colors share."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import stylize_tf
from stylize_tf.control import color
from stylize_tf.images import color_spaces, image_io
from tests.fakes.colors import CONVERSIONS, chroma_distance, grey_picture, picture, rounded

EXAMPLES = Path(stylize_tf.__file__).parent.parent / "examples"

# The photograph's colors, kept.


@pytest.mark.parametrize("space", color.SPACES)
def test_none_of_the_photographs_chroma_leaves_the_picture_as_it_is(rng, space):
    own, photograph = rng.random((2, 1, 5, 6, 3), np.float32)
    result = color.keep_colors(own, photograph, space, 0.0)
    np.testing.assert_array_equal(result, own)
    assert not np.shares_memory(result, own)


@pytest.mark.parametrize("amount", [0.3, 1.0])
@pytest.mark.parametrize("space", color.SPACES)
def test_a_photograph_keeps_its_own_colors(rng, space, amount):
    photograph = rng.random((1, 20, 30, 3), np.float32)
    result = color.keep_colors(photograph, photograph, space, amount)
    np.testing.assert_allclose(result, photograph, atol=1e-3)


@pytest.mark.parametrize("space", color.SPACES)
def test_lightness_is_the_pictures_and_chroma_a_mixture_where_colors_are_pale(rng, space):
    own, photograph = rng.uniform(0.4, 0.6, size=(2, 1, 5, 6, 3))
    forward, _ = CONVERSIONS[space]
    for amount in (0.25, 1.0):
        result = forward(color.keep_colors(own, photograph, space, amount))
        expected = forward(own)
        expected[..., 1:] *= 1 - amount
        expected[..., 1:] += amount * forward(photograph)[..., 1:]
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-3)


def test_chroma_is_the_photographs_also_where_it_does_not_fit_the_lightness(rng):
    own, photograph = rng.random((2, 1, 30, 40, 3), np.float32)
    result = color.keep_colors(own, photograph, "lab", 1.0)
    assert chroma_distance(result, photograph).max() < 0.2
    lab, _ = CONVERSIONS["lab"]
    colors = lab(own)
    colors[..., 1:] = lab(photograph)[..., 1:]
    clipped = np.clip(color_spaces.srgb_from_lab(colors), 0, 1)
    assert chroma_distance(clipped, photograph).mean() > 5  # There was something to do.


@pytest.mark.parametrize("space", color.SPACES)
def test_the_photographs_chroma_put_on_twice_changes_nothing_more(rng, space):
    own, photograph = rng.random((2, 1, 30, 40, 3), np.float32)
    once = color.keep_colors(own, photograph, space, 1.0)
    twice = color.keep_colors(once, photograph, space, 1.0)
    np.testing.assert_allclose(twice, once, atol=1 / 255)


def test_lightness_moves_towards_the_photographs_no_further_than_it_takes(rng):
    own, photograph = rng.random((2, 1, 6, 10, 3), np.float32)
    result = color_spaces.lab_from_srgb(color.keep_colors(own, photograph, "lab", 1.0))[0, ..., 0]
    start = color_spaces.lab_from_srgb(own)[0, ..., 0]
    colors = color_spaces.lab_from_srgb(photograph)[0]
    moved = 0
    for index in np.ndindex(start.shape):
        end, a, b = colors[index]
        path = np.linspace(start[index], end, 2001)
        candidates = np.stack([path, np.full(2001, a), np.full(2001, b)], axis=-1)
        rgb = color_spaces.srgb_from_lab(candidates)
        fits = ((rgb > -6e-4) & (rgb < 1 + 6e-4)).all(axis=-1)
        first = np.argmax(fits)
        assert fits[first]
        assert result[index] == pytest.approx(path[first], abs=0.2)
        moved += first > 0
    assert moved > 20


@pytest.mark.parametrize("space", ["lab", "yiq"])
def test_black_and_white_become_the_photographs_color_where_it_has_but_one_lightness(space):
    photograph = picture([1, 0, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1])
    for own in (np.zeros_like(photograph), np.ones_like(photograph)):
        result = color.keep_colors(own, photograph, space, 1.0)
        np.testing.assert_allclose(result, photograph, atol=0.03 if space == "lab" else 1e-3)


@pytest.mark.parametrize("amount", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("space", color.SPACES)
def test_mixtures_of_extreme_colors_are_on_the_way_to_what_can_be_shown(rng, space, amount):
    own, photograph = rng.integers(0, 2, size=(2, 1, 20, 30, 3)).astype(np.float32)
    result = color.keep_colors(own, photograph, space, amount)
    forward, back = CONVERSIONS[space]
    start = forward(own)
    start[..., 1:] += amount * (forward(photograph) - forward(own))[..., 1:]
    way = forward(own + amount * (photograph - own)) - start
    steps = np.linspace(0, 1, 2001, dtype=np.float32).reshape(-1, 1, 1, 1)
    candidates = back(start + steps * way)
    distance = np.abs(candidates - result).max(axis=-1).min(axis=0)
    assert distance.max() < 1 / 255


@pytest.mark.parametrize(("space", "bound"), [("lab", 0.5), ("oklab", 2.0), ("yiq", 2.0)])
def test_a_real_painting_has_the_chroma_of_the_photograph_in_8_bits(space, bound):
    photograph = image_io.read(EXAMPLES / "gallery" / "content.jpg")
    painted = image_io.read(EXAMPLES / "gallery" / "strength_one.jpg")
    photograph = image_io.resize(photograph, *painted.shape[1:3])
    result = rounded(color.keep_colors(painted, photograph, space, 1.0))
    assert chroma_distance(painted, photograph).mean() > 10
    assert chroma_distance(result, photograph).mean() < bound


# Grey pictures.


@pytest.mark.parametrize("space", color.SPACES)
def test_luminance_is_grey_and_as_light_as_the_picture(rng, space):
    photograph = rng.random((1, 7, 8, 3))
    grey = color.luminance(photograph, space)
    np.testing.assert_array_equal(grey, np.repeat(grey[..., :1], 3, axis=-1))
    forward, _ = CONVERSIONS[space]
    lightness = forward(photograph)[..., 0]
    np.testing.assert_allclose(forward(grey)[..., 0], lightness, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(color.luminance(grey, space), grey, atol=1e-4)


def test_luminance_of_green_is_worked_by_hand():
    green = picture([0, 1, 0])
    # 1.055 * 0.7151522^(1 / 2.4) - 0.055
    np.testing.assert_allclose(color.luminance(green, "lab"), picture([0.86246] * 3), atol=1e-4)
    np.testing.assert_allclose(color.luminance(green, "yiq"), picture([0.587] * 3), atol=1e-6)


@pytest.mark.parametrize("space", color.SPACES)
def test_a_grey_photograph_gets_all_its_colors_back(rng, space):
    photograph = rng.random((1, 30, 40, 3), np.float32)
    grey = color.luminance(photograph, space)
    result = color.keep_colors(grey, photograph, space, 1.0)
    np.testing.assert_allclose(result, photograph, atol=2e-3)


def test_matched_lightness_has_the_photographs_mean_and_deviation():
    # Mean 0.4 and deviation 0.1 become 0.5 and 0.2: 0.5 + 2 * (x - 0.4)
    style, photograph = grey_picture(0.3, 0.5, 0.3, 0.5), grey_picture(0.3, 0.7)
    result = color.match_lightness(style, photograph, 1.0)
    np.testing.assert_allclose(result, grey_picture(0.3, 0.7, 0.3, 0.7), atol=1e-6)
    halfway = color.match_lightness(style, photograph, 0.5)
    np.testing.assert_allclose(halfway, grey_picture(0.3, 0.6, 0.3, 0.6), atol=1e-6)
    np.testing.assert_array_equal(color.match_lightness(style, photograph, 0.0), style)
    np.testing.assert_allclose(color.match_lightness(style, style, 1.0), style, atol=1e-6)


def test_matched_lightness_of_flat_and_faint_pictures():
    photograph = grey_picture(0.2, 0.6)  # Mean 0.4, deviation 0.2.
    dull = grey_picture(0.9, 0.9)
    np.testing.assert_allclose(
        color.match_lightness(dull, photograph, 1.0), grey_picture(0.4, 0.4), atol=1e-6
    )
    np.testing.assert_allclose(
        color.match_lightness(photograph, dull, 1.0), grey_picture(0.9, 0.9), atol=1e-6
    )
    np.testing.assert_allclose(color.match_lightness(dull, dull, 1.0), dull, atol=1e-6)
    faint = grey_picture(0.80, 0.82)  # A deviation of 0.01 could grow twentyfold.
    gain = color.MAX_GAIN
    np.testing.assert_allclose(
        color.match_lightness(faint, photograph, 1.0),
        grey_picture(0.4 - 0.01 * gain, 0.4 + 0.01 * gain),
        atol=1e-5,
    )


# All of them.

CALLS = {
    "keep_colors": lambda own, other: color.keep_colors(own, other, "lab", 1.0),
    "luminance": lambda own, other: color.luminance(own, "oklab"),
    "match_lightness": lambda own, other: color.match_lightness(own, other, 1.0),
    "match_colors": lambda own, other: color.match_colors(own, other, "symmetric", 0.5),
    "histogram": lambda own, other: color.match_colors(own, other, "histogram", 0.5),
    "lab_from_srgb": lambda own, _: color_spaces.in_parts(color_spaces.lab_from_srgb, own),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_takes_the_memory_of_its_result_and_a_little(rng, name):
    own, other = rng.random((2, 1, 1000, 1500, 3), np.float32)
    tracemalloc.start()
    result = CALLS[name](own, other)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.shape == own.shape
    assert peak < result.nbytes + (32e6 if name == "histogram" else 3e6)


@pytest.mark.parametrize("name", CALLS)
def test_pictures_are_float32_within_the_range_and_arguments_stay_as_they_were(rng, name):
    own, other = rng.random((2, 1, 9, 11, 3))
    before = own.copy(), other.copy()
    result = CALLS[name](own, other)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(own, before[0])
    np.testing.assert_array_equal(other, before[1])
    if name != "lab_from_srgb":
        assert result.min() >= 0
        assert result.max() <= 1
