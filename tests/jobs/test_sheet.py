from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli.exits import ConfigError, Exit
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import StylizationError
from stylize_tf.images import image_io
from stylize_tf.jobs import sheet
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import INPUTS, fail_at, send_at

SHORT = ("--size=48", "--coarsest_size=0", "--steps=3")


@pytest.fixture
def cells(monkeypatch):
    """The cells that were put together."""
    found = []
    real = sheet.montage

    def montage(given, *arguments, **options):
        found[:] = given
        return real(given, *arguments, **options)

    monkeypatch.setattr(sheet, "montage", montage)
    return found


def configs():
    """Those of the cells that were begun, in their order."""
    return [run.config for run in cli_fakes.RUNS]


def fields_of(configs, *names):
    return [tuple(getattr(config, name) for name in names) for config in configs]


def test_sheet_of_two_options_has_every_pair_and_is_written_under_a_name_of_its_own(
    stylize, capsys
):
    axes = ("--sheet=strength=.5,1,1.5", "--sheet=style_scale=.5,1")
    assert stylize(*INPUTS, *SHORT, *axes) == 0
    pairs = set(fields_of(configs(), "strength", "style_scale"))
    assert pairs == {(s, scale) for s in (0.5, 1.0, 1.5) for scale in (0.5, 1.0)}
    assert len(configs()) == 6
    captured = capsys.readouterr()
    assert captured.out == "photo_painting_sheet.png\n"
    lines = captured.err.splitlines()
    assert lines[2] == "stylize_tf: [1/6] strength=.5, style_scale=.5"
    assert lines[3].startswith("stage 1/1  48x32  step 1/3  loss")
    assert any(line.startswith("stylize_tf: [2/6] strength=1, style_scale=.5; ") for line in lines)
    height, width = image_io.size_of("photo_painting_sheet.png")
    assert height > 2 * 32
    assert width > 3 * 48


def test_first_option_makes_the_columns_and_the_second_the_rows(stylize, monkeypatch):
    shown = {}

    def montage(cells, rows, columns, *, title):
        shown.update(cells=cells, rows=rows, columns=columns, title=title)
        return np.zeros((1, 20, 20, 3), np.float32)

    monkeypatch.setattr(sheet, "montage", montage)
    axes = ("--sheet= size = 40, 48 ", "--sheet=size_of=long,short")
    assert stylize(*INPUTS, "--coarsest_size=0", "--steps=1", *axes) == 0
    assert shown["columns"] == ("size=40", "size=48")
    assert shown["rows"] == ("size_of=long", "size_of=short")
    assert shown["title"] == "photo + painting"
    sizes = [[cell.shape for cell in line] for line in shown["cells"]]
    assert sizes == [[(1, 27, 40, 3), (1, 32, 48, 3)], [(1, 40, 60, 3), (1, 48, 72, 3)]]
    assert {cell.dtype.name for line in shown["cells"] for cell in line} == {"uint8"}


def test_cell_has_the_pixels_of_the_picture_that_its_flag_gives(stylize, cells):
    assert stylize(*INPUTS, *SHORT[:2], "--sheet=steps=1;5") == 0
    for steps, cell in zip((1, 5), cells[0], strict=True):
        assert stylize(*INPUTS, *SHORT[:2], f"--steps={steps}", "--output=one.png") == 0
        assert np.array_equal(np.rint(255 * image_io.read("one.png")), cell)
    assert not np.array_equal(*cells[0])


def test_cells_are_previews_unless_the_size_is_said(stylize, monkeypatch):
    assert stylize(*INPUTS, "--preset=keras-adam", "--steps=1", "--sheet=seed=1,2") == 0
    assert fields_of(configs(), "size") == [(256,), (256,)]
    assert stylize(*INPUTS, *SHORT, "--sheet=seed=1,2") == 0
    assert fields_of(configs(), "size") == [(48,), (48,)]
    assert stylize(*INPUTS, "--coarsest_size=0", "--steps=1", "--sheet=size=32,40") == 0
    assert fields_of(configs(), "size") == [(32,), (40,)]


