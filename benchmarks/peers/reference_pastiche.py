"""pastiche 1.6.0, run as its users run it, with the value and the time of each step.

    python -m benchmarks.peers.reference_pastiche --csv steps.csv [--steps 1000]

Its own command line with its own defaults (area of 500 x 500 pixels, L-BFGS, 1000 steps, its own
8-bit weights); `--info-step 1` makes it print every step. The step's seconds are the times between
its lines, the start apart; the value is the one it prints: that of the picture that the step
started from. Prints one JSON line: steps, the last value, and seconds of the whole process.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.harness import problem

AREA = 500**2
STEPS = 1000
_LINE = re.compile(r"(\d+)\s+[\d.]+\s+([\d.]+|nan|inf)\s*$")


def size_of(height: int, width: int, area: int = AREA) -> tuple[int, int]:
    """Height and width to which pastiche resizes a picture of this shape for an area."""
    new_height = round(math.sqrt(area * height / width))
    return new_height, round(width / height * new_height)


def parse(lines: Iterable[str]) -> Iterator[tuple[int, float]]:
    """Step and value of the lines of its table; other lines are passed over."""
    for line in lines:
        match = _LINE.match(line)
        if match is not None:
            yield int(match[1]), float(match[2])


def command(
    python: str, content: Path, style: Path, output: Path, steps: int, area: int = AREA
) -> list[str]:
    """The command line of a run that shows every step."""
    arguments = ["--content", str(content), "--styles", str(style), "--output", str(output)]
    arguments += ["--num-steps", str(steps), "--info-step", "1", "--seed", "0"]
    if area != AREA:
        arguments += ["--size-pixels", str(area)]
    return [python, "-u", "-m", "pastiche", *arguments]


def run(
    python: str,
    pictures: tuple[Path, Path],
    csv: Path,
    *,
    steps: int = STEPS,
    threads: int = 0,
    area: int = AREA,
) -> dict[str, float]:
    """Runs it to its end; steps taken, last value and seconds of the process.

    That is kept beside the CSV: where a run has finished before, it is not repeated.

    Raises:
        RuntimeError: if it fails or is silent; the message has its last words.
    """
    output, finished = csv.with_suffix(".png").resolve(), csv.with_suffix(".json")
    if finished.exists():
        known: dict[str, float] = json.loads(finished.read_text(encoding="utf-8"))
        return known
    environment = dict(os.environ)
    if threads:
        environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    start = time.perf_counter()
    process = subprocess.Popen(
        command(python, pictures[0].resolve(), pictures[1].resolve(), output, steps, area),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=csv.resolve().parent,
    )
    seen: list[str] = []
    last, value = 0, math.nan
    assert process.stdout is not None
    with process.stdout, csv.open("w", encoding="utf-8", buffering=1) as file:
        file.write("step,value,seconds\n")
        previous = start
        for line in process.stdout:
            seen.append(line)
            now = time.perf_counter()
            for last, value in parse([line]):
                file.write(f"{last},{value:.10g},{now - previous:.4f}\n")
                previous = now
    if process.wait() != 0 or last != steps:
        raise RuntimeError(f"pastiche ended with {process.returncode}: {''.join(seen[-5:])}")
    found = {"steps": last, "value": value, "wall_seconds": time.perf_counter() - start}
    finished.write_text(json.dumps(found), encoding="utf-8")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it and print what it reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.reference_pastiche")
    parser.add_argument("--content", type=Path, default=problem.EXAMPLES[0])
    parser.add_argument("--style", type=Path, default=problem.EXAMPLES[1])
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--area", type=int, default=AREA, help="Pixels of the picture.")
    parser.add_argument("--threads", type=int, default=0, help="0 leaves it to PyTorch.")
    parser.add_argument("--torch_python", default=sys.executable, help="Python that has pastiche.")
    options = parser.parse_args(arguments)
    found = run(
        options.torch_python,
        (options.content, options.style),
        options.csv,
        steps=options.steps,
        threads=options.threads,
        area=options.area,
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
