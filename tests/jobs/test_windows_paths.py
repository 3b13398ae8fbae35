"""Paths of Windows, as far as they can be tried elsewhere: by the rules that Python has of them."""

from __future__ import annotations

import ntpath
import os
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest

from stylize_tf.images.files import refused_by_windows
from stylize_tf.images.image_io import sha256
from stylize_tf.jobs import outputs
from stylize_tf.jobs.options.common import local_path
from stylize_tf.jobs.recipe import Input, find_recorded


@pytest.fixture
def _on_windows(monkeypatch):
    """Names are derived as they are there."""
    monkeypatch.setattr(outputs, "Path", PureWindowsPath)
    there = SimpleNamespace(path=ntpath, fsencode=os.fsencode)
    monkeypatch.setattr(outputs, "os", there)


@pytest.mark.usefixtures("_on_windows")
@pytest.mark.parametrize(
    ("content", "style", "expected"),
    [
        (r"C:\photos\cat.jpg", r"D:\art\sea.png", "cat_sea.png"),
        (r"C:cat.jpg", "art/sea.png", "cat_sea.png"),
        (r"\\host\share\cat.x.jpg", r"..\sea", "cat.x_sea.png"),
    ],
)
def test_derived_name_has_neither_drive_nor_folder(content, style, expected):
    assert outputs.derived_name(content, [style]) == expected
    assert refused_by_windows(expected) == ""


@pytest.mark.usefixtures("_on_windows")
def test_names_of_one_folder_that_would_be_alike_say_more_but_not_the_drive():
    jobs = [(rf"{place}\cat.jpg", (r"C:\art\sea.png",)) for place in (r"C:\2019", r"D:\2020")]
    names = outputs.distinct_names(jobs)
    assert names == ["2019-cat_sea.png", "2020-cat_sea.png"]
    assert not any(map(refused_by_windows, names))


@pytest.mark.usefixtures("_on_windows")
def test_numbers_go_before_the_extension():
    assert outputs.with_suffix(r"C:\out.d\a.b.png", "-2") == r"C:\out.d\a.b-2.png"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (r"C:\out\painted.png", ""),
        ("out/painted.png", ""),
        ("console.png", ""),
        (r"C:\out\CON.png", "CON is the name of a device"),
        ("nul", "nul is the name of a device"),
        ("Com1.tar.png", "Com1 is the name of a device"),
        ("lpt\u00b2.png", "lpt\u00b2 is the name of a device"),
        ("painted.png:stream", "its name has a :"),
        (r"C:\out\what?.png", "its name has a ?"),
    ],
)
def test_names_that_windows_keeps_no_file_of_are_known(path, why):
    assert refused_by_windows(path) == why


def test_drives_are_no_addresses():
    for path in (r"C:\photo.jpg", "C:/photo.jpg", r"\\host\share\photo.jpg"):
        assert local_path(path) == path


def test_inputs_that_were_recorded_on_windows_are_found_elsewhere(folder):
    Path("photos").mkdir()
    Path("photo.png").rename("photos/photo.png")
    item = Input("content", r"photos\photo.png", sha256("photos/photo.png"))
    assert find_recorded(item, "out.png") == "photos/photo.png"
    Path("made").mkdir()
    Path("photos").rename("made/photos")
    assert find_recorded(item, "made/out.png") == "made/photos/photo.png"
