"""What a run needs of the program that it is part of, told in a line where it is missing.

Importing this module imports neither Keras nor TensorFlow: Keras fails where its library lacks.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from stylize_tf.errors import ConfigError, StylizationError

NEEDED = "tensorflow"
"""The library that Keras has to work with."""

_process = 0
"""In which a run was first asked for."""


def check_surroundings() -> None:
    """Looks whether pictures can be made here, and notes that TensorFlow works in this process.

    What TensorFlow did before the first stylizer was made is not known here: a process that was
    forked off one that used it otherwise is not told so, and may hang.

    Raises:
        StylizationError: in a process that was forked off one in which TensorFlow worked; where a
            graph is built in place of computing; if numbers may not be infinite.
        ConfigError: if Keras works with another library than TensorFlow.
    """
    import tensorflow as tf

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


def check_backend() -> None:
    """Raises a `ConfigError` if Keras works with another library than TensorFlow, or would."""
    active = getattr(sys.modules.get("keras"), "config", None)
    if active is not None:
        _check(active.backend(), "Keras is imported already: start Python anew")
    elif named := os.environ.get("KERAS_BACKEND"):
        _check(named, "Do so in the environment, or in os.environ before Keras is imported")
    else:
        _check(_of_file(), f"Do so in the environment, or as its `backend` in {_file()}")


def _check(name: str, way: str) -> None:
    if name != NEEDED:
        raise ConfigError(f"Set KERAS_BACKEND={NEEDED}: Keras is told to use {name}. {way}.")


def _file() -> Path:
    folder = os.environ.get("KERAS_HOME")
    return Path(folder or "~/.keras", "keras.json")


def _of_file() -> str:
    """The backend that Keras' file of settings names."""
    try:
        settings = json.loads(_file().expanduser().read_text(encoding="utf-8"))
        return str(settings.get("backend", NEEDED))
    except (OSError, ValueError, AttributeError, RuntimeError):
        return NEEDED  # What Keras takes then.
