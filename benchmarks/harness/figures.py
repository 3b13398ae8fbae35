"""The figures that the project set itself, and what the results' files say of each.

    python -m benchmarks.harness.figures [FOLDER]

A figure whose file is missing, or lacks the peer that it needs, is not measured: never reached.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.arguments import OUTPUT
from benchmarks.ours import dry_run, memory_and_time

Results = dict[str, Any]
"""Name of a script -> its results; those without a file are missing."""

LEADER = {"gram": 0.116, "gram*": 0.088, "w2": 0.051, "cont": 0.44, "noise": -2.0, "embed": 0.996}
"""style-transfer-pytorch at 512 pixels, river town x The Starry Night, see benchmarks/README.md."""
LEADER_PAIR = "tubingen x starry_night"
HIGHER_IS_BETTER, BEST_AT_ZERO = ("embed",), ("noise",)


@dataclasses.dataclass(frozen=True)
class Figure:
    """A line of the table.

    Attributes:
        what: is measured.
        asked: the bound, in words.
        measured: the value, in words; None if it was not measured.
        reached: whether the value is within the bound.
    """

    what: str
    asked: str
    measured: str | None = None
    reached: bool = False


def at_most(what: str, bound: float, value: float | None, form: str = "{:.2f}") -> Figure:
    """A figure that should be low."""
    asked = "<= " + form.format(bound)
    if value is None:
        return Figure(what, asked)
    return Figure(what, asked, form.format(value), value <= bound)


def at_least(what: str, bound: float, value: float | None, form: str = "{:.1f}") -> Figure:
    """A figure that should be high."""
    asked = ">= " + form.format(bound)
    if value is None:
        return Figure(what, asked)
    return Figure(what, asked, form.format(value), value >= bound)


def get(results: Results, *keys: str) -> Any:
    """What is under the keys, or None where one of them is missing."""
    found: Any = results
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    return found


def evaluation_figures(results: Results) -> Iterator[Figure]:
    """Cost of an evaluation against PyTorch and against matrix products."""
    bounds = {"float32": {"1024x768": 0.5, "400x300": 0.75}}
    bounds["bfloat16"] = {"1024x768": 0.25, "400x300": 0.4}
    for precision, sizes in bounds.items():
        for size, bound in sizes.items():
            # The bfloat16 bounds are against PyTorch's float32, the format that its users have.
            what = f"value and gradient at {size}, {precision}, against PyTorch float32"
            yield at_most(what, bound, ratio_to_float32(results, size, precision))
    for precision in ("float32", "bfloat16"):
        shares = matmul_shares(results, precision)
        what = f"share of the matmul rate, {precision}, least of .1 to 3 megapixels"
        yield at_least(what, 0.85, min(shares) if shares else None, "{:.0%}")


def ratio_to_float32(results: Results, size: str, precision: str) -> float | None:
    """Our median seconds over those of PyTorch's fastest float32 layout."""
    cells = [
        get(results, "evaluation_cost", "sizes", size, name, "evaluation", "seconds")
        for name in (precision, "float32")
    ]
    if cells[0] is None or cells[1] is None:
        return None
    ours = cells[0]["ours"]["median"]
    peers = [x["median"] for name, x in cells[1].items() if name != "ours"]
    return ours / min(peers) if peers else None


def matmul_shares(results: Results, precision: str) -> list[float]:
    """Of the whole evaluation, at all sizes; empty unless they reach from .15 to 3 megapixels."""
    sizes = get(results, "evaluation_cost", "sizes") or {}
    pixels = [int(width) * int(height) for width, _, height in (x.partition("x") for x in sizes)]
    if not pixels or min(pixels) > 0.15e6 or max(pixels) < 3e6:
        return []
    return [row[precision]["evaluation"]["share"] for row in sizes.values()]


