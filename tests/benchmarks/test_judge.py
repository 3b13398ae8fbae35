import io
import math
import pickle

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf
from PIL import Image

from benchmarks.harness import common
from benchmarks.judge import __main__ as command
from benchmarks.judge import quality
from stylize_tf.judge import judge, measures, structure, style_embedding, vgg19

COUNTS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 1}


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def extract(generator):
    tensors, channels = {}, 3
    for block, count in COUNTS.items():
        for index in range(1, count + 1):
            kernel = generator.normal(size=(3, 3, channels, 4)) * math.sqrt(2 / (9 * channels))
            tensors[f"block{block}_conv{index}"] = (kernel, generator.normal(size=4))
            channels = 4
    return vgg19.vgg19(tensors)


def picture(generator, height, width):
    """Random, and exact in 8 bits, so that rounding leaves it alone."""
    values = generator.integers(0, 256, (1, height, width, 3))
    return values.astype(np.float32) / np.float32(255)


def gaussian(generator, channels):
    features = generator.normal(size=(1, 5, 7, channels)) @ generator.normal(
        size=(channels, channels)
    )
    return measures.moments(tf.constant(features + generator.normal(size=channels), tf.float64))


def of(mean, covariance):
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    return measures.Moments(mean=mean, gram_matrix=covariance + np.outer(mean, mean))


# Statistics and distances.


def test_moments_are_those_of_numpy_and_ignore_position(generator):
    features = generator.normal(size=(1, 4, 6, 3)).astype(np.float32)
    rows = features.reshape(-1, 3).astype(np.float64)
    for shuffled in (features, generator.permutation(rows).reshape(features.shape)):
        moments = measures.moments(tf.constant(shuffled, tf.float32))
        np.testing.assert_allclose(moments.mean, rows.mean(0), atol=1e-6)
        np.testing.assert_allclose(moments.gram_matrix, rows.T @ rows / 24, atol=1e-6)
        np.testing.assert_allclose(moments.covariance, np.cov(rows.T, bias=True), atol=1e-6)


@pytest.mark.parametrize("distance", [measures.gram_distance, measures.wasserstein_distance])
def test_a_distance_is_zero_at_the_style_one_for_nothing_and_blind_to_scale(generator, distance):
    style, other = gaussian(generator, 6), gaussian(generator, 6)
    nothing = of(np.zeros(6), np.zeros((6, 6)))
    assert distance(style, style) == pytest.approx(0, abs=1e-9)
    assert distance(nothing, style) == pytest.approx(1)
    assert distance(other, style) > 0.01
    scaled = [of(7 * each.mean, 49 * each.covariance) for each in (other, style)]
    assert distance(*scaled) == pytest.approx(distance(other, style))


def test_gram_distance_worked_by_hand():
    picture = measures.Moments(mean=np.zeros(2), gram_matrix=np.array([[2.0, 0.0], [0.0, 1.0]]))
    style = measures.Moments(mean=np.zeros(2), gram_matrix=np.array([[1.0, 1.0], [1.0, 1.0]]))
    assert measures.gram_distance(picture, style) == pytest.approx((1 + 1 + 1 + 0) / 4)


def test_wasserstein_distance_of_diagonal_gaussians_worked_by_hand():
    first, second = of([1.0, 0.0], np.diag([4.0, 1.0])), of([0.0, 0.0], np.diag([1.0, 9.0]))
    # Means 1, standard deviations 2 and 1 against 1 and 3: 1 + 1 + 4, over 1 + 9.
    assert measures.wasserstein_distance(first, second) == pytest.approx(0.6)


def test_frechet_distance_of_diagonal_gaussians_worked_by_hand():
    first, second = of([1.0, 0.0], np.diag([4.0, 1.0])), of([0.0, 0.0], np.diag([1.0, 9.0]))
    # Means 1 apart, standard deviations 1 and 2.
    assert measures.frechet_distance(first, second) == pytest.approx(1 + 1 + 4)


