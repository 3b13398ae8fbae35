import itertools
import json
import time

import numpy as np
import pytest

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.evaluation.segments import Tiles
from stylize_tf.iterative import checkpoint as checkpoints
from stylize_tf.iterative.checkpoint import Checkpoint, Snapshot
from stylize_tf.iterative.stylizer import Stylizer

SMALL = {
    "size": 24,
    "coarsest_size": 16,
    "stage_factor": 1.5,
    "steps": (4, 3),
    "precision": "float32",
    "content_layers": ("block2_conv1",),
    "style_layers": ("block1_conv1", "block2_conv1"),
    "style_layer_weights": (),
}
METHODS = {
    "lbfgs": {},
    "adam": {"optimizer": "adam", "amsgrad": True, "warmup_steps": 3},
    "averaged": {"optimizer": "adam", "average_decay": 0.8},
}


@pytest.fixture
def pictures(rng):
    return rng.random([24, 18, 3], np.float32), rng.random([20, 24, 3], np.float32)


@pytest.fixture
def small(tiny_engine):
    return Stylizer(StyleTransferConfig(**SMALL), engine=tiny_engine)


class Eager(Checkpoint):
    """Saves after every step."""

    def is_due(self):
        return True


def a_snapshot(rng, **changes):
    parts = {
        "stage": 2,
        "step": 3,
        "schedule": (4, 5),
        "tiles": Tiles(1, 4096),
        "watch": (0.0, 0.0, float("inf"), 2.0, 0.0),
        "losses": {"content": 0.1, "style": 1 / 3},
        "step_losses": {"content": 0.2, "style": 1 / 7},
        "state": [rng.random([1, 2, 3, 3], np.float32), np.array(7, np.int32)],
    }
    return Snapshot(**{**parts, **changes})


def saved(folder, snapshot, recipe):
    checkpoint = Checkpoint(folder)
    checkpoint.find(recipe)
    assert checkpoint.save(snapshot) == ""
    return checkpoint


def killed(stylizer, pictures, folder, steps):
    """A run of which nothing is left but its checkpoint, after so many steps."""
    run = stylizer.iterate(*pictures, checkpoint=Eager(folder))
    list(itertools.islice(run, steps))
    run.close()


@pytest.mark.parametrize("options", METHODS.values(), ids=METHODS.keys())
def test_a_run_killed_after_any_step_ends_with_the_same_picture(
    tiny_engine, pictures, tmp_path, options
):
    stylizer = Stylizer(StyleTransferConfig(**SMALL, **options), engine=tiny_engine)
    whole = list(stylizer.iterate(*pictures))
    assert len(whole) == 7
    for steps in range(1, len(whole) + 1):
        folder = tmp_path / str(steps)
        killed(stylizer, pictures, folder, steps)
        # A new one, as a new process would have.
        again = Stylizer(StyleTransferConfig(**SMALL, **options), engine=tiny_engine)
        rest = list(again.iterate(*pictures, checkpoint=Checkpoint(folder)))
        assert "Goes on from a checkpoint" in rest[0].messages[0]
        # The step that had been made is told again, for who wants its picture.
        assert [x.evaluation for x in rest] == [x.evaluation for x in whole[steps - 1 :]]
        for actual, expected in zip(rest, whole[steps - 1 :], strict=True):
            np.testing.assert_array_equal(actual.image, expected.image)
            assert actual.losses == expected.losses
            assert actual.step_losses == expected.step_losses


def test_a_run_with_a_checkpoint_gives_the_picture_of_one_without(small, pictures, tmp_path):
    expected = small(*pictures)
    *_, last = small.iterate(*pictures, checkpoint=Eager(tmp_path / "new" / "folder"))
    np.testing.assert_array_equal(last.image[0], expected)


def test_the_last_step_is_always_saved_and_others_when_it_is_time(small, pictures, tmp_path):
    checkpoint = Checkpoint(tmp_path, seconds=3600)
    *before, _ = [list(tmp_path.iterdir()) for _ in small.iterate(*pictures, checkpoint=checkpoint)]
    assert not any(before)
    assert [path.suffix for path in tmp_path.iterdir()] == [".checkpoint"]


def test_saving_takes_no_more_than_a_twentieth_of_the_time(rng, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path, seconds=10)
    checkpoint.find({})

    def slow(*arguments):
        now[0] += 2.0
        return {"header": np.zeros(1)}

    monkeypatch.setattr(checkpoints, "_arrays", slow)
    now[0] = 10.0
    assert checkpoint.is_due()
    checkpoint.save(a_snapshot(rng))
    due = []
    for _ in range(50):
        now[0] += 1
        due.append(checkpoint.is_due())
    assert due.index(True) == 39  # 40 seconds after the one that took 2.


