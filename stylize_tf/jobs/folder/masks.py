"""Which mask each of many pictures has: one for all, or one of its own name in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stylize_tf.control.masks import ALPHA
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images.files import pictures_in
from stylize_tf.jobs.inputs import NONE


class Masks:
    """The masks of many photographs, or of many paintings.

    Args:
        role: one of `recipe.MASK_ROLES`.
        given: for each region a file, which is the mask of every picture; a folder of masks, by
            the names of the pictures without their extensions; or "alpha".

    Attributes:
        given: the same; nothing if it was "none".

    Raises:
        ImageError: if a folder cannot be looked into, or holds two masks of one name.
    """

    def __init__(self, role: str, given: Sequence[str]) -> None:
        self.given = () if given == NONE else tuple(given)
        self._folders = {
            value: _by_stem(role, value)
            for value in self.given
            if value != ALPHA and Path(value).is_dir()
        }

    def of(self, picture: str) -> tuple[str, ...]:
        """The masks of a picture, one for each region; those of a folder may not be there."""
        stem = Path(picture).stem
        return tuple(
            self._folders[value].get(stem, str(Path(value, f"{stem}.png")))
            if value in self._folders
            else value
            for value in self.given
        )


def check_counts(content_masks: Masks, style_masks: Masks, styles: int) -> None:
    """Raises a `ConfigError` for masks that do not go with every photograph in every manner."""
    regions, parts = len(content_masks.given), len(style_masks.given)
    if regions > 1 and styles > 1:
        raise ConfigError(
            f"With `output_dir` each photograph is painted in the manner of each `style`, so "
            f"several `content_mask` go with one `style`; got {regions} and {styles}. Give one, or "
            f"leave out `output_dir`."
        )
    if parts > 1 and regions < 2:
        raise ConfigError(
            f"With `output_dir` a `style_mask` is of all paintings; got {parts}. Give one, or a "
            f"folder of masks that have the names of the paintings."
        )


def _by_stem(role: str, folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in pictures_in(folder):
        other = found.setdefault(Path(path).stem, path)
        if other != path:
            raise ImageError(
                f"`{role}`: {other!r} and {path!r} would be masks of the same pictures. Keep one."
            )
    return found