def test_sifid_is_the_frechet_distance_of_positions_by_sqrtm(extract, generator):
    image, style = picture(generator, 64, 72), picture(generator, 80, 80) ** 3
    style = np.rint(style * 255).astype(np.uint8) / np.float32(255)
    # The painting comes to the picture's long side first: the twin sees it so, too.
    small = judge.pictures.resize_long_side(style, 72)
    row = judge.Judge(extract, positions=tf.constant)(image, image, style)
    x, y = (array.reshape(-1, 3).astype(np.float64) for array in (image, small))
    s, t = np.cov(x.T, bias=True), np.cov(y.T, bias=True)
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2)
    expected += np.trace(s + t - 2 * scipy.linalg.sqrtm(s @ t).real)
    assert row["sifid"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_wasserstein_distance_equals_the_textbook_formula_with_sqrtm(generator, channels):
    for _ in range(5):
        first, second = gaussian(generator, channels), gaussian(generator, channels)
        root = scipy.linalg.sqrtm(second.covariance)
        cross = scipy.linalg.sqrtm(root @ first.covariance @ root).real
        expected = np.sum((first.mean - second.mean) ** 2)
        expected += np.trace(first.covariance + second.covariance - 2 * cross)
        expected /= np.trace(second.covariance) + np.sum(second.mean**2)
        assert measures.wasserstein_distance(first, second) == pytest.approx(expected, rel=1e-9)


def test_wasserstein_distance_stays_finite_where_a_covariance_is_singular():
    flat = of([1.0, 2.0], [[1.0, 1.0], [1.0, 1.0]])
    assert measures.wasserstein_distance(flat, flat) == pytest.approx(0, abs=1e-9)


def test_content_distance_worked_by_hand():
    content = np.array([3.0, 4.0])
    assert measures.content_distance(content, content) == 0
    assert measures.content_distance(np.array([3.0, 9.0]), content) == pytest.approx(1)


def test_noise_is_zero_for_alike_pictures_and_two_for_doubled_contrast(generator):
    image = picture(generator, 16, 20)
    assert measures.noise(image, image) == 0
    assert measures.noise(image * 2, image) == pytest.approx(2, abs=1e-5)
    assert measures.noise(image[:, ::-1, ::-1], image) == pytest.approx(0, abs=1e-6)


def test_grain_of_a_ramp_is_none_inside_and_that_of_a_checkerboard_is_greatest():
    ramp = np.tile(np.linspace(0, 1, 32, dtype=np.float32)[:, None, None], (1, 1, 32, 3))
    assert measures.grain_energy(ramp) < 1e-3
    checkerboard = np.tile((np.indices((32, 32)).sum(0) % 2)[None, ..., None], (1, 1, 1, 3))
    inside = 4.0**2  # Each of the four neighbours differs by 1; at the border, one fewer.
    assert 0.8 * inside < measures.grain_energy(checkerboard) < inside


def test_weave_is_zero_for_alike_pictures_and_large_for_a_grid(generator):
    image = picture(generator, 64, 80) * 0.5
    assert measures.weave(image, image) == 0
    assert measures.weave(image, image * 0.5) == pytest.approx(0, abs=1e-6)
    # A wave of 2.5 pixels along each axis is a grid, the same wave across a diagonal is none.
    y, x = np.indices((64, 80))
    grid = 0.2 * (np.cos(0.8 * np.pi * x) + np.cos(0.8 * np.pi * y))
    diagonal = 0.2 * np.cos(0.8 * np.pi * (x + y) / np.sqrt(2))
    assert measures.weave(image + grid[None, ..., None], image) > 2
    assert measures.weave(image + diagonal[None, ..., None], image) < -1


# The judge.


def test_a_picture_equal_to_photograph_and_painting_scores_zero(extract, generator):
    image = picture(generator, 64, 80)
    judge_picture = judge.Judge(
        extract, embed=lambda image: image.mean((0, 1)).ravel(), positions=tf.constant
    )
    row = judge_picture(image, image, image)
    assert tuple(row) == judge.COLUMNS
    # The regions of noise are of many colors.
    assert row.pop("whole") > 0
    expected = dict.fromkeys(row, 0) | {"kept": 1, "embed": 1}
    assert row == pytest.approx(expected, abs=1e-6)


def test_the_photograph_itself_has_no_content_distance_but_some_from_the_style(extract, generator):
    content, style = picture(generator, 64, 80), picture(generator, 96, 80) ** 4
    row = judge.Judge(extract)(content, content, style)
    assert row["cont"] == 0
    assert min(row["gram"], row["gram*"], row["w2"]) > 1e-3
    assert row["ghost"] == 0
    assert not {"sifid", "embed"} & set(row)


def test_columns_of_what_is_not_installed_are_left_out(extract, generator, monkeypatch):
    monkeypatch.setattr(structure, "is_installed", lambda: False)
    image = picture(generator, 64, 64)
    row = judge.Judge(extract)(image, image, image)
    missing = {"kept", "whole", "sifid", "embed"}
    assert set(judge.COLUMNS) - set(row) == missing
    cells = judge.table({"one": row}).splitlines()[-1].strip("| ").split(" | ")[1:]
    assert [cells[judge.COLUMNS.index(name)] for name in missing] == ["-"] * 4


def test_a_row_does_not_depend_on_what_was_judged_before(extract, generator):
    content, style, other = (picture(generator, 64, 64) for _ in range(3))
    patient = judge.Judge(extract)
    first = patient(other, content, style)
    patient(content, other, other)
    assert patient(other, content, style) == first == judge.Judge(extract)(other, content, style)


def test_the_statistics_of_a_pair_are_computed_once(extract, generator):
    calls = []

    def counted(image):
        calls.append(image.shape)
        return extract(image)

    content, style = picture(generator, 64, 64), picture(generator, 64, 64)
    judge_picture = judge.Judge(counted)
    judge_picture(picture(generator, 64, 64), content, style)
    once = len(calls)
    judge_picture(picture(generator, 64, 64), content, style)
    assert once == 3 + 3 + 2 + 3
    assert len(calls) - once == 3 + 1 + 1


def test_a_painting_is_brought_to_the_long_side_and_never_enlarged(extract, generator):
    sizes = []

    def recorded(image):
        sizes.append(image.shape[1:3])
        return extract(image)

    content = picture(generator, 64, 128)
    judge.Judge(recorded)(content, content, picture(generator, 256, 192))
    assert (128, 96) in sizes
    assert (64, 48) in sizes
    sizes.clear()
    judge.Judge(recorded)(content, content, picture(generator, 72, 80))
    assert (72, 80) in sizes


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((1, 64, 64), (1, 64, 64, 3), (1, 64, 64, 3)), "`picture` must be"),
        (((1, 64, 64, 3), (1, 64, 64, 4), (1, 64, 64, 3)), "`content` must be"),
        (((1, 64, 64, 3), (1, 64, 64, 3), (1, 64, 63, 3)), "`style` must be at least 64"),
        (((1, 64, 64, 3), (1, 64, 80, 3), (1, 64, 64, 3)), "shape of `content`"),
        (((1, 64, 96, 3), (1, 64, 96, 3), (1, 64, 128, 3)), r"`style`.*\[1, 48, 96, 3\]"),
    ],
)
def test_pictures_that_cannot_be_compared_are_refused(extract, shapes, message):
    images = [np.zeros(shape, np.float32) for shape in shapes]
    with pytest.raises(ValueError, match=message):
        judge.Judge(extract)(*images)


