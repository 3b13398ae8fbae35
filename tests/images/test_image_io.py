"""Arrays and tensors in, resizing, files out, and the metadata in them."""

import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin

from stylize_tf.errors import ImageError, OutputError
from stylize_tf.images import decoding, image_io
from tests.fakes.picture_files import (
    FORMATS,
    FakeTensor,
    as_pillow_opens,
    assert_refused,
    encoded,
    names,
    noise,
    stored,
    warnings_of,
)


@pytest.mark.parametrize("wrap", [np.asarray, FakeTensor])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 3), (1, 2, 3, 3), (1, 2, 3, 1)])
def test_arrays_and_tensors_become_one_rgb_picture(wrap, shape):
    values = np.random.default_rng(0).random(shape, np.float32)
    image = image_io.read(wrap(values))
    assert image.shape == (1, 2, 3, 3)
    assert image.dtype == np.float32
    channels = values.reshape(1, 2, 3, -1)
    np.testing.assert_array_equal(image, np.broadcast_to(channels, image.shape))
    assert not np.shares_memory(image, values)


def test_the_type_of_an_array_says_its_range():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype, white in ((np.uint8, 255), (np.uint16, 65535), (np.float16, 1), (np.float64, 1)):
        values = np.array([[0, white]], dtype)
        np.testing.assert_array_equal(image_io.read(values)[0, 0, :, 0], [0, 1])
    values = np.array([[0, 0.5]], ml_dtypes.bfloat16)
    np.testing.assert_array_equal(image_io.read(values)[0, 0, :, 0], [0, 0.5])


def test_alpha_of_arrays_is_composited():
    values = np.array([[[1, 0, 0, 0.25]]], np.float32)
    image = image_io.read(values, background=(0, 0, 255))
    np.testing.assert_allclose(image[0, 0, 0], [0.25, 0, 0.75], atol=1e-6)


def test_floats_a_hair_outside_are_clipped():
    image = image_io.read(np.array([[-5e-5, 1 + 5e-5]]))
    np.testing.assert_array_equal(image[0, 0, :, 0], [0, 1])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((2, 2, 3), 255.0), ("[0, 1]", "Divide by 255", "uint8")),
        (np.full((2, 2, 3), 1.01), ("[0, 1]", "1.01")),
        (np.full((2, 2, 3), -0.5), ("[0, 1]", "-0.5")),
        (np.full((2, 2, 3), 1e300), ("[0, 1]", "1e+300")),
        (np.full((2, 2, 3), np.nan), ("NaN",)),
        (np.full((2, 2, 3), np.inf), ("infinite",)),
        (np.zeros((2, 2, 3), np.int64), ("int64", "uint8")),
        (np.zeros((2, 2, 3), bool), ("bool", "uint8")),
        (np.zeros((2, 2, 3), object), ("object", "uint8")),
        (np.zeros((2, 2, 3), np.complex64), ("complex64",)),
        (np.zeros((2, 2, 2)), ("(2, 2, 2)",)),
        (np.zeros((3, 16, 16)), ("(3, 16, 16)", "channels last")),
        (np.zeros((2, 8, 8, 3)), ("(2, 8, 8, 3)", "one picture")),
        (np.zeros((0, 8, 3)), ("(0, 8, 3)",)),
        (np.zeros(3), ("(3,)",)),
        (np.zeros(()), ("()",)),
        ([[0, 1]], ("list",)),
        (None, ("NoneType",)),
        (FakeTensor(None), ("no values", "only available when eager")),
        (FakeTensor(3), ("int",)),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else getattr(value, "dtype", value),
)
def test_arrays_that_are_no_picture_are_refused_and_never_guessed(values, words):
    with pytest.raises(ImageError) as caught:
        image_io.read(values, name="style")
    message = str(caught.value)
    assert message.isprintable()
    assert "`style`" in message
    for word in words:
        assert word in message


def test_resizing_to_the_same_size_gives_an_equal_copy():
    image = np.random.default_rng(0).normal(size=(2, 5, 7, 4)).astype(np.float32)
    same = image_io.resize(image, 5, 7)
    np.testing.assert_array_equal(same, image)
    assert not np.shares_memory(same, image)


@pytest.mark.parametrize("size", [(8, 12), (33, 50), (1, 1), (7, 100), (64, 3)], ids=str)
def test_resizing_keeps_constants_and_range_and_commutes_with_flips(size):
    generator = np.random.default_rng(0)
    image = generator.random((2, 16, 24, 3), np.float32)
    resized = image_io.resize(image, *size)
    assert resized.shape == (2, *size, 3)
    assert resized.dtype == np.float32
    assert resized.min() >= 0
    assert resized.max() <= 1
    flipped = image_io.resize(image[:, ::-1, ::-1], *size)[:, ::-1, ::-1]
    np.testing.assert_allclose(flipped, resized, atol=2e-6)
    swapped = image_io.resize(image.swapaxes(1, 2), *size[::-1]).swapaxes(1, 2)
    np.testing.assert_allclose(swapped, resized, atol=1e-5)
    constant = np.full((1, 16, 24, 1), 0.3, np.float32)
    np.testing.assert_allclose(image_io.resize(constant, *size), 0.3, atol=1e-6)


