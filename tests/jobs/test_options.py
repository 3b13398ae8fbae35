"""Which option goes with what is made: each says so itself, and one function checks it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from stylize_tf.cli.exits import Exit
from stylize_tf.config.fields import checked
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError
from stylize_tf.jobs.options.checks import check_modes
from stylize_tf.jobs.options.painting import MODES, Options
from tests.fakes.cli_fakes import INPUTS, SHORT

FIELDS = {field.name: field for field in dataclasses.fields(Options)}
GIVEN = {"picture": {}, "folder": {"output_dir": "out"}, "sheet": {"sheet": ("seed=1,2",)}}
WAYS = {
    "picture": "add `output_dir` FOLDER",
    "folder": "leave out `output_dir`",
    "sheet": "leave out `sheet`",
}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("mode", MODES)
def test_option_that_does_not_go_with_what_is_made_is_refused_with_the_way_out(mode, name):
    given = {name: True, **GIVEN[mode]}
    modes = FIELDS[name].metadata["modes"]
    if not modes or mode in modes:
        check_modes(given, mode)
        return
    with pytest.raises(ConfigError) as caught:
        check_modes(given, mode)
    assert str(caught.value) == f"`{name}` goes with {MODES[modes[0]]}: {WAYS[mode]}."


def test_sheet_of_a_recipe_is_left_out_with_the_recipe():
    with pytest.raises(ConfigError, match="leave out `from_picture`"):
        check_modes({"from_picture": "sheet.png", "compare": "c.png"}, "sheet")


def test_option_that_is_not_given_or_switched_off_goes_with_everything():
    for mode in MODES:
        check_modes({"show": False, "skip_existing": False, "save_every": 0}, mode)


EVERY = {**{field.name: field for field in dataclasses.fields(StyleTransferConfig)}, **FIELDS}
NEEDY = [field for field in EVERY.values() if field.metadata["needs"]]


@pytest.mark.parametrize("field", NEEDY, ids=lambda field: field.name)
def test_option_needs_values_that_others_may_have(field):
    for needs in field.metadata["needs"]:
        for name, allowed in needs.items():
            assert name != field.name
            for value in allowed:
                assert checked(EVERY[name], value) == value


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("color_amount=.5", "it goes with --color content, luminance or match, not style. Give t"),
        ("color_match=pca color=content", "it goes with --color match, not content. Give that, or"),
        ("color_space=yiq", "it goes with --color content or luminance or --fine_style. Give that"),
        ("lbfgs_history=5 optimizer=adam", "it goes with --optimizer lbfgs, not adam. Give that"),
        ("settled_size=256 optimizer=adam", "it goes with --optimizer lbfgs, not adam."),
        ("settled_size=256 lbfgs_coordinates=pixels", "it goes with --lbfgs_coordinates spectral"),
        ("learning_rate=.1", "it goes with --optimizer adam, not lbfgs. Give that, or leave it ou"),
        ("clip_norm=1 preset=paper", "it goes with --optimizer adam, not lbfgs."),
        ("style_scale=.5 style_size=200", "it goes with --style_size 0, not 200. Give that, or le"),
        ("style_size=200 style_fit=crop", "it goes with --style_fit own, not crop."),
        ("mask_feather=.1", "it goes with --content_mask, --style_mask, --strength_mask or --regi"),
        ("mask_feather=.1 content_mask=none", "it goes with --content_mask, --style_mask, --stren"),
        ("gram_form=sum", "it goes with --style_loss gram, not bures."),
        ("total_variation=l1 total_variation_weight=0", "it goes with --total_variation_weight, n"),
        ("checkpoint_seconds=9", "it goes with --checkpoint_dir. Give that, or leave it out."),
        ("checkpoint_seconds=9 output_dir=out", "it goes with --checkpoint_dir. Give that, or lea"),
        ("color_amount=0", "it goes with --color content, luminance or match, not style. Give t"),
        ("checkpoint_seconds=0", "it goes with --checkpoint_dir. Give that, or leave it out."),
        ("quality=80", "it is that of JPEG and WebP. Write one of these, or leave it out."),
        ("quality=80 output_dir=out output_format=tif", "it is that of JPEG and WebP."),
        ("sheet=color_amount=.5,1", "it goes with --color content, luminance or match, not style."),
        ("beta_1=.5 sheet=lbfgs_history=3,5", "it goes with --optimizer adam, not lbfgs."),
    ],
    ids=str,
)  # fmt: skip
def test_option_that_is_given_for_nothing_is_a_usage_error(check, given, text):
    flags = [f"--{flag}" for flag in given.split()]
    name = flags[0].partition("=")[0]
    name = name if name != "--sheet" else "--color_amount"
    code, said = check(*INPUTS, *flags)
    assert (code, said[: len(text) + len(name) + 21]) == (
        Exit.USAGE,
        f"{name} has no effect here: {text}",
    )


@pytest.mark.parametrize(
    "given",
    [
        "color=match color_amount=.5 color_match=pca",
        "color_amount=.5 sheet=color=style,content",
        "sheet=color_amount=.5,1 sheet=color=style,content",
        "learning_rate=.1 preset=keras-adam",
        "lbfgs_history=5 beta_1=.5 sheet=optimizer=adam,lbfgs",
        "mask_feather=.1 content_mask=photo.png",
        "mask_feather=.1 regions=auto:2",
        "noamsgrad warmup_steps=0 content_mask=none",
        "color_space=yiq fine_style=other.png",
        "checkpoint_seconds=9 checkpoint_dir=kept",
        "quality=80 compare=both.jpg",
        "quality=80 output=out.webp",
        "quality=80 output_dir=out output_format=jpg",
    ],
)
def test_option_that_has_an_effect_somewhere_is_taken(stylize, capsys, given):
    assert stylize(*INPUTS, *SHORT, *(f"--{flag}" for flag in given.split()), "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_option_may_go_with_what_a_recipe_tells(stylize, capsys):
    mask = ("--content_mask=photo.png", "--color=content", "--output=out.jpg")
    assert stylize(*INPUTS, *SHORT, *mask) == 0
    again = ("--from_picture=out.jpg", "--mask_feather=.1", "--color_amount=.5", "--quality=80")
    assert stylize(*again, "--quiet") == 0
    capsys.readouterr()
    assert stylize(*again, "--color=style") == Exit.USAGE
    assert "--color_amount has no effect here" in capsys.readouterr().err
    # What the recipe itself has for nothing is nobody's mistake of now.
    assert stylize(*again[:1], "--color=style", "--output=out.png", "--quiet") == 0
    assert stylize("--from_picture=out.png", "--quiet") == 0


def test_option_of_a_flagfile_that_has_no_effect_in_this_run_is_warned_of(stylize, capsys):
    Path("oil").write_text("--color content\n--color_amount .5\n--quality 90\n")
    assert stylize(*INPUTS, *SHORT, "--flagfile=oil", "--color=style", "--quiet") == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[2].split()[1] for line in lines] == ["--color_amount", "--quality"]
    assert stylize(*INPUTS, *SHORT, "--flagfile=oil", "--color_amount=1", "--color=style") == 2


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--compare=c.png", "--output_dir=out"], "--compare goes with one picture: leave out --o"),
        (["--output=x.png", "--output_dir=out"], "--output goes with one picture: leave out --out"),
        (["--skip_existing"], "--skip_existing goes with many pictures: add --output_dir FOLDER."),
        (["--save_every=3", "--sheet=seed=1,2"], "--save_every goes with one picture: leave out "),
        (["--output_dir=out", "--sheet=seed=1,2"], "--output_dir goes with many pictures: leave o"),
    ],
    ids=str,
)
def test_command_line_says_so_before_anything_is_read(check, flags, line):
    code, said = check("--content=none.png", "--style=none.png", *flags)
    assert (code, said[: len(line)]) == (Exit.USAGE, line)


def test_no_name_is_both_an_option_and_a_field_of_the_configuration():
    assert not FIELDS.keys() & {field.name for field in dataclasses.fields(StyleTransferConfig)}