def peer_figures(results: Results) -> Iterator[Figure]:
    """Time until the picture is as good as a slower program's."""
    for peer, bound in (("pytorch-adam", 50.0), ("pastiche", 10.0)):
        row = get(results, "time_to_quality", peer)
        what = f"time to {peer}'s own value, times less than its"
        if row is not None and not row["ours"]["reached"]:
            yield Figure(what, f">= {bound:.1f}", "value not reached", False)
        else:
            yield at_least(what, bound, get(results, "time_to_quality", peer, "times_less"))


def leader_figures(results: Results) -> Iterator[Figure]:
    """The quality leader's picture: seconds, and the columns in which ours is not as good."""
    row = get(results, "quality", LEADER_PAIR, "default")
    what = "the quality leader's picture: seconds"
    yield at_most(what, 45.0, None if row is None else row["seconds"], "{:.0f}")
    what, asked = "the quality leader's picture: columns as good or better", f"all {len(LEADER)}"
    if row is None or any(row.get(name) is None for name in LEADER):
        yield Figure(what, asked)
        return
    worse = [name for name in LEADER if is_worse(name, row[name])]
    text = "all" if not worse else "all but " + ", ".join(f"{x} {row[x]:.3f}" for x in worse)
    yield Figure(what, asked, text, not worse)


def is_worse(column: str, value: float) -> bool:
    """Whether a column of the judge is not as good as the leader's."""
    bound = LEADER[column]
    if column in HIGHER_IS_BETTER:
        return value < bound
    if column in BEST_AT_ZERO:
        return abs(value) > abs(bound)
    return value > bound


def picture_figures(results: Results) -> Iterator[Figure]:
    """What a user waits for."""
    for size, bound in (("512", 40.0), ("1024", 75.0), ("2048", 300.0)):
        value = get(results, "picture_times", size, "seconds", "median")
        what = f"default {size}-px picture, start to file, seconds"
        yield at_most(what, bound, value, "{:.0f}")
    value = get(results, "startup", "first step", "median")
    yield at_most("start to the first step shown, seconds", 8.0, value, "{:.1f}")


def memory_figures(results: Results) -> Iterator[Figure]:
    """Tiles, memory, and cost against size."""
    modes = get(results, "memory_and_time") or {}
    costs = [
        cost
        for mode in modes
        for size, cost in memory_and_time.cost_against_whole(modes, mode).items()
        if not mode.startswith("whole") and int(size) >= 2048
    ]
    what = "cost per pixel with limited memory against whole, most from 2048 px up"
    yield at_most(what, 1.6, max(costs) if costs else None)
    for size, limit in (("4096", 6.0), ("1024", 2.5)):
        for precision in ("float32", "bfloat16"):
            mode = f"{limit:g} GB {precision}"
            peak = get(modes, mode, size, "peak_bytes")
            what = f"peak memory at {size}x{memory_and_time.height_of(int(size))}, {mode}, GB"
            yield at_most(what, limit, None if peak is None else peak / 1e9)
    peak = get(results, "picture_times", "1024", "peak_bytes")
    what = "peak memory of a default 1024-px picture, GB"
    yield at_most(what, 2.5, None if peak is None else peak / 1e9)
    for name in modes or ("whole float32",):
        row = modes.get(name, {})
        what = f"seconds per megapixel, most over least of all sizes, {name}"
        # Whole pictures end where the memory does.
        largest = 2048 if name.startswith("whole") else 4096
        sizes = [int(size) for size, cell in row.items() if "peak_bytes" in cell]
        complete = bool(sizes) and min(sizes) <= 512 and max(sizes) >= largest
        yield at_most(what, 1.2, memory_and_time.spread_of(row) if complete else None)


