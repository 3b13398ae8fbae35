"""Pictures in and out: files, PIL images, arrays and tensors <-> float32 `[1, H, W, 3]` in [0, 1].

Everything else in this package sees one kind of image: RGB in sRGB, upright, opaque. What may be
opened is in `opening`, what pixels mean in `decoding`, how files are replaced in `files`; the names
that callers need are all here. Nothing imports TensorFlow, so pictures are checked before it is
loaded.
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, PngImagePlugin

from stylize_tf.errors import ImageError, OutputError
from stylize_tf.images import decoding, opening
from stylize_tf.images.decoding import Pixels
from stylize_tf.images.files import check_output as check_output
from stylize_tf.images.files import check_side as check_side
from stylize_tf.images.files import label_of, output_format, reason, replace_file
from stylize_tf.images.files import sha256 as sha256


class Tensor(Protocol):
    """What has its values as an array: eager tensors and variables."""

    def numpy(self) -> Any:
        """The values."""


ImageLike: TypeAlias = (
    str | bytes | os.PathLike[str] | BinaryIO | Image.Image | npt.NDArray[Any] | Tensor
)
"""What `read` takes."""

MAX_PIXELS = 50_000_000
"""Pictures of more pixels are refused unless the caller says otherwise."""

_KEY = "stylize_tf"
_MAX_METADATA_BYTES = 2**20
_JPEG_METADATA_BYTES = 65_000  # A segment of a JPEG file holds 65,533 bytes, EXIF's own included.
# EXIF has comments say first how they are encoded; ours are an object whose key says whose it is.
_COMMENT_START = b'ASCII\0\0\0{"stylize_tf": '
_COMMENT_END = b"}"

_LOGGER = logging.getLogger("stylize_tf")


def read(
    source: ImageLike,
    *,
    max_pixels: int = MAX_PIXELS,
    background: tuple[int, int, int] = (255, 255, 255),
    name: str = "image",
) -> Pixels:
    """The picture: upright, RGB in sRGB, over `background` where it is transparent.

    Of an animation or of several pages it is the first, with a warning in the log of
    "stylize_tf"; orientations and color profiles that make no sense are ignored with one.

    Args:
        source: The path of a regular file: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, PPM, or HEIC
            if `pillow-heif` is installed, whatever its name; as text, bytes, or a scalar string
            tensor. Or what such a file holds: a binary stream, which is read from its beginning and
            left where it was, or bytes or a string tensor, which no path is if they have a zero
            byte. Or a PIL image. Or an array or tensor, `[H, W]`, `[H, W, C]` or `[1, H, W, C]`
            of 1, 3 or 4 channels, the fourth being alpha: uint8 in 0..255, uint16 in 0..65535, or
            floats in [0, 1].
        max_pixels: Files and PIL images of more pixels are refused, files from their header.
        background: sRGB, 0 to 255.
        name: How messages name a `source` that is not a file.

    Returns:
        `[1, H, W, 3]`, float32, in [0, 1].

    Raises:
        ImageError: if the file cannot be read, or the array is of another shape, type or range,
            empty, NaN or infinite.
    """
    source = plain(source, name)
    if isinstance(source, str | os.PathLike) or is_stream(source):
        label = label_of(source) if isinstance(source, str | os.PathLike) else f"`{name}`"
        with opening.opened(source, max_pixels, label, verify=True) as image:
            pixels = decoding.decode(image, background, label)
            decoding.warn_of_more_frames(image, label)
    elif isinstance(source, Image.Image):
        with opening.guarded(f"`{name}`", max_pixels):
            opening.require_at_most(source, max_pixels, f"`{name}`")
            pixels = decoding.decode(source, background, f"`{name}`")
    else:
        pixels = _from_array(source, background, name)
    return pixels[np.newaxis]


def plain(source: ImageLike, name: str = "image") -> str | os.PathLike[str] | BinaryIO | Any:
    """The same as a path, a binary stream, a PIL image or an array; see `read`.

    Raises:
        ImageError: if it is a tensor that has no values, as within a `tf.function`.
    """
    if hasattr(source, "numpy"):
        try:
            source = source.numpy()
        except Exception as error:
            raise ImageError(f"`{name}` has no values to read: {reason(error)}.") from error
    if (
        isinstance(source, np.ndarray | np.generic)
        and not source.shape
        and source.dtype.kind in "SUO"
    ):
        source = source.item()
    if isinstance(source, bytes | bytearray | memoryview):
        source = bytes(source)
        return io.BytesIO(source) if b"\0" in source else os.fsdecode(source)
    return source


def is_stream(source: object) -> bool:
    """Whether it is a file object, of bytes as it should be."""
    return hasattr(source, "read") and hasattr(source, "seek")


def read_alpha(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Pixels | None:
    """How opaque a picture file is, None if it is so everywhere.

    Args:
        path: A regular file.
        max_pixels: Pictures of more pixels are refused.

    Returns:
        `[1, H, W, 1]`, float32, in [0, 1]: 1 is opaque.

    Raises:
        ImageError: if the file cannot be read.
    """
    label = label_of(path)
    with opening.opened(path, max_pixels, label, verify=False) as image:
        alpha = decoding.decode_alpha(image, label)
    return None if alpha is None else alpha[np.newaxis]


def size_of(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Height and width of a picture file as `read` gives it, from its header only.

    Args:
        path: A regular file.
        max_pixels: Pictures of more pixels are refused.

    Raises:
        ImageError: if the file cannot be opened as a picture.
    """
    label = label_of(path)
    with opening.opened(path, max_pixels, label, verify=False) as image:
        return decoding.upright_size(image, label)


