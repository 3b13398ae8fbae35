"""What runs on this machine took, kept from one process to the next, so that others can be planned.

A small JSON file in the user's cache. It only makes plans better: whatever is wrong with it or its
folder is passed over, and deleting it is safe.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stylize_tf.machine import memory, tensorflow_runtime
from stylize_tf.machine.atomic_files import replacing

SWITCH = "STYLIZE_TF_RATES"
"""Environment variable: 0 neither reads nor keeps anything."""

FORMAT = 1
"""Of the file; others are not read."""

_KEPT = 64
"""Samples of one kind, and kinds of one machine."""

_LOW_FORMATS = ("avx512_bf16", "amx_bf16", "bf16")
"""What processors call their instructions for bfloat16."""

_CORE_SPEEDS = {"avx512f": 0.9e11, "avx2": 0.35e11, "": 0.25e11}
"""Multiplications and additions a second of a core, in pairs, that convolutions in float32 make, by
what its instructions are called: measured for the first, guessed for the others, as is"""

_GPU_SPEED = 5e12

Row = tuple[str, int, float, float]
"""A sample: its part, pixels, work and seconds, see `forecast.Sample`."""


def path() -> Path:
    """Where the file is: in `$XDG_CACHE_HOME`, or `~/.cache`."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "stylize_tf" / "rates.json"


def machine() -> str:
    """What decides how fast it is: the processor, how many cores, and versions."""
    versions = tensorflow_runtime.versions()
    names = (f"{name} {versions[name]}" for name in ("tensorflow", "keras"))
    return ", ".join([_processor(), f"{_cores()} cores", *names])


def read() -> tuple[dict[str, list[Row]], dict[str, str]]:
    """The samples of this machine by their kind, and the number formats it chose by device."""
    own = _all().get(machine(), {})
    return (
        {kind: [_row(*x) for x in rows] for kind, rows in own.get("samples", {}).items()},
        {str(device): str(name) for device, name in own.get("formats", {}).items()},
    )


def add(samples: Mapping[str, Sequence[Row]], formats: Mapping[str, str]) -> None:
    """Keeps what a run took, and which number format a device chose."""
    if os.environ.get(SWITCH) == "0":
        return
    with contextlib.suppress(Exception):
        machines = _all()
        own = machines.pop(machine(), {})
        kept = dict(own.get("samples", {}))
        for kind, rows in samples.items():
            kept[kind] = [*kept.pop(kind, []), *map(list, rows)][-_KEPT:]
        newest = dict(list(kept.items())[-_KEPT:])
        # The newest last, so that what nobody uses any more goes first.
        machines[machine()] = {"formats": own.get("formats", {}) | dict(formats), "samples": newest}
        text = json.dumps({"format": FORMAT, "machines": dict(list(machines.items())[-8:])})
        path().parent.mkdir(parents=True, exist_ok=True)
        with replacing(path()) as file:
            file.write(text.encode())


def guessed_format() -> str:
    """The number format that this processor is likely to be fastest in."""
    return "bfloat16" if _instructions().intersection(_LOW_FORMATS) else "float32"


def guessed_speed(precision: str, device: str) -> float:
    """Multiplications and additions a second, in pairs, that convolutions are likely to make.

    Args:
        precision: number format.
        device: of TensorFlow.
    """
    if memory.is_gpu(device):
        return _GPU_SPEED
    there = _instructions()
    speed = next(speed for name, speed in _CORE_SPEEDS.items() if name in there or not name)
    return speed * _cores() * (1 if precision == "float32" else 1.7)


def _instructions() -> set[str]:
    """What the processor says that it can; nothing where the system has no such file."""
    with contextlib.suppress(OSError):
        return set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
    return set()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _all() -> dict[str, Any]:
    """Every machine's record by its name; none if there is no such file, or it is damaged."""
    if os.environ.get(SWITCH) == "0":
        return {}
    with contextlib.suppress(Exception):
        found = json.loads(path().read_text(encoding="utf-8"))
        machines = found["machines"] if found["format"] == FORMAT else {}
        for own in machines.values():
            for rows in own["samples"].values():
                for row in rows:
                    _row(*row)
        return dict(machines)
    return {}


def _row(part: str, pixels: int, work: float, seconds: float) -> Row:
    """A sample as it should be.

    Raises:
        ValueError: if it is not.
    """
    row = str(part), int(pixels), float(work), float(seconds)
    if not (math.isfinite(row[2]) and 0 < row[3] < math.inf) or row[1] < 0 or not row[0].split():
        raise ValueError(row)
    return row


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
