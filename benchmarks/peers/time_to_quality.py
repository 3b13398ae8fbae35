"""How long until the picture is as good as a slower program's, by that program's own objective?

    python -m benchmarks.peers.time_to_quality [--quick] [--runs 3] [--search]
        [--torch_python PYTHON]

The value to reach is what the peer prints (`references`, run once and kept, because it takes
hours) after 3000 Adam steps of the recipe `pytorch-adam` in PyTorch, or 1000 L-BFGS steps of
pastiche 1.6.0 as its users run it. Ours is what our program prints, the loss of its last step that
is in the picture's recipe; with convolutions in bfloat16 where that is faster, and `--search` tells
float32's value of the same pictures. Neither side clips pixels to [0, 1] while it optimizes, and
files hold no others, so files are worth much less by these objectives than what is printed:
`picture_value` and `file_value` are theirs and ours, by our evaluator in float32, and
`file_reached` tells whether our file is as good as theirs.

Our program minimizes the same objective with the options in `SCHEDULES`: L-BFGS from coarse to
fine; only the last stage has the peer's objective to the letter, coarser ones have it for smaller
pictures. `main.py` is run as a user would, weights in the cache, and timed from the start of the
process to its end, `--runs` times; `seconds` is the median. That the objectives are the same is
checked first: at the photograph, where both start, the two values must agree to 1e-3 (pastiche
prints two digits behind the point, and weights of another source than its own would show here), or
nothing is reported. A value above the peer's counts as not reached, whatever its time.

The peer's seconds are its start, and the median seconds of a step measured now, on this machine,
in the same session, times its steps; the wall time of the kept run stands beside it, with what it
shared the machine with unknown. `pytorch-adam` is measured in PyTorch's default layout, as its
users run it, and channels-last; the ratio is against the faster one.

`--search` runs every schedule at more steps than it needs, judges what every fifth step has, in
float32 and not clipped, and says which would be first to reach the value: so `SCHEDULES` was
chosen.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, workers
from benchmarks.harness.problem import ROOT
from benchmarks.peers import references
from benchmarks.peers.references import Scale
from stylize_tf.images import image_io

SAME_OBJECTIVE = 1e-3
LAYOUTS = {"pytorch-adam": ("nchw", "channels_last"), "pastiche": ("nchw",)}
MODULES = {"pytorch-adam": "torch", "pastiche": "pastiche"}
TIMED_STEPS = 8
QUICK = {"pytorch-adam": Scale(4, size=48), "pastiche": Scale(4, area=64 * 48)}
EVERY = 5
"""Steps between two judgements of a search."""

Schedule = dict[str, Any]
SCHEDULES: dict[str, Schedule] = {
    "pytorch-adam": {"coarsest_size": 133, "stage_factor": 2.0, "steps": (60, 40, 36)},
    "pastiche": {
        **{"coarsest_size": 128, "stage_factor": 2.0, "steps": (150, 100, 60)},
        "lbfgs_history": 30,
    },
}
"""Peer -> options of ours that reach its value soonest, of those that a search tried."""
QUICK_SCHEDULE: Schedule = {"coarsest_size": 0, "steps": (12,)}

SEARCHED: tuple[Schedule, ...] = (
    {"coarsest_size": 0, "steps": ()},
    {"coarsest_size": 256, "stage_factor": 2.0, "steps": (40,)},
    {"coarsest_size": 128, "stage_factor": 2.0, "steps": (60, 40)},
    {"coarsest_size": 128, "stage_factor": 2.0, "steps": (100, 60)},
    {"coarsest_size": 128, "stage_factor": 1.4142, "steps": (60, 40, 30, 20)},
)
"""Schedules without the steps of their last stage, which a search finds."""


class DifferentObjectiveError(RuntimeError):
    """The evaluator and the peer do not judge alike: no time may be compared."""


def flags_of(options: dict[str, Any]) -> list[str]:
    """Options of a configuration as flags of the command line."""

    def text(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, tuple):
            return ",".join(text(item) for item in value)
        return str(value)

    return [f"--{name}={text(value)}" for name, value in options.items()]


class Evaluator:
    """Judges pictures by a peer's objective, in float32, in a process of its own.

    Args:
        worker: `benchmarks.peers.worker_tensorflow`.
        problem: file of the objective.
        folder: for pictures on their way.
    """

    def __init__(self, worker: workers.Worker, problem: Path, folder: Path):
        self._worker, self._file = worker, folder / "judged.npy"
        worker.ask("load", problem=str(problem))

    def value(self, picture: np.ndarray) -> float:
        """Of a picture `[1, H, W, 3]`."""
        np.save(self._file, np.asarray(picture, np.float32))
        found: float = self._worker.ask("value", picture=str(self._file))
        return found

    def check_same(self, content: np.ndarray, first_value: float) -> float:
        """Relative difference of the value at the photograph from the peer's own.

        Raises:
            DifferentObjectiveError: if it is more than `SAME_OBJECTIVE`.
        """
        value = self.value(content)
        difference = abs(value - first_value) / abs(first_value)
        if not difference <= SAME_OBJECTIVE:
            raise DifferentObjectiveError(
                f"at the photograph the peer says {first_value:.7g}, ours {value:.7g}."
            )
        return difference


def paint(content: Path, style: Path, output: Path, flags: Sequence[str]) -> float:
    """Seconds from the start of `main.py` to its end; the picture is then in `output`."""
    command = [sys.executable, "main.py", "--quiet", f"--content={content}", f"--style={style}"]
    start = time.perf_counter()
    subprocess.run(
        [*command, f"--output={output}", *flags], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def flags_for(
    peer: str, scale: Scale, schedule: Schedule, pictures: tuple[Path, Path]
) -> list[str]:
    """The flags of our program for the peer's objective and a schedule."""
    options = dict(references.OBJECTIVES[peer])
    flags = [f"--preset={options.pop('preset')}"]
    if peer == "pytorch-adam":
        options["size"] = scale.size
    else:
        options["style_size"] = max(image_io.read(pictures[1]).shape[1:3])
    return flags + flags_of({**options, "optimizer": "lbfgs", **schedule})


