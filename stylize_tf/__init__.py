"""Neural style transfer in TensorFlow: paints a photograph in the manner of a painting.

    import stylize_tf

    picture = stylize_tf.stylize("photo.jpg", "painting.jpg", size=512)

Names are loaded when they are first used: importing the package does not import TensorFlow.
"""

from __future__ import annotations

TYPE_CHECKING = False
"""As `typing` has it, which takes ten times as long to import as all of this."""

if TYPE_CHECKING:
    from typing import Any

    from stylize_tf.config.presets import PRESETS
    from stylize_tf.config.style_transfer import StyleTransferConfig
    from stylize_tf.errors import (
        ConfigError,
        ImageError,
        OutputError,
        StylizationError,
        WeightsError,
    )
    from stylize_tf.images import image_io
    from stylize_tf.integrations.datasets import dataset
    from stylize_tf.iterative.checkpoint import Checkpoint
    from stylize_tf.iterative.planning import Plan
    from stylize_tf.iterative.run import Iterate
    from stylize_tf.iterative.stylizer import Stylizer, stylize
    from stylize_tf.objective.term import Part, Term

__version__ = "0.1.0"

_HOMES = {
    "PRESETS": "config.presets",
    "Checkpoint": "iterative.checkpoint",
    "ConfigError": "errors",
    "ImageError": "errors",
    "Iterate": "iterative.run",
    "OutputError": "errors",
    "Part": "objective.term",
    "Plan": "iterative.planning",
    "StylizationError": "errors",
    "StyleTransferConfig": "config.style_transfer",
    "Stylizer": "iterative.stylizer",
    "Term": "objective.term",
    "WeightsError": "errors",
    "dataset": "integrations.datasets",
    "image_io": "images.image_io",
    "stylize": "iterative.stylizer",
}

__all__ = [
    "PRESETS",
    "Checkpoint",
    "ConfigError",
    "ImageError",
    "Iterate",
    "OutputError",
    "Part",
    "Plan",
    "StyleTransferConfig",
    "StylizationError",
    "Stylizer",
    "Term",
    "WeightsError",
    "dataset",
    "image_io",
    "stylize",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stylize_tf' has no attribute {name!r}")
    import importlib

    if _HOMES[name].startswith(("iterative.", "integrations.")):  # Which imports Keras.
        importlib.import_module("stylize_tf.machine.surroundings").check_backend()
    home = importlib.import_module(f"stylize_tf.{_HOMES[name]}")
    return home if _HOMES[name].endswith(f".{name}") else getattr(home, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
