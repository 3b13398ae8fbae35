"""What `--dry_run` says a picture takes, against what it takes.

    python -m benchmarks.ours.dry_run [--quick] [--sizes 256 512 1024 2048] [--steps N,N,...]

`main.py` on the example pair, enlarged where a picture is smaller than the size; each size as a
whole and, where a smaller plan exists, with `--memory` halfway between what the whole takes and the
least there is. A cache of its own begins empty. One picture of 512 pixels is painted first, whole
and in bands; then each picture is planned before it is painted, by what was painted so far, as for
a user. Seconds are from the start of the process to its end, weights in the cache; the peak is that
of resident memory.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem, processes
from benchmarks.ours import memory_and_time

SIZES = (256, 512, 1024, 2048)
TEACHER = 512
"""Long side of the picture that is painted before the first is planned."""

PLENTY = 1000.0
"""GB that no picture here needs."""


def plan(flags: Sequence[str], memory: float) -> dict[str, Any] | None:
    """What `--dry_run` says: seconds, bytes, whether a stage goes by bands, and if it guesses.

    None if so many GB are refused.
    """
    command = processes.main_command(*flags, f"--memory={memory:.3f}GB", "--dry_run")
    said = processes.run(command)
    if "at least" in said.errors:
        return None
    lines = said.checked().output.splitlines()
    [total] = [line.split() for line in lines if line.split()[:1] == ["all"]]
    return {
        "seconds": float(total[-2]),
        "bytes": float(total[-1]) * 1e9,
        "banded": any(" bands " in line for line in lines),
        "guess": any("guess" in line for line in lines),
    }


def between(flags: Sequence[str]) -> float | None:
    """GB with which pictures go by bands, halfway between the least and what the whole takes.

    None if they never go by bands, as small ones do not.
    """
    most = plan(flags, PLENTY)
    assert most is not None
    refused, enough = 0.0, most["bytes"] / 1e9
    while enough - refused > 0.005:
        middle = (refused + enough) / 2
        refused, enough = (middle, enough) if plan(flags, middle) is None else (refused, middle)
    for limit in ((enough + most["bytes"] / 1e9) / 2, enough):
        planned = plan(flags, limit)
        if planned is not None and planned["banded"]:
            return limit
    return None


def paint(flags: Sequence[str], memory: float) -> processes.Finished:
    """A picture painted."""
    command = processes.main_command(*flags, f"--memory={memory:.3f}GB", "--quiet")
    return processes.run(command).checked()


def cell(flags: Sequence[str], memory: float) -> dict[str, Any]:
    """A picture planned, then painted."""
    planned = plan(flags, memory)
    assert planned is not None
    finished = paint(flags, memory)
    return {
        "memory": memory,
        "planned": planned,
        "seconds": finished.seconds,
        "peak_bytes": finished.peak_bytes,
        "seconds_ratio": planned["seconds"] / finished.seconds,
        "bytes_ratio": planned["bytes"] / finished.peak_bytes,
    }


def measure(sizes: Sequence[int], teacher: int, flags: Sequence[str]) -> dict[str, Any]:
    """Mode -> long side -> cell."""
    results: dict[str, Any] = {"whole": {}, "bands": {}}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        os.environ.pop("STYLIZE_TF_RATES", None)

        def asked(size: int) -> list[str]:
            content, style = (
                memory_and_time.enlarge(path, size, Path(folder)) for path in problem.EXAMPLES
            )
            pictures = [f"--content={content}", f"--style={style}"]
            return [*pictures, f"--output={Path(folder, 'out.png')}", f"--size={size}", *flags]

        for limit in (PLENTY, between(asked(teacher))):
            if limit is not None:
                paint(asked(teacher), limit)
        for size in sizes:
            limits = {"whole": PLENTY, "bands": between(asked(size))}
            for mode, limit in limits.items():
                if limit is not None:
                    found = results[mode][str(size)] = cell(asked(size), limit)
                    print(f"dry_run: {mode}, {size}: {found}", file=sys.stderr)
    return results


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = ["| | seconds: planned, taken | peak GB: planned, taken |", "|---|---|---|"]
    for mode, row in results.items():
        for size, x in row.items():
            seconds = f"{x['planned']['seconds']:.1f}, {x['seconds']:.1f}"
            peak = f"{x['planned']['bytes'] / 1e9:.2f}, {x['peak_bytes'] / 1e9:.2f}"
            ratios = f"{x['seconds_ratio']:.2f}", f"{x['bytes_ratio']:.2f}"
            lines.append(f"| {mode}, {size} | {seconds} ({ratios[0]}) | {peak} ({ratios[1]}) |")
    return "\n".join(lines)


def furthest(results: dict[str, Any], ratio: str) -> float | None:
    """How far the plan is off at most, as a share of what was taken; None without results."""
    found = [abs(x[ratio] - 1) for row in results.values() for x in row.values()]
    return max(found, default=None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write `dry_run.json`."""
    parser = arguments_of.parser("ours.dry_run", __doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--steps", help="Of each stage, in place of the default.")
    options = parser.parse_args(arguments)
    sizes, teacher = options.sizes, TEACHER
    flags = [f"--steps={options.steps}"] if options.steps else []
    if options.quick:
        sizes, teacher, flags = (96,), 64, ["--coarsest_size=0", "--steps=3"]
    results = measure(sizes, teacher, flags)
    print(table(results))
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
