"""What a run needs of the program that it is part of, told in a line where it is missing."""

from __future__ import annotations

import os

import tensorflow as tf

from stylize_tf.errors import StylizationError
from stylize_tf.machine.keras_backend import check_backend

_process = 0
"""In which a run was first asked for."""


def check_surroundings() -> None:
    """Looks whether pictures can be made here, and notes that TensorFlow works in this process.

    Raises:
        StylizationError: in a process that was forked off one in which TensorFlow worked; where a
            graph is built in place of computing; if numbers may not be
            infinite.
        ConfigError: if Keras works with another library than TensorFlow.
    """
    global _process
    _process = _process or os.getpid()
    if _process != os.getpid():
        raise StylizationError(
            f"TensorFlow would hang here: this process was forked off {_process}, where it had "
            f'worked. Start processes by multiprocessing.get_context("spawn"), or fork them before '
            f"the first stylizer is made."
        )
    check_backend()
    if not tf.executing_eagerly():
        raise StylizationError(
            "Pictures are painted step by step, not while a graph is built: call this by "
            "`tf.py_function` or `tf.numpy_function` within `tf.function`, `Dataset.map` or "
            "`tf.Graph`, and without `tf.compat.v1.disable_eager_execution`."
        )
    try:
        tf.math.log(tf.zeros([]))
    except tf.errors.InvalidArgumentError as error:
        raise StylizationError(
            "`tf.debugging.enable_check_numerics` stops at every infinity, which a loss is before "
            "it is known: call `tf.debugging.disable_check_numerics` before. Steps that are not "
            "finite are taken back here in any case."
        ) from error
