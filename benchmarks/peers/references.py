"""What slower programs reach, step by step: hours of computing, kept in `results/`.

    python -m benchmarks.peers.references pytorch-adam [--threads 1]
    python -m benchmarks.peers.references pastiche [--threads 1]

A reference is two files: `NAME.csv` has a line a step (the value before it, its seconds) and
`NAME.json` what they end at, with the environment. The values are what counts: they are the
program's own, and do not hang on what else ran. The seconds do, so
`benchmarks.peers.time_to_quality` measures the cost of a step anew.

pytorch-adam  3000 steps of the preset's recipe by `reference_pytorch_adam`: the example photograph
              at a short side of 400 pixels, the example painting squeezed to its shape.
              `value` is that of the picture after the last step, unclipped as the recipe has it.
pastiche      1000 steps of pastiche 1.6.0 by `reference_pastiche`: the example pair, its default
              area of 500 x 500 pixels. `value` is the last that it prints, unclipped too.

Both objectives can be written in our options, see `OBJECTIVES`: one evaluator, ours in float32,
judges all pictures. `picture_value` is its value of the picture that the peer leaves: clipped to
[0, 1], as every file is; pastiche's is the 8-bit file itself.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem, workers
from benchmarks.harness.problem import ROOT
from benchmarks.peers import reference_pastiche
from stylize_tf import PRESETS, StyleTransferConfig, __version__
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid

RESULTS = ROOT / "benchmarks" / "results" / __version__ / "references"
STEPS = {"pytorch-adam": 3000, "pastiche": reference_pastiche.STEPS}
SKIPPED_STEPS = 2
"""Steps at the start of a run whose seconds are not counted."""

_PASTICHE_CHANNELS = (64, 128, 256, 512, 512)
OBJECTIVES: dict[str, dict[str, Any]] = {
    "pytorch-adam": {"preset": "pytorch-adam"},
    # content .01 * MSE, style 10 / C^2 * MSE of G / N, nothing else, on raw features.
    "pastiche": {
        "preset": "default",
        "size": 0,
        "style_loss": "gram",
        "gram_form": "mean",
        "style_layer_weights": tuple(10 / channels**2 for channels in _PASTICHE_CHANNELS),
        "content_weight": 0.01,
        "total_variation_weight": 0.0,
        "patch_weight": 0.0,
        "normalize_features": False,
        "normalize_terms": False,
        "padding": "zero",
        "style_enlargement": 1.0,
    },
}
"""Peer -> the options that make its objective ours."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large and how long a reference is.

    Attributes:
        steps: of the peer's optimizer.
        size: short side of `pytorch-adam`'s picture.
        area: pixels of pastiche's.
    """

    steps: int
    size: int = 400
    area: int = reference_pastiche.AREA


def full(peer: str) -> Scale:
    """The scale of the figures."""
    return Scale(STEPS[peer])


def config_of(peer: str, scale: Scale) -> StyleTransferConfig:
    """The peer's objective in our options."""
    options = dict(OBJECTIVES[peer])
    if peer == "pytorch-adam":
        options["size"] = scale.size
    return PRESETS[options.pop("preset")].replace(**options)


def prepare_pictures(peer: str, scale: Scale, folder: Path) -> tuple[Path, Path]:
    """The photograph and the painting that our program is given for the same objective.

    For `pytorch-adam` these are the examples themselves. pastiche resizes in a way of its own, so
    for it they are its resized pictures, which are of 8 bits, as PNG.
    """
    if peer == "pytorch-adam":
        return problem.EXAMPLES
    paths = []
    area = scale.area
    for path in problem.EXAMPLES:
        with Image.open(path) as picture:
            height, width = reference_pastiche.size_of(picture.height, picture.width, area)
            resized = picture.resize((width, height), Image.Resampling.BILINEAR)
        resized.save(folder / f"{path.stem}.png")
        paths.append(folder / f"{path.stem}.png")
        if path is problem.EXAMPLES[0]:
            area = height * width  # The painting gets the area that the photograph has.
    return paths[0], paths[1]


def prepare_problem(peer: str, scale: Scale, folder: Path) -> Path:
    """The problem's file for an evaluator of pictures, and for PyTorch."""
    config = config_of(peer, scale)
    pictures = prepare_pictures(peer, scale, folder)
    height, width = pyramid.final_size(config, *image_io.read(pictures[0]).shape[1:3])
    options = {**OBJECTIVES[peer], "size": config.size}
    preset = options.pop("preset")
    made = problem.of_preset(preset, height, width, pictures, **options)
    if peer == "pastiche":  # Neither picture is resized again.
        made = dataclasses.replace(made, style=image_io.read(pictures[1]))
    return problem.write(folder / f"{peer}.npz", made)


def content_of(file: Path) -> np.ndarray:
    """The photograph of a problem's file, where both programs start: `[1, H, W, 3]`."""
    with np.load(file) as arrays:
        content: np.ndarray = arrays["content"]
    return content