def test_lists_have_semicolons_between_them_so_a_sheet_walks_between_paintings(stylize):
    walk = "--sheet=style_blend_weights=1,0; 3,1;1,1;1,3;0,1"
    assert stylize(*INPUTS, "--style=other.png", *SHORT, walk, "--output=walk.jpg") == 0
    shares = [(1.0, 0.0), (3.0, 1.0), (1.0, 1.0), (1.0, 3.0), (0.0, 1.0)]
    assert fields_of(configs(), "style_blend_weights") == [(x,) for x in shares]
    assert image_io.size_of("walk.jpg")[1] > 5 * 48


def test_values_are_read_as_the_flag_reads_them(stylize):
    sheets = ("--sheet=time_budget=1min,none", "--sheet=normalize_features=yes,false")
    assert stylize(*INPUTS, *SHORT, *sheets) == 0
    seen = fields_of(configs(), "time_budget", "normalize_features")
    assert seen == [(60.0, True), (0.0, True), (60.0, False), (0.0, False)]


def test_one_stylizer_serves_all_cells_and_measures_what_auto_means_once(stylize):
    axes = ("--sheet=pooling=max,average", "--sheet=strength=.5,1,1.5")
    assert stylize(*INPUTS, *SHORT, *axes) == 0
    assert fields_of(cli_fakes.MADE, "pooling", "precision") == [("max", "auto")]
    pairs = [(pooling, x) for x in (0.5, 1.0, 1.5) for pooling in ("max", "average")]
    assert fields_of(configs(), "pooling", "strength") == pairs
    # The stylizer for tests takes float32 for auto.
    assert set(fields_of(configs(), "precision")) == {("float32",)}
    metadata = image_io.read_metadata("photo_painting_sheet.png")
    assert metadata["config"]["precision"] == "float32"


def test_start_is_given_to_the_cells_that_begin_with_it(stylize):
    axis = "--sheet=init=content,picture,white_noise"
    assert stylize(*INPUTS, *SHORT, "--init_image=other.png", axis) == 0
    starts = [run.sources.initial is not None for run in cli_fakes.RUNS]
    assert starts == [False, True, False]


def test_metadata_tell_the_common_recipe_the_options_and_each_cell(stylize):
    axes = ["strength=.5,1", "seed=1,2"]
    arguments = (*INPUTS, *SHORT, *(f"--sheet={axis}" for axis in axes), "--quality=80")
    assert stylize(*arguments, "--output=out.webp") == 0
    metadata = image_io.read_metadata("out.webp")
    assert metadata["sheet"] == axes
    expected = StyleTransferConfig(size=48, coarsest_size=0, steps=(3,), precision="float32")
    assert metadata["config"] == expected.to_dict()
    assert [item["path"] for item in metadata["inputs"]] == ["photo.png", "painting.png"]
    assert metadata["options"]["quality"] == 80
    cell = {
        "finished": True,
        "evaluations": 3,
        "loss": 0.25 + 1 / 3,
        "losses": {"content": 0.25, "style": 1 / 3},
    }
    assert metadata["result"] == {"finished": True, "cells": [[cell, cell], [cell, cell]]}


def test_sheet_is_made_again_from_its_metadata_byte_for_byte(stylize, capsys):
    axes = ("--sheet=strength=.5,1", "--sheet=steps=3;1")
    assert stylize(*INPUTS, "--size=40", "--coarsest_size=0", *axes) == 0
    assert stylize("--from_picture=photo_painting_sheet.png") == 0
    assert capsys.readouterr().out == "photo_painting_sheet.png\nphoto_painting_sheet-2.png\n"
    assert cli_fakes.digest("photo_painting_sheet.png") == cli_fakes.digest(
        "photo_painting_sheet-2.png"
    )


def test_picture_may_be_varied_by_its_recipe(stylize, capsys):
    assert stylize(*INPUTS, *SHORT, "--seed=7", "--output=out.png") == 0
    assert stylize("--from_picture=out.png", "--steps=2", "--sheet=color=style,match") == 0
    seen = fields_of(configs(), "size", "seed", "steps", "color")
    assert seen == [(256, 7, (2,), "style"), (256, 7, (2,), "match")]
    assert capsys.readouterr().out == "out.png\nphoto_painting_sheet.png\n"


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        ("strength=1", "its sheet is not a list of options"),
        ([1], "its sheet is not a list of options"),
        (["strenght=1"], "--sheet: there is no option 'strenght'. Did you mean strength?"),
        (["strength=9"], "--strength must be a number between 0 and 2; got 9.0."),
    ],
    ids=str,
)
def test_sheet_whose_metadata_are_damaged_is_refused(stylize, check, recorded, message, capsys):
    assert stylize(*INPUTS, *SHORT, "--sheet=strength=.5,1", "--output=out.png") == 0
    metadata = {**image_io.read_metadata("out.png"), "sheet": recorded}
    image_io.write("bad.png", image_io.read("out.png"), metadata=metadata)
    capsys.readouterr()
    code, line = check("--from_picture=bad.png")
    assert (code, line) == (
        Exit.PICTURE,
        f"the recipe in 'bad.png' cannot be followed: {message}",
    )


