"""Many pictures in one process against as many runs.

    python -m benchmarks.ours.folder_throughput [--quick] [--pictures 20] [--separate 20]

Twenty different cut-outs of the example photograph, JPEG, four out of five landscape (4:3) and the
others portrait, are painted at 256 pixels in the manner of the example painting with the default
options: by one run with `--output_dir`, and by one run each. Weights are in the cache. Both are
timed from the start of the first process to the end of the last, and both must have written every
picture. With `--separate` less than `--pictures`, the separate runs are that many, evenly taken,
and their seconds are scaled up; the results say so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem, processes

PICTURES, SIZE = 20, 256
SHARE_OF_PORTRAITS = 5


def make_pictures(count: int, folder: Path) -> list[Path]:
    """Different cut-outs of the example photograph, every fifth of them portrait."""
    generator = np.random.default_rng(0)
    paths = []
    with Image.open(problem.EXAMPLES[0]) as photograph:
        for index in range(count):
            portrait = index % SHARE_OF_PORTRAITS == SHARE_OF_PORTRAITS - 1
            width, height = (480, 640) if portrait else (640, 480)
            left = int(generator.integers(0, photograph.width - width + 1))
            top = int(generator.integers(0, photograph.height - height + 1))
            path = folder / f"photo_{index:02d}.jpg"
            photograph.crop((left, top, left + width, top + height)).save(path, quality=95)
            paths.append(path)
    return paths


def in_one_run(photographs: Path, output: Path, flags: Sequence[str]) -> processes.Finished:
    """Our program on the whole folder."""
    command = processes.main_command(
        f"--content={photographs}/*.jpg",
        f"--style={problem.EXAMPLES[1]}",
        f"--output_dir={output}",
        "--quiet",
        *flags,
    )
    return processes.run(command).checked()


def one_by_one(paths: Sequence[Path], output: Path, flags: Sequence[str]) -> list[float]:
    """Seconds of our program on each picture."""
    seconds = []
    for path in paths:
        command = processes.main_command(
            f"--content={path}",
            f"--style={problem.EXAMPLES[1]}",
            f"--output={output / path.stem}.png",
            "--quiet",
            *flags,
        )
        seconds.append(processes.run(command).checked().seconds)
    return seconds


def summary(
    count: int, folder: processes.Finished, separate: Sequence[float], written: int
) -> dict[str, Any]:
    """The figures of a comparison.

    Raises:
        RuntimeError: if the folder's run did not write every picture.
    """
    if written != count:
        raise RuntimeError(f"{written} of {count} pictures were written.")
    scaled = sum(separate) * count / len(separate)
    return {
        "pictures": count,
        "folder_seconds": folder.seconds,
        "folder_peak_bytes": folder.peak_bytes,
        "separate_seconds": scaled,
        "separate_runs": len(separate),
        "seconds_of_a_run": common.median_and_spread(separate),
        "times_faster": scaled / folder.seconds,
    }


def measure(count: int, separate: int, flags: Sequence[str]) -> dict[str, Any]:
    """Paints the pictures in both ways."""
    with tempfile.TemporaryDirectory() as temporary:
        photographs, together, apart = (Path(temporary, x) for x in ("in", "folder", "apart"))
        for folder in (photographs, together, apart):
            folder.mkdir()
        paths = make_pictures(count, photographs)
        finished = in_one_run(photographs, together, flags)
        chosen = [paths[index * count // separate] for index in range(separate)]
        seconds = one_by_one(chosen, apart, flags)
        return summary(count, finished, seconds, len(list(together.glob("*.png"))))


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    count, runs = results["pictures"], results["separate_runs"]
    scaled = "" if runs == count else f", scaled up from {runs}"
    return "\n".join(
        (
            "| pictures | one run, s | a run each, s | times faster |",
            "|---|---|---|---|",
            f"| {count} | {results['folder_seconds']:.0f} "
            f"| {results['separate_seconds']:.0f}{scaled} | {results['times_faster']:.2f} |",
        )
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write `folder_throughput.json`."""
    parser = arguments_of.parser("ours.folder_throughput", __doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--separate", type=int, default=PICTURES, help="How many runs of one.")
    options = parser.parse_args(arguments)
    flags = [f"--size={SIZE}"]
    if options.quick:
        options.pictures, options.separate = 3, 2
        flags = ["--size=48", "--coarsest_size=0", "--steps=2"]
    separate = min(options.separate, options.pictures)
    results = measure(options.pictures, separate, flags)
    print(table(results))
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
