"""Pictures in, and resized by Pillow: of 8 bits, as files are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps


def read(path: str | Path) -> np.ndarray:
    """A picture file as float32 `[1, H, W, 3]` in [0, 1], upright."""
    with Image.open(path) as image:
        return _from_pillow(ImageOps.exif_transpose(image).convert("RGB"))


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture resized by Pillow's Lanczos filter, in 8 bits as a file would be."""
    bytes_image = np.rint(np.clip(image[0], 0.0, 1.0) * 255.0).astype(np.uint8)
    if bytes_image.shape[:2] == (height, width):
        return bytes_image[None].astype(np.float32) / 255.0
    pillow = Image.fromarray(bytes_image)
    return _from_pillow(pillow.resize((width, height), Image.Resampling.LANCZOS))


def resize_long_side(image: np.ndarray, long_side: int) -> np.ndarray:
    """A picture of the same shape whose longer side has `long_side` pixels."""
    height, width = image.shape[1:3]
    scale = long_side / max(height, width)
    return resize(image, max(1, round(height * scale)), max(1, round(width * scale)))


def _from_pillow(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float32)[None] / 255.0
