"""Which files are opened, how large, and that whatever is wrong with them is an `ImageError`."""

import contextlib
import importlib.util
import logging
import random
import struct
import subprocess
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from stylize_tf.errors import ImageError
from stylize_tf.images import image_io
from tests.fakes.picture_files import (
    DISPLAY_P3,
    FORMATS,
    as_pillow_opens,
    assert_refused,
    bombs,
    chunk,
    encoded,
    grey_profile,
    noise,
    png,
    rgb_profile,
    stored,
    tiff,
)


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


def test_too_many_pixels_are_refused_from_the_header_with_little_memory(tmp_path):
    pytest.importorskip("resource")
    for name, data in bombs().items():
        stored(tmp_path, data, name)
    code = """if True:
        import pathlib, resource, sys
        from stylize_tf import ImageError, image_io
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        paths = sorted(pathlib.Path(sys.argv[1]).iterdir())
        for path in [paths[0], *paths]:
            before = peak()
            for call in (image_io.read, image_io.size_of):
                try:
                    call(path)
                except ImageError as error:
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
    wide = stored(tmp_path, png(15000, 6500, 1, 0, [bytes(1875)] * 6500))
    assert image_io.size_of(wide, max_pixels=100_000_000) == (6500, 15000)  # Pillow's own is less.
    assert limit == Image.MAX_IMAGE_PIXELS


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


def test_broken_pil_images_are_errors_of_the_picture(tmp_path):
    image = as_pillow_opens(stored(tmp_path, encoded(noise(), "JPEG")[:-20]))
    with pytest.raises(ImageError, match="`content` cannot be read"):
        image_io.read(image, name="content")


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
        before = time.process_time()
        for call in (image_io.size_of, image_io.read_metadata):
            with contextlib.suppress(ImageError):
                call(path)
        try:
            image = image_io.read(path)
            assert image.dtype == np.float32
            assert image.ndim == 4
            assert 0 <= image.min() <= image.max() <= 1
        except ImageError as error:
            messages.append(str(error))
        slowest = max(slowest, time.process_time() - before)
        path.unlink()
    taken = time.process_time() - started
    assert 1000 < len(messages) < 4900
    assert all(message.isprintable() for message in messages)
    assert slowest < 2
    assert taken < 10
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
