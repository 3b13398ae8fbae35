"""How much memory there is, and how much of it a run may take."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SHARE = 0.6
"""Of the machine's memory, that a run takes where nobody says how much it may."""


def limit(memory: float) -> float:
    """Bytes that a run may take.

    Args:
        memory: in GB (10^9 bytes); 0 takes a share of the machine's memory, or of its container's.
    """
    return memory * 1e9 if memory else SHARE * machine_memory()


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
