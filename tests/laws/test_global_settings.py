"""Whatever Keras and TensorFlow are set to for the rest of a program: a picture stays the same."""

import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.layers import VGG19_LAYERS
from stylize_tf.evaluation.engine import Engine
from stylize_tf.network import features
from tests.fakes.eager import eagerly
from tests.fakes.small_pictures import made, smooth
from tests.fakes.tiny_network import OF_FORKED, forked_network

OPTIONS = {"steps": (2,), "init": "pink_noise", "style_loss": "bures", "padding": "replicate"}

OTHER = {"size": 43, "padding": "zero", **OF_FORKED}

STAGED_ADAM = {"optimizer": "adam", "steps": (1,), "coarsest_size": 12, "stage_factor": 2.0}


@contextlib.contextmanager
def changed(read, write, value):
    """A setting at a value, and then as it was."""
    before = read()
    write(value)
    try:
        yield
    finally:
        write(before)


def data_format(name):
    return changed(keras.config.image_data_format, keras.config.set_image_data_format, name)


def floatx(name):
    return changed(keras.config.floatx, keras.config.set_floatx, name)


def policy(name):
    return changed(keras.config.dtype_policy, keras.config.set_dtype_policy, name)


@contextlib.contextmanager
def random_seed():
    states = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(7)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


@contextlib.contextmanager
def flash_attention():
    keras.config.enable_flash_attention()
    try:
        yield
    finally:
        keras.config.disable_flash_attention()


def jit():
    return changed(tf.config.optimizer.get_jit, tf.config.optimizer.set_jit, "autoclustering")


@contextlib.contextmanager
def together(*settings):
    with contextlib.ExitStack() as stack:
        for setting in settings:
            stack.enter_context(setting)
        yield


SETTINGS = {
    "channels first, floatx float16": lambda: together(
        data_format("channels_first"), floatx("float16")
    ),
    "floatx float64, epsilon": lambda: together(
        floatx("float64"), changed(keras.config.epsilon, keras.config.set_epsilon, 0.1)
    ),
    "policy float16, seed": lambda: together(policy("float16"), random_seed()),
    "policy mixed_bfloat16, flash attention": lambda: together(
        policy("mixed_bfloat16"), flash_attention()
    ),
    "strategy, just-in-time compilation": lambda: together(
        tf.distribute.OneDeviceStrategy("/CPU:0").scope(), jit()
    ),
}


@pytest.fixture(scope="module")
def expected(tiny_network):
    return painted(tiny_network)


def painted(network, **changes):
    """By an engine of its own, so that all is built and traced under the setting."""
    rng = np.random.default_rng(3)
    options = {**OPTIONS, **changes}
    return made(Engine(network, {}), smooth(rng, 24, 18), smooth(rng, 20, 24), **options)


def test_a_picture_of_another_network_is_the_same_to_the_byte_under_global_settings():
    network = forked_network()
    expected = painted(network, **OTHER)
    with together(data_format("channels_first"), floatx("float16"), policy("float16")):
        np.testing.assert_array_equal(painted(network, **OTHER), expected)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_picture_is_the_same_to_the_byte_under_global_settings(tiny_network, expected, setting):
    with SETTINGS[setting]():
        np.testing.assert_array_equal(painted(tiny_network), expected)


def test_functions_that_run_eagerly_give_the_picture_to_the_rounding_that_graphs_fuse(
    tiny_network, expected
):
    with eagerly():
        found = painted(tiny_network)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_vgg19_has_its_weights_and_maps_under_all_settings_of_keras_at_once(rng):
    kernels = {}
    channels = 3
    for name in VGG19_LAYERS:
        if "conv" in name:
            block = int(name[5])
            filters = min(64 * 2 ** (block - 1), 512)
            kernel = rng.normal(size=(3, 3, channels, filters)).astype(np.float32)
            kernels[name] = kernel, np.float32(rng.normal(size=filters))
            channels = filters
    with data_format("channels_first"), floatx("float16"), policy("float16"):
        network = features.vgg19(kernels)
        extract = features.build_extractor(network, ["block1_conv1", "block2_pool"])
        maps = extract(tf.constant(rng.uniform(size=(1, 9, 12, 3)), tf.float32))
    for name, (kernel, bias) in kernels.items():
        for ours, given in zip(network.get_layer(name).get_weights(), (kernel, bias), strict=True):
            np.testing.assert_array_equal(ours, given)
    assert {name: (x.shape, x.dtype) for name, x in maps.items()} == {
        "block1_conv1": ((1, 9, 12, 64), tf.float32),
        "block2_pool": ((1, 2, 3, 128), tf.float32),
    }


CANNOT_BE_UNDONE = """
import json
import numpy as np
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.experimental.enable_op_determinism()
tf.random.set_seed(1)
from stylize_tf.errors import StylizationError
from tests.fakes.tiny_network import tiny_network
from tests.laws.test_global_settings import STAGED_ADAM, digest, painted
found, network = {}, tiny_network()
found["one thread, determinism"] = digest(painted(network))
adam = painted(network, **STAGED_ADAM)
with tf.distribute.MirroredStrategy(["/CPU:0", "/CPU:1"]).scope():
    found["mirrored strategy"] = digest(painted(network))
tf.experimental.numpy.experimental_enable_numpy_behavior()
found["NumPy behavior"] = float(np.abs(painted(network, **STAGED_ADAM) - adam).max())
tf.compat.v1.disable_eager_execution()
try:
    painted(network)
except StylizationError as error:
    found["no eager execution"] = str(error)
print(json.dumps(found))
"""


def digest(picture):
    return hashlib.sha256(picture.tobytes()).hexdigest()


def test_what_cannot_be_undone_gives_the_same_picture_or_says_why_not(expected):
    root = str(Path(__file__).parents[2])
    ran = subprocess.run(
        [sys.executable, "-c", CANNOT_BE_UNDONE],
        env={**os.environ, "PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["one thread, determinism"] == digest(expected)
    assert found["mirrored strategy"] == digest(expected)
    assert found["NumPy behavior"] < 1e-5  # Other graphs, which round elsewhere.
    assert "disable_eager_execution" in found["no eager execution"]
