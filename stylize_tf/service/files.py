"""Pictures of jobs: in a folder, or wherever fsspec reaches."""

from __future__ import annotations

import posixpath
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
            self._system, self._root = fsspec.core.url_to_fs(place)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"`results` {place!r} cannot be used: {error}") from error
        self._is_local = "file" in self._protocols()

    def _protocols(self) -> tuple[str, ...]:
        given: Any = self._system.protocol
        return (given,) if isinstance(given, str) else tuple(given)

    def write(self, job: str, name: str, data: bytes) -> None:
        """Writes a file, which is there as a whole or not at all."""
        path = self._path(job, name)
        try:
            self._system.makedirs(posixpath.dirname(path), exist_ok=True)
            if not self._is_local:  # Stores of objects show them when they are whole.
                self._system.pipe_file(path, data)
                return
            with replacing(Path(path)) as file:
                file.write(data)
        except OSError as error:
            raise OutputError(f"the results cannot be written: {error}.") from error

    def read(self, job: str, name: str) -> bytes | None:
        """What is in a file; None if it is not there."""
        try:
            return bytes(self._system.cat_file(self._path(job, name)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"the results cannot be read: {error}.") from error

    def names(self, job: str) -> list[str]:
        """The files of a job."""
        try:
            return [posixpath.basename(x) for x in self._system.ls(self._path(job, ""), False)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise OutputError(f"the results cannot be read: {error}.") from error

    def forget(self, job: str, *names: str) -> None:
        """Removes some files of a job; what is not there is none."""
        for path in (self._path(job, name) for name in names):
            try:
                self._system.rm_file(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise OutputError(f"the results cannot be removed: {error}.") from error

    def forget_all(self, job: str) -> None:
        """Removes all files of a job."""
        try:
            self._system.rm(self._path(job, ""), recursive=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutputError(f"the results cannot be removed: {error}.") from error

    def _path(self, job: str, name: str) -> str:
        return posixpath.join(self._root, job, name)
