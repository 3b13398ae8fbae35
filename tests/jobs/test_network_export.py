"""Networks exported, each opened by its own run time, with a network of random weights."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.export import comparison, integers, saved_model
from stylize_tf.feedforward import network_files
from stylize_tf.machine import extras, tensorflow_runtime
from tests.fakes.cli_fakes import draw, full_disk, names
from tests.fakes.tiny_network import network_of

pytest.importorskip("ai_edge_litert", reason="pip install -r requirements-dev.txt")


@pytest.fixture(scope="module")
def network():
    return network_of("sea", "sky")


@pytest.fixture
def export(folder, monkeypatch, network):
    """Runs the command in a folder with the network."""
    network_files.save(network, "net.keras")
    for seed in range(3):
        draw(f"photos/{seed}.png", (36, 48), seed)
    runtime = tensorflow_runtime.Runtime(lambda name: contextlib.nullcontext(), ("auto",))
    monkeypatch.setattr(tensorflow_runtime, "load", lambda *arguments, **options: runtime)

    def run(form, output, *arguments):
        line = ("--network=net.keras", f"--format={form}", f"--output={output}", *arguments)
        return main_with(["main.py", "export", *line])

    return run


def picture(shape=(36, 48), seed=5):
    return np.random.default_rng(seed).random((1, *shape, 3), np.float32)


def test_litert_has_built_in_operations_any_size_and_a_blend(export, network, capsys):
    from ai_edge_litert.interpreter import Interpreter

    assert export("litert", "net.tflite") == 0
    assert capsys.readouterr().out == "net.tflite\n"
    interpreter = Interpreter(model_path="net.tflite")  # It would refuse operations of TensorFlow.
    places = {len(x["shape"]): x["index"] for x in interpreter.get_input_details()}
    for shape in ((36, 48), (40, 21)):
        image, blend = picture(shape), np.array([[0.25, 0.75]], np.float32)
        interpreter.resize_tensor_input(places[4], image.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(places[4], image)
        interpreter.set_tensor(places[2], blend)
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        expected = network(image, style=[0.25, 0.75])
        np.testing.assert_allclose(found, expected, atol=0.5 / 255)


def test_onnx_names_what_it_takes_and_gives(export, network):
    import onnxruntime

    assert export("onnx", "net.onnx") == 0
    session = onnxruntime.InferenceSession("net.onnx")
    assert [(x.name, x.shape) for x in session.get_inputs()] == [
        ("image", [1, "height", "width", 3]),
        ("blend", [1, 2]),
    ]
    assert [x.name for x in session.get_outputs()] == ["picture"]
    image = picture((33, 50))
    [found] = session.run(None, {"image": image, "blend": np.array([[0, 1]], np.float32)})
    np.testing.assert_allclose(found, network(image, style="sky"), atol=0.5 / 255)


def test_a_style_and_a_size_are_built_in(export, network):
    import onnxruntime

    fixed = ("--network_style=sea=1,sky=3", "--fixed_size=48x36")
    assert export("onnx", "net.onnx", *fixed) == 0
    session = onnxruntime.InferenceSession("net.onnx")
    assert [(x.name, x.shape) for x in session.get_inputs()] == [("image", [1, 36, 48, 3])]
    [found] = session.run(None, {"image": picture()})
    expected = network(picture(), style=[0.25, 0.75])
    np.testing.assert_allclose(found, expected, atol=0.5 / 255)


@pytest.mark.parametrize("quantize", ["float16", "dynamic", "int8", "int16x8"])
def test_litert_of_smaller_numbers_is_smaller(export, quantize, monkeypatch):
    # Of random weights; how far those of a trained one may be is measured with it.
    monkeypatch.setitem(comparison.LIMITS, quantize, comparison.Difference(255, 40))
    assert export("litert", "whole.tflite", "--network_style=sea") == 0
    small = ("--network_style=sea", f"--quantize={quantize}", "--photos=photos")
    assert export("litert", "small.tflite", *small, "--fixed_size=48x36") == 0
    assert Path("small.tflite").stat().st_size < 0.8 * Path("whole.tflite").stat().st_size


def test_a_network_suited_to_8_bits_paints_the_same_with_channels_of_equal_ranges(network):
    network = network_of(*network.styles)  # To be changed.
    scale = network.graph.get_layer("half_first").kernel
    scale.assign(scale * np.linspace(0.1, 1, scale.shape[-1], dtype=np.float32))
    image, blend = picture((64, 96)), np.array([[1, 0]], np.float32)
    suited = integers.suited(network, [image], blend[0])
    np.testing.assert_allclose(
        suited.graph([image, blend]), network.graph([image, blend]), atol=1e-3
    )
    for name in ("half_first", "quarter_down2", "whole_up2"):
        made = keras.Model(suited.graph.inputs, suited.graph.get_layer(name).output)
        ranges = np.abs(made([image, blend])).max(axis=(0, 1, 2))
        np.testing.assert_allclose(ranges, ranges.max(), rtol=1e-3)


def test_onnx_of_8_bits_has_quantized_convolutions(export, monkeypatch):
    import onnx

    monkeypatch.setitem(comparison.LIMITS, "int8", comparison.Difference(255, 40))
    small = ("--network_style=sea", "--quantize=int8", "--photos=photos")
    assert export("onnx", "small.onnx", *small) == 0
    kinds = [node.op_type for node in onnx.load("small.onnx").graph.node]
    assert kinds.count("QuantizeLinear") >= kinds.count("Conv") > 0


def test_a_repository_for_triton_says_what_the_model_takes(export, network):
    import onnxruntime

    assert export("triton", "served", "--fixed_size=48x36") == 0
    config = Path("served/config.pbtxt").read_text()
    assert 'platform: "onnxruntime_onnx"' in config
    assert '{ name: "image" data_type: TYPE_FP32 dims: [1, 36, 48, 3] }' in config
    session = onnxruntime.InferenceSession("served/1/model.onnx")
    for each in (*session.get_inputs(), *session.get_outputs()):
        assert f'{{ name: "{each.name}" data_type: TYPE_FP32 dims: {each.shape} }}' in config
    assert export("triton", "any") == 0
    assert "dims: [1, -1, -1, 3]" in Path("any/config.pbtxt").read_text()


def encoded(image, form):
    file = io.BytesIO()
    Image.fromarray((image[0] * 255).round().astype(np.uint8)).save(file, form, quality=95)
    return file.getvalue()


@pytest.fixture
def served(export):
    assert export("saved_model", "served", "--network_style=sky") == 0
    return tf.saved_model.load("served")


def test_a_saved_model_takes_files_and_arrays(served, network):
    images = [picture((36, 48)), picture((20, 31))]
    files = [encoded(images[0], "png"), encoded(images[1], "jpeg")]
    found = served.signatures["serving_default"](image_bytes=tf.constant(files))
    for data, file in zip(found["stylized_bytes"].numpy(), files, strict=True):
        given = np.asarray(Image.open(io.BytesIO(file)), np.float32)[None] / 255
        expected = network(given, style="sky").numpy()[0]
        picture_of_it = np.asarray(Image.open(io.BytesIO(data)), np.float32) / 255
        assert picture_of_it.shape == expected.shape
        assert np.abs(picture_of_it - expected).mean() < 0.03  # JPEG.
    batch = np.concatenate([picture(seed=1), picture(seed=2)])
    stylized = served.signatures["stylize"](image=tf.constant(batch))["stylized"]
    np.testing.assert_allclose(stylized, network(batch, style="sky"), atol=1e-5)


def png_of(width, height):
    """A PNG of a few bytes that says that it is so large."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png_of(100_000, 100_000), "must have at most"),
        (png_of(3, 2_000_000), "must have at most"),
        (png_of(0, 40), "must have at most"),
        (b"\x89PNG\r\n\x1a\n", "cut"),
        (b"GIF89a", "must be JPEG or PNG"),
        (b"", "must be JPEG or PNG"),
        (b"\xff\xd8\xff\xe0 cut", "JPEG"),
    ],
)
def test_a_saved_model_refuses_what_is_no_picture_or_too_large(served, data, said):
    with pytest.raises(tf.errors.OpError, match=said):
        served.signatures["serving_default"](image_bytes=tf.constant([data]))


