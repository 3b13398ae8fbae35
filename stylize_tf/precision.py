"""Which number format the convolutions take on this device: measured, not guessed."""

from __future__ import annotations

import functools
import time

import tensorflow as tf


def resolve(precision: str) -> str:
    """The format that `precision` stands for: itself, or for "auto" the faster one here.

    Returns:
        "float32" or "bfloat16".
    """
    return faster_format() if precision == "auto" else precision


@functools.cache
def faster_format() -> str:
    """The format in which convolutions are faster: "bfloat16" if it takes less than 3/4 of float32.

    Measured once a process on the current device, on a convolution like those of VGG's third block,
    in about a quarter of a second. The choice decides the pixels, so it must not hang on what else
    runs: the shortest of many counts, on a map too large for a gap between two other programs, and
    the margin is wide. Processors with bfloat16 instructions are near one half, busy or not; those
    that emulate it are slower than float32.
    """
    seconds = {name: _convolution_seconds(name) for name in ("float32", "bfloat16")}
    return "bfloat16" if seconds["bfloat16"] < 0.75 * seconds["float32"] else "float32"


def _convolution_seconds(dtype: str, repeats: int = 20) -> float:
    features = tf.ones([1, 48, 48, 256], dtype)
    kernel = tf.ones([3, 3, 256, 256], dtype)
    convolve = tf.function(lambda x: tf.nn.conv2d(x, kernel, 1, "SAME"))
    durations = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        convolve(features)[0, 0, 0, 0].numpy()
        durations.append(time.perf_counter() - start)
    return min(durations[1:])
