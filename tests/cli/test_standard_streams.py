"""Standard output whose reader cannot take what is printed, and input that cannot be kept."""

import os
import sys
import tempfile
from types import SimpleNamespace

import pytest

from stylize_tf.cli.terminal.standard_streams import input_as_file, print_line
from stylize_tf.errors import ImageError, OutputError


@pytest.mark.parametrize("is_full", [True, False])
def test_output_that_cannot_be_printed_stops_nothing(monkeypatch, is_full):
    """A full device is warned of; a reader that went away does not care."""
    reader, writer = os.pipe()
    os.close(reader)
    if is_full:
        os.dup2(os.open("/dev/full", os.O_WRONLY), writer)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        warned = []
        print_line("out.png", warned.append)
        stream.write("more")  # Python flushes once more at its end.
    assert warned == ["cannot print the result: No space left on device."] * is_full


def test_input_that_cannot_be_read_and_one_that_cannot_be_kept_are_told_apart(
    monkeypatch, tmp_path
):
    def broken(size):
        raise OSError(5, "Input/output error")

    stdin = SimpleNamespace(isatty=lambda: False, buffer=SimpleNamespace(read=broken))
    monkeypatch.setattr(sys, "stdin", stdin)
    with (
        pytest.raises(ImageError, match=r"^standard input cannot be read: Input/output error.$"),
        input_as_file("content"),
    ):
        pass
    stdin.buffer.read = lambda size: b"x"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with (
        pytest.raises(OutputError, match=r"cannot be kept in '.*none': No such file"),
        input_as_file("content"),
    ):
        pass
