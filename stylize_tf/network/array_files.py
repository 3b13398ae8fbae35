"""Reads kernels and biases of known shapes from files that may be damaged or hostile.

Nothing in a file is executed, and shapes are checked before anything of that size is allocated.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]
"""Kernel `[h, w, in, out]` and bias `[out]` of a layer, float32."""

Shapes = Mapping[str, tuple[int, int, int, int]]

_MAXIMUM_FILE_BYTES = 200_000_000
_MAXIMUM_MEMBERS = 200
_MAXIMUM_HEADER_BYTES = 10_000


class RefusedError(ValueError):
    """Why a file is refused, as half a sentence to put after its name."""


@contextlib.contextmanager
def _refusing_damage() -> Iterator[None]:
    try:
        yield
    except RefusedError:
        raise
    except Exception as error:
        # What zipfile, zlib, NumPy and HDF5 raise about bytes made to confuse them is no one kind.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RefusedError(f"is damaged: {reason}") from error


def read_npz(file: IO[bytes], shapes: Shapes) -> dict[str, Pair]:
    """Kernel and bias of each layer, from arrays `<layer>/kernel` and `<layer>/bias`.

    Args:
        file: at its start.
        shapes: layer name -> shape of its kernel.

    Raises:
        RefusedError: if it is not an archive of such arrays; before anything large is allocated.
    """
    _check_zip_directory(file, 2 * len(shapes))
    with _refusing_damage(), zipfile.ZipFile(file) as archive:
        return {
            name: (
                _read_npy(archive, f"{name}/kernel", shape),
                _read_npy(archive, f"{name}/bias", shape[-1:]),
            )
            for name, shape in shapes.items()
        }


def _check_zip_directory(file: IO[bytes], arrays: int) -> None:
    """Refuses archives whose list of members alone would fill the memory when it is opened."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(1024)
    if not start.startswith(b"PK\x03\x04"):
        raise RefusedError(f"is not an .npz archive{looks_like(start)}")
    if size > _MAXIMUM_FILE_BYTES:
        raise RefusedError(f"has {size:,} bytes; VGG19 needs at most {_MAXIMUM_FILE_BYTES:,}")
    file.seek(max(size - 42, 0))
    end = file.read()[-22:]
    signature, members, directory_bytes, comment = struct.unpack("<4s6xHI4xH", end.rjust(22))
    file.seek(max(size - 42, 0))
    is_zip64 = file.read(4) == b"PK\x06\x07"
    if signature != b"PK\x05\x06" or comment or is_zip64:
        raise RefusedError("is damaged, or not an archive that numpy.savez wrote")
    if members > _MAXIMUM_MEMBERS or directory_bytes > _MAXIMUM_MEMBERS * 200:
        raise RefusedError(f"has {members} members; the weights are {arrays} arrays")
    file.seek(0)


def _read_npy(archive: zipfile.ZipFile, key: str, shape: tuple[int, ...]) -> np.ndarray:
    try:
        information = archive.getinfo(f"{key}.npy")
    except KeyError:
        raise RefusedError(f"lacks the array {key!r}") from None
    if information.file_size > math.prod(shape) * 8 + _MAXIMUM_HEADER_BYTES:
        raise RefusedError(f"has a {key} of {information.file_size:,} bytes, too large for VGG19")
    if information.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedError(f"has a {key} compressed in a way that NumPy does not use")
    with archive.open(information) as member:
        version = np.lib.format.read_magic(member)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if header is None:
            raise RefusedError(f"has a {key} that is not an array of numbers")
        found, _, dtype = header(member, max_header_size=_MAXIMUM_HEADER_BYTES)
        _check_array(key, found, dtype, shape)
    with archive.open(information) as member:
        array = np.lib.format.read_array(
            member, allow_pickle=False, max_header_size=_MAXIMUM_HEADER_BYTES
        )
        if member.read(1):  # The checksum of a member is compared at its end only.
            raise RefusedError(f"has more bytes than numbers in {key}")
    return _as_float32(array)


def read_h5(file: IO[bytes], shapes: Shapes) -> dict[str, Pair]:
    """Kernel and bias of each layer, from HDF5 in one of the layouts of Keras 2 and 3.

    Args:
        file: at its start.
        shapes: layer name -> shape of its kernel, in the order of the network.

    Raises:
        RefusedError: if it is not such a file; before anything large is allocated, and without
            following a link or opening another file.
    """
    import h5py

    start = file.read(1024)
    if not start.startswith(b"\x89HDF\r\n\x1a\n"):
        raise RefusedError(f"is not an HDF5 file{looks_like(start)}")
    # A lock is neither needed to read nor to be had on every network disk.
    with _refusing_damage(), h5py.File(file, "r", locking=False) as root:
        groups = _layer_groups(h5py, root, list(shapes))
        # All shapes before the first number, so that a bomb in the last layer costs nothing.
        datasets = {
            name: _find_pair(h5py, groups[name], name, shape) for name, shape in shapes.items()
        }
        return {
            name: (_as_float32(kernel[()]), _as_float32(bias[()]))
            for name, (kernel, bias) in datasets.items()
        }


