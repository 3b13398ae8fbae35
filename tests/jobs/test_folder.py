"""Many pictures in one run, with a stylizer for tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.errors import ImageError, StylizationError
from stylize_tf.images import image_io
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import (
    ALL,
    EVALUATIONS,
    NAMES,
    ResourceExhaustedError,
    at,
    digest,
    draw,
    fail_at,
    names,
    untimed,
)

pytestmark = pytest.mark.usefixtures("many")


def test_each_photograph_is_painted_in_the_manner_of_each_painting(stylize_briefly, capsys):
    assert stylize_briefly(*ALL) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [f"out/{name}" for name in NAMES]
    assert names("out") == sorted(NAMES)
    lines = captured.err.splitlines()
    assert lines[:3] == [
        "stylize_tf: Weights of VGG19: weights for tests.",
        "stylize_tf: Loading TensorFlow ...",
        "stylize_tf: 4 pictures to paint.",
    ]
    assert lines[3] == "stylize_tf: [1/4] 'photos/cat.jpg' as 'paintings/sea.jpg'"
    assert any(x.startswith("stylize_tf: [2/4] Wrote 'out/dog_sea.png', 48x32") for x in lines)
    assert untimed(lines[-1]) == "stylize_tf: 4 written."


def test_pictures_are_those_of_runs_of_their_own_byte_for_byte(stylize_briefly):
    assert stylize_briefly(*ALL, "--quality=80", "--output_format=jpg") == 0
    for name in NAMES:
        photo, painting = Path(name).stem.split("_")
        [content], [style] = (
            Path("photos").glob(f"{photo}.*"),
            Path("paintings").glob(f"{painting}.*"),
        )
        flags = (f"--content={content}", f"--style={style}", "--quality=80", "--output=own.jpg")
        assert stylize_briefly(*flags) == 0
        assert digest(Path("out") / Path(name).with_suffix(".jpg")) == digest("own.jpg")


def test_picture_of_a_folder_runs_again_by_its_recipe_byte_for_byte(stylize_briefly, capsys):
    assert stylize_briefly(*ALL) == 0
    recipe = image_io.read_metadata("out/dog_sky.png")
    assert [item["path"] for item in recipe["inputs"]] == ["photos/dog.png", "paintings/sky.webp"]
    assert main_with(["main.py", "--from_picture=out/dog_sky.png", "--output=again.png"]) == 0
    assert digest("again.png") == digest("out/dog_sky.png")


def test_blend_weights_blend_the_paintings_of_each_photograph(stylize_briefly):
    assert stylize_briefly(*ALL, "--style_blend_weights=1,3") == 0
    assert names("out") == ["cat_sea_sky.png", "dog_sea_sky.png"]
    inputs = image_io.read_metadata("out/cat_sea_sky.png")["inputs"]
    assert [item["role"] for item in inputs] == ["content", "style", "style"]


def test_network_is_loaded_once_and_pictures_are_read_when_their_turn_comes(
    stylize_briefly, monkeypatch
):
    made, read = [], []
    original = image_io.read
    monkeypatch.setattr(
        image_io, "read", lambda path, **b: read.append(str(path)) or original(path, **b)
    )
    hook = at(EVALUATIONS + 1, lambda: made.extend(read))
    assert stylize_briefly(*ALL, hook=hook) == 0
    assert len(cli_fakes.MADE) == 1
    # A painting that the next picture needs as well is not read again.
    assert made == ["photos/cat.jpg", "paintings/sea.jpg", "photos/dog.png"]


def test_files_patterns_and_folders_go_together_and_a_file_given_twice_is_done_once(
    stylize_briefly,
):
    Path("link.jpg").symlink_to("photos/cat.jpg")
    flags = (
        "--content=photos/*.jpg",
        "--content=photos",
        "--content=link.jpg",
        "--content=./photos/cat.jpg",
    )
    assert stylize_briefly(*flags, "--style=paintings/sea.jpg", "--output_dir=a/b/out") == 0
    assert names("a/b/out") == ["cat_sea.png", "dog_sea.png"]


def test_inputs_of_one_name_give_pictures_of_different_names(stylize_briefly):
    draw("photos/cat.png", seed=5)
    draw("other/cat.jpg", seed=6)
    flags = ("--content=photos", "--content=other", "--style=paintings/sea.jpg")
    assert stylize_briefly(*flags, "--output_dir=out") == 0
    assert names("out") == [
        "cat-png_sea.png",
        "dog_sea.png",
        "other-cat_sea.png",
        "photos-cat_sea.png",
    ]
    sources = {x: image_io.read_metadata(f"out/{x}")["inputs"][0]["path"] for x in names("out")}
    assert sources["cat-png_sea.png"] == "photos/cat.png"
    assert sources["other-cat_sea.png"] == "other/cat.jpg"


def test_odd_names_work(stylize_briefly, capfdbinary):
    odd = os.fsdecode(b"new\nline \xff.png")
    for name in ("café 图.png", odd, "-dash.png", "br[a]cket.png", "é" * 100 + ".png"):
        draw(f"odd/{name}", seed=len(name))
    assert stylize_briefly("--content=odd", "--style=paintings/sea.jpg", "--output_dir=out") == 0
    written = capfdbinary.readouterr().out
    assert len(names("out")) == 5
    for name in ("café 图_sea.png", "-dash_sea.png", "br[a]cket_sea.png"):
        assert f"out/{name}\n".encode() in written
    assert b"out/new\nline \xff_sea.png\n" in written
    # A name with brackets that is there is that file, not a pattern.
    assert (
        stylize_briefly(
            "--content=odd/br[a]cket.png", "--style=paintings/sea.jpg", "--output_dir=b"
        )
        == 0
    )
    assert names("b") == ["br[a]cket_sea.png"]


def test_unreadable_inputs_are_reported_at_once_and_the_rest_is_done(stylize_briefly, capsys):
    Path("photos/empty.jpg").write_bytes(b"")
    Path("photos/text.png").write_text("hello")
    Path("photos/loop.png").symlink_to("loop.png")
    os.mkfifo("photos/pipe.jpg")
    assert stylize_briefly(*ALL) == Exit.PARTLY
    captured = capsys.readouterr()
    assert names("out") == sorted(NAMES)
    lines = captured.err.splitlines()
    bad = ["empty.jpg", "loop.png", "pipe.jpg", "text.png"]
    for name, line in zip(bad, lines, strict=False):  # Before anything else is said.
        assert line.startswith(f"stylize_tf: error: 'photos/{name}'")
    named = ", ".join(f"'photos/{name}'" for name in bad)
    assert untimed(lines[-1]) == f"stylize_tf: error: 4 written, 8 failed; failed: {named}."


def test_picture_that_turns_out_broken_when_its_turn_comes_fails_alone(stylize_briefly, capsys):
    whole = Path("photos/cat.jpg").read_bytes()
    Path("photos/cat.jpg").write_bytes(whole[: len(whole) // 2])
    assert stylize_briefly(*ALL) == Exit.PARTLY
    error = capsys.readouterr().err
    assert names("out") == ["dog_sea.png", "dog_sky.png"]
    assert error.count("error: 'photos/cat.jpg' cannot be read as a picture") == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StylizationError("The loss is not finite."), "The loss is not finite."),
        (ResourceExhaustedError("OOM"), "out of memory. Ask for a smaller --size"),
        (ImageError("`content` must be in [0, 1]."), "--content must be in [0, 1]."),
        (ZeroDivisionError("by zero"), "unexpected ZeroDivisionError: by zero"),
    ],
    ids=repr,
)
def test_failure_in_the_middle_of_a_picture_keeps_what_there_is_and_goes_on(
    stylize_briefly, capsys, error, message
):
    hook = fail_at(EVALUATIONS + 3, error)
    assert stylize_briefly(*ALL, "--quiet", hook=hook) == Exit.PARTLY
    captured = capsys.readouterr()
    assert captured.out.splitlines() == ["out/cat_sea.png", "out/cat_sky.png", "out/dog_sky.png"]
    assert names("out") == ["cat_sea.png", "cat_sky.png", "dog_sea-unfinished.png", "dog_sky.png"]
    result = image_io.read_metadata("out/dog_sea-unfinished.png")["result"]
    assert (result["finished"], result["evaluations"]) == (False, 2)
    first, kept, last = captured.err.splitlines()
    assert first.startswith(f"stylize_tf: error: 'out/dog_sea.png': {message}")
    assert kept.endswith("the best picture before the failure is 'out/dog_sea-unfinished.png'.")
    assert untimed(last).endswith("3 written, 1 failed; failed: 'out/dog_sea.png'.")


def test_when_all_pictures_fail_the_exit_code_is_that_of_the_first(stylize_briefly, capsys):
    def fail(evaluation):
        raise MemoryError

    assert stylize_briefly(*ALL, hook=fail) == Exit.FAILED
    assert names("out") == []
    assert "0 written, 4 failed" in untimed(capsys.readouterr().err)


def test_size_that_does_not_suit_one_photograph_is_its_failure_alone(stylize_briefly, capsys):
    draw("photos/line.png", size=(2, 400))
    assert stylize_briefly(*ALL) == Exit.PARTLY
    error = capsys.readouterr().err
    assert names("out") == sorted(NAMES)
    assert error.count("error: 'photos/line.png': --size must leave each side") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--output_dir=out"], Exit.USAGE, "--content and --style must be given: --content 'pho"),
        (["--content=photos", "--output_dir=out"], Exit.USAGE, "--style must be given"),
        ([*ALL, "--init=picture"], Exit.USAGE, '--init "picture" goes with one picture: leave'),
        ([*ALL, "--style_blend_weights=1,2,3"], Exit.USAGE, "--style_blend_weights must have one"),
        (
            [*ALL, "--style_blend_weights=1,1", "--regions=auto:2"],
            Exit.USAGE,
            "--regions auto finds the masks itself, for one painting: give one --style",
        ),
        ([*ALL, "--content=*.bmp"], Exit.PICTURE, "--content: no picture matches '*.bmp'."),
        ([*ALL, "--style=nowhere/**/*"], Exit.PICTURE, "--style: no picture matches"),
        ([*ALL, "--content=empty"], Exit.PICTURE, "--content: there is no picture in the folder"),
        ([*ALL[:2], "--output_dir=photos/cat.jpg"], Exit.OUTPUT, "'photos/cat.jpg' is not a f"),
        ([*ALL[:2], "--output_dir=photos/cat.jpg/x"], Exit.OUTPUT, "the folder 'photos/cat.jpg/"),
        ([*ALL[:2], "--output_dir=/proc"], Exit.OUTPUT, "nothing can be written in '/proc': "),
        ([*ALL[:2], "--output_dir=/proc/x"], Exit.OUTPUT, "the folder '/proc/x' cannot be made"),
        (["--content=a", "--content=b", ALL[1]], Exit.USAGE, "--content was given several times: "),
        (["--content=photos/*.jpg", ALL[1]], Exit.USAGE, "--content: there is no file 'photos/*"),
        (["--content=photos/cat.jpg", "--style=*"], Exit.USAGE, "--style: there is no file '*'."),
        ([*ALL[:2], "--device=/GPU:0,/GPU:1"], Exit.USAGE, "--device: one picture is made on one"),
        (["--content", "a.jpg", "b.jpg"], Exit.USAGE, "unexpected argument 'b.jpg'. Pictures are"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_done_is_one_line_before_tensorflow_is_loaded(
    check, arguments, code, message
):
    Path("empty").mkdir()
    found, line = check(*arguments)
    assert (found, line[: len(message)]) == (code, message)


def test_painting_of_a_blend_that_cannot_be_read_ends_the_run(check):
    Path("paintings/text.jpg").write_text("hello")
    code, line = check(*ALL, "--style_blend_weights=1,1,1")
    assert (code, line[:20]) == (Exit.PICTURE, "'paintings/text.jpg'")


def test_when_no_input_can_be_read_nothing_is_loaded(stylize_briefly, capsys):
    for path in Path("photos").iterdir():
        path.write_text("hello")
    assert stylize_briefly(*ALL) == Exit.PICTURE
    assert cli_fakes.MADE == []
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("stylize_tf: error: 0 written, 4 failed")
    assert not Path("out").exists()


def test_quiet_run_prints_paths_as_soon_as_pictures_are_finished_and_nothing_else(
    stylize_briefly, capfd
):
    seen = []
    hook = at(EVALUATIONS + 1, lambda: seen.append(capfd.readouterr()))
    assert stylize_briefly(*ALL, "--quiet", hook=hook) == 0
    seen.append(capfd.readouterr())
    assert seen == [("out/cat_sea.png\n", ""), ("".join(f"out/{x}\n" for x in NAMES[1:]), "")]
