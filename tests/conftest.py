"""Fixtures that several tests share."""

import signal

import numpy as np
import pytest


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
    from tests.fakes.tiny_network import tiny_network

    return tiny_network()


@pytest.fixture(scope="session")
def tiny_engine(tiny_network):
    """What is compiled of it, shared by all tests that count no traces."""
    from stylize_tf.evaluation.engine import Engine

    return Engine(tiny_network)


@pytest.fixture(scope="session")
def vgg_weights():
    """The real weights, wherever they are; only for tests marked `slow`."""
    from stylize_tf.network import weights

    return weights.find()


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Weights of the right names and few channels, and files that hold them."""
    from tests.fakes.weights_fakes import Tiny

    return Tiny(tmp_path, monkeypatch)


@pytest.fixture
def stylize(folder, monkeypatch):
    """Runs the command with a stylizer for tests, which calls `hook` at each step."""
    from stylize_tf.cli import runtime
    from stylize_tf.cli.stylize import main_with
    from stylize_tf.network import weights
    from tests.fakes import cli_fakes

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
