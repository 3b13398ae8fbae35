"""Which library Keras works with; looked at without importing it, which fails where that lacks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from stylize_tf.errors import ConfigError

NEEDED = "tensorflow"


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
