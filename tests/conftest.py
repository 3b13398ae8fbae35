"""Fixtures that several tests share."""

import math
import signal

import numpy as np
import pytest

# Convolutions of each block, as in VGG19 down to the last layer that styles are read from.
CONVOLUTIONS = (2, 2, 4, 4, 1)
CHANNELS = (4, 6, 8, 8, 8)


@pytest.fixture(scope="session", autouse=True)
def _interruptible():
    """A shell starts background jobs deaf to Ctrl-C, and their children too; tests send it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tiny_network():
    """A chain named like VGG19's, with few channels and random weights that keep maps about 1."""
    import keras

    generator = np.random.default_rng(19)
    image = keras.Input([None, None, 3])
    x, inputs, tensors = image, 3, {}
    for block, (count, channels) in enumerate(zip(CONVOLUTIONS, CHANNELS, strict=True), start=1):
        for index in range(1, count + 1):
            name = f"block{block}_conv{index}"
            x = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)(x)
            kernel = generator.normal(size=(3, 3, inputs, channels)) * math.sqrt(2 / (9 * inputs))
            tensors[name] = [kernel, generator.normal(size=channels) / 4]
            inputs = channels
        if block < len(CONVOLUTIONS):
            x = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    network = keras.Model(image, x, name="tiny")
    tensors["block1_conv1"][0] /= 64  # The first convolution sees grey levels.
    for name, weights in tensors.items():
        network.get_layer(name).set_weights(weights)
    return network


@pytest.fixture(scope="session")
def vgg_weights():
    """The real weights, wherever they are; only for tests marked `slow`."""
    from stylize_tf import weights

    return weights.find()


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Weights of the right names and few channels, and files that hold them."""
    from weights_fakes import Tiny

    return Tiny(tmp_path, monkeypatch)


@pytest.fixture
def stylize(folder, monkeypatch):
    """Runs the command with a stylizer for tests, which calls `hook` at each step."""
    import cli_fakes

    from stylize_tf import weights
    from stylize_tf.cli import runtime
    from stylize_tf.cli.stylize import main_with

    def run(*arguments, hook=lambda evaluation: None):
        monkeypatch.setattr(runtime, "load", cli_fakes.fake_load(hook))
        monkeypatch.setattr(weights, "find", lambda *a, **b: cli_fakes.WEIGHTS)
        return main_with(["main.py", *arguments])

    return run


@pytest.fixture
def check(folder, monkeypatch, capsys):
    """Runs the command, which must fail before TensorFlow is loaded, and returns what it said."""
    from stylize_tf.cli import runtime
    from stylize_tf.cli.stylize import main_with

    def load(*arguments, **options):
        raise AssertionError("TensorFlow was loaded")

    def run(*arguments):
        monkeypatch.setattr(runtime, "load", load)
        code = main_with(["main.py", *arguments])
        captured = capsys.readouterr()
        assert captured.out == ""
        (line,) = captured.err.splitlines()
        assert line.startswith("stylize_tf: error: ")
        return code, line.removeprefix("stylize_tf: error: ")

    return run