MANY = ",".join(map(str, range(100)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["strenght=1,2"], "--sheet: there is no option 'strenght'. Did you mean strength?"),
        (["--style-scale=1,2"], "--sheet: there is no option '--style-scale'. Did you mean style_"),
        (["quality=1,2"], "--sheet cannot vary --quality: only options of how a picture is"),
        (["strength"], "--sheet must be an option and its values, such as strength=.5,1,1.5; got"),
        (["=1,2"], "--sheet must be an option and its values"),
        (["strength="], "--sheet strength= has no values: write strength=VALUE,VALUE,..."),
        (["style_blend_weights= "], "--sheet style_blend_weights= has no values"),
        (["strength=1,,2"], "--strength must be a number; got ''."),
        (["strength=1,3"], "--strength must be a number between 0 and 2; got 3.0."),
        (["strength=nan"], "--strength must be a number; got 'nan'."),
        (["color=style,contend"], "--color must be one of style, content, luminance, match; got"),
        (["time_budget=1min,soon"], "--time_budget must be a number; got 'soon'. Its units are"),
        (["steps=80,40"], "--sheet steps=80,40 is one value, a list. Put ; between values, and"),
        (["steps=8;0"], "--steps must be a whole number between 1 and 1000000; got 0."),
        (["style_layers=block1_conv1;block2_conv1"], "--style_layer_weights must have one weight"),
        (["strength=1", "strength=2"], "--sheet varies strength twice: name two different"),
        (["strength=1", "seed=2", "color=style"], "--sheet is given once or twice, for columns"),
        ([f"seed={MANY}", f"size={MANY}"], "--sheet would have 10000 cells (100 times 100); at"),
        ([f"seed={MANY}"], "--sheet would have 100 cells; at most 64 can be made."),
        (["style_blend_weights=1,2;2,1"], "--style_blend_weights must have one number for each"),
        (["style_blend_weights=0;1"], "--style_blend_weights must not all be 0."),
        (["regions=none,auto:2", "--style=other.png"], "--regions auto finds the masks itself"),
        (["init=content,picture"], '--init "picture" needs --init_image, the pic'),
        (["size=128,2"], "--size must leave each side at least"),
        (["seed=1,2", "--seed=3"], "--seed and --sheet seed=... exclude each other: leave one"),
    ],
    ids=str,
)  # fmt: skip
def test_sheet_that_cannot_be_made_is_one_line_before_tensorflow_is_loaded(
    check, arguments, message
):
    flags = [x if x.startswith("--") and "style-" not in x else f"--sheet={x}" for x in arguments]
    code, line = check(*INPUTS, *flags)
    assert (code, line[: len(message)]) == (Exit.USAGE, message)


def test_values_are_checked_before_any_input_is_looked_at(check):
    code, line = check("--content=none.png", INPUTS[1], "--sheet=strength=3")
    assert (code, line) == (Exit.USAGE, "--strength must be a number between 0 and 2; got 3.0.")


def test_painting_too_thin_for_one_of_the_cells_is_refused_by_name(stylize, check, capsys):
    Image.new("RGB", (1, 3000)).save("thin.png")
    thin = (INPUTS[0], "--style=thin.png", "--style_fit=crop")
    assert stylize(*thin, *SHORT, "--output=out.png") == 0
    capsys.readouterr()
    code, line = check("--from_picture=out.png", "--sheet=style_fit=crop,own")
    assert code == Exit.PICTURE
    assert line.startswith("'thin.png' must not be too thin for the network: 1x3000 pixels")


def test_as_many_cells_as_allowed_can_be_asked_for():
    values = ",".join(map(str, range(8)))
    axes = sheet.read_axes([f"seed={values}", f"size={values}"])
    assert [len(axis.values) for axis in axes] == [8, 8]
    with pytest.raises(ConfigError, match="would have 72 cells"):
        sheet.read_axes([f"seed={values},9", f"size={values}"])


