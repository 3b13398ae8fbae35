"""What TensorBoard is given to show, as TensorBoard's own reader finds it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.cli.exits import Exit
from stylize_tf.errors import ConfigError
from stylize_tf.integrations.tensorboard import logged
from stylize_tf.iterative.stylizer import Stylizer
from tests.fakes.cli_fakes import SHORT
from tests.fakes.small_pictures import PLAIN, STAGED


def events(folder):
    """Tag -> step -> tensor."""
    found = {}
    [path] = folder.glob("events.*")
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            found.setdefault(value.tag, {})[event.step] = tf.make_ndarray(value.tensor)
    return found


def test_losses_of_all_steps_and_pictures_of_some_are_written(
    tiny_engine, content, style, tmp_path
):
    stylizer = Stylizer(PLAIN.replace(**{**STAGED, "steps": (30, 15)}), engine=tiny_engine)
    iterates = list(logged(stylizer.iterate(content, style), tmp_path / "new" / "run"))
    found = events(tmp_path / "new" / "run")
    steps = [x.evaluation for x in iterates]
    for name, value_of in {
        "loss": lambda x: x.loss,
        "step_loss": lambda x: x.step_loss,
        **{f"losses/{name}": lambda x, name=name: x.losses[name] for name in iterates[0].losses},
    }.items():
        assert list(found[name]) == steps
        np.testing.assert_allclose(list(found[name].values()), list(map(value_of, iterates)))
    pictures = found["picture"]
    assert {x.evaluation for x in iterates if x.step == x.steps} <= set(pictures)
    assert 20 <= len(pictures) <= 22
    for iterate in iterates:
        if iterate.evaluation in pictures:
            width, height, png = pictures[iterate.evaluation]
            assert (int(width), int(height)) == (iterate.width, iterate.height)
            levels = tf.io.decode_png(png).numpy()
            np.testing.assert_allclose(levels, iterate.image[0] * 255, atol=1)


def test_without_tensorboard_one_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"`tensorboard_dir`.*pip install \"stylize-tf\[tens"):
        logged(iter(()), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_costs_the_log_and_not_the_picture(
    plain, content, style, tmp_path, monkeypatch
):
    def fail(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.summary, "scalar", fail)
    iterates = list(logged(plain.iterate(content, style), tmp_path))
    told = [message for x in iterates for message in x.messages]
    assert told == ["No more for TensorBoard: No space left on device."]
    np.testing.assert_array_equal(iterates[-1].image[0], plain(content, style))


def test_runs_of_the_command_have_a_folder_each(stylize, folder, capsys):
    pair = ("--content=photo.png", "--style=painting.png", "--style=other.png", *SHORT)
    for _ in range(2):
        assert stylize(*pair[:2], *SHORT, "--output=out.png", "--tensorboard_dir=runs/a") == 0
    assert stylize(*pair, "--output_dir=out", "--tensorboard_dir=runs/b") == 0
    assert {str(path.relative_to("runs")) for path in Path("runs").glob("*/*")} == {
        *("a/out", "a/out-2", "b/photo_painting", "b/photo_other")
    }
    for run in Path("runs").glob("*/*"):
        assert len(events(run)["loss"]) > 1
    Path("file").touch()
    assert stylize(*pair[:2], "--tensorboard_dir=file") == Exit.OUTPUT
    assert "--tensorboard_dir 'file'" in capsys.readouterr().err
