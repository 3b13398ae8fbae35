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
import re
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

PLENTY, LITTLE = "1TB", "1MB"


def plan(flags: Sequence[str]) -> dict[str, Any]:
    """What `--dry_run` says: seconds, bytes, whether a stage goes by bands, and if it guesses."""
    said = processes.run(processes.main_command(*flags, "--dry_run")).checked()
    lines = said.output.splitlines()
    [total] = [line.split() for line in lines if line.split()[:1] == ["all"]]
    return {
        "seconds": float(total[-2]),
        "bytes": float(total[-1]) * 1e9,
        "banded": any(" bands " in line for line in lines),
        "guess": any("guess" in line for line in lines),
    }


def between(flags: Sequence[str]) -> str | None:
    """A limit of memory with which pictures go by bands; None if they never do."""
    most = plan([*flags, f"--memory={PLENTY}"])["bytes"]
    refusal = processes.run(processes.main_command(*flags, f"--memory={LITTLE}", "--dry_run"))
    least = re.search(r"at least ([\d.]+) GB", refusal.errors)
    if least is None or float(least[1]) * 1e9 >= most:
        return None
    limit = f"{(float(least[1]) + most / 1e9) / 2:.2f}GB"
    return limit if plan([*flags, f"--memory={limit}"])["banded"] else None


def cell(flags: Sequence[str]) -> dict[str, Any]:
    """A picture planned, then painted."""
    planned = plan(flags)
    finished = processes.run(processes.main_command(*flags, "--quiet")).checked()
    return {
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
                command = processes.main_command(*asked(teacher), f"--memory={limit}", "--quiet")
                processes.run(command).checked()
        for size in sizes:
            limits = {"whole": PLENTY, "bands": between(asked(size))}
            for mode, limit in limits.items():
                if limit is not None:
                    found = cell([*asked(size), f"--memory={limit}"])
                    results[mode][str(size)] = {"memory": limit, **found}
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
