"""The pictures in `examples/`, the script that draws some, and that which paints the gallery."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples import gallery, make_examples

SMALL = (96, 72)
PICTURES = [
    pytest.param(make_examples.photograph, "content.jpg", make_examples.CONTENT_SIZE, id="content"),
    pytest.param(make_examples.painting, "style.jpg", make_examples.STYLE_SIZE, id="style"),
    pytest.param(make_examples.dots, "dots.jpg", make_examples.DOTS_SIZE, id="dots"),
]


def block_deviations(picture: Image.Image, blocks: int) -> np.ndarray:
    """The standard deviation within each of `blocks` by `blocks` parts of a picture, in 0..255."""
    pixels = np.asarray(picture.convert("L"), np.float64)
    rows = np.array_split(pixels, blocks, axis=0)
    return np.array([[part.std() for part in np.array_split(row, blocks, axis=1)] for row in rows])


@pytest.mark.parametrize(("draw", "name", "size"), PICTURES)
def test_same_seed_draws_the_same_picture_and_another_seed_another(draw, name, size):
    first, again, other = (np.asarray(draw(*SMALL, seed)) for seed in (1, 1, 2))
    assert first.shape == (SMALL[1], SMALL[0], 3)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 3


@pytest.mark.parametrize(("draw", "name", "size"), PICTURES)
def test_shipped_picture_has_its_size_and_full_contrast(draw, name, size):
    path = Path(make_examples.__file__).with_name(name)
    assert path.stat().st_size < 600_000
    with Image.open(path) as picture:
        assert (picture.size, picture.mode) == (size, "RGB")
        darkest, lightest = np.percentile(np.asarray(picture), (1, 99))
    assert darkest < 40
    assert lightest > 215


def test_shipped_painting_is_flat_nowhere_and_photograph_has_calm_and_busy_parts():
    folder = Path(make_examples.__file__).parent
    with Image.open(folder / "style.jpg") as style, Image.open(folder / "content.jpg") as content:
        assert block_deviations(style, 16).min() > 8
        photograph = block_deviations(content, 16)
    assert np.percentile(photograph, 20) < 10
    assert np.percentile(photograph, 90) > 30


def test_the_command_line_writes_all_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(make_examples, "CONTENT_SIZE", SMALL)
    monkeypatch.setattr(make_examples, "STYLE_SIZE", SMALL)
    monkeypatch.setattr(make_examples, "DOTS_SIZE", SMALL)
    folder = tmp_path / "new"
    monkeypatch.setattr("sys.argv", ["make_examples.py", "--output_dir", str(folder)])
    make_examples.main()
    assert sorted(path.name for path in folder.iterdir()) == [
        *("content.jpg", "dots.jpg", "land.png", "sky.png", "style.jpg", "swirl.png")
    ]


def test_the_mask_of_the_whirlpool_is_where_the_painting_is_blue():
    folder = Path(make_examples.__file__).parent
    mask = np.asarray(Image.open(folder / "swirl.png").convert("L")) > 127
    painting = np.asarray(Image.open(folder / "style.jpg"), np.float64)
    assert mask.shape == painting.shape[:2]
    assert 0.05 < mask.mean() < 0.2
    bluer = painting[..., 2] - painting[..., 0]
    assert bluer[mask].mean() > bluer[~mask].mean() + 30


def test_sky_is_where_the_photograph_shows_it():
    folder = Path(make_examples.__file__).parent
    sky, land = (Image.open(folder / name).convert("L") for name in ("sky.png", "land.png"))
    assert sky.size == make_examples.CONTENT_SIZE
    mask = np.asarray(sky, np.float64) / 255
    np.testing.assert_array_equal(np.asarray(land), 255 - np.asarray(sky))
    assert mask[:10, 200:].min() == 1
    assert mask[-200:].max() == 0
    assert 0.3 < mask.mean() < 0.6
    # Firs stand before it: darker than the sky beside them.
    photograph = np.asarray(Image.open(folder / "content.jpg").convert("L"), np.float64)
    rows, left = slice(100, 250), slice(20, 80)
    is_sky = mask[rows, left] > 0.5
    assert photograph[rows, left][is_sky].mean() > 2 * photograph[rows, left][~is_sky].mean()


def test_source_and_license_of_every_picture_are_told_and_it_is_small():
    folder = Path(make_examples.__file__).parent
    text = (folder / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*`) \|.*\|.*\|.*\|$", text, re.MULTILINE)
    told = sorted(name for row in rows for name in re.findall(r"`(.*?)`", row))
    assert told == sorted(path.name for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
    generated = set(re.findall(r"`(.*?)`", rows[0]))
    for name in set(told) - generated:
        assert (folder / name).stat().st_size < 80_000, name
        with Image.open(folder / name) as picture:
            assert max(picture.size) <= 512, name


def test_gallery_paints_the_pair_and_the_size_that_it_names_under_a_picture(monkeypatch, tmp_path):
    commands = []

    def run(command, cwd, check):
        commands.append(command)
        Image.new("RGB", (8, 6)).save(command[command.index("--output") + 1])

    monkeypatch.setattr(gallery.subprocess, "run", run)
    monkeypatch.setattr(gallery, "FOLDER", tmp_path)
    shown = {x.name: x for group in gallery.GROUPS.values() for x in group}
    for name in ("portrait", "street", "fine"):
        gallery.make(shown[name])
    given = [" ".join(command[3 : command.index("--output")]) for command in commands]
    portrait = "--content examples/astronaut.jpg --style examples/harvesters.jpg --size 512"
    street = "--content examples/street.jpg --style examples/glass.jpg"
    example = "--content examples/content.jpg --style examples/style.jpg"
    assert given == [portrait, f"{street} --size 384", f"{example} --size 384 --style_scale .5"]
    assert shown["portrait"].told == portrait
    assert shown["street"].told == street
    assert shown["fine"].told == "--style_scale .5"
    for picture in shown.values():
        assert all((gallery.ROOT / path).exists() for path in picture.pair[1::2]), picture.name
