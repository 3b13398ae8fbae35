"""A batch with its workers in processes of their own, each with TensorFlow and the real VGG19."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes.cli_fakes import digest, draw, names

pytest.importorskip("apache_beam", reason='pip install "stylize-tf[beam]"')
pytestmark = pytest.mark.slow

MAIN = [sys.executable, str(Path(__file__).parents[2] / "main.py")]
INPUTS = ("--content=photos/*.png", "--style=painting.jpg", "--size=48", "--coarsest_size=32")
FLAGS = (
    *("--steps=3,2", "--precision=float32", "--threads=1", "--quiet"),
    *("--content_layers=block2_conv1", "--style_layers=block1_conv1", "--style_layer_weights="),
    *("--structure_weight=0", "--focus_weight=0", "--coarse_style_weight=0"),
)
TWO = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")


def holding_tensorflow(mark):
    """The processes with this variable in their environment that have loaded TensorFlow."""
    found = set()
    for process in Path("/proc").iterdir():
        try:
            is_ours = mark in (process / "environ").read_bytes()
            if is_ours and b"libtensorflow" in (process / "maps").read_bytes():
                found.add(process.name)
        except OSError:  # No process, another user's, or one that has ended.
            continue
    return found


def test_two_processes_paint_what_a_folder_run_paints_byte_for_byte(tmp_path, monkeypatch):
    """Started elsewhere than in the checkout, whose package the workers have to find."""
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        draw(f"photos/{number}.png", (40, 60), number)
    draw("painting.jpg", (50, 70), 9)
    Path("photos/broken.png").write_bytes(b"no picture")
    monkeypatch.setenv("STYLIZE_TF_TEST", str(tmp_path))
    mark = f"STYLIZE_TF_TEST={tmp_path}".encode()
    command = [*MAIN, "batch", *INPUTS, *FLAGS, "--output=beamed", *TWO]
    with Path("said").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    seen = set()
    while process.poll() is None:
        seen |= holding_tensorflow(mark)
        time.sleep(0.2)
    assert process.returncode == 7, Path("said").read_text()
    assert len(seen) == 2
    assert str(process.pid) not in seen
    assert not holding_tensorflow(mark)
    folder = subprocess.run([*MAIN, *INPUTS, *FLAGS, "--output_dir=folder"], check=False)
    assert folder.returncode == 7
    painted = [f"{number}_painting.png" for number in range(4)]
    assert names("folder") == painted
    assert names("beamed") == [*painted, "failed.jsonl"]
    for name in painted:
        assert digest(f"beamed/{name}") == digest(f"folder/{name}")
