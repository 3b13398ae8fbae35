"""--compare and --timelapse: what is written beside the picture, and never at its cost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf import StyleTransferConfig, Stylizer
from stylize_tf.cli.exits import Exit
from stylize_tf.images import image_io, montage
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import SHORT, at, digest, fail_at, names, send_at, throw

BOTH = ("--timelapse=lapse.webp", "--compare=compared.png")
INPUTS = (*cli_fakes.INPUTS, "--output=out.png")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a photograph and two paintings, smooth as lossy formats like it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, size in (("photo.png", (60, 40)), ("painting.png", (30, 50)), ("other.png", (9, 9))):
        picture = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        picture.resize(size, Image.Resampling.BICUBIC).save(name)
    return tmp_path


def frames_of(path):
    """All frames of an animation, float32 `[N, H, W, 3]`."""
    with Image.open(path) as animation:
        frames = []
        for number in range(animation.n_frames):
            animation.seek(number)
            frames.append(np.asarray(animation.convert("RGB"), np.float32) / 255)
        return np.stack(frames)


def test_comparison_has_the_photograph_the_paintings_and_the_picture(stylize, folder, capsys):
    flags = ("--style=other.png", "--compare=compared.png")
    assert stylize(*INPUTS, *SHORT, *flags) == 0
    captured = capsys.readouterr()
    assert captured.out == "out.png\n"
    pictures = [image_io.read(x) for x in ("photo.png", "painting.png", "other.png", "out.png")]
    photograph, *paintings, picture = pictures
    # The picture was compared before it was rounded to 8 bits.
    expected = montage.comparison(photograph, paintings, picture)
    compared = image_io.read("compared.png")
    np.testing.assert_allclose(compared, expected, atol=1.01 / 255)
    np.testing.assert_array_equal(compared[:, :, -48:], picture)
    *_, line = captured.err.splitlines()
    assert line == (
        f"stylize_tf: Wrote the comparison 'compared.png', {expected.shape[2]}x32 pixels."
    )
    assert names() == ["compared.png", "other.png", "out.png", "painting.png", "photo.png"]


def test_comparison_has_the_quality_that_was_asked_for(stylize):
    assert stylize(*INPUTS, *SHORT, "--compare=good.jpg", "--quality=95") == 0
    assert stylize(*INPUTS, *SHORT, "--compare=poor.jpg", "--quality=10") == 0
    assert Path("poor.jpg").stat().st_size < Path("good.jpg").stat().st_size / 2


@pytest.mark.parametrize("name", ["lapse.webp", "lapse.GIF"])
def test_time_lapse_has_a_frame_for_each_step_and_ends_with_the_picture(
    stylize, folder, capsys, name
):
    flags = ("--size=48", "--coarsest_size=0", "--steps=5", f"--timelapse={name}")
    assert stylize(*INPUTS, *flags) == 0
    captured = capsys.readouterr()
    assert captured.out == "out.png\n"
    assert captured.err.splitlines()[-1] == f"stylize_tf: Wrote the time-lapse '{name}'."
    frames = frames_of(name)
    assert frames.shape == (5, 32, 48, 3)
    picture = image_io.read("out.png")[0]
    errors = [np.abs(frame - picture).mean() for frame in frames]
    assert errors[-1] < 0.03  # Formats are lossy.
    assert errors == sorted(errors, reverse=True)
    assert names() == sorted([name, "other.png", "out.png", "painting.png", "photo.png"])


def test_save_every_sets_the_pace_of_the_time_lapse_in_place_of_pictures(stylize, folder):
    assert stylize(*INPUTS, *SHORT, "--timelapse=lapse.webp", "--save_every=2") == 0
    # Steps 2 and 4, and the finished picture of step 5.
    assert len(frames_of("lapse.webp")) == 3
    assert not list(folder.glob("out-*"))


def test_time_lapse_of_one_step_is_one_frame(stylize):
    flags = ("--size=48", "--coarsest_size=0", "--steps=1", "--timelapse=lapse.webp")
    assert stylize(*INPUTS, *flags) == 0
    assert frames_of("lapse.webp").shape == (1, 32, 48, 3)


def test_interrupted_run_writes_both_of_the_best_picture_so_far(stylize, folder, capsys):
    assert stylize(*INPUTS, *SHORT, *BOTH, hook=send_at(2, signal.SIGINT)) == 130
    assert capsys.readouterr().out == "out.png\n"
    np.testing.assert_array_equal(
        image_io.read("compared.png")[:, :, -48:], image_io.read("out.png")
    )
    # Two steps at 32 pixels, enlarged; what is equal to the last is one frame with it.
    assert frames_of("lapse.webp").shape == (2, 32, 48, 3)


def test_second_signal_does_not_cut_through_them(stylize, folder):
    hook = send_at(4, signal.SIGTERM, signal.SIGTERM)
    assert stylize(*INPUTS, *SHORT, *BOTH, hook=hook) == 143
    assert len(frames_of("lapse.webp")) == 3
    assert image_io.size_of("compared.png")[0] == 32


@pytest.mark.parametrize(
    ("flag", "name"), [("compare", "compared.png"), ("timelapse", "lapse.webp")]
)
def test_what_cannot_be_written_at_the_end_is_a_warning_and_the_picture_is_there(
    stylize, folder, capsys, flag, name
):
    hook = at(5, lambda: Path(name).mkdir())  # Somebody took the name.
    others = {"compare": "--timelapse=other.webp", "timelapse": "--compare=compared.png"}
    assert stylize(*INPUTS, *SHORT, f"--{flag}={name}", others[flag], hook=hook) == 0
    captured = capsys.readouterr()
    assert captured.out == "out.png\n"
    (warning,) = [line for line in captured.err.splitlines() if "warning" in line]
    assert warning.startswith(f"stylize_tf: warning: --{flag}: ")
    assert name in warning
    assert image_io.read_metadata("out.png")["result"]["finished"]
    assert Path(others[flag].partition("=")[2]).is_file()


def test_comparison_that_does_not_fit_into_memory_is_a_warning(
    stylize, folder, capsys, monkeypatch
):
    monkeypatch.setattr(montage, "comparison", lambda *_: throw(MemoryError())())
    assert stylize(*INPUTS, *SHORT, "--compare=compared.png") == 0
    assert "warning: --compare: out of memory." in capsys.readouterr().err
    assert not Path("compared.png").exists()


def test_run_that_fails_leaves_the_old_files(stylize, folder):
    for name in ("compared.png", "lapse.webp"):
        Path(name).write_text("old")
    assert stylize(*INPUTS, *SHORT, *BOTH, hook=fail_at(4, MemoryError())) == Exit.FAILED
    assert Path("lapse.webp").read_text() == Path("compared.png").read_text() == "old"
    assert stylize(*INPUTS, *SHORT, *BOTH) == 0
    assert len(frames_of("lapse.webp")) == 5
    assert image_io.size_of("compared.png")[0] == 32


def test_they_change_nothing_of_the_picture_or_its_recipe(stylize):
    assert stylize(*INPUTS, *SHORT) == 0
    before = digest("out.png")
    assert stylize(*INPUTS, *SHORT, *BOTH, "--save_every=2") == 0
    assert digest("out.png") == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare=none/c.png"], "'none/c.png' cannot be written: its folder does not exist."),
        (["--compare=c.gif"], "'c.gif' cannot be written: the extension '.gif' is not known."),
        (["--compare=."], "'.' cannot be written: it has no extension."),
        (["--compare=/proc/c.png"], "'/proc/c.png' cannot be written: "),
        (["--compare=photo.png"], "'photo.png' is the input 'photo.png', which it would over"),
        (["--compare=link.png"], "'link.png' is the input 'painting.png', which it would over"),
        (["--compare=start.webp"], "'start.webp' is the input 'start.webp', which it would over"),
        (
            ["--compare=./out.png"],
            "'./out.png' would be written both as --output and as --compare. Choose another",
        ),
        (
            ["--compare=out-0002.png", "--save_every=2"],
            "--save_every could overwrite 'out-0002.png'. Choose another --output.",
        ),
        (["--regions_overlay=none/o.png"], "'none/o.png' cannot be written: its folder does not"),
        (["--regions_overlay=o.gif"], "'o.gif' cannot be written: the extension '.gif' is not"),
        (["--regions_overlay=photo.png"], "'photo.png' is the input 'photo.png', which it would"),
        (
            ["--regions_overlay=a.png", "--compare=a.png"],
            "'a.png' would be written both as --compare and as --regions_overlay. Choose another",
        ),
        (["--timelapse=none/t.gif"], "'none/t.gif' cannot be written: its folder does not exist."),
        (["--timelapse=t.mp4"], "'t.mp4' cannot be written: a time-lapse is .webp or .gif."),
        (["--timelapse=t"], "'t' cannot be written: a time-lapse is .webp or .gif."),
        (["--timelapse=folder.gif"], "'folder.gif' cannot be written: Is a directory. Choose"),
        (["--timelapse=/proc/t.gif"], "'/proc/t.gif' cannot be written: "),
        (["--timelapse=start.webp"], "'start.webp' is the input 'start.webp', which it would"),
        (
            ["--timelapse=a.webp", "--compare=a.webp"],
            "'a.webp' would be written both as --compare and as --timelapse. Choose another --time",
        ),
        (
            ["--timelapse=a.webp", "--output=a.webp"],
            "'a.webp' would be written both as --output and as --timelapse. Choose another --time",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_place_that_cannot_be_written_is_refused_before_the_work_starts(
    check, folder, arguments, message
):
    Path("folder.gif").mkdir()
    os.link("painting.png", "link.png")
    Image.open("other.png").save("start.webp")
    code, line = check(*INPUTS, *SHORT, "--init_image=start.webp", *arguments)
    assert (code, line[: len(message)]) == (Exit.OUTPUT, message)
    assert "--output" not in line or "--output" in message


def test_name_that_we_would_choose_is_not_taken_for_the_comparison(check):
    code, line = check(*INPUTS[:2], "--compare=photo_painting.png")
    assert code == Exit.OUTPUT
    assert line.startswith("'photo_painting.png' would be written both as --output and as")


def test_real_run_shows_the_regions_that_it_finds_and_is_repeated_byte_for_byte(
    real_stylize, tiny_engine
):
    flags = ("--size=64", "--coarsest_size=40", "--steps=4,3", "--precision=float32")
    more = ("--regions=auto:2", "--color=match", "--style_scale=.5", "--strength=1.3")
    assert real_stylize(*INPUTS, *flags, *more, "--regions_overlay=seen.png") == 0
    config = StyleTransferConfig.from_dict(image_io.read_metadata("out.png")["config"])
    pictures = Stylizer(config, engine=tiny_engine).pictures("photo.png", "painting.png")
    np.testing.assert_allclose(image_io.read("seen.png"), pictures.overlay(), atol=0.01)
    assert real_stylize("--from_picture=out.png") == 0
    assert digest("out.png") == digest("out-2.png")


def test_real_run_with_regions_comparison_and_time_lapse_is_repeated_byte_for_byte(
    real_stylize, capsys
):
    mask = np.zeros((40, 60), np.uint8)
    mask[:, :30] = 255
    Image.fromarray(mask).save("left.png")
    Image.fromarray(255 - mask[:20, ::2]).save("right.png")
    flags = (
        *("--style=painting.png", "--content_mask=left.png", "--content_mask=right.png"),
        *("--size=64", "--coarsest_size=40", "--steps=4,3", "--precision=float32"),
        *(*BOTH, "--mask_feather=0.02", "--quiet"),
    )
    assert real_stylize(*INPUTS, *flags) == 0
    assert capsys.readouterr() == ("out.png\n", "")
    height, width = image_io.size_of("out.png")
    compared = image_io.read("compared.png")
    assert compared.shape[1] == height
    np.testing.assert_array_equal(compared[:, :, -width:], image_io.read("out.png"))
    frames = frames_of("lapse.webp")
    # Steps that did not better the picture are one frame with those before.
    assert 2 < len(frames) <= 7
    assert np.abs(frames[-1] - image_io.read("out.png")[0]).mean() < 0.03
    assert real_stylize("--from_picture=out.png", "--quiet") == 0
    assert capsys.readouterr() == ("out-2.png\n", "")
    assert digest("out.png") == digest("out-2.png")
    # Without the masks it is another picture.
    dropped = ("--from_picture=out.png", "--content_mask=none", "--output=all.png")
    assert real_stylize(*dropped, "--style=other.png") == 0
    assert digest("all.png") != digest("out.png")


def test_real_run_leaves_what_is_in_no_region(real_stylize):
    mask = np.zeros((40, 60), np.uint8)
    mask[:, :20] = 255
    Image.fromarray(mask).save("left.png")
    flags = ("--content_mask=left.png", "--size=60", "--coarsest_size=40", "--steps=4,3")
    assert real_stylize(*INPUTS, *flags, "--precision=float32") == 0
    picture, photograph = image_io.read("out.png"), image_io.read("photo.png")
    np.testing.assert_array_equal(picture[:, :, 24:], photograph[:, :, 24:])
    assert np.abs(picture[:, :, :16] - photograph[:, :, :16]).mean() > 0.05