def measure_ours(
    evaluator: Evaluator,
    pictures: tuple[Path, Path],
    flags: list[str],
    reference: dict[str, Any],
    runs: int,
    output: Path,
) -> dict[str, Any]:
    """Seconds and value of our program with these flags."""
    seconds = [paint(*pictures, output, flags) for _ in range(runs)]
    value: float = (image_io.read_metadata(output) or {})["result"]["loss"]
    file_value = evaluator.value(image_io.read(output))
    return {
        "flags": flags,
        "seconds": common.median_and_spread(seconds),
        "value": value,
        "reached": value <= reference["value"],
        "file_value": file_value,
        "file_reached": file_value <= reference["picture_value"],
    }


def measure_peer(peer: str, scale: Scale, python: str, folder: Path) -> dict[str, Any]:
    """Layout -> start and a step of the peer now, and what its whole run would take."""
    found = {}
    short = dataclasses.replace(scale, steps=min(TIMED_STEPS, scale.steps))
    for layout in LAYOUTS[peer]:
        place = folder / layout
        place.mkdir()
        run = references.run(peer, short, place, python, layout=layout)
        found[layout] = peer_seconds(run, scale.steps)
    return found


def peer_seconds(run: dict[str, Any], count: int) -> dict[str, Any]:
    """The seconds of `count` steps: a short run's start, and its median step times their number."""
    return {
        "start": max(run["wall_seconds"] - run["seconds_of_steps"], 0.0),
        "seconds_per_step": run["seconds_per_step"],
        "seconds": max(run["wall_seconds"] - run["seconds_of_steps"], 0.0)
        + run["seconds_per_step"]["median"] * count,
    }


