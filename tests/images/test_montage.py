"""Contact sheets, comparisons and overlays: what is where, to the pixel, and what may not be."""

import itertools

import numpy as np
import pytest

from stylize_tf.images import montage
from stylize_tf.images.montage import comparison, overlay, sheet

LUMA = np.array([0.299, 0.587, 0.114])
LABELS = {
    "short": ["strength=.5", "strength=1"],
    "long": ["a label that is much longer than its cell is wide, by far", "another one, as long"],
    "endless": ["x" * 10_000, "y y " * 1000],
    "one empty": ["", "strength=1"],
    "scripts": ["Künstler=Rügen ﬁ", "絵=日本 жар 🎨 \u202eabc"],
    "unprintable": ["two\nlines\t\0", "\udcff\x1b[31m\ue000"],
}


def plain(height, width, *color):
    return np.full((1, height, width, 3), color, np.float32)


def noise(rng, height, width):
    """A picture that is nowhere white."""
    return (rng.random((1, height, width, 3)) * 0.9).astype(np.float32)


def is_white(part):
    return part.size > 0 and bool((part == 1).all())


def has_ink(part):
    """Whether there is something as dark as letters are."""
    return bool((part < 0.5).any())


def share_of(image, color):
    """How much of an image is of one color."""
    return float((np.abs(image - np.float32(color)) < 1e-3).all(-1).mean())


def test_a_sheet_without_labels_has_its_cells_in_a_grid_with_white_between(rng):
    cells = [[noise(rng, 60, 80) for _ in range(3)] for _ in range(2)]
    made = sheet(cells, ["", ""], ["", "", ""])
    # sqrt(60 * 80) / 40 = 1.7, so gutters are 2 pixels, and 4 around all.
    assert made.shape == (1, 4 + 60 + 2 + 60 + 4, 4 + 80 + 2 + 80 + 2 + 80 + 4, 3)
    assert made.dtype == np.float32
    for row, column in np.ndindex(2, 3):
        part = np.s_[:, 4 + 62 * row : 64 + 62 * row, 4 + 82 * column : 84 + 82 * column]
        np.testing.assert_array_equal(made[part], cells[row][column])
        made[part] = 1
    assert is_white(made)


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize(("height", "width"), [(120, 160), (40, 30), (5, 3)])
def test_labels_are_beside_their_cells_and_never_on_them_nor_on_each_other(
    rng, kind, height, width
):
    labels = LABELS[kind]
    cells = [[noise(rng, height, width) for _ in range(2)] for _ in range(2)]
    made = sheet(cells, labels, labels, title="pictures " * 5)[0]
    assert made.min() >= 0
    assert made.max() <= 1
    gutter = 3 if width == 160 else 2
    # The grid is at the bottom right.
    bottom, right = made.shape[0] - 2 * gutter, made.shape[1] - 2 * gutter
    tops = [bottom - 2 * height - gutter, bottom - height]
    lefts = [right - 2 * width - gutter, right - width]
    for row, column in np.ndindex(2, 2):
        part = made[tops[row] :, lefts[column] :][:height, :width]
        np.testing.assert_array_equal(part, cells[row][column][0])
    # Nothing is around the grid, between its cells, and between labels of neighbors.
    assert is_white(made[bottom:])
    assert is_white(made[:, right:])
    assert is_white(made[tops[0] - gutter : tops[0], lefts[0] :])
    assert is_white(made[tops[0] :, lefts[0] - 2 * gutter : lefts[0]])
    assert is_white(made[tops[0] + height : tops[1]])
    between = made[:, lefts[0] + width : lefts[1]]
    title = np.flatnonzero((made == 1).all((1, 2)))
    first_white = title[title > np.flatnonzero((made < 1).any((1, 2)))[0]][0]
    assert is_white(between[first_white:])
    if width == 160:
        above = made[first_white : tops[0]]
        aside = made[tops[0] :, : lefts[0]]
        for index, label in enumerate(labels):
            assert has_ink(above[:, lefts[index] :][:, :width]) == bool(label)
            assert has_ink(aside[tops[index] - tops[0] :][:height]) == bool(label)


