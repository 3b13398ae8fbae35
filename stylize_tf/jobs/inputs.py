"""The files that a picture is made from: found, told apart, and read."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import ImageColor

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import fine_style, masks
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images import image_io
from stylize_tf.images.files import is_picture, pictures_in
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.pictures import no_larger
from stylize_tf.iterative.sources import Sources
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options import Options
from stylize_tf.jobs.recipe import MASK_ROLES, ROLES, Input, Recipe, find_recorded

if TYPE_CHECKING:
    import numpy as np

NONE = ["none"]
"""Given as a mask or as `fine_style`: none, whatever the recipe tells of."""


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


def wanted(config: StyleTransferConfig, options: Options, recipe: Recipe | None) -> list[Wanted]:
    """The inputs of a picture, masks last: those that were given, else those of the recipe."""
    given = {
        "content": list(options.content),
        "style": list(options.style),
        "init_image": [options.init_image] if options.init_image is not None else [],
        "fine_style": [options.fine_style] if options.fine_style is not None else [],
        "content_mask": list(options.content_mask),
        "style_mask": list(options.style_mask),
    }
    found = []
    for role, paths in given.items():
        if role == "init_image" and config.init != "picture" and not paths:
            continue  # The recipe's is not needed any more.
        if role in (*MASK_ROLES, "fine_style") and paths == NONE:
            continue
        if paths or recipe is None:
            found += [Wanted(role, path, path) for path in paths]
            continue
        for item in recipe.of(role):
            new = Wanted(role, item.path, item.path, item.sha256)
            if not new.is_alpha:
                place = find_recorded(item, options.from_picture or "", image_io.sha256)
                new = dataclasses.replace(new, found=place)
            found.append(new)
    return found


def read(item: Wanted, options: Options) -> tuple[np.ndarray, Input]:
    """The pixels of an input, float32 `[1, H, W, 3]` in [0, 1], and what the recipe tells of it.

    Raises:
        ImageError: if it cannot be read, or is not the picture that was recorded.
    """
    red, green, blue = ImageColor.getrgb(options.background)[:3]
    name = "initial" if item.role == "init_image" else item.role
    image = image_io.read(
        item.found, max_pixels=options.max_pixels, background=(red, green, blue), name=name
    )
    return image, Input(item.role, item.path, _checked_hash(item))


def paths_of(wanted: Sequence[Wanted]) -> Sources:
    """What a picture is made from, as paths, alpha in place of a mask that is none."""
    return _made_from({role: [x.found for x in wanted if x.role == role] for role in ROLES})


def read_all(
    wanted: Sequence[Wanted], config: StyleTransferConfig, options: Options, *, may_shrink: bool
) -> tuple[Sources, tuple[Input, ...]]:
    """The pixels of all inputs, and what the recipe tells of them.

    Args:
        wanted: which, masks last.
        config: how large they are needed.
        options: of the run.
        may_shrink: whether nobody needs paintings larger than one picture does.

    Raises:
        ImageError: if one cannot be read, does not fit, or is not the one that was recorded.
    """
    pictures: dict[str, list[np.ndarray]] = {role: [] for role in ROLES}
    owners = {role: [item for item in wanted if item.role == role] for role in ROLES}
    recorded = []
    # Of many paintings together there is no room for what nobody will see.
    may_shrink &= len(owners["style"]) > 1 and not owners["style_mask"] and options.compare is None
    for item in wanted:
        if item.role in MASK_ROLES:
            role, number = item.role.removesuffix("_mask"), 0
            if role == "style":
                number = masks.owner(len(pictures["style_mask"]), len(pictures["style"]))
            size = pictures[role][number].shape[1:3]
            image, source = _read_mask(item, owners[role][number], size, options)
        else:
            image, source = read(item, options)
            if may_shrink and item.role == "style":
                image = no_larger(image, pictures["content"][0], config)
        pictures[item.role].append(image)
        recorded.append(source)
    return _made_from(pictures), tuple(recorded)


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
) -> dict[str, tuple[int, int]]:
    """Height and width of the inputs, from their headers; what cannot be read is reported."""
    sizes = {}
    unique = list(dict.fromkeys(paths))
    for index, path in enumerate(unique, start=1):
        listener.looking(index, len(unique))
        try:
            sizes[path] = image_io.size_of(path, max_pixels=options.max_pixels)
        except ImageError as error:
            listener.unreadable(path, error)
    return sizes


def hash_of(path: str) -> str:
    """The SHA-256 of a file, computed once as long as it stays as it is."""
    status = Path(path).stat()
    return _hash_of_version(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=100_000)
def _hash_of_version(path: str, size: int, modified: int) -> str:
    return image_io.sha256(path)


def _made_from(items: Mapping[str, list[Any]]) -> Sources:
    """Paths or pictures by their roles, as what they are for."""
    return Sources(
        content=items["content"][0],
        styles=tuple(items["style"]),
        initial=next(iter(items["init_image"]), None),
        content_masks=tuple(items["content_mask"]),
        style_masks=tuple(items["style_mask"]),
        fine_style=next(iter(items["fine_style"]), None),
    )


def _read_mask(
    item: Wanted, owner: Wanted, size: tuple[int, int], options: Options
) -> tuple[np.ndarray, Input]:
    """A mask, float32 `[1, h, w, 1]` in [0, 1], and what the recipe tells of it.

    Args:
        item: which.
        owner: the picture that it is a mask of.
        size: height and width of that.
        options: of the run.

    Raises:
        ImageError: as `read`; or if it does not fit its picture.
    """
    mask = masks.read(item.found, owner.found, size, item.role, max_pixels=options.max_pixels)
    return mask, Input(item.role, item.path, "" if item.is_alpha else _checked_hash(item))


def _checked_hash(item: Wanted) -> str:
    digest = image_io.sha256(item.found)
    if item.recorded is not None and digest != item.recorded:
        raise ImageError(
            f"{item.found!r} is not the {item.role} that the picture was made with. Bring that "
            f"file back, or name this one by `{item.role}` to use it all the same."
        )
    return digest


def is_pattern(value: str) -> bool:
    """Whether the value is no file, but a pattern that may match several."""
    return re.search(r"[*?[]", value) is not None and not os.path.lexists(value)


def find_files(name: str, values: Iterable[str], warn: Callable[[str], None]) -> list[str]:
    """The files that the values mean, in their order, each once whatever it is called.

    A folder means the pictures in it, by their extension; a pattern the files that match, of which
    only pictures count unless the pattern says the extension. `**` reaches into folders of
    folders. Hidden files and folders are only matched by a pattern with the dot. Links to folders
    are not followed by `**`, so they may lead in circles.

    Args:
        name: of the option that the values are of, for messages.
        values: as given.
        warn: called with a line for each folder that cannot be looked into.

    Raises:
        ImageError: if a value means no file at all.
    """
    found: dict[object, str] = {}
    for value in values:
        files = _files_of(name, value, warn)
        for path in files:
            found.setdefault(identity(path), path)
    return list(found.values())


def identity(path: str) -> object:
    """What is equal for two names of one file, also through links."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return path
    return (status.st_dev, status.st_ino)