def test_a_saved_model_has_a_request_to_warm_up_by(export):
    assert export("saved_model", "served") == 0
    [record] = tf.data.TFRecordDataset("served/assets.extra/tf_serving_warmup_requests")
    record = record.numpy()
    assert b"serving_default" in record
    assert b"image_bytes" in record
    assert b"blend" in record
    assert record[:1] == b"\x32"  # PredictionLog.predict_log, of a length that is told.


def test_protocol_buffers_are_encoded_as_tensorflow_reads_them():
    proto = tf.make_tensor_proto(["x" * 300])
    shape, strings = tf.compat.v1.TensorShape([1]).as_proto().SerializeToString(), b"x" * 300
    own = b"\x08\x07" + saved_model._field(2, shape) + saved_model._field(8, strings)
    assert own == proto.SerializeToString()


@pytest.mark.parametrize(
    ("form", "output", "arguments", "code", "said"),
    [
        ("onnx", "net.tflite", (), Exit.USAGE, "--output must end in .onnx for onnx"),
        (
            "torch",
            "net.pt",
            (),
            Exit.USAGE,
            "--format must be one of litert, onnx",
        ),
        ("onnx", "net.onnx", ("--quantize=float16",), Exit.USAGE, "must be none or int8 for onnx"),
        ("litert", "n.tflite", ("--quantize=int8",), Exit.USAGE, "--photos must be given"),
        ("litert", "n.tflite", ("--weights=w.npz",), Exit.USAGE, "--weights is of VGG19"),
        ("litert", "n.tflite", ("--nooffline",), Exit.USAGE, "--offline is of VGG19"),
        ("litert", "n.tflite", ("--fixed_size=5x5",), Exit.USAGE, "width and height in pixels"),
        ("litert", "n.tflite", ("--network_style=pear",), Exit.USAGE, "must be one of sea, sky"),
        ("litert", "n.tflite", ("--network=no.keras",), Exit.WEIGHTS, "is not there"),
        ("litert", "no/n.tflite", (), Exit.OUTPUT, "cannot be written"),
        ("saved_model", "photos", (), Exit.OUTPUT, "is there already"),
        ("onnx", "net.onnx", ("--photos=net.keras",), Exit.PICTURE, "no picture can be read"),
    ],
)
def test_what_cannot_be_exported_is_told_in_a_line(
    export, capsys, form, output, arguments, code, said
):
    before = names()
    assert export(form, output, *arguments) == code
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert names() == before


def test_an_export_that_is_too_far_from_the_network_is_not_written(export, monkeypatch, capsys):
    from stylize_tf.export import onnx

    opened = onnx.opened
    monkeypatch.setattr(onnx, "opened", lambda model: lambda x: opened(model)(x) + 0.01)
    Path("net.onnx").write_text("of before")
    assert export("onnx", "net.onnx") == Exit.FAILED
    assert "would differ from the network by 2." in capsys.readouterr().err
    monkeypatch.setattr(onnx, "opened", lambda model: lambda x: opened(model)(x) * np.nan)
    assert export("onnx", "net.onnx") == Exit.FAILED
    assert Path("net.onnx").read_text() == "of before"


def test_a_full_disk_leaves_what_was_there(export, monkeypatch):
    Path("net.onnx").write_text("of before")
    monkeypatch.setattr("os.fsync", full_disk)
    assert export("onnx", "net.onnx") == Exit.OUTPUT
    assert Path("net.onnx").read_text() == "of before"


def test_a_package_that_is_missing_is_named_with_the_extra(export, monkeypatch, capsys):
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)
    assert export("onnx", "net.onnx") == Exit.USAGE
    assert 'pip install "stylize-tf[export]"' in capsys.readouterr().err