def test_long_labels_keep_their_ends_for_these_tell_them_apart(rng):
    labels = [f"a_long_and_winding_option_with_a_name={value}" for value in (1, 2, 1)]
    made = sheet([[noise(rng, 60, 100)] * 3], [""], labels)[0]
    top, left = made.shape[0] - 4 - 60, 4
    one, two, again = (made[:top, left + 102 * index :][:, :100] for index in range(3))
    np.testing.assert_array_equal(one, again)
    different = np.flatnonzero((one != two).any((0, 2)))
    assert different.size
    assert different.min() >= 85


def test_text_grows_with_the_cells(rng):
    def height_of_text(side):
        made = sheet([[noise(rng, side, side)]], [""], ["H"])[0]
        return np.count_nonzero((made[: -side - 2 * (side // 40)] < 0.5).any((1, 2)))

    small, large = height_of_text(240), height_of_text(960)
    assert small >= 9
    assert large == pytest.approx(4 * small, abs=4)


def test_one_cell_is_a_sheet_of_any_size(rng):
    for side in (1, 2, 30):
        cell = noise(rng, side, side)
        made = sheet([[cell]], [""], [""])
        np.testing.assert_array_equal(made[:, 4:-4, 4:-4], cell)
        labelled = sheet([[cell]], ["row"], ["column"], title="title")
        np.testing.assert_array_equal(labelled[:, -4 - side : -4, -4 - side : -4], cell)


def test_cells_of_another_size_are_in_the_middle_of_theirs(rng):
    large, small = noise(rng, 60, 80), noise(rng, 20, 41)
    made = sheet([[large, small]], [""], ["", ""])
    np.testing.assert_array_equal(made[:, 4:64, 4:84], large)
    left = 4 + 80 + 2 + 19  # (80 - 41) // 2 = 19
    np.testing.assert_array_equal(made[:, 24:44, left : left + 41], small)
    made[:, 24:44, left : left + 41] = 1
    assert is_white(made[:, :, 84:])


def test_a_cell_that_failed_is_a_grey_field_that_says_so(rng):
    cell = noise(rng, 100, 200)
    made = sheet([[cell, None]], [""], ["", ""])
    np.testing.assert_array_equal(made[:, 8:108, 8:208], cell)
    field = made[0, 8:108, 212:412]
    assert share_of(field, (0.93,) * 3) > 0.9
    assert field.min() == pytest.approx(0.55, abs=0.02)
    words = np.argwhere(field[..., 0] < 0.7)
    np.testing.assert_allclose(words.mean(0), (50, 100), atol=5)


def test_a_sheet_on_which_all_failed_is_still_one():
    made = sheet([[None, None]], ["a"], ["b", "c"])
    assert 0.4 < share_of(made, (0.93,) * 3) < 0.9


def test_sheets_that_are_too_large_get_smaller_cells(monkeypatch):
    cells = [[plain(90, 120, (row + 1) / 8, (column + 1) / 8, 0) for column in range(5)]
             for row in range(4)]  # fmt: skip
    rows, columns = [f"row={row}" for row in range(4)], [f"column={k}" for k in range(5)]
    monkeypatch.setattr(montage, "LONGEST_SIDE", 400)
    narrow = sheet(cells, rows, columns)
    monkeypatch.setattr(montage, "LONGEST_SIDE", 10_000)
    monkeypatch.setattr(montage, "MAX_PIXELS", 90_000)
    light = sheet(cells, rows, columns)
    assert 360 <= narrow.shape[2] <= 400
    assert 80_000 <= light.shape[1] * light.shape[2] <= 90_000
    for made in (narrow, light):
        shares = [share_of(made, cell[0, 0, 0]) for line in cells for cell in line]
        assert min(shares) == max(shares) > 0.02


def test_more_cells_than_there_are_pixels_are_refused(monkeypatch):
    monkeypatch.setattr(montage, "LONGEST_SIDE", 100)
    with pytest.raises(ValueError, match=r"`cells` must be so few .* 100 pixels .* 60 columns"):
        sheet([[plain(8, 8, 0, 0, 0)] * 60], [""], [""] * 60)


@pytest.mark.parametrize(
    ("cells", "rows", "columns", "words"),
    [
        ([], [], ["a"], "`rows` and `columns` must have at least one label each; got 0 and 1"),
        ([[]], ["a"], [], "got 1 and 0"),
        ([[None]], ["a", "b"], ["a"], "`cells` must have a row for each of the 2 `rows`; got 1"),
        ([[None], [None, None]], "ab", ["a"], r"`cells\[1\]` must have .* 1 `columns`; got 2"),
        ([[None, np.full((1, 2, 2, 3), 7.0)]], ["a"], "ab", r"`cells\[0\]\[1\]` must be in \[0, 1"),
        ([[3]], ["a"], ["a"], r"`cells\[0\]\[0\]` must be a path, .* got int"),
    ],
)
def test_cells_that_do_not_fit_their_labels_or_are_no_pictures_are_refused(
    cells, rows, columns, words
):
    with pytest.raises(ValueError, match=words):
        sheet(cells, rows, columns)


def test_a_comparison_shows_content_style_and_result_at_the_height_of_the_result(rng):
    content, picture = noise(rng, 100, 150), noise(rng, 100, 150)
    made = comparison(content, plain(40, 20, 0.2, 0.4, 0.6), picture)
    # sqrt(100 * 150) / 40 = 3.06, so gutters are 3 pixels; the style is enlarged to 100 x 50.
    assert made.shape == (1, 100, 150 + 3 + 50 + 3 + 150, 3)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made[:, :, :150], content)
    assert is_white(made[:, :, 150:153])
    np.testing.assert_allclose(made[:, :, 153:203], plain(100, 50, 0.2, 0.4, 0.6), atol=1e-6)
    assert is_white(made[:, :, 203:206])
    np.testing.assert_array_equal(made[:, :, 206:], picture)


def test_two_paintings_are_one_above_the_other_at_the_same_width(rng):
    picture = noise(rng, 100, 150)
    styles = [plain(200, 300, 0.8, 0, 0), plain(100, 150, 0, 0.8, 0)]
    made = comparison(picture, styles, picture)
    # 97 rows for both, so 48.5 rows for each, and 48.5 * 150 / 100 = 73 columns.
    column = made[:, :, 153 : 153 + 73]
    assert made.shape[2] == 150 + 3 + 73 + 3 + 150
    np.testing.assert_allclose(column[:, :48], plain(48, 73, 0.8, 0, 0), atol=1e-6)
    assert is_white(column[:, 48:51])
    np.testing.assert_allclose(column[:, 51:], plain(49, 73, 0, 0.8, 0), atol=1e-6)


def test_four_paintings_are_two_by_two(rng):
    picture = noise(rng, 100, 150)
    colors = [(0.8, 0, 0), (0, 0.8, 0), (0, 0, 0.8), (0.4, 0.4, 0)]
    made = comparison(picture, tuple(plain(100, 150, *color) for color in colors), picture)
    assert made.shape[2] == 150 + 3 + 73 + 3 + 73 + 3 + 150
    for index, color in enumerate(colors):
        row, column = index % 2, index // 2
        part = made[:, 52 * row : 52 * row + 48, 153 + 76 * column :][:, :, :73]
        assert share_of(part, color) == 1


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_paintings_all_are_shown_beside_the_whole_result(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(20, 200, 2)
    picture = noise(rng, height, width)
    count = rng.integers(1, 12)
    colors = (np.arange(count)[:, None] + [1, 2, 3]) / 16
    styles = [plain(*rng.integers(1, 60, 2), *color) for color in colors]
    made = comparison(noise(rng, 50, 60), styles, picture)
    assert made.shape[1] == height
    np.testing.assert_array_equal(made[:, :, -width:], picture)
    for color in colors:
        assert share_of(made, color) > 0


def test_a_panorama_is_fitted_into_twice_the_width_of_the_result():
    picture = plain(40, 50, 0.5, 0.5, 0.5)
    made = comparison(picture, plain(10, 500, 0.8, 0, 0), picture)
    # 100 columns, so 100 / 500 * 10 = 2 rows in the middle of 40.
    assert made.shape == (1, 40, 50 + 2 + 100 + 2 + 50, 3)
    np.testing.assert_allclose(made[:, 19:21, 52:152], plain(2, 100, 0.8, 0, 0), atol=1e-6)
    assert is_white(made[:, :19, 52:152])
    assert is_white(made[:, 21:, 52:152])


def test_comparisons_that_are_too_large_are_made_smaller(monkeypatch):
    colors = [(0.8, 0, 0), (0, 0.8, 0), (0, 0, 0.8)]
    large = [plain(90, 120, *color) for color in colors]
    for name, limit in (("LONGEST_SIDE", 200), ("MAX_PIXELS", 10_000)):
        with monkeypatch.context() as patch:
            patch.setattr(montage, name, limit)
            made = comparison(*large)
        assert 0.9 * limit <= (made.shape[2] if limit == 200 else made[0, ..., 0].size) <= limit
        assert min(share_of(made, color) for color in colors) > 0.3


def test_a_picture_without_a_painting_is_compared_with_the_photograph_alone():
    photograph, picture = plain(40, 60, 0.2, 0.4, 0.8), plain(40, 60, 0.8, 0, 0)
    made = comparison(photograph, [], picture)
    assert made.shape[1] == 40
    np.testing.assert_allclose(made[:, :, :60], photograph, atol=1e-6)
    np.testing.assert_allclose(made[:, :, -60:], picture, atol=1e-6)
    assert 120 < made.shape[2] < 140


def test_what_cannot_be_compared_is_refused():
    picture = plain(4, 4, 0, 0, 0)
    with pytest.raises(ValueError, match=r"`style\[1\]` must be in \[0, 1\]"):
        comparison(picture, [picture, picture + 2], picture)
    with pytest.raises(ValueError, match="`content` must be one picture"):
        comparison(np.zeros((2, 4, 4, 3)), picture, picture)


def test_an_overlay_mixes_grey_and_color_in_equal_parts_where_a_mask_is_one():
    image = plain(40, 60, 0.2, 0.4, 0.8)
    masks = np.zeros((1, 40, 60, 2), np.float32)
    masks[:, :, :20, 0] = 1
    masks[:, :, 20:30, 1] = 0.5
    made = overlay(image, masks)
    grey = np.array([0.2, 0.4, 0.8]) @ LUMA
    painted = (grey + np.array(montage.COLORS[0])) / 2
    np.testing.assert_allclose(made[0, :40, :20], np.broadcast_to(painted, (40, 20, 3)), atol=1e-6)
    half = (np.array([0.2, 0.4, 0.8]) + (grey + np.array(montage.COLORS[1])) / 2) / 2
    np.testing.assert_allclose(made[0, :40, 20:30], np.broadcast_to(half, (40, 10, 3)), atol=1e-6)
    np.testing.assert_array_equal(made[:, :40, 30:], image[:, :, 30:])


def test_masks_that_overlap_are_mixed_and_never_more_than_half_opaque(rng):
    image = noise(rng, 10, 12)
    made = overlay(image, np.ones((1, 10, 12, 2)))
    mixed = ((image @ LUMA)[..., None] + np.mean(montage.COLORS[:2], axis=0)) / 2
    np.testing.assert_allclose(made[:, :10], mixed, atol=1e-6)


def test_masks_of_zeros_change_nothing_and_are_in_the_legend_all_the_same(rng):
    image = noise(rng, 120, 240)
    made = overlay(image, np.zeros((1, 120, 240, 3)))
    np.testing.assert_array_equal(made[:, :120], image)
    for index in range(3):
        field = made[0, 120:, 80 * index : 80 * index + 80]
        color = montage.COLORS[index]
        assert share_of(field, color) > 0.7
        np.testing.assert_array_equal(field[0, 0], np.float32(color))
        assert np.abs(field - np.float32(color)).max() > 0.2  # Its number.


def test_colors_of_many_masks_differ_and_all_have_their_field(rng):
    made = overlay(noise(rng, 30, 200), np.zeros((1, 30, 200, 20)))
    assert made.shape[1] > 30
    fields = made[0, 30, 1::10]
    assert len(fields) == 20
    for one, other in itertools.combinations(fields, 2):
        assert np.linalg.norm(one - other) > 0.25
