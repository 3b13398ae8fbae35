"""From a PIL image to pixels as they are meant to look: upright, sRGB, opaque.

Pillow leaves to its callers what is done here: orientation, color profiles, transparency, and
depths other than 8 bits.
"""

from __future__ import annotations

import functools
import io
import logging
import math
import os
import struct

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms

from stylize_tf.errors import ImageError
from stylize_tf.images.files import reason

Pixels = npt.NDArray[np.float32]

_LOGGER = logging.getLogger("stylize_tf")


def upright_size(image: Image.Image, label: str) -> tuple[int, int]:
    """Height and width after rotation, of an image whose pixels may not have been read."""
    # Pillow reports and later decodes TIFF upright.
    rotated = _orientation(image, label, decoded=False) >= 5 and image.format != "TIFF"
    return (image.width, image.height) if rotated else (image.height, image.width)


def decode(image: Image.Image, background: tuple[int, int, int], label: str) -> Pixels:
    """The pixels of the current frame: upright, sRGB, over `background`.

    Integers are scaled by their largest value: 255, or 65535 for 16 bits. Deeper integers (mode
    `I`) and floats (mode `F`) do not say what white is: floats up to 1 are taken as they are;
    otherwise white is 255 or else 65535, whichever is the first to hold all values.

    Args:
        image: Any mode that Pillow reads or makes.
        background: What shows through transparent pixels, sRGB, 0 to 255.
        label: How messages name the picture.

    Returns:
        `[H, W, 3]`, float32, in [0, 1].

    Raises:
        ImageError: if values are NaN, infinite, negative or beyond 65535. Other exceptions are
            those of the decoder; see `guarded`.
    """
    image.load()
    alpha = _alpha(image)
    profile = image.info.get("icc_profile")
    if _is_deep(image):
        pixels = _colored(_deep_grey(image, label), profile, label)
    else:
        opaque = _opaque(image)
        if opaque.mode == "L":
            pixels = _colored(_unit(opaque), profile, label)
        else:
            pixels = _unit(_to_srgb(opaque, profile, label))
    if alpha is not None:
        pixels *= alpha
        pixels += (1 - alpha) * (np.array(background, np.float32) / 255)
        np.clip(pixels, 0, 1, out=pixels)
    return np.ascontiguousarray(_rotated(pixels, _orientation(image, label, decoded=True)))


def decode_alpha(image: Image.Image, label: str) -> Pixels | None:
    """How opaque the current frame is, upright: float32, `[H, W, 1]`, in [0, 1].

    None if it is opaque everywhere; most pictures are not even decoded for that.
    """
    if not (image.has_transparency_data or image.mode == "La"):
        return None
    image.load()
    alpha = _alpha(image)
    if alpha is None or alpha.min() >= 1:
        return None
    return np.ascontiguousarray(_rotated(alpha, _orientation(image, label, decoded=True)))


def warn_of_more_frames(image: Image.Image, label: str) -> None:
    """Logs how many frames or pages there are, if the first is not the only one."""
    try:
        frames = int(getattr(image, "n_frames", 1))
    except Exception:  # Damage behind the first frame, which has been read.
        return
    if frames > 1:
        _LOGGER.warning("%s has %d frames or pages; only the first is used.", label, frames)


def _unit(image: Image.Image) -> Pixels:
    """The values of an image of 8 bits, in [0, 1]."""
    values = np.array(image, np.float32)
    values /= 255
    return values


