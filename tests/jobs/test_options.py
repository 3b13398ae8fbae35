"""Which option goes with what is made: each says so itself, and one function checks it."""

from __future__ import annotations

import dataclasses

import pytest

from stylize_tf.cli.exits import Exit
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError
from stylize_tf.jobs.options import MODES, Options, check_modes

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
