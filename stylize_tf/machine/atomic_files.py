"""Files that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import time
from collections.abc import Iterator
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
    temporary = _temporary(path)
    try:
        with temporary.open("xb") as file:
            _try_lock(file)
            with contextlib.suppress(FileNotFoundError):
                temporary.chmod(path.stat().st_mode & 0o777)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows does not rename open files; elsewhere the lock is kept.
            temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def try_replacing(path: Path) -> None:
    """Raises `OSError` if `replacing` could not begin; `path` itself is not touched.

    A temporary file is made and removed: the only proof for every kind of permission and disk.
    """
    temporary = _temporary(path)
    temporary.open("xb").close()
    temporary.unlink()


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
