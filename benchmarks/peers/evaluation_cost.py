"""What one value and gradient costs: against PyTorch, and against the machine's matmul rate.

    python -m benchmarks.peers.evaluation_cost [--quick] [--rounds 7] [--torch_python PYTHON]

Both programs get the same objective, that of the default preset (root-free Bures distances at five
layers, patches, content, nine-point total variation, replicate padding, weights and units of
VGG19), the same example pictures, and a point away from the photograph. They compute their targets
on their own, but for the axes of covariances, which are not unique (`twin_pytorch.Objective`).
Before anything is timed, the values must agree to 1e-4 and the gradients to 1e-3 (relative, norm of
the difference) in float32, or the script fails.

They run in a process each with two threads each (`--threads`) and take turns: each variant once a
round, then all of them again, so that what else the machine does meets all alike. A figure is the
median of the rounds, its spread the least and the greatest; a ratio is that of two medians.
PyTorch's variants are its layouts NCHW and channels-last; a ratio is against the faster of them.
PyTorch takes a CUDA device where it finds one, as TensorFlow does; TF32 is off in both.
In bfloat16 both run the convolutions in that format and all statistics in float32. "Network" is
the forward and backward pass to relu5_1 alone, "evaluation" the whole objective.

Share of the matmul rate: the network takes 361,152 multiply-adds a pixel forward and as many back;
nothing else is counted. These operations a second, of the whole evaluation and of the network
alone, are divided by the rate of square matrix products in the same number format: sizes 1024 to
4096, measured before and after the rounds in both programs, the largest median of all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem, workers

FORMATS = ("float32", "bfloat16")
WHATS = ("evaluation", "network")
LAYOUTS = ("nchw", "channels_last")
SIZES = ((400, 300), (1024, 768))
SHARE_SIZES = ((640, 480), (1448, 1086), (2048, 1536))
MATMUL_SIZES = (1024, 2048, 3072, 4096)
QUICK_SIZES, QUICK_MATMUL_SIZES = ((96, 64),), (256, 512)
VALUE_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 1e-3

CONVOLUTIONS = ((3, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 2), (128, 256, 4))
CONVOLUTIONS += ((256, 256, 4),) * 3 + ((256, 512, 8),) + ((512, 512, 8),) * 3 + ((512, 512, 16),)
"""Channels in, channels out and stride against the picture, of VGG19 to block5_conv1."""


class DisagreementError(RuntimeError):
    """The two programs do not compute the same objective: nothing may be timed."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """What is timed: the name of the worker, its variant, what, and the number format."""

    worker: str
    layout: str
    what: str
    precision: str

    @property
    def program(self) -> str:
        """`ours`, or PyTorch with its layout."""
        return f"{self.worker} {self.layout}".strip()

    @property
    def name(self) -> str:
        """Of what a worker prepared."""
        return " ".join((self.program, self.what, self.precision))


def multiply_adds_per_pixel() -> float:
    """Of a forward and backward pass to block5_conv1, by the picture's gradient alone."""
    return 2 * sum(9 * inputs * outputs / stride**2 for inputs, outputs, stride in CONVOLUTIONS)


def operations_per_second(width: int, height: int, seconds: float) -> float:
    """Multiplications and additions a second of the network, for an evaluation of `seconds`."""
    return 2 * multiply_adds_per_pixel() * width * height / seconds


def matmul_operations_per_second(size: int, seconds: float) -> float:
    """The same of a product of two square matrices."""
    return 2 * size**3 / seconds


def relative_difference(x: np.ndarray, reference: np.ndarray) -> float:
    """Norm of the difference over the norm of the reference."""
    return float(np.linalg.norm(x - reference) / np.linalg.norm(reference))


def check_agreement(value: tuple[float, float], gradients: Sequence[np.ndarray]) -> dict[str, Any]:
    """Relative differences of ours from PyTorch's.

    Raises:
        DisagreementError: if one is larger than allowed, or not a number.
    """
    ours, peer = value
    found = {
        "value": abs(ours - peer) / abs(peer),
        "gradient": relative_difference(gradients[0], gradients[1]),
    }
    if not (found["value"] <= VALUE_TOLERANCE and found["gradient"] <= GRADIENT_TOLERANCE):
        raise DisagreementError(
            f"Ours and PyTorch's objective differ: value {ours:.8g} and {peer:.8g} "
            f"({found['value']:.1e}), gradient by {found['gradient']:.1e}."
        )
    return found


