"""Builds pictures, good and bad, for the tests of pictures in and out."""

import contextlib
import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from stylize_tf.errors import ImageError
from stylize_tf.images import image_io

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PPM")


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


class FakeTensor:
    def __init__(self, values):
        self.values = values

    def numpy(self):
        if self.values is None:
            raise NotImplementedError("numpy() is only available\nwhen eager.")
        return self.values


def read(folder, data, **options):
    """The picture of a file that holds these bytes."""
    return image_io.read(stored(folder, data), **options)


def as_pillow_opens(path):
    return Image.open(io.BytesIO(path.read_bytes()))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


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