def empty_cells(cells):
    return [[cell is None for cell in line] for line in cells]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StylizationError("The loss is not finite."), "The loss is not finite."),
        (MemoryError(), "out of memory. Ask for a smaller --size, or close other programs."),
    ],
    ids=repr,
)
def test_cell_that_fails_is_left_empty_with_a_warning(stylize, cells, capsys, error, message):
    axes = ("--sheet=strength=.5,1,1.5", "--output=out.png")
    code = stylize(*INPUTS, *SHORT, *axes, "--quiet", hook=fail_at(5, error))
    assert code == Exit.PARTLY
    captured = capsys.readouterr()
    assert captured.out == "out.png\n"
    assert captured.err == f"stylize_tf: warning: strength=1 failed: {message}\n"
    assert empty_cells(cells) == [[False, True, False]]
    result = image_io.read_metadata("out.png")["result"]
    assert result["finished"] is False
    assert [cell is None for cell in result["cells"][0]] == [False, True, False]


def test_traceback_of_a_cell_that_fails_is_there_for_those_who_ask(stylize, capsys):
    hook = fail_at(5, ValueError("here"))
    assert stylize(*INPUTS, *SHORT, "--sheet=strength=.5,1", "-v", "1", hook=hook) == Exit.PARTLY
    assert "raise error\nValueError: here\n" in capsys.readouterr().err


def test_nothing_is_written_if_all_cells_fail(stylize, folder, capsys):
    Path("out.png").write_text("old")

    def hook(evaluation):
        raise MemoryError

    axes = ("--sheet=strength=.5,1", "--output=out.png")
    assert stylize(*INPUTS, *SHORT, *axes, "--quiet", hook=hook) == Exit.FAILED
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[-1] == "stylize_tf: error: no cell of the sheet could be made: see above."
    assert Path("out.png").read_text() == "old"


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=str)
def test_signal_writes_the_sheet_with_the_cells_that_are_finished(
    stylize, cells, capsys, signum, code, count
):
    axes = ("--sheet=strength=.5,1,1.5", "--output=out.png")
    hook = send_at(5, *[signum] * count)
    assert stylize(*INPUTS, *SHORT, *axes, hook=hook) == code
    captured = capsys.readouterr()
    assert captured.out == "out.png\n"
    assert "Interrupted: wrote 1 of 3 cells, 'out.png', " in captured.err
    # Neither failed nor finished: plain grey, without a word.
    assert empty_cells(cells) == [[False] * 3]
    assert [len(np.unique(cell)) == 1 for cell in cells[0]] == [False, True, True]
    assert len(configs()) == 2
    result = image_io.read_metadata("out.png")["result"]
    assert result["finished"] is False
    assert [cell is None for cell in result["cells"][0]] == [False, True, True]


def test_signal_before_a_cell_is_finished_writes_nothing(stylize, folder, capsys):
    hook = send_at(2, signal.SIGINT)
    assert stylize(*INPUTS, *SHORT, "--sheet=strength=.5,1", hook=hook) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("stylize_tf: error: interrupted before")
    assert not Path("photo_painting_sheet.png").exists()


def test_real_sheet_varies_what_it_says_and_can_be_made_again(real_stylize, capsys):
    flags = ("--size=64", "--coarsest_size=0", "--steps=12", "--precision=float32", "--quiet")
    axes = ("--sheet=strength=0,1.5", "--sheet=color=style,content")
    assert real_stylize(*INPUTS, *flags, *axes) == 0
    assert capsys.readouterr() == ("photo_painting_sheet.png\n", "")
    again = ("--from_picture=photo_painting_sheet.png", "--output=again.png")
    assert real_stylize(*again) == 0
    assert cli_fakes.digest("again.png") == cli_fakes.digest("photo_painting_sheet.png")
    metadata = image_io.read_metadata("again.png")
    assert json.dumps(metadata["sheet"]) == '["strength=0,1.5", "color=style,content"]'
    (weak, strong), (weak_kept, strong_kept) = metadata["result"]["cells"]
    assert set(weak["losses"]) == {"content", "focus", "structure"}
    assert set(strong["losses"]) > {"content", "style"}
    # Colors are given back afterwards: what is optimized is the same.
    assert weak_kept["losses"] == weak["losses"]
    assert strong_kept["losses"] == strong["losses"]
