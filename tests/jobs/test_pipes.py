"""Pictures through standard input and output, and what is no path at all."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.images import image_io
from tests.fakes.cli_fakes import INPUTS, SHORT, digest, fail_at, names, send_at

BEFORE = ["other.png", "painting.png", "photo.png"]


@pytest.fixture
def pipe_in(monkeypatch):
    """Makes bytes what standard input holds."""

    def pipe(data):
        stream = io.TextIOWrapper(io.BytesIO(data), encoding="latin-1")
        monkeypatch.setattr(sys, "stdin", stream)

    return pipe


def piped_out(capsysbinary, folder):
    """The path of a file with what was written to standard output, and what was said."""
    captured = capsysbinary.readouterr()
    path = folder.parent / "piped"
    path.write_bytes(captured.out)
    return path, captured.err.decode()


@pytest.mark.parametrize("role", ["content", "style"])
def test_picture_of_standard_input_is_painted_as_its_file_is(stylize, pipe_in, capsys, role):
    files = {"content": "photo.png", "style": "painting.png"}
    pipe_in(Path(files[role]).read_bytes())
    inputs = [f"--{name}={'-' if name == role else file}" for name, file in files.items()]
    assert stylize(*inputs, *SHORT) == 0
    name = "stdin_painting.png" if role == "content" else "photo_stdin.png"
    assert capsys.readouterr().out == f"{name}\n"
    assert stylize(*INPUTS, *SHORT, "--output=own.png") == 0
    found, expected = (image_io.read_metadata(x)["inputs"] for x in (name, "own.png"))
    assert [x["sha256"] for x in found] == [x["sha256"] for x in expected]
    assert [x["path"] for x in found] == ["-" if x == role else files[x] for x in files]
    assert (image_io.read(name) == image_io.read("own.png")).all()

    # Whoever paints it again has to bring it again.
    assert stylize(f"--from_picture={name}") == Exit.PICTURE
    said = capsys.readouterr().err
    assert f"the {role} of '{name}' came by standard input: name its file by --{role}, or" in said
    pipe_in(Path(files[role]).read_bytes())
    assert stylize(f"--from_picture={name}", f"--{role}=-", "--output=again.png", "--quiet") == 0
    assert digest("again.png") == digest(name)
    assert stylize(f"--from_picture={name}", f"--{role}={files[role]}", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_sheet_and_transparency_may_come_by_standard_input(stylize, pipe_in):
    picture = Image.open("photo.png")
    picture.putalpha(128)
    picture.save("photo.png")
    pipe_in(Path("photo.png").read_bytes())
    flags = ("--content=-", INPUTS[1], "--content_mask=alpha", "--sheet=seed=1,2")
    assert stylize(*flags, *SHORT) == 0
    assert "stdin_painting_sheet.png" in names()


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "standard input is empty: 0 bytes."), (b"<html>", "standard input is damaged or not")],
)
def test_what_is_no_picture_is_told_as_standard_input(check, pipe_in, data, said):
    pipe_in(data)
    code, line = check("--content=-", INPUTS[1])
    assert (code, line[: len(said)]) == (Exit.PICTURE, said)


def test_nothing_of_standard_input_is_left_behind(stylize, pipe_in, monkeypatch, tmp_path):
    elsewhere = tmp_path.parent / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    pipe_in(Path("photo.png").read_bytes())
    assert stylize("--content=-", INPUTS[1], *SHORT) == 0
    assert names(elsewhere) == []


@pytest.mark.parametrize(
    ("flags", "form"), [([], "PNG"), (["--output_format=jpg", "--quality=80"], "JPEG")], ids=str
)
def test_picture_goes_to_standard_output_and_no_path_with_it(
    stylize, folder, capsysbinary, flags, form
):
    assert stylize(*INPUTS, *SHORT, "--output=-", *flags) == 0
    path, said = piped_out(capsysbinary, folder)
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == (form, (48, 32))
    assert image_io.read_metadata(path)["result"]["finished"]
    assert "Wrote to standard output, 48x32 pixels" in said
    assert names() == BEFORE


def test_format_may_be_said_of_a_picture_in_a_folder(stylize, capsys):
    assert stylize(*INPUTS, *SHORT, "--output=new.webp") == 0
    Path("out").mkdir()
    flags = ("--output=out/", "--output_format=jpg")
    assert stylize(*INPUTS, *SHORT, *flags, "--quality=80") == 0
    assert stylize(*INPUTS, *SHORT, *flags, "--sheet=seed=1,2") == 0
    assert stylize("--from_picture=new.webp", *flags) == 0
    assert stylize("--from_picture=new.webp", "--output=out/") == 0
    assert names("out") == ["new.jpg", "new.webp", "photo_painting.jpg", "photo_painting_sheet.jpg"]


def test_sheet_goes_to_standard_output(stylize, folder, capsysbinary):
    assert stylize(*INPUTS, *SHORT, "--output=-", "--sheet=seed=1,2", "--output_format=webp") == 0
    path, _ = piped_out(capsysbinary, folder)
    assert image_io.read_metadata(path)["sheet"] == ["seed=1,2"]


def test_interrupted_run_writes_the_best_picture_so_far_there(stylize, folder, capsysbinary):
    assert stylize(*INPUTS, *SHORT, "--output=-", hook=send_at(2, 15)) == 143
    path, said = piped_out(capsysbinary, folder)
    assert not image_io.read_metadata(path)["result"]["finished"]
    assert "Interrupted: wrote the best picture so far, to standard output" in said


def test_what_else_is_written_has_the_name_that_the_picture_would_have(stylize, folder):
    flags = ("--output=-", "--save_every=2", "--output_format=jpg")
    assert stylize(*INPUTS, *SHORT, *flags, hook=fail_at(4, MemoryError())) == Exit.FAILED
    assert names() == sorted([*BEFORE, "photo_painting-0002.jpg", "photo_painting-unfinished.jpg"])


def test_picture_that_standard_output_does_not_take_is_in_a_file(stylize, monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert stylize(*INPUTS, *SHORT, "--output=-", "--quiet") == Exit.OUTPUT
    assert capsys.readouterr().err == (
        "stylize_tf: error: standard output does not take the picture: Broken pipe. It is in "
        "'photo_painting.png'.\n"
    )
    assert image_io.read_metadata("photo_painting.png")["result"]["finished"]


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_terminal_is_no_pipe(check, monkeypatch, stream):
    monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True, raising=False)
    flag, way = ("content", "or < FILE.") if stream == "stdin" else ("output", "or > FILE.")
    code, line = check(*INPUTS[stream == "stdin" :], f"--{flag}=-")
    assert (code, line.startswith(f"--{flag} - "), line.endswith(way)) == (Exit.USAGE, True, True)


ADDRESS = "must be a path of this machine:"
FETCH, SEND = f"{ADDRESS} fetch what is elsewhere first", f"{ADDRESS} send it on later"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("content=- style=-", "--content - and --style -: standard input holds one picture."),
        ("style=- style=- content=photo.png", "--style - and --style -: standard input holds one"),
        ("content=- style=photo.png output_dir=out", "--content - goes with one picture: leave o"),
        ("content=photo.png style=photo.png output=- output_dir=o", "--output goes with one pict"),
        ("content=photo.png style=photo.png output=- show", "--show opens a file, and --output -"),
        ("content_mask=-", "--content_mask must have a name: only --content, --style and --output"),
        ("from_picture=-", "--from_picture must have a name: only --content, --style and --output"),
        ("output_dir=-", "--output_dir must have a name: only --content, --style and --output may"),
        ("content=https://a.b/c.jpg", f"--content {FETCH}, or use - in a pipe; got 'https"),
        ("style=s3://bucket/c.jpg", f"--style {FETCH}, or use - in a pipe; got"),
        ("output=gs://bucket/c.jpg", f"--output {SEND}, or use - in a pipe; got"),
        ("output_dir=ftp://host/folder", f"--output_dir {SEND}; got"),
        ("compare=https://a.b/c.jpg", f"--compare {SEND}; got"),
        ("tensorboard_dir=gs://bucket/runs", f"--tensorboard_dir {SEND}; got"),
        ("tensorboard_dir=-", "--tensorboard_dir must have a name: only --content"),
        ("weights=file:///w.h5", f"--weights {FETCH}; got"),
        ("content=data:image/png;base64,AAAA", f"--content {FETCH}"),
        (
            "content=photo.png style=photo.png output=x.png output_format=png",
            "--output_format has no effect here: it goes with --output_dir, or --output - or",
        ),
        (
            "content=photo.png style=photo.png output=- output_format=jpg keep_alpha",
            "--keep_alpha goes with png, webp and tif",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_path_or_no_pipe_is_a_usage_error(check, flags, said):
    code, line = check(*(f"--{flag}" for flag in flags.split()))
    assert (code, line[: len(said)]) == (Exit.USAGE, said)


def test_paths_of_windows_are_no_addresses(check):
    for path in (
        r"C:\pictures\photo.jpg",
        "C:/pictures/photo.jpg",
        r"\\host\share\photo.jpg",
    ):
        code, line = check(f"--content={path}", INPUTS[1])
        assert (code, line.endswith("does not exist. Check its name and its folder.")) == (3, True)


def test_address_is_told_to_those_who_read_pictures_in_python():
    with pytest.raises(image_io.ImageError, match="is an address, and only files are read"):
        image_io.read("https://example.org/photo.jpg")