def _layer_groups(h5py: Any, root: Any, names: list[str]) -> dict[str, Any]:
    """The group of each layer, by layer names or, in `.weights.h5`, by Keras' running numbers."""
    for parent in ("model_weights", "layers"):
        if parent in root:
            root = _member(h5py, root, parent)
            break
    if names[0] not in root and "conv2d" in root:
        stored = ["conv2d", *(f"conv2d_{index}" for index in range(1, len(names)))]
    else:
        stored = names
    for name in stored:
        if name not in root:
            raise RefusedError(f"lacks the layer {name}: it is not a VGG19 in Keras' layout")
    groups = {name: _member(h5py, root, key) for name, key in zip(names, stored, strict=True)}
    if any(not isinstance(group, h5py.Group) for group in groups.values()):
        raise RefusedError("has arrays in place of layers: it is not a VGG19 in Keras' layout")
    return groups


def _find_pair(h5py: Any, group: Any, name: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The datasets of kernel and bias in a layer's group, told apart by their rank."""
    found: dict[int, Any] = {}
    level = [group]
    for _ in range(3):  # Keras nests them in one or two further groups.
        below = []
        for parent in level:
            if len(parent) > 2:
                raise RefusedError(f"has more than a kernel and a bias in {name}")
            for key in parent:
                member = _member(h5py, parent, key)
                if isinstance(member, h5py.Group):
                    below.append(member)
                    continue
                _check_plain(h5py, member, name)
                if found.setdefault(member.ndim, member) is not member:
                    raise RefusedError(f"has more than a kernel and a bias in {name}")
        level = below
    if set(found) != {1, 4}:
        raise RefusedError(f"does not have one kernel and one bias in {name}")
    _check_array(f"{name}/kernel", found[4].shape, found[4].dtype, shape)
    _check_array(f"{name}/bias", found[1].shape, found[1].dtype, shape[-1:])
    return found[4], found[1]


def _member(h5py: Any, group: Any, key: str) -> Any:
    """A member of a group; links to elsewhere, also to other files, are refused unfollowed."""
    if not isinstance(group.get(key, getlink=True), h5py.HardLink):
        raise RefusedError(f"has a link in place of {key!r}, which may lead to another file")
    return group[key]


def _check_plain(h5py: Any, dataset: Any, name: str) -> None:
    """Refuses numbers that are elsewhere, or grow when they are read."""
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise RefusedError(f"has something other than arrays in {name}")
    if dataset.is_virtual or dataset.external:
        raise RefusedError(f"keeps the numbers of {name} in another file")
    if dataset.chunks is not None:
        raise RefusedError(f"has {name} in chunks or compressed, which Keras does not write")


def _check_array(key: str, found: Any, dtype: Any, shape: tuple[int, ...]) -> None:
    if tuple(found) != shape:
        raise RefusedError(f"has {key} of shape {tuple(found)}; VGG19 has {shape}")
    if np.dtype(dtype).kind != "f" or np.dtype(dtype).itemsize > 8:
        raise RefusedError(f"has {key} of type {dtype}; weights are float32")


def _as_float32(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # Infinities are refused with the layer's name later.
        return np.ascontiguousarray(array, np.float32)


def check_regular(path: Path) -> None:
    """Raises `RefusedError` for what would block or never end when it is opened."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise RefusedError("is a folder; name the file in it")
    if not stat.S_ISREG(mode):
        raise RefusedError("is not a regular file")


def looks_like(start: bytes) -> str:
    """` (it looks like ...)` for the usual mix-ups, from the first bytes."""
    text = start[:1024].lstrip().lower()
    if not start:
        what = "an empty file"
    elif text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        what = "a web page, perhaps a login page saved in place of the file"
    elif text.startswith(b"version https://git-lfs"):
        what = "a Git LFS pointer, not the file itself"
    elif start.startswith(b"PK"):
        what = "a zip archive"
    elif start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        what = "a Python pickle, which is never opened"
    elif start.startswith(b"\x89HDF"):
        what = "an HDF5 file"
    else:
        return ""
    return f" (it looks like {what})"
