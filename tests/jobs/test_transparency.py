"""Transparent inputs: put on a background and told, or kept in the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.images import image_io
from tests.fakes.cli_fakes import INPUTS, SHORT, digest, names

TOLD = "stylize_tf: Transparent parts of pictures are put on --background #ffffff."
WAY = "stylize_tf: --keep_alpha keeps those of the photograph."


def cut_out(name="photo.png"):
    """Makes a picture transparent to the right."""
    picture = Image.open(name).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").rotate(90).resize(picture.size))
    picture.save(name)


def transparency(name):
    return image_io.read_alpha(name)


def test_transparency_that_is_lost_is_told_once(stylize, capsys):
    cut_out()
    cut_out("painting.png")
    assert stylize(*INPUTS, *SHORT) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines.count(TOLD) == lines.count(WAY) == 1
    assert transparency("photo_painting.png") is None
    assert stylize(*INPUTS, "--content=other.png", *SHORT, "--output_dir=out") == 0
    said = capsys.readouterr().err
    assert said.count(TOLD) == said.count(WAY) == 1
    assert stylize("--content=other.png", "--style=other.png", *SHORT) == 0
    assert "Transparent" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("transparent", "flags"),
    [
        ("painting.png", []),
        ("photo.png", ["--output=out.jpg"]),
        ("photo.png", ["--sheet=seed=1,2"]),
        ("photo.png", ["--output_dir=out", "--output_format=jpg"]),
    ],
)
def test_way_to_keep_it_is_told_only_where_it_is_one(stylize, capsys, transparent, flags):
    cut_out(transparent)
    assert stylize(*INPUTS, *SHORT, *flags) == 0
    said = capsys.readouterr().err
    assert (said.count(TOLD), said.count(WAY)) == (1, 0)


@pytest.mark.parametrize("extension", ["png", "webp", "tif"])
def test_transparency_of_the_photograph_is_kept(stylize, capsys, extension):
    cut_out()
    flags = ("--keep_alpha", f"--output=out.{extension}", "--save_every=2")
    assert stylize(*INPUTS, *SHORT, *flags) == 0
    assert "Transparent" not in capsys.readouterr().err
    expected = image_io.resize(transparency("photo.png"), 32, 48)
    for name in ("out", "out-0002"):  # Also a smaller stage's.
        found = transparency(f"{name}.{extension}")
        np.testing.assert_allclose(found, expected, atol=0.003)
    assert stylize(f"--from_picture=out.{extension}") == 0
    assert digest(f"out.{extension}") == digest(f"out-2.{extension}")
    again = (f"--from_picture=out.{extension}", "--nokeep_alpha", "--output=flat.png")
    assert stylize(*again) == 0
    assert transparency("flat.png") is None


def test_transparency_is_cropped_as_the_photograph_is(stylize):
    cut_out()
    assert stylize(*INPUTS, *SHORT, "--crop=square", "--keep_alpha", "--output=out.png") == 0
    expected = image_io.resize(transparency("photo.png")[:, :, 10:50], 48, 48)
    np.testing.assert_allclose(transparency("out.png"), expected, atol=0.003)


def test_each_picture_of_a_folder_keeps_its_own(stylize, capsys):
    cut_out()
    many = (*INPUTS, "--content=other.png", "--output_dir=out", "--keep_alpha")
    assert stylize(*many, *SHORT, "--output_format=webp", "--quiet") == 0
    warning = "warning: --keep_alpha: 'other.png' is opaque, and so is the picture."
    assert capsys.readouterr().err == f"stylize_tf: {warning}\n"
    assert names("out") == ["other_painting.webp", "photo_painting.webp"]
    assert transparency("out/photo_painting.webp").shape == (1, 32, 48, 1)
    assert transparency("out/other_painting.webp") is None


def test_opaque_photograph_makes_an_opaque_picture_with_a_warning(stylize, capsys):
    assert stylize(*INPUTS, *SHORT, "--keep_alpha", "--quiet") == 0
    warning = "warning: --keep_alpha: 'photo.png' is opaque, and so is the picture."
    assert capsys.readouterr().err == f"stylize_tf: {warning}\n"
    with Image.open("photo_painting.png") as picture:
        assert picture.mode == "RGB"


def test_recipe_without_it_is_told_as_before(stylize):
    assert stylize(*INPUTS, *SHORT) == 0
    options = image_io.read_metadata("photo_painting.png")["options"]
    assert set(options) == {"background", "device", "quality", "threads"}


@pytest.mark.parametrize(
    "flags", [["--output=out.jpg"], ["--output_dir=out", "--output_format=jpeg"]], ids=str
)
def test_format_without_transparency_is_a_usage_error(check, flags):
    line = "--keep_alpha goes with png, webp and tif: JPEG holds no transparency."
    assert check(*INPUTS, "--keep_alpha", *flags) == (Exit.USAGE, line)


def test_recipe_of_a_jpeg_may_be_painted_again_with_transparency(stylize, capsys):
    """The format that counts is that of the new picture, wherever its name is from."""
    cut_out()
    assert stylize(*INPUTS, *SHORT, "--output=flat.jpg") == 0
    Path("out").mkdir()
    for number, output in enumerate(("out", "out/", "out/new.png"), start=1):
        code = stylize("--from_picture=flat.jpg", "--keep_alpha", f"--output={output}")
        assert code == (0 if number == 3 else Exit.USAGE)
    assert names("out") == ["new.png"]
    assert "--keep_alpha goes with" in capsys.readouterr().err


def test_transparency_of_a_recipe_that_the_format_does_not_hold_has_a_way_out(stylize, capsys):
    cut_out()
    assert stylize(*INPUTS, *SHORT, "--keep_alpha", "--output=out.png") == 0
    capsys.readouterr()
    assert stylize("--from_picture=out.png", "--output=flat.jpg") == Exit.USAGE
    assert "--nokeep_alpha drops that of the recipe." in capsys.readouterr().err
    assert stylize("--from_picture=out.png", "--output=flat.jpg", "--nokeep_alpha") == 0


def test_sheet_has_none(check):
    code, line = check(*INPUTS, "--keep_alpha", "--sheet=seed=1,2")
    assert (code, line) == (Exit.USAGE, "--keep_alpha goes with one picture: leave out --sheet.")
    assert not Path("out").exists()
