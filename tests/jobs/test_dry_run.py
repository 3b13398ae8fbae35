"""`--dry_run`: what would be painted and written, and nothing is."""

import os

import pytest

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.jobs.inputs import Wanted
from stylize_tf.jobs.options.painting import Options
from stylize_tf.jobs.plan import plan_of
from stylize_tf.machine import extras, rates, tensorflow_runtime
from stylize_tf.network import weights
from tests.fakes.cli_fakes import ALL, INPUTS, SHORT


@pytest.fixture
def tell(many, monkeypatch, tmp_path_factory, capsys):
    """Runs the command, which may write nothing and load nothing; what it prints and says."""

    def fail(*arguments, **options):
        raise AssertionError("TensorFlow or weights were loaded")

    monkeypatch.setattr(tensorflow_runtime, "load", fail)
    monkeypatch.setattr(weights, "find", fail)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))

    def run(*arguments, code=Exit.OK):
        before = sorted(many.rglob("*"))
        assert main_with(["main.py", "--dry_run", *SHORT, *arguments]) == code
        assert sorted(many.rglob("*")) == before
        captured = capsys.readouterr()
        return captured.out.splitlines(), captured.err.splitlines()

    return run


def test_a_picture_is_told_with_its_path_stages_time_and_memory(tell):
    lines, said = tell(*INPUTS)
    assert said == []
    assert lines[0].startswith("'photo_painting.png', 48x32 pixels: 5 steps in 2 stages, about ")
    assert lines[0].endswith(" GB.")
    assert [line.split()[:4] for line in lines[2:4]] == [
        ["1", "32x21", "3", "whole"],
        ["2", "48x32", "2", "whole"],
    ]
    assert lines[-1] == "Nothing like it was painted here yet: the seconds are a guess."
    assert tell(*INPUTS, "--output=out.jpg", "--checkpoint_dir=new")[0][0].startswith("'out.jpg', ")


def test_what_the_run_would_be_refused_for_is_refused(tell):
    assert "'none.png' does not exist" in tell("--content=none.png", INPUTS[1], code=3)[1][0]
    said = tell(*INPUTS, "--size=8000", "--memory=1GB", code=Exit.USAGE)[1]
    assert said[0].startswith("stylize_tf: error: --memory must be at least ")


def test_the_cells_of_a_sheet_are_told(tell):
    lines, _ = tell(*INPUTS, "--sheet=strength=.5,1", "--sheet=style_scale=.5,1,2")
    assert lines[0].startswith("'photo_painting_sheet.png', 6 cells: about ")
    labels = [line.rpartition(": ")[0].partition(": 48x32")[0] for line in lines[1:7]]
    assert labels[:3] == [
        "strength=.5, style_scale=.5",
        "strength=1, style_scale=.5",
        "strength=.5, style_scale=1",
    ]
    assert "5 steps in 2 stages" in lines[1]


def test_the_pictures_of_a_folder_are_told_and_what_is_broken_as_in_the_run(tell, many):
    lines, said = tell(*ALL)
    assert [line.partition(",")[0] for line in lines[:4]] == [
        "'out/cat_sea.png'",
        "'out/dog_sea.png'",
        "'out/cat_sky.png'",
        "'out/dog_sky.png'",
    ]
    assert lines[4].startswith("4 pictures to paint: about ")
    assert said == []
    (many / "photos" / "dog.png").write_bytes(b"no picture")
    lines, said = tell(*ALL, code=Exit.PARTLY)
    assert lines[2].startswith("2 pictures to paint: about ")
    assert "'photos/dog.png'" in said[0]