def _files_of(name: str, value: str, warn: Callable[[str], None]) -> list[str]:
    if not os.path.lexists(value) and value.startswith("~"):
        value = str(Path(value).expanduser())  # A shell leaves it alone in quotes.
    if is_pattern(value):
        pattern = Path(value)
        said = not re.search(r"[*?[]", pattern.suffix) and pattern.suffix
        matches = _matching(Path(pattern.anchor), pattern.relative_to(pattern.anchor).parts, warn)
        files = [str(path) for path in matches if not path.is_dir()]
        files = [path for path in files if said or is_picture(path)]
        if not files:
            raise ImageError(
                f"`{name}`: no picture matches {value!r}. Check the pattern and its folder."
            )
        return files
    if not Path(value).is_dir():
        return [value]
    try:
        files = pictures_in(value)
    except ImageError as error:
        raise ImageError(f"`{name}`: {error}") from error
    if not files:
        raise ImageError(
            f"`{name}`: there is no picture in the folder {value!r}. "
            f"For those in its folders write {str(Path(value) / '**' / '*')!r}."
        )
    return files


def _matching(folder: Path, parts: tuple[str, ...], warn: Callable[[str], None]) -> Iterator[Path]:
    """Whatever in a folder matches a pattern, given in parts, sorted by name."""
    if not parts:
        yield folder
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _matching(folder, rest or ("*",), warn)
        for entry in _entries(folder, warn):
            if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith("."):
                yield from _matching(entry, parts, warn)
    elif re.search(r"[*?[]", first):
        for entry in _entries(folder, warn):
            hidden = entry.name.startswith(".") and not first.startswith(".")
            if fnmatch.fnmatch(entry.name, first) and not hidden and (not rest or entry.is_dir()):
                yield from _matching(entry, rest, warn)
    elif os.path.lexists(folder / first):
        yield from _matching(folder / first, rest, warn)


def _entries(folder: Path, warn: Callable[[str], None]) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        warn(f"cannot look into the folder {str(folder)!r}: {error.strerror}.")
        return []
