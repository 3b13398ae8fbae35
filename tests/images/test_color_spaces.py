import numpy as np
import pytest

from stylize_tf.images import color_spaces
from tests.fakes.colors import CONVERSIONS, picture


def lab_of(rgb):
    """CIELAB of one color in Python's floats, step by step as the standards have it."""
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in rgb]
    rows = [
        (0.4124564, 0.3575761, 0.1804375),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339, 0.1191920, 0.9503041),
    ]
    xyz = [sum(m * x for m, x in zip(row, linear, strict=True)) / sum(row) for row in rows]
    f = [t ** (1 / 3) if t > (6 / 29) ** 3 else t * (29 / 6) ** 2 / 3 + 4 / 29 for t in xyz]
    return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]


def test_linear_light_of_values_worked_by_hand():
    encoded = picture([0.0, 0.5, 1.0], [0.04045, 0.02, -0.1])
    # ((0.5 + 0.055) / 1.055)^2.4 = 0.2140; 0.04045 / 12.92 = 0.003131
    linear = picture([0.0, 0.21404114, 1.0], [0.00313080, 0.00154799, -0.00773994])
    np.testing.assert_allclose(color_spaces.linear_from_srgb(encoded), linear, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(color_spaces.srgb_from_linear(linear), encoded, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("rgb", "lab", "oklab"),
    [
        ([1, 1, 1], [100, 0, 0], [1, 0, 0]),
        ([0, 0, 0], [0, 0, 0], [0, 0, 0]),
        ([1, 0, 0], [53.24, 80.09, 67.20], [0.62796, 0.22486, 0.12585]),
        ([0, 1, 0], [87.74, -86.18, 83.18], [0.86644, -0.23389, 0.17950]),
        ([0, 0, 1], [32.30, 79.19, -107.86], [0.45201, -0.03246, -0.31153]),
    ],
    ids=str,
)
def test_published_values_of_white_black_and_the_primaries(rgb, lab, oklab):
    np.testing.assert_allclose(color_spaces.lab_from_srgb(picture(rgb))[0, 0, 0], lab, atol=0.008)
    np.testing.assert_allclose(
        color_spaces.oklab_from_srgb(picture(rgb))[0, 0, 0], oklab, atol=3e-5
    )


def test_yiq_of_the_primaries_is_the_matrix_of_ntsc():
    actual = color_spaces.yiq_from_srgb(picture([1, 0, 0], [0, 1, 0], [0, 0, 1]))[0, 0]
    expected = [[0.299, 0.596, 0.212], [0.587, -0.274, -0.523], [0.114, -0.322, 0.311]]
    np.testing.assert_allclose(actual, expected, atol=1e-3)


def test_lab_equals_its_definition_also_near_black(rng):
    colors = np.concatenate([rng.random((40, 3)), rng.random((20, 3)) / 50])
    expected = [lab_of(rgb) for rgb in colors]
    np.testing.assert_allclose(color_spaces.lab_from_srgb(colors), expected, atol=1e-3)


@pytest.mark.parametrize("space", CONVERSIONS)
def test_greys_have_no_chroma_and_rising_lightness(space):
    forward, _ = CONVERSIONS[space]
    converted = forward(np.linspace(0, 1, 256)[:, np.newaxis] * np.ones(3))
    converted /= converted[-1, 0]
    np.testing.assert_allclose(converted[:, 1:], 0, atol=1e-5)
    assert (np.diff(converted[:, 0]) > 0).all()
    np.testing.assert_allclose(converted[[0, -1], 0], [0, 1], atol=1e-6)


@pytest.mark.parametrize("space", CONVERSIONS)
def test_colors_come_back_from_every_space(space):
    forward, back = CONVERSIONS[space]
    steps = np.linspace(0, 1, 18)
    colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1).astype(np.float32)
    there = forward(colors)
    assert there.dtype == np.float32
    assert there.shape == colors.shape
    np.testing.assert_allclose(back(there), colors, atol=2e-4)


@pytest.mark.parametrize("space", CONVERSIONS)
def test_what_srgb_cannot_show_is_not_clipped(rng, space):
    forward, back = CONVERSIONS[space]
    beyond = rng.uniform(-0.2, 1.3, size=(1, 8, 9, 3))
    np.testing.assert_allclose(back(forward(beyond)), beyond, atol=1e-3)
