"""A batch by Beam in two worker processes against a folder that two runs share.

    python -m benchmarks.ours.beam [--quick] [--pictures 40] [--rounds 1] [--precision bfloat16]

Different cut-outs of the example photograph are painted at 128 pixels in the manner of the example
painting with the default options, each process on one core, weights in the cache: by
`batch --direct_num_workers=2 --direct_running_mode=multi_processing`, and by two runs with
`--output_dir` and `--skip_existing` that are started together. Seconds are from the start of the
first process to the end of the last; processor time is that of all processes together. Every
picture must be there, with the same pixels.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem, processes
from benchmarks.ours.folder_throughput import make_pictures

PICTURES, SIZE = 40, 128
ASKED = 1.2


def seconds_of(commands: Sequence[Sequence[str]]) -> tuple[float, float]:
    """From the start of the first of programs that are started together to the end of the last.

    Returns:
        These seconds, and those of processor time that they and their workers took.

    Raises:
        RuntimeError: if one fails.
    """
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile("w+") as said:
        streams: Any = {"cwd": problem.ROOT, "stdout": said, "stderr": said}
        running = [subprocess.Popen(command, **streams) for command in commands]
        codes = [process.wait() for process in running]
        if any(codes):
            said.seek(0)
            raise RuntimeError(f"Runs ended with {codes}: {' '.join(said.read().split()[-40:])}")
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(count: int, rounds: int, flags: Sequence[str]) -> dict[str, Any]:
    """Seconds of both ways, in turns.

    Raises:
        RuntimeError: if a picture is missing, or not the same both ways.
    """
    taken: dict[str, list[tuple[float, float]]] = {"folder": [], "beam": []}
    with tempfile.TemporaryDirectory() as temporary:
        photographs = Path(temporary, "photographs")
        photographs.mkdir()
        make_pictures(count, photographs)
        inputs = [f"--content={photographs}/*.jpg", f"--style={problem.EXAMPLES[1]}", "--threads=1"]
        own = [*inputs, "--quiet", *flags]
        workers = ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]
        for number in range(rounds):
            shared, beamed = (Path(temporary, f"{way}_{number}") for way in taken)
            run = processes.main_command(*own, f"--output_dir={shared}", "--skip_existing")
            taken["folder"].append(seconds_of([run, run]))
            batch = processes.main_command("batch", *own, f"--output={beamed}", *workers)
            taken["beam"].append(seconds_of([batch]))
            check(shared, beamed, count)
    results: dict[str, Any] = {"pictures": count}
    for place, kind in enumerate(("seconds", "processor_seconds")):
        own = {way: common.median_and_spread(x[place] for x in taken[way]) for way in taken}
        results |= {f"{way}_{kind}": spread for way, spread in own.items()}
        name = "ratio" if kind == "seconds" else "processor_ratio"
        results[name] = own["beam"]["median"] / own["folder"]["median"]
    return results


def check(shared: Path, beamed: Path, count: int) -> None:
    """Raises a `RuntimeError` unless both folders have so many pictures, of the same pixels."""
    names = sorted(path.name for path in shared.glob("*.png"))
    if len(names) != count or names != sorted(path.name for path in beamed.glob("*.png")):
        raise RuntimeError("A picture is missing.")
    for name in names:
        ours, other = (np.asarray(Image.open(folder / name)) for folder in (shared, beamed))
        if not np.array_equal(ours, other):
            raise RuntimeError(f"{name} has other pixels.")


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "| pictures | a folder that two runs share, s | Beam, two workers, s | ratio | asked |",
        "|---|---|---|---|---|",
    ]
    for kind, ratio in (("seconds", "ratio"), ("processor_seconds", "processor_ratio")):
        folder, beam = (results[f"{way}_{kind}"]["median"] for way in ("folder", "beam"))
        what = results["pictures"] if kind == "seconds" else "processor time"
        asked = ASKED if kind == "seconds" else "-"
        lines.append(f"| {what} | {folder:.0f} | {beam:.0f} | {results[ratio]:.2f} | {asked} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write `beam.json`."""
    parser = arguments_of.parser("ours.beam", __doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    options = parser.parse_args(arguments)
    # Processes that measure which format is faster, beside each other, may not agree.
    flags = [f"--size={SIZE}", f"--precision={options.precision}"]
    if options.quick:
        options.pictures = 3
        flags = ["--size=48", "--coarsest_size=0", "--steps=2", "--precision=float32"]
    results = measure(options.pictures, options.rounds, flags)
    print(table(results))
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
