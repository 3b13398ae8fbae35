"""Many pictures by Beam, its workers in this process: the same files as those of a folder run."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("apache_beam", reason='pip install "stylize-tf[beam]"')

from apache_beam.io.filesystem import BeamIOError
from apache_beam.options.pipeline_options import PipelineOptions, S3Options

from stylize_tf.cli.commands import batch
from stylize_tf.cli.exits import Exit
from stylize_tf.cli.flags import read_command_line
from stylize_tf.cli.main import main_with
from stylize_tf.errors import ConfigError, WeightsError
from stylize_tf.feedforward import network_files
from stylize_tf.images import image_io
from stylize_tf.jobs.batch import beam_options, places
from stylize_tf.machine import tensorflow_runtime
from stylize_tf.network import weights
from tests.fakes import cli_fakes, memory_files
from tests.fakes.cli_fakes import NAMES, SHORT, digest, draw, fail_at, names, untimed
from tests.fakes.tiny_network import network_of

pytestmark = pytest.mark.usefixtures("many")

INPUTS = ("--content=photos/*", "--style=paintings/*")
FEW_LAYERS = (
    *("--content_layers=block2_conv1", "--style_layers=block1_conv1", "--style_layer_weights="),
    *("--structure_weight=0", "--focus_weight=0", "--coarse_style_weight=0"),
)
BATCH = ("batch", *INPUTS, "--output=beamed")


@pytest.fixture
def beamed(stylize_briefly):
    """Runs a batch with the stylizer for tests."""
    return lambda *arguments, **options: stylize_briefly(*BATCH, *arguments, **options)


def last(capsys):
    return untimed(capsys.readouterr().err.splitlines()[-1])


def letters(path="beamed/failed.jsonl"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_pictures_have_the_names_the_recipes_and_the_bytes_of_a_folder_run(
    beamed, stylize_briefly, capsys
):
    assert beamed("--quality=90", "--output_format=jpg") == 0
    assert last(capsys) == "stylize_tf: 4 written."
    folder = ("--output_dir=folder", "--quality=90", "--output_format=jpg")
    assert stylize_briefly(*INPUTS, *folder) == 0
    assert names("beamed") == names("folder")
    assert {Path(name).stem for name in names("beamed")} == {Path(name).stem for name in NAMES}
    for name in names("folder"):
        assert digest(f"beamed/{name}") == digest(f"folder/{name}"), name


def test_pixels_of_the_optimizer_are_those_of_a_folder_run(real_stylize):
    """With a network that is quick; nothing that a worker keeps changes the next picture."""
    flags = (*SHORT, *FEW_LAYERS, "--precision=float32", "--threads=1")
    assert real_stylize(*BATCH, *flags) == 0
    assert real_stylize(*INPUTS, "--output_dir=folder", *flags) == 0
    assert names("beamed") == names("folder") == sorted(NAMES)
    for name in NAMES:
        assert digest(f"beamed/{name}") == digest(f"folder/{name}"), name


def test_pictures_of_a_network_are_those_of_a_folder_run(monkeypatch):
    network_files.save(network_of("waves", "night"), "net.keras")
    runtime = tensorflow_runtime.Runtime(lambda name: contextlib.nullcontext(), ("auto",))
    monkeypatch.setattr(tensorflow_runtime, "load", lambda *arguments, **options: runtime)
    network = ("--content=photos/*", "--network=net.keras", "--network_style=night", "--size=48")
    assert main_with(["main.py", "batch", *network, "--output=beamed"]) == 0
    assert main_with(["main.py", *network, "--output_dir=folder"]) == 0
    assert names("beamed") == names("folder") == ["cat_night.png", "dog_night.png"]
    for name in names("folder"):
        assert digest(f"beamed/{name}") == digest(f"folder/{name}")


def test_bad_pictures_go_to_the_dead_letter_and_the_rest_is_painted(beamed, capsys):
    Path("photos/bad.jpg").write_bytes(b"no picture")
    assert beamed() == Exit.PARTLY
    said = capsys.readouterr().err.splitlines()
    assert untimed(said[-1]) == (
        "stylize_tf: error: 4 written, 2 failed. 'beamed/failed.jsonl' has all that failed."
    )
    assert len([line for line in said if "'photos/bad.jpg' is damaged" in line]) == 1
    assert [(x["content"], x["styles"], x["output"], x["kind"]) for x in letters()] == [
        ("photos/bad.jpg", [f"paintings/{style}"], f"beamed/bad_{stem}.png", "ImageError")
        for style, stem in (("sea.jpg", "sea"), ("sky.webp", "sky"))
    ]
    assert all(x["error"].startswith("'photos/bad.jpg' is damaged") for x in letters())
    assert names("beamed") == sorted([*NAMES, "failed.jsonl"])
    draw("photos/bad.jpg")
    assert beamed("--skip_existing") == 0
    assert last(capsys) == "stylize_tf: 2 written, 4 skipped."
    assert not Path("beamed/failed.jsonl").exists()


def test_what_fails_on_the_way_has_its_reason_and_all_that_fails_has_the_first_ones_code(
    beamed, capsys
):
    assert beamed(hook=fail_at(2, MemoryError())) == Exit.PARTLY
    [letter] = letters()
    assert (letter["kind"], letter["error"]) == ("MemoryError", "MemoryError")
    assert "out of memory. Ask for a smaller --size" in capsys.readouterr().err
    for name in ("cat.jpg", "dog.png"):
        Path("photos", name).write_bytes(b"")
    assert beamed("--dead_letter=elsewhere.jsonl") == Exit.PICTURE
    assert [x["error"].partition(" is ")[2][:8] for x in letters("elsewhere.jsonl")] == [
        "empty: 0" for _ in range(4)
    ]


def test_existing_pictures_of_the_same_inputs_are_replaced_or_skipped_and_no_others(
    beamed, stylize_briefly, capsys
):
    assert beamed() == 0
    draw("beamed/cat_sea.png", seed=9)  # No picture of ours.
    own = digest("beamed/cat_sea.png")
    shutil.copy("beamed/dog_sky.png", "beamed/dog_sea.png")  # One of other inputs.
    assert beamed("--strength=.5") == Exit.PARTLY
    assert last(capsys).startswith("stylize_tf: error: 2 written, 2 failed.")
    assert digest("beamed/cat_sea.png") == own
    assert [x["error"] for x in letters()] == [
        "'beamed/cat_sea.png' is there already and holds no recipe. `skip_existing` leaves it; or "
        "move it.",
        "'beamed/dog_sea.png' is there already, made from other pictures. Move it, or choose "
        "another `output`.",
    ]
    assert image_io.read_metadata("beamed/dog_sky.png")["config"]["strength"] == 0.5
    flags = ("--content=photos/cat.jpg", "--style=paintings/sky.webp")
    hook = fail_at(2, KeyboardInterrupt())
    Path("beamed/cat_sky.png").unlink()
    stylize_briefly(*flags, "--output=beamed/cat_sky.png", hook=hook)
    assert not image_io.read_metadata("beamed/cat_sky.png")["result"]["finished"]
    assert beamed("--skip_existing") == Exit.PARTLY
    assert last(capsys).startswith("stylize_tf: error: 1 written, 2 skipped, 1 failed.")
    assert image_io.read_metadata("beamed/cat_sky.png")["result"]["finished"]


def test_picture_that_cannot_be_put_in_its_place_leaves_nothing(beamed, monkeypatch):
    def refuse(sources, targets):
        [target] = targets
        if target.endswith(".png"):
            assert image_io.size_of(sources[0]) == (32, 48)  # It was whole before it had a name.
            raise BeamIOError("no room")
        for source in sources:
            Path(source).rename(target)

    monkeypatch.setattr(places.FileSystems, "rename", refuse)
    assert beamed() == Exit.OUTPUT
    assert names("beamed") == ["failed.jsonl"]
    assert letters()[0]["error"].startswith("'beamed/cat_sea.png' cannot be written: no room")


def test_files_of_any_file_system_are_found_read_and_written(
    stylize_briefly, capsys, many, monkeypatch
):
    monkeypatch.setattr(memory_files, "FILES", files := {})
    for name in ("photos/cat.jpg", "photos/dog.png", "photos/notes.txt", "paintings/sea.jpg"):
        files[f"memory://{name}"] = Path(name).read_bytes()
    inputs = ("--content=memory://photos/", "--style=memory://paintings/*")
    before = sorted(many.rglob("*"))
    flags = ("--output=memory://out", "--s3_region_name=eu")
    assert stylize_briefly("batch", *inputs, *flags) == 0
    told = memory_files.MemoryFiles.options.view_as(S3Options)
    assert told.s3_region_name == "eu"
    assert sorted(many.rglob("*")) == before
    assert {x for x in files if x.startswith("memory://out")} == {
        "memory://out/cat_sea.png",
        "memory://out/dog_sea.png",
    }
    Path("cat_sea.png").write_bytes(files["memory://out/cat_sea.png"])
    told = image_io.read_metadata("cat_sea.png")
    assert [item["path"] for item in told["inputs"]] == [
        "memory://photos/cat.jpg",
        "memory://paintings/sea.jpg",
    ]
    capsys.readouterr()
    del files["memory://out/dog_sea.png"]
    again = ("--output=memory://out", "--skip_existing")
    assert stylize_briefly("batch", *inputs, *again) == 0
    assert last(capsys) == "stylize_tf: 1 written, 1 skipped."


def test_weights_that_are_not_there_fail_every_picture_with_their_code(monkeypatch):
    lost = WeightsError("there are none.")
    monkeypatch.setattr(weights, "find", lambda *a, **b: cli_fakes.throw(lost)())
    assert main_with(["main.py", *BATCH]) == Exit.WEIGHTS
    assert {x["error"] for x in letters()} == {"there are none."}
    assert len(letters()) == 4


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "--output must be given: the folder of the pictures."),
        (("--output=out", "--content_mask=a.png"), "there is no option --content_mask, nor has"),
        (("--output=out", "more.jpg"), "unexpected argument 'more.jpg'"),
        (("--output=out", "--direct_num_wrokers=2"), "Did you mean direct_num_workers?"),
        (("--output=out", "--init=picture"), '--init "picture" goes with one picture.'),
        (("--output=out", "--device=/GPU:0,/GPU:1"), "a worker paints on one device"),
        (("--output=out", "--network"), "--style and --network exclude each other"),
        (("--output=nix://out",), "--output 'nix://out': Unable to get filesystem"),
        (("--output=photos", "--output_format=jpg", "--content=photos/x"), "no picture matches"),
    ],
)
def test_what_cannot_be_is_refused_before_a_worker_starts(check, flags, message):
    code, line = check("batch", *INPUTS, *flags)
    assert code in (Exit.USAGE, Exit.PICTURE)
    assert message in line


def test_an_input_is_never_overwritten(check):
    shutil.copy("photos/cat.jpg", "photos/cat_sea.jpg")
    flags = ("--output=photos", "--output_format=jpg")
    code, line = check("batch", *INPUTS, *flags)
    assert (code, "'photos/cat_sea.jpg' is an input" in line) == (Exit.OUTPUT, True)


def test_without_beam_the_extra_is_named(check, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: found(name, *a) if "beam" not in name else None,
    )
    code, line = check(*BATCH)
    assert (code, 'pip install "stylize-tf[beam]"' in line) == (Exit.USAGE, True)


def test_flags_that_are_not_ours_are_beams_and_what_follows_two_dashes_is_unread():
    words = ("--size=64", "--project", "mine", "--content=a", "--region=eu", "--", "--what", "1")
    line = read_command_line(["main.py", *words], batch.FLAGS, passes_on=True)
    assert line.given == ({"content": ("a",)}, {"size": 64})
    found = beam_options.checked("DataflowRunner", line.rest)
    assert found == (
        *("--runner=DataflowRunner", "--project", "mine", "--region=eu", "--what", "1"),
    )
    with pytest.raises(ConfigError, match="unknown flag --project"):
        read_command_line(["main.py", *words], batch.FLAGS)


def test_flags_that_both_have_are_known():
    """--network is ours; that of Dataflow follows two dashes."""
    fields = {field.name for kind in batch.FLAGS for field in kind.__dataclass_fields__.values()}
    assert fields & set(PipelineOptions([]).get_all_options()) == {"network", "runner"}
