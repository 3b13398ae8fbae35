"""What pixels mean: depth, modes, transparency, orientation, color profiles, frames."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from stylize_tf.images import decoding, image_io
from tests.fakes.picture_files import (
    DISPLAY_P3,
    SRGB,
    as_pillow_opens,
    assert_refused,
    chunk,
    encoded,
    fixed,
    grey_profile,
    icc,
    noise,
    png,
    read,
    rgb_profile,
    stored,
    tiff,
    warnings_of,
)


def srgb_curve(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_sixteen_bit_grey_keeps_its_brightness(tmp_path):
    values = np.full((4, 4), 32639, np.uint16)  # 127 * 257
    for form in ("PNG", "TIFF"):
        image = read(tmp_path, encoded(values, form))
        np.testing.assert_allclose(image, 127 / 255, atol=1e-6)
    image = read(tmp_path, b"P5 4 4 65535\n" + values.astype(">u2").tobytes())
    np.testing.assert_allclose(image, 127 / 255, atol=1e-6)
    dark = stored(tmp_path, b"P5 4 4 65535\n" + np.full(16, 200, ">u2").tobytes())
    np.testing.assert_allclose(image_io.read(dark), 200 / 65535, atol=1e-6)


def test_sixteen_bit_grey_tiff_with_white_at_zero_is_not_negative(tmp_path):
    data = tiff(encoded(np.full((4, 4), 13107, np.uint16), "TIFF"), t262=0)
    np.testing.assert_allclose(read(tmp_path, data), 0.8, atol=1e-6)


def test_sixteen_bit_rgb_and_alpha_are_accepted(tmp_path):
    row = struct.pack(">6H", 65535, 32768, 0, 1, 2, 3)
    image = read(tmp_path, png(2, 1, 16, 2, [row]))
    np.testing.assert_allclose(image[0, 0], [[1, 0.5, 0], [0, 0, 0]], atol=1 / 255)
    row = struct.pack(">4H", 0, 65535, 65535, 0)
    image = read(tmp_path, png(2, 1, 16, 4, [row]), background=(255, 0, 0))
    np.testing.assert_allclose(image[0, 0], [[0, 0, 0], [1, 0, 0]], atol=1 / 255)


def test_twelve_bit_grey_tiff_reaches_white(tmp_path):
    data = tiff(encoded(np.full((2, 2), 65535, np.uint16), "TIFF"), t258=12, t279=6)
    np.testing.assert_array_equal(read(tmp_path, data), np.ones((1, 2, 2, 3)))


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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 1e6])
def test_float_files_that_are_not_finite_or_have_no_scale_are_refused(tmp_path, value):
    values = np.full((3, 3), 0.5, np.float32)
    values[1, 1] = value
    word = "[0, 1]" if np.isfinite(value) else "NaN or infinite"
    assert_refused(stored(tmp_path, encoded(values, "TIFF")), word)


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
    image = read(tmp_path, encoded(lab, "TIFF"))
    np.testing.assert_allclose(image[0] * 255, colors, atol=2)


def test_cmyk_files_look_right_also_with_adobes_inversion(tmp_path):
    colors = np.array([[[255, 255, 255], [0, 0, 0], [230, 20, 20], [20, 20, 230]]], np.uint8)
    colors = colors.repeat(16, axis=0).repeat(16, axis=1)
    inks = Image.fromarray(colors).convert("CMYK")
    data = encoded(inks, "JPEG", quality=100, subsampling=0)
    assert b"Adobe" in data  # Pillow stores it inverted, as Photoshop does.
    image = read(tmp_path, data)
    np.testing.assert_allclose(image[0] * 255, colors, atol=8)
    image = read(tmp_path, encoded(inks, "TIFF"))
    np.testing.assert_allclose(image[0] * 255, colors, atol=1)


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


@pytest.mark.parametrize("name", transparent_files())
def test_alpha_of_a_file_says_which_pixels_are_transparent(tmp_path, name):
    alpha = image_io.read_alpha(stored(tmp_path, transparent_files()[name]))
    assert alpha.shape[3] == 1
    np.testing.assert_allclose(alpha[0, 0, [0, -1], 0], [0, 1], atol=0.01)


def test_alpha_of_a_file_is_upright_and_none_where_there_is_nothing_of_it(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    source = np.full((16, 32, 4), 255, np.uint8)
    source[:, :8, 3] = 51  # Its left is the top when it is upright.
    path = stored(tmp_path, encoded(source, "PNG", exif=exif.tobytes()))
    alpha = image_io.read_alpha(path)
    assert alpha.shape == (1, 32, 16, 1)
    np.testing.assert_allclose(alpha[0, [0, 7, 8, 31], 3, 0], [0.2, 0.2, 1, 1])
    source[..., 3] = 255
    assert image_io.read_alpha(stored(tmp_path, encoded(source, "PNG"))) is None
    assert image_io.read_alpha(stored(tmp_path, encoded(source[..., :3], "JPEG"))) is None


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


def through_profile(colors, colorants, gamma):
    """A NumPy twin of what a matrix profile means."""
    light = (colors / 255.0) ** gamma @ colorants.T
    return srgb_curve(light @ np.linalg.inv(SRGB).T)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_display_p3_is_converted_to_srgb(tmp_path, form):
    colors = np.array([[[200, 80, 60], [60, 150, 90], [70, 90, 180], [128, 128, 128]]], np.uint8)
    large = colors.repeat(16, axis=0).repeat(16, axis=1)
    data = encoded(large, form, icc_profile=rgb_profile(DISPLAY_P3, 2.2), quality=100)
    image = read(tmp_path, data)
    expected = through_profile(colors, DISPLAY_P3, 2.2)
    lossless = form in ("PNG", "TIFF")
    np.testing.assert_allclose(image[0, 8::16, 8::16], expected, atol=0.008 if lossless else 0.03)
    assert np.abs(expected - colors / 255).max() > 0.05


def test_a_profile_that_swaps_red_and_blue_swaps_them(tmp_path):
    profile = rgb_profile(SRGB[:, ::-1], 2.2)
    image = read(tmp_path, encoded(noise(), "PNG", icc_profile=profile))
    expected = through_profile(noise()[..., ::-1], SRGB, 2.2)
    np.testing.assert_allclose(image[0], expected, atol=0.01)


def test_palettes_and_alpha_keep_their_profile(tmp_path):
    profile = rgb_profile(SRGB[:, ::-1], 2.2)
    red = through_profile(np.array([255, 0, 0]), SRGB, 2.2)
    palette = Image.new("P", (1, 1))
    palette.putpalette([0, 0, 255])
    image = read(tmp_path, encoded(palette, "PNG", icc_profile=profile))
    np.testing.assert_allclose(image[0, 0, 0], red, atol=0.01)
    half = Image.new("RGBA", (1, 1), (0, 0, 255, 51))
    image = read(tmp_path, encoded(half, "PNG", icc_profile=profile))
    np.testing.assert_allclose(image[0, 0, 0], 0.2 * red + 0.8, atol=0.01)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_profiles_bend_grey_of_any_depth(tmp_path, dtype):
    white = np.iinfo(dtype).max
    values = np.linspace(0, white, 16).astype(dtype)[np.newaxis]
    data = encoded(values, "PNG", icc_profile=grey_profile(1.0))
    image = read(tmp_path, data)
    expected = srgb_curve(values / white)
    for channel in range(3):
        np.testing.assert_allclose(image[0, ..., channel], expected, atol=0.008)
    # An RGB profile on grey is common, and means equal red, green and blue.
    data = encoded(values, "PNG", icc_profile=rgb_profile(SRGB, 1.0))
    image = read(tmp_path, data)
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
    image = read(tmp_path, encoded(inks, "TIFF", icc_profile=profile))
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
        decoding.srgb_profile()[:300],
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
    read(tmp_path, encoded(frames[0], "JPEG" if form == "MPO" else form))
    assert warnings_of(caplog) == []
