"""How much memory there is, and how much of it a run may take."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SHARE = 0.6
"""Of the machine's memory, that a run takes where nobody says how much it may."""

GPU_SHARE = 0.9
"""Of a GPU's memory, likewise: few other programs are there, but what drives it takes some."""


def limit(memory: float, device: str = "") -> float:
    """Bytes that a run may take.

    Args:
        memory: in GB (10^9 bytes); 0 takes a share of the machine's memory, or of its container's,
            and on a GPU of the GPU's.
        device: where the run works, as TensorFlow names it; what is no GPU is the processor.
    """
    if memory:
        return memory * 1e9
    on_device = gpu_memory(_number(device)) if is_gpu(device) else None
    return SHARE * machine_memory() if on_device is None else GPU_SHARE * on_device


def share(memory: float, device: str, devices: Sequence[str]) -> float:
    """What of `memory` is one device's, where several work at once: the same number, or less.

    A GPU has memory of its own; processors take theirs from the same.

    Args:
        memory: as for `limit`.
        device: one of
        devices: that work at once.

    Returns:
        GB, or 0 as for `limit`.
    """
    processors = sum(not is_gpu(name) for name in devices)
    if is_gpu(device) or processors < 2:
        return memory
    return round(limit(memory) / processors / 1e9, 3)


def likely_limit(memory: float, asked: str) -> float:
    """Bytes that a run may take as far as can be said before TensorFlow tells which devices it has.

    Args:
        memory: as for `limit`.
        asked: the devices, with commas between them; "auto" may come to a GPU or not: the limit is
            of what has more.
    """
    names = ["/CPU:0", "/GPU:0"] if asked == "auto" else asked.split(",")
    together = ["auto"] if asked == "auto" else names
    return max(limit(share(memory, name, together), name) for name in names)


def is_gpu(device: str) -> bool:
    """Whether a device of TensorFlow is a GPU, by its short or long name."""
    return "GPU:" in device.upper()


def machine_memory(group: Path = Path("/sys/fs/cgroup/memory.max")) -> float:
    """Bytes of the machine, or of the container if that has less; 8 GB where nobody tells."""
    sizes = []
    try:
        sizes.append(float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # Not a Unix.
        sizes.append(8e9)
    with contextlib.suppress(OSError, ValueError):  # No such group, or "max".
        sizes.append(float(group.read_text(encoding="ascii")))
    return min(sizes)


def gpu_memory(number: int = 0) -> float | None:
    """Bytes of a GPU; None if there is none of that number, or its driver does not tell.

    TensorFlow tells only what is in use. What is free at a moment would make another plan of the
    same run each time, and other pixels with it.
    """
    driver = _driver()
    if driver is None:
        return None
    device, size = ctypes.c_int(), ctypes.c_size_t()
    if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), number):
        return None
    if driver.cuDeviceTotalMem_v2(ctypes.byref(size), device):
        return None
    return float(size.value)


def _driver() -> Any:
    """The library of NVIDIA's driver, None where it is not installed."""
    for name in ("libcuda.so.1", "nvcuda.dll"):
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    return None


def _number(device: str) -> int:
    last = device.rpartition(":")[2]
    return int(last) if last.isdigit() else 0