def test_all_that_would_be_written_is_named(tell):
    assert tell(*INPUTS, "--output=-")[0][0].startswith("to standard output, 48x32 pixels")
    lines, _ = tell(*INPUTS, "--output=-", "--sheet=seed=1,2")
    assert lines[0].startswith("to standard output, 2 cells")
    others = ("compare=c.png", "regions_overlay=r.png", "regions=auto:2", "checkpoint_dir=kept")
    flags = [f"--{other}" for other in others]
    lines, _ = tell(*INPUTS, *flags, "--save_every=2", "--tensorboard_dir=logs/new")
    assert lines[1] == (
        "Beside it: 'c.png' (--compare), 'r.png' (--regions_overlay), 'kept' (--checkpoint_dir), "
        "'logs/new' (--tensorboard_dir), 'photo_painting-0002.png' and so on (--save_every)."
    )
    lines, _ = tell(*INPUTS, "--timelapse=t.gif", "--save_every=2")
    assert lines[1] == "Beside it: 't.gif' (--timelapse)."
    lines, _ = tell(*ALL, "--checkpoint_dir=kept")
    assert lines[5] == "Beside it: 'kept' (--checkpoint_dir)."


@pytest.mark.parametrize("inputs", [INPUTS, ALL, (*INPUTS, "--sheet=seed=1,2")], ids=str)
def test_file_of_weights_that_the_run_would_miss_is_missed(tell, inputs):
    said = tell(*inputs, "--weights=none.h5", code=Exit.WEIGHTS)[1]
    assert said[0].startswith("stylize_tf: error: The weights file 'none.h5' ")


def test_folders_that_could_not_be_made_are_refused(tell, monkeypatch):
    for flag in ("checkpoint_dir", "tensorboard_dir"):
        said = tell(*INPUTS, f"--{flag}=photo.png/new", code=Exit.OUTPUT)[1]
        assert said[0].endswith(f"cannot write to --{flag} 'photo.png/new': Not a directory.")
    said = tell(*ALL[:2], "--output_dir=photo.png/new/out", code=Exit.OUTPUT)[1]
    assert "the folder 'photo.png/new/out' cannot be made: Not a directory" in said[0]
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)
    said = tell(*INPUTS, "--tensorboard_dir=logs", code=Exit.USAGE)[1]
    assert "--tensorboard_dir needs tensorboard, which is not installed" in said[0]


def test_claims_of_the_dead_are_left_to_the_run(tell, many, stylize, capsys):
    assert stylize(*ALL, *SHORT) == 0
    capsys.readouterr()
    claim = many / "out" / ".cat_sea.png.stylize_tf-claim-1"
    claim.write_text("elsewhere 1")
    os.utime(claim, (0, 0))
    assert "0 pictures to paint, 4 are there." in tell(*ALL, "--skip_existing")[0]
    assert claim.exists()


def test_a_time_budget_is_of_all_that_one_picture_takes(monkeypatch):
    """As the run, which leaves to the steps what starting took, and a second for the rest."""
    monkeypatch.setenv(rates.SWITCH, "0")  # Other tests may have painted.
    monkeypatch.setattr(rates, "guessed_speed", lambda precision, device: 1e11)
    options = Options(content=("a.png",), style=("b.png",))
    items = [Wanted(role, role, role) for role in ("content", "style")]
    free = StyleTransferConfig(precision="float32")
    taken = plan_of(free, options, items, [(1000, 1500)] * 2).seconds
    for budget in (0.7 * taken, 2 * taken):
        config = free.replace(time_budget=budget)
        plan = plan_of(config, options, items, [(1000, 1500)] * 2, is_alone=True)
        assert 0.9 * budget < plan.seconds < budget
        assert plan_of(config, options, items, [(1000, 1500)] * 2).seconds > budget


def test_after_a_real_run_the_seconds_are_no_guess(real_stylize, folder, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))  # Other tests may have painted.
    flags = (*INPUTS, *SHORT, "--output=out.png", "--quiet")
    assert real_stylize(*flags) == 0
    capsys.readouterr()
    assert real_stylize(*flags, "--dry_run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("'out.png', 48x32 pixels: 5 steps in 2 stages, about ")
    assert lines[-1].split()[:2] == ["all", "5"]
    # With another form of the loss it is one.
    assert real_stylize(*flags, "--dry_run", "--style_loss=gram") == 0
    assert "a guess" in capsys.readouterr().out
