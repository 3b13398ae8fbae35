"""--progress json: every line of standard error is an object."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path

import pytest

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.cli.terminal.json_lines import JsonLines, json_lines
from stylize_tf.errors import OutputError
from stylize_tf.images.timelapse import Timelapse
from tests.fakes.cli_fakes import EVALUATIONS, INPUTS, SHORT, fail_at, send_at, throw

JSON = "--progress=json"


@pytest.fixture
def events(stylize, capfd):
    """What a run tells, and its exit code and standard output."""

    def run(*arguments, **options):
        code = stylize(*arguments, **options)
        captured = capfd.readouterr()
        return [json.loads(line) for line in captured.err.splitlines()], code, captured.out

    return run


def of(events, name):
    return [event for event in events if event["event"] == name]


def test_every_step_is_a_line_with_all_that_is_known_of_it(events):
    told, code, out = events(*INPUTS, *SHORT, JSON)
    assert (code, out) == (0, "photo_painting.png\n")
    steps = of(told, "step")
    assert [step["evaluation"] for step in steps] == list(range(1, EVALUATIONS + 1))
    expected = {
        "event": "step",
        **{"stage": 2, "stages": 2, "step": 2, "steps": 2, "evaluation": 5, "evaluations": 5},
        **{"width": 48, "height": 32, "loss": 0.45, "step_loss": 0.45},
        **{"losses": {"content": 0.25, "style": 0.2}, "seconds": 0.25, "remaining": 12.0},
    }
    assert expected.items() <= steps[-1].items()
    [written] = of(told, "written")
    assert (written["path"], written["finished"]) == ("photo_painting.png", True)
    assert of(told, "info")[0]["text"] == "Weights of VGG19: weights for tests."


def test_steps_of_a_folder_and_of_a_sheet_say_which_picture_they_are_of(events):
    told, code, out = events(*INPUTS, "--content=other.png", *SHORT, "--output_dir=out", JSON)
    assert (code, out.count("\n")) == (0, 2)
    places = [(step["number"], step["total"]) for step in of(told, "step")]
    assert places == [(1, 2)] * EVALUATIONS + [(2, 2)] * EVALUATIONS
    assert [x["number"] for x in of(told, "started")] == [1, 2]
    assert [(x["number"], x["path"]) for x in of(told, "written")] == [
        (1, "out/photo_painting.png"),
        (2, "out/other_painting.png"),
    ]
    [ended] = of(told, "ended")
    counts = {"written": 2, "skipped": 0, "failed": 0, "left": 0}
    assert counts.items() <= ended.items()
    told, *_ = events(*INPUTS, *SHORT, "--sheet=seed=1,2", JSON)
    assert {(step["number"], step["total"]) for step in of(told, "step")} == {(1, 2), (2, 2)}


def test_fields_are_told_in_the_readme(events):
    """Those of an interrupted folder run, which has most of them."""
    many = (*INPUTS, "--content=other.png", *SHORT, "--output_dir=out")
    told, *_ = events(*many, JSON, hook=send_at(EVALUATIONS + 2, 15))
    assert {"begun", "started", "step", "written", "ended"} <= {x["event"] for x in told}
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    named = readme.partition("`--progress json`")[2].partition("##")[0]
    for event in told:
        for name in (event["event"], *event):
            assert f"`{name}`" in named, event


def test_interruption_and_failures_are_lines_with_their_code(events):
    told, code, _ = events(*INPUTS, *SHORT, JSON, hook=send_at(2, 15))
    assert code == 143
    assert [x["finished"] for x in of(told, "written")] == [False]
    told, code, _ = events(*INPUTS, *SHORT, JSON, "-v", "1", hook=fail_at(1, ValueError("here")))
    [error] = of(told, "error")
    assert (code, error["code"]) == (1, 1)
    assert "raise error\nValueError: here" in error["traceback"]
    told, code, _ = events(*INPUTS, *SHORT, JSON, "--size=1")
    assert [(x["event"], x["code"]) for x in told] == [("error", 2)]


@pytest.mark.parametrize("flags", [[JSON], ["--progress", "json"], ["--flagfile=flags"]], ids=str)
def test_command_line_that_cannot_be_read_is_told_so_too(folder, capfd, flags):
    (folder / "flags").write_text("--progress json\n")
    assert main_with(["main.py", "--sise=3", *flags]) == Exit.USAGE
    assert json.loads(capfd.readouterr().err) == {
        "event": "error",
        "text": "unknown flag --sise. Did you mean --size?",
        "code": 2,
    }


def test_the_last_of_several_forms_counts_for_a_command_line_that_cannot_be_read(folder, capfd):
    assert main_with(["main.py", JSON, "--sise=3", "--progress", "plain"]) == Exit.USAGE
    assert capfd.readouterr().err.startswith("stylize_tf: error: unknown flag --sise.")


def test_failures_beside_the_picture_and_of_a_plan_have_their_code_too(events, folder, monkeypatch):
    monkeypatch.setattr(Timelapse, "save", lambda it: throw(OutputError("full"))())
    told, code, _ = events(*INPUTS, *SHORT, JSON, "--timelapse=t.gif", "-v", "1")
    [error] = of(told, "error")
    assert (code, error["code"], error["text"]) == (0, 4, "--timelapse: full")
    (folder / "broken.png").write_bytes(b"no picture")
    many = (*INPUTS, "--content=broken.png", "--style=other.png", "--output_dir=out", JSON)
    for mode in ([], ["--dry_run"]):
        told, *_ = events(*many, *SHORT, *mode)
        [error] = of(told, "error")  # Of two pictures, told once.
        assert (error["code"], error["path"]) == (3, "broken.png")


def test_what_libraries_write_is_a_line_of_a_log(capfd):
    with json_lines(quiet=True) as console:
        os.write(2, b"E0000 \xff bytes\n\nof C++\n")
        console.info("dropped")
        os.write(2, b"without an end")
    os.write(2, b"after\n")
    *lines, last = capfd.readouterr().err.splitlines()
    assert last == "after"
    expected = ["E0000 \\xff bytes", "of C++", "without an end"]
    assert [json.loads(line) for line in lines] == [{"event": "log", "text": x} for x in expected]


def test_numbers_that_are_not_finite_are_null_and_odd_names_are_text(capsys):
    console = JsonLines(sys.stderr)
    console.event("step", loss=math.nan, losses={"style": math.inf}, path=os.fsdecode(b"\xff.png"))
    assert json.loads(capsys.readouterr().err) == {
        "event": "step",
        "loss": None,
        "losses": {"style": None},
        "path": "\udcff.png",
    }


def test_quiet_run_tells_nothing(events):
    assert events(*INPUTS, *SHORT, JSON, "--quiet")[0] == []


@pytest.mark.parametrize(("progress", "count"), [("plain", 4), ("none", 0)])
def test_lines_of_progress_may_be_asked_for_or_not(stylize, capsys, monkeypatch, progress, count):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert stylize(*INPUTS, *SHORT, f"--progress={progress}") == 0
    captured = capsys.readouterr().err
    assert "\r" not in captured
    assert captured.count("stage ") == count
    assert "stylize_tf: Wrote" in captured
