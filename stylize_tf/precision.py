"""Which number format the convolutions take on this device: measured, not guessed."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import tensorflow as tf

LOW = {"CPU": ("bfloat16",), "GPU": ("bfloat16", "float16")}
"""The formats that are tried on a kind of device; processors only emulate float16."""

AGREEMENT = 0.98
"""Cosine of the angle between the gradients in a lower format and in float32, at least."""

_FASTER = 0.75


def resolve(precision: str, agreement: Callable[[str], float]) -> str:
    """The format that `precision` stands for: itself, or for "auto" the fastest one here.

    Args:
        precision: a choice of `StyleTransferConfig.precision`.
        agreement: cosine between the gradients in a format and in float32; asked only of formats
            that are faster.

    Returns:
        "float32", "bfloat16" or "float16".
    """
    if precision != "auto":
        return precision
    fast = (name for name in faster_formats(tf.zeros([]).device) if agreement(name) >= AGREEMENT)
    return next(fast, "float32")


@functools.cache
def faster_formats(device: str) -> tuple[str, ...]:
    """The formats in which convolutions take less than 3/4 of the time of float32, fastest first.

    Measured once a process and device, on a convolution like those of VGG's third block, in about a
    quarter of a second. The choice decides the pixels, so it must not hang on what else runs: the
    shortest of many counts, on a map too large for a gap between two other programs, and the margin
    is wide. Processors with bfloat16 instructions are near one half, busy or not; formats that are
    emulated are slower than float32. A convolution and not a step of the whole network, because
    that would have to be traced in formats that are not taken.

    Args:
        device: its name, on which TensorFlow works now.
    """
    limit = _FASTER * _convolution_seconds("float32")
    formats = LOW["GPU" if "GPU" in device else "CPU"]
    seconds = {name: _convolution_seconds(name, give_up=3 * limit) for name in formats}
    return tuple(sorted((x for x in formats if seconds[x] < limit), key=seconds.__getitem__))


def _convolution_seconds(dtype: str, give_up: float = float("inf"), repeats: int = 20) -> float:
    """The shortest time of several, of few where it is far above `give_up`."""
    features = tf.ones([1, 48, 48, 256], dtype)
    kernel = tf.ones([3, 3, 256, 256], dtype)
    convolve = tf.function(lambda x: tf.nn.conv2d(x, kernel, 1, "SAME"))
    convolve(features)
    durations: list[float] = []
    while len(durations) < repeats and (len(durations) < 3 or min(durations) < give_up):
        start = time.perf_counter()
        convolve(features)[0, 0, 0, 0].numpy()
        durations.append(time.perf_counter() - start)
    return min(durations)


def cosine(a: tf.Tensor, b: tf.Tensor) -> float:
    """Of the angle between two tensors; 0 where one is not finite or all zeros."""
    value = tf.reduce_sum(a * b) / (tf.norm(a) * tf.norm(b))
    return float(tf.where(tf.math.is_finite(value), value, 0.0))