def test_every_number_survives(rng, tmp_path):
    snapshot = a_snapshot(rng)
    saved(tmp_path, snapshot, {"a": [1, 2.5]})
    found, said = Checkpoint(tmp_path).find({"a": (1, 2.5)})
    assert "stage 2, step 3" in said
    np.testing.assert_equal(found, snapshot)
    assert [x.dtype for x in found.state] == [np.float32, np.int32]


def test_another_picture_option_or_network_finds_no_checkpoint(small, tiny_engine, rng, tmp_path):
    content, style = rng.random([24, 18, 3], np.float32), rng.random([20, 24, 3], np.float32)
    killed(small, (content, style), tmp_path, 3)
    changed = Stylizer(StyleTransferConfig(**{**SMALL, "seed": 1}), engine=tiny_engine)
    for stylizer, pictures in (
        (small, (style, content)),
        (small, (content, 1 - style)),
        (changed, (content, style)),
    ):
        run = stylizer.iterate(*pictures, checkpoint=Checkpoint(tmp_path))
        first = next(run)
        assert first.evaluation == 1
        assert "No checkpoint of this run" in first.messages[0]
        assert "only 1 of other pictures, options or versions" in first.messages[0]


def spoil_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_all(path):
    path.write_bytes(b"not a checkpoint")


def spoil_nothing_left(path):
    path.write_bytes(b"")


def spoil_pickle(path):
    with path.open("wb") as file:
        np.savez(file, header=np.array([object()]))


def spoil_fields(path):
    with path.open("wb") as file:
        np.savez(file, header=np.frombuffer(json.dumps({"format": 1}).encode(), np.uint8))


def spoil_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_half,
        spoil_all,
        spoil_nothing_left,
        spoil_pickle,
        spoil_fields,
        spoil_folder,
    ],
)
def test_a_torn_or_foreign_file_is_told_and_the_run_begins_anew(small, pictures, tmp_path, spoil):
    killed(small, pictures, tmp_path, 3)
    [path] = tmp_path.iterdir()
    spoil(path)
    iterates = list(small.iterate(*pictures, checkpoint=Checkpoint(tmp_path)))
    assert iterates[0].evaluation == 1
    assert "cannot be used" in iterates[0].messages[0]
    np.testing.assert_array_equal(iterates[-1].image[0], small(*pictures))


def test_a_flipped_byte_is_refused_or_changes_nothing(rng, tmp_path):
    recipe, snapshot = {"run": 1}, a_snapshot(rng)
    path = saved(tmp_path, snapshot, recipe).path
    data, refused = path.read_bytes(), 0
    for position in range(0, len(data), 7):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        found, said = Checkpoint(tmp_path).find(recipe)
        if found is None:
            assert "cannot be used" in said
            refused += 1
        else:
            np.testing.assert_equal(found, snapshot)
    assert refused > len(data) / 7 / 2


def test_a_file_renamed_to_that_of_another_run_is_refused(rng, tmp_path):
    of_one = saved(tmp_path, a_snapshot(rng), {"run": 1}).path
    other = Checkpoint(tmp_path)
    other.find({"run": 2})
    of_one.rename(other.path)
    assert other.find({"run": 2}) == (
        None,
        f"The checkpoint {str(other.path)!r} cannot be used (it is of another run): the run begins "
        f"at the beginning.",
    )


def test_a_file_of_another_shape_of_state_is_refused(small, pictures, rng, tmp_path):
    """Its name and recipe are right, as only somebody who writes files by hand brings about."""
    killed(small, pictures, tmp_path, 2)
    [path] = tmp_path.iterdir()
    with np.load(path) as arrays:
        changed = {**arrays, "state_0": np.zeros([1, 5, 5, 3], np.float32)}
    with path.open("wb") as file:
        np.savez(file, **changed)
    iterates = list(small.iterate(*pictures, checkpoint=Checkpoint(tmp_path)))
    assert iterates[0].evaluation == 1
    assert "cannot be used" in iterates[0].messages[0]


def test_a_disk_that_is_full_is_told_and_the_picture_is_made_all_the_same(
    small, pictures, tmp_path, monkeypatch
):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "replacing", full)
    iterates = list(small.iterate(*pictures, checkpoint=Eager(tmp_path)))
    assert all("No space left on device" in x.messages[-1] for x in iterates)
    np.testing.assert_array_equal(iterates[-1].image[0], small(*pictures))


def test_who_has_the_picture_removes_the_file(small, pictures, tmp_path):
    other = saved(tmp_path, a_snapshot(np.random.default_rng(1)), {"run": "other"})
    checkpoint = Eager(tmp_path)
    list(small.iterate(*pictures, checkpoint=checkpoint))
    assert len(list(tmp_path.iterdir())) == 2
    checkpoint.remove()
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == [other.path]


def test_a_folder_that_cannot_be_made_is_an_error_before_the_first_step(small, pictures, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        small.iterate(*pictures, checkpoint=Checkpoint(tmp_path / "file"))
