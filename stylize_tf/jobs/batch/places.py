"""Files on any file system that Beam knows: found, fetched, and written as a whole."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from stylize_tf.errors import ConfigError, ImageError, OutputError
from stylize_tf.images.files import is_picture, reason

_AS_IT_IS = CompressionTypes.UNCOMPRESSED


def heed(words: Sequence[str]) -> None:
    """Tells the file systems of Beam's options, where some of them have their keys and regions."""
    FileSystems.set_options(PipelineOptions(list(words)))


def find(name: str, values: Iterable[str]) -> list[str]:
    """The files that the values mean, sorted, each once.

    A folder, which remotely ends with /, means the pictures in it, by their extension; a pattern
    the files that match, of which only pictures count unless the pattern says the extension. `*`
    stays within a folder, `**` does not.

    Args:
        name: of the option that the values are of, for messages.
        values: as given.

    Raises:
        ConfigError: if Beam has no such file system, or what it takes is not installed.
        ImageError: if a value means no file at all, or cannot be looked for.
    """
    found: dict[str, None] = {}
    for value in values:
        is_folder = value.endswith("/") or ("://" not in value and Path(value).is_dir())
        pattern = FileSystems.join(value, "*") if is_folder else value
        found |= dict.fromkeys(_matching(name, value, pattern))
    return list(found)


def _matching(name: str, value: str, pattern: str) -> list[str]:
    suffix = PurePosixPath(pattern).suffix
    is_named = bool(suffix) and not re.search(r"[*?[]", suffix)
    try:
        [match] = FileSystems.match([pattern])
    except ValueError as error:  # Of a scheme that nobody has registered.
        raise ConfigError(f"`{name}` {value!r}: {reason(error)}.") from error
    except BeamIOError as error:
        raise ImageError(f"`{name}` {value!r} cannot be looked for: {reason(error)}.") from error
    paths = sorted(item.path for item in match.metadata_list)
    paths = [path for path in paths if pattern == path or _is_meant(path, is_named=is_named)]
    if not paths:
        raise ImageError(f"`{name}`: no picture matches {value!r}. Check the pattern.")
    return paths


def _is_meant(path: str, *, is_named: bool) -> bool:
    """Whether a pattern that matches a file means it; `is_named`: whether it says the extension."""
    name = path.rpartition("/")[2]
    return not name.startswith(".") if is_named else is_picture(name)


def join(folder: str, name: str) -> str:
    """The path of a file in a folder.

    Raises:
        ConfigError: if Beam has no such file system, or what it takes is not installed.
    """
    try:
        return str(FileSystems.join(folder, name))
    except ValueError as error:
        raise ConfigError(f"`output` {folder!r}: {reason(error)}.") from error


def exists(path: str) -> bool:
    """Whether there is such a file."""
    return bool(FileSystems.exists(path))


def fetch(path: str, copy: Path) -> None:
    """Copies a file to this machine.

    Raises:
        ImageError: if it cannot be read.
    """
    try:
        with FileSystems.open(path, compression_type=_AS_IT_IS) as file:
            copy.write_bytes(file.read())
    except (OSError, BeamIOError) as error:
        raise ImageError(f"{path!r} cannot be read: {reason(error)}.") from error


def write(path: str, data: bytes) -> None:
    """Stores a file, which has its name only once it is whole.

    Raises:
        OutputError: if it cannot be written.
    """
    folder, name = FileSystems.split(path)
    temporary = FileSystems.join(folder, f".{name[:50]}.stylize_tf-{secrets.token_hex(4)}.tmp")
    try:
        try:
            with FileSystems.create(temporary, compression_type=_AS_IT_IS) as file:
                file.write(data)
            FileSystems.rename([temporary], [path])
        except BaseException:
            with contextlib.suppress(Exception):
                FileSystems.delete([temporary])
            raise
    except (OSError, BeamIOError) as error:
        raise OutputError(f"{path!r} cannot be written: {reason(error)}.") from error


def try_writing(path: str) -> None:
    """Raises an `OutputError` if a file beside this one could not be written; makes the folder."""
    folder, _ = FileSystems.split(path)
    probe = FileSystems.join(folder, f".stylize_tf-{secrets.token_hex(4)}.tmp")
    try:
        FileSystems.create(probe).close()
        FileSystems.delete([probe])
    except (OSError, BeamIOError) as error:
        raise OutputError(
            f"nothing can be written in {folder!r}: {reason(error)}. Choose another `output`."
        ) from error


def remove(path: str) -> None:
    """Removes a file, if there is one."""
    if exists(path):
        FileSystems.delete([path])


def lines(path: str) -> list[str]:
    """The lines of a text, none if there is no such file."""
    if not exists(path):
        return []
    with FileSystems.open(path, compression_type=_AS_IT_IS) as file:
        return [line.decode() for line in file.read().splitlines()]
