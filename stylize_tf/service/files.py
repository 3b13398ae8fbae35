"""Pictures of jobs: in a folder, or wherever fsspec reaches."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stylize_tf.errors import ConfigError, OutputError
from stylize_tf.machine.atomic_files import replacing
from stylize_tf.machine.extras import require


class Files:
    """The files of all jobs, each under its job's id and a name that we gave it.

    Args:
        place: a folder, or a location of fsspec, such as `s3://bucket/jobs`.

    Raises:
        ConfigError: if what reaches it is not installed.
        OutputError: by every method, if it cannot be reached.
    """

    def __init__(self, place: str):
        require("fsspec", "serve", "results")
        import fsspec

        try:
            # Others write there, too: what a folder held when it was last looked at is no matter.
            self._system, self._root = fsspec.core.url_to_fs(place, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"`results` {place!r} cannot be used: {error}") from error
        self._is_local = "file" in self._protocols()

    def _protocols(self) -> tuple[str, ...]:
        given: Any = self._system.protocol
        return (given,) if isinstance(given, str) else tuple(given)

    def write(self, job: str, name: str, data: bytes) -> None:
        """Writes a file, which is there as a whole or not at all."""
        path = self._path(job, name)
        with _reaching("written", but=()):
            self._system.makedirs(posixpath.dirname(path), exist_ok=True)
            if not self._is_local:  # Stores of objects show them when they are whole.
                self._system.pipe_file(path, data)
                return
            with replacing(Path(path)) as file:
                file.write(data)

    def read(self, job: str, name: str) -> bytes | None:
        """What is in a file; None if it is not there."""
        with contextlib.suppress(FileNotFoundError), _reaching("read"):
            return bytes(self._system.cat_file(self._path(job, name)))
        return None

    def names(self, job: str) -> list[str]:
        """The files of a job."""
        with contextlib.suppress(FileNotFoundError), _reaching("read"):
            return [posixpath.basename(x) for x in self._system.ls(self._path(job, ""), False)]
        return []

    def forget(self, job: str, *names: str) -> None:
        """Removes some files of a job; what is not there is none."""
        for path in (self._path(job, name) for name in names):
            with contextlib.suppress(FileNotFoundError), _reaching("removed"):
                self._system.rm_file(path)

    def forget_all(self, job: str) -> None:
        """Removes all files of a job."""
        with contextlib.suppress(FileNotFoundError), _reaching("removed"):
            self._system.rm(self._path(job, ""), recursive=True)

    def _path(self, job: str, name: str) -> str:
        return posixpath.join(self._root, job, name)


@contextlib.contextmanager
def _reaching(what: str, but: tuple[type[Exception], ...] = (FileNotFoundError,)) -> Iterator[None]:
    """Makes errors an `OutputError`: what reaches a store has its own, which are no `OSError`."""
    try:
        yield
    except but:
        raise
    except Exception as error:
        raise OutputError(f"the results cannot be {what}: {error}.") from error
