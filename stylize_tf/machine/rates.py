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
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stylize_tf.machine import tensorflow_runtime
from stylize_tf.machine.atomic_files import replacing

SWITCH = "STYLIZE_TF_RATES"
"""Environment variable: 0 neither reads nor keeps anything."""

FORMAT = 1
"""Of the file; others are not read."""

_KEPT = 64
"""Samples of one kind, and kinds of one machine."""

_LOW_FORMATS = ("avx512_bf16", "amx_bf16", "bf16")
"""What processors call their instructions for bfloat16."""

_MATRIX = 768
"""Rows of the matrices by whose product the speed of a machine is guessed."""

_GUESSING_SECONDS = 0.2

Row = tuple[str, int, float, float]
"""A sample: its part, pixels, work and seconds, see `forecast.Sample`."""


def path() -> Path:
    """Where the file is: in `$XDG_CACHE_HOME`, or `~/.cache`."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "stylize_tf" / "rates.json"


def machine() -> str:
    """What decides how fast it is: the processor, how many cores, and versions."""
    versions = tensorflow_runtime.versions()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    names = (f"{name} {versions[name]}" for name in ("tensorflow", "keras"))
    return ", ".join([_processor(), f"{cores} cores", *names])


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
    with contextlib.suppress(OSError):
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
        if words.intersection(_LOW_FORMATS):
            return "bfloat16"
    return "float32"


def guessed_speed(precision: str) -> float:
    """Multiplications and additions a second, in pairs, of convolutions: measured in a moment.

    From a product of matrices in float32, of whose rate convolutions reach four fifths.
    """
    matrix = np.ones([_MATRIX, _MATRIX], np.float32)
    seconds: list[float] = []
    begun = time.perf_counter()
    while len(seconds) < 3 or time.perf_counter() < begun + _GUESSING_SECONDS:
        start = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - start)
    speed = 0.8 * _MATRIX**3 / min(seconds)
    return speed if precision == "float32" else 1.7 * speed


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
