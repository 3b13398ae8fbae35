"""SavedModels: networks for TensorFlow Serving, and for programs without this package."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stylize_tf.export.comparison import Run
from stylize_tf.export.painter import Painter

MOST_PIXELS = 4_000_000
"""Of a picture that is sent as a file. A file of a few kB may hold a picture of gigabytes."""

QUALITY = 95
"""Of the JPEG that is sent back."""

WARMUP_SIDE = 256


def check() -> None:
    """TensorFlow is its own run time."""


def write(painter: Painter, folder: Path) -> None:
    """Writes a SavedModel of three signatures, with a request that warms a server up.

    `serving_default`: `image_bytes`, strings `[N]`, each a JPEG or PNG of at most `MOST_PIXELS`,
    whose sizes may differ -> `stylized_bytes`, strings `[N]`, JPEG. TensorFlow Serving has both
    base64 encoded in its REST interface, as their names end in `_bytes`. EXIF orientation and color
    profiles are not heeded. `stylize`: `image`, float32 `[N, H, W, 3]` in [0, 1] -> `stylized`.
    Without a blend of its own both take `blend`, float32 `[N, S]`, how much of each style.

    Args:
        painter: the network.
        folder: to make, as TensorFlow Serving wants them one for each version.
    """
    takes_blend = painter.blend is None
    archive = keras.export.ExportArchive()
    archive.track(painter.model)
    shares = tf.TensorSpec([None, len(painter.styles)], tf.float32, name="blend")

    def painted(image: tf.Tensor, *blend: tf.Tensor) -> tf.Tensor:
        return painter.model([image, *blend])

    def one(given: Any) -> tf.Tensor:
        data, *blend = given if takes_blend else [given]
        image = tf.image.convert_image_dtype(decoded(data), tf.float32)[tf.newaxis]
        picture = painted(image, *(part[tf.newaxis] for part in blend))[0]
        pixels = tf.image.convert_image_dtype(picture, tf.uint8, saturate=True)
        return tf.io.encode_jpeg(pixels, quality=QUALITY)

    def files(image_bytes: tf.Tensor, *blend: tf.Tensor) -> dict[str, tf.Tensor]:
        given = (image_bytes, *blend) if takes_blend else image_bytes
        kind = tf.TensorSpec([], tf.string)
        return {"stylized_bytes": tf.map_fn(one, given, fn_output_signature=kind)}

    def images(image: tf.Tensor, *blend: tf.Tensor) -> dict[str, tf.Tensor]:
        given = (image, *blend) if takes_blend else image
        kind = tf.TensorSpec([*(painter.size or (None, None)), 3], tf.float32)

        def of_one(each: Any) -> tf.Tensor:
            parts = each if takes_blend else (each,)
            return painted(*(part[tf.newaxis] for part in parts))[0]

        return {"stylized": tf.map_fn(of_one, given, fn_output_signature=kind)}

    sides = [None, *(painter.size or (None, None)), 3]
    for name, function, spec in (
        ("serving_default", files, tf.TensorSpec([None], tf.string, name="image_bytes")),
        ("stylize", images, tf.TensorSpec(sides, tf.float32, name="image")),
    ):
        archive.add_endpoint(name, function, [spec, *([shares] if takes_blend else [])])
    with contextlib.redirect_stdout(io.StringIO()):
        archive.write_out(str(folder), verbose=False)
    _write_warmup(painter, folder)


def decoded(data: tf.Tensor, name: str = "image_bytes") -> tf.Tensor:
    """Pixels `[H, W, 3]`, uint8, of a JPEG or PNG, after a look at how many there are.

    Args:
        data: scalar, string.
        name: of the input, for what is refused.
    """
    is_png = tf.strings.substr(data, 0, 8) == b"\x89PNG\r\n\x1a\n"
    is_jpeg = tf.strings.substr(data, 0, 3) == b"\xff\xd8\xff"
    known = tf.debugging.Assert(is_png | is_jpeg, [f"{name} must be JPEG or PNG"])
    with tf.control_dependencies([known]):
        height, width = tf.unstack(
            tf.cond(is_png, lambda: _png_size(data, name), lambda: _jpeg_size(data))
        )
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    fits = tf.debugging.Assert(
        (pixels > 0) & (pixels <= MOST_PIXELS),
        [f"{name} must have at most", MOST_PIXELS, "pixels; got", height, "x", width],
    )
    with tf.control_dependencies([fits]):
        image = tf.io.decode_image(data, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])


def _png_size(data: tf.Tensor, name: str) -> tf.Tensor:
    is_whole = tf.debugging.Assert(tf.strings.length(data) >= 24, [f"{name} is cut"])
    with tf.control_dependencies([is_whole]):
        header = tf.strings.substr(data, 16, 8)
    sides = tf.io.decode_raw(header, tf.int32, little_endian=False)
    return tf.ensure_shape(sides, [2])


def _jpeg_size(data: tf.Tensor) -> tf.Tensor:
    return tf.image.extract_jpeg_shape(data)[:2]


def opened(folder: Path) -> Run:
    """The model as `tf.saved_model.load` gives it: inputs of `Painter.inputs` -> the picture."""
    loaded = tf.saved_model.load(str(folder))
    stylize = loaded.signatures["stylize"]

    def run(inputs: Sequence[np.ndarray]) -> np.ndarray:
        given = dict(zip(["image", "blend"], map(tf.constant, inputs), strict=False))
        return np.asarray(stylize(**given)["stylized"].numpy())

    run.keep = loaded  # type: ignore[attr-defined]
    return run


def _write_warmup(painter: Painter, folder: Path) -> None:
    """A `PredictionLog` that a server answers to itself before it is asked: one picture."""
    side_or = painter.size or (WARMUP_SIDE, WARMUP_SIDE)
    grey = tf.fill([*side_or, 3], tf.constant(128, tf.uint8))
    inputs = {"image_bytes": tf.constant([tf.io.encode_jpeg(grey).numpy()])}
    if painter.blend is None:
        inputs["blend"] = tf.one_hot([0], len(painter.styles))
    entries = b"".join(
        _field(2, _field(1, name.encode()) + _field(2, tf.make_tensor_proto(x).SerializeToString()))
        for name, x in inputs.items()
    )
    model = _field(1, b"stylize") + _field(3, b"serving_default")
    log = _field(6, _field(1, _field(1, model) + entries))  # PredictLog of a PredictRequest.
    extra = folder / "assets.extra"
    extra.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
        writer.write(log)


def _field(number: int, data: bytes) -> bytes:
    """A field of a protocol buffer whose length is told."""
    length, size = len(data), b""
    while length >= 128:
        size += struct.pack("B", length & 127 | 128)
        length >>= 7
    return struct.pack("B", number << 3 | 2) + size + struct.pack("B", length) + data