def test_shrinking_averages_what_it_drops():
    checkers = np.indices((64, 64)).sum(axis=0) % 2
    image = checkers[np.newaxis, ..., np.newaxis].astype(np.float32)
    np.testing.assert_allclose(image_io.resize(image, 16, 16)[0, 2:-2, 2:-2], 0.5, atol=0.01)


def test_enlarging_a_ramp_gives_a_ramp():
    ramp = np.linspace(0.2, 0.8, 8, dtype=np.float32)[np.newaxis, np.newaxis, :, np.newaxis]
    enlarged = image_io.resize(ramp, 1, 32)[0, 0, 8:-8, 0]
    np.testing.assert_allclose(np.diff(enlarged), 0.6 / 7 / 4, atol=1e-5)


def test_values_outside_the_unit_range_are_not_clipped():
    image = np.zeros((1, 8, 8, 1), np.float32)
    image[:, :, 4:] = 2
    enlarged = image_io.resize(image, 32, 32)
    assert enlarged.max() > 2
    assert enlarged.min() < 0
    np.testing.assert_allclose(enlarged, 2 * (1 - enlarged[:, :, ::-1] / 2), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "size"), [((4, 4, 3), (2, 2)), ((1, 0, 4, 3), (2, 2)), ((1, 4, 4, 3), (0, 2))]
)
def test_resizing_what_has_no_size_is_refused(shape, size):
    with pytest.raises(ValueError, match="must be"):
        image_io.resize(np.zeros(shape, np.float32), *size)


@hypothesis.settings(max_examples=60, deadline=None, database=None, derandomize=True)
@hypothesis.given(
    hypothesis.extra.numpy.arrays(
        np.uint8,
        hypothesis.strategies.tuples(
            hypothesis.strategies.integers(1, 9),
            hypothesis.strategies.integers(1, 9),
            hypothesis.strategies.just(3),
        ),
    )
)
def test_png_and_tiff_give_every_picture_of_8_bits_back_exactly(values):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("picture.png", "picture.tiff"):
            path = Path(folder) / name
            image_io.write(path, (values / 255).astype(np.float32))
            image = image_io.read(path)
            np.testing.assert_array_equal(np.rint(image[0] * 255), values)
            image_io.write(path, image)
            np.testing.assert_array_equal(image_io.read(path), image)


@pytest.mark.parametrize("extension", [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".JPG"])
def test_what_is_written_is_the_same_bytes_each_time_and_says_srgb(tmp_path, extension):
    smooth = image_io.resize(noise(4, 6)[np.newaxis] / 255, 32, 48)
    first, second = tmp_path / f"first{extension}", tmp_path / f"second{extension}"
    metadata = {"seed": 1, "a": [0.5, None, "ü"]}
    image_io.write(first, smooth, metadata=metadata)
    time.sleep(0.01)
    image_io.write(second, smooth, metadata=metadata)
    assert first.read_bytes() == second.read_bytes()
    np.testing.assert_allclose(image_io.read(first), smooth, atol=0.12)
    assert np.abs(image_io.read(first) - smooth).mean() < 0.02
    with as_pillow_opens(first) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        if image.format == "JPEG":
            assert JpegImagePlugin.get_sampling(image) == 0


@pytest.mark.parametrize("extension", [".png", ".webp", ".tif"])
def test_transparency_that_is_written_is_read_again(tmp_path, extension):
    alpha = np.linspace(0, 1, 24, dtype=np.float32).reshape(1, 4, 6, 1)
    image_io.write(tmp_path / f"a{extension}", noise(4, 6) / 255, alpha=alpha, metadata={"a": 1})
    found = image_io.read_alpha(tmp_path / f"a{extension}")
    np.testing.assert_allclose(found, alpha, atol=0.002)
    assert image_io.read_metadata(tmp_path / f"a{extension}") == {"a": 1}


def test_transparency_that_cannot_be_written_is_refused(tmp_path):
    for name, alpha, word in (
        ("a.jpg", np.ones((4, 6)), "JPEG holds no transparency. Use .png, .webp or .tif."),
        ("a.png", np.ones((6, 4)), "`alpha` must be"),
        ("a.png", np.full((4, 6), 2.0), "`alpha` must be in"),
    ):
        with pytest.raises(OutputError, match=word):
            image_io.write(tmp_path / name, noise(4, 6) / 255, alpha=alpha)
    assert names(tmp_path) == []


def test_the_embedded_profile_does_not_change_with_the_clock(tmp_path):
    code = (
        "import sys; from stylize_tf.images import decoding;"
        "sys.stdout.write(decoding.srgb_profile().hex())"
    )
    time.sleep(1 - time.time() % 1)  # Profiles are dated to the second.
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == decoding.srgb_profile().hex()