def resize(image: npt.ArrayLike, height: int, width: int) -> Pixels:
    """The image at another size, smoothed before it is made smaller.

    Cubic interpolation both ways, its kernel widened by the factor when shrinking, as Pillow does
    it. Next to edges it overshoots about half as much as Lanczos; halos would be taken for style.

    Args:
        image: float, `[N, H, W, C]`.
        height: At least 1.
        width: At least 1.

    Returns:
        `[N, height, width, C]`, float32; within [0, 1] if `image` is, else free to overshoot. An
        equal copy if the size is the same.

    Raises:
        ValueError: if `image` is not of rank 4 or empty, or a side is less than 1.
    """
    pixels = np.array(image, np.float32)
    if pixels.ndim != 4 or pixels.size == 0:
        raise ValueError(f"`image` must be [N, H, W, C] and not empty; got {pixels.shape}.")
    if height < 1 or width < 1:
        raise ValueError(f"`height` and `width` must be at least 1; got {height} and {width}.")
    if pixels.shape[1:3] == (height, width):
        return pixels
    resized = np.empty((len(pixels), height, width, pixels.shape[-1]), np.float32)
    for index in np.ndindex(len(pixels), pixels.shape[-1]):
        plane = Image.fromarray(np.ascontiguousarray(pixels[index[0], ..., index[1]]))
        plane = plane.resize((width, height), Image.Resampling.BICUBIC)
        resized[index[0], ..., index[1]] = np.asarray(plane)
    if pixels.min() >= 0 and pixels.max() <= 1:
        np.clip(resized, 0, 1, out=resized)
    return resized


def write(
    path: str | os.PathLike[str],
    image: npt.ArrayLike | Tensor,
    *,
    metadata: Mapping[str, Any] | None = None,
    quality: int = 95,
    alpha: npt.ArrayLike | None = None,
) -> None:
    """Stores the picture with 8 bits a channel and a profile of sRGB, or leaves all as it was.

    The same picture gives the same bytes. A symbolic link stays, the file it leads to is replaced;
    see `files.replace_file`. Metadata too large for the format (65,000 bytes in JPEG, 1 MiB
    in others) is left out with a warning in the log: the picture matters more.

    Args:
        path: Its extension says the format: .png, .jpg, .jpeg, .webp, .tif or .tiff.
        image: float in [0, 1], `[H, W, 3]` or `[1, H, W, 3]`.
        metadata: What JSON can hold, stored for `read_metadata`: in a text chunk of a PNG, in
            EXIF's UserComment of others.
        quality: Of JPEG, whose colors are not subsampled, and of WebP; 1 to 100.
        alpha: How opaque it is, float in [0, 1] of the same height and width; None for all of it.
            JPEG holds none.

    Raises:
        OutputError: if the picture cannot be written, or an argument is not as above.
    """
    data = encode(path, image, metadata=metadata, quality=quality, alpha=alpha)
    replace_file(path, data)


def encode(
    path: str | os.PathLike[str],
    image: npt.ArrayLike | Tensor,
    *,
    metadata: Mapping[str, Any] | None = None,
    quality: int = 95,
    alpha: npt.ArrayLike | None = None,
) -> bytes:
    """The bytes that `write` stores; arguments and errors as there."""
    label, form = label_of(path), output_format(path)
    if quality not in range(1, 101):
        raise OutputError(f"`quality` must be a whole number from 1 to 100; got {quality!r}.")
    try:
        pixels = _from_array(image, (255, 255, 255), "image")
        if alpha is not None:
            pixels = _with_alpha(pixels, alpha, form)
    except ImageError as error:
        raise OutputError(f"{label} cannot be written: {error}") from error
    by_format: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": quality, "subsampling": 0},
        "WEBP": {"quality": quality},
        "TIFF": {},  # Pillow cannot compress a TIFF that has EXIF.
        "PNG": {},
    }
    options = by_format[form] | {"icc_profile": decoding.srgb_profile()}
    if metadata is not None:
        options |= _metadata_options(metadata, form, label)
    file = io.BytesIO()
    try:
        picture = Image.fromarray(np.rint(pixels * 255).astype(np.uint8))
        picture.save(file, form, **options)
    except Exception as error:
        raise OutputError(
            f"{label} cannot be written as {form}: {reason(error)}. Use .png."
        ) from error
    return file.getvalue()


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """What `write` stored with the picture, or None if there is nothing of ours.

    Only the header is read, so a PNG whose text another program moved behind the pixels has none.

    Raises:
        ImageError: if the file cannot be opened as a picture, or if what it holds is larger than
            1 MiB or not a JSON object.
    """
    label = label_of(path)
    with opening.opened(path, sys.maxsize, label, verify=False) as image:
        if image.format == "PNG":
            text = image.info.get(_KEY)
        else:
            exif = image.getexif().get_ifd(ExifTags.IFD.Exif)
            text = _from_comment(exif.get(ExifTags.Base.UserComment))
        if not isinstance(text, str):
            return None
        if len(text) > _MAX_METADATA_BYTES:
            raise ImageError(f"{label} has more than {_MAX_METADATA_BYTES} bytes of metadata.")
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ImageError(f"{label} has damaged metadata: {reason(error)}.") from error
        if not isinstance(values, dict):
            raise ImageError(f"{label} has metadata that is not a JSON object.")
        return values


