from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import stylize_tf
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.images import image_io
from stylize_tf.jobs.recipe import Input, Recipe, RecipeError, differences, find_recorded
from stylize_tf.machine import tensorflow_runtime
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import SHORT, digest

INPUTS = (*cli_fakes.INPUTS, "--style=other.png")


@pytest.fixture
def folder(folder):
    cli_fakes.draw("start.png", seed=3)
    return folder


def recipe(**changes):
    metadata = {
        "config": StyleTransferConfig().to_dict(),
        "inputs": [
            {"role": "content", "path": "a.png", "sha256": "1"},
            {"role": "style", "path": "b.png", "sha256": "2"},
        ],
        "options": {"quality": 95},
        "weights": {"source": "x", "kind": "npz", "sha256": "3"},
        "versions": {"numpy": "1"},
    }
    return metadata | changes


def test_metadata_holds_all_that_made_the_picture_and_nothing_else(stylize):
    assert stylize(*INPUTS, *SHORT, "--background=black", "--output=out.png") == 0
    metadata = image_io.read_metadata("out.png")
    config = StyleTransferConfig(size=48, coarsest_size=32, steps=(3, 2), precision="float32")
    assert metadata == {
        "config": config.to_dict(),
        "inputs": [
            {"role": "content", "path": "photo.png", "sha256": digest("photo.png")},
            {"role": "style", "path": "painting.png", "sha256": digest("painting.png")},
            {"role": "style", "path": "other.png", "sha256": digest("other.png")},
        ],
        "options": {"background": "#000000", "device": "auto", "quality": 95, "threads": 0},
        "result": {
            "evaluations": 5,
            "finished": True,
            "loss": 0.25 + 1 / 5,
            "losses": {"content": 0.25, "style": 1 / 5},
        },
        "versions": {"stylize_tf": "0.1.0", **tensorflow_runtime.versions()},
        "weights": {"source": "weights for tests", "kind": "npz", "sha256": "0" * 64},
    }


def test_versions_are_of_what_decides_the_pixels():
    assert set(tensorflow_runtime.versions()) == {
        "python",
        "tensorflow",
        "keras",
        "numpy",
        "pillow",
    }
    assert "unknown" not in tensorflow_runtime.versions().values()


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "tif"])
def test_from_picture_gives_the_same_file_byte_for_byte(stylize, capsys, extension):
    flags = ["--init_image=start.png", "--seed=4", "--style_blend_weights=1,2"]
    flags += ["--quality=80"] if extension in ("jpg", "webp") else []
    assert stylize(*INPUTS, *SHORT, *flags, f"--output=out.{extension}") == 0
    assert stylize(f"--from_picture=out.{extension}") == 0
    assert capsys.readouterr().out == f"out.{extension}\nout-2.{extension}\n"
    assert digest(f"out.{extension}") == digest(f"out-2.{extension}")


def test_from_picture_finds_inputs_beside_the_picture(stylize, tmp_path, monkeypatch, capsys):
    assert stylize(*INPUTS, *SHORT, "--output=out.png") == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    # A file of the same name that is another picture is not taken for the recorded one.
    shutil.copy("../painting.png", "photo.png")
    assert stylize("--from_picture=../out.png") == 0
    assert capsys.readouterr().out == "out.png\nout.png\n"
    assert digest("out.png") == digest("../out.png")


def test_flags_override_the_recipe(stylize):
    assert stylize(*INPUTS, *SHORT, "--quality=80", "--output=out.jpg") == 0
    flags = ("--size=40", "--quality=81", "--style=start.png", "--output=new.jpg")
    assert stylize("--from_picture=out.jpg", *flags) == 0
    old, new = image_io.read_metadata("out.jpg"), image_io.read_metadata("new.jpg")
    assert new["config"] == {**old["config"], "size": 40}
    assert new["options"] == {**old["options"], "quality": 81}
    assert [item["path"] for item in new["inputs"]] == ["photo.png", "start.png"]
    assert new["inputs"][1]["sha256"] == digest("start.png")


def test_start_of_the_recipe_is_dropped_with_its_init(stylize):
    assert stylize(*INPUTS, *SHORT, "--init_image=start.png", "--output=out.png") == 0
    Path("start.png").unlink()
    assert stylize("--from_picture=out.png") == 3
    assert stylize("--from_picture=out.png", "--init=content", "--output=new.png") == 0
    assert len(image_io.read_metadata("new.png")["inputs"]) == 3


