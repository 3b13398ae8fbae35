"""--style with a folder and --fine_style: checked, named, told in the recipe and repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.control import fine_style
from stylize_tf.images import image_io
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import INPUTS, SHORT, digest, draw


@pytest.fixture
def folder(folder):
    """That of `conftest`, with one more painting and a folder of two."""
    Path("empty").mkdir()
    Image.new("RGB", (1, 5000)).save("thin.png")
    for seed, name in enumerate(("fine.png", "several/b.png", "several/a.jpg")):
        draw(name, seed=seed)
    return folder


def inputs_of(name):
    return [(item["role"], item["path"]) for item in image_io.read_metadata(name)["inputs"]]


def test_folder_is_one_style_and_gives_the_picture_its_name(stylize):
    assert stylize("--content=photo.png", "--style=several", *SHORT) == 0
    expected = [("style", "several/a.jpg"), ("style", "several/b.png")]
    assert inputs_of("photo_several.png")[1:] == expected
    assert image_io.read_metadata("photo_several.png")["config"]["style_blend_weights"] == []


def test_folder_in_a_blend_shares_its_weight(stylize):
    flags = ("--style=several", "--style_blend_weights=1,3")
    assert stylize(*INPUTS, *flags, *SHORT, "--output=out.png") == 0
    metadata = image_io.read_metadata("out.png")
    assert metadata["config"]["style_blend_weights"] == [1, 1.5, 1.5]
    assert len(inputs_of("out.png")) == 4
    assert stylize("--from_picture=out.png", "--output=again.png") == 0
    assert digest("again.png") == digest("out.png")


def test_folder_named_again_keeps_the_weights_of_the_recipe(stylize):
    assert stylize(*INPUTS, "--style=several", *SHORT, "--output=out.png") == 0
    weights = image_io.read_metadata("out.png")["config"]["style_blend_weights"]
    assert weights == [1, 0.5, 0.5]
    again = ("--from_picture=out.png", "--style=painting.png", "--style=several")
    assert stylize(*again, "--output=again.png") == 0
    assert digest("again.png") == digest("out.png")
    assert stylize("--from_picture=out.png", "--style=several", "--output=two.png") == 0
    assert image_io.read_metadata("two.png")["config"]["style_blend_weights"] == []


def test_folder_does_not_go_with_the_masks_of_a_recipe(stylize, capsys):
    for name in ("left.png", "right.png"):
        Image.new("L", (60, 40), 200).save(name)
    masks = ("--content_mask=left.png", "--content_mask=right.png")
    assert stylize(*INPUTS, *masks, *SHORT, "--output=out.png") == 0
    capsys.readouterr()
    assert stylize("--from_picture=out.png", "--style=several") == Exit.USAGE
    assert "--style must not be a folder with several --content_mask" in capsys.readouterr().err


def test_sheet_walks_to_a_folder_and_has_its_name(stylize):
    walk = "--sheet=style_blend_weights=1,0;1,1;0,1"
    assert stylize(*INPUTS, "--style=several", walk, *SHORT) == 0
    again = ("--from_picture=photo_painting_several_sheet.png", "--output=again.png")
    assert stylize(*again) == 0
    assert digest("again.png") == digest("photo_painting_several_sheet.png")
    assert stylize("--content=photo.png", "--style=several", "--sheet=strength=.5,1", *SHORT) == 0
    assert Path("photo_several_sheet.png").exists()


def test_picture_of_other_roles_is_not_replaced(stylize):
    many = ("--content=photo.png", "--output_dir=out", *SHORT)
    blend = ("--style=painting.png", "--style=fine.png", "--style_blend_weights=1,1")
    assert stylize(*many, *blend) == 0
    [path] = Path("out").iterdir()
    path.rename("out/photo_painting.png")
    fine = ("--style=painting.png", "--fine_style=fine.png")
    assert stylize(*many, *fine) == Exit.OUTPUT
    assert stylize(*many, *fine, "--skip_existing") == Exit.OUTPUT
    Path("out/photo_painting.png").unlink()
    assert stylize(*many, "--style=painting.png", "--fine_style=none") == 0


def test_fine_style_reaches_the_stylizer_and_the_recipe(stylize):
    assert stylize(*INPUTS, "--fine_style=fine.png", *SHORT, "--output=out.png") == 0
    np.testing.assert_allclose(cli_fakes.RUNS[-1].sources.fine_style, image_io.read("fine.png"))
    assert inputs_of("out.png")[-1] == ("fine_style", "fine.png")
    assert stylize("--from_picture=out.png", "--output=again.png") == 0
    assert digest("again.png") == digest("out.png")
    assert stylize("--from_picture=out.png", "--fine_style=none", "--output=dropped.png") == 0
    assert cli_fakes.RUNS[-1].sources.fine_style is None
    assert ("fine_style", "fine.png") not in inputs_of("dropped.png")


def test_fine_style_of_many_pictures_is_one(stylize):
    many = ("--content=several", "--style=painting.png", "--output_dir=out")
    assert stylize(*many, "--fine_style=fine.png", *SHORT) == 0
    for name in ("out/a_painting.png", "out/b_painting.png"):
        assert inputs_of(name)[-1] == ("fine_style", "fine.png")
    assert all(x.sources.fine_style is not None for x in cli_fakes.RUNS)
    # One made with other strokes is another picture, which is not replaced.
    assert stylize(*many, "--fine_style=fine.png", *SHORT) == 0
    assert stylize(*many, *SHORT) == Exit.OUTPUT


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--style=empty"], Exit.PICTURE, "'empty' is a folder without pictures. Name another."),
        (
            ["--style=several", "--style_blend_weights=1,2,3"],
            Exit.USAGE,
            "--style_blend_weights must have one number for each --style; got 3 for 2",
        ),
        (
            ["--style=several", "--content_mask=fine.png", "--content_mask=fine.png"],
            Exit.USAGE,
            "--style must not be a folder with several --content_mask",
        ),
        (
            ["--style=several", "--style_mask=fine.png"],
            Exit.USAGE,
            "--style must not be a folder with several --content_mask",
        ),
        (
            ["--style=several", "--regions=auto:2"],
            Exit.USAGE,
            "--style must not be a folder with several --content_mask",
        ),
        (["--style=" + "a" * 300], Exit.PICTURE, "'" + "a" * 300 + "' cannot be opened"),
        (["--fine_style=thin.png"], Exit.PICTURE, "'thin.png' must not be too thin"),
        (["--fine_style=nowhere.png"], Exit.PICTURE, "'nowhere.png' does not exist."),
        (["--fine_style=several"], Exit.PICTURE, "'several' is a folder."),
        (["--fine_style="], Exit.USAGE, "--fine_style must not be empty"),
        (["--fine_style=fine.png", "--output=fine.png"], Exit.OUTPUT, "'fine.png' is the input"),
        (
            ["--fine_style=nowhere.png", "--output_dir=out"],
            Exit.PICTURE,
            "'nowhere.png' does not exist.",
        ),
    ],
)
def test_what_cannot_be_a_painting_is_refused(check, arguments, code, message):
    found, line = check(*INPUTS, *arguments)
    assert (found, line[: len(message)]) == (code, message)


def test_real_run_with_fine_strokes_is_repeated_byte_for_byte(real_stylize, capsys, monkeypatch):
    monkeypatch.setattr(fine_style, "STEPS", 3)
    flags = ("--style=several", "--fine_style=fine.png", "--output=out.png", "--quiet")
    assert real_stylize("--content=photo.png", *flags, *SHORT, "--precision=float32") == 0
    assert real_stylize("--from_picture=out.png", "--quiet") == 0
    assert capsys.readouterr() == ("out.png\nout-2.png\n", "")
    assert digest("out.png") == digest("out-2.png")
