"""A file system of Beam in the memory of this process, in the place of one in a cloud."""

from __future__ import annotations

import io

from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem

FILES: dict[str, bytes] = {}
"""Path -> what is in the file."""


class _Written(io.BytesIO):
    """A file that is there once it is closed, as in a bucket."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            FILES[self._path] = self.getvalue()
        super().close()


class MemoryFiles(FileSystem):
    """Files of paths that begin with memory://, without folders."""

    options = None
    """Of Beam, that the last one was made with."""

    def __init__(self, pipeline_options):
        super().__init__(pipeline_options)
        type(self).options = pipeline_options

    @classmethod
    def scheme(cls):
        return "memory"

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path):
        folder, _, name = path.rpartition("/")
        return folder, name

    def mkdirs(self, path):
        """There are none to make."""

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        for path, data in list(FILES.items()):
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, len(data), 0.0)

    def create(self, path, mime_type=None, compression_type=None):
        return _Written(path)

    def open(self, path, mime_type=None, compression_type=None):
        if path not in FILES:
            raise BeamIOError(f"There is no {path}.")
        return io.BytesIO(FILES[path])

    def copy(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            FILES[target] = FILES[source]

    def rename(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            FILES[target] = FILES.pop(source)

    def exists(self, path):
        return path in FILES

    def size(self, path):
        return len(FILES[path])

    def last_updated(self, path):
        return 0.0

    def checksum(self, path):
        return None

    def metadata(self, path):
        return FileMetadata(path, len(FILES[path]), 0.0)

    def delete(self, paths):
        for path in paths:
            FILES.pop(path, None)
