"""Memory and seconds against the size of the picture, whole and in tiles.

    python -m benchmarks.ours.memory_and_time [--quick] [--sizes 512 1024 ...] [--modes NAME ...]

Every cell is a process of its own that paints the example pair, both pictures enlarged to the size
where they are smaller, with the default objective and L-BFGS, at that size alone (no coarser
stages), for a few steps, and writes the picture.

seconds   Of a step, that is one evaluation and the optimizer's part: the median without the first,
          which has the preparation in it. Per megapixel: divided by the millions of pixels.
peak      Most resident memory of the whole process, Python and TensorFlow included (`VmHWM` of
          /proc; `ru_maxrss` elsewhere).

Modes: `whole` holds every feature map of the picture at once, in float32 or bfloat16; the others
limit the memory, and the program chooses what it does then. A whole picture that would need more
than 85 % of the machine's memory, by its pixels against the size before, is left out.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem, processes
from stylize_tf.images import image_io

SIZES = (512, 1024, 1448, 2048, 2896, 4096)
STEPS = 4
LARGEST_SHARE = 0.85
UNLIMITED = "1000GB"
MODES: dict[str, dict[str, Any]] = {
    "whole float32": {"precision": "float32", "memory": UNLIMITED},
    "whole bfloat16": {"precision": "bfloat16", "memory": UNLIMITED},
    "6 GB float32": {"precision": "float32", "memory": "6GB"},
    "6 GB bfloat16": {"precision": "bfloat16", "memory": "6GB"},
    "2.5 GB float32": {"precision": "float32", "memory": "2.5GB"},
    "2.5 GB bfloat16": {"precision": "bfloat16", "memory": "2.5GB"},
}
"""Mode -> options. Its last word is the number format."""
QUICK_MODES = ("whole float32", "2.5 GB float32")


def height_of(width: int) -> int:
    """Of the 4:3 picture of this long side."""
    return round(width * 3 / 4)


def enlarge(path: Path, long_side: int, folder: Path) -> Path:
    """The picture, enlarged to this long side if it is smaller, as PNG."""
    image = image_io.read(path)
    height, width = image.shape[1:3]
    scale = max(1.0, long_side / max(height, width))
    target = folder / f"{path.stem}_{long_side}.png"
    if not target.exists():
        size = round(height * scale), round(width * scale)
        image_io.write(target, image_io.resize(image, *size).clip(0, 1))
    return target


def cell(content: Path, style: Path, long_side: int, options: dict[str, Any]) -> dict[str, Any]:
    """Seconds and memory of one size in one mode, or why there are none."""
    config = {**options, "size": long_side, "coarsest_size": 0, "steps": [STEPS]}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.ours.child_steps", content, style]
        finished = processes.run([*command, Path(folder, "out.png"), json.dumps(config)])
    if finished.code != 0:
        return {"failed": f"exit {finished.code}: {' '.join(finished.errors.split()[-25:])}"}
    found = json.loads(finished.output.splitlines()[-1])
    if "refused" in found:
        return {"failed": found["refused"]}
    seconds = statistics.median(found["seconds"][1:])
    return {
        "seconds": common.median_and_spread(found["seconds"][1:]),
        "seconds_per_megapixel": seconds / megapixels(long_side),
        "first_step_seconds": found["seconds"][0],
        "peak_bytes": found["peak_bytes"] or finished.peak_bytes,
    }


def megapixels(long_side: int) -> float:
    """Millions of pixels of the 4:3 picture."""
    return long_side * height_of(long_side) / 1e6


def fits(before: dict[str, Any] | None, growth: float, memory_gib: float | None) -> bool:
    """Whether a whole picture, `growth` times the pixels of the one before, can be tried."""
    if before is None or "peak_bytes" not in before or memory_gib is None:
        return before is None or "peak_bytes" in before
    return bool(before["peak_bytes"] * growth <= LARGEST_SHARE * memory_gib * 2**30)


def measure(sizes: Sequence[int], modes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Mode -> long side -> cell."""
    memory = common.memory_gib()
    results: dict[str, Any] = {name: {} for name in modes}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            pictures = [enlarge(path, size, Path(folder)) for path in problem.EXAMPLES]
            for name, options in modes.items():
                row = results[name]
                previous = list(row)[-1] if row else None
                growth = megapixels(size) / megapixels(int(previous)) if previous else 1.0
                before = row[previous] if previous else None
                if options.get("memory") == UNLIMITED and not fits(before, growth, memory):
                    row[str(size)] = {"failed": "left out: more than the machine's memory"}
                else:
                    row[str(size)] = cell(pictures[0], pictures[1], size, options)
                print(f"memory_and_time: {name}, {size}: {row[str(size)]}", file=sys.stderr)
    return results


def spread_of(row: dict[str, Any]) -> float | None:
    """Greatest over least seconds a megapixel of one mode; None with fewer than two sizes."""
    values = [x["seconds_per_megapixel"] for x in row.values() if "seconds_per_megapixel" in x]
    return max(values) / min(values) if len(values) > 1 else None


def cost_against_whole(results: dict[str, Any], mode: str) -> dict[str, float]:
    """Long side -> seconds of a mode over those of whole pictures in its format, where known."""
    whole = f"whole {mode.split()[-1]}"
    return {
        size: x["seconds_per_megapixel"] / results[whole][size]["seconds_per_megapixel"]
        for size, x in results.get(mode, {}).items()
        if "seconds_per_megapixel" in x
        and "seconds_per_megapixel" in results.get(whole, {}).get(size, {})
    }


def table(results: dict[str, Any]) -> str:
    """The results as Markdown: seconds a megapixel and peak of each mode by size."""
    sizes = list(dict.fromkeys(size for row in results.values() for size in row))
    heading = " | ".join(f"{size}x{height_of(int(size))}" for size in sizes)
    lines = [f"| s/megapixel, peak GB | {heading} |", "|---" * (len(sizes) + 1) + "|"]
    for name, row in results.items():
        cells = []
        for size in sizes:
            x = row.get(size, {})
            if "peak_bytes" in x:
                peak = x["peak_bytes"] / 1e9
                cells.append(f"{x['seconds_per_megapixel']:.2f}, {peak:.2f}")
            else:
                cells.append("-")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write `memory_and_time.json`."""
    parser = arguments_of.parser("ours.memory_and_time", __doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="Long sides, 4:3.")
    parser.add_argument("--modes", nargs="+", choices=list(MODES), default=list(MODES))
    options = parser.parse_args(arguments)
    sizes, modes = sorted(options.sizes), options.modes
    if options.quick:
        sizes, modes = [64, 96], QUICK_MODES
    results = measure(sizes, {name: MODES[name] for name in modes})
    print(table(results))
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
