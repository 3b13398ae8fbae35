"""One picture, with a stylizer for tests: what is written, where, and what it is made from."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.images import image_io
from stylize_tf.machine import tensorflow_runtime
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import INPUTS, SHORT, at, fail_at, names


def test_picture_is_written_under_a_name_from_both_and_its_path_printed_alone(
    stylize, folder, capsys
):
    assert stylize(*INPUTS, *SHORT) == 0
    captured = capsys.readouterr()
    assert captured.out == "photo_painting.png\n"
    assert image_io.size_of("photo_painting.png") == (32, 48)
    assert names() == ["other.png", "painting.png", "photo.png", "photo_painting.png"]
    lines = captured.err.splitlines()
    assert lines[0] == "stylize_tf: Weights of VGG19: weights for tests."
    assert lines[1] == "stylize_tf: Loading TensorFlow ..."
    assert lines[2].startswith("stage 1/2  32x21  step 1/3  loss 1.25 = content 0.25 + style 1")
    assert lines[-1].startswith("stylize_tf: Wrote 'photo_painting.png', 48x32 pixels, in ")


def test_derived_name_never_replaces_a_file(stylize, folder, capsys):
    for expected in ("photo_painting.png", "photo_painting-2.png", "photo_painting-3.png"):
        before = {name: cli_fakes.digest(name) for name in names()}
        assert stylize(*INPUTS, *SHORT) == 0
        assert capsys.readouterr().out == f"{expected}\n"
        assert before.items() <= {name: cli_fakes.digest(name) for name in names()}.items()


def test_derived_name_that_is_taken_during_the_run_is_not_replaced(stylize, folder, capsys):
    hook = at(3, lambda: Path("photo_painting.png").write_text("precious"))
    assert stylize(*INPUTS, *SHORT, hook=hook) == 0
    assert Path("photo_painting.png").read_text() == "precious"
    assert capsys.readouterr().out == "photo_painting-2.png\n"


def test_derived_name_of_long_and_odd_names_can_be_written(stylize, folder, capfdbinary):
    long = "é" * 120 + ".png"
    odd = os.fsdecode(b"new\nline \xff.png")
    Path("photo.png").rename(long)
    Path("painting.png").rename(odd)
    code = stylize(f"--content={long}", f"--style={odd}", *SHORT)
    captured = capfdbinary.readouterr()
    assert code == 0
    assert captured.out.removesuffix(b"\n").decode() == "é" * 60 + ".png"
    assert stylize(f"--content={odd}", "--style=other.png", *SHORT) == 0
    captured = capfdbinary.readouterr()
    assert captured.out == b"new\nline \xff_other.png\n"
    assert b"Wrote 'new\\nline \\udcff_other.png'" in captured.err


def test_output_that_exists_is_replaced(stylize, folder, capsys):
    Path("out.webp").write_text("old")
    assert stylize(*INPUTS, *SHORT, "--output=out.webp") == 0
    assert image_io.size_of("out.webp") == (32, 48)
    assert capsys.readouterr().out == "out.webp\n"


@pytest.mark.parametrize("given", ["out", "out/", "./out//", "link"])
def test_output_that_is_a_folder_gets_the_picture_under_a_derived_name(stylize, capsys, given):
    Path("out").mkdir()
    Path("link").symlink_to("out")
    Path("out/photo_painting.png").write_text("precious")
    assert stylize(*INPUTS, *SHORT, f"--output={given}") == 0
    assert stylize(*INPUTS, *SHORT, f"--output={given}", "--sheet=seed=1,2") == 0
    place = given.strip("./")
    assert capsys.readouterr().out.splitlines() == [
        f"{place}/photo_painting-2.png",
        f"{place}/photo_painting_sheet.png",
    ]
    assert stylize("--from_picture=out/photo_painting-2.png", f"--output={given}") == 0
    assert capsys.readouterr().out == f"{place}/photo_painting-2-2.png\n"
    assert Path("out/photo_painting.png").read_text() == "precious"


def test_output_in_a_folder_that_is_missing_is_refused_with_the_way_to_make_it(check, folder):
    assert check(*INPUTS, "--output=new/") == (
        Exit.OUTPUT,
        "'new/photo_painting.png' cannot be written: its folder does not exist. Create it first: "
        f"mkdir -p '{folder}/new'",
    )


def test_quiet_run_says_nothing_but_the_path(stylize, capsys):
    assert stylize(*INPUTS, *SHORT, "--quiet") == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("photo_painting.png\n", "")


def test_several_styles_are_blended_and_a_flagfile_works(stylize, folder, capsys):
    Path("flags").write_text("--style=other.png\n--style_blend_weights=1,3\n")
    assert stylize(*INPUTS, "--flagfile=flags", *SHORT) == 0
    assert capsys.readouterr().out == "photo_painting_other.png\n"


def test_flags_override_the_preset(stylize, monkeypatch):
    preset = StyleTransferConfig(size=40, coarsest_size=0, steps=(1,), seed=7)
    monkeypatch.setitem(PRESETS, "paper", preset)
    assert stylize(*INPUTS, "--preset=paper", "--size=36", "--output=out.png") == 0
    config = image_io.read_metadata("out.png")["config"]
    assert config == preset.replace(size=36, precision="float32").to_dict()


def test_init_image_implies_its_use(stylize):
    assert stylize(*INPUTS, *SHORT, "--init_image=other.png", "--output=out.png") == 0
    assert image_io.read_metadata("out.png")["config"]["init"] == "picture"
    start, plain = image_io.read("out.png"), stylize(*INPUTS, *SHORT, "--output=plain.png")
    assert plain == 0
    assert not np.allclose(start, image_io.read("plain.png"), atol=0.02)


def test_transparent_inputs_are_put_on_the_background(stylize, folder):
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save("clear.png")
    for color, expected in (("white", 1.0), ("#000000", 0.0)):
        arguments = ("--content=clear.png", "--style=clear.png", f"--background={color}")
        assert stylize(*arguments, *SHORT, "--output=out.png") == 0
        assert np.allclose(image_io.read("out.png"), expected, atol=0.01)


def test_save_every_writes_numbered_pictures_of_the_final_size(stylize, folder, capsys):
    assert stylize(*INPUTS, *SHORT, "--output=out.jpg", "--save_every=2") == 0
    assert capsys.readouterr().out == "out.jpg\n"
    assert names()[1:4] == ["out-0002.jpg", "out-0004.jpg", "out.jpg"]
    for name, evaluations in (("out-0002.jpg", 2), ("out-0004.jpg", 4), ("out.jpg", 5)):
        assert image_io.size_of(name) == (32, 48)
        result = image_io.read_metadata(name)["result"]
        assert (result["evaluations"], result["finished"]) == (evaluations, name == "out.jpg")


def test_intermediate_that_cannot_be_written_is_a_warning(stylize, folder, capsys):
    Path("out-0002.png").mkdir()
    assert stylize(*INPUTS, *SHORT, "--output=out.png", "--save_every=2") == 0
    assert "warning: --save_every: 'out-0002.png' is a folder" in capsys.readouterr().err
    assert Path("out-0004.png").is_file()


def test_checkpoints_go_to_their_folder_and_are_removed_when_the_picture_is_written(
    stylize, folder, monkeypatch
):
    removed = []

    def remove(checkpoint):
        removed.append(Path("photo_painting.png").exists())

    monkeypatch.setattr("stylize_tf.iterative.checkpoint.Checkpoint.remove", remove)
    flags = ("--checkpoint_dir=kept/here", "--checkpoint_seconds=7")
    assert stylize(*INPUTS, *SHORT, *flags) == 0
    checkpoint = cli_fakes.RUNS[-1].checkpoint
    assert (checkpoint.folder, checkpoint._seconds) == (Path("kept/here"), 7)
    assert removed == [True]
    assert stylize(*INPUTS, *SHORT) == 0
    assert cli_fakes.RUNS[-1].checkpoint is None


def test_checkpoint_of_a_run_that_fails_is_not_removed(stylize, folder, monkeypatch):
    monkeypatch.setattr(
        "stylize_tf.iterative.checkpoint.Checkpoint.remove", lambda _: pytest.fail("gone")
    )
    hook = fail_at(3, MemoryError())
    assert stylize(*INPUTS, *SHORT, "--checkpoint_dir=kept", hook=hook) == Exit.FAILED


def test_recipe_of_a_time_budget_tells_the_steps_it_came_to(stylize, folder):
    assert stylize(*INPUTS, *SHORT, "--time_budget=90s") == 0
    config = image_io.read_metadata("photo_painting.png")["config"]
    # The stylizer for tests says that every stage had one step less than asked for.
    assert (config["steps"], config["time_budget"]) == ([2, 1], 0)
    assert stylize(*INPUTS, *SHORT) == 0
    assert image_io.read_metadata("photo_painting-2.png")["config"]["steps"] == [3, 2]


def test_threads_are_asked_of_tensorflow_and_told_in_the_recipe(stylize, monkeypatch):
    asked = []
    install = cli_fakes.install

    def listening(put, *arguments):
        install(put, *arguments)
        load = tensorflow_runtime.load
        put(
            tensorflow_runtime,
            "load",
            lambda device, threads, **others: asked.append(threads) or load(),
        )

    monkeypatch.setattr(cli_fakes, "install", listening)
    assert stylize(*INPUTS, *SHORT, "--threads=3") == 0
    assert asked == [3]
    assert image_io.read_metadata("photo_painting.png")["options"]["threads"] == 3
