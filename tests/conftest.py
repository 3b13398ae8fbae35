"""Fixtures that several tests share."""

import signal

import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def _interruptible():
    """Shells start background jobs deaf to Ctrl-C, `nohup` to hang-ups, and so their children."""
    handlers = {signal.SIGINT: signal.default_int_handler}
    for name in ("SIGHUP", "SIGQUIT"):  # Which Windows lacks.
        if hasattr(signal, name):
            handlers[getattr(signal, name)] = signal.SIG_DFL
    before = {signum: signal.signal(signum, handler) for signum, handler in handlers.items()}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """What runs took here is not what they take elsewhere: rates are kept apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


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

    return Engine(tiny_network, {}, kept=100)


@pytest.fixture(scope="session")
def vgg_weights():
    """The real weights, wherever they are; only for tests marked `slow`."""
    from stylize_tf.network import weights

    return weights.find()


@pytest.fixture(scope="session")
def vgg_engine(vgg_weights):
    """What is compiled of the real network, shared likewise."""
    from stylize_tf.evaluation.engine import Engine

    return Engine.vgg19(vgg_weights)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Weights of the right names and few channels, and files that hold them."""
    from tests.fakes.weights_fakes import Tiny

    return Tiny(tmp_path, monkeypatch)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a photograph and two paintings."""
    from tests.fakes.cli_fakes import draw

    monkeypatch.chdir(tmp_path)
    for seed, (name, size) in enumerate(
        {"photo": (40, 60), "painting": (50, 30), "other": (45, 45)}.items()
    ):
        draw(f"{name}.png", size, seed)
    return tmp_path


@pytest.fixture
def stylize(folder, monkeypatch):
    """Runs the command with a stylizer for tests, which calls `hook` at each step."""
    from stylize_tf.cli.main import main_with
    from tests.fakes import cli_fakes

    def run(*arguments, hook=lambda evaluation: None, devices=("auto",)):
        cli_fakes.install(monkeypatch.setattr, hook, devices)
        return main_with(["main.py", *arguments])

    return run


@pytest.fixture
def check(folder, monkeypatch, capsys):
    """Runs the command, which must fail before TensorFlow is loaded, and returns what it said."""
    from stylize_tf.cli.main import main_with
    from stylize_tf.machine import tensorflow_runtime

    def load(*arguments, **options):
        raise AssertionError("TensorFlow was loaded")

    def run(*arguments):
        monkeypatch.setattr(tensorflow_runtime, "load", load)
        before = sorted(folder.rglob("*"))
        code = main_with(["main.py", *arguments])
        captured = capsys.readouterr()
        assert captured.out == ""
        *others, line = captured.err.splitlines()
        assert others == []
        assert sorted(folder.rglob("*")) == before
        return code, line.removeprefix("stylize_tf: error: ")

    return run


@pytest.fixture
def stylize_briefly(stylize):
    """The same, of a few steps."""
    from tests.fakes.cli_fakes import SHORT

    return lambda *arguments, **options: stylize(*arguments, *SHORT, **options)


@pytest.fixture
def many(folder):
    """In that folder also two photographs and two paintings in folders."""
    from tests.fakes.cli_fakes import draw

    inputs = ("photos/cat.jpg", "photos/dog.png", "paintings/sea.jpg", "paintings/sky.webp")
    for seed, name in enumerate(inputs):
        draw(name, seed=seed)
    (folder / "photos" / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture
def real_stylize(folder, tiny_engine, monkeypatch):
    """Runs the command in this process with a real stylizer, on a network that is quick.

    Only what is compiled is kept from one run to the next.
    """
    from stylize_tf import Stylizer
    from stylize_tf.cli.main import main_with
    from stylize_tf.jobs import painting
    from stylize_tf.machine.newest import Newest
    from stylize_tf.network import weights
    from tests.fakes.cli_fakes import WEIGHTS

    def make(config, found):
        tiny_engine.paintings = Newest(16)
        tiny_engine.samples = {}  # Of other tests, which would be written as this run's rates.
        return Stylizer(config, engine=tiny_engine)

    monkeypatch.setattr(weights, "find", lambda *arguments, **options: WEIGHTS)
    monkeypatch.setattr(painting, "make_stylizer", make)
    return lambda *arguments: main_with(["main.py", *arguments])


@pytest.fixture
def plain(tiny_engine):
    from stylize_tf.iterative.stylizer import Stylizer
    from tests.fakes.small_pictures import PLAIN

    return Stylizer(PLAIN, engine=tiny_engine)


@pytest.fixture
def content(rng):
    from tests.fakes.small_pictures import smooth

    return smooth(rng, 24, 18)


@pytest.fixture
def style(rng):
    from tests.fakes.small_pictures import smooth

    return smooth(rng, 20, 24)
