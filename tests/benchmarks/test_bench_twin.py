"""The objective in PyTorch against ours. Skipped where there is no PyTorch: see `PYTHON`."""

import os
import sys

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import evaluation_cost, problem, references, worker_tensorflow, workers
from stylize_tf import PRESETS

PYTHON = os.environ.get("STYLIZE_TF_BENCH_TORCH_PYTHON", sys.executable)

OBJECTIVES = {
    "default": PRESETS["default"],
    "pytorch-adam": PRESETS["pytorch-adam"],
    "pastiche": references.config_of("pastiche", references.full("pastiche")),
}


@pytest.fixture(scope="module")
def pytorch():
    if not workers.has("torch", PYTHON):
        pytest.skip("PyTorch is not installed: benchmarks/requirements-bench.txt")
    with workers.Worker("benchmarks.worker_pytorch", PYTHON, threads=1) as worker:
        yield worker


@pytest.fixture
def smooth(rng):
    def picture(height, width):
        coarse = rng.uniform(0.2, 0.8, (1, height // 4, width // 4, 3))
        fine = tf.image.resize(coarse, [height, width], "bicubic").numpy()
        return np.clip(fine + rng.normal(scale=0.05, size=fine.shape), 0, 1).astype(np.float32)

    return picture


@pytest.mark.parametrize("layout", evaluation_cost.LAYOUTS)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_pytorch_computes_the_same_value_and_gradient(
    pytorch, tiny_network, smooth, tmp_path, name, layout
):
    tensors = {
        layer.name: tuple(layer.get_weights())
        for layer in tiny_network.layers
        if layer.get_weights()
    }
    units = {layer: 0.5 + index / 8 for index, layer in enumerate(tensors)}
    made = problem.Problem(
        config=OBJECTIVES[name].to_dict(),
        units=units if OBJECTIVES[name].normalize_features else {},
        tensors=tensors,
        content=smooth(48, 64),
        style=smooth(48, 64) if OBJECTIVES[name].style_fit == "resize" else smooth(56, 60),
    )
    image = smooth(48, 64)
    np.save(tmp_path / "image.npy", image)
    function, targets = worker_tensorflow.value_and_gradient(
        made, "evaluation", "float32", tiny_network
    )
    value, gradient = function(tf.constant(image))
    np.savez(tmp_path / "axes.npz", **worker_tensorflow.axes_of(targets))
    pytorch.ask("load", problem=str(problem.write(tmp_path / "problem.npz", made)))
    peer = pytorch.ask(
        "prepare",
        name=name,
        what="evaluation",
        precision="float32",
        variant=layout,
        picture=str(tmp_path / "image.npy"),
        gradient=str(tmp_path / "gradient.npy"),
        axes=str(tmp_path / "axes.npz"),
    )
    gradients = [gradient.numpy(), np.load(tmp_path / "gradient.npy")]
    found = evaluation_cost.check_agreement((float(value), peer), gradients)
    assert max(found.values()) < 1e-4


def test_axes_of_another_style_are_refused(pytorch, tiny_network, smooth, tmp_path, rng):
    tensors = {
        layer.name: tuple(layer.get_weights())
        for layer in tiny_network.layers
        if layer.get_weights()
    }
    made = problem.Problem(
        PRESETS["default"].to_dict(), {}, tensors, smooth(32, 32), smooth(32, 32)
    )
    axes = np.linalg.qr(rng.normal(size=(4, 4)))[0].astype(np.float32)
    np.savez(tmp_path / "axes.npz", **{"style/block1_conv1": axes})
    np.save(tmp_path / "image.npy", made.content)
    pytorch.ask("load", problem=str(problem.write(tmp_path / "problem.npz", made)))
    with pytest.raises(workers.WorkerError, match="are not those of its covariance"):
        pytorch.ask(
            "prepare",
            name="x",
            what="evaluation",
            precision="float32",
            variant="nchw",
            picture=str(tmp_path / "image.npy"),
            axes=str(tmp_path / "axes.npz"),
        )