def _is_deep(image: Image.Image) -> bool:
    """Whether it has more than 8 bits a channel."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def _alpha(image: Image.Image) -> Pixels | None:
    """How opaque it is, `[H, W, 1]` as it is stored, None if it says nothing of that."""
    if _is_deep(image):
        clear = image.info.get("transparency")
        if clear is None:
            return None
        return (np.asarray(image) != clear)[..., np.newaxis].astype(np.float32)
    if image.mode == "La":  # Pillow converts it to nothing else.
        image = image.convert("LA")
    if not image.has_transparency_data:
        return None
    return _unit(image.convert("RGBA").getchannel("A"))[..., np.newaxis]


def _opaque(image: Image.Image) -> Image.Image:
    """The picture of 8 bits without its transparency, in mode L, RGB, CMYK or LAB."""
    grey = image.mode in ("1", "L", "LA", "La")
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
    if grey:
        return image.convert("L")
    return image if image.mode in ("CMYK", "LAB") else image.convert("RGB")


def _deep_grey(image: Image.Image, label: str) -> Pixels:
    """The values of mode I;16, I or F, `[H, W]`, in [0, 1]."""
    values: Pixels = np.asarray(image).astype(np.float32)
    lowest, highest = float(values.min()), float(values.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ImageError(f"{label} has pixels that are NaN or infinite. Replace them first.")
    tags = getattr(image, "tag_v2", {})
    if image.mode.startswith("I;16"):
        white = 4095 if tags.get(ExifTags.Base.BitsPerSample) == (12,) else 65535
        if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:  # White is zero.
            values = white - values
    elif image.mode == "I" and image.format == "PPM":  # Pillow has scaled these.
        white = 65535
    else:
        candidates = (1, 255, 65535) if image.mode == "F" else (255, 65535)
        white = next((each for each in candidates if highest <= each * (1 + 1e-4)), 0)
        if white == 0 or lowest < -1e-4:
            raise ImageError(
                f"{label} has pixels from {lowest:g} to {highest:g}. "
                "Scale them to [0, 1], or save it with 8 or 16 bits."
            )
        if image.mode == "F" and white > 1:
            _LOGGER.warning("%s has pixels up to %g; %d is taken as white.", label, highest, white)
    values /= white
    return np.clip(values, 0, 1, out=values)


def _colored(grey: Pixels, profile: bytes | None, label: str) -> Pixels:
    """`[H, W]` grey as `[H, W, 3]`, through the tone curve of its profile."""
    pixels = np.repeat(grey[..., np.newaxis], 3, axis=-1)
    if profile:
        # Pillow converts 8 bits only, so the curve is sampled at those and interpolated.
        ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
        curve = _unit(_to_srgb(ramp, profile, label))[0]
        for channel in range(3):
            pixels[..., channel] = np.interp(grey, np.linspace(0, 1, 256), curve[:, channel])
    return pixels


@functools.cache
def srgb_profile() -> bytes:
    """An ICC profile of sRGB, the same bytes every time."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # The date of its creation.
    profile[84:100] = bytes(16)  # A checksum of the rest; 0 stands for none.
    return bytes(profile)


def _to_srgb(image: Image.Image, profile: bytes | None, label: str) -> Image.Image:
    """An L, RGB, CMYK or LAB image as RGB, by its profile if that fits."""
    if image.mode == "LAB":
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if profile and profile != srgb_profile():
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if image.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
                return _converted(image.convert("RGB"), source)
            return _converted(image, source)
        except Exception as error:
            _LOGGER.warning("%s: its color profile is ignored: %s.", label, reason(error))
    return image.convert("RGB")


def _converted(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    # As viewers do it: colors that sRGB has are kept, and black stays black.
    converted = ImageCms.profileToProfile(
        image,
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None
    return converted


def _orientation(image: Image.Image, label: str, *, decoded: bool) -> int:
    """EXIF's orientation, 1 to 8; 1 if there is none or it makes no sense."""
    try:
        if not decoded and image.format == "PNG" and not _has_late_exif(image):
            # Pillow decodes a PNG to look for EXIF behind the pixels.
            exif = Image.Image.getexif(image)
        else:
            exif = image.getexif()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
    except Exception as error:
        _LOGGER.warning("%s: its EXIF data is ignored: %s.", label, reason(error))
        return 1
    if orientation not in range(1, 9):
        _LOGGER.warning("%s: its EXIF orientation %r is ignored.", label, orientation)
        return 1
    return int(orientation)


def _has_late_exif(image: Image.Image) -> bool:
    """Whether a PNG has EXIF, or XMP which can stand in for it, behind the pixels."""
    file = getattr(image, "fp", None)
    if file is None:
        return False
    position, behind_pixels = file.tell(), False
    file.seek(8)
    try:
        while len(start := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", start)
            if behind_pixels and kind in (b"eXIf", b"iTXt"):
                return True
            behind_pixels = behind_pixels or kind == b"IDAT"
            file.seek(length + 4, os.SEEK_CUR)
        return False
    finally:
        file.seek(position)


def _rotated(pixels: Pixels, orientation: int) -> Pixels:
    """The stored rows and columns brought to where EXIF's orientation says they belong."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    # After the swap, which of the two sides has to be mirrored.
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
