"""What a picture is made from, and whether that goes together; nothing is read here."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import masks
from stylize_tf.control.styles import is_folder
from stylize_tf.errors import ConfigError
from stylize_tf.images.image_io import ImageLike

Several: TypeAlias = ImageLike | Sequence[ImageLike]


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
    """

    content: ImageLike
    styles: tuple[ImageLike, ...]
    initial: ImageLike | None = None
    content_masks: tuple[ImageLike, ...] = ()
    style_masks: tuple[ImageLike, ...] = ()
    fine_style: ImageLike | None = None

    @classmethod
    def of(
        cls,
        content: ImageLike,
        style: Several,
        initial: ImageLike | None = None,
        content_masks: Several = (),
        style_masks: Several = (),
        fine_style: ImageLike | None = None,
    ) -> Sources:
        """The sources from what users give: where several may be, one alone may be, too."""
        styles, of_content, of_styles = map(_as_tuple, (style, content_masks, style_masks))
        return cls(content, styles, initial, of_content, of_styles, fine_style)

    def check(self, config: StyleTransferConfig) -> None:
        """Raises a `ConfigError` unless they go together, and with the configuration."""
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


def _as_tuple(several: Several) -> tuple[Any, ...]:
    return tuple(several) if isinstance(several, list | tuple) else (several,)