def other_figures(results: Results) -> Iterator[Figure]:
    """Plans, folders and resuming."""
    plans = get(results, "dry_run")
    complete = plans is not None and {"256", "2048"} <= set(plans["whole"]) & set(plans["bands"])
    for what, ratio, bound in (
        ("time", "seconds_ratio", 0.25),
        ("peak memory", "bytes_ratio", 0.15),
    ):
        off = dry_run.furthest(plans, ratio) if complete else None
        what = f"--dry_run against the run, 256 to 2048 px, whole and in bands: {what}"
        yield at_most(what, bound, off, "{:.0%}")
    row = get(results, "folder_throughput")
    what = "folder of 20 pictures at 256 px, times faster than 20 runs"
    yield at_least(what, 3.0, row["times_faster"] if row and row["pictures"] == 20 else None)
    row = get(results, "beam")
    what = "Beam, 40 pictures at 128 px, two workers against two runs that share a folder"
    yield at_most(what, 1.2, row["ratio"] if row and row["pictures"] == 40 else None)
    row = get(results, "resume_check")
    what, asked = "killed and resumed: identical pictures", "20 of 20"
    if row is None:
        yield Figure(what, asked)
    else:
        text = f"{row['identical']} of {row['kills']}"
        yield Figure(what, asked, text, row["identical"] == row["kills"] >= 20)


def control_figures(results: Results) -> Iterator[Figure]:
    """Art direction."""
    pairs = list((get(results, "art_direction") or {}).values())
    parts = ("strength", "chroma", "regions", "sizes")
    strength, chroma, regions, found = ([x[part] for x in pairs if part in x] for part in parts)
    sizes = [x for x in found if {"256", "2048"} <= set(x["rows"])]
    for key, name in (("gram", "Gram"), ("cont", "content")):
        what = f"256 to 2048 px, judged at 256: spread of the {name} distance"
        yield at_most(what, 0.2, max((x["spread"][key] for x in sizes), default=None))
    monotone = sum(x["monotone"] for x in strength)
    what, asked = "pairs on which strength is strictly monotone", "all"
    text = f"{monotone} of {len(strength)}" if strength else None
    yield Figure(what, asked, text, bool(strength) and monotone == len(strength))
    for way in ("content", "luminance"):
        errors = [x[way] for x in chroma]
        yield at_most(f"chroma error in CIELAB, --color {way}", 2.0, max(errors, default=None))
    outside = [x["grey_levels_outside"] for x in regions]
    yield at_most("change outside a mask, grey levels", 1.0, max(outside, default=None))
    times = [x for each in regions for x in each["times_nearer_to_its_own"]]
    yield at_least(
        "region's distance to the other's painting over its own", 3.0, min(times, default=None)
    )
    same = [x["ones_are_none"] for x in regions]
    text = None if not same else "same" if all(same) else "differ"
    yield Figure("pixels with a mask of ones and without", "same", text, text == "same")


GROUPS: tuple[Callable[[Results], Iterator[Figure]], ...] = (
    evaluation_figures,
    peer_figures,
    leader_figures,
    picture_figures,
    memory_figures,
    other_figures,
    control_figures,
)


def figures(results: Results) -> list[Figure]:
    """All of them, measured or not."""
    return [figure for group in GROUPS for figure in group(results)]


def read(folder: Path) -> tuple[Results, set[str]]:
    """The results in a folder, and the commits that they are of."""
    results, commits = {}, set()
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        results[path.stem] = record["results"]
        changed = " with changes" if record["environment"]["modified"] else ""
        commits.add(f"{(record['environment']['commit'] or 'no commit')[:9]}{changed}")
    return results, commits


def table(found: Sequence[Figure]) -> str:
    """The figures as Markdown."""
    lines = ["| figure | asked | measured | reached |", "|---|---|---|---|"]
    for figure in found:
        verdict = "-" if figure.measured is None else "yes" if figure.reached else "**no**"
        measured = figure.measured or "not measured"
        lines.append(f"| {figure.what} | {figure.asked} | {measured} | {verdict} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Print the table of a folder of results."""
    results, commits = read(Path(arguments[0]) if arguments else OUTPUT)
    print(table(figures(results)))
    print(f"\nMeasured at {', '.join(sorted(commits)) or 'no commit: there are no results'}.")


if __name__ == "__main__":
    main(sys.argv[1:])