def against(ours: dict[str, Any], peer: dict[str, Any]) -> dict[str, Any]:
    """How many times less than the peer's fastest layout, by value and by file; 0: not reached."""
    layout = min(peer, key=lambda name: peer[name]["seconds"])
    times = peer[layout]["seconds"] / ours["seconds"]["median"]
    return {
        "times_less": times if ours["reached"] else 0.0,
        "file_times_less": times if ours["file_reached"] else 0.0,
        "against": layout,
    }


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a measurement of one peer works with."""

    peer: str
    scale: Scale
    reference: dict[str, Any]
    evaluator: Evaluator
    pictures: tuple[Path, Path]
    folder: Path


def measure(setting: Setting, schedule: Schedule, runs: int, python: str) -> dict[str, Any]:
    """The row of one peer."""
    flags = flags_for(setting.peer, setting.scale, schedule, setting.pictures)
    output = setting.folder / "ours.png"
    ours = measure_ours(setting.evaluator, setting.pictures, flags, setting.reference, runs, output)
    row: dict[str, Any] = {"reference": setting.reference, "ours": ours, "peer": None}
    module = MODULES[setting.peer]
    if workers.has(module, python):
        row["versions"] = {x: workers.version(x, python) for x in {"torch", module}}
        row["peer"] = measure_peer(setting.peer, setting.scale, python, setting.folder)
        row |= against(ours, row["peer"])
    return row


def search(setting: Setting, most: int = 200) -> list[dict[str, Any]]:
    """The schedules by how soon each reaches the value; those that do not come last."""
    from stylize_tf import Stylizer

    found = []
    for schedule in SEARCHED:
        config = references.config_of(setting.peer, setting.scale).replace(
            optimizer="lbfgs", **{**schedule, "steps": (*schedule["steps"], most)}
        )
        if setting.peer == "pastiche":
            config = config.replace(style_size=max(image_io.read(setting.pictures[1]).shape[1:3]))
        found.append({"schedule": schedule, **_searched(Stylizer(config), setting)})
        say(f"{setting.peer}: {found[-1]}")
    return sorted(found, key=lambda x: x["seconds"] if x["steps"] is not None else float("inf"))


def _searched(stylizer: Any, setting: Setting) -> dict[str, Any]:
    """Steps of the last stage until the value is reached, and seconds of all steps until then."""
    target, seconds, value = setting.reference["value"], 0.0, float("inf")
    for iterate in stylizer.iterate(*setting.pictures):
        seconds += iterate.seconds
        if iterate.stage == iterate.stages and iterate.step % EVERY == 0:
            value = setting.evaluator.value(iterate.picture.numpy())
            if value <= target:
                return {"steps": iterate.step, "seconds": seconds, "value": value}
    return {"steps": None, "seconds": seconds, "value": value}


def table(results: dict[str, Any]) -> str:
    """The rows as Markdown; what was not measured says so."""
    lines = [
        "| peer | steps | its value | ours | our s | its s now | less | its file | our file |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for peer, row in results.items():
        if row is None:
            lines.append(f"| {peer} | not measured: no reference |" + " |" * 7)
            continue
        reference, ours = row["reference"], row["ours"]
        now = "not measured"
        if row["peer"]:
            now = ", ".join(f"{name} {x['seconds']:.0f}" for name, x in row["peer"].items())
        times = f"{row['times_less']:.1f}" if row["peer"] else "not measured"
        cells = [
            peer,
            str(reference["steps"]),
            f"{reference['value']:.5g}",
            f"{ours['value']:.5g}" + ("" if ours["reached"] else ", not reached"),
            f"{ours['seconds']['median']:.1f}",
            now,
            times if ours["reached"] else "not reached",
            f"{reference['picture_value']:.5g}",
            f"{ours['file_value']:.5g}" + ("" if ours["file_reached"] else ", worse"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def say(text: str) -> None:
    """A line on standard error."""
    print(f"time_to_quality: {text}", file=sys.stderr, flush=True)


def reference_for(
    peer: str, scale: Scale, quick: bool, python: str, results: Path, folder: Path
) -> dict[str, Any] | None:
    """The kept reference; a tiny one is made on the spot. None if there is none."""
    if not quick:
        return references.load(peer, results)
    if not workers.has(MODULES[peer], python):
        return None
    place = folder / "reference"
    place.mkdir()
    return references.run(peer, scale, place, python)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write `time_to_quality.json`."""
    parser = arguments_of.parser("peers.time_to_quality", __doc__)
    parser.add_argument("--peers", nargs="+", choices=list(SCHEDULES), default=list(SCHEDULES))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--search", action="store_true", help="Look for better schedules instead.")
    parser.add_argument(
        "--references", type=Path, default=references.RESULTS, help="Folder of the kept runs."
    )
    arguments_of.add_torch_python(parser)
    options = parser.parse_args(arguments)
    results: dict[str, Any] = {}
    for peer in options.peers:
        results[peer] = one(peer, options)
    if options.search:
        return
    print(table(results))
    common.write_json(arguments_of.results_of(options), results)


def one(peer: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """The row of a peer as the flags ask for it; None where it has no reference."""
    scale = QUICK[peer] if options.quick else references.full(peer)
    schedule = QUICK_SCHEDULE if options.quick else SCHEDULES[peer]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reference = reference_for(
            peer, scale, options.quick, options.torch_python, options.references, folder
        )
        if reference is None:
            way = f"`python -m benchmarks.peers.references {peer}` makes it"
            if not workers.has(MODULES[peer], options.torch_python):
                way = f"{MODULES[peer]} is not installed (benchmarks/requirements-bench.txt)"
            say(f"{peer}: skipped, no reference: {way}.")
            return None
        file = references.prepare_problem(peer, scale, folder)
        pictures = references.prepare_pictures(peer, scale, folder)
        with workers.Worker("benchmarks.peers.worker_tensorflow") as worker:
            evaluator = Evaluator(worker, file, folder)
            content = references.content_of(file)
            difference = evaluator.check_same(content, reference["first_value"])
            setting = Setting(peer, scale, reference, evaluator, pictures, folder)
            if options.search:
                for found in search(setting):
                    print(f"{peer}: {found}")
                return None
            row = measure(
                setting, schedule, 1 if options.quick else options.runs, options.torch_python
            )
    return {**row, "difference_at_photograph": difference}


if __name__ == "__main__":
    main()
