import numpy as np
import pytest

from stylize_tf.judge import ghosts


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def maps(generator, *shapes):
    return [generator.normal(size=(*shape, 8)).astype(np.float32) for shape in shapes]


def pasted(content, style, side=8):
    """The photograph's map with a square of the painting's, from elsewhere in it."""
    picture = content.copy()
    picture[3 : 3 + side, 5 : 5 + side] = style[1 : 1 + side, 2 : 2 + side]
    return picture


def test_window_correlations_equal_those_of_numpy(generator):
    image, style = maps(generator, (5, 6), (7, 4))
    found = ghosts.window_correlations(image, style, 3)
    assert found.shape == (3, 4, 5, 2)
    for y, x, v, u in np.ndindex(found.shape):
        first, second = image[y : y + 3, x : x + 3], style[v : v + 3, u : u + 3]
        first, second = (window - window.mean((0, 1)) for window in (first, second))
        expected = np.sum(first * second) / np.linalg.norm(first) / np.linalg.norm(second)
        assert found[y, x, v, u] == pytest.approx(expected, abs=1e-5)


def test_window_correlations_worked_by_hand():
    style = np.array([[1.0, -1.0, 1.0]])[..., None]
    # Windows one cell high do not exist here: two rows of the same.
    style = np.repeat(style, 2, axis=0)
    found = ghosts.window_correlations(style, style, 2)
    np.testing.assert_allclose(found[0, :, 0], [[1, -1], [-1, 1]], atol=1e-6)


def test_a_window_with_little_energy_is_like_nothing():
    style = np.repeat(np.array([[1.0, -1.0, 1.0]])[..., None], 2, axis=0)
    # A hundredth of the amplitude: 4e-4 of energy, counted as half of the painting's 4.
    found = ghosts.window_correlations(style * 0.01, style, 2)
    np.testing.assert_allclose(found[0, 0, 0, 0], 4 * 0.01 / np.sqrt(4 * 2), rtol=1e-5)


def test_a_piece_of_the_painting_is_a_whole_ghost_and_the_photograph_none(generator):
    content, style = maps(generator, (20, 18), (16, 21))
    assert ghosts.ghost(pasted(content, style), content, style) == pytest.approx(1, abs=1e-4)
    assert ghosts.ghost(content, content, style) == 0


def test_palette_and_strength_of_what_is_pasted_do_not_matter(generator):
    content, style = maps(generator, (20, 18), (16, 21))
    picture = pasted(content, 2 * style + generator.normal(size=8).astype(np.float32))
    assert ghosts.ghost(picture, content, style) == pytest.approx(1, abs=1e-4)


def test_cells_of_the_painting_in_no_order_are_no_ghost(generator):
    content, style = maps(generator, (20, 18), (16, 21))
    picture = pasted(content, style)
    cells = picture[3:11, 5:13].reshape(-1, 8)
    picture[3:11, 5:13] = generator.permutation(cells).reshape(8, 8, 8)
    assert ghosts.ghost(picture, content, style) < 0.3


def test_a_smaller_piece_fills_fewer_of_the_nine_windows(generator):
    content, style = maps(generator, (20, 18), (16, 21))
    found = [ghosts.ghost(pasted(content, style, side), content, style) for side in (4, 6, 7, 8)]
    assert sorted(found) == found
    assert found[0] < 0.5
    assert found[-1] > found[-2] + 0.03


def test_what_the_photograph_shares_with_the_painting_does_not_count(generator):
    content, style = maps(generator, (20, 18), (16, 21))
    photograph = pasted(content, style)
    assert ghosts.ghost(photograph, photograph, style) == pytest.approx(0, abs=1e-6)
    assert ghosts.ghost(photograph, content, style) == pytest.approx(1, abs=1e-4)


def test_half_a_copy_worked_by_hand(generator):
    # Two orthogonal patterns of one energy: their sum correlates with each by the root of a half,
    # and the photograph is the one, so nothing of the other is taken off.
    y, x = np.indices((6, 6))
    first, second = ((-1.0) ** y)[..., None], ((-1.0) ** x)[..., None]
    assert ghosts.ghost(first + second, first, second) == pytest.approx(np.sqrt(0.5), rel=1e-5)
    # A photograph of the opposite is as far from it as one of anything else.
    assert ghosts.ghost(first + second, -second, second) == pytest.approx(np.sqrt(0.5), rel=1e-5)
    # The photograph has 3/5 of the pattern, the picture 4/5: half of what is missing.
    photograph, picture = 4 * first + 3 * second, 3 * first + 4 * second
    assert ghosts.ghost(picture, photograph, second) == pytest.approx(0.5, rel=1e-5)


def test_maps_smaller_than_a_window_and_paintings_of_one_color_have_figures(generator):
    content, style = maps(generator, (4, 9), (12, 12))
    picture = content.copy()
    picture[:, 2:6] = style[3:7, 1:5]
    assert 0 < ghosts.ghost(picture, content, style) <= 1
    assert ghosts.ghost(picture, content, np.ones_like(style)) == 0
