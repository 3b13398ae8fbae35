"""A painting, or all those of a folder, as a style."""

import numpy as np
import pytest
from PIL import Image

from stylize_tf.control import styles
from stylize_tf.control.styles import expanded
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images import image_io
from stylize_tf.iterative.stylizer import Stylizer
from tests.fakes.small_pictures import PLAIN


@pytest.fixture
def folder(tmp_path):
    """Three paintings, unlike each other, and what is none."""
    place = tmp_path / "paintings"
    (place / "more.png").mkdir(parents=True)
    for seed, name in enumerate(("sky.png", "a.png", "sea.bmp", ".hidden.png")):
        pixels = np.random.default_rng(seed).integers(0, 256, (30, 24 + seed, 3), dtype=np.uint8)
        pixels //= 4 - seed  # Of other brightness each.
        Image.fromarray(pixels).save(place / name)
    (place / "notes.txt").write_text("not a picture")
    return place


@pytest.fixture
def names(folder):
    return [str(folder / name) for name in ("a.png", "sea.bmp", "sky.png")]


def test_styles_without_a_folder_stay_as_they_are():
    array = np.zeros([1, 4, 4, 3])
    assert expanded(["a.png", array], (3.0, 1.0)) == (["a.png", array], (3.0, 1.0))
    assert expanded(["nowhere.png"], ()) == (["nowhere.png"], ())


def test_folder_is_its_pictures_in_equal_parts(folder, names):
    assert expanded([folder], ()) == (names, ())
    assert expanded([str(folder)], (7.0,)) == (names, ())
    assert expanded([folder, "b.png"], ()) == ([*names, "b.png"], (1 / 3, 1 / 3, 1 / 3, 1.0))
    assert expanded(["b.png", folder], (1.0, 3.0)) == (["b.png", *names], ())
    assert expanded(["b.png", folder], (2.0, 3.0)) == (["b.png", *names], (2.0, 1.0, 1.0, 1.0))


def test_what_cannot_be_a_style_is_refused(folder, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="empty' is a folder without pictures"):
        expanded([tmp_path / "empty"], ())
    monkeypatch.setattr(styles, "MOST_PAINTINGS", 2)
    with pytest.raises(ImageError, match="paintings' holds 3 pictures; at most 2 can be one style"):
        expanded([folder], ())
    with pytest.raises(ConfigError, match="one number for each `style`; got 2 for 1"):
        expanded([folder], (1.0, 2.0))


def test_picture_from_a_folder_is_that_from_its_paintings(tiny_engine, folder, names, rng):
    content = rng.uniform(0.2, 0.8, size=[1, 36, 48, 3]).astype(np.float32)
    paint = Stylizer(PLAIN, engine=tiny_engine)
    image = paint(content, folder)
    np.testing.assert_array_equal(image, paint(content, names))
    assert np.abs(image - paint(content, names[0])).max() > 0.01
    other = rng.uniform(0.2, 0.8, size=[1, 30, 30, 3]).astype(np.float32)
    shares = paint.pictures(content, [folder, other]).shares
    np.testing.assert_allclose(shares, [1 / 6] * 3 + [1 / 2])


def test_folder_goes_with_one_region(tiny_engine, folder, rng):
    content = rng.uniform(0.2, 0.8, size=[1, 36, 48, 3]).astype(np.float32)
    paint = Stylizer(PLAIN, engine=tiny_engine)
    mask = np.zeros([36, 48], np.float32)
    mask[:, :24] = 1
    assert np.isfinite(paint(content, folder, content_masks=[mask])).all()
    for masks in (
        {"content_masks": [mask, 1 - mask]},
        {"style_masks": [np.ones([30, 25], np.float32)]},
    ):
        with pytest.raises(ConfigError, match="must not be a folder with several `content_masks`"):
            paint(content, folder, **masks)
    found = Stylizer(PLAIN.replace(regions="auto:2"), engine=tiny_engine)
    with pytest.raises(ConfigError, match="must not be a folder"):
        found(content, folder)


def test_names_that_no_file_can_have_are_not_folders():
    for name in ("a" * 300, "", "a\0b", 3, None, np.zeros([1, 2, 2, 3])):
        assert not styles.is_folder(name)


def test_shares_decide_the_checkpoint(tiny_engine, folder, names, rng):
    content, other = rng.uniform(0.2, 0.8, size=[2, 1, 36, 48, 3]).astype(np.float32)
    paint = Stylizer(PLAIN, engine=tiny_engine)
    assert (
        paint.pictures(content, [folder, other]).digests
        != paint.pictures(content, [*names, other]).digests
    )
    assert paint.pictures(content, folder).digests == paint.pictures(content, names).digests


def test_unreadable_painting_of_a_folder_is_named(tiny_engine, folder):
    (folder / "broken.png").write_bytes(b"nothing")
    with pytest.raises(ImageError, match=r"broken\.png"):
        Stylizer(PLAIN, engine=tiny_engine).iterate(np.zeros([1, 36, 48, 3]), folder)
    assert image_io.read(folder / "a.png").shape == (1, 30, 25, 3)
