"""Two photographs, two paintings, and runs that paint them all."""

from pathlib import Path

import pytest

from stylize_tf.cli.main import main_with
from stylize_tf.machine import tensorflow_runtime
from tests.fakes.cli_fakes import draw
from tests.fakes.folders import SHORT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with two photographs and two paintings in folders."""
    monkeypatch.chdir(tmp_path)
    names = ("photos/cat.jpg", "photos/dog.png", "paintings/sea.jpg", "paintings/sky.webp")
    for seed, name in enumerate(names):
        draw(name, seed=seed)
    Path("photos/notes.txt").write_text("not a picture")
    return tmp_path


@pytest.fixture
def stylize(stylize):
    """The run of `conftest`, of a few steps."""
    return lambda *arguments, **options: stylize(*arguments, *SHORT, **options)


@pytest.fixture
def check(folder, monkeypatch, capsys):
    """Runs the command, which must end before TensorFlow is loaded; exit code and lines."""

    def run(*arguments):
        loaded = lambda *a, **b: pytest.fail("TensorFlow was loaded")  # noqa: E731
        monkeypatch.setattr(tensorflow_runtime, "load", loaded)
        code = main_with(["main.py", *arguments])
        captured = capsys.readouterr()
        assert captured.out == ""
        return code, captured.err.splitlines()

    return run