def run(
    peer: str, scale: Scale, folder: Path, python: str, *, threads: int = 0, layout: str = "nchw"
) -> dict[str, Any]:
    """Runs the peer, leaving `steps.csv` in the folder, and summarizes it.

    Raises:
        RuntimeError: if it fails.
    """
    table = folder / "steps.csv"
    if peer == "pastiche":
        pictures = problem.EXAMPLES
        found = reference_pastiche.run(
            python, pictures, table, steps=scale.steps, threads=threads, area=scale.area
        )
    else:
        file = prepare_problem(peer, scale, folder)
        command = [python, "-m", "benchmarks.peers.reference_pytorch_adam", str(file)]
        command += ["--csv", str(table), "--steps", str(scale.steps)]
        command += ["--threads", str(threads), "--layout", layout]
        resumed, start = table.exists(), time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{peer} failed: {' '.join(done.stderr.split()[-40:])}")
        wall = None if resumed else time.perf_counter() - start
        found = {**json.loads(done.stdout), "wall_seconds": wall}
    found["picture_value"] = picture_value(peer, scale, folder)
    return summary(peer, scale, found, read_steps(table), threads, layout)


def picture_value(peer: str, scale: Scale, folder: Path) -> float:
    """What our evaluator says of the picture that a run left in its folder."""
    if peer == "pastiche":
        picture = image_io.read(folder / "steps.png")
    else:
        picture = np.load(folder / "steps.npy").clip(0, 1)
    with (
        tempfile.TemporaryDirectory() as temporary,
        workers.Worker("benchmarks.peers.worker_tensorflow") as worker,
    ):
        file = Path(temporary, "picture.npy")
        np.save(file, picture.astype(np.float32))
        worker.ask("load", problem=str(prepare_problem(peer, scale, Path(temporary))))
        value: float = worker.ask("value", picture=str(file))
    return value


def summary(
    peer: str,
    scale: Scale,
    found: dict[str, Any],
    steps: Sequence[tuple[int, float, float]],
    threads: int,
    layout: str,
) -> dict[str, Any]:
    """What is kept of a run: what it printed, where it started, and its steps' seconds."""
    counted = [seconds for step, _, seconds in steps if step > SKIPPED_STEPS]
    return {
        "peer": peer,
        **dataclasses.asdict(scale),
        "pictures": {path.name: digest(path) for path in problem.EXAMPLES},
        "layout": layout if peer == "pytorch-adam" else "nchw",
        "threads": threads or common.usable_cores(),
        **found,
        "first_value": steps[0][1],
        "seconds_of_steps": sum(seconds for step, _, seconds in steps if step > 0),
        "seconds_per_step": common.median_and_spread(counted) if counted else None,
    }


def read_steps(table: Path) -> list[tuple[int, float, float]]:
    """Step, value and seconds of each line of a `steps.csv`."""
    with table.open(encoding="utf-8", newline="") as file:
        return [
            (int(row["step"]), float(row["value"]), float(row["seconds"]))
            for row in csv.DictReader(file)
        ]


def steps_to(steps: Sequence[tuple[int, float, float]], value: float) -> int | None:
    """The first step whose value is at most `value`; None if there is none."""
    return next((step for step, found, _ in steps if found <= value), None)


def median_step(steps: Sequence[tuple[int, float, float]]) -> float:
    """Median seconds of a step, the first ones apart."""
    return statistics.median(seconds for step, _, seconds in steps if step > SKIPPED_STEPS)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(peer: str, folder: Path = RESULTS) -> dict[str, Any] | None:
    """The kept reference, or None if there is none of these pictures at its full scale."""
    file = folder / f"{peer}.json"
    if not file.exists():
        return None
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["results"]
    pictures = {path.name: digest(path) for path in problem.EXAMPLES}
    same = found["pictures"] == pictures and found["steps"] == full(peer).steps
    return found if same else None


def keep(found: dict[str, Any], table: Path, folder: Path = RESULTS) -> Path:
    """Writes a reference's two files."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(table, folder / f"{found['peer']}.csv")
    return common.write_json(folder / f"{found['peer']}.json", found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a peer to its end, or take what a run elsewhere left, and keep it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers.references", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("peer", choices=list(STEPS))
    parser.add_argument("--threads", type=int, default=0, help="0 leaves it to PyTorch.")
    parser.add_argument("--layout", choices=("nchw", "channels_last"), default="nchw")
    parser.add_argument("--folder", type=Path, help="Where the run works; kept, to go on from.")
    parser.add_argument("--results", type=Path, default=RESULTS, help="Where the files go.")
    arguments_of.add_torch_python(parser)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        found = run(
            options.peer,
            full(options.peer),
            folder,
            options.torch_python,
            threads=options.threads,
            layout=options.layout,
        )
        path = keep(found, folder / "steps.csv", options.results)
    print(f"{options.peer}: value {found['value']:.6g} after {found['steps']} steps, in {path}")


if __name__ == "__main__":
    main()
