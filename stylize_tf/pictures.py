"""The pictures of a run as the optimization sees them, and the finished one as it is shown.

Cropping, colors and masks are dealt with here, once, so that what is optimized is always one
photograph and some paintings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from stylize_tf import color, image_io, pyramid, regions
from stylize_tf.config import ConfigError, StyleTransferConfig


class Pictures:
    """What a run was given, checked and prepared.

    Args:
        config: how.
        content: the photograph.
        styles: the paintings.
        initial: the picture to start from, if `config.init` is "picture".
        content_masks: of regions of the photograph; "alpha" for its own transparency.
        style_masks: of the paintings; see `regions.pair`.

    Attributes:
        photograph: float32 `[1, H, W, 3]`, as it is to be painted.
        paintings: as many such, of any sizes.
        start: the picture to start from, or None.
        shares: of the paintings in the blend, adding up to 1.
        regions: which part of which painting goes with which region; at least one.
        mask_count: masks of regions of the photograph; 0 where all of it is one.

    Raises:
        ImageError: if a picture cannot be read, is out of range or does not fit.
        ConfigError: if options and pictures do not fit together.
    """

    def __init__(
        self,
        config: StyleTransferConfig,
        content: image_io.ImageLike,
        styles: Sequence[image_io.ImageLike],
        initial: image_io.ImageLike | None = None,
        content_masks: Sequence[image_io.ImageLike] = (),
        style_masks: Sequence[image_io.ImageLike] = (),
    ):
        self._config = config
        photograph = image_io.read(content, name="content")
        paintings = [image_io.read(x, name="style") for x in styles]
        self.start = None if initial is None else image_io.read(initial, name="initial")
        if (config.init == "picture") != (initial is not None):
            raise ConfigError(
                '`initial`, the picture to start from, and `init` "picture" must be given together.'
            )
        self.shares = _shares(config.style_blend_weights, len(paintings))
        masks = [
            regions.read(mask, content, photograph.shape[1:3], "content_mask")
            for mask in content_masks
        ]
        of_styles = self._read_style_masks(style_masks, styles, paintings)
        self.regions = regions.pair(len(paintings), self.shares, len(masks), of_styles)
        if regions.covers_all(masks):
            masks = []
        if config.crop == "square":
            photograph = cropped(photograph, 1.0)
            masks = [cropped(mask, 1.0) for mask in masks]
        self._masks, self.mask_count = masks, len(masks)
        self._own_colors = photograph
        self.photograph, self.paintings = self._colored(photograph, paintings)

    def _read_style_masks(
        self,
        style_masks: Sequence[image_io.ImageLike],
        styles: Sequence[image_io.ImageLike],
        paintings: Sequence[np.ndarray],
    ) -> list[np.ndarray]:
        # Of several masks of one painting every one is its; else each has its own.
        owners = range(len(styles)) if len(styles) > 1 else [0] * len(style_masks)
        return [
            regions.read(mask, styles[owner], paintings[owner].shape[1:3], "style_mask")
            for mask, owner in zip(style_masks, [*owners, *[0] * len(style_masks)], strict=False)
        ]

    def _colored(
        self, photograph: np.ndarray, paintings: list[np.ndarray]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Photograph and paintings with the colors that are optimized."""
        config = self._config
        if config.color == "match":
            return photograph, [
                color.match_colors(x, photograph, config.color_match, config.color_amount)
                for x in paintings
            ]
        if config.color == "luminance":
            grey, *others = [
                color.luminance(x, config.color_space) for x in (photograph, *paintings)
            ]
            return grey, [color.match_lightness(x, grey, config.color_amount) for x in others]
        return photograph, paintings

    @property
    def digests(self) -> list[str]:
        """Of every picture and mask: all that decides the pixels beside the options."""
        masks = [x for region in self.regions for x in region.masks if x is not None]
        start = [] if self.start is None else [self.start]
        images = [self._own_colors, *self.paintings, *start, *self._masks, *masks]
        return [hashlib.sha256(x.tobytes()).hexdigest() + str(x.shape) for x in images]

    @property
    def main_painting(self) -> int:
        """The number of the one of the largest share."""
        return int(np.argmax(self.shares))

    def photograph_at(self, stage: pyramid.Stage) -> np.ndarray:
        """The photograph at the size of a stage."""
        return image_io.resize(self.photograph, stage.height, stage.width)

    def painting_at(self, number: int, stage: pyramid.Stage, last: pyramid.Stage) -> np.ndarray:
        """A painting at its size for a stage."""
        painting = self._fitting(self.paintings[number], stage)
        height, width = painting.shape[1:3]
        size = pyramid.style_size(self._config, height, width, stage, last)
        return image_io.resize(painting, *size)

    def style_mask_at(
        self, mask: np.ndarray, stage: pyramid.Stage, painting: np.ndarray
    ) -> np.ndarray:
        """The mask of a painting at the size of that, float32 `[1, h, w, 1]`."""
        fitting = self._fitting(mask, stage)
        height, width = painting.shape[1:3]
        return regions.joined([fitting], height, width, self._config.mask_feather)

    def _fitting(self, image: np.ndarray, stage: pyramid.Stage) -> np.ndarray:
        if self._config.style_fit != "crop":
            return image
        return cropped(image, stage.width / stage.height)

    def masks_at(self, stage: pyramid.Stage) -> np.ndarray:
        """The regions at the size of a stage: float32 `[1, h, w, R]`, adding up to 1 at most."""
        return regions.joined(self._masks, stage.height, stage.width, self._config.mask_feather)

    def finished(self, image: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """The picture as it is shown, of what was optimized.

        Args:
            image: float32 `[1, h, w, 3]` in [0, 1].
            masks: of the regions at its size, or None.

        Returns:
            Of the same shape: with the photograph outside of the regions, and its colors if they
            are to be kept.
        """
        config = self._config
        keeps_colors = config.color in ("content", "luminance")
        if masks is None and not keeps_colors:
            return image
        photograph = image_io.resize(self._own_colors, *image.shape[1:3]).clip(0, 1)
        if keeps_colors:
            image = color.keep_colors(image, photograph, config.color_space, config.color_amount)
        if masks is not None:
            painted = masks.sum(axis=3, keepdims=True)
            image = photograph + painted * (image - photograph)
        return image


def cropped(image: np.ndarray, aspect: float) -> np.ndarray:
    """The center of an image, with this ratio of width to height."""
    height, width = image.shape[1:3]
    new_height = min(height, max(1, round(width / aspect)))
    new_width = min(width, max(1, round(height * aspect)))
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return image[:, top : top + new_height, left : left + new_width]


def _shares(blend_weights: Sequence[float], count: int) -> list[float]:
    if not blend_weights:
        return [1 / count] * count
    if len(blend_weights) != count:
        raise ConfigError(
            f"`style_blend_weights` must have one weight for each of the {count} styles; got "
            f"{len(blend_weights)}."
        )
    return [weight / sum(blend_weights) for weight in blend_weights]
