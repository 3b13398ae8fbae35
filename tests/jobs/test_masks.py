"""--content_mask and --style_mask: read, checked before TensorFlow is loaded, told and repeated."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.images import image_io
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import INPUTS, SHORT, digest

TWO = (*INPUTS, "--style=other.png")
REGIONS = ("--content_mask=sky.png", "--content_mask=ground.png")


@pytest.fixture
def folder(folder, rng):
    """That of `conftest`, with masks of all pictures in it."""
    for name, size in (
        ("sky.png", (40, 60)),
        ("ground.png", (20, 30)),
        ("part.png", (50, 30)),
        ("square.png", (9, 9)),
    ):
        # Two of them together are nowhere more than all.
        Image.fromarray(rng.integers(0, 128, size, dtype=np.uint8)).save(name)
    Image.new("L", (60, 40), 0).save("black.png")
    Image.new("L", (60, 40), 255).save("white.png")
    return folder


def grey(name):
    """A mask as it is handed on."""
    return np.asarray(Image.open(name).convert("L"), np.float32)[np.newaxis, ..., np.newaxis] / 255


def masks():
    """Those of the photograph and of the paintings that the last run had."""
    sources = cli_fakes.RUNS[-1].sources
    return sources.content_masks, sources.style_masks


def inputs_of(name):
    return [
        (item["role"], item["path"], item["sha256"])
        for item in image_io.read_metadata(name)["inputs"]
    ]


def test_masks_reach_the_stylizer_in_their_order_at_their_own_size(stylize):
    of_styles = ("--style_mask=part.png", "--style_mask=square.png")
    assert stylize(*TWO, *REGIONS, *of_styles, *SHORT) == 0
    content_masks, style_masks = masks()
    for mask, name in zip(content_masks, ("sky.png", "ground.png"), strict=True):
        np.testing.assert_allclose(mask, grey(name), atol=1e-6)
    for mask, name in zip(style_masks, ("part.png", "square.png"), strict=True):
        np.testing.assert_allclose(mask, grey(name), atol=1e-6)


def test_without_masks_there_are_none(stylize):
    assert stylize(*INPUTS, *SHORT) == 0
    assert masks() == ((), ())


def test_parts_of_one_painting_go_with_the_regions(stylize):
    of_style = ("--style_mask=part.png", "--style_mask=part.png")
    assert stylize(*INPUTS, *REGIONS, *of_style, *SHORT) == 0
    assert [mask.shape for mask in masks()[1]] == [(1, 50, 30, 1)] * 2


@pytest.mark.parametrize("flag", ["content_mask", "style_mask"])
def test_alpha_is_the_transparency_of_the_picture_itself(stylize, flag):
    for name in ("photo.png", "painting.png"):
        picture = Image.open(name)
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        picture.save(name)
    # A file of that name is called ./alpha.
    shutil.copy("black.png", "alpha")
    assert stylize(*INPUTS, f"--{flag}=alpha", *SHORT, "--output=out.png") == 0
    found = dict(zip(("content_mask", "style_mask"), masks(), strict=True))
    name = "photo.png" if flag == "content_mask" else "painting.png"
    expected = np.asarray(Image.open(name).getchannel("A"), np.float32) / 255
    np.testing.assert_allclose(found.pop(flag)[0][0, ..., 0], expected, atol=0.003)
    assert list(found.values()) == [()]
    assert inputs_of("out.png")[-1] == (flag, "alpha", "")


def test_alpha_of_the_second_painting_is_that_of_the_second(stylize):
    picture = Image.open("other.png")
    picture.putalpha(128)
    picture.save("other.png")
    assert stylize(*TWO, "--style_mask=part.png", "--style_mask=alpha", *SHORT) == 0
    np.testing.assert_allclose(masks()[1][1], np.full((1, 45, 45, 1), 128 / 255), atol=0.003)


def test_transparent_parts_of_a_mask_are_black(stylize):
    mask = Image.new("RGBA", (60, 40), (255, 255, 255, 255))
    mask.paste((255, 255, 255, 0), (0, 0, 20, 40))
    mask.save("mask.png")
    assert stylize(*INPUTS, "--content_mask=mask.png", "--background=white", *SHORT) == 0
    (found,), _ = masks()
    assert (found[:, :, :20] == 0).all()
    assert (found[:, :, 20:] == 1).all()


def test_mask_that_is_white_everywhere_is_taken_with_a_warning(stylize, capsys):
    assert stylize(*INPUTS, "--content_mask=white.png", "--quiet", *SHORT) == 0
    assert capsys.readouterr().err == (
        "stylize_tf: warning: --content_mask is white everywhere: all of the photograph is "
        "painted.\n"
    )


@pytest.mark.parametrize("flag", ["content_mask", "style_mask"])
def test_alpha_of_an_opaque_picture_is_warned_of(stylize, capsys, flag):
    assert stylize(*INPUTS, f"--{flag}=alpha", "--quiet", *SHORT) == 0
    assert capsys.readouterr().err == (
        f"stylize_tf: warning: --{flag} alpha has no effect: the picture is opaque everywhere.\n"
    )


def test_masks_that_overlap_are_taken_with_a_warning_that_says_how_much(stylize, capsys):
    Image.linear_gradient("L").rotate(90).resize((60, 40)).save("left.png")
    Image.linear_gradient("L").rotate(270).resize((60, 40)).save("right.png")
    complements = ("--content_mask=left.png", "--content_mask=right.png")
    assert stylize(*TWO, *complements, "--quiet", *SHORT) == 0
    assert capsys.readouterr().err == ""
    both = ("--content_mask=white.png", "--content_mask=right.png")
    assert stylize(*TWO, *both, "--quiet", *SHORT) == 0
    assert capsys.readouterr().err == (
        "stylize_tf: warning: the --content_mask files overlap on 50% of the picture: regions "
        "share what is in several.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--content_mask=none.png"], Exit.PICTURE, "'none.png' does not exist."),
        (["--style_mask=none.png"], Exit.PICTURE, "'none.png' does not exist."),
        (["--content_mask=."], Exit.USAGE, "--content_mask: a folder of masks, such as '.',"),
        (["--content_mask=text.png"], Exit.PICTURE, "'text.png' "),
        (["--content_mask=empty.png"], Exit.PICTURE, "'empty.png' "),
        (["--content_mask="], Exit.USAGE, "--content_mask must not be empty"),
        (
            ["--content_mask=black.png"],
            Exit.PICTURE,
            "--content_mask 'black.png' holds no region: it is black everywhere",
        ),
        (
            ["--content_mask=square.png"],
            Exit.PICTURE,
            "--content_mask 'square.png' must have the shape of its picture, 60x40, at any size; "
            "got 9x9.",
        ),
        (
            ["--style_mask=sky.png"],
            Exit.PICTURE,
            "--style_mask 'sky.png' must have the shape of its picture, 30x50, at any size",
        ),
        (
            ["--style_mask=part.png", "--style_mask=part.png"],
            Exit.USAGE,
            "There must be one --style_mask for each --style, 1 of them, or none; got 2.",
        ),
        (
            [*REGIONS, "--style=other.png", "--style=other.png"],
            Exit.USAGE,
            "There must be one --style, or one for each --content_mask; got 3 and 2 masks.",
        ),
        (
            [*REGIONS, "--style_mask=part.png"],
            Exit.USAGE,
            "There must be one --style_mask for each --content_mask, 2 of them, or none; got 1.",
        ),
        (
            [*REGIONS, "--style=other.png", "--style_blend_weights=1,2"],
            Exit.USAGE,
            "--style_blend_weights blends paintings, and with several --content_mask",
        ),
        (
            ["--regions=auto:2", "--style=other.png"],
            Exit.USAGE,
            "--regions auto finds the masks itself, for one painting: give one --style",
        ),
        (
            ["--regions=auto:2", "--content_mask=sky.png"],
            Exit.USAGE,
            "--regions auto finds the masks itself, for one painting: give one --style",
        ),
        (
            ["--strength_mask=square.png"],
            Exit.PICTURE,
            "--strength_mask 'square.png' must have the shape of its picture, 60x40",
        ),
        (
            ["--strength_mask=sky.png", "--strength=2"],
            Exit.USAGE,
            "--strength_mask says where less of --strength is wanted, which must be between 0 and",
        ),
        (["--strength_mask=."], Exit.USAGE, "--strength_mask: a folder of masks, such as '.',"),
        (["--content_mask=none", "--content_mask=sky.png"], Exit.PICTURE, "'none' does not exist"),
        (["--content_mask=large.png"], Exit.PICTURE, "'large.png' "),
        (["--content_mask=sky.png", "--output=sky.png"], Exit.OUTPUT, "'sky.png' is the input"),
    ],
    ids=str,
)  # fmt: skip
def test_mask_that_does_not_fit_is_refused_in_one_line(check, folder, arguments, code, message):
    Path("text.png").write_text("not a picture")
    Path("empty.png").touch()
    Image.new("L", (600, 400), 255).save("large.png")
    found, line = check(*INPUTS, "--max_pixels=9000", *arguments)
    assert (found, line[: len(message)]) == (code, message)


def test_transparency_that_hides_all_is_no_region(check):
    Image.new("RGBA", (60, 40), (9, 9, 9, 0)).save("photo.png")
    code, line = check(*INPUTS, "--content_mask=alpha")
    assert code == Exit.PICTURE
    assert line.startswith("--content_mask holds no region: the picture is transparent everywhere.")


# Masks of a recipe.


def test_recipe_tells_the_masks_and_runs_again_with_them(stylize, capsys):
    flags = (*REGIONS, "--style_mask=part.png", "--style_mask=alpha")
    picture = Image.open("other.png")
    picture.putalpha(128)
    picture.save("other.png")
    assert stylize(*TWO, *flags, *SHORT, "--output=out.png") == 0
    assert inputs_of("out.png")[3:] == [
        ("content_mask", "sky.png", digest("sky.png")),
        ("content_mask", "ground.png", digest("ground.png")),
        ("style_mask", "part.png", digest("part.png")),
        ("style_mask", "alpha", ""),
    ]
    first = masks()
    capsys.readouterr()
    assert stylize("--from_picture=out.png", "--quiet") == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("out-2.png\n", "")
    for before, now in zip(first, masks(), strict=True):
        for mask, again in zip(before, now, strict=True):
            np.testing.assert_array_equal(mask, again)
    assert digest("out.png") == digest("out-2.png")


def test_the_mask_of_strengths_is_handed_on_told_and_repeated(stylize):
    flags = ("--content_mask=sky.png", "--strength_mask=ground.png")
    assert stylize(*INPUTS, *flags, *SHORT, "--output=out.png") == 0
    np.testing.assert_allclose(
        cli_fakes.RUNS[-1].sources.strength_mask, grey("ground.png"), atol=1e-6
    )
    assert inputs_of("out.png")[2:] == [
        ("content_mask", "sky.png", digest("sky.png")),
        ("strength_mask", "ground.png", digest("ground.png")),
    ]
    assert stylize("--from_picture=out.png", "--quiet") == 0
    assert digest("out.png") == digest("out-2.png")
    assert stylize("--from_picture=out.png", "--strength_mask=none", "--quiet") == 0
    assert cli_fakes.RUNS[-1].sources.strength_mask is None


def test_masks_of_a_recipe_are_found_beside_the_picture(stylize, folder, monkeypatch):
    assert stylize(*INPUTS, "--content_mask=sky.png", *SHORT, "--output=out.png") == 0
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert stylize("--from_picture=../out.png") == 0
    assert digest("out.png") == digest("../out.png")
    assert len(masks()[0]) == 1


def test_mask_of_a_recipe_that_changed_or_went_is_refused_and_may_be_replaced(stylize, capsys):
    assert stylize(*INPUTS, "--content_mask=sky.png", *SHORT, "--output=out.png") == 0
    shutil.copy("white.png", "sky.png")
    capsys.readouterr()
    assert stylize("--from_picture=out.png") == Exit.PICTURE
    error = capsys.readouterr().err
    assert error.startswith("stylize_tf: error: 'sky.png' is not the content_mask that the picture")
    assert "by --content_mask" in error
    Path("sky.png").unlink()
    assert stylize("--from_picture=out.png") == Exit.PICTURE
    assert "'sky.png' does not exist" in capsys.readouterr().err
    assert stylize("--from_picture=out.png", "--content_mask=ground.png") == 0
    assert "warning: other pictures than those the recipe names" in capsys.readouterr().err
    assert masks()[0][0].shape == (1, 20, 30, 1)


def test_masks_of_a_recipe_are_dropped_with_none(stylize):
    flags = ("--content_mask=sky.png", "--style_mask=part.png")
    assert stylize(*INPUTS, *flags, *SHORT, "--output=out.png") == 0
    assert stylize("--from_picture=out.png", "--content_mask=none", "--output=new.png") == 0
    assert [len(masks) for masks in masks()] == [0, 1]
    assert [role for role, _, _ in inputs_of("new.png")] == ["content", "style", "style_mask"]
