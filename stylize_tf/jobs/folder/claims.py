"""Which process paints which picture of a folder, told by small files beside the pictures.

All that is asked of the disk is that one of several processes can create a file of a name, so
machines may share a folder, too.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import socket
import tempfile
import threading
from pathlib import Path

_BEAT_SECONDS = 20.0
"""Between two signs of life."""

_SILENT_SECONDS = 300.0
"""After which the process of a claim is taken for dead, if it cannot be asked."""

_MOST_ABOVE = 3
"""Higher numbers that are looked at: each takes somebody who was silent for so long, and lives."""


class Claims:
    """The pictures that this process paints, as long as this is entered.

    A claim is a hidden file beside the picture, `.cat_sea.png.stylize_tf-claim-1`, which says whose
    it is and is touched as long as that process lives. If the process is dead, another one takes
    over by creating the next number, which again only one can do, and which then is the claim. Who
    gives a picture back removes its own claim last: whoever finds one of the dead and no other can
    be sure that nobody followed. Who was taken for dead and lives may give back a lower number than
    that which counts, so whoever creates one looks for a higher one of the living.
    """

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._ended = threading.Event()

    def __enter__(self) -> Claims:
        threading.Thread(target=self._live, name="stylize_tf claims", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for path in list(self._held):
            self.give_back(path)

    def take(self, path: str) -> bool:
        """Whether the picture is this process's to paint, until it is given back.

        Raises:
            OSError: if the folder takes no files.
        """
        before: Path | None = None
        for number in itertools.count(1):
            claim = _claim(path, number)
            if _is_made(claim):
                if before is not None and not _is_dead(before):
                    claim.unlink()  # It was given back in this moment.
                    return self.take(path)
                if any(_is_alive(other) for other in _following(path, number)):
                    claim.unlink()
                    return False
                self._held[path] = number
                return True
            if not _is_dead(claim):
                break
            before = claim
        return False

    def give_back(self, path: str) -> None:
        """Leaves the picture to others; nothing if it was not taken."""
        number = self._held.pop(path, 0)
        if not number:
            return
        own = _claim(path, number)
        others = [*(_claim(path, lower) for lower in range(1, number)), *_following(path, number)]
        for claim in others:
            with contextlib.suppress(OSError):
                if _is_dead(claim):
                    claim.unlink()
        with contextlib.suppress(OSError):
            if _text_of(own) == _signature():  # Else others took us for dead, and this is theirs.
                own.unlink()

    def _live(self) -> None:
        while not self._ended.wait(_BEAT_SECONDS):
            for path, number in list(self._held.items()):
                with contextlib.suppress(OSError):  # It was given back in this moment.
                    os.utime(_claim(path, number))


def clear_dead(path: str) -> None:
    """Removes the claims that processes which were killed have left of a finished picture."""
    claims = Claims()
    with contextlib.suppress(OSError):  # Who may only look at the folder leaves them.
        if any(_claim(path, number).exists() for number in (1, 2)) and claims.take(path):
            claims.give_back(path)


def _claim(path: str, number: int) -> Path:
    picture = Path(path)
    return picture.with_name(f".{picture.name}.stylize_tf-claim-{number}")


def _following(path: str, number: int) -> list[Path]:
    """The claims that there may be of those who took the one of a number for dead."""
    return [_claim(path, number + more) for more in range(1, _MOST_ABOVE + 1)]


def _is_made(claim: Path) -> bool:
    try:
        file = claim.open("x", encoding="utf-8")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(_signature())
    except BaseException:  # Without a word in it, it would count for minutes.
        with contextlib.suppress(OSError):
            claim.unlink()
        raise
    return True


def _signature() -> str:
    return f"{_machine()} {os.getpid()}"


def _text_of(claim: Path) -> str:
    return claim.read_text(encoding="utf-8", errors="replace")


def _is_alive(claim: Path) -> bool:
    """Whether there is a claim, of a process that may live."""
    return claim.exists() and not _is_dead(claim)


def _is_dead(claim: Path) -> bool:
    """Whether there is a claim, of a process that is no more."""
    machine = process = ""
    try:
        with contextlib.suppress(PermissionError):
            machine, _, process = _text_of(claim).rpartition(" ")
        touched = claim.stat().st_mtime
    except FileNotFoundError:
        return False
    if machine == _machine() and not _lives(process):
        return True
    with tempfile.TemporaryFile(
        dir=claim.parent
    ) as file:  # The time now, by the clock of the disk.
        return os.fstat(file.fileno()).st_mtime - touched > _SILENT_SECONDS


@functools.cache
def _machine() -> str:
    """Where numbers of processes mean the same: containers on one machine have their own."""
    numbers = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {numbers.readlink() if numbers.is_symlink() else ''}".strip()


def _lives(process: str) -> bool:
    """Whether a process of this machine may be alive."""
    if os.name == "nt":
        return True  # There, asking would be a signal.
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError, ValueError):
        return True
    return True
