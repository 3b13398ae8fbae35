"""Programs run as a user runs them, with their seconds, their peak memory and what they say."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.problem import ROOT


@dataclasses.dataclass(frozen=True)
class Finished:
    """A process that has ended.

    Attributes:
        code: that it exited with; negative for a signal.
        seconds: from its start to its end.
        peak_bytes: most resident memory, as the system counts it.
        output, errors: what it wrote.
    """

    code: int
    seconds: float
    peak_bytes: int
    output: str
    errors: str

    def checked(self) -> Finished:
        """Itself.

        Raises:
            RuntimeError: if it failed; the message has its last words.
        """
        if self.code != 0:
            words = " ".join(self.errors.split()[-40:])
            raise RuntimeError(f"A run ended with {self.code}: {words}")
        return self


def run(command: Sequence[str | Path], cwd: Path = ROOT) -> Finished:
    """Runs a program to its end, its streams held in files so that nothing waits for a reader."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        with _Watch(process.pid) as watch:
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        return Finished(
            process.returncode,
            seconds,
            watch.peak_bytes(peak_bytes(usage.ru_maxrss)),
            output.read(),
            errors.read(),
        )


class _Watch:
    """Looks at a process's memory while it runs.

    Linux starts the `ru_maxrss` of a process with the peak of the one that started it, which can be
    larger; what the process itself had is in /proc as long as it is there.
    """

    def __init__(self, pid: int):
        self._status = Path(f"/proc/{pid}/status")
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        ended = False
        while not ended:
            self._peak = max(self._peak, own_peak_bytes(self._status) or 0)
            ended = self._ended.wait(0.02)

    def peak_bytes(self, maximum: int) -> int:
        """`maximum`, from `ru_maxrss`, unless that may be this process's own."""
        inherited = own_peak_bytes() or 0
        return self._peak if self._peak and maximum <= inherited else maximum

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def peak_bytes(maximum: int, platform: str = sys.platform) -> int:
    """`ru_maxrss` in bytes: macOS counts them, Linux counts kibibytes."""
    return maximum if platform == "darwin" else maximum * 1024


def main_command(*flags: str | Path) -> list[str]:
    """The command line of our program, by this Python."""
    return [sys.executable, "main.py", *(str(flag) for flag in flags)]


def own_peak_bytes(status: Path = Path("/proc/self/status")) -> int | None:
    """Most resident memory of a process so far, this one; None where the system tells it not so."""
    try:
        lines = status.read_text(encoding="utf-8").splitlines()
    except OSError:  # Ended, or no such files.
        return None
    for line in lines:
        key, _, value = line.partition(":")
        if key == "VmHWM":
            return int(value.split()[0]) * 1024
    return None
