"""Seconds and memory of a picture with no options but its size.

    python -m benchmarks.ours.picture_times [--quick] [--sizes 512 1024 2048] [--runs 1]

`main.py` on the example pair, enlarged where a picture is smaller than the size, from the start of
the process to its end, weights in the cache; the median of the runs. The peak is that of the
process (`ru_maxrss`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem, processes
from benchmarks.ours import memory_and_time

SIZES = (512, 1024, 2048)


def measure(sizes: Sequence[int], runs: int, flags: Sequence[str]) -> dict[str, Any]:
    """Long side -> seconds and peak."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            content, style = (
                memory_and_time.enlarge(path, size, Path(folder)) for path in problem.EXAMPLES
            )
            command = processes.main_command(
                f"--content={content}",
                f"--style={style}",
                f"--output={Path(folder, 'out.png')}",
                f"--size={size}",
                "--quiet",
                *flags,
            )
            finished = [processes.run(command).checked() for _ in range(runs)]
            results[str(size)] = {
                "seconds": common.median_and_spread(x.seconds for x in finished),
                "peak_bytes": max(x.peak_bytes for x in finished),
            }
    return results


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = ["| long side | seconds | peak GB |", "|---|---|---|"]
    for size, x in results.items():
        lines.append(f"| {size} | {x['seconds']['median']:.1f} | {x['peak_bytes'] / 1e9:.2f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write `picture_times.json`."""
    parser = arguments_of.parser("ours.picture_times", __doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args(arguments)
    sizes, flags = options.sizes, []
    if options.quick:
        sizes, flags = (64,), ["--coarsest_size=0", "--steps=2"]
    results = measure(sizes, options.runs, flags)
    print(table(results))
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