def default_problem(width: int, height: int) -> problem.Problem:
    """What is timed: the default preset and the example pair."""
    return problem.of_preset("default", height, width, padding="replicate")


class Comparison:
    """The workers, and what they have measured.

    Args:
        ours, peer: workers; no peer where PyTorch is not installed.
        folder: for the files that they share.
    """

    def __init__(self, ours: workers.Worker, peer: workers.Worker | None, folder: Path):
        self._workers = {"ours": ours}
        if peer is not None:
            self._workers["PyTorch"] = peer
        self._folder = folder

    def variants(self, precision: str) -> list[Variant]:
        """All that is timed at a size in a number format."""
        return [
            Variant(worker, layout, what, precision)
            for what in WHATS
            for worker in self._workers
            for layout in (LAYOUTS if worker == "PyTorch" else ("",))
        ]

    def load(self, made: problem.Problem) -> None:
        """Gives the problem to all workers, and a point away from its photograph."""
        file = problem.write(self._folder / "problem.npz", made)
        noise = np.random.default_rng(0).normal(scale=0.1, size=made.content.shape)
        picture = np.clip(made.content + noise, 0, 1).astype(np.float32)
        np.save(self._folder / "picture.npy", picture)
        for worker in self._workers.values():
            worker.ask("load", problem=str(file))

    def prepare(self, variant: Variant, gradient: str = "", axes: str = "") -> float:
        """Prepares a variant and returns its value; names of files as the workers take them."""
        value: float = self._workers[variant.worker].ask(
            "prepare",
            name=variant.name,
            what=variant.what,
            precision=variant.precision,
            variant=variant.layout,
            picture=str(self._folder / "picture.npy"),
            gradient=gradient and str(self._folder / gradient),
            axes=axes and str(self._folder / axes),
        )
        return value

    def agreement(self, peer_layout: str = "nchw") -> dict[str, Any] | None:
        """Checks both programs against each other on the problem that is loaded."""
        if "PyTorch" not in self._workers:
            return None
        values = []
        for worker, layout in (("ours", ""), ("PyTorch", peer_layout)):
            variant = Variant(worker, layout, "evaluation", "float32")
            values.append(self.prepare(variant, f"{worker}.npy", "axes.npz"))
        gradients = [np.load(self._folder / f"{name}.npy") for name in ("ours", "PyTorch")]
        return check_agreement((values[0], values[1]), gradients)

    def time(self, precision: str, rounds: int) -> dict[str, dict[str, Any]]:
        """What -> program -> seconds at the size that is loaded, taking turns."""
        variants = self.variants(precision)
        for variant in variants:
            self.prepare(variant)
        seconds: dict[Variant, list[float]] = {variant: [] for variant in variants}
        for _ in range(rounds):
            for variant in variants:
                worker = self._workers[variant.worker]
                seconds[variant] += worker.ask("time", name=variant.name, repeats=1)
        found: dict[str, dict[str, Any]] = {what: {} for what in WHATS}
        for variant, values in seconds.items():
            found[variant.what][variant.program] = common.median_and_spread(values)
        return found

    def matmul(self, sizes: Sequence[int], rounds: int) -> dict[str, Any]:
        """Format -> program and size -> median operations a second, taking turns; the largest."""
        found: dict[str, Any] = {}
        for precision in FORMATS:
            rates = {}
            for size in sizes:
                for name, worker in self._workers.items():
                    answer = worker.ask("matmul", precision=precision, size=size, repeats=rounds)
                    median = statistics.median(answer)
                    rates[f"{name} {size}"] = matmul_operations_per_second(size, median)
            found[precision] = {"rates": rates, "largest": max(rates.values())}
        return found

    def versions(self) -> dict[str, dict[str, str]]:
        """What each worker says of itself."""
        return {name: worker.ask("versions") for name, worker in self._workers.items()}


def ratio(seconds: dict[str, Any]) -> dict[str, Any] | None:
    """Our median over that of PyTorch's faster variant; None if PyTorch was not measured."""
    medians = {name: x["median"] for name, x in seconds.items() if name != "ours"}
    if not medians:
        return None
    best = min(medians, key=lambda name: medians[name])
    return {"ratio": seconds["ours"]["median"] / medians[best], "against": best}


