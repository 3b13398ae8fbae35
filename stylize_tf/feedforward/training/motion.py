"""Motion that is known, of crops of photographs and of what a network paints of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

SHIFT, TURN, ZOOM, GAIN = 16.0, math.radians(3), 0.04, 0.05
"""The most that a camera moves: pixels each way, radians, and shares of the size and the light."""


class Motion(NamedTuple):
    """A pan, a turn and a zoom about the middle of what is looked at, and a change of light.

    Attributes:
        linear: from the places of a moved picture to those of the picture, less the pan; float32
            `[2, 2]`, columns before rows.
        shift: the pan, in pixels, columns before rows; float32 `[2]`.
        gain: factor of the light; float32.
    """

    linear: tf.Tensor
    shift: tf.Tensor
    gain: tf.Tensor

    @classmethod
    def drawn(cls, generator: np.random.Generator) -> Motion:
        """A random one."""
        shift_x, shift_y, turn, zoom, gain = generator.uniform(-1, 1, 5)
        angle = turn * TURN
        linear = (1 + zoom * ZOOM) * np.array(
            [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        )
        numbers = (linear, SHIFT * np.array([shift_x, shift_y]), 1 + gain * GAIN)
        return cls(*(tf.constant(x, tf.float32) for x in numbers))

    def of(
        self,
        images: tf.Tensor,
        middle: tf.Tensor,
        shrink: int = 1,
        *,
        fill_mode: str = "CONSTANT",
    ) -> tf.Tensor:
        """What pictures `[N, H, W, C]` look like when it was made, in the same light.

        Args:
            images: shrunk so.
            middle: row and column of what it turns about, of those pictures.
            shrink: sides of the pictures of whose pixels the pan is over those of `images`.
            fill_mode: what is seen beyond their borders: 0, or "REFLECT".
        """
        about = tf.reverse(tf.cast(middle, tf.float32), [0])
        moved = about - tf.linalg.matvec(self.linear, about) + self.shift / float(shrink)
        rows = tf.concat([self.linear, moved[:, tf.newaxis]], axis=1)
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.concat([tf.reshape(rows, [1, 6]), tf.zeros([1, 2])], axis=1),
            output_shape=tf.shape(images)[1:3],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode=fill_mode,
        )


def difference(moved: tf.Tensor, images: tf.Tensor, motion: Motion, shrink: int) -> tf.Tensor:
    """How far what is painted of moved pictures is from what was painted, moved: a mean square.

    Where it is seen in both, and of means of 2x2 pixels: what is sampled anew between pixels is
    blurred, and blurred strokes are not asked for.

    Args:
        moved, images: painted, `[N, H, W, 3]`; sides are even.
        motion: about the middle of these.
        shrink: as of `Motion.of`.
    """
    height, width = images.shape[1:3]
    middle = tf.constant([(height - 1) / 2, (width - 1) / 2], tf.float32)
    seen = tf.ones([1, height, width, 1])
    seen = tf.nn.avg_pool2d(motion.of(seen, middle, shrink), 2, 2, "VALID")
    apart = tf.nn.avg_pool2d(moved - motion.of(images, middle, shrink), 2, 2, "VALID")
    counted = tf.cast(seen > 0.999, tf.float32)
    squares = tf.reduce_mean(tf.square(apart), axis=3, keepdims=True)
    total = tf.reduce_sum(counted) * float(images.shape[0])
    return tf.reduce_sum(counted * squares) / tf.maximum(total, 1.0)
