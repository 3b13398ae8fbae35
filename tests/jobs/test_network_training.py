"""Trainings from files to a file, with a small network in VGG19's place."""

import contextlib
import signal
from pathlib import Path

import numpy as np
import pytest

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.cli.terminal.listener import Terminal
from stylize_tf.evaluation.engine import Engine
from stylize_tf.feedforward import network_files
from stylize_tf.feedforward.network import Network
from stylize_tf.feedforward.training.step import Step
from stylize_tf.machine import tensorflow_runtime
from stylize_tf.network import weights
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import draw, full_disk, names

ALL = ("--style=painting.png", "--style=other.png", "--photos=photos", "--output=net.keras")
SHORT = (
    *("--steps=6", "--width=.125", "--crop=64", "--style_size=96"),
    *("--batch=1", "--precision=float32"),
)


@pytest.fixture
def train(folder, monkeypatch, tiny_engine):
    """Runs the command; `hook` is called with where it stands after each step."""
    for seed in range(3):
        draw(f"photos/{seed}.png", (48, 64), seed)
    for seed, name in enumerate(("painting.png", "other.png", "photo.png")):
        draw(name, (72, 96), seed)
    runtime = tensorflow_runtime.Runtime(lambda name: contextlib.nullcontext(), ("auto",))
    monkeypatch.setattr(tensorflow_runtime, "load", lambda *arguments, **options: runtime)
    monkeypatch.setattr(weights, "find", lambda *arguments, **options: cli_fakes.WEIGHTS)
    monkeypatch.setattr(Engine, "vgg19", lambda found: tiny_engine)

    def run(*arguments, hook=lambda progress: None):
        monkeypatch.setattr(Terminal, "trained", lambda self, progress: hook(progress))
        return main_with(["main.py", "train", *arguments])

    return run


def at(step, act):
    """A hook that does something after a step."""
    return lambda progress: act() if progress.step == step else None


def test_a_network_is_written_with_what_it_is_made_of_and_its_path_printed(train, capsys):
    assert train(*ALL, *SHORT, "--samples=samples") == 0
    assert capsys.readouterr().out == "net.keras\n"
    network = Network.load("net.keras")
    assert network.styles == ("painting", "other")
    about = network_files.read_about("net.keras")
    assert about["steps"] == 6
    assert about["config"]["crop"] == 64
    assert about["paintings"]["other"] == cli_fakes.digest("other.png")
    assert names() == ["net.keras", "other.png", "painting.png", "photo.png", "photos", "samples"]
    assert names("samples") == [f"step-00000{step}.png" for step in (2, 3, 4, 5, 6)]


def test_a_training_that_was_interrupted_or_killed_goes_on_to_the_same_bytes(train, capsys):
    assert train(*ALL, *SHORT) == 0
    whole = Path("net.keras").read_bytes()
    Path("net.keras").unlink()

    assert train(*ALL, *SHORT, hook=at(2, lambda: signal.raise_signal(signal.SIGINT))) == 130
    assert "The same command goes on from here" in capsys.readouterr().err
    assert network_files.read_about("net.keras")["steps"] == 2

    killed = at(4, cli_fakes.throw(RuntimeError("killed")))
    assert train(*ALL, *SHORT, "--checkpoint_seconds=0", hook=killed) == Exit.UNEXPECTED
    assert "Going on after step 2" in capsys.readouterr().err
    steps = []
    assert train(*ALL, *SHORT, hook=lambda progress: steps.append(progress.step)) == 0
    assert steps == [4, 5, 6]
    assert Path("net.keras").read_bytes() == whole
    assert not list(Path().glob("*.checkpoint"))


def test_a_state_of_another_training_to_the_same_file_is_left(train, capsys):
    interrupt = at(2, lambda: signal.raise_signal(signal.SIGINT))
    assert train(*ALL, *SHORT, hook=interrupt) == 130
    [state] = Path().glob("net.keras.*.checkpoint")
    before = state.read_bytes()
    assert train(*ALL, *SHORT, "--seed=1") == 0
    assert state.read_bytes() == before
    assert train(*ALL, *SHORT) == 0
    assert "Going on after step 2" in capsys.readouterr().err


def test_a_state_that_is_cut_is_told_and_not_used(train, capsys):
    assert train(*ALL, *SHORT, hook=at(2, lambda: signal.raise_signal(signal.SIGINT))) == 130
    [state] = Path().glob("net.keras.*.checkpoint")
    state.write_bytes(state.read_bytes()[:1000])
    assert train(*ALL, *SHORT) == 0
    assert "is not used: it is no checkpoint" in capsys.readouterr().err


def test_a_training_whose_network_could_not_be_written_is_written_by_the_same_command(
    train, monkeypatch
):
    assert train(*ALL, *SHORT) == 0
    whole = Path("net.keras").read_bytes()
    Path("net.keras").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(network_files, "save", lambda *arguments, **options: full_disk(0))
        assert train(*ALL, *SHORT, "--checkpoint_seconds=0") == Exit.OUTPUT
    steps = []
    assert train(*ALL, *SHORT, hook=lambda progress: steps.append(progress.step)) == 0
    assert steps == []
    assert Path("net.keras").read_bytes() == whole


