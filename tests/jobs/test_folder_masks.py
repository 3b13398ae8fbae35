"""Masks of many pictures: one for all, or one of each name in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.images import image_io
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import ALL, SHORT, digest, names, untimed

ONE = ("--content=photos", "--style=paintings/sea.jpg", "--output_dir=out")


@pytest.fixture
def masked(many):
    """The folder `many`, with masks whose greys tell them apart."""
    for folder, greys in (
        ("regions", {"cat": 50, "dog": 100}),
        ("parts", {"sea": 150, "sky": 200}),
    ):
        Path(folder).mkdir()
        for name, grey in greys.items():
            Image.new("L", (30, 20), grey).save(f"{folder}/{name}.png")
    Image.new("L", (60, 40), 250).save("all.png")
    Image.new("L", (9, 9), 255).save("square.png")
    return many


@pytest.fixture
def stylize(masked, stylize):
    return lambda *arguments: stylize(*arguments, *SHORT)


def masks():
    """The greys of the masks that each picture had, of its photograph and of its paintings."""
    return [
        tuple(
            [round(float(mask.mean()) * 255) for mask in of]
            for of in (run.sources.content_masks, run.sources.style_masks)
        )
        for run in cli_fakes.RUNS
    ]


def masks_in(name):
    inputs = image_io.read_metadata(name)["inputs"]
    return [(x["role"], x["path"], x["sha256"]) for x in inputs if x["role"].endswith("mask")]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--content_mask=all.png"], [([250], [])] * 4),
        (["--content_mask=none"], [([], [])] * 4),
        (["--content_mask=regions"], [([50], []), ([100], [])] * 2),
        (["--style_mask=parts/"], [([], [150])] * 2 + [([], [200])] * 2),
        (["--style_mask=parts", "--style_blend_weights=1,1"], [([], [150, 200])] * 2),
        (["--style_mask=all.png", "--style_blend_weights=1,1"], [([], [250, 250])] * 2),
        (
            ["--content_mask=regions", "--style_mask=parts"],
            [([50], [150]), ([100], [150]), ([50], [200]), ([100], [200])],
        ),
    ],
    ids=str,
)
def test_each_picture_has_the_mask_of_all_or_that_of_its_name(stylize, flags, expected):
    assert stylize(*ALL, *flags) == 0
    assert masks() == expected


def test_each_photograph_has_the_strengths_of_its_name(stylize):
    assert stylize(*ALL, "--strength_mask=regions") == 0
    found = [round(float(run.sources.strength_mask.mean()) * 255) for run in cli_fakes.RUNS]
    assert found == [50, 100, 50, 100]


def test_several_regions_go_with_one_painting_and_parts_of_it(stylize):
    regions = ("--content_mask=regions", "--content_mask=all.png")
    assert stylize(*ONE, *regions, "--style_mask=parts", "--style_mask=all.png") == 0
    assert masks() == [([50, 250], [150, 250]), ([100, 250], [150, 250])]


@pytest.mark.parametrize("flag", ["content_mask", "style_mask"])
def test_alpha_is_the_transparency_of_each_picture_itself(stylize, flag):
    folder = "photos" if flag == "content_mask" else "paintings"
    pictures = [path for path in sorted(Path(folder).iterdir()) if path.suffix != ".txt"]
    for path, alpha in zip(pictures, (60, 120), strict=True):
        picture = Image.open(path).convert("RGBA")
        path.unlink()
        picture.putalpha(alpha)
        picture.save(path.with_suffix(".png"))
    assert stylize(*ALL, f"--{flag}=alpha") == 0
    greys = (60, 120, 60, 120) if flag == "content_mask" else (60, 60, 120, 120)
    assert [of[flag == "style_mask"] for of in masks()] == [[grey] for grey in greys]
    assert masks_in("out/dog_sky.png") == [(flag, "alpha", "")]
    assert stylize(*ALL, f"--{flag}=alpha", "--skip_existing") == 0
    assert masks() == []


def test_recipe_tells_the_mask_of_the_picture_and_runs_again_with_it(stylize):
    assert stylize(*ALL, "--content_mask=regions", "--style_mask=parts") == 0
    assert masks_in("out/dog_sky.png") == [
        ("content_mask", "regions/dog.png", digest("regions/dog.png")),
        ("style_mask", "parts/sky.png", digest("parts/sky.png")),
    ]
    assert stylize("--from_picture=out/dog_sky.png", "--output=again.png") == 0
    assert masks() == [([100], [200])]
    assert digest("again.png") == digest("out/dog_sky.png")


def test_picture_that_was_made_with_another_mask_is_not_replaced_nor_taken_for_done(
    stylize, capsys
):
    flags = (*ONE, "--content_mask=regions")
    assert stylize(*flags) == 0
    before = digest("out/dog_sea.png")
    assert stylize(*flags, "--skip_existing") == 0
    Image.new("L", (60, 40), 9).save("regions/dog.png")
    for more in ((), ("--skip_existing",)):
        capsys.readouterr()
        assert stylize(*flags, *more) == Exit.PARTLY
        error = capsys.readouterr().err
        assert "'out/dog_sea.png' is there already, made from other pictures." in error
    assert digest("out/dog_sea.png") == before


def test_mask_that_is_missing_or_does_not_fit_costs_its_pictures_alone(stylize, capsys):
    """Before TensorFlow is loaded, but for a mask that is black, whose pixels are read later."""
    for name in ("ant", "bee", "cow"):
        cli_fakes.draw(f"photos/{name}.png")
    Image.new("L", (60, 40), 0).save("regions/ant.png")
    shutil.copy("square.png", "regions/bee.jpg")
    assert stylize(*ONE, "--content_mask=regions") == Exit.PARTLY
    *lines, last = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "error" in line] == [
        "stylize_tf: error: 'photos/bee.png': --content_mask 'regions/bee.jpg' must have the shape "
        "of its picture, 60x40, at any size; got 9x9.",
        "stylize_tf: error: 'regions/cow.png' does not exist. Check its name and its folder.",
        "stylize_tf: error: 'out/ant_sea.png': --content_mask 'regions/ant.png' holds no region: "
        "it is black everywhere, so there would be nothing in the region. Make it white where the "
        "region is.",
    ]
    assert lines.index("stylize_tf: Loading TensorFlow ...") == 3
    assert untimed(last).startswith("stylize_tf: error: 2 written, 3 failed; failed: ")
    assert names("out") == ["cat_sea.png", "dog_sea.png"]


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--content_mask=none.png"], Exit.PICTURE, "'none.png' does not exist."),
        (["--style_mask=text.png"], Exit.PICTURE, "'text.png' "),
        (
            ["--content_mask=regions", "--content_mask=all.png"],
            Exit.USAGE,
            "With --output_dir each photograph is painted in the manner of each --style, so several"
            " --content_mask go with one --style; got 2 and 2. Give one, or leave out --output_dir",
        ),
        (
            ["--style_mask=parts", "--style_mask=all.png"],
            Exit.USAGE,
            "With --output_dir a --style_mask is of all paintings; got 2. Give one, or a folder of",
        ),
        (
            ["--style_mask=twice"],
            Exit.PICTURE,
            "--style_mask: 'twice/sea.gif' and 'twice/sea.png' would be masks of the same pictures",
        ),
        (["--regions=auto:2", "--content_mask=all.png"], Exit.USAGE, "--regions auto finds the"),
    ],
    ids=str,
)  # fmt: skip
def test_masks_that_do_not_go_with_a_folder_are_refused_in_one_line(
    masked, check, flags, code, message
):
    Path("text.png").write_text("not a picture")
    Path("twice").mkdir()
    for extension in ("gif", "png"):
        shutil.copy("parts/sea.png", f"twice/sea.{extension}")
    found, line = check(*ALL, *flags)
    assert (found, line[: len(message)]) == (code, message)


def test_mask_is_never_overwritten(stylize, capsys):
    Path("out").mkdir()
    shutil.copy("all.png", "out/cat_sea.png")
    before = digest("out/cat_sea.png")
    assert stylize(*ONE, "--content_mask=out/cat_sea.png") == Exit.PARTLY
    assert "'out/cat_sea.png' is an input, which it would overwrite" in capsys.readouterr().err
    assert digest("out/cat_sea.png") == before


def test_masks_that_have_no_effect_are_warned_of_with_the_name_of_the_photograph(stylize, capsys):
    Image.new("L", (60, 40), 255).save("white.png")
    assert stylize(*ALL, "--content_mask=white.png", "--style_mask=alpha", "--quiet") == 0
    warnings = [
        f"stylize_tf: warning: {photo!r}: {text}"
        for photo in ("photos/cat.jpg", "photos/dog.png")
        for text in (
            "--style_mask alpha has no effect: the picture is opaque everywhere.",
            "--content_mask is white everywhere: all of the photograph is painted.",
        )
    ]
    assert sorted(capsys.readouterr().err.splitlines()) == sorted(warnings)


def test_folder_of_masks_goes_with_many_pictures(masked, check):
    for flag in ("--content_mask=regions", "--style_mask=regions"):
        code, line = check("--content=photo.png", "--style=painting.png", flag)
        assert (code, "goes with many pictures: name a file" in line) == (Exit.USAGE, True)
