import contextlib
import errno
import hashlib
import importlib.util
import io
import json
import logging
import os
import random
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin

from stylize_tf import image_io
from stylize_tf.image_io import ImageError, OutputError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PPM")


# Building pictures, good and bad.


def noise(height=16, width=24, channels=3, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return values[..., 0] if channels == 1 else values


def encoded(image, form, **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def stored(folder, data, name="picture"):
    path = folder / name
    path.write_bytes(data)
    return path


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color_type, rows, before=b"", behind=b""):
    """A PNG from raw rows, for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", pixels)
        + behind
        + chunk(b"IEND", b"")
    )


def tiff(data, **changes):
    """A TIFF of little-endian shorts in which tags, by number as `t262`, are overwritten."""
    changed = bytearray(data)
    (start,) = struct.unpack_from("<I", changed, 4)
    (count,) = struct.unpack_from("<H", changed, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from("<HH", changed, entry)
        if f"t{tag}" in changes:
            struct.pack_into("<H" if kind == 3 else "<I", changed, entry + 8, changes[f"t{tag}"])
    if "next" in changes:
        struct.pack_into("<I", changed, start + 2 + 12 * count, changes["next"])
    return bytes(changed)


def fixed(*numbers):
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def icc(space, tags, connection=b"XYZ ", kind=b"mntr"):
    """An ICC profile of version 2."""
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = 128 + len(table) + len(body)
    date = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    header = struct.pack(">I4xI", size, 0x02400000) + kind + space + connection + date + b"acsp"
    header += bytes(28) + fixed(0.9642, 1.0, 0.8249)
    return header + bytes(128 - len(header)) + table + body


def gamma_curve(gamma):
    return b"curv" + struct.pack(">4xIH", 1, round(gamma * 256)) + bytes(2)


def rgb_profile(colorants, gamma):
    tags = {b"rTRC": gamma_curve(gamma), b"gTRC": gamma_curve(gamma), b"bTRC": gamma_curve(gamma)}
    for name, color in zip((b"rXYZ", b"gXYZ", b"bXYZ"), np.transpose(colorants), strict=True):
        tags[name] = b"XYZ " + bytes(4) + fixed(*color)
    return icc(b"RGB ", tags)


def grey_profile(gamma):
    return icc(b"GRAY", {b"kTRC": gamma_curve(gamma)})


# Columns are the XYZ of red, green and blue, adapted to D50.
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
DISPLAY_P3 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)


def srgb_curve(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "stylize_tf"]


def assert_refused(path, *words, error=ImageError, call=image_io.read):
    with pytest.raises(error) as caught:
        call(path)
    message = str(caught.value)
    assert message.isprintable()
    assert repr(os.fspath(path)) in message
    for word in words:
        assert word in message
    return message


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def as_pillow_opens(path):
    return Image.open(io.BytesIO(path.read_bytes()))


@contextlib.contextmanager
def unprivileged():
    """Root may do everything, so permissions are tested as somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_folder():
    """A folder that `unprivileged` can enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


# Reading files: what is accepted.


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_read_by_content_whatever_its_name(tmp_path, form):
    options = {"lossless": True} if form == "WEBP" else {}
    options = {"quality": 100} if form == "AVIF" else options
    path = stored(tmp_path, encoded(noise(), form, **options), "picture.txt")
    image = image_io.read(path)
    assert image.shape == (1, 16, 24, 3)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    assert image.min() >= 0
    assert image.max() <= 1
    assert image_io.size_of(path) == (16, 24)
    expected = np.asarray(as_pillow_opens(path).convert("RGB"), np.float32) / 255
    np.testing.assert_array_equal(image[0], expected)
    if form in ("PNG", "WEBP", "TIFF", "BMP", "PPM"):
        np.testing.assert_array_equal(np.rint(image[0] * 255), noise())


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (31, 33)], ids=str)
def test_odd_sizes_are_read_exactly(tmp_path, size):
    path = stored(tmp_path, encoded(noise(*size), "PNG"))
    assert image_io.read(path).shape == (1, *size, 3)
    assert image_io.size_of(path) == size


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_junk_behind_the_end_is_ignored(tmp_path, form):
    good = encoded(noise(), form)
    image = image_io.read(stored(tmp_path, good, "good"))
    np.testing.assert_array_equal(image, image_io.read(stored(tmp_path, good + b"junk" * 99)))


@pytest.mark.parametrize(
    "name",
    ["café 图.png", "a b.png", "a\nb.png", "-.png", "-rf", "x" * 251 + ".png", b"\xff\xfe.png"],
    ids=lambda name: repr(name[:20]),
)
def test_any_file_name_can_be_read_written_and_reported(tmp_path, name):
    path = tmp_path / (os.fsdecode(name) if isinstance(name, bytes) else name)
    if path.suffix:
        image_io.write(path, noise())
    else:
        path.write_bytes(encoded(noise(), "PNG"))
    assert image_io.read(str(path)).shape == (1, 16, 24, 3)
    assert names(tmp_path) == [path.name]
    path.write_bytes(b"no picture at all")
    assert_refused(path, "format")


def test_importing_it_loads_neither_tensorflow_nor_keras():
    code = (
        "import sys, stylize_tf.image_io;"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Reading files: what is refused.


def test_what_is_not_there_is_refused_by_name(tmp_path):
    assert_refused(tmp_path / "missing.jpg", "does not exist")
    assert_refused(tmp_path / "no folder" / "missing.jpg", "does not exist")
    assert_refused(tmp_path, "folder")
    assert_refused("a\0b.png", "cannot be opened")
    assert_refused("x" * 300, "cannot be opened")
    assert_refused("", "folder")
    (tmp_path / "dangling").symlink_to(tmp_path / "missing.jpg")
    assert_refused(tmp_path / "dangling", "link")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert_refused(tmp_path / "loop", "cannot be opened")
    for call in (image_io.size_of, image_io.read_metadata, image_io.sha256):
        assert_refused(tmp_path / "missing.jpg", "does not exist", call=call)


def test_pipes_sockets_and_devices_are_refused_without_opening_them(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # The names of sockets are short.
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for path in ("pipe", "socket", "/dev/zero", "/dev/null"):
            for call in (image_io.read, image_io.size_of, image_io.read_metadata, image_io.sha256):
                assert_refused(path, "pipe, socket or device", call=call)


def test_a_file_without_read_permission_is_refused(public_folder):
    path = stored(public_folder, encoded(noise(), "PNG"), "secret.png")
    path.chmod(0)
    with unprivileged():
        assert_refused(path, "Permission denied")
        assert_refused(path, "Permission denied", call=image_io.sha256)


@pytest.mark.parametrize(
    "data",
    [
        b"just a text, not a picture\n" * 9,
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"<!DOCTYPE html><html><body>404</body></html>",
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0",
        b"%PDF-1.7\n",
        b"\0" * 4096,
    ],
    ids=["text", "svg", "html", "jpeg head", "png head", "tiff head", "pdf", "zeros"],
)
def test_what_is_no_picture_is_refused(tmp_path, data):
    assert_refused(stored(tmp_path, data, "picture.jpg"), "JPEG, PNG, WebP")


def test_an_empty_file_is_refused_as_empty(tmp_path):
    assert_refused(stored(tmp_path, b"", "picture.jpg"), "0 bytes")


@pytest.mark.parametrize("form", ["JPEG2000", "EPS", "ICO", "TGA", "PCX", "SGI", "DDS"])
def test_formats_outside_the_list_are_refused(tmp_path, form):
    assert_refused(stored(tmp_path, encoded(noise(32, 32), form), "picture.png"), "format")


def test_heic_without_its_reader_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(99)
    assert_refused(stored(tmp_path, data), "HEIC", 'pip install "stylize-tf[heic]"')


@pytest.mark.skipif(not importlib.util.find_spec("pillow_heif"), reason="needs the heic extra")
def test_heic_is_read_upright_with_its_reader(tmp_path):
    import pillow_heif

    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32] = 255
    exif = Image.Exif()
    exif[274] = 6
    pillow_heif.register_heif_opener()
    path = stored(tmp_path, encoded(pixels, "HEIF", quality=-1, exif=exif.tobytes()))
    image = image_io.read(path)
    assert image.shape == (1, 96, 64, 3)
    assert image_io.size_of(path) == (96, 64)
    np.testing.assert_allclose(image[0, :, 40:], 1, atol=0.02)
    np.testing.assert_allclose(image[0, :, :24], 0, atol=0.02)
    with pytest.raises(ImageError, match="too large"):
        image_io.read(path, max_pixels=6000)
    assert_refused(stored(tmp_path, path.read_bytes()[:-200], "cut"))


@pytest.mark.parametrize("form", FORMATS)
def test_truncated_files_are_refused_and_never_half_grey(tmp_path, form):
    data = encoded(noise(64, 64), form)
    # Nothing of a GIF's picture is in its last two bytes.
    for length in (len(data) // 2, len(data) - (3 if form == "GIF" else 1)):
        assert_refused(stored(tmp_path, data[:length]))


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT"])
def test_a_png_with_a_wrong_checksum_is_refused(tmp_path, kind):
    data = bytearray(encoded(noise(), "PNG"))
    start = data.index(kind)
    (length,) = struct.unpack_from(">I", data, start - 4)
    data[start + 4 + length] ^= 1
    assert_refused(stored(tmp_path, bytes(data)))


def bombs():
    """Small files that claim to be, or are, large."""
    jpeg = bytearray(encoded(noise(), "JPEG"))
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, 65500, 65500)
    gif = bytearray(encoded(noise(), "GIF"))
    struct.pack_into("<HH", gif, 6, 60000, 60000)
    struct.pack_into("<HH", gif, gif.index(b",\0\0\0\0") + 5, 60000, 60000)
    bmp = bytearray(encoded(noise(), "BMP"))
    struct.pack_into("<ii", bmp, 18, 60000, 60000)
    return {
        "png header": png(60000, 60000, 8, 2, [bytes(99)]),
        "png pixels": png(12000, 12000, 1, 0, [bytes(1500)] * 12000),
        "jpeg": bytes(jpeg),
        "gif": bytes(gif),
        "bmp": bytes(bmp),
        "tiff": tiff(encoded(noise(), "TIFF"), t256=60000, t257=60000),
        "webp": encoded(Image.new("L", (16383, 4000)), "WEBP", method=0, quality=0),
        "ppm": b"P6 50000 50000 255\n" + bytes(99),
    }


def test_too_many_pixels_are_refused_from_the_header_with_little_memory(tmp_path):
    pytest.importorskip("resource")
    for name, data in bombs().items():
        stored(tmp_path, data, name)
    code = """if True:
        import pathlib, resource, sys
        from stylize_tf import image_io
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        paths = sorted(pathlib.Path(sys.argv[1]).iterdir())
        for path in [paths[0], *paths]:
            before = peak()
            for call in (image_io.read, image_io.size_of):
                try:
                    call(path)
                except image_io.ImageError as error:
                    print(error)
            if peak() - before > 50_000:
                sys.exit(f"{path} took {peak() - before} kB")
    """
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    lines = run.stdout.splitlines()
    assert len(lines) == 2 + 2 * len(bombs())
    assert all("too large" in line and "50000000" in line for line in lines)


@pytest.mark.parametrize("form", FORMATS)
def test_the_pixel_limit_can_be_moved_and_is_exact(tmp_path, form):
    path = stored(tmp_path, encoded(noise(10, 10), form))
    limit = Image.MAX_IMAGE_PIXELS
    for call in (image_io.read, image_io.size_of):
        call(path, max_pixels=100)
        with pytest.raises(ImageError, match="100 pixels, where at most 99 "):
            call(path, max_pixels=99)
    with pytest.raises(ImageError, match="`content` is too large: 10 x 10"):
        image_io.read(as_pillow_opens(path), max_pixels=99, name="content")
    assert limit == Image.MAX_IMAGE_PIXELS


def test_the_pixel_limit_can_be_raised_above_that_of_pillow(tmp_path):
    wide = stored(tmp_path, png(15000, 6500, 1, 0, [bytes(1875)] * 6500), "wide")
    assert image_io.size_of(wide, max_pixels=100_000_000) == (6500, 15000)


def test_compressed_text_and_profiles_that_explode_are_refused_or_ignored(tmp_path):
    bomb = zlib.compress(bytes(70_000_000))
    rows = [bytes(24)] * 16
    for kind, start in (
        (b"zTXt", b"key\0\0"),
        (b"iTXt", b"key\0\1\0\0\0"),
        (b"iCCP", b"name\0\0"),
    ):
        path = stored(tmp_path, png(8, 16, 8, 2, rows, before=chunk(kind, start + bomb)))
        started = time.monotonic()
        assert_refused(path)
        assert time.monotonic() - started < 1


def test_a_loop_of_tiff_directories_ends(tmp_path):
    data = encoded(noise(), "TIFF")
    (start,) = struct.unpack_from("<I", data, 4)
    path = stored(tmp_path, tiff(data, next=start))
    started = time.monotonic()
    np.testing.assert_array_equal(np.rint(image_io.read(path)[0] * 255), noise())
    assert time.monotonic() - started < 1


def test_a_decoder_out_of_memory_is_an_error_of_the_picture(tmp_path, monkeypatch):
    path = stored(tmp_path, encoded(noise(), "PNG"))

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_prepare", fail)
    assert_refused(path, "memory")


# Depth and modes.


def test_sixteen_bit_grey_keeps_its_brightness(tmp_path):
    values = np.full((4, 4), 32639, np.uint16)  # 127 * 257
    for form in ("PNG", "TIFF"):
        image = image_io.read(stored(tmp_path, encoded(values, form)))
        np.testing.assert_allclose(image, 127 / 255, atol=1e-6)
    image = image_io.read(stored(tmp_path, b"P5 4 4 65535\n" + values.astype(">u2").tobytes()))
    np.testing.assert_allclose(image, 127 / 255, atol=1e-6)
    dark = stored(tmp_path, b"P5 4 4 65535\n" + np.full(16, 200, ">u2").tobytes())
    np.testing.assert_allclose(image_io.read(dark), 200 / 65535, atol=1e-6)


def test_sixteen_bit_grey_tiff_with_white_at_zero_is_not_negative(tmp_path):
    data = tiff(encoded(np.full((4, 4), 13107, np.uint16), "TIFF"), t262=0)
    np.testing.assert_allclose(image_io.read(stored(tmp_path, data)), 0.8, atol=1e-6)


def test_sixteen_bit_rgb_and_alpha_are_accepted(tmp_path):
    row = struct.pack(">6H", 65535, 32768, 0, 1, 2, 3)
    image = image_io.read(stored(tmp_path, png(2, 1, 16, 2, [row])))
    np.testing.assert_allclose(image[0, 0], [[1, 0.5, 0], [0, 0, 0]], atol=1 / 255)
    row = struct.pack(">4H", 0, 65535, 65535, 0)
    image = image_io.read(stored(tmp_path, png(2, 1, 16, 4, [row])), background=(255, 0, 0))
    np.testing.assert_allclose(image[0, 0], [[0, 0, 0], [1, 0, 0]], atol=1 / 255)


def test_twelve_bit_grey_tiff_reaches_white(tmp_path):
    data = tiff(encoded(np.full((2, 2), 65535, np.uint16), "TIFF"), t258=12, t279=6)
    np.testing.assert_array_equal(image_io.read(stored(tmp_path, data)), np.ones((1, 2, 2, 3)))


@pytest.mark.parametrize(
    ("values", "white"),
    [([0.0, 0.25, 1.0], 1), ([0.0, 51.0, 255.0], 255), ([0.0, 6553.5, 65535.0], 65535)],
    ids=str,
)
def test_float_grey_is_scaled_by_the_first_white_that_holds_it(tmp_path, caplog, values, white):
    path = stored(tmp_path, encoded(np.array([values], np.float32), "TIFF"))
    image = image_io.read(path)
    np.testing.assert_allclose(image[0, 0, :, 0], np.array(values) / white, atol=1e-6)
    assert len(warnings_of(caplog)) == (white > 1)


def test_integer_grey_of_thirty_two_bits_is_scaled(tmp_path):
    for white in (255, 65535):
        path = stored(tmp_path, encoded(np.array([[0, white]], np.int32), "TIFF"))
        np.testing.assert_array_equal(image_io.read(path)[0, 0, :, 1], [0, 1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_in_a_file_are_refused_by_name(tmp_path, value):
    values = np.full((3, 3), 0.5, np.float32)
    values[1, 1] = value
    assert_refused(stored(tmp_path, encoded(values, "TIFF")), "NaN or infinite")


@pytest.mark.parametrize("value", [-1.0, 1e6])
def test_float_values_without_a_scale_are_refused(tmp_path, value):
    values = np.array([[0.0, value]], np.float32)
    assert_refused(stored(tmp_path, encoded(values, "TIFF")), "[0, 1]")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "YCbCr", "CMYK", "HSV", "RGBX"])
def test_pil_images_of_opaque_modes_look_as_pillow_shows_them(mode):
    image = Image.fromarray(noise()).convert(mode)
    expected = np.asarray(image.convert("RGB"), np.float32)[np.newaxis] / 255
    np.testing.assert_allclose(image_io.read(image), expected, atol=1e-6)


def test_a_pil_image_is_not_changed():
    image = Image.fromarray(noise(channels=4))
    image.info["icc_profile"] = rgb_profile(DISPLAY_P3, 2.2)
    image.getexif()[274] = 6
    image_io.read(image)
    np.testing.assert_array_equal(np.asarray(image), noise(channels=4))
    assert image.getexif()[274] == 6
    assert set(image.info) == {"icc_profile"}


def test_lab_pictures_get_their_colors_back(tmp_path):
    colors = np.array([[[200, 30, 60], [20, 90, 40], [128, 128, 128]]], np.uint8)
    lab = ImageCms.profileToProfile(
        Image.fromarray(colors),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    image = image_io.read(stored(tmp_path, encoded(lab, "TIFF")))
    np.testing.assert_allclose(image[0] * 255, colors, atol=2)


def test_cmyk_files_look_right_also_with_adobes_inversion(tmp_path):
    colors = np.array([[[255, 255, 255], [0, 0, 0], [230, 20, 20], [20, 20, 230]]], np.uint8)
    colors = colors.repeat(16, axis=0).repeat(16, axis=1)
    inks = Image.fromarray(colors).convert("CMYK")
    data = encoded(inks, "JPEG", quality=100, subsampling=0)
    assert b"Adobe" in data  # Pillow stores it inverted, as Photoshop does.
    image = image_io.read(stored(tmp_path, data))
    np.testing.assert_allclose(image[0] * 255, colors, atol=8)
    image = image_io.read(stored(tmp_path, encoded(inks, "TIFF")))
    np.testing.assert_allclose(image[0] * 255, colors, atol=1)


# Transparency.


@pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA", "La", "PA"])
def test_alpha_is_composited_over_the_background(mode):
    color = (200, 200, 200) if mode in ("LA", "La") else (200, 100, 0)
    alphas = (0, 51, 255)
    source = Image.new("RGBA", (3, 1))
    source.putdata([(*color, alpha) for alpha in alphas])
    source = source.convert("LA").convert(mode) if mode == "La" else source.convert(mode)
    for background in ((255, 255, 255), (0, 51, 102)):
        image = image_io.read(source, background=background)
        for position, alpha in enumerate(alphas):
            expected = (np.array(color) * alpha + np.array(background) * (255 - alpha)) / 255
            np.testing.assert_allclose(image[0, 0, position] * 255, expected, atol=2)


def transparent_files():
    """Files of two pixels, the first of which is transparent and hides a color."""
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putdata([0, 1])
    rgb = Image.fromarray(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8))
    grey = Image.fromarray(np.array([[9, 0]], np.uint8))
    rgba = Image.fromarray(np.array([[[255, 0, 0, 0], [0, 0, 255, 255]]], np.uint8))

    def key(*values):
        return chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))

    return {
        "png P index": encoded(palette, "PNG", transparency=0),
        "png P alphas": encoded(palette, "PNG", transparency=b"\x00\xff"),
        "png RGB": encoded(rgb, "PNG", transparency=(255, 0, 0)),
        "png L": encoded(grey, "PNG", transparency=9),
        "png RGBA": encoded(rgba, "PNG"),
        "png 1 bit": png(2, 1, 1, 0, [b"\x80"], before=key(1)),
        "png 2 bits": png(2, 1, 2, 0, [b"\x80"], before=key(2)),
        "png 4 bits": png(2, 1, 4, 0, [b"\x50"], before=key(5)),
        "png 16 bits": png(2, 1, 16, 0, [struct.pack(">2H", 999, 0)], before=key(999)),
        "png RGB 16 bits": png(
            2, 1, 16, 2, [struct.pack(">6H", 9000, 0, 0, 0, 0, 65535)], before=key(9000, 0, 0)
        ),
        "gif": encoded(palette, "GIF", transparency=0),
        "webp": encoded(rgba, "WEBP", lossless=True, exact=True),
        "tiff": encoded(rgba, "TIFF"),
        "avif": encoded(rgba.resize((16, 8), 0), "AVIF", quality=100),
    }


@pytest.mark.parametrize("name", transparent_files())
def test_hidden_colors_of_transparent_pixels_never_show(tmp_path, name):
    path = stored(tmp_path, transparent_files()[name])
    for background in ((255, 255, 255), (0, 255, 0)):
        image = image_io.read(path, background=background)
        np.testing.assert_allclose(image[0, 0, 0] * 255, background, atol=2)
        assert image[0, 0, -1, 0] < 0.02
        assert image[0, 0, -1, 1] < 0.02


# Orientation.


# Where a pixel of the upright picture of `h` rows and `w` columns is stored, by the EXIF standard:
# "the 0th row is the visual top" (1), "the 0th row is the visual right-hand side" (6) and so on.
UPRIGHT = {
    1: lambda r, c, h, w: (r, c),
    2: lambda r, c, h, w: (r, w - 1 - c),
    3: lambda r, c, h, w: (h - 1 - r, w - 1 - c),
    4: lambda r, c, h, w: (h - 1 - r, c),
    5: lambda r, c, h, w: (c, r),
    6: lambda r, c, h, w: (c, w - 1 - r),
    7: lambda r, c, h, w: (h - 1 - c, w - 1 - r),
    8: lambda r, c, h, w: (h - 1 - c, r),
}


def turned(upright, orientation):
    height, width = upright.shape[:2]
    rows, columns = (width, height) if orientation >= 5 else (height, width)
    place = UPRIGHT[orientation]
    return np.array(
        [[upright[place(r, c, height, width)] for c in range(columns)] for r in range(rows)]
    )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(tmp_path, form, orientation):
    blocks = np.array(
        [[[250, 0, 0], [0, 250, 0], [0, 0, 250]], [[250, 250, 0], [0, 250, 250], [99, 99, 99]]],
        np.uint8,
    )
    large = turned(blocks, orientation).repeat(16, axis=0).repeat(16, axis=1)
    exif = Image.Exif()
    exif[274] = orientation
    path = stored(tmp_path, encoded(large, form, exif=exif.tobytes(), quality=100))
    image = image_io.read(path)
    assert image.shape == (1, 32, 48, 3)
    assert image_io.size_of(path) == (32, 48)
    np.testing.assert_allclose(image[0, 8::16, 8::16] * 255, blocks, atol=12)
    opened = image_io.read(as_pillow_opens(path))
    np.testing.assert_array_equal(opened, image)


def test_orientation_behind_the_pixels_of_a_png_counts_too(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    behind = chunk(b"eXIf", exif.tobytes()[6:])
    path = stored(tmp_path, png(3, 2, 8, 2, [bytes(9)] * 2, behind=behind))
    assert image_io.size_of(path) == (3, 2)
    assert image_io.read(path).shape == (1, 3, 2, 3)


def test_an_orientation_that_does_not_exist_is_ignored_with_a_warning(tmp_path, caplog):
    exif = Image.Exif()
    exif[274] = 99
    path = stored(tmp_path, encoded(noise(), "JPEG", exif=exif.tobytes()))
    assert image_io.read(path).shape == (1, 16, 24, 3)
    assert image_io.size_of(path) == (16, 24)
    assert len(warnings_of(caplog)) == 2
    assert all("99" in text and repr(str(path)) in text for text in warnings_of(caplog))


def test_corrupt_exif_is_ignored_with_a_warning(tmp_path, caplog):
    path = stored(tmp_path, encoded(noise(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05short"))
    expected = np.asarray(Image.open(io.BytesIO(encoded(noise(), "JPEG"))))
    np.testing.assert_array_equal(np.rint(image_io.read(path)[0] * 255), expected)
    assert image_io.size_of(path) == (16, 24)
    assert len(warnings_of(caplog)) == 2


def test_a_huge_exif_is_no_obstacle(tmp_path):
    huge = chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0" + bytes(5_000_000))
    path = stored(tmp_path, png(3, 2, 8, 2, [bytes(9)] * 2, before=huge))
    assert image_io.read(path).shape == (1, 2, 3, 3)


# Color profiles.


def through_profile(colors, colorants, gamma):
    """A NumPy twin of what a matrix profile means."""
    light = (colors / 255.0) ** gamma @ colorants.T
    return srgb_curve(light @ np.linalg.inv(SRGB).T)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_display_p3_is_converted_to_srgb(tmp_path, form):
    colors = np.array([[[200, 80, 60], [60, 150, 90], [70, 90, 180], [128, 128, 128]]], np.uint8)
    large = colors.repeat(16, axis=0).repeat(16, axis=1)
    data = encoded(large, form, icc_profile=rgb_profile(DISPLAY_P3, 2.2), quality=100)
    image = image_io.read(stored(tmp_path, data))
    expected = through_profile(colors, DISPLAY_P3, 2.2)
    lossless = form in ("PNG", "TIFF")
    np.testing.assert_allclose(image[0, 8::16, 8::16], expected, atol=0.008 if lossless else 0.03)
    assert np.abs(expected - colors / 255).max() > 0.05


def test_a_profile_that_swaps_red_and_blue_swaps_them(tmp_path):
    profile = rgb_profile(SRGB[:, ::-1], 2.2)
    image = image_io.read(stored(tmp_path, encoded(noise(), "PNG", icc_profile=profile)))
    expected = through_profile(noise()[..., ::-1], SRGB, 2.2)
    np.testing.assert_allclose(image[0], expected, atol=0.01)


def test_palettes_and_alpha_keep_their_profile(tmp_path):
    profile = rgb_profile(SRGB[:, ::-1], 2.2)
    red = through_profile(np.array([255, 0, 0]), SRGB, 2.2)
    palette = Image.new("P", (1, 1))
    palette.putpalette([0, 0, 255])
    image = image_io.read(stored(tmp_path, encoded(palette, "PNG", icc_profile=profile)))
    np.testing.assert_allclose(image[0, 0, 0], red, atol=0.01)
    half = Image.new("RGBA", (1, 1), (0, 0, 255, 51))
    image = image_io.read(stored(tmp_path, encoded(half, "PNG", icc_profile=profile)))
    np.testing.assert_allclose(image[0, 0, 0], 0.2 * red + 0.8, atol=0.01)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_profiles_bend_grey_of_any_depth(tmp_path, dtype):
    white = np.iinfo(dtype).max
    values = np.linspace(0, white, 16).astype(dtype)[np.newaxis]
    data = encoded(values, "PNG", icc_profile=grey_profile(1.0))
    image = image_io.read(stored(tmp_path, data))
    expected = srgb_curve(values / white)
    for channel in range(3):
        np.testing.assert_allclose(image[0, ..., channel], expected, atol=0.008)
    # An RGB profile on grey is common, and means equal red, green and blue.
    data = encoded(values, "PNG", icc_profile=rgb_profile(SRGB, 1.0))
    image = image_io.read(stored(tmp_path, data))
    np.testing.assert_allclose(image[0, ..., 0], expected, atol=0.008)


def test_cmyk_profiles_say_what_the_inks_look_like(tmp_path):
    # Paper is white, the first ink alone is red, and any other ink makes black.
    table = bytearray(b"\x00\x80\x80" * 16)
    table[0:3] = b"\xff\x80\x80"
    table[24:27] = bytes([128, 128 + 60, 128 + 40])  # L 50.2, a 60, b 40
    identity = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += identity * 4 + bytes(table) + identity * 3
    tags = {b"A2B0": lut, b"A2B1": lut}
    profile = icc(b"CMYK", tags, connection=b"Lab ", kind=b"prtr")
    inks = Image.new("CMYK", (2, 1))
    inks.putdata([(0, 0, 0, 0), (255, 0, 0, 0)])
    image = image_io.read(stored(tmp_path, encoded(inks, "TIFF", icc_profile=profile)))
    lightness = (128 / 2.55 + 16) / 116
    ratios = np.array([lightness + 60 / 500, lightness, lightness - 40 / 200])
    xyz = ratios**3 * np.array([0.9642, 1.0, 0.8249])
    red = srgb_curve(np.linalg.inv(SRGB) @ xyz)
    np.testing.assert_allclose(image[0, 0], [[1, 1, 1], red], atol=0.02)


@pytest.mark.parametrize(
    "profile",
    [
        b"garbage",
        bytes(128),
        image_io.image_decoding.srgb_profile()[:300],
        grey_profile(2.2),
        b"\xff" * 300_000,
    ],
    ids=["text", "zeros", "cut", "grey on color", "large"],
)
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_profiles_that_do_not_fit_are_ignored_with_a_warning(tmp_path, caplog, profile, form):
    path = stored(tmp_path, encoded(noise(), form, icc_profile=profile))
    expected = np.asarray(as_pillow_opens(path))
    np.testing.assert_array_equal(np.rint(image_io.read(path)[0] * 255), expected)
    (text,) = warnings_of(caplog)
    assert "profile" in text
    assert repr(str(path)) in text


def test_threads_that_read_at_once_leave_the_process_as_it_was(tmp_path):
    good = stored(tmp_path, encoded(noise(), "TIFF", compression="tiff_lzw"), "good")
    bad = stored(tmp_path, good.read_bytes()[:-200], "bad")
    state = (list(warnings.filters), Image.MAX_IMAGE_PIXELS, logging.getLogger("PIL").level)

    def read(path):
        with contextlib.suppress(ImageError):
            return np.rint(image_io.read(path)[0] * 255)

    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(read, [good, bad] * 50))
    for image in images[::2]:
        np.testing.assert_array_equal(image, noise())
    assert images[1::2] == [None] * 50
    after = (list(warnings.filters), Image.MAX_IMAGE_PIXELS, logging.getLogger("PIL").level)
    assert after == state


# More than one frame.


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_of_several_frames_the_first_is_read_with_a_warning(tmp_path, caplog, form):
    frames = [Image.new("RGB", (32, 16), color) for color in ("red", "lime", "blue")]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    path = stored(tmp_path, data)
    image = image_io.read(path)
    np.testing.assert_allclose(image[0, 8, 8], [1, 0, 0], atol=0.03)
    (text,) = warnings_of(caplog)
    assert "3 frames" in text
    assert repr(str(path)) in text
    caplog.clear()
    image_io.read(stored(tmp_path, encoded(frames[0], "JPEG" if form == "MPO" else form)))
    assert warnings_of(caplog) == []


# Arrays and tensors.


class FakeTensor:
    def __init__(self, values):
        self.values = values

    def numpy(self):
        if self.values is None:
            raise NotImplementedError("numpy() is only available\nwhen eager.")
        return self.values


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
        (b"picture.png", ("bytes",)),
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


def test_broken_pil_images_are_errors_of_the_picture():
    image = Image.open(io.BytesIO(encoded(noise(), "JPEG")[:-20]))
    with pytest.raises(ImageError, match="`content` cannot be read"):
        image_io.read(image, name="content")


# Resizing.


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


# Writing.


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
    image_io.write(first, smooth, icc=False)
    with as_pillow_opens(first) as image:
        assert "icc_profile" not in image.info


def test_the_embedded_profile_does_not_change_with_the_clock(tmp_path):
    code = (
        "import sys; from stylize_tf import image_decoding;"
        "sys.stdout.write(image_decoding.srgb_profile().hex())"
    )
    time.sleep(1 - time.time() % 1)  # Profiles are dated to the second.
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == image_io.image_decoding.srgb_profile().hex()


def test_values_are_rounded_to_the_nearest(tmp_path):
    image = np.array([[[0.5, 0.4, 254.4], [254.6, 99.51, 100.49]]], np.float32) / 255
    image_io.write(tmp_path / "a.png", image)
    written = np.asarray(as_pillow_opens(tmp_path / "a.png"))
    np.testing.assert_array_equal(written, [[[0, 0, 254], [255, 100, 100]]])


def test_tensors_are_written_too(tmp_path):
    image_io.write(tmp_path / "a.png", FakeTensor(noise()[np.newaxis] / np.float32(255)))
    np.testing.assert_array_equal(np.asarray(as_pillow_opens(tmp_path / "a.png")), noise())


@pytest.mark.parametrize("value", [np.nan, np.inf, 2.0, -1.0])
def test_pictures_out_of_range_are_not_written(tmp_path, value):
    path = tmp_path / "a.png"
    image = np.full((1, 4, 4, 3), 0.5, np.float32)
    image[0, 1, 2, 0] = value
    assert_refused(path, error=OutputError, call=lambda path: image_io.write(path, image))
    assert names(tmp_path) == []


@pytest.mark.parametrize("quality", [0, 101, 50.5, "high", None])
def test_a_quality_out_of_range_is_refused(tmp_path, quality):
    with pytest.raises(OutputError, match="`quality` must be"):
        image_io.write(tmp_path / "a.jpg", noise(), quality=quality)


def test_a_better_quality_takes_more_bytes(tmp_path):
    for name in ("a.jpg", "a.webp"):
        image_io.write(tmp_path / name, noise(), quality=20)
        small = (tmp_path / name).stat().st_size
        image_io.write(tmp_path / name, noise(), quality=95)
        assert (tmp_path / name).stat().st_size > small


def test_a_picture_too_wide_for_its_format_is_refused_and_the_old_file_kept(tmp_path):
    path = stored(tmp_path, b"old", "a.webp")
    wide = np.zeros((1, 17000, 3), np.uint8)
    assert_refused(path, ".png", error=OutputError, call=lambda path: image_io.write(path, wide))
    assert path.read_bytes() == b"old"


# Writing whole or not at all.


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("fsync", OSError(errno.ENOSPC, "No space left on device")),
        ("fsync", OSError(errno.EIO, "Input/output error")),
        ("fsync", Interrupted()),
        ("replace", OSError(errno.EACCES, "Permission denied")),
        ("replace", KeyboardInterrupt()),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
@pytest.mark.parametrize("old", [b"old", None])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path, monkeypatch, name, error, old
):
    path = tmp_path / "a.png"
    if old is not None:
        path.write_bytes(old)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(os, name, fail)
    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as caught:
        image_io.write(path, noise())
    if isinstance(error, OSError):
        assert error.strerror in str(caught.value)
        assert repr(str(path)) in str(caught.value)
    assert names(tmp_path) == ([] if old is None else ["a.png"])
    assert old is None or path.read_bytes() == old


def test_a_disk_that_fills_in_the_middle_leaves_the_old_file(tmp_path):
    resource = pytest.importorskip("resource")
    path = stored(tmp_path, b"old", "a.png")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OutputError, match="File too large"):
            image_io.write(path, noise(64, 64))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.png"]


def test_an_encoder_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = stored(tmp_path, b"old", "a.png")

    def fail(*_, **__):
        raise RuntimeError("encoder\nbroke")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OutputError, match="encoder broke"):
        image_io.write(path, noise())
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.png"]


def test_the_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    sync = os.fsync

    def fail_on_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_on_folders)
    image_io.write(tmp_path / "a.png", noise())
    assert names(tmp_path) == ["a.png"]


def test_bytes_are_on_the_disk_before_they_get_the_name(tmp_path, monkeypatch):
    calls = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("sync"), sync(file)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("name"), replace(*names)))
    image_io.write(tmp_path / "a.png", noise())
    assert calls == ["sync", "name", "sync"]


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path):
    code = """if True:
        import os, signal, sys, numpy
        from stylize_tf import image_io
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        image_io.write(sys.argv[1], numpy.zeros((8, 8, 3)))
    """
    path = stored(tmp_path, b"old", "a.png")
    run = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert run.returncode == -9
    assert path.read_bytes() == b"old"
    assert len(names(tmp_path)) == 2
    image_io.write(path, noise())
    assert names(tmp_path) == ["a.png"]
    np.testing.assert_array_equal(np.asarray(as_pillow_opens(path)), noise())


def test_two_writers_of_one_name_do_not_disturb_each_other(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    sync, pending = os.fsync, [noise(seed=1)]

    def write_another_first(descriptor):
        if pending:
            image_io.check_output(path)
            image_io.write(path, pending.pop())
            np.testing.assert_array_equal(np.asarray(as_pillow_opens(path)), noise(seed=1))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", write_another_first)
    image_io.write(path, noise(seed=2))
    np.testing.assert_array_equal(np.asarray(as_pillow_opens(path)), noise(seed=2))
    assert names(tmp_path) == ["a.png"]


def test_permissions_of_a_file_are_kept_and_new_ones_follow_the_umask(tmp_path):
    path = tmp_path / "a.png"
    old = os.umask(0o027)
    try:
        image_io.write(path, noise())
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    image_io.write(path, noise())
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_writing_through_a_link_replaces_what_it_leads_to(tmp_path):
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "a.png"
    link = tmp_path / "link.png"
    link.symlink_to(target)
    for _ in range(2):  # First the link leads nowhere.
        image_io.write(link, noise())
        assert link.is_symlink()
        np.testing.assert_array_equal(np.asarray(as_pillow_opens(target)), noise())
    assert names(tmp_path / "real") == ["a.png"]


# Checking the output first.


def check_and_write(path):
    """Both refuse the same outputs."""
    with pytest.raises(OutputError):
        image_io.write(path, noise())
    image_io.check_output(path)


@pytest.mark.parametrize("name", ["a", "a.txt", "a.gif", "a.png.bak", ".png", "a.png."])
def test_unknown_extensions_are_refused_with_a_list(tmp_path, name):
    message = assert_refused(tmp_path / name, error=OutputError, call=check_and_write)
    for extension in (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"):
        assert extension in message
    assert names(tmp_path) == []


def test_outputs_that_cannot_be_written_are_refused_before_any_work(tmp_path):
    missing = tmp_path / "no folder" / "a.png"
    message = assert_refused(missing, "mkdir -p", error=OutputError, call=check_and_write)
    assert repr(str(missing.parent)) in message
    (tmp_path / "folder.png").mkdir()
    assert_refused(tmp_path / "folder.png", "folder", error=OutputError, call=check_and_write)
    os.mkfifo(tmp_path / "pipe.png")
    assert_refused(tmp_path / "pipe.png", "regular", error=OutputError, call=check_and_write)
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    assert_refused(tmp_path / "loop.png", error=OutputError, call=check_and_write)
    (tmp_path / "dangling.png").symlink_to(missing)
    assert_refused(tmp_path / "dangling.png", "mkdir", error=OutputError, call=check_and_write)
    stored(tmp_path, b"", "file")
    assert_refused(tmp_path / "file" / "a.png", error=OutputError, call=check_and_write)
    assert_refused(tmp_path / ("x" * 300 + ".png"), error=OutputError, call=check_and_write)
    assert_refused("a\0b.png", error=OutputError, call=check_and_write)


def test_folders_and_files_without_permission_are_refused_before_any_work(public_folder):
    path = public_folder / "a.png"
    public_folder.chmod(0o555)
    with unprivileged():
        assert_refused(path, "Permission denied", error=OutputError, call=check_and_write)
    public_folder.chmod(0o777)
    path.write_bytes(b"old")
    path.chmod(0o444)
    with unprivileged():
        assert_refused(path, "read-only", error=OutputError, call=check_and_write)
    assert path.read_bytes() == b"old"


def test_a_read_only_disk_is_refused_before_any_work(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", fail)
    path = tmp_path / "a.png"
    assert_refused(path, "Read-only file system", error=OutputError, call=check_and_write)


def test_an_output_that_is_an_input_is_refused_by_any_name(tmp_path, monkeypatch):
    content = stored(tmp_path, encoded(noise(), "PNG"), "content.png")
    (tmp_path / "link.png").symlink_to(content)
    os.link(content, tmp_path / "hard.png")
    monkeypatch.chdir(tmp_path)
    for output in (content, "content.png", "../" + tmp_path.name + "/content.png", "link.png"):
        for source in (content, "link.png", "hard.png"):
            with pytest.raises(OutputError, match="Choose another --output"):
                image_io.check_output(output, inputs=["missing.png", source])
    image_io.check_output("new.png", inputs=[content, "missing.png", "a\0b"])


def test_a_good_output_passes_and_leaves_no_trace(tmp_path):
    image_io.check_output(tmp_path / "a.png")
    assert names(tmp_path) == []
    old = stored(tmp_path, b"old", "a.png")
    image_io.check_output(old)
    assert old.read_bytes() == b"old"
    assert names(tmp_path) == ["a.png"]
    image_io.check_output(tmp_path / ("図" * 83 + ".png"))


# Metadata and checksums.


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


@pytest.mark.parametrize("value", [np.nan, object(), {1}, b"bytes"])
def test_metadata_that_json_cannot_hold_is_refused(tmp_path, value):
    with pytest.raises(OutputError, match="`metadata`"):
        image_io.write(tmp_path / "a.png", noise(), metadata={"a": value})
    assert names(tmp_path) == []


def test_the_checksum_is_that_of_the_bytes(tmp_path):
    path = stored(tmp_path, b"abc" * 100_000)
    assert image_io.sha256(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()
    assert image_io.sha256(stored(tmp_path, b"")) == hashlib.sha256().hexdigest()


# Whatever comes.


def seeds():
    exif = Image.Exif()
    exif[274] = 6
    tagged = {"exif": exif.tobytes(), "icc_profile": rgb_profile(DISPLAY_P3, 2.2)}
    frames = [Image.fromarray(noise(seed=seed)) for seed in range(3)]
    several = {"save_all": True, "append_images": frames[1:]}
    inks = frames[0].convert("CMYK")
    return [
        encoded(frames[0], "JPEG", **tagged),
        encoded(inks, "JPEG"),
        encoded(frames[0], "JPEG", progressive=True),
        encoded(frames[0], "PNG", **tagged),
        encoded(frames[0].convert("P"), "PNG", transparency=3),
        encoded(noise(channels=1).astype(np.uint16) * 257, "PNG", icc_profile=grey_profile(1.8)),
        encoded(frames[0], "WEBP", **tagged),
        encoded(frames[0], "WEBP", lossless=True, **several),
        encoded(frames[0], "TIFF", **tagged),
        encoded(frames[0], "TIFF", compression="tiff_lzw", **several),
        encoded(noise(channels=1).astype(np.float32) / 255, "TIFF"),
        encoded(frames[0], "TIFF", compression="jpeg"),
        encoded(frames[0], "BMP"),
        encoded(frames[0].convert("P"), "BMP"),
        encoded(frames[0], "GIF", **several),
        encoded(frames[0], "AVIF", **tagged),
        encoded(frames[0], "PPM"),
        b"P2 3 1 255 1 2 3",
        encoded(frames[0], "MPO", **several),
    ]


def with_right_checksums(data):
    """A damaged PNG whose chunks claim to be whole, so that the damage reaches the decoder."""
    repaired, place = bytearray(data), 8
    while place + 12 <= len(repaired):
        (length,) = struct.unpack_from(">I", repaired, place)
        end = place + 8 + length
        if end + 4 > len(repaired):
            break
        struct.pack_into(">I", repaired, end, zlib.crc32(repaired[place + 4 : end]))
        place = end + 4
    return bytes(repaired)


def mutants(count, seed):
    generator = random.Random(seed)
    originals = seeds()
    for number in range(count):
        data = bytearray(originals[number % len(originals)])
        for _ in range(generator.randint(1, 4)):
            place = generator.randrange(len(data))
            match generator.randrange(5):
                case 0:
                    data[place] ^= 1 << generator.randrange(8)
                case 1:
                    data[place] = generator.choice((0, 1, 127, 128, 255))
                case 2 if place > 0:
                    del data[place:]
                case 3:
                    other = generator.choice(originals)
                    start = generator.randrange(len(other))
                    data[place:place] = other[start : start + generator.randint(1, 64)]
                case _:
                    length = generator.choice((2, 4))
                    data[place : place + length] = generator.randbytes(length)
        is_png = data.startswith(b"\x89PNG")
        yield with_right_checksums(data) if is_png and number % 3 else bytes(data)


def test_five_thousand_damaged_files_are_read_or_refused_and_print_nothing(
    tmp_path, capfd, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger("stylize_tf"), "disabled", True)
    started, slowest, messages = time.process_time(), 0.0, []
    for number, data in enumerate(mutants(5000, seed=0)):
        path = stored(tmp_path, data, f"mutant {number}")  # Overwriting would wait for the disk.
        before = time.monotonic()
        try:
            image = image_io.read(path)
            assert image.dtype == np.float32
            assert image.ndim == 4
            assert 0 <= image.min() <= image.max() <= 1
        except ImageError as error:
            messages.append(str(error))
        slowest = max(slowest, time.monotonic() - before)
        path.unlink()
    taken = time.process_time() - started
    assert 1000 < len(messages) < 4900
    assert all(message.isprintable() for message in messages)
    assert slowest < 2
    assert taken < 10
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_damaged_files_never_break_the_other_readers(tmp_path, monkeypatch):
    monkeypatch.setattr(logging.getLogger("stylize_tf"), "disabled", True)
    for number, data in enumerate(mutants(400, seed=1)):
        path = stored(tmp_path, data, f"mutant {number}")
        for call in (image_io.size_of, image_io.read_metadata):
            with contextlib.suppress(ImageError):
                call(path)
