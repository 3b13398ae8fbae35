"""The pictures of a run as the optimization sees them, and the finished one as it is shown.

Cropping, colors and masks are dealt with here, once, so that what is optimized is always one
photograph and some paintings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import masks
from stylize_tf.control.color_modes import MODES, Colored
from stylize_tf.control.styles import expanded
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images import image_io, montage
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.sources import Sources
from stylize_tf.machine.newest import Newest

OVERLAY_SIDE = 1024
"""Long side of the pictures of an overlay, at most, in pixels."""

TakeStrokes = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Coarse and fine painting, `[1, H, W, 3]` -> the first with the strokes of the second."""

FindRegions = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Photograph and painting, `[1, H, W, 3]` -> masks of K regions of each, `[1, h, w, K]`."""


class Pictures:
    """What a run was given, checked and prepared.

    Args:
        config: how.
        sources: what the run was given.
        find_regions: finds masks where `config.regions` asks for them.
        layers: that are in use beside those of the configuration.

    Attributes:
        photograph: float32 `[1, H, W, 3]`, as it is to be painted.
        paintings: as many such: what is seen of them, as large as the last stage wants at most.
        start: the picture to start from, or None; `fine_style` likewise.
        given: name of a term -> the map that its target is made of, float32 `[1, H, W, C]`.
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
        sources: Sources,
        *,
        find_regions: FindRegions | None = None,
        layers: Sequence[str] = (),
    ):
        sources.check(config)
        self._config, self._layers = config, layers
        styles, blend_weights = expanded(sources.styles, config.style_blend_weights)
        photograph = image_io.read(sources.content, name="content")
        seen = cropped(photograph, 1.0) if config.crop == "square" else photograph
        paintings, shapes = [], []
        for style in styles:
            painting = image_io.read(style, name="style")
            shapes.append(painting.shape[1:3])
            # One by one, so that those of a folder are never in memory as large as they are.
            keep = config.auto_regions  # They are found in the painting as it is.
            paintings.append(painting if keep else no_larger(painting, seen, config, layers))
        self.start, self.fine_style = (
            None if image is None else image_io.read(image, name=name)
            for name, image in (("initial", sources.initial), ("fine_style", sources.fine_style))
        )
        self.given = {name: _checked(name, given) for name, given in sources.given.items()}
        self._finely: dict[int, np.ndarray] = {}
        # Of a stage and of what is seen of it from afar: a picture that is shown asks for it again.
        self._softened: Newest[np.ndarray] = Newest(2)
        self.shares = _shares(blend_weights, len(paintings))
        of_content = [
            masks.read(mask, sources.content, photograph.shape[1:3], "content_mask")
            for mask in sources.content_masks
        ]
        of_styles = []
        for number, mask in enumerate(sources.style_masks):
            owner = masks.owner(number, len(paintings))
            of_styles.append(masks.read(mask, styles[owner], shapes[owner], "style_mask"))
        self._strengths = self._read_strengths(sources, photograph)
        self.regions = masks.pair(len(paintings), self.shares, len(of_content), of_styles)
        of_content = self._seen_of_masks(of_content, of_styles, seen)
        if config.auto_regions and find_regions is not None:
            # In what will be seen of both, so that cropping cuts no region off.
            painting = fitting(paintings[0], seen.shape[2] / seen.shape[1], config)
            of_content, of_styles = (
                np.split(found, config.auto_regions, axis=3)
                for found in find_regions(seen, painting)
            )
            self.regions = masks.pair(1, self.shares, len(of_content), of_styles)
            paintings = [no_larger(x, seen, config, layers) for x in paintings]
        if self._strengths is not None and not self._strengths.all():
            of_content = masks.within(self._strengths, of_content or [_all_of(seen)])
        self._masks, self.mask_count = of_content, len(of_content)
        self._own_colors = seen
        self._mode = MODES[config.color]
        colored = Colored(seen, paintings, self.start)
        if self._mode.prepare is not None:
            colored = self._mode.prepare(colored, config)
        self.photograph, self.paintings, self.start = colored

    def _seen_of_masks(
        self, of_content: list[np.ndarray], of_styles: list[np.ndarray], seen: np.ndarray
    ) -> list[np.ndarray]:
        """The masks of what is seen of the photograph; none where one covers all of it.

        Raises:
            ImageError: if cropping leaves nothing of one, or of one of the paintings.
        """
        if masks.covers_all(of_content):
            of_content = []
        if self._config.crop == "square":
            of_content = [cropped_mask(mask, 1.0, "content_mask") for mask in of_content]
        if self._config.style_fit == "crop":
            for mask in of_styles:
                cropped_mask(mask, seen.shape[2] / seen.shape[1], "style_mask")
        return of_content

    def _read_strengths(self, sources: Sources, photograph: np.ndarray) -> np.ndarray | None:
        """The mask of strengths of what is seen; None where it is the same everywhere."""
        if sources.strength_mask is None:
            return None
        name = "strength_mask"
        mask = masks.read(sources.strength_mask, sources.content, photograph.shape[1:3], name)
        if masks.covers_all([mask]):
            return None
        return cropped_mask(mask, 1.0, name) if self._config.crop == "square" else mask

    @property
    def digests(self) -> list[str]:
        """Of every picture and mask, and shares: what decides the pixels beside the options."""
        of_styles = [x for region in self.regions for x in region.masks if x is not None]
        start, fine = ([] if x is None else [x] for x in (self.start, self.fine_style))
        # Named, as the same mask may be of the photograph or of a painting.
        images = {
            "content": [self._own_colors],
            "style": self.paintings,
            "fine_style": fine,
            "initial": start,
            "content_mask": self._masks,
            "style_mask": of_styles,
            "strength_mask": [] if self._strengths is None else [self._strengths],
            **{f"given {name}": [x] for name, x in self.given.items()},
        }
        return [
            f"{name} {hashlib.sha256(x.tobytes()).hexdigest()} {x.shape}"
            for name, given in images.items()
            for x in given
        ] + [f"shares {self.shares}"]

    @property
    def main_painting(self) -> int:
        """The number of the one of the largest share."""
        return int(np.argmax(self.shares))

    def photograph_at(self, stage: pyramid.Stage) -> np.ndarray:
        """The photograph at the size of a stage."""
        return image_io.resize(self.photograph, stage.height, stage.width)

    def enlarged(self, image: np.ndarray, stage: pyramid.Stage) -> np.ndarray:
        """The picture of a smaller stage at the size of a stage, with the photograph's details.

        Enlarging leaves the finest octave empty. What the photograph loses by being made as small
        and large again is what belongs there; the style gives it its strokes. Without it the loss
        starts a third higher and the content comes back slowly. Of a run that starts from another
        picture, as large as the stage or larger, it is what that loses: it may be painted already.

        Args:
            image: float32, `[1, h, w, 3]` in [0, 1].
            stage: of which size.

        Returns:
            float32, `[1, height, width, 3]`; pixels may leave [0, 1].
        """
        fitted = self.photograph_at(stage)
        start = self.start if self._config.init == "picture" else None
        if start is not None and start.shape[1] >= stage.height and start.shape[2] >= stage.width:
            fitted = image_io.resize(start, stage.height, stage.width)
        small = image_io.resize(fitted, *image.shape[1:3])
        details = fitted - image_io.resize(small, stage.height, stage.width)
        return image_io.resize(image, stage.height, stage.width) + details

    def painting_at(self, number: int, stage: pyramid.Stage, last: pyramid.Stage) -> np.ndarray:
        """A painting at its size for a stage."""
        painting = fitting(self.paintings[number], stage.width / stage.height, self._config)
        height, width = painting.shape[1:3]
        size = pyramid.style_size(self._config, height, width, stage, last, self._layers)
        return image_io.resize(self._finely.get(number, painting), *size)

    def take_strokes(self, take: TakeStrokes, last: pyramid.Stage) -> None:
        """Gives all paintings the strokes of `fine_style`, at their size for the last stage."""
        if self.fine_style is None:
            return
        for number in range(len(self.paintings)):
            painting = self.painting_at(number, last, last).clip(0, 1)
            self._finely[number] = take(painting, self.fine_style)

    def style_mask_at(
        self, mask: np.ndarray, stage: pyramid.Stage, painting: np.ndarray
    ) -> np.ndarray:
        """The mask of a painting at the size of that, float32 `[1, h, w, 1]`."""
        part = fitting(mask, stage.width / stage.height, self._config)
        height, width = painting.shape[1:3]
        return masks.joined([part], height, width, self._config.mask_feather)

    def overlay(self) -> np.ndarray:
        """The photograph and each painting with colors over the regions, side by side.

        Returns:
            float32, `[1, h, w, 3]` in [0, 1]; a region has one color and number in all of them.
        """
        feather = self._config.mask_feather
        side = min(OVERLAY_SIDE, max(self._own_colors.shape[1:3]))
        photograph = _at_side(self._own_colors, side)
        height, width = photograph.shape[1:3]
        over = masks.joined(self._masks or [_all_of(photograph)], height, width, feather)
        cells = [montage.overlay(photograph, over)]
        for number, own in enumerate(self.paintings):
            # What is kept of a painting may be much smaller.
            painting = _at_side(fitting(own, width / height, self._config), side)
            rows, columns = painting.shape[1:3]
            # Of the regions of other paintings there is nothing here.
            over = np.zeros([1, rows, columns, max(1, self.mask_count)], np.float32)
            for region, each in enumerate(self.regions):
                for owner, mask in zip(each.paintings, each.masks, strict=True):
                    if owner == number:
                        part = _all_of(painting) if mask is None else mask
                        part = fitting(part, width / height, self._config)
                        over[..., region] = masks.joined([part], rows, columns, feather)[..., 0]
            total = over.sum(axis=3, keepdims=True)
            cells.append(montage.overlay(painting, over / np.maximum(total, 1)))
        return montage.sheet([cells], [""], [""] * len(cells))

    def masks_at(self, stage: pyramid.Stage) -> np.ndarray:
        """The regions at the size of a stage: float32 `[1, h, w, R]`, adding up to 1 at most."""
        return masks.joined(self._masks, stage.height, stage.width, self._config.mask_feather)

    def strengths_at(self, height: int, width: int) -> np.ndarray | None:
        """What share of the strength each place has: `[1, h, w, 1]` in [0, 1]; None for all."""
        if self._strengths is None:
            return None
        whole, feather = [self._strengths], self._config.mask_feather
        return self._softened.get(
            (height, width), lambda: masks.joined(whole, height, width, feather)
        )

    def finished(self, image: np.ndarray, regions: np.ndarray | None) -> np.ndarray:
        """The picture as it is shown, of what was optimized.

        Args:
            image: float32 `[1, h, w, 3]` in [0, 1].
            regions: masks of them at its size, or None.

        Returns:
            Of the same shape: with the photograph outside of the regions, and its colors if they
            are to be kept; where the strength is 0 the photograph itself, wherever it began.
        """
        size = image.shape[1:3]
        seen = self._painted_at(*size)
        if regions is not None:
            seen = seen * regions.sum(axis=3, keepdims=True)
        is_whole = bool((seen == 1).all())
        if is_whole and self._mode.finish is None:
            return image
        photograph = image_io.resize(self._own_colors, *size).clip(0, 1)
        if self._mode.finish is not None and seen.any():
            image = self._mode.finish(image, photograph, self._config)
        return image if is_whole else masks.shown(image, photograph, seen)

    def _painted_at(self, height: int, width: int) -> np.ndarray:
        """How much is seen of what is painted: `[1, h, w, 1]`, or `[1, 1, 1, 1]` for all."""
        shares = self.strengths_at(height, width)
        even = np.ones([1, 1, 1, 1], np.float32)
        return masks.painted(self._config.strength * (even if shares is None else shares))


