"""Which number format the convolutions take on this device: measured, not guessed."""

from __future__ import annotations

import functools
import statistics
import threading
import time
from collections.abc import Callable, Sequence

import tensorflow as tf

LOW = {"CPU": ("bfloat16",), "GPU": ("bfloat16", "float16")}
"""The formats that are tried on a kind of device; processors only emulate float16."""

AGREEMENT = 0.98
"""Cosine of the angle between the gradients in a lower format and in float32, at least."""

_FASTER, _HOPELESS = 0.75, 2.0
"""Times that a format takes of those of float32, to be taken, and not to be measured on."""

_FEWEST, _HOPELESS_AT_ONCE = 3, 10.0
"""Rounds that every format takes part in; one that takes so many times as long has a single one."""

_measuring = threading.Lock()
"""Other threads would be in the way."""


def fastest(agreement: Callable[[str], float]) -> str:
    """The fastest format here whose gradients agree: "float32", "bfloat16" or "float16".

    Args:
        agreement: cosine between the gradients in a format and in float32; asked only of formats
            that are faster.
    """
    with _measuring:
        formats = faster_formats(tf.zeros([]).device)
    return next((name for name in formats if agreement(name) >= AGREEMENT), "float32")


@functools.cache
def faster_formats(device: str) -> tuple[str, ...]:
    """The formats in which convolutions take less than 3/4 of the time of float32, fastest first.

    Measured once a process and device, on a convolution like those of VGG's third block and its
    gradient, in about half a second: where bfloat16 is emulated, a convolution can be as fast as in
    float32, and its gradient take twenty times as long. The choice decides the pixels, so it must
    not hang on what else runs: the formats take turns, so that it hits them alike, a format is as
    slow as the shortest of its times or the median of its ratios say, whichever is less, and the
    margin is wide. Processors with bfloat16 instructions are near one half, busy or not. A
    convolution and not a step of the whole network, because that would have to be traced in formats
    that are not taken.

    Args:
        device: its name, on which TensorFlow works now.
    """
    low = LOW["GPU" if "GPU" in device else "CPU"]
    seconds = _convolution_seconds(("float32", *low))
    slowness = {name: _slowness(seconds[name], seconds["float32"]) for name in low}
    return tuple(sorted((x for x in low if slowness[x] < _FASTER), key=slowness.__getitem__))


def _slowness(seconds: Sequence[float], of_float32: Sequence[float]) -> float:
    """How many times as long as float32 a format takes, of rounds that both took part in."""
    ratios = [a / b for a, b in zip(seconds, of_float32, strict=False)]
    return min(min(seconds) / min(of_float32), statistics.median(ratios))


def _convolution_seconds(formats: Sequence[str], rounds: int = 20) -> dict[str, list[float]]:
    """The times of each format, in turns; of few rounds where it is far slower than the first."""
    convolutions = {}
    for name in formats:
        features, kernel = tf.ones([1, 48, 48, 256], name), tf.ones([3, 3, 256, 256], name)
        convolutions[name] = functools.partial(_there_and_back, features, kernel)
        convolutions[name]()
    seconds: dict[str, list[float]] = {name: [] for name in formats}
    for _ in range(rounds):
        for name, convolve in convolutions.items():
            own, first = seconds[name], seconds[formats[0]]
            hopeless = _HOPELESS if len(own) >= _FEWEST else _HOPELESS_AT_ONCE
            if own and min(own) > hopeless * min(first):
                continue
            start = time.perf_counter()
            convolve().numpy()
            own.append(time.perf_counter() - start)
    return seconds


@tf.function
def _there_and_back(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Something that wants a convolution, and its gradient by what it is of."""
    y = tf.nn.conv2d(x, kernel, 1, "SAME")
    return tf.nn.conv2d_transpose(y, kernel, tf.shape(x), 1, "SAME")[0, 0, 0, 0]


def cosine(a: tf.Tensor, b: tf.Tensor) -> float:
    """Of the angle between two tensors; 0 where one is not finite or all zeros."""
    value = tf.reduce_sum(a * b) / (tf.norm(a) * tf.norm(b))
    return float(tf.where(tf.math.is_finite(value), value, 0.0))