def test_a_picture_with_a_nan_is_refused(extract, generator):
    image = picture(generator, 64, 64)
    broken = image.copy()
    broken[0, 3, 3, 0] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        judge.Judge(extract)(broken, image, image)


def test_the_command_prints_a_table_and_writes_json(
    extract, generator, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(judge, "default_judge", lambda weights: judge.Judge(extract))
    image = Image.fromarray(generator.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    image.save(tmp_path / "a.png")
    path, report = str(tmp_path / "a.png"), tmp_path / "made" / "rows.json"
    command.main(["--content", path, "--style", path, "--json", str(report), path, path])
    lines = capsys.readouterr().out.splitlines()
    columns = "gram | gram* | w2 | cont | kept | whole | ghost | noise | weave | sifid | embed"
    assert lines[0] == f"| picture | {columns} |"
    start, end = lines[2].split(" | 1.000 | ")
    assert start == "| a.png (64x64) | 0.000 | 0.000 | 0.000 | 0.000"
    assert end.partition(" | ")[2] == "0.000 | +0.00 | +0.00 | - | - |"
    assert len(lines) == 4
    assert str(tmp_path) not in report.read_text()
    written = common.json.loads(report.read_text())
    assert written["results"]["pictures"]["a.png (64x64)"]["gram"] == 0
    assert written["environment"]["versions"]["numpy"] == np.__version__


# What the scripts share.


def test_median_and_spread_worked_by_hand():
    expected = {"median": 2.5, "minimum": 1.0, "maximum": 9.0, "runs": 4}
    assert common.median_and_spread([9, 2, 3, 1]) == expected
    with pytest.raises(ValueError, match="at least one"):
        common.median_and_spread([])


def test_the_processor_is_read_from_the_system_or_guessed(tmp_path):
    information = tmp_path / "cpuinfo"
    information.write_text("processor\t: 0\nmodel name\t: Difference Engine : 2\n")
    assert common.processor(information) == "Difference Engine : 2"
    assert common.processor(tmp_path / "none") != ""


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path):
    target = tmp_path / "rows.json"
    common.write_json(target, 1)
    before = target.read_text()
    with pytest.raises(ValueError, match="not JSON compliant"):
        common.write_json(target, math.nan)
    assert target.read_text() == before
    assert list(tmp_path.iterdir()) == [target]


def test_a_mean_row_has_the_columns_that_all_rows_have():
    rows = [{"gram": 0.1, "embed": 0.9, "flags": ["--x"]}, {"gram": 0.3, "flags": ["--x"]}]
    assert quality.mean(rows) == {"gram": pytest.approx(0.2), "flags": ["--x"]}


def test_flags_go_to_every_picture_and_the_means_come_last(monkeypatch, tmp_path, capsys):
    painted = []

    def measured(pair, variants, folder, long_side):
        painted.append((pair[0].name, variants))
        row = {"gram": 0.1 * len(painted), "seconds": 2.0, "flags": []}
        return dict.fromkeys(variants, row)

    monkeypatch.setattr(quality, "measure", measured)
    monkeypatch.setattr(judge, "check_calibration", lambda *pictures: None)
    monkeypatch.setattr(quality.pictures, "read", lambda path: None)
    target = tmp_path / "quality.json"
    words = ["--pictures", str(tmp_path), "--json", str(target), "--flags", "--steps 3 --seed '1'"]
    quality.main(words)
    assert painted == [
        (content.rpartition("/")[2], {"default": quality.Recipe(["--steps", "3", "--seed", "1"])})
        for content, _ in quality.PAIRS
    ]
    assert len(painted) == 9
    results = common.json.loads(target.read_text())["results"]
    assert list(results)[-1] == "mean of 9 pairs"
    assert results["mean of 9 pairs"]["default"]["gram"] == pytest.approx(0.5)
    assert "| 2 | default | 0.500 |" in capsys.readouterr().out.splitlines()[-1]


def test_a_flag_varies_in_turns_with_an_older_checkout(monkeypatch, tmp_path):
    painted, sides = [], []

    def judged(picture, *given):
        sides.append(picture.shape[2])
        return {}

    monkeypatch.setattr(quality, "paint", lambda *arguments: painted.append(arguments[-1]) or 1.0)
    monkeypatch.setattr(judge, "judge", judged)
    monkeypatch.setattr(quality.pictures, "read", lambda path: np.zeros([1, 30, 40, 3], np.float32))
    words = ["--vary", "strength .5 2", "--before", str(tmp_path), "--judged_at", "20"]
    target = tmp_path / "quality.json"
    quality.main([*words, "--flags", "--size 96", "--json", str(target)])
    assert painted == [
        quality.Recipe(["--size", "96"], tmp_path),
        quality.Recipe(["--strength", ".5", "--size", "96"]),
        quality.Recipe(["--strength", "2", "--size", "96"]),
    ]
    assert sides == [20, 20, 20]
    found = common.json.loads(target.read_text())["results"]
    assert list(found["content x style"]) == ["before", "strength .5", "strength 2"]


# The independent network.


def test_position_features_are_the_third_stages(monkeypatch):
    maps = [tf.zeros([1, 1, 1, channels]) for channels in (32, 16, 24, 40, 80)]
    monkeypatch.setattr(style_embedding, "feature_maps", lambda weights, image: iter(maps))
    assert style_embedding.position_features({}, np.zeros((1, 8, 8, 3))) is maps[3]


def test_embedding_weights_are_refused_unless_they_are_that_file(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        style_embedding.read_weights(path)


def test_a_tensor_of_the_embedding_file_is_a_strided_part_of_its_storage():
    storage = np.arange(10, dtype=np.float32)
    view = style_embedding._View("key", 1, (2, 3), (1, 2))
    np.testing.assert_array_equal(view.of(storage), [[1, 3, 5], [2, 4, 6]])


def test_the_embedding_file_can_call_nothing_else():
    with pytest.raises(pickle.UnpicklingError, match=r"may not name builtins\.print"):
        style_embedding._Reader(io.BytesIO(pickle.dumps(print))).load()
