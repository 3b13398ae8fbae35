"""Names that somebody else takes at the last moment: no file of theirs is lost, nor one of ours."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from stylize_tf.cli.exits import Exit
from stylize_tf.images import image_io
from stylize_tf.jobs.outputs import Output
from tests.fakes.cli_fakes import INPUTS, SHORT, fail_at, names


@pytest.fixture
def taken(monkeypatch):
    """Has another process take a name when our file is whole, and but for its name finished."""

    def take(path):
        sync = os.fsync

        def take_and_sync(descriptor):
            if not Path(path).exists():
                Path(path).write_text("precious")
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", take_and_sync)

    return take


@pytest.mark.parametrize(
    ("flags", "path", "printed"),
    [
        ([], "photo_painting.png", "photo_painting-2.png"),
        (["--sheet=seed=1,2"], "photo_painting_sheet.png", "photo_painting_sheet-2.png"),
        (["--save_every=4"], "photo_painting-0004.png", "photo_painting.png"),
        (["--compare=photo_painting-2.png"], "photo_painting.png", "photo_painting-3.png"),
        (["--output_dir=out"], "out/photo_painting.png", "out/photo_painting-2.png"),
        (
            ["--output_dir=out", "--skip_existing"],
            "out/photo_painting.png",
            "out/photo_painting-2.png",
        ),
    ],
    ids=str,
)
def test_finished_picture_gets_the_next_name(stylize, taken, capsys, flags, path, printed):
    taken(path)
    assert stylize(*INPUTS, *SHORT, *flags) == 0
    assert capsys.readouterr().out == f"{printed}\n"
    assert Path(path).read_text() == "precious"
    if "--save_every=4" in flags:
        assert image_io.read_metadata("photo_painting-0004-2.png")["result"]["evaluations"] == 4
    if "compare" in str(flags):
        height, width = image_io.size_of("photo_painting-2.png")
        assert (height, width > 48) == (32, True)  # The comparison is not the picture.


def test_picture_kept_of_a_run_that_fails_gets_the_next_name(stylize, taken, capsys):
    taken("photo_painting-unfinished.png")
    assert stylize(*INPUTS, *SHORT, hook=fail_at(3, MemoryError())) == Exit.FAILED
    assert "is 'photo_painting-unfinished-2.png'" in capsys.readouterr().err
    assert Path("photo_painting-unfinished.png").read_text() == "precious"


def test_named_output_takes_the_place_of_what_came_meanwhile(stylize, taken, capsys):
    taken("out.png")
    assert stylize(*INPUTS, *SHORT, "--output=out.png") == 0
    assert image_io.size_of("out.png") == (32, 48)
    assert "out-2.png" not in names()


def test_picture_of_the_same_inputs_that_another_run_paints_meanwhile_is_replaced(
    stylize, monkeypatch, capsys
):
    """Two runs over one folder: their pictures are equal, and each has one name."""
    assert stylize(*INPUTS, *SHORT, "--output_dir=out") == 0
    theirs = Path("out/photo_painting.png").read_bytes()
    Path("out/photo_painting.png").unlink()
    write = Output.write

    def late(output, data):
        Path(output.path).write_bytes(theirs)
        return write(output, data)

    monkeypatch.setattr(Output, "write", late)
    capsys.readouterr()
    assert stylize(*INPUTS, *SHORT, "--output_dir=out", "--seed=2") == 0
    assert capsys.readouterr().out == "out/photo_painting.png\n"
    assert names("out") == ["photo_painting.png"]
    assert image_io.read_metadata("out/photo_painting.png")["config"]["seed"] == 2


def test_outputs_of_one_name_at_once_get_a_name_each(tmp_path):
    output = Output(str(tmp_path / "a.png"), derived=True)
    data = image_io.encode(output.path, np.zeros((4, 4, 3), np.float32))
    assert [Path(output.write(data)).name for _ in range(3)] == ["a.png", "a-2.png", "a-3.png"]
