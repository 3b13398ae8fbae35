"""ONNX: networks in other frameworks, in browsers, on servers."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from stylize_tf.errors import StylizationError
from stylize_tf.export.comparison import Run
from stylize_tf.export.painter import Painter
from stylize_tf.machine.extras import require

OPSET = 18
"""Version of the operations; tf2onnx writes none that is newer."""


def check() -> None:
    """Raises a `ConfigError` if what it takes is not installed."""
    for package in ("tf2onnx", "onnx", "onnxruntime"):
        require(package, "export", "format")


def convert(painter: Painter, quantize: str, photographs: Sequence[np.ndarray]) -> bytes:
    """The model of an `.onnx` file: inputs `image` and, if there is one, `blend`; output `picture`.

    Args:
        painter: the network.
        quantize: "none", or "int8", which puts convolutions between quantizing and dequantizing
            nodes (QDQ), with ranges of the photographs.
        photographs: float32 `[1, H, W, 3]` in [0, 1].

    Raises:
        StylizationError: if it cannot be converted.
    """
    import tf2onnx

    names = ["image", "blend"][: len(painter.model.inputs)]
    specs = [
        tf.TensorSpec(x.shape, tf.float32, name=name)
        for name, x in zip(names, painter.model.inputs, strict=True)
    ]
    function = tf.function(lambda *inputs: painter.model(list(inputs)), input_signature=specs)
    try:
        model, _ = tf2onnx.convert.from_function(function, input_signature=specs, opset=OPSET)
        _rename(model, painter)
        return _in_int8(model, painter, photographs) if quantize == "int8" else _bytes(model)
    except Exception as error:  # Of many kinds.
        reason = " ".join(str(error).split())[:200]
        raise StylizationError(f"ONNX cannot take the network: {reason}.") from error


def _rename(model: Any, painter: Painter) -> None:
    """Gives the output and the sides that are free names that say what they are."""
    graph = model.graph
    [output] = graph.output
    for node in graph.node:
        for index, name in enumerate(node.output):
            if name == output.name:
                node.output[index] = "picture"
    output.name = "picture"
    if painter.size is None:
        for value in (graph.input[0], output):
            for place, side in ((1, "height"), (2, "width")):
                value.type.tensor_type.shape.dim[place].dim_param = side
    del model.metadata_props[:]


def _bytes(model: Any) -> bytes:
    import onnx

    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _in_int8(model: Any, painter: Painter, photographs: Sequence[np.ndarray]) -> bytes:
    from onnxruntime import quantization

    class Ranges(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(
                dict(zip(["image", "blend"], painter.inputs(image, number), strict=False))
                for number, image in enumerate(photographs)
            )

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._left, None)

    with tempfile.TemporaryDirectory() as folder:
        whole, small = (str(Path(folder, name)) for name in ("whole.onnx", "small.onnx"))
        Path(whole).write_bytes(_bytes(model))
        quantization.quantize_static(
            whole,
            small,
            Ranges(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
        )
        return Path(small).read_bytes()


def opened(model: bytes) -> Run:
    """The model as its own run time runs it: the inputs of `Painter.inputs` -> the picture."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(inputs: Sequence[np.ndarray]) -> np.ndarray:
        given = dict(zip([x.name for x in session.get_inputs()], inputs, strict=True))
        return np.asarray(session.run(["picture"], given)[0])

    return run