def _metadata_options(metadata: Mapping[str, Any], form: str, label: str) -> dict[str, Any]:
    """The arguments by which Pillow stores the metadata."""
    try:
        text = json.dumps(dict(metadata), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise OutputError(
            f"{label} cannot be written: `metadata` must be what JSON can hold: {reason(error)}."
        ) from error
    limit = _JPEG_METADATA_BYTES if form == "JPEG" else _MAX_METADATA_BYTES
    if len(text) > limit:
        lost = "%s: written without its metadata, %d bytes, of which %s holds %d."
        _LOGGER.warning(lost, label, len(text), form, limit)
        return {}
    if form == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text(_KEY, text)
        return {"pnginfo": chunks}
    exif = Image.Exif()
    comment = _COMMENT_START + text.encode("ascii") + _COMMENT_END
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return {"exif": exif.tobytes()}


def _from_comment(comment: object) -> str | None:
    """The text of the metadata in an EXIF comment, None if the comment is not ours."""
    if not isinstance(comment, bytes) or not comment.startswith(_COMMENT_START):
        return None
    text = comment.removeprefix(_COMMENT_START).removesuffix(_COMMENT_END)
    return text.decode("ascii", "replace")


def _from_array(source: Any, background: tuple[int, int, int], name: str) -> Pixels:
    """An array or tensor as `[H, W, 3]`, float32, in [0, 1]; see `read`."""
    source = plain(source, name)
    if not isinstance(source, np.ndarray):
        raise ImageError(
            f"`{name}` must be a path, a binary stream, a PIL image, an array or a tensor; "
            f"got {type(source).__name__}."
        )
    pixels = _unit_range(_one_picture(source, name), name)
    if pixels.shape[-1] == 4:
        alpha = pixels[..., 3:]
        under = np.array(background, np.float32) / 255
        pixels = np.clip(pixels[..., :3] * alpha + under * (1 - alpha), 0, 1)
    elif pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    return pixels


def _with_alpha(pixels: Pixels, alpha: npt.ArrayLike, form: str) -> Pixels:
    """`[H, W, 3]` and how opaque that is as `[H, W, 4]`."""
    if form == "JPEG":
        raise ImageError("JPEG holds no transparency. Use .png, .webp or .tif.")
    plane = _unit_range(_one_picture(np.asarray(alpha), "alpha"), "alpha")
    if plane.shape != (*pixels.shape[:2], 1):
        raise ImageError(f"`alpha` must be {pixels.shape[:2]} as the picture; got {plane.shape}.")
    return np.concatenate([pixels, plane], axis=-1)


def _one_picture(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """The array as `[H, W, C]` of 1, 3 or 4 channels."""
    shape = array.shape
    if array.ndim == 2:
        array = array[..., np.newaxis]
    elif array.ndim == 4 and shape[0] == 1:
        array = array[0]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or array.size == 0:
        raise ImageError(
            f"`{name}` must be one picture, [H, W, C] with 1, 3 or 4 channels last; got {shape}."
        )
    return array


def _unit_range(array: npt.NDArray[Any], name: str) -> Pixels:
    """The values as new float32 in [0, 1]; the type says the range, values are never guessed."""
    kind = array.dtype.name
    if kind in ("uint8", "uint16"):
        return array.astype(np.float32) / np.float32(255 if kind == "uint8" else 65535)
    if kind not in ("float16", "float32", "float64", "bfloat16"):
        raise ImageError(
            f"`{name}` must be uint8, uint16 or floats in [0, 1]; got {kind}. "
            "Convert it, such as by astype('uint8') if it holds 0 to 255."
        )
    if array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    lowest, highest = float(array.min()), float(array.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ImageError(f"`{name}` has values that are NaN or infinite. Replace them first.")
    if lowest < -1e-4 or highest > 1 + 1e-4:
        raise ImageError(
            f"`{name}` must be in [0, 1] if it is float; got {lowest:g} to {highest:g}. "
            "Divide by 255, or pass uint8."
        )
    return np.clip(array, 0, 1).astype(np.float32)