def test_input_that_changed_or_went_is_refused_by_name_and_may_be_replaced(stylize, capsys):
    assert stylize(*INPUTS, *SHORT, "--output=out.png") == 0
    shutil.copy("start.png", "photo.png")
    capsys.readouterr()
    assert stylize("--from_picture=out.png") == 3
    error = capsys.readouterr().err
    assert error.startswith("stylize_tf: error: 'photo.png' is not the content that the picture")
    Path("other.png").rename("moved.png")
    assert stylize("--from_picture=out.png", "--content=photo.png") == 3
    assert "'other.png' does not exist" in capsys.readouterr().err
    styles = ("--style=painting.png", "--style=moved.png")
    assert stylize("--from_picture=out.png", "--content=photo.png", *styles, "--output=b.png") == 0
    assert "warning: other pictures than those the recipe names" in capsys.readouterr().err
    assert image_io.read_metadata("b.png")["inputs"][0]["sha256"] == digest("start.png")


def test_picture_is_not_replaced_by_its_own_repetition(stylize, capsys):
    assert stylize(*INPUTS, *SHORT, "--output=out.png") == 0
    assert stylize("--from_picture=out.png", "--output=out.png") == 4
    assert "'out.png' is the input 'out.png'" in capsys.readouterr().err


def test_other_versions_and_weights_are_warned_of(stylize, capsys, monkeypatch):
    assert stylize(*INPUTS, *SHORT, "--output=out.png", "--quiet") == 0
    monkeypatch.setattr(stylize_tf, "__version__", "9.9")
    monkeypatch.setattr(cli_fakes.WEIGHTS, "sha256", "f" * 64)
    capsys.readouterr()
    assert stylize("--from_picture=out.png", "--quiet") == 0
    first, second = capsys.readouterr().err.splitlines()
    assert "made with stylize_tf 0.1.0 (now 9.9)" in first
    assert "other weights" in second


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": None}, "no `config`"),
        ({"config": {"nonsense": 1}}, "no option `nonsense`"),
        ({"config": {"size": -1}}, "`size` must be"),
        ({"config": {"steps": [[1]]}}, "`steps` must be"),
        ({"config": {"init": ["content"]}}, "`init` must be"),
        ({"inputs": []}, "no inputs"),
        ({"inputs": "a.png"}, "no inputs"),
        ({"inputs": [{"role": "content", "path": 3, "sha256": ""}]}, "no role, path or hash"),
        ({"inputs": [{"role": "mask", "path": "a", "sha256": ""}]}, "not one we know"),
        ({"inputs": [{"role": "content", "path": "a", "sha256": ""}] * 2}, "one photograph"),
        ({"options": []}, "no `options`"),
        ({"options": {"quality": 101}}, "`quality`"),
        ({"options": {"quality": "95"}}, "`quality`"),
        ({"options": {"background": "?"}}, "`background`"),
        ({"options": {"device": 3}}, "`device`"),
        ({"weights": {"kind": 3}}, "`weights` are not text"),
        ({"versions": None}, "no `versions`"),
    ],
    ids=str,
)
def test_recipe_that_somebody_made_up_is_refused(changes, message):
    with pytest.raises(RecipeError) as caught:
        Recipe.from_metadata(recipe(**changes))
    assert message in str(caught.value)


def test_recipe_comes_back_from_its_metadata():
    first = Recipe.from_metadata(recipe())
    metadata = json.loads(
        json.dumps(first.to_metadata({"a": 1.0, "b": float("nan")}, 3, finished=True))
    )
    assert Recipe.from_metadata(metadata) == first
    assert metadata["result"] == {
        "evaluations": 3,
        "finished": True,
        "loss": None,
        "losses": {"a": 1.0, "b": None},
    }


def test_recipe_that_cannot_be_followed_is_an_unreadable_picture(stylize, capsys):
    metadata = recipe(config={"sizes": 3})
    image_io.write("out.png", np.zeros((4, 4, 3), np.float32), metadata=metadata)
    assert stylize("--from_picture=out.png") == 3
    assert capsys.readouterr().err == (
        "stylize_tf: error: the recipe in 'out.png' cannot be followed: "
        "There is no option sizes. Did you mean --size?\n"
    )


def test_differences_are_of_what_is_known_now():
    recorded = {"numpy": "1", "keras": "3", "other": "9"}
    assert differences(recorded, {"numpy": "2", "keras": "3", "new": "1"}) == ["numpy 1 (now 2)"]


def test_recorded_input_that_is_nowhere_keeps_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    item = Input("content", "gone.png", "0")
    assert find_recorded(item, "folder/out.png") == "gone.png"


@pytest.mark.parametrize(
    "options",
    [
        INPUTS,
        (*INPUTS, "--style_blend_weights=3,1", "--color=luminance", "--style_fit=crop"),
    ],
    ids=["default", "blend"],
)
def test_from_picture_reproduces_a_real_run_byte_for_byte(real_stylize, capsys, options):
    flags = (*options, "--size=64", "--coarsest_size=40", "--steps=4,3", "--output=out.png")
    assert real_stylize(*flags, "--quiet") == 0
    assert real_stylize("--from_picture=out.png", "--quiet") == 0
    assert capsys.readouterr() == ("out.png\nout-2.png\n", "")
    assert digest("out.png") == digest("out-2.png")
