"""Means over equal parts of a map: what it is on a coarser grid."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from stylize_tf.objective.moments import full


def area_means(count: int | tf.Tensor, cells: int | tf.Tensor) -> tf.Tensor:
    """`[cells, count]`, float32: means over equal parts of a side; of positions at ends, a share.

    Args:
        count: positions of the side.
        cells: its parts, of at least a position each.
    """
    length = tf.cast(count / cells, tf.float32)
    start = tf.cast(tf.range(cells), tf.float32)[:, tf.newaxis] * length
    position = tf.cast(tf.range(count), tf.float32)
    overlap = tf.minimum(start + length, position + 1) - tf.maximum(start, position)
    return tf.maximum(overlap, 0) / length


class Shrinking(NamedTuple):
    """A linear map of images to a coarser grid.

    Attributes:
        down: `[h, H]`, float32.
        right: `[w, W]`.
    """

    down: tf.Tensor
    right: tf.Tensor

    @classmethod
    def of(cls, size: tuple[int, int], smaller: tuple[int, int]) -> Shrinking:
        """The means over areas that bring one height and width to another."""
        return cls(*(area_means(*sides) for sides in zip(size, smaller, strict=True)))

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """`[N, H, W, C]` -> `[N, h, w, C]`, float32 for lower formats."""
        image = full(image)
        down, right = (tf.cast(x, image.dtype) for x in self)
        return tf.einsum("gh,nhwc->ngwc", down, tf.einsum("gw,nhwc->nhgc", right, image))

    def transposed(self, gradient: tf.Tensor) -> tf.Tensor:
        """The gradient by the image from the one by what it is brought to."""
        columns = tf.einsum("gw,nhgc->nhwc", self.right, gradient)
        return tf.einsum("gh,ngwc->nhwc", self.down, columns)
