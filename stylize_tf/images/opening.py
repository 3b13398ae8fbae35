"""Pillow made safe for files from anywhere: what may be opened, how large, and how it fails.

A list of formats, a limit on pixels that holds before memory is taken, checksums, and one kind of
error whatever a decoder does. What the pixels mean is the business of `decoding`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import logging
import os
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError, _imaging

from stylize_tf.errors import ImageError
from stylize_tf.images.files import PathLike, open_regular, reason

# Told by content, not by name. Others that Pillow reads run programs (EPS) or are rarely fuzzed.
# JPEG includes MPO; HEIC comes by an extra.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PPM")
_FORMATS_TEXT = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, PPM, HEIC"
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

# The checksum of its last chunk, which is where `verify` stops.
_PNG_END = struct.pack(">I", zlib.crc32(b"IEND"))

# The widest pixels are four floats; some formats are read whole before their size is known.
_BYTES_PER_PIXEL = 16
_FREE_BYTES = 2**30

_LOGGER = logging.getLogger("stylize_tf")
_PILLOW_LOGGER = logging.getLogger("PIL")

# Filters of warnings and Pillow's limit belong to the process, so only one thread may change them.
_PROCESS_STATE = threading.RLock()


@contextlib.contextmanager
def guarded(label: str, max_pixels: int) -> Iterator[None]:
    """Within it, whatever a decoder does to a bad picture ends as an `ImageError`.

    Decoders raise nearly every kind of exception, warn, and print. Warnings are logged once the
    picture, which messages call `label`, has been read; more than `max_pixels`, also of a frame or
    tile within it, are refused before memory is taken for them.
    """
    with _PROCESS_STATE, warnings.catch_warnings(record=True) as caught, _silent_libtiff():
        warnings.simplefilter("always")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
        level = _PILLOW_LOGGER.level
        _PILLOW_LOGGER.setLevel(logging.CRITICAL)  # It logs errors that it raises as well.
        try:
            yield
        except ImageError:
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            count = re.search(r"\d+", str(error))
            raise _too_large(label, f"{count[0]} pixels" if count else "it", max_pixels) from error
        except MemoryError as error:
            raise ImageError(
                f"{label} does not fit into memory. Make the picture smaller."
            ) from error
        except Exception as error:
            raise ImageError(
                f"{label} cannot be read as a picture: {reason(error)}. "
                "It may be damaged; export or download it again."
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            _PILLOW_LOGGER.setLevel(level)
    for text in dict.fromkeys(str(w.message) for w in caught if w.category is UserWarning):
        _LOGGER.warning("%s: %s", label, text)


@contextlib.contextmanager
def opened(
    source: PathLike | BinaryIO, max_pixels: int, label: str, *, verify: bool
) -> Iterator[ImageFile.ImageFile]:
    """A picture file with its header read and its pixels not, `guarded` while it is open.

    Args:
        source: its path, or a stream of its bytes.
        max_pixels: more are refused.
        label: how messages name it.
        verify: whether a PNG is read once for its checksums: Pillow decodes without.

    Raises:
        ImageError: if it is not a regular file, too large, or not of a format that is allowed.
    """
    with _as_stream(source, max_pixels, label) as file, guarded(label, max_pixels):
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            raise ImageError(f"{label} is empty: 0 bytes. Export or download it again.")
        if size > _most_bytes(max_pixels):
            raise _too_large(label, f"{size} bytes", max_pixels)
        image = _identified(file, label)
        if image.format == "PNG":
            if verify:
                image.verify()
                if file.read(4) != _PNG_END:
                    raise ImageError(f"{label} is cut off. Export or download it again.")
                image = _identified(file, label)
            _rescale_transparency(image)
        yield image


@contextlib.contextmanager
def _as_stream(source: PathLike | BinaryIO, max_pixels: int, label: str) -> Iterator[BinaryIO]:
    if isinstance(source, str | os.PathLike):
        with open_regular(source) as file:
            yield file
        return
    try:
        with _PROCESS_STATE:  # Threads may share it: it is copied at once, and left as it was.
            place = source.tell()
            if not isinstance(source.read(0), bytes):
                raise OSError("it is text: open it as 'rb'")
            source.seek(0)
            data = source.read(_most_bytes(max_pixels) + 1)
            source.seek(place)
    except (OSError, ValueError) as error:  # It cannot seek, say, or is closed.
        raise ImageError(
            f"{label} cannot be read as a stream: {reason(error)}. Pass io.BytesIO of its bytes."
        ) from error
    yield io.BytesIO(data)


def _most_bytes(max_pixels: int) -> int:
    """Of a file that is read, or of a stream."""
    return _FREE_BYTES + _BYTES_PER_PIXEL * max_pixels


def _identified(file: BinaryIO, label: str) -> ImageFile.ImageFile:
    file.seek(0)
    header = file.read(16)
    try:
        return Image.open(file, formats=_FORMATS)
    except UnidentifiedImageError:
        if header[4:8] == b"ftyp" and header[8:12] in _HEIC_BRANDS:
            return _opened_heic(file, label)
        raise ImageError(
            f"{label} is damaged or not of a format that is read: {_FORMATS_TEXT}. "
            "Convert it to one of them."
        ) from None


def _opened_heic(file: BinaryIO, label: str) -> ImageFile.ImageFile:
    try:
        import pillow_heif
    except ImportError:
        raise ImageError(
            f"{label} is HEIC, whose reader is not installed. Convert it to JPEG, or: "
            'pip install "stylize-tf[heic]"'
        ) from None
    pillow_heif.register_heif_opener()
    return Image.open(file, formats=["HEIF"])


def _rescale_transparency(image: ImageFile.ImageFile) -> None:
    """Brings the transparent color of a PNG from the depth of the file to Pillow's 8 bits."""
    transparency = image.info.get("transparency")
    depth = image.tile[0].args if image.tile else None
    if isinstance(transparency, int) and depth in ("L;2", "L;4"):
        image.info["transparency"] = transparency * (85 if depth == "L;2" else 17)
    elif isinstance(transparency, tuple) and depth == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in transparency)


def require_at_most(image: Image.Image, max_pixels: int, label: str) -> None:
    """Raises `ImageError` if a PIL image, whoever opened it, has more than `max_pixels`."""
    if image.width * image.height > max_pixels:
        raise _too_large(label, f"{image.width} x {image.height} pixels", max_pixels)


def _too_large(label: str, size: str, max_pixels: int) -> ImageError:
    return ImageError(
        f"{label} is too large: {size}, where at most {max_pixels} pixels are read. "
        "Make the picture smaller, or raise `max_pixels`."
    )


@contextlib.contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Keeps libtiff from printing to the terminal what Pillow raises as well."""
    library = _libtiff()
    if library is None:
        yield
        return
    handler = library.TIFFSetErrorHandler(None)
    try:
        yield
    finally:
        library.TIFFSetErrorHandler(handler)


@functools.cache
def _libtiff() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler.argtypes = [ctypes.c_void_p]
        library.TIFFSetErrorHandler.restype = ctypes.c_void_p
    except (AttributeError, OSError, TypeError):  # Linked in a way that hides it.
        return None
    return library
