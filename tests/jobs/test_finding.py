"""What a value of `content` or `style` means."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize_tf.errors import ImageError
from stylize_tf.jobs.folder.finding import find_files, is_pattern

FILES = (
    "b.JPG",
    "a.png",
    "notes.txt",
    "scan.dat",
    ".hidden.jpg",
    "._b.JPG",
    "sub/c.webp",
    "sub/deep/d.tif",
    "sub/.cache/e.png",
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(name.encode())
    return tmp_path


def find(*values, warn=lambda text: pytest.fail(text)):
    return find_files("content", values, warn)


@pytest.mark.parametrize(
    ("value", "files"),
    [
        ("a.png", ["a.png"]),
        ("scan.dat", ["scan.dat"]),
        ("missing.png", ["missing.png"]),
        (".", ["a.png", "b.JPG"]),
        ("sub/", ["sub/c.webp"]),
        ("*", ["a.png", "b.JPG"]),
        ("*.*", ["a.png", "b.JPG"]),
        ("[ab].[Jp]*", ["a.png", "b.JPG"]),
        ("?.png", ["a.png"]),
        ("*.dat", ["scan.dat"]),
        (".*.jpg", [".hidden.jpg"]),
        ("*/*", ["sub/c.webp"]),
        ("sub/*/*.tif", ["sub/deep/d.tif"]),
        ("**", ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.tif"]),
        ("**/*", ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.tif"]),
        ("sub/**/*.tif", ["sub/deep/d.tif"]),
        ("**/deep/*", ["sub/deep/d.tif"]),
        ("**/**/d.*", ["sub/deep/d.tif"]),
        ("./s*/../*.png", ["sub/../a.png"]),
    ],
)
def test_value_means_these_files(folder, value, files):
    assert find(value) == files


def test_absolute_patterns_and_the_home_folder_are_known(folder, monkeypatch):
    assert find(f"{folder}/sub/*") == [f"{folder}/sub/c.webp"]
    monkeypatch.setenv("HOME", str(folder))
    assert find("~/sub/*") == [f"{folder}/sub/c.webp"]
    Path("~").mkdir()
    Path("~/f.png").touch()
    assert find("~") == ["~/f.png"]  # What is there is meant.


def test_name_with_brackets_that_is_there_is_a_file(folder):
    Path("photo[1].jpg").touch()
    assert not is_pattern("photo[1].jpg")
    assert is_pattern("photo[2].jpg")
    assert find("photo[1].jpg") == ["photo[1].jpg"]


def test_file_of_many_names_is_found_once_under_the_first(folder):
    Path("link.png").symlink_to("a.png")
    Path("other").symlink_to(".", target_is_directory=True)
    assert find("./a.png", "*.png", "link.png", "other", str(folder / "a.png")) == [
        "./a.png",
        "other/b.JPG",
    ]


def test_links_that_lead_in_circles_are_not_followed(folder):
    for name in ("one", "two"):
        (folder / "sub" / name).symlink_to(folder, target_is_directory=True)
    assert find("**/*.tif") == ["sub/deep/d.tif"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("*.bmp", "`content`: no picture matches '*.bmp'."),
        ("missing/*", "`content`: no picture matches 'missing/*'."),
        ("a.png/*", "`content`: no picture matches 'a.png/*'."),
        ("empty", "`content`: there is no picture in the folder 'empty'. For those in its folders"),
    ],
)
def test_value_that_means_nothing_is_an_error(folder, value, message):
    Path("empty").mkdir()
    with pytest.raises(ImageError) as caught:
        find(value, warn=lambda text: None)
    assert str(caught.value).startswith(message)


def test_folder_that_cannot_be_looked_into_is_told(folder, monkeypatch):
    """Within a pattern as a warning, for the rest is there; by itself as an error."""
    original = Path.iterdir

    def iterdir(path):
        if path.name == "deep":
            raise PermissionError(13, "Permission denied")
        return original(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    warnings = []
    assert find("sub/**/*", warn=warnings.append) == ["sub/c.webp"]
    assert set(warnings) == {"cannot look into the folder 'sub/deep': Permission denied."}
    with pytest.raises(ImageError, match="cannot look into the folder 'sub/deep'"):
        find("sub/deep")
