"""Motion between frames, and where it can be trusted."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from stylize_tf.errors import ConfigError
from stylize_tf.machine.extras import require

Flow: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(frame, other), float32 `[H, W, 3]`, RGB in [0, 1] -> float32 `[H, W, 2]`, in pixels: what is at
`(x, y)` of the frame is at `(x, y) + flow[y, x]` of the other one, x to the right and y down."""

DIS = "dis"
"""The name of the method that needs no network."""

SMALLEST_SIDE = 16
"""Pixels of a side that the method is given at least: of less it makes nothing."""


def flow_of(name: str | os.PathLike[str]) -> Flow:
    """The method of a name: "dis", or an ONNX file.

    Raises:
        ConfigError: if there is no such file, or it is none that can be run.
    """
    return dense_inverse_search() if name == DIS else of_onnx(name)


def dense_inverse_search() -> Flow:
    """Kroeger et al. (2016), "Fast Optical Flow using Dense Inverse Search", its medium preset.

    On grey, as OpenCV has it. On a known warp of 512x512 pixels it was .14 pixels off, in 18 ms;
    its fast preset .35, Farneback's method 2.0.
    """
    require("cv2", "video", "flow")
    import cv2

    method: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]

    def flow(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
        height, width = frame.shape[:2]
        missing = max(0, SMALLEST_SIDE - height), max(0, SMALLEST_SIDE - width)
        grey = [
            _grey(np.pad(x, [(0, missing[0]), (0, missing[1]), (0, 0)], "edge"))
            for x in (frame, other)
        ]
        found = np.asarray(method.calc(*grey, None), np.float32)
        return found[:height, :width]

    return flow


def of_onnx(path: str | os.PathLike[str]) -> Flow:
    """A network in an ONNX file: two inputs `[1, 3, H, W]`, RGB in [0, 1], as RAFT's are exported.

    Its last output is the flow, `[1, 2, H, W]`. Frames are brought to sides that 8 divides by
    repeating their borders.

    Raises:
        ConfigError: if there is no such file, or it is none that can be run, or is another.
    """
    require("onnxruntime", "export", "flow")
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # Of many kinds.
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"`flow` must be {DIS} or an ONNX file; {os.fspath(path)!r} is none ({reason})."
        ) from error
    names = [x.name for x in session.get_inputs()]
    if len(names) != 2:
        raise ConfigError(
            f"`flow` must be of two frames: {os.fspath(path)!r} takes {len(names)} inputs."
        )

    def flow(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
        height, width = frame.shape[:2]
        missing = -height % 8, -width % 8
        given = {
            name: np.pad(x, [(0, missing[0]), (0, missing[1]), (0, 0)], "edge").transpose(2, 0, 1)[
                None
            ]
            for name, x in zip(names, (frame, other), strict=True)
        }
        found = np.asarray(_run(session, given)[-1], np.float32)
        if found.shape != (1, 2, height + missing[0], width + missing[1]):
            raise ConfigError(
                f"`flow` must give [1, 2, H, W]; {os.fspath(path)!r} gives {[*found.shape]} for "
                f"frames of {width + missing[1]}x{height + missing[0]}."
            )
        return found[0].transpose(1, 2, 0)[:height, :width]

    return flow


def _run(session: Any, given: dict[str, np.ndarray]) -> Any:
    try:
        return session.run(None, given)
    except Exception as error:  # Of many kinds.
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"`flow`: its network cannot be run on the frames ({reason}).") from error


def _grey(image: np.ndarray) -> np.ndarray:
    """Luma of 8 bits (BT.601)."""
    luma = image @ np.array([0.299, 0.587, 0.114], np.float32)
    return (luma * 255).round().clip(0, 255).astype(np.uint8)
