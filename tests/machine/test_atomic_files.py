"""Files that appear whole or not at all."""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from stylize_tf.machine import atomic_files
from stylize_tf.machine.atomic_files import create, replacing, try_replacing
from tests.fakes.weights_fakes import ROOT, names


def write(path, content):
    with replacing(path) as file:
        file.write(content)


@pytest.mark.parametrize("old", [b"old", None])
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("fsync", OSError(errno.ENOSPC, "No space left on device")),
        ("fsync", KeyboardInterrupt()),
        ("replace", PermissionError(errno.EACCES, "Permission denied")),
        ("replace", KeyboardInterrupt()),
        (None, ZeroDivisionError()),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path, monkeypatch, name, error, old
):
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)

    def fail(*_, **__):
        raise error

    def interrupted():
        with replacing(path) as file:
            file.write(b"new")
            if name is None:
                fail()

    if name is not None:
        monkeypatch.setattr(os, name, fail)
    with pytest.raises(type(error)):
        interrupted()
    assert names(tmp_path) == ([] if old is None else ["file"])
    assert old is None or path.read_bytes() == old


def test_a_disk_that_fills_in_the_middle_leaves_the_old_file(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "file"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(path, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_bytes_are_on_the_disk_before_they_get_the_name(tmp_path, monkeypatch):
    calls = []
    sync, replace = os.fsync, os.replace

    def sync_files_only(descriptor):
        calls.append("sync")
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")  # Which is no failure.
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync_files_only)
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("name"), replace(*names)))
    write(tmp_path / "file", b"new")
    assert calls == ["sync", "name", "sync"]
    assert names(tmp_path) == ["file"]


def test_permissions_of_a_file_are_kept_and_new_ones_follow_the_umask(tmp_path):
    path = tmp_path / "file"
    old = os.umask(0o027)
    try:
        write(path, b"1")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    write(path, b"2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_trying_leaves_no_trace_and_names_may_be_as_long_as_the_system_takes(tmp_path):
    path = tmp_path / ("図" * 83)
    try_replacing(path)
    assert names(tmp_path) == []
    write(path, b"old")
    try_replacing(path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == [path.name]


def without_links(source, target):
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("linked", [True, False])
def test_of_many_that_want_a_name_at_once_one_gets_it(tmp_path, monkeypatch, linked):
    if not linked:
        monkeypatch.setattr(os, "link", without_links)
    for number in range(10):
        path, together = tmp_path / f"{number}", threading.Barrier(8)
        contents = [bytes([letter]) * 1000 for letter in range(8)]

        def take(content, path=path, together=together):
            together.wait()
            return create(path, content)

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(take, contents))
        assert sum(made) == 1
        assert path.read_bytes() == contents[made.index(True)]
    assert names(tmp_path) == sorted(map(str, range(10)))


def test_interruption_just_after_the_name_was_given_leaves_the_file(tmp_path, monkeypatch):
    replace = os.replace

    def interrupted(source, target):
        replace(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", without_links)
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        create(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


@pytest.mark.parametrize("linked", [True, False])
def test_what_has_the_name_already_is_not_touched(tmp_path, monkeypatch, linked):
    if not linked:
        monkeypatch.setattr(os, "link", without_links)
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "folder", "link"):
        assert not create(tmp_path / name, b"new")
    assert names(tmp_path) == ["file", "folder", "link"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_new_file_that_cannot_be_written_leaves_no_name_behind(tmp_path, monkeypatch, name):
    monkeypatch.setattr(os, "link", without_links)
    monkeypatch.setattr(os, name, lambda *_: without_links(None, None))
    with pytest.raises(PermissionError):
        create(tmp_path / "file", b"new")
    assert names(tmp_path) == []


WRITER = """
import sys, time
from pathlib import Path
from stylize_tf.machine.atomic_files import replacing
path, letter, count, seconds = sys.argv[1:]
path, letter, count, seconds = Path(path), letter.encode(), int(count), float(seconds)
for _ in range(count):
    with replacing(path) as file:
        file.write(letter * 200_000)
        print("half", flush=True)
        time.sleep(seconds)
        file.write(letter * 200_000)
"""


def start_writer(path, letter, count, seconds):
    command = [sys.executable, "-c", WRITER, str(path), letter, str(count), str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def test_a_killed_writer_leaves_no_torn_file_and_the_next_one_cleans_up(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_files, "_LEFTOVER_SECONDS", 0.0)
    path = tmp_path / "file"
    with start_writer(path, "a", 1, 30) as killed, start_writer(path, "b", 1, 30) as living:
        for process in (killed, living):
            assert process.stdout.readline() == b"half\n"
        killed.send_signal(signal.SIGKILL)
        killed.wait(10)
        assert not path.exists()
        assert len(names(tmp_path)) == 2
        write(path, b"whole")
        try:
            assert path.read_bytes() == b"whole"
            assert len(names(tmp_path)) == 2, "what a living process writes stays"
        finally:
            living.kill()


def test_writers_at_the_same_time_never_show_a_torn_file(tmp_path):
    path = tmp_path / "file"
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(start_writer(path, letter, 30, 0.002)) for letter in "abc"]
        seen = set()
        deadline = time.monotonic() + 30
        while any(process.poll() is None for process in writers) and time.monotonic() < deadline:
            if path.exists():
                content = path.read_bytes()
                assert len(content) == 400_000
                assert len(set(content)) == 1
                seen.add(content[:1])
    assert [process.returncode for process in writers] == [0, 0, 0]
    assert len(seen) > 1
    assert names(tmp_path) == ["file"]
