"""The files that are meant by names, folders and patterns."""

from __future__ import annotations

import fnmatch
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from stylize_tf.errors import ImageError
from stylize_tf.images.files import is_picture, pictures_in


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
    for path in itertools.chain(*(_files_of(name, value, warn) for value in values)):
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
