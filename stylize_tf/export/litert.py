"""LiteRT, once TensorFlow Lite: networks on phones."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from stylize_tf.errors import StylizationError
from stylize_tf.export.comparison import Run
from stylize_tf.export.painter import Painter
from stylize_tf.machine.extras import require

FLOAT_OPERATIONS = ("MEAN", "SUB", "MUL", "RSQRT", "ADD", "RESIZE_BILINEAR", "LOGISTIC")
"""What normalization is made of, and what pictures of levels are enlarged and finished by."""


def check() -> None:
    """Raises a `ConfigError` if its run time is not installed."""
    require("ai_edge_litert", "export", "format")


def convert(painter: Painter, quantize: str, photographs: Sequence[np.ndarray]) -> bytes:
    """The model of a `.tflite` file, of built-in operations.

    Args:
        painter: the network.
        quantize: numbers of the weights, and for "int8" and "int16x8" of the maps, too, whose
            ranges are those of the photographs; image, picture and, in "int8", `FLOAT_OPERATIONS`
            stay float.
        photographs: float32 `[1, H, W, 3]` in [0, 1].

    Raises:
        StylizationError: if it cannot be converted.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(painter.model)
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]

    def ranges() -> Iterator[list[np.ndarray]]:
        for number, image in enumerate(photographs):
            yield painter.inputs(image, number)

    if quantize in ("int8", "int16x8"):
        converter.representative_dataset = ranges
        if quantize == "int16x8":
            kinds = [
                tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
                tf.lite.OpsSet.TFLITE_BUILTINS,
            ]
            converter.target_spec.supported_ops = kinds
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # It tells of files that are ours alone.
            if quantize == "int8":
                return _partly_float(converter, ranges)
            return bytes(converter.convert())
    except Exception as error:  # Of many kinds.
        reason = " ".join(str(error).split())[:200]
        raise StylizationError(f"LiteRT cannot take the network: {reason}.") from error


def _partly_float(
    converter: tf.lite.TFLiteConverter, ranges: Callable[[], Iterator[list[np.ndarray]]]
) -> bytes:
    """8 bits for all but `FLOAT_OPERATIONS`.

    A variance is the mean of squares, whose range 8 bits do not hold: with it in them pictures
    differ half as much again. Of what the sigmoid takes to make a picture, 8 bits leave bands.
    """
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=list(FLOAT_OPERATIONS))
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=ranges, debug_options=options
    )
    return bytes(debugger.get_nondebug_quantized_model())


def opened(model: bytes) -> Run:
    """The model as its own run time runs it: the inputs of `Painter.inputs` -> the picture."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)

    def run(inputs: Sequence[np.ndarray]) -> np.ndarray:
        details = interpreter.get_input_details()
        # By their rank: names and order are the converter's.
        for own in inputs:
            [place] = [each["index"] for each in details if len(each["shape"]) == own.ndim]
            interpreter.resize_tensor_input(place, own.shape)
        interpreter.allocate_tensors()
        for own in inputs:
            [place] = [each["index"] for each in details if len(each["shape"]) == own.ndim]
            interpreter.set_tensor(place, own)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))

    return run
