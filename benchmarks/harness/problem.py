"""The same problem for two programs: pictures, weights of VGG19, units and configuration in a file.

PyTorch works in a process of its own, perhaps of another Python, and takes nothing of ours but
this file: pictures of the size they are compared at, the weights, and plain JSON.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = (ROOT / "examples" / "content.jpg", ROOT / "examples" / "style.jpg")


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is minimized.

    Attributes:
        config: `StyleTransferConfig.to_dict()` of the objective.
        units: layer -> number that its features are divided by; empty if they are not.
        tensors: layer -> kernel `[h, w, in, out]` and bias `[out]`.
        content, style: float32 `[1, H, W, 3]` in [0, 1], at the size that they are compared at.
    """

    config: dict[str, Any]
    units: dict[str, float]
    tensors: dict[str, tuple[np.ndarray, np.ndarray]]
    content: np.ndarray
    style: np.ndarray


def of_preset(
    preset: str,
    height: int,
    width: int,
    pictures: tuple[str | os.PathLike[str], str | os.PathLike[str]] = EXAMPLES,
    **changes: Any,
) -> Problem:
    """A preset's objective for two pictures, the photograph at this size.

    The style gets the photograph's size if `style_fit` is "resize", else the same long side.
    """
    from stylize_tf import PRESETS
    from stylize_tf.images import image_io
    from stylize_tf.network import features, weights

    config = PRESETS[preset].replace(**changes)
    content, style = (image_io.read(path) for path in pictures)
    if config.style_fit == "resize":
        style_height, style_width = height, width
    else:
        scale = max(height, width) / max(style.shape[1:3])
        style_height, style_width = (round(side * scale) for side in style.shape[1:3])
    return Problem(
        config=config.to_dict(),
        units=dict(features.MEAN_ACTIVATIONS) if config.normalize_features else {},
        tensors=dict(weights.find().tensors),
        content=image_io.resize(content, height, width),
        style=image_io.resize(style, style_height, style_width),
    )


def write(path: str | os.PathLike[str], problem: Problem) -> Path:
    """The file of a problem, `.npz`."""
    arrays = {"content": problem.content, "style": problem.style}
    for layer, (kernel, bias) in problem.tensors.items():
        arrays[f"kernel/{layer}"], arrays[f"bias/{layer}"] = kernel, bias
    text = json.dumps({"config": problem.config, "units": problem.units})
    with Path(path).open("wb") as file:
        np.savez(file, text=np.array(text), **arrays)
    return Path(path)


def read(path: str | os.PathLike[str]) -> Problem:
    """The problem in a file of `write`."""
    with np.load(path) as file:
        text: Mapping[str, Any] = json.loads(str(file["text"]))
        tensors = {
            name.removeprefix("kernel/"): (file[name], file[name.replace("kernel", "bias", 1)])
            for name in file.files
            if name.startswith("kernel/")
        }
        return Problem(text["config"], text["units"], tensors, file["content"], file["style"])