def test_values_are_rounded_to_the_nearest(tmp_path):
    image = np.array([[[0.5, 0.4, 254.4], [254.6, 99.51, 100.49]]], np.float32) / 255
    image_io.write(tmp_path / "a.png", FakeTensor(image[np.newaxis]))
    written = np.asarray(as_pillow_opens(tmp_path / "a.png"))
    np.testing.assert_array_equal(written, [[[0, 0, 254], [255, 100, 100]]])


def broken(*_, **__):
    raise RuntimeError("encoder\nbroke")


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (np.full((4, 4, 3), np.nan), {}, ("NaN",)),
        (np.full((4, 4, 3), np.inf), {}, ("infinite",)),
        (np.full((4, 4, 3), 2.0), {}, ("[0, 1]",)),
        (np.full((4, 4, 3), -1.0), {}, ("[0, 1]",)),
        (np.zeros((1, 17000, 3)), {}, ("WEBP", "Use .png")),
        *((noise(), {"quality": value}, ("`quality`",)) for value in (0, 101, 50.5, "high", None)),
        *((noise(), {"metadata": {"a": value}}, ("`metadata`",)) for value in (np.nan, {1}, b"x")),
        (None, {}, ("encoder broke",)),
    ],
    ids=lambda value: "" if isinstance(value, np.ndarray) else str(value),
)
def test_what_cannot_be_written_is_refused_and_the_old_file_kept(
    tmp_path, monkeypatch, image, options, words
):
    if image is None:
        image = noise()
        monkeypatch.setattr(Image.Image, "save", broken)
    path = stored(tmp_path, b"old", "a.webp")
    with pytest.raises(OutputError) as caught:
        image_io.write(path, image, **options)
    assert all(word in str(caught.value) for word in words)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.webp"]


def test_a_better_quality_takes_more_bytes(tmp_path):
    for name in ("a.jpg", "a.webp"):
        image_io.write(tmp_path / name, noise(), quality=20)
        small = (tmp_path / name).stat().st_size
        image_io.write(tmp_path / name, noise(), quality=95)
        assert (tmp_path / name).stat().st_size > small


@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp", ".tiff"])
@pytest.mark.parametrize(
    "metadata",
    [{}, {"b": [1, 2.5, None, True], "a": {'ü\n\0"\\': "图 ' }"}}, {"long": "x" * 60_000}],
    ids=["empty", "nested", "long"],
)
def test_metadata_comes_back_as_it_was(tmp_path, extension, metadata):
    path = tmp_path / f"a{extension}"
    image_io.write(path, noise(), metadata=metadata)
    assert image_io.read_metadata(path) == metadata
    assert image_io.read(path).shape == (1, 16, 24, 3)
    with as_pillow_opens(path) as image:
        if extension == ".png":
            assert json.loads(image.text["stylize_tf"]) == metadata
        else:
            comment = image.getexif().get_ifd(0x8769)[0x9286]
            assert json.loads(comment[8:]) == {"stylize_tf": metadata}


@pytest.mark.parametrize("form", FORMATS)
def test_pictures_of_others_have_no_metadata(tmp_path, form):
    assert image_io.read_metadata(stored(tmp_path, encoded(noise(), form))) is None


@pytest.mark.parametrize("comment", [b"ASCII\0\0\0hello", b"ASCII\0\0\0{}", b"", "text"])
def test_comments_of_others_are_not_our_metadata(tmp_path, comment):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    path = stored(tmp_path, encoded(noise(), "JPEG", exif=exif.tobytes()))
    assert image_io.read_metadata(path) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "3", "null", "[" * 100_000, "1" * 5000, "x" * 2**20 + "x"], ids=len
)
def test_damaged_metadata_is_refused(tmp_path, text):
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("stylize_tf", text)
    assert_refused(
        stored(tmp_path, encoded(noise(), "PNG", pnginfo=chunks)),
        "metadata",
        call=image_io.read_metadata,
    )
    if len(text) < 60_000:
        exif = Image.Exif()
        comment = b'ASCII\0\0\0{"stylize_tf": ' + text.encode() + b"}"
        exif.get_ifd(0x8769)[0x9286] = comment
        assert_refused(
            stored(tmp_path, encoded(noise(), "JPEG", exif=exif.tobytes())),
            "metadata",
            call=image_io.read_metadata,
        )


def test_metadata_too_large_for_the_format_is_left_out_with_a_warning(tmp_path, caplog):
    for name, length in (("a.jpg", 70_000), ("a.png", 2**20), ("a.webp", 2**20)):
        caplog.clear()
        image_io.write(tmp_path / name, noise(), metadata={"long": "x" * length})
        assert image_io.read_metadata(tmp_path / name) is None
        (text,) = warnings_of(caplog)
        assert repr(str(tmp_path / name)) in text