def measure(
    comparison: Comparison,
    sizes: Sequence[tuple[int, int]],
    share_sizes: Sequence[tuple[int, int]],
    matmul_sizes: Sequence[int],
    rounds: int,
) -> dict[str, Any]:
    """All figures: sizes are (width, height); PyTorch is not timed at `share_sizes`."""
    results: dict[str, Any] = {"versions": comparison.versions(), "sizes": {}}
    matmuls = [comparison.matmul(matmul_sizes, rounds)]
    for width, height in sizes:
        name = f"{width}x{height}"
        comparison.load(default_problem(width, height))
        agreement = comparison.agreement()
        say(f"{name}: the two programs differ by {agreement}" if agreement else f"{name}: ours")
        results["sizes"][name] = {"agreement": agreement}
        for precision in FORMATS:
            found = comparison.time(precision, rounds)
            results["sizes"][name][precision] = {
                what: {"seconds": found[what], **(ratio(found[what]) or {})} for what in WHATS
            }
    alone = Comparison(comparison._workers["ours"], None, comparison._folder)
    for width, height in share_sizes:
        alone.load(default_problem(width, height))
        say(f"{width}x{height}: ours")
        results["sizes"][f"{width}x{height}"] = {
            precision: {what: {"seconds": x} for what, x in alone.time(precision, rounds).items()}
            for precision in FORMATS
        }
    matmuls.append(comparison.matmul(matmul_sizes, rounds))  # Before and after: the greater.
    results["matmul"] = {
        name: max((x[name] for x in matmuls), key=lambda x: x["largest"]) for name in FORMATS
    }
    add_shares(results)
    return results


def add_shares(results: dict[str, Any]) -> None:
    """Adds to each of our seconds the share of the matmul rate that the network's work was."""
    for name, row in results["sizes"].items():
        width, height = (int(side) for side in name.split("x"))
        for precision in FORMATS:
            largest = results["matmul"][precision]["largest"]
            for what in WHATS:
                median = row[precision][what]["seconds"]["ours"]["median"]
                rate = operations_per_second(width, height, median)
                row[precision][what]["share"] = rate / largest


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "| size | format | what | ours, s | spread | PyTorch, s | layout | ratio | matmul share |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for size, row in results["sizes"].items():
        for precision in FORMATS:
            for what in WHATS:
                cell = row[precision][what]
                ours, peer = cell["seconds"]["ours"], ["-", "-", "-"]
                if "against" in cell:
                    seconds = cell["seconds"][cell["against"]]["median"]
                    layout = cell["against"].removeprefix("PyTorch ")
                    peer = [f"{seconds:.3f}", layout, f"{cell['ratio']:.2f}"]
                spread = f"{ours['minimum']:.3f} - {ours['maximum']:.3f}"
                start = [size, precision, what, f"{ours['median']:.3f}", spread]
                lines.append("| " + " | ".join([*start, *peer, f"{cell['share']:.0%}"]) + " |")
    rates = {name: results["matmul"][name]["largest"] / 1e9 for name in FORMATS}
    rate = ", ".join(f"{name} {value:.0f} GFLOP/s" for name, value in rates.items())
    return "\n".join([*lines, "", f"Matrix products: {rate}."])


def say(text: str) -> None:
    """A line on standard error."""
    print(f"evaluation_cost: {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write `evaluation_cost.json`."""
    parser = arguments_of.parser("peers.evaluation_cost", __doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ours_only", action="store_true", help="Leave PyTorch out.")
    arguments_of.add_torch_python(parser)
    options = parser.parse_args(arguments)
    sizes, share_sizes, matmul_sizes = SIZES, SHARE_SIZES, MATMUL_SIZES
    if options.quick:
        sizes, share_sizes, matmul_sizes = QUICK_SIZES, (), QUICK_MATMUL_SIZES
        options.rounds = 1
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = stack.enter_context(
            workers.Worker("benchmarks.peers.worker_tensorflow", threads=options.threads)
        )
        peer = None
        if options.ours_only:
            say("PyTorch is left out.")
        elif workers.has("torch", options.torch_python):
            peer = stack.enter_context(
                workers.Worker(
                    "benchmarks.peers.worker_pytorch", options.torch_python, options.threads
                )
            )
        else:
            say("PyTorch is not installed: no comparison (benchmarks/requirements-bench.txt).")
        results = measure(
            Comparison(ours, peer, folder), sizes, share_sizes, matmul_sizes, options.rounds
        )
    results["threads"] = options.threads
    print(table(results))
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