def no_larger(
    painting: np.ndarray,
    photograph: np.ndarray,
    config: StyleTransferConfig,
    layers: Sequence[str] = (),
) -> np.ndarray:
    """What is seen of a painting, no larger than the last stage wants it: both `[1, H, W, 3]`.

    Raises:
        ConfigError: as `pyramid.final_size`, `stages` and `style_size`.
    """
    height, width = photograph.shape[1:3]
    size = pyramid.final_size(config, height, width, layers=layers)
    *_, last = pyramid.stages(config, size, layers)
    painting = fitting(painting, width / height, config)
    rows, columns = painting.shape[1:3]
    wanted = pyramid.style_size(config, rows, columns, last, last, layers)
    return image_io.resize(painting, min(rows, wanted[0]), min(columns, wanted[1]))


def fitting(image: np.ndarray, aspect: float, config: StyleTransferConfig) -> np.ndarray:
    """What is seen of a painting, or of a mask of it, beside a photograph of this shape."""
    return cropped(image, aspect) if config.style_fit == "crop" else image


def cropped(image: np.ndarray, aspect: float) -> np.ndarray:
    """The center of an image, with this ratio of width to height."""
    height, width = image.shape[1:3]
    new_height = min(height, max(1, round(width / aspect)))
    new_width = min(width, max(1, round(height * aspect)))
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return image[:, top : top + new_height, left : left + new_width]


