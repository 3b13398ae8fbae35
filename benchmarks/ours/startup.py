"""How long until the program answers: the first step, the help, an error of usage.

    python -m benchmarks.ours.startup [--quick] [--runs 5]

Each is timed from the start of the process, as a user starts it, files in the system's cache (a
first run is not counted), and is the median of several. The first step is that of the example pair
with the default options: the moment at which the first line of progress reaches the reader of
standard error; the run is then ended. `first words` is the first line of any kind.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem, processes
from benchmarks.harness.problem import ROOT

USAGE = 2


def is_step(line: str) -> bool:
    """Whether a line of standard error shows a step."""
    return line.startswith("stage ") and " step " in line


def first_step(flags: Sequence[str], give_up: float = 300.0) -> dict[str, float]:
    """Seconds until our program's first words and its first step.

    Raises:
        RuntimeError: if it ends, or says nothing of the kind for `give_up` seconds.
    """
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = subprocess.Popen(
            processes.main_command(*flags, f"--output={Path(folder, 'picture.png')}"),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        found: dict[str, float] = {}
        seen = []
        with process.stderr:
            try:
                for line in process.stderr:
                    now = time.perf_counter() - start
                    seen.append(line)
                    found.setdefault("first words", now)
                    if is_step(line):
                        return {**found, "first step": now}
                    if now > give_up:
                        break
            finally:
                process.kill()
                process.wait()
    raise RuntimeError(f"No step was shown: {' '.join(''.join(seen).split()[-40:])}")


def to_the_end(flags: Sequence[str], code: int) -> float:
    """Seconds of our program from start to end.

    Raises:
        RuntimeError: if it exits with another code.
    """
    finished = processes.run(processes.main_command(*flags))
    if finished.code != code:
        raise RuntimeError(f"{flags} exited with {finished.code}, not {code}: {finished.errors}")
    return finished.seconds


def repeated(work: Callable[[], float], runs: int) -> dict[str, Any]:
    """Median and spread of several runs, after one that is not counted."""
    work()
    return common.median_and_spread(work() for _ in range(runs))


def measure(runs: int, flags: Sequence[str]) -> dict[str, Any]:
    """What -> median and spread."""
    content, style = problem.EXAMPLES
    pictures = [f"--content={content}", f"--style={style}"]
    first_step([*pictures, *flags])
    steps = [first_step([*pictures, *flags]) for _ in range(runs)]
    return {
        **{name: common.median_and_spread(x[name] for x in steps) for name in steps[0]},
        "--help": repeated(lambda: to_the_end(["--help"], 0), runs),
        "unknown flag": repeated(lambda: to_the_end([*pictures, "--sise=9"], USAGE), runs),
        "value out of range": repeated(lambda: to_the_end([*pictures, "--size=-1"], USAGE), runs),
    }


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = ["| what | seconds | spread |", "|---|---|---|"]
    for name, x in results.items():
        lines.append(f"| {name} | {x['median']:.2f} | {x['minimum']:.2f} - {x['maximum']:.2f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write `startup.json`."""
    parser = arguments_of.parser("ours.startup", __doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    quick = ["--size=64", "--coarsest_size=0"]
    results = measure(1 if options.quick else options.runs, quick if options.quick else [])
    print(table(results))
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
