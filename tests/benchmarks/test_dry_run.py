"""The benchmark that compares plans with runs."""

import pytest

from benchmarks.harness.figures import figures
from benchmarks.ours import dry_run


@pytest.mark.parametrize("needs_less", [0.7, 0.0])
def test_a_limit_is_found_between_the_least_and_what_the_whole_takes(monkeypatch, needs_less):
    def plan(flags, memory):
        if memory < 2.0 - needs_less:
            return None
        return {"bytes": min(memory, 2.0) * 1e9, "banded": memory < 2.0}

    monkeypatch.setattr(dry_run, "plan", plan)
    limit = dry_run.between([])
    assert limit is None if not needs_less else limit == pytest.approx(1.65, abs=0.01)


def test_how_far_the_plan_is_off_is_a_figure_once_all_sizes_were_measured():
    cells = {
        size: {"seconds_ratio": 0.8, "bytes_ratio": 1.1} for size in ("256", "512", "1024", "2048")
    }
    results = {"whole": cells, "bands": {"2048": {"seconds_ratio": 1.3, "bytes_ratio": 0.9}}}

    def said():
        found = [x for x in figures({"dry_run": results}) if "--dry_run" in x.what]
        return [(x.measured, x.reached) for x in found]

    assert said() == [(None, False)] * 2
    results["bands"] |= {"256": cells["256"]}
    assert said() == [("30%", False), ("10%", True)]
