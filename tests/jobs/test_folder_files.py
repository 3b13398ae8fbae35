"""Many pictures where some are there already, and disks that fill up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from stylize_tf.cli.exits import Exit
from stylize_tf.images import image_io
from stylize_tf.jobs.folder.claims import Claims
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import (
    ALL,
    EVALUATIONS,
    NAMES,
    SHORT,
    at,
    digest,
    draw,
    fail_at,
    names,
    untimed,
)

pytestmark = pytest.mark.usefixtures("many")


def test_existing_pictures_are_skipped_and_nothing_is_loaded_when_all_are_there(
    stylize_briefly, check, capsys
):
    assert stylize_briefly(*ALL) == 0
    before = {name: digest(f"out/{name}") for name in names("out")}
    Path("out/dog_sea.png").unlink()
    capsys.readouterr()
    assert stylize_briefly(*ALL, "--skip_existing") == 0
    captured = capsys.readouterr()
    assert captured.out == "out/dog_sea.png\n"
    assert "1 picture to paint, 3 are there." in captured.err
    assert untimed(captured.err.splitlines()[-1]) == "stylize_tf: 1 written, 3 skipped."
    assert before == {name: digest(f"out/{name}") for name in names("out")}
    code, line = check(*ALL, *SHORT, "--skip_existing")
    assert (code, untimed(line)) == (0, "stylize_tf: 0 written, 4 skipped.")


def test_interrupted_picture_is_not_taken_for_finished(stylize_briefly):
    """Not even under the name of the finished one, which a run of a single picture gives it."""
    flags = ("--content=photos/cat.jpg", "--style=paintings/sea.jpg")
    Path("out").mkdir()
    hook = fail_at(2, KeyboardInterrupt())
    assert stylize_briefly(*flags, "--output=out/cat_sea.png", hook=hook) == 130
    assert not image_io.read_metadata("out/cat_sea.png")["result"]["finished"]
    assert stylize_briefly(*flags, "--output_dir=out", "--skip_existing") == 0
    assert image_io.read_metadata("out/cat_sea.png")["result"]["finished"]


def test_existing_picture_of_the_same_inputs_is_replaced_and_nothing_else_is(
    stylize_briefly, capsys
):
    assert stylize_briefly(*ALL, "--seed=1") == 0
    draw("out/cat_sea.png", seed=9)  # Somebody's own.
    shutil.copy("out/dog_sky.png", "out/cat_sky.png")  # Made from another photograph.
    Path("out/dog_sea.png").write_text("no picture")
    before = {name: digest(f"out/{name}") for name in names("out")}
    assert stylize_briefly(*ALL, "--seed=2") == Exit.PARTLY
    after = {name: digest(f"out/{name}") for name in names("out")}
    assert [name for name in before if before[name] != after[name]] == ["dog_sky.png"]
    error = capsys.readouterr().err
    assert "'out/cat_sea.png' is there already and holds no recipe" in error
    assert "'out/cat_sky.png' is there already, made from other pictures" in error
    assert "'out/dog_sea.png' is there already and is no picture" in error
    # Asked to leave what exists it leaves a picture without a recipe in peace, and says nothing.
    assert stylize_briefly(*ALL, "--skip_existing") == Exit.PARTLY
    assert "'out/cat_sea.png'" not in capsys.readouterr().err
    assert after == {name: digest(f"out/{name}") for name in names("out")}


def test_folder_of_the_photographs_may_be_that_of_the_results(stylize_briefly, capsys):
    flags = ("--content=photos", "--style=paintings/sea.jpg", "--output_dir=photos")
    inputs = {path: digest(path) for path in Path("photos").iterdir()}
    assert stylize_briefly(*flags) == 0
    assert stylize_briefly(*flags, "--skip_existing") == 0  # What was painted is no photograph.
    assert inputs.items() <= {path: digest(path) for path in Path("photos").iterdir()}.items()
    assert names("photos") == ["cat.jpg", "cat_sea.png", "dog.png", "dog_sea.png", "notes.txt"]
    assert "0 written, 2 skipped" in untimed(capsys.readouterr().err)


def test_input_is_never_overwritten(stylize_briefly, capsys):
    draw("photos/cat_sea.png", seed=7)
    flags = ("--content=photos", "--style=paintings/sea.jpg", "--output_dir=photos")
    before = digest("photos/cat_sea.png")
    assert stylize_briefly(*flags) == Exit.PARTLY
    assert "'photos/cat_sea.png' is an input, which it would overwrite" in capsys.readouterr().err
    assert digest("photos/cat_sea.png") == before


def test_file_that_takes_the_name_meanwhile_is_not_replaced(stylize_briefly, capsys):
    hook = at(3, lambda: Path("out/cat_sea.png").write_text("precious"))
    assert stylize_briefly(*ALL, hook=hook) == 0
    assert capsys.readouterr().out.splitlines()[0] == "out/cat_sea-2.png"
    assert Path("out/cat_sea.png").read_text() == "precious"


def test_several_processes_may_share_the_work(stylize_briefly, capsys):
    """Another one has painted the second picture while this one painted the first."""
    assert stylize_briefly(*ALL) == 0
    shutil.move("out", "theirs")
    capsys.readouterr()
    hook = at(3, lambda: shutil.copy("theirs/dog_sea.png", "out"))
    assert stylize_briefly(*ALL, "--skip_existing", hook=hook) == 0
    assert "3 written, 1 skipped" in untimed(capsys.readouterr().err)


def test_picture_that_another_process_finishes_first_all_the_same_has_one_name(
    stylize_briefly, capsys
):
    """As after a long sleep of one of them, whose claim was taken over."""
    assert stylize_briefly(*ALL) == 0
    shutil.move("out", "theirs")
    before = digest("theirs/cat_sea.png")
    hook = at(3, lambda: shutil.copy("theirs/cat_sea.png", "out"))
    assert stylize_briefly(*ALL, "--skip_existing", "--seed=2", hook=hook) == 0
    assert "3 written, 1 skipped" in untimed(capsys.readouterr().err)
    assert names("out") == sorted(NAMES)
    assert digest("out/cat_sea.png") == before


def test_picture_that_another_process_paints_is_left_to_it(stylize_briefly, capsys):
    theirs = Claims()
    hook = at(1, lambda: theirs.take("out/dog_sea.png"))
    assert stylize_briefly(*ALL, "--skip_existing", hook=hook) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == ["out/cat_sea.png", "out/cat_sky.png", "out/dog_sky.png"]
    last = untimed(captured.err.splitlines()[-1])
    assert last == "stylize_tf: 3 written, 1 left to other runs."
    assert names("out") == [".dog_sea.png.stylize_tf-claim-1", *sorted(set(NAMES) - {NAMES[1]})]
    # Who is asked to paint what is there paints it all the same.
    assert stylize_briefly(*ALL) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_picture_that_another_process_gives_up_is_painted_at_the_end(stylize_briefly, capsys):
    theirs = Claims()
    early = at(1, lambda: theirs.take("out/dog_sea.png"))
    late = at(3 * EVALUATIONS, lambda: theirs.give_back("out/dog_sea.png"))
    assert stylize_briefly(*ALL, "--skip_existing", hook=lambda x: (early(x), late(x))) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [f"out/{NAMES[x]}" for x in (0, 2, 3, 1)]
    assert untimed(captured.err.splitlines()[-1]) == "stylize_tf: 4 written."
    assert names("out") == sorted(NAMES)


def test_picture_that_another_process_finishes_meanwhile_is_there_at_the_end(
    stylize_briefly, capsys
):
    assert stylize_briefly(*ALL) == 0
    shutil.move("out", "done")
    theirs = Claims()

    def finish():
        shutil.copy("done/dog_sea.png", "out")
        theirs.give_back("out/dog_sea.png")

    early, late = at(1, lambda: theirs.take("out/dog_sea.png")), at(3 * EVALUATIONS, finish)
    assert stylize_briefly(*ALL, "--skip_existing", hook=lambda x: (early(x), late(x))) == 0
    last = untimed(capsys.readouterr().err.splitlines()[-1])
    assert last == "stylize_tf: 3 written, 1 skipped."
    assert names("out") == sorted(NAMES)


def test_disk_that_fills_up_ends_the_run_and_leaves_nothing_torn(
    stylize_briefly, capsys, monkeypatch
):
    sync, steps = os.fsync, []

    def full(descriptor):
        if len(steps) > EVALUATIONS:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    assert stylize_briefly(*ALL, hook=steps.append) == Exit.OUTPUT
    captured = capsys.readouterr()
    assert captured.out == "out/cat_sea.png\n"
    assert names("out") == ["cat_sea.png"]
    assert len(steps) == 2 * EVALUATIONS  # The third is not begun.
    lines = captured.err.splitlines()
    assert "'out/dog_sea.png' cannot be written: No space left on device" in lines[-2]
    assert lines[-2].endswith("Make room or choose another place.")
    assert "1 written, 1 failed, 2 left in " in lines[-1]
    assert lines[-1].endswith(" --skip_existing goes on from here.")
    monkeypatch.setattr(os, "fsync", sync)
    assert stylize_briefly(*ALL, "--skip_existing") == 0
    assert names("out") == sorted(NAMES)


def test_folder_that_goes_away_ends_the_run_before_the_next_picture(stylize_briefly, capsys):
    hook = at(EVALUATIONS + 2, lambda: shutil.rmtree("out"))
    assert stylize_briefly(*ALL, hook=hook) == Exit.OUTPUT
    assert len(cli_fakes.RUNS) == 2
    assert "1 written, 1 failed, 2 left" in untimed(capsys.readouterr().err)