def test_an_unfinished_network_replaces_no_finished_one(train, capsys):
    assert train(*ALL, *SHORT) == 0
    whole = Path("net.keras").read_bytes()
    interrupt = at(2, lambda: signal.raise_signal(signal.SIGINT))
    assert train(*ALL, *SHORT, "--seed=1", hook=interrupt) == 130
    assert Path("net.keras").read_bytes() == whole
    assert network_files.read_about("net-unfinished.keras")["steps"] == 2


def test_a_failure_keeps_the_network_before_it(train, capsys):
    failing = at(3, cli_fakes.throw(RuntimeError("a cable")))
    assert train(*ALL, *SHORT, hook=failing) == Exit.UNEXPECTED
    assert "the network before the failure is 'net.keras'" in capsys.readouterr().err
    assert network_files.read_about("net.keras")["steps"] == 3


def test_a_painting_is_added_to_a_network(train):
    assert train(*ALL, *SHORT) == 0
    first = Network.load("net.keras")
    more = ("--style=photo.png", "--photos=photos", "--output=more.keras", "--start=net.keras")
    assert train(*more, *SHORT, "--steps=9", "--trained=styles") == 0
    second = Network.load("more.keras")
    assert second.styles == ("painting", "other", "photo")
    image = np.random.default_rng(0).random((1, 24, 24, 3), np.float32)
    for style in first.styles:  # The style of the photograph among them.
        own, other = (network(image, style=style) for network in (first, second))
        np.testing.assert_allclose(own, other, atol=1e-5)


def test_a_time_budget_ends_the_training(train):
    steps = []
    budget = ("--time_budget=6s", *(x for x in SHORT if "steps" not in x))
    assert train(*ALL, *budget, hook=lambda progress: steps.append(progress.share)) == 0
    assert steps[-1] == 1
    assert network_files.read_about("net.keras")["steps"] == len(steps)


def test_photographs_that_are_of_no_use_are_left_out_and_told(train, capsys):
    Path("photos/broken.png").write_bytes(b"no picture")
    draw("photos/small.png", (20, 20))
    assert train(*ALL, *SHORT, "--steps=12") == 0
    said = capsys.readouterr().err
    assert "left out 2 of 5 photographs" in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (ALL[1:2] + ALL[3:], Exit.USAGE, "--photos must be given: a folder of photographs"),
        (ALL[2:], Exit.USAGE, "--style must be given"),
        (ALL[:3], Exit.USAGE, "--output must be given, a file that ends in .keras."),
        ((*ALL[:3], "--output=net.h5"), Exit.USAGE, "ends in .keras; got 'net.h5'"),
        ((*ALL[:3], "--output=photos/no/net.keras"), Exit.OUTPUT, "cannot be written"),
        ((*ALL, "--style=photos/../other.png"), Exit.USAGE, "got 'other' 2 times. Rename"),
        ((*ALL, "--steps=3", "--time_budget=1min"), Exit.USAGE, "exclude each other"),
        ((*ALL, "--trained=styles"), Exit.USAGE, "--trained goes with --start"),
        ((*ALL, "--start=painting.png"), Exit.WEIGHTS, "is no network of this program"),
        ((*ALL, "--crop=512"), Exit.PICTURE, "photograph of 256 pixels a side"),
        ((*ALL[:2], "--photos=nowhere/*", ALL[3]), Exit.PICTURE, "no picture matches"),
        ((*ALL[:2], "--photos=nowhere", ALL[3]), Exit.PICTURE, "'nowhere' is not there"),
        ((*ALL, "--start=nowhere.keras"), Exit.WEIGHTS, "'nowhere.keras' is not there"),
        ((*ALL, "--samples=photo.png"), Exit.OUTPUT, "Choose another --samples"),
        ((*ALL, "--style=photos/thin.png"), Exit.PICTURE, "is too small or too thin"),
    ],
)
def test_what_cannot_be_trained_is_told_in_a_line(train, capsys, arguments, code, said):
    draw("photos/thin.png", (12, 200))
    assert train("--width=.125", *arguments) == code
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[-1]
    assert lines[-1].startswith("stylize_tf: error: ")
    assert "net.keras" not in names()


def test_a_disk_that_is_full_at_the_end_costs_no_training(train, tmp_path, monkeypatch, capsys):
    save, other = network_files.save, tmp_path / "elsewhere"
    other.mkdir()

    def refuse(network, path, *arguments, **options):
        if Path(path).parent != other:
            full_disk(0)
        save(network, path, *arguments, **options)

    monkeypatch.setattr(network_files, "save", refuse)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(other))
    assert train(*ALL, *SHORT) == Exit.OUTPUT
    said = capsys.readouterr().err
    assert "cannot be written: No space left on device" in said
    assert f"The network is in {str(other / 'net.keras')!r}" in said
    assert network_files.read_about(other / "net.keras")["finished"] is True


def test_a_training_without_finite_gradients_ends(train, monkeypatch, capsys):
    evaluated = Step.of_level

    def broken(self, *given):
        losses, gradient = evaluated(self, *given)
        return losses, [x * np.float32("nan") for x in gradient]

    monkeypatch.setattr(Step, "of_level", broken)
    assert train(*ALL, *SHORT, "--steps=40") == Exit.FAILED
    assert "of the last 20 steps were not finite" in capsys.readouterr().err
