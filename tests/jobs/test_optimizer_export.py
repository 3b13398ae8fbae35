"""The optimizer as a SavedModel, with a small network in place of VGG19."""

import contextlib
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from stylize_tf import StyleTransferConfig, Stylizer
from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.errors import ConfigError, StylizationError
from stylize_tf.evaluation import coarse
from stylize_tf.evaluation.engine import Engine
from stylize_tf.export import optimizer
from stylize_tf.jobs.networks import export as exports
from stylize_tf.machine import tensorflow_runtime
from tests.fakes.cli_fakes import names
from tests.fakes.tiny_network import tiny_network

SIZE = (96, 128)
CONFIG = StyleTransferConfig(size=128, coarsest_size=64, steps=(4, 2), precision="float32")


@pytest.fixture(scope="module")
def engine():
    return Engine(tiny_network(), {})


def smooth(height, width, seed):
    noise = np.random.default_rng(seed).random((1, height // 8, width // 8, 3), np.float32)
    return np.clip(tf.image.resize(noise, [height, width], "bicubic").numpy(), 0, 1)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """So that small pictures are seen from afar, too."""
    monkeypatch.setattr(coarse, "SMALLEST_SIDE", 32)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "adam", "structure_weight": 0.0},
        {"lbfgs_coordinates": "pixels", "normalize_terms": False, "coarse_style_weight": 0.0},
        {"strength": 0.7, "style_size": 64, "settled_size": 64},
    ],
    ids=str,
)
def test_it_paints_what_the_stylizer_paints(engine, changes):
    config = CONFIG.replace(**changes)
    content, style = smooth(*SIZE, 1), smooth(152, 104, 2)
    expected = Stylizer(config, engine=engine)(content, style)
    found = optimizer.Optimization(config, engine, SIZE).painted(content, style).numpy()
    assert np.abs(expected - content).mean() > 0.01
    check_alike(found, expected)


def check_alike(found, expected):
    """Some pixels may be where a maximum of two positions is the one here and the other there."""
    apart = np.abs(found - expected)
    assert apart.mean() < 5e-5
    assert apart.max() < 0.01


def encoded(image, form):
    file = io.BytesIO()
    Image.fromarray((image[0] * 255).round().astype(np.uint8)).save(file, form, quality=95)
    return file.getvalue()


def test_a_model_takes_files_and_arrays_in_pairs(engine, tmp_path):
    assert optimizer.export(CONFIG, engine, tmp_path / "served", SIZE).largest < 0.5
    loaded = tf.saved_model.load(str(tmp_path / "served"))
    contents = np.concatenate([smooth(*SIZE, seed) for seed in (1, 3)])
    styles = np.concatenate([smooth(80, 104, seed) for seed in (2, 4)])
    given = {"content": tf.constant(contents), "style": tf.constant(styles)}
    found = loaded.signatures["stylize"](**given)["stylized"]
    paint = Stylizer(CONFIG, engine=engine)
    for picture, content, style in zip(found, contents, styles, strict=True):
        check_alike(picture, paint(content, style))
    # A wide photograph, of which the middle is seen, and a high one.
    files = [encoded(smooth(96, 256, 5), "png"), encoded(smooth(240, 160, 6), "jpeg")]
    found = loaded.signatures["serving_default"](
        content_bytes=tf.constant(files),
        style_bytes=tf.constant([encoded(styles[:1], "png"), encoded(styles[1:], "jpeg")]),
    )
    first, second = (
        np.asarray(Image.open(io.BytesIO(data)), np.float32)[np.newaxis] / 255
        for data in found["stylized_bytes"].numpy()
    )
    assert first.shape == second.shape == (1, *SIZE, 3)
    middle = np.asarray(Image.open(io.BytesIO(files[0])))[:, 64:192] / np.float32(255)
    given = np.asarray(Image.open(io.BytesIO(encoded(styles[:1], "png")))) / np.float32(255)
    expected = tf.image.convert_image_dtype(paint(middle, given), tf.uint8, saturate=True)
    expected = np.asarray(Image.open(io.BytesIO(tf.io.encode_jpeg(expected, quality=95).numpy())))
    assert np.abs(first[0] * 255 - expected).mean() < 0.1
    with pytest.raises(tf.errors.OpError, match="go in pairs"):
        loaded.signatures["stylize"](content=tf.constant(contents), style=tf.constant(styles[:1]))
    with pytest.raises(tf.errors.OpError, match="style_bytes must be JPEG or PNG"):
        loaded.signatures["serving_default"](
            content_bytes=tf.constant(files[:1]), style_bytes=tf.constant([b"GIF89a"])
        )
    thin = {"content": tf.constant(contents[:1]), "style": tf.zeros([1, 1, 20_000, 3])}
    with pytest.raises(tf.errors.OpError, match="too thin"):
        loaded.signatures["stylize"](**thin)


