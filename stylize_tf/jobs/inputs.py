"""The files that a picture is made from: told apart, checked and read."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import ImageColor

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import fine_style, masks
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images import image_io
from stylize_tf.images.files import open_regular
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.pictures import no_larger
from stylize_tf.iterative.sources import Sources
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options.common import STANDARD
from stylize_tf.jobs.options.painting import Options
from stylize_tf.jobs.recipe import MASK_ROLES, ROLES, Input, Recipe, find_recorded

if TYPE_CHECKING:
    import numpy as np

NONE = ("none",)
"""Given as a mask or as `fine_style`: none, whatever the recipe tells of."""

OF_NETWORKS = ("content", "content_mask", "strength_mask")
"""Roles of what a network paints from."""

_MUCH_SHARED = 0.02
"""Of a picture, that masks may overlap without a word: borders are often soft."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """An input to read.

    Attributes:
        role: one of `recipe.ROLES`.
        path: as it was given or recorded.
        found: where the file is.
        recorded: the hash it must have, if a recipe recorded one.
    """

    role: str
    path: str
    found: str
    recorded: str | None = None

    @property
    def is_alpha(self) -> bool:
        """Whether it is no file, but the transparency of the picture that it is a mask of."""
        return self.role in MASK_ROLES and self.path == masks.ALPHA

    def as_input(self) -> Input:
        """What the recipe tells of it.

        Raises:
            ImageError: if it is not the file that was recorded.
        """
        digest = "" if self.is_alpha else image_io.sha256(self.found)
        if self.recorded is not None and digest != self.recorded:
            raise ImageError(
                f"{self.found!r} is not the {self.role} that the picture was made with. Bring that "
                f"file back, or name this one by `{self.role}` to use it all the same."
            )
        return Input(self.role, self.path, digest)


def wanted(
    config: StyleTransferConfig,
    options: Options,
    recipe: Recipe | None,
    standard_input: str | None = None,
) -> list[Wanted]:
    """The inputs of a picture, masks last: those that were given, else those of the recipe.

    Args:
        config: of the picture.
        options: of the run.
        recipe: of `from_picture`.
        standard_input: the file that stands for it.

    Raises:
        ImageError: if the recipe's came by standard input.
    """
    found = []
    for role in ROLES:
        if options.network is not None and role not in OF_NETWORKS:
            continue  # Of a recipe that had no network.
        given = getattr(options, role)
        paths = (given,) if isinstance(given, str) else given or ()
        if role == "init_image" and config.init != "picture" and not paths:
            continue  # The recipe's is not needed any more.
        if role in (*MASK_ROLES, "fine_style") and paths == NONE:
            continue
        if paths or recipe is None:
            places = {STANDARD: standard_input or STANDARD}
            found += [Wanted(role, path, places.get(path, path)) for path in paths]
            continue
        for item in recipe.of(role):
            if item.path == STANDARD:
                raise ImageError(
                    f"the {role} of {options.from_picture!r} came by standard input: name its file "
                    f"by `{role}`, or pipe it in again with `{role}` -."
                )
            new = Wanted(role, item.path, item.path, item.sha256)
            if not new.is_alpha:
                place = find_recorded(item, options.from_picture or "")
                new = dataclasses.replace(new, found=place)
            found.append(new)
    return found


def read(
    wanted: Sequence[Wanted], place: int, before: Sequence[Any], options: Options
) -> np.ndarray:
    """The pixels of one of the inputs.

    Args:
        wanted: all of them, masks last.
        place: which.
        before: the pixels of those that come before.
        options: of the run.

    Returns:
        float32 in [0, 1], `[1, H, W, 3]`, or `[1, H, W, 1]` of a mask.

    Raises:
        ImageError: if it cannot be read, or does not fit.
    """
    item, most = wanted[place], options.max_pixels
    if item.role in MASK_ROLES:
        owner = owner_of(wanted, place)
        size = before[owner].shape[1:3]
        return masks.read(item.found, wanted[owner].found, size, item.role, max_pixels=most)
    red, green, blue = ImageColor.getrgb(options.background)[:3]
    name = "initial" if item.role == "init_image" else item.role
    return image_io.read(item.found, max_pixels=most, background=(red, green, blue), name=name)


def owner_of(wanted: Sequence[Wanted], place: int) -> int:
    """The place of the picture that a mask is of."""
    role = wanted[place].role
    number = [item.role for item in wanted[:place]].count(role)
    kind = "style" if role == "style_mask" else "content"
    owners = [index for index, item in enumerate(wanted) if item.role == kind]
    return owners[masks.owner(number, len(owners))]


def tell_of_transparency(
    items: Iterable[Wanted], options: Options, listener: Listener, *, may_keep: bool = True
) -> None:
    """Says so if one of these is transparent in parts, and nothing of that is kept.

    Args:
        items: the inputs, the photograph first.
        options: of the run.
        listener: who is told.
        may_keep: whether what is written can hold the photograph's.
    """
    kept = {"content"} if options.keep_alpha else set()
    for item in items:
        if item.role in {*MASK_ROLES, *kept}:
            continue
        if _is_transparent(*_version(item.found), options.max_pixels):
            text = f"Transparent parts of pictures are put on `background` {options.background}."
            listener.info(text)
            if may_keep and item.role == "content":
                listener.info("`keep_alpha` keeps those of the photograph.")
            return


def warn_of(
    sources: Sources,
    wanted: Sequence[Wanted],
    options: Options,
    alpha: np.ndarray | None,
    listener: Listener,
    name: str = "",
) -> None:
    """Warns of masks and of a kept transparency that have no effect.

    Args:
        sources, wanted: what was read, and what it is.
        options: of the run.
        alpha: of `alpha_kept`.
        listener: who is told.
        name: what lines of one of many pictures begin with.
    """
    if options.keep_alpha and alpha is None:
        listener.warning(f"`keep_alpha`: {wanted[0].path!r} is opaque, and so is the picture.")
    of_content: Any = sources.content_masks
    strength: Any = () if sources.strength_mask is None else (sources.strength_mask,)
    read: Any = (*of_content, *sources.style_masks, *strength)
    items = [item for item in wanted if item.role in MASK_ROLES]
    pairs = zip(items, read, strict=True)
    opaque = {item.role for item, mask in pairs if item.is_alpha and mask.min() >= 1}
    for role in sorted(opaque):
        listener.warning(f"{name}`{role}` alpha has no effect: the picture is opaque everywhere.")
    if masks.covers_all(of_content) and "content_mask" not in opaque:
        text = "`content_mask` is white everywhere: all of the photograph is painted."
        listener.warning(name + text)
    shared = masks.overlap(of_content)
    if shared >= _MUCH_SHARED:
        listener.warning(
            f"{name}the `content_mask` files overlap on {shared:.0%} of the picture: regions share "
            f"what is in several."
        )


def alpha_kept(item: Wanted, options: Options) -> np.ndarray | None:
    """How opaque the photograph is, float32 `[1, H, W, 1]`, if that is to be kept and it is not."""
    if not options.keep_alpha:
        return None
    return image_io.read_alpha(item.found, max_pixels=options.max_pixels)


def sources(wanted: Sequence[Wanted], items: Sequence[Any]) -> Sources:
    """Paths or pictures, an item for each input, as what they are for."""
    of = {role: [y for x, y in zip(wanted, items, strict=True) if x.role == role] for role in ROLES}
    return Sources(
        content=of["content"][0],
        styles=tuple(of["style"]),
        initial=next(iter(of["init_image"]), None),
        content_masks=tuple(of["content_mask"]),
        style_masks=tuple(of["style_mask"]),
        fine_style=next(iter(of["fine_style"]), None),
        strength_mask=next(iter(of["strength_mask"]), None),
    )


def paths_of(wanted: Sequence[Wanted]) -> Sources:
    """What a picture is made from, as paths, alpha in place of a mask that is none."""
    return sources(wanted, [item.found for item in wanted])


def read_all(
    wanted: Sequence[Wanted], config: StyleTransferConfig, options: Options, *, may_shrink: bool
) -> tuple[Sources, tuple[Input, ...]]:
    """The pixels of all inputs, and what the recipe tells of them.

    Args:
        wanted: which, the photograph first and masks last.
        config: how large they are needed.
        options: of the run.
        may_shrink: whether nobody needs paintings larger than one picture does.

    Raises:
        ImageError: if one cannot be read, does not fit, or is not the one that was recorded.
    """
    roles = [item.role for item in wanted]
    # Of many paintings together there is no room for what nobody will see.
    may_shrink &= roles.count("style") > 1 and "style_mask" not in roles and options.compare is None
    images: list[np.ndarray] = []
    for place, item in enumerate(wanted):
        image = read(wanted, place, images, options)
        if may_shrink and item.role == "style":
            image = no_larger(image, images[0], config)
        images.append(image)
    return sources(wanted, images), tuple(item.as_input() for item in wanted)


def check_sizes(
    config: StyleTransferConfig, items: Sequence[Wanted], sizes: Sequence[tuple[int, int]]
) -> None:
    """Makes sure that the picture gets a size that can be painted, and that no style is too thin.

    Args:
        config: of the picture.
        items: its inputs.
        sizes: height and width of each.

    Raises:
        ConfigError: if the picture would be too large or too small.
        ImageError: if a painting is too thin.
    """
    content = next(size for item, size in zip(items, sizes, strict=True) if item.role == "content")
    last = list(pyramid.stages(config, pyramid.final_size(config, *content)))[-1]
    fine = fine_style.configuration(config)
    for item, (height, width) in zip(items, sizes, strict=True):
        if item.role in ("style", "fine_style"):
            try:
                own = config if item.role == "style" else fine
                pyramid.style_size(own, height, width, last, last)
            except ConfigError as error:
                message = str(error).replace("`style`", repr(item.found), 1)
                if item.role == "fine_style":  # It is never cropped.
                    message = message.replace(", or use `style_fit` crop", "")
                raise ImageError(message) from error


def check_masks(wanted: Sequence[Wanted], sizes: Mapping[str, tuple[int, int]]) -> None:
    """Makes sure that masks have the shape of their pictures.

    Args:
        wanted: the inputs of a picture.
        sizes: height and width of the files.

    Raises:
        ImageError: if one has another shape.
    """
    for place, item in enumerate(wanted):
        if item.role in MASK_ROLES and not item.is_alpha:
            owner = wanted[owner_of(wanted, place)].found
            masks.check_shape(sizes[item.found], sizes[owner], f"`{item.role}` {item.found!r}")


def is_painted(path: str, target: str) -> bool:
    """Whether a picture in a folder was painted by an earlier run."""
    if Path(path).parent.resolve() != Path(target).resolve():
        return False
    try:
        return image_io.read_metadata(path) is not None
    except ImageError:
        return False


def sizes_of(
    paths: Sequence[str], options: Options, listener: Listener
) -> dict[str, tuple[int, int] | ImageError]:
    """Height and width of the inputs, from their headers, or why they cannot be read."""
    sizes: dict[str, tuple[int, int] | ImageError] = {}
    unique = list(dict.fromkeys(paths))
    for index, path in enumerate(unique, start=1):
        listener.looking(index, len(unique))
        try:
            sizes[path] = image_io.size_of(path, max_pixels=options.max_pixels)
        except ImageError as error:
            sizes[path] = error
    return sizes


def hash_of(path: str) -> str:
    """The SHA-256 of a file, computed once as long as it stays as it is."""
    return _hash_of_version(*_version(path))


@functools.lru_cache(maxsize=100_000)
def _hash_of_version(path: str, size: int, modified: int) -> str:
    return image_io.sha256(path)


@functools.lru_cache(maxsize=10_000)
def _is_transparent(path: str, size: int, modified: int, max_pixels: int) -> bool:
    return image_io.read_alpha(path, max_pixels=max_pixels) is not None


def _version(path: str) -> tuple[str, int, int]:
    with open_regular(path) as file:  # Whose errors are those of reading: it may be gone by now.
        status = os.fstat(file.fileno())
    return path, status.st_size, status.st_mtime_ns
