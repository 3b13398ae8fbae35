"""Painted pictures as a `tf.data.Dataset`."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError
from stylize_tf.iterative.sources import Several, as_tuple
from stylize_tf.iterative.stylizer import Stylizer

Photographs: TypeAlias = tf.data.Dataset | Several
"""A dataset of paths or of images, or paths."""


def dataset(
    contents: Photographs, style: Several, stylizer: Stylizer | None = None, **options: Any
) -> tf.data.Dataset:
    """The photographs painted one by one, each when it is asked for, in their order.

    It is `tf.py_function` around a stylizer: the pipeline hands over photographs in graph mode, and
    the optimization, which stops by itself, runs beside it. What fails is an error of its element,
    which `.ignore_errors()` leaves out; `.prefetch(1)` paints ahead of who uses the pictures.

    Args:
        contents: a path or several; or a dataset whose elements are a path, an image `[H, W, C]`
            or a batch of images `[N, H, W, C]`, as `image_io.read` takes them.
        style: one painting, or several that are blended.
        stylizer: who paints; made from `options` if None.
        options: fields of `StyleTransferConfig`, in place of `stylizer`.

    Returns:
        As many elements: float32 RGB in [0, 1], `[H, W, 3]`, of batches `[N, H, W, 3]`. Height and
        width are known, so that `.batch()` takes them, if `crop` is "square" and `size` is not 0;
        nothing is of images whose own rank is not known.

    Raises:
        ConfigError: if both a stylizer and options are given, or an option is not allowed.
        WeightsError: if the weights of VGG19 cannot be had.
    """
    if stylizer is not None and options:
        raise ConfigError("`stylizer` has its options; leave these out, or call its `replace`.")
    painter = stylizer or Stylizer(StyleTransferConfig().replace(**options))
    paintings = as_tuple(style, "style")
    if not isinstance(contents, tf.data.Dataset):
        paths = [os.fspath(path) for path in as_tuple(contents, "contents")]
        contents = tf.data.Dataset.from_tensor_slices(paths)
    side = painter.config.size if painter.config.crop == "square" else 0

    def paint(content: tf.Tensor) -> np.ndarray:
        return painter(content, paintings)

    def painted(content: tf.Tensor) -> tf.Tensor:
        picture = tf.py_function(paint, [content], tf.float32)
        rank = 3 if content.dtype == tf.string else content.shape.rank
        if rank is None:  # Images or batches: who knows says so by `ensure_shape`.
            return picture
        batch = content.shape[:1] if rank == 4 else []
        return tf.ensure_shape(picture, [*batch, side or None, side or None, 3])

    return contents.map(painted)
