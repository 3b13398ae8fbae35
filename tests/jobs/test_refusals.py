"""What one picture cannot be made from: told before TensorFlow is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.images import image_io
from tests.fakes import picture_files
from tests.fakes.cli_fakes import INPUTS, SHORT


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], Exit.USAGE, "--content and --style must be given"),
        (["--content=photo.png"], Exit.USAGE, "--style must be given"),
        (["--style=photo.png"], Exit.USAGE, "--content must be given"),
        ([*INPUTS, "--sise=3"], Exit.USAGE, "unknown flag --sise. Did you mean --size?"),
        ([*INPUTS, "--size=-1"], Exit.USAGE, "--size must be a whole number between 0 and 16384"),
        ([*INPUTS, "--size=1"], Exit.USAGE, "--size must leave each side at least 16 pixels"),
        ([*INPUTS, "--size=16000", "--size_of=short"], Exit.USAGE, "--size must give a picture of"),
        ([*INPUTS, "--content_weight=nan"], Exit.USAGE, "--content_weight must be a number"),
        ([*INPUTS, "--content_layers=conv1"], Exit.USAGE, "--content_layers must be one of"),
        ([*INPUTS, "--init=picture"], Exit.USAGE, '--init "picture" needs --init_'),
        ([*INPUTS, "--init=content", "--init_image=x"], Exit.USAGE, "--init_image, a picture to"),
        ([*INPUTS, "--style_blend_weights=1,2"], Exit.USAGE, "--style_blend_weights must have"),
        ([*INPUTS, "--style_blend_weights=0"], Exit.USAGE, "--style_blend_weights must not all be"),
        ([*INPUTS, "--style_blend_weights=nan"], Exit.USAGE, "--style_blend_weights must be a num"),
        ([*INPUTS, "--style_blend_weights=-1"], Exit.USAGE, "--style_blend_weights must be a numb"),
        ([*INPUTS, "--color=contend"], Exit.USAGE, "--color must be one of style, content, lumi"),
        ([*INPUTS, "--preset=default", "--from_picture=x"], Exit.USAGE, "--preset and --from"),
        ([*INPUTS, "--memory=much"], Exit.USAGE, "--memory must be a number; got 'much'. Its un"),
        ([*INPUTS, "--memory=-1GB"], Exit.USAGE, "--memory must be a number between 0 and 1000"),
        ([*INPUTS, "--time_budget=x"], Exit.USAGE, "--time_budget must be a number; got 'x'. It"),
        ([*INPUTS, "--threads=0.5"], Exit.USAGE, "--threads must be a whole number; got '0.5'."),
        (["--content=none.png", INPUTS[1]], Exit.PICTURE, "'none.png' does not exist."),
        ([INPUTS[0], "--style=none.png"], Exit.PICTURE, "'none.png' does not exist."),
        (["--content=.", INPUTS[1]], Exit.PICTURE, "'.' is a folder."),
        (["--content=/dev/zero", INPUTS[1]], Exit.PICTURE, "'/dev/zero' is a pipe, socket or"),
        ([*INPUTS, "--init_image=none.png"], Exit.PICTURE, "'none.png' does not exist."),
        ([*INPUTS, "--max_pixels=100"], Exit.PICTURE, "'photo.png'"),
        ([*INPUTS, "--from_picture=none.png"], Exit.PICTURE, "'none.png' does not exist."),
        ([*INPUTS, "--from_picture=photo.png"], Exit.PICTURE, "'photo.png' holds no recipe."),
        ([*INPUTS, "--output=none/out.png"], Exit.OUTPUT, "'none/out.png' cannot be written"),
        ([*INPUTS, "--output=out.gif"], Exit.OUTPUT, "'out.gif' cannot be written: the extension"),
        ([*INPUTS, "--output=out"], Exit.OUTPUT, "'out' cannot be written: it has no extension."),
        ([*INPUTS, "--output=photo.png"], Exit.OUTPUT, "'photo.png' is the input 'photo.png'"),
        ([*INPUTS, "--output=/proc/out.png"], Exit.OUTPUT, "'/proc/out.png' cannot be written"),
        ([*INPUTS, "--weights=none.h5"], Exit.WEIGHTS, ""),
    ],
    ids=str,
)  # fmt: skip
def test_what_can_be_checked_fails_in_one_line_before_tensorflow_is_loaded(
    check, folder, arguments, code, message
):
    found, line = check(*arguments)
    assert (found, line[: len(message)]) == (code, message)


@pytest.mark.parametrize("more", [(), ("--precision=bfloat16",), ("--fine_style=other.png",)])
def test_too_little_memory_is_refused_at_once_and_by_the_same_number_whatever_is_given(
    check, folder, more
):
    """From 1 GB to a tenth of a GB less than what is named; that itself is accepted."""
    flags = [*INPUTS, "--size=16384", *more]
    code, line = check(*flags, "--memory=1GB")
    assert (code, line[:26]) == (Exit.USAGE, "--memory must be at least ")
    assert "for a picture of 16384x10923 pixels; got 1 GB" in line
    named = float(line.split()[5])
    assert named > 20
    assert check(*flags, f"--memory={named / 2}GB")[1].split()[5] == f"{named}"
    # Weights that are none: all that is checked before was passed.
    assert check(*flags, f"--memory={named}GB", "--weights=none.h5")[0] == Exit.WEIGHTS


BOMBS = picture_files.bombs()
NO_PICTURES = {
    "empty": b"",
    "header of a GIF": b"GIF89a",
    "HTML": b"<html></html>" * 20,
    "header of a JPEG": b"\xff\xd8\xff\xe0",
    "PDF": b"%PDF-1.7",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0",
    "NaN": picture_files.encoded(np.full((20, 20), np.nan, np.float32), "TIFF"),
    **BOMBS,
}


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_is_not_a_picture_is_refused_by_name(check, kind):
    Path("bad.jpg").write_bytes(NO_PICTURES[kind])
    code, line = check("--content=photo.png", "--style=bad.jpg")
    assert code == Exit.PICTURE
    assert line.startswith("'bad.jpg'")
    assert ("raise --max_pixels" in line) == (kind in BOMBS)


def test_headers_of_all_inputs_are_looked_at_before_the_pixels_of_any(check, monkeypatch):
    monkeypatch.setattr(image_io, "read", lambda *_, **__: pytest.fail("pixels were read"))
    assert check(INPUTS[0], "--style=none.png")[0] == Exit.PICTURE
    assert check(*INPUTS, "--size=3")[0] == Exit.USAGE


def test_style_too_thin_for_the_network_is_refused_unless_it_is_cropped(check, stylize):
    Image.new("RGB", (1, 3000)).save("thin.png")
    code, line = check(INPUTS[0], "--style=thin.png")
    assert code == Exit.PICTURE
    assert line.startswith("'thin.png' must not be too thin for the network: 1x3000 pixels would")
    assert stylize(INPUTS[0], "--style=thin.png", "--style_fit=crop", *SHORT) == 0


def test_picture_cut_in_half_is_refused(check):
    whole = Path("painting.png").read_bytes()
    Path("half.jpg").write_bytes(whole[: len(whole) // 2])
    assert check("--content=half.jpg", "--style=photo.png")[0] == Exit.PICTURE


def test_input_is_not_overwritten_by_an_intermediate_picture(check):
    Path("photo.png").rename("out-0100.png")
    inputs = ("--content=out-0100.png", "--style=painting.png")
    code, line = check(*inputs, "--output=out.png", "--save_every=9")
    assert (code, line[:12]) == (Exit.OUTPUT, "--save_every")


def test_folder_of_checkpoints_that_cannot_be_made_is_told_before_tensorflow_is_loaded(check):
    code, message = check(*INPUTS, "--checkpoint_dir=photo.png/kept")
    assert code == Exit.OUTPUT
    assert message == "cannot write to --checkpoint_dir 'photo.png/kept': Not a directory."