def test_what_it_does_not_know_and_what_is_too_small_is_refused(engine):
    refused = ({"color": "content"}, {"init": "pink_noise"}, {"strength": 0.0})
    for changes in (*refused, {"average_decay": 0.9}):
        with pytest.raises(ConfigError, match=f"`{next(iter(changes))}` must be"):
            optimizer.Optimization(CONFIG.replace(**changes), engine, SIZE)
    for size in ((9, 128), (2001, 2000)):
        with pytest.raises(ConfigError, match="16 pixels or more a side and 4000000 at most"):
            optimizer.Optimization(CONFIG, engine, size)
    with pytest.raises(ConfigError, match="`style_layers`"):
        optimizer.Optimization(CONFIG.replace(style_layers=("block9",)), engine, SIZE)


def test_a_model_that_paints_otherwise_is_not_written(engine, tmp_path, monkeypatch):
    difference = optimizer.difference
    monkeypatch.setattr(optimizer, "difference", lambda pairs: difference([(0.02, 0.0)]))
    config = CONFIG.replace(coarsest_size=0, steps=(1,))
    with pytest.raises(StylizationError, match=r"would differ from the optimizer by 5\.1"):
        optimizer.export(config, engine, tmp_path / "served", SIZE)
    assert not any(tmp_path.iterdir())


@pytest.fixture
def command(folder, monkeypatch, engine):
    runtime = tensorflow_runtime.Runtime(lambda name: contextlib.nullcontext(), ("auto",))
    monkeypatch.setattr(tensorflow_runtime, "load", lambda *arguments, **options: runtime)
    monkeypatch.setattr(exports, "find_weights", lambda options, listener: None)
    monkeypatch.setattr(Engine, "vgg19", lambda weights: engine)
    return lambda *arguments: main_with(["main.py", "export", "--iterative", *arguments])


def test_the_command_writes_it(command, capsys, monkeypatch):
    monkeypatch.setattr(exports, "StyleTransferConfig", lambda: CONFIG.replace(steps=(1,)))
    assert command("--fixed_size=64x48", "--output=served") == Exit.OK
    captured = capsys.readouterr()
    assert captured.out == "served\n"
    assert "on average from the optimizer" in captured.err
    stylize = tf.saved_model.load("served").signatures["stylize"]
    assert stylize.structured_outputs["stylized"].shape.as_list() == [None, 48, 64, 3]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--output=served",), "--fixed_size must be given with --iterative"),
        (("--fixed_size=64x48",), "--output must be given with --iterative"),
        (("--fixed_size=64x48", "--output=x", "--network"), "--network is of networks"),
        (("--fixed_size=64x48", "--output=x", "--quantize=int8"), "--quantize is of networks"),
        (("--fixed_size=9x128", "--output=x"), "--fixed_size must be 16 pixels or more"),
        (("--fixed_size=64x48", "--output=x", "--format=onnx"), "--format must be saved_model"),
    ],
)
def test_what_cannot_be_exported_is_told_in_a_line(command, capsys, arguments, said):
    before = names()
    assert command(*arguments) == Exit.USAGE
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert names() == before
