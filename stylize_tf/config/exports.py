"""What networks are exported to; known before TensorFlow is loaded."""

from __future__ import annotations

NUMBERS = ("none", "float16", "dynamic", "int8", "int16x8")
"""What weights and maps may be in an export; none leaves them float32."""

FORMATS = {
    "litert": (".tflite", NUMBERS),
    "onnx": (".onnx", ("none", "int8")),
    "saved_model": ("", ("none",)),
    "triton": ("", ("none",)),
}
"""How the name of a file of a format ends, empty for a folder, and its `NUMBERS`."""
