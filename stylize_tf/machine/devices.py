"""Devices as people name them, and those of them that are there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stylize_tf.errors import ConfigError


def parse(text: str) -> str:
    """`auto`, or TensorFlow's names of devices written as `/GPU:0`, `gpu:0` or `gpu`.

    Several have commas between them, here and in what comes back, where each is named once.
    """
    if text.strip().upper().removeprefix("/") == "AUTO":
        return "auto"
    devices = []
    for part in text.split(","):
        name = part.strip().upper().removeprefix("/").removeprefix("DEVICE:")
        match = re.fullmatch(r"(CPU|GPU)(?::(\d{1,4}))?", name)
        if match is None:
            raise ValueError("must be auto, /CPU:0, /GPU:0, or the number of another GPU")
        devices.append(f"/{match[1]}:{int(match[2] or 0)}")
    return ",".join(dict.fromkeys(devices))


def choose(asked: str, available: Sequence[str]) -> tuple[str, ...]:
    """The devices that `asked` means, of TensorFlow's `/device:GPU:0` and the like.

    Raises:
        ConfigError: if one of them is not there.
    """
    names = ["/" + name.rsplit("device:", 1)[-1] for name in available]
    if asked == "auto":
        gpus = [name for name in names if name.startswith("/GPU:")]
        return tuple(gpus) if len(gpus) > 1 else ("auto",)
    devices = tuple(asked.split(","))
    for device in devices:
        if device not in names:
            raise ConfigError(
                f"`device` {device} is not here: TensorFlow sees only {', '.join(names)}."
            )
    return devices
