"""A model repository of the Triton Inference Server: ONNX, and what the server has to know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stylize_tf.export import onnx
from stylize_tf.export.comparison import Run
from stylize_tf.export.painter import Painter

_MODEL = Path("1", "model.onnx")

_CONFIG = """\
# A network of stylize_tf: {styles}.
platform: "onnxruntime_onnx"
max_batch_size: 0
input [
{inputs}
]
output [
{output}
]
"""


def check() -> None:
    """Raises a `ConfigError` if what it takes is not installed."""
    onnx.check()


def write(painter: Painter, folder: Path) -> None:
    """Writes `config.pbtxt` and version 1; the folder's name is the model's.

    The server takes one picture a request, as those of different sizes make no batch.

    Args:
        painter: the network.
        folder: to make.
    """
    (folder / _MODEL.parent).mkdir(parents=True)
    (folder / _MODEL).write_bytes(onnx.convert(painter, "none", []))
    sides = painter.size or (-1, -1)
    inputs = [_tensor("image", [1, *sides, 3])]
    if painter.blend is None:
        inputs.append(_tensor("blend", [1, len(painter.styles)]))
    text = _CONFIG.format(
        styles=", ".join(painter.styles),
        inputs=",\n".join(inputs),
        output=_tensor("picture", [1, *sides, 3]),
    )
    (folder / "config.pbtxt").write_text(text, encoding="utf-8")


def _tensor(name: str, dims: Sequence[int]) -> str:
    return f'  {{ name: "{name}" data_type: TYPE_FP32 dims: {list(dims)} }}'


def opened(folder: Path) -> Run:
    """The model as ONNX Runtime, which the server has within it, runs it."""
    return onnx.opened((folder / _MODEL).read_bytes())
