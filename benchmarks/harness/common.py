"""What the benchmark scripts share: where a figure was measured, and how it is written down."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "pillow", "scipy", "torch")
"""Distributions whose versions can change a figure; those not installed are left out."""

_ROOT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, Any]:
    """What a figure depends on beside its script: versions, processor, cores and commit.

    Returns:
        Plain JSON values; `commit` is None outside a git checkout, and `modified` tells whether
        tracked files differed from that commit.
    """
    versions = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "commit": _git("rev-parse", "HEAD"),
        "modified": None if changes is None else bool(changes),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": usable_cores(),
        "memory_gib": memory_gib(),
        "versions": versions,
    }


def processor(information: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model name, or what `platform` knows where there is no such file."""
    try:
        lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gib() -> float | None:
    """The machine's memory in GiB, or None where the system does not tell."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def median_and_spread(values: Iterable[float]) -> dict[str, float | int]:
    """The median of repeated measurements, between the least and the greatest.

    Raises:
        ValueError: if there are no values.
    """
    ordered = sorted(float(value) for value in values)
    if not ordered:
        raise ValueError("`values` must hold at least one measurement; got none.")
    return {
        "median": statistics.median(ordered),
        "minimum": ordered[0],
        "maximum": ordered[-1],
        "runs": len(ordered),
    }


def write_json(path: str | os.PathLike[str], results: Any) -> Path:
    """Write `results` with the environment they were measured in, whole or not at all.

    The file holds `{"environment": ..., "results": ...}`; missing folders are made.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    record = {"environment": environment(), "results": results}
    text = json.dumps(record, indent=2, allow_nan=False) + "\n"
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(target)
    return target


def _git(*arguments: str) -> str | None:
    try:
        finished = subprocess.run(
            ["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return finished.stdout.strip()
