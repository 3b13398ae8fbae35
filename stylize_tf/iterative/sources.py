"""What a picture is made from, and whether that goes together; nothing is read here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import masks
from stylize_tf.control.styles import is_folder
from stylize_tf.errors import ConfigError
from stylize_tf.images import image_io
from stylize_tf.images.image_io import ImageLike

Several: TypeAlias = ImageLike | Iterable[ImageLike]
"""One picture or several: any iterable of them, a generator too, or an array `[N, H, W, C]`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Sources:
    """The pictures and masks of one run: paths, PIL images, arrays or tensors, see `image_io.read`.

    Attributes:
        content: the photograph.
        styles: one painting or several. The path of a folder stands for all pictures in it as one
            style, see `styles.expanded`.
        initial: the picture to start from, if `config.init` is "picture".
        content_masks: regions of the photograph, white where they are, at any size; "alpha" for
            how opaque the photograph is. What is in none of them stays as it is. Several regions
            have a painting each, in their order, or one for all. None: all of it.
        style_masks: which part of the painting counts, one for each painting; or of the only
            painting, one for each region.
        fine_style: a painting that lends its fine strokes to all of `styles`, see the module
            `fine_style`; they take them before the first step.
        strength_mask: how strongly each place of the photograph is painted, of its shape at any
            size: white as `config.strength` says, grey less, black not at all; see
            `masks.painted` and `balance.content_factors`.
        given: name of a `Term` of the source "given" -> the map that its target is made of, float32
            `[1, H, W, C]` at any size.
    """

    content: ImageLike
    styles: tuple[ImageLike, ...]
    initial: ImageLike | None = None
    content_masks: tuple[ImageLike, ...] = ()
    style_masks: tuple[ImageLike, ...] = ()
    fine_style: ImageLike | None = None
    strength_mask: ImageLike | None = None
    given: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls,
        content: ImageLike,
        style: Several,
        initial: ImageLike | None = None,
        content_masks: Several = (),
        style_masks: Several = (),
        fine_style: ImageLike | None = None,
        strength_mask: ImageLike | None = None,
        given: Mapping[str, np.ndarray] | None = None,
    ) -> Sources:
        """The sources from what users give: where several may be, one alone may be, too.

        Raises:
            ImageError: if one is a tensor without values.
        """
        return cls(
            image_io.plain(content, "content"),
            as_tuple(style, "style"),
            None if initial is None else image_io.plain(initial, "initial"),
            as_tuple(content_masks, "content_mask"),
            as_tuple(style_masks, "style_mask"),
            None if fine_style is None else image_io.plain(fine_style, "fine_style"),
            None if strength_mask is None else image_io.plain(strength_mask, "strength_mask"),
            given or {},
        )

    def check(self, config: StyleTransferConfig, *, has_styles: bool = True) -> None:
        """Raises a `ConfigError` unless they go together, and with the configuration.

        Args:
            config: how it is painted.
            has_styles: whether it takes paintings; a network has styles of its own.
        """
        if self.strength_mask is not None and config.strength in (0, 2):
            raise ConfigError(
                "`strength_mask` says where less of `strength` is wanted, which must be between 0 "
                f"and 2 then; got {config.strength:g}."
            )
        if not has_styles:
            return
        if not self.styles:
            raise ConfigError("`style` must have at least one picture.")
        styles, content_masks, style_masks = (
            len(x) for x in (self.styles, self.content_masks, self.style_masks)
        )
        if any(map(is_folder, self.styles)) and (
            content_masks > 1 or style_masks or config.auto_regions
        ):
            raise ConfigError(
                "`style` must not be a folder with several `content_masks`, with `style_masks` or "
                "with `regions`: they go with a painting each. Name it."
            )
        if config.init == "picture" and self.initial is None:
            raise ConfigError('`init` "picture" needs `initial`, the picture to start from.')
        if config.init != "picture" and self.initial is not None:
            raise ConfigError(
                f'`initial`, a picture to start from, goes with `init` "picture"; got '
                f'"{config.init}".'
            )
        shares = len(config.style_blend_weights)
        if shares not in (0, styles):
            raise ConfigError(
                f"`style_blend_weights` must have one number for each `style`; got {shares} for "
                f"{styles}."
            )
        masks.check_counts(styles, content_masks, style_masks, auto_regions=config.auto_regions)
        if shares and content_masks > 1:
            raise ConfigError(
                "`style_blend_weights` blends paintings, and with several `content_masks` each "
                "region has its own. Leave one of them out."
            )


def as_tuple(several: Any, name: str) -> tuple[Any, ...]:
    """The pictures of `Several`, each in a form that can be read more than once."""
    several = image_io.plain(several, name)
    if hasattr(several, "shape"):  # Several paths, or a batch of pictures.
        is_one = several.dtype.kind not in "SUO" and (several.ndim < 4 or len(several) == 1)
    else:
        is_one = isinstance(several, str) or image_io.is_stream(several)
        is_one = is_one or not isinstance(several, Iterable)
    return (several,) if is_one else tuple(image_io.plain(item, name) for item in several)
