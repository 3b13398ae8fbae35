"""Files that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

try:
    import fcntl
except ImportError:  # Windows, which refuses to delete a file that is open: a lock of its own.
    fcntl = None  # type: ignore[assignment]

_LEFTOVER_SECONDS = 1.0


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` once it is whole and on the disk.

    If the block raises, `path` is as it was. Permissions of the old file are kept. What a killed
    process left beside it is removed; what another one is writing at this moment is not, and the
    last of several writers wins.

    Raises:
        OSError: if the folder or the file cannot be written.
    """
    with _whole(path, os.replace) as file:
        with contextlib.suppress(FileNotFoundError):
            Path(file.name).chmod(path.stat().st_mode & 0o777)
        yield file


def create(path: Path, data: bytes) -> bool:
    """Makes a new file of these bytes, whole and on the disk, unless the name is taken.

    Of several processes that want a name at the same time, one gets it.

    Returns:
        Whether there is a new file: if not, then something was there, and is as it was.

    Raises:
        OSError: if the folder or the file cannot be written.
    """
    try:
        with _whole(path, _name) as file:
            file.write(data)
    except FileExistsError:
        return False
    return True


def try_replacing(path: Path) -> None:
    """Raises `OSError` if `replacing` could not begin; `path` itself is not touched.

    A temporary file is made and removed: the only proof for every kind of permission and disk.
    """
    temporary = _temporary(path)
    temporary.open("xb").close()
    temporary.unlink()


@contextlib.contextmanager
def _whole(path: Path, give_name: Callable[[Path, Path], None]) -> Iterator[BinaryIO]:
    """A temporary file to write, which gets its name once it is whole and on the disk."""
    temporary = _temporary(path)
    try:
        with temporary.open("xb") as file:
            _try_lock(file)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows does not rename open files; elsewhere the lock is kept.
            give_name(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    _sync_folder(path.parent)


def _name(temporary: Path, path: Path) -> None:
    """Gives a file a name that nobody has, or raises `FileExistsError`."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # A file system without links, or what is wrong is told below.
        path.open("xb").close()
        try:
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                if not path.stat().st_size:  # Else it is in its place all the same.
                    path.unlink()
            raise


def _temporary(path: Path) -> Path:
    """A free name beside `path`, after removing files of such names that no process holds."""
    # At most 4 bytes a letter, so this fits into a name of 255 bytes whatever `path` is called.
    stem = f".{path.name[:50]}"
    for leftover in path.parent.glob(f"{glob.escape(stem)}.stylize_tf-*.tmp"):
        with contextlib.suppress(OSError):
            with leftover.open("rb") as file:
                # A writer that has just created its file may not have locked it yet.
                age = time.time() - os.fstat(file.fileno()).st_mtime
                is_abandoned = age > _LEFTOVER_SECONDS and _try_lock(file)
            if is_abandoned:
                leftover.unlink()
    return path.with_name(f"{stem}.stylize_tf-{secrets.token_hex(4)}.tmp")


def _try_lock(file: IO[bytes]) -> bool:
    """Whether no other process holds the file; it is this one's until it is closed."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # Some systems cannot open or sync folders.
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
