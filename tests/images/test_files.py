"""Files that are no pictures, outputs that cannot be written: refused before any work."""

import errno
import hashlib
import os
import socket
import tempfile
from pathlib import Path

import numpy as np
import pytest

from stylize_tf.errors import OutputError
from stylize_tf.images import files, image_io
from tests.fakes.picture_files import (
    as_pillow_opens,
    assert_refused,
    encoded,
    names,
    noise,
    stored,
    unprivileged,
)


@pytest.fixture
def public_folder():
    """A folder that `unprivileged` can enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(
    "name",
    ["café 图.png", "a b.png", "a\nb.png", "-.png", "-rf", "x" * 251 + ".png", b"\xff\xfe.png"],
    ids=lambda name: repr(name[:20]),
)
def test_any_file_name_can_be_read_written_and_reported(tmp_path, name):
    path = tmp_path / (os.fsdecode(name) if isinstance(name, bytes) else name)
    if path.suffix:
        image_io.write(path, noise())
    else:
        path.write_bytes(encoded(noise(), "PNG"))
    assert image_io.read(str(path)).shape == (1, 16, 24, 3)
    assert names(tmp_path) == [path.name]
    path.write_bytes(b"no picture at all")
    assert_refused(path, "format")


def test_what_is_not_there_is_refused_by_name(tmp_path):
    assert_refused(tmp_path / "missing.jpg", "does not exist")
    assert_refused(tmp_path / "no folder" / "missing.jpg", "does not exist")
    assert_refused(tmp_path, "folder")
    assert_refused("a\0b.png", "cannot be opened")
    assert_refused("x" * 300, "cannot be opened")
    assert_refused("", "folder")
    (tmp_path / "dangling").symlink_to(tmp_path / "missing.jpg")
    assert_refused(tmp_path / "dangling", "link to a file that does not exist")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert_refused(tmp_path / "loop", "cannot be opened")
    for call in (image_io.size_of, image_io.read_metadata, image_io.sha256):
        assert_refused(tmp_path / "missing.jpg", "does not exist", call=call)


def test_pipes_sockets_and_devices_are_refused_without_opening_them(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # The names of sockets are short.
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for path in ("pipe", "socket", "/dev/zero", "/dev/null"):
            for call in (image_io.read, image_io.size_of, image_io.read_metadata, image_io.sha256):
                assert_refused(path, "pipe, socket or device", call=call)


def test_a_file_without_read_permission_is_refused(public_folder):
    path = stored(public_folder, encoded(noise(), "PNG"), "secret.png")
    path.chmod(0)
    with unprivileged():
        assert_refused(path, "Permission denied")
        assert_refused(path, "Permission denied", call=image_io.sha256)


def test_the_checksum_is_that_of_the_bytes(tmp_path):
    path = stored(tmp_path, b"abc" * 100_000)
    assert image_io.sha256(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()
    assert image_io.sha256(stored(tmp_path, b"")) == hashlib.sha256().hexdigest()


def test_writing_through_a_link_replaces_what_it_leads_to(tmp_path):
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "a.png"
    link = tmp_path / "link.png"
    link.symlink_to(target)
    for _ in range(2):  # First the link leads nowhere.
        image_io.write(link, noise())
        assert link.is_symlink()
        np.testing.assert_array_equal(np.asarray(as_pillow_opens(target)), noise())
    assert names(tmp_path / "real") == ["a.png"]


def check_and_write(path):
    """Both refuse the same outputs."""
    with pytest.raises(OutputError):
        image_io.write(path, noise())
    image_io.check_output(path)


@pytest.mark.parametrize("name", ["a", "a.txt", "a.gif", "a.png.bak", ".png", "a.png."])
def test_unknown_extensions_are_refused_with_a_list(tmp_path, name):
    message = assert_refused(tmp_path / name, error=OutputError, call=check_and_write)
    for extension in (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"):
        assert extension in message
    assert names(tmp_path) == []


def test_outputs_that_cannot_be_written_are_refused_before_any_work(tmp_path):
    missing = tmp_path / "no folder" / "a.png"
    message = assert_refused(missing, "mkdir -p", error=OutputError, call=check_and_write)
    assert repr(str(missing.parent)) in message
    (tmp_path / "folder.png").mkdir()
    assert_refused(tmp_path / "folder.png", "folder", error=OutputError, call=check_and_write)
    os.mkfifo(tmp_path / "pipe.png")
    assert_refused(tmp_path / "pipe.png", "regular", error=OutputError, call=check_and_write)
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    assert_refused(tmp_path / "loop.png", error=OutputError, call=check_and_write)
    (tmp_path / "dangling.png").symlink_to(missing)
    assert_refused(tmp_path / "dangling.png", "mkdir", error=OutputError, call=check_and_write)
    stored(tmp_path, b"", "file")
    assert_refused(tmp_path / "file" / "a.png", error=OutputError, call=check_and_write)
    assert_refused(tmp_path / ("x" * 300 + ".png"), error=OutputError, call=check_and_write)
    assert_refused("a\0b.png", error=OutputError, call=check_and_write)


def test_folders_and_files_without_permission_are_refused_before_any_work(public_folder):
    path = public_folder / "a.png"
    public_folder.chmod(0o555)
    with unprivileged():
        assert_refused(path, "Permission denied", error=OutputError, call=check_and_write)
    public_folder.chmod(0o777)
    path.write_bytes(b"old")
    path.chmod(0o444)
    with unprivileged():
        assert_refused(path, "read-only", error=OutputError, call=check_and_write)
    assert path.read_bytes() == b"old"


def test_a_read_only_disk_is_refused_before_any_work(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(files, "try_replacing", fail)
    monkeypatch.setattr(files, "replacing", fail)
    path = tmp_path / "a.png"
    assert_refused(path, "Read-only file system", error=OutputError, call=check_and_write)


def test_an_output_that_is_an_input_is_refused_by_any_name(tmp_path, monkeypatch):
    content = stored(tmp_path, encoded(noise(), "PNG"), "content.png")
    (tmp_path / "link.png").symlink_to(content)
    os.link(content, tmp_path / "hard.png")
    monkeypatch.chdir(tmp_path)
    for output in (content, "content.png", "../" + tmp_path.name + "/content.png", "link.png"):
        for source in (content, "link.png", "hard.png"):
            with pytest.raises(OutputError, match="Choose another place"):
                image_io.check_output(output, inputs=["missing.png", source])
    image_io.check_output("new.png", inputs=[content, "missing.png", "a\0b"])


def test_a_good_output_passes_and_leaves_no_trace(tmp_path):
    image_io.check_output(tmp_path / "a.png")
    assert names(tmp_path) == []
    old = stored(tmp_path, b"old", "a.png")
    image_io.check_output(old)
    assert old.read_bytes() == b"old"
    assert names(tmp_path) == ["a.png"]
    image_io.check_output(tmp_path / ("図" * 83 + ".png"))
