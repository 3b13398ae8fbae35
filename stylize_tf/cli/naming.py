"""Names of the pictures that are written."""

from __future__ import annotations

import hashlib
import itertools
import os
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

_LONGEST_STEM = 120
"""Bytes of a derived name, well below the 255 that file systems take, with numbers to come."""


def derived_name(content: str, styles: Sequence[str], extension: str = ".png") -> str:
    """`photo_painting.png` for the paths of a photograph and its paintings."""
    return _cut("_".join(Path(path).stem for path in (content, *styles))) + extension


def free_name(path: str) -> str:
    """`path`, or `name-2.png`, `name-3.png`, ... if there is something at that place."""
    numbered = (with_suffix(path, f"-{number}") for number in itertools.count(2))
    return next(name for name in itertools.chain([path], numbered) if not os.path.lexists(name))


def with_suffix(path: str, suffix: str) -> str:
    """`folder/out-2.png` for `folder/out.png` and `-2`."""
    place = Path(path)
    return str(place.with_name(f"{place.stem}{suffix}{place.suffix}"))


def distinct_names(
    jobs: Sequence[tuple[str, tuple[str, ...]]], extension: str = ".png"
) -> list[str]:
    """A name like that of `derived_name` for each photograph and its paintings, all different.

    Names hang on the inputs alone, not on what is on the disk, so a later run finds them again.
    What several inputs would be called is not given to any of them: all say more about where they
    come from, `2019-photo_painting.png` and `2020-photo_painting.png`, or `photo-jpg_painting.png`
    and `photo-png_painting.png`. Case and Unicode form are no difference: some disks ignore them.
    """
    contents = _labels(content for content, _ in jobs)
    styles = _labels(style for _, several in jobs for style in several)
    stems = [_cut("_".join([contents[c], *(styles[s] for s in several)])) for c, several in jobs]
    taken = Counter(map(_as_disks_see_it, stems))
    return [
        (stem if taken[_as_disks_see_it(stem)] == 1 else f"{stem}-{_digest(job)}") + extension
        for stem, job in zip(stems, jobs, strict=True)
    ]


def _labels(paths: Iterable[str]) -> dict[str, str]:
    """The shortest label of each path that no other has: its stem, or more and more of the path."""
    longer = {path: _ever_longer(path) for path in dict.fromkeys(paths)}
    labels = {path: choices.pop() for path, choices in longer.items()}
    while True:
        taken = Counter(map(_as_disks_see_it, labels.values()))
        shared = [path for path, label in labels.items() if taken[_as_disks_see_it(label)] > 1]
        extensible = [path for path in shared if longer[path]]
        if not extensible:
            return labels
        for path in extensible:
            labels[path] = longer[path].pop()


def _ever_longer(path: str) -> list[str]:
    """What a path may be called, the shortest last."""
    place = Path(os.path.abspath(path))  # noqa: PTH100 - links are not followed: names stay ours
    folders = [part for part in place.parts[:-1] if part != place.anchor]
    choices = []
    for depth in range(len(folders) + 1):
        label = "-".join([*folders[len(folders) - depth :], place.stem])
        choices += [label, f"{label}-{place.suffix.removeprefix('.')}"]
    return choices[::-1]


def _as_disks_see_it(name: str) -> Hashable:
    return unicodedata.normalize("NFC", name).casefold()


def _digest(job: tuple[str, tuple[str, ...]]) -> str:
    content, styles = job
    paths = b"\0".join(os.fsencode(os.path.abspath(path)) for path in (content, *styles))  # noqa: PTH100
    return hashlib.sha256(paths).hexdigest()[:8]


def _cut(stem: str) -> str:
    cut = os.fsencode(stem)[:_LONGEST_STEM]
    # A character may be cut in two: what is left of it goes as well.
    return cut.decode("utf-8", "ignore" if _is_text(stem) else "surrogateescape")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
