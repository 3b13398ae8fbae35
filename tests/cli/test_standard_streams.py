"""Standard output whose reader cannot take what is printed."""

import os

import pytest

from stylize_tf.cli.terminal.standard_streams import print_line


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