def _at_side(image: np.ndarray, side: int) -> np.ndarray:
    """An image with a long side of so many pixels."""
    height, width = image.shape[1:3]
    scale = side / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return image_io.resize(image, *size).clip(0, 1)


def _all_of(image: np.ndarray) -> np.ndarray:
    return np.ones_like(image[..., :1])


def cropped_mask(mask: np.ndarray, aspect: float, name: str) -> np.ndarray:
    """As `cropped`; raises an `ImageError` if nothing of the region is left."""
    mask = cropped(mask, aspect)
    if mask.max() < 1 / 255:
        raise ImageError(
            f"`{name}` holds no region: all of it is cut off by cropping. Crop less, or make it "
            f"white nearer to the center."
        )
    return mask


def _checked(name: str, given: npt.ArrayLike) -> np.ndarray:
    """A map that a term is given, if it is one."""
    array = np.asarray(given, np.float32)
    if array.ndim != 4 or len(array) != 1 or not array.size or not np.isfinite(array).all():
        raise ConfigError(
            f"`given` must have finite maps [1, H, W, C]; got that of {name!r} as {[*array.shape]}."
        )
    return array


def _shares(blend_weights: Sequence[float], count: int) -> list[float]:
    if not blend_weights:
        return [1 / count] * count
    return [weight / sum(blend_weights) for weight in blend_weights]
