"""Which photograph goes with which painting, of sets as they lie on disks or of a list."""

from __future__ import annotations

import csv
import dataclasses
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images.files import OUTPUT_FORMATS
from stylize_tf.jobs.folder.finding import find_files
from stylize_tf.jobs.outputs import distinct_names

MOST = 1_000_000
"""Pairs that are written down; COCO's photographs and WikiArt's paintings make far more."""

_HEADING = ["content", "style"]


@dataclasses.dataclass(frozen=True)
class Pair:
    """A picture that is judged.

    Attributes:
        content, style: paths of the photograph and the painting.
        picture: path of what was painted of them.
    """

    content: str
    style: str
    picture: str


def find(
    contents: Sequence[str],
    styles: Sequence[str],
    limit: int,
    seed: int,
    warn: Callable[[str], None],
) -> tuple[list[tuple[str, str]], list[int]]:
    """All pairs of the files that the values mean, and the places of those that are drawn.

    Of a product too large to be written down it is those that are drawn alone.

    Args:
        contents, styles: as given; folders are looked through to the bottom.
        limit: how many are drawn; 0 takes all.
        seed: by which.
        warn: called with a line for each folder that cannot be looked into.

    Raises:
        ImageError: if a value means no picture.
        ConfigError: if there are more than `MOST` and no limit.
    """
    photographs = find_files("content", map(_to_the_bottom, contents), warn)
    paintings = find_files("style", map(_to_the_bottom, styles), warn)
    count = len(photographs) * len(paintings)
    places = drawn(count, limit, seed)
    if len(places) > MOST:
        raise ConfigError(
            f"{len(photographs)} photographs and {len(paintings)} paintings make {count} pairs: "
            f"draw some of them by `limit`."
        )
    is_listed = count <= MOST
    wanted = range(count) if is_listed else places
    pairs = [(photographs[x % len(photographs)], paintings[x // len(photographs)]) for x in wanted]
    return pairs, places if is_listed else list(range(len(pairs)))


def _to_the_bottom(value: str) -> str:
    return str(Path(value, "**", "*")) if Path(value).is_dir() else value


def drawn(count: int, limit: int, seed: int) -> list[int]:
    """So many different ones of the numbers below `count`, in order; all for a limit of 0.

    Without memory for those that are not drawn, however many there are.
    """
    if not limit or limit >= count:
        return list(range(min(count, MOST + 1)))
    return sorted(random.Random(seed).sample(range(count), limit))


def read_list(path: str) -> list[tuple[str, str]]:
    """The pairs of a CSV file, `content,style` on each line, with or without that heading.

    Raises:
        ConfigError: if it is none.
        ImageError: if it cannot be read.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImageError(f"`pairs` {path!r} cannot be read: {error}.") from error
    rows = rows[1:] if rows[:1] == [_HEADING] else rows
    for row in rows:
        if len(row) != 2 or not all(row):
            raise ConfigError(
                f"`pairs` {path!r}: a line must be content,style, in quotes where a path has a "
                f"comma; got {','.join(row)!r}."
            )
    if not rows:
        raise ConfigError(f"`pairs` {path!r} has no line content,style.")
    folder = Path(path).parent
    return [(_placed(content, folder), _placed(style, folder)) for content, style in rows]


def _placed(path: str, folder: Path) -> str:
    return path if Path(path).exists() or not (folder / path).exists() else str(folder / path)


def named(pairs: Sequence[tuple[str, str]], folder: str, label: str) -> list[Pair]:
    """The pairs with the pictures that a run into a folder makes of them.

    Args:
        pairs: all of the run.
        folder: where they are.
        label: what names tell of a network, in place of the painting; empty without one.
    """
    jobs = [(content, (label or style,)) for content, style in pairs]
    names = dict(zip(unique := list(dict.fromkeys(jobs)), distinct_names(unique), strict=True))
    return [
        Pair(*pair, _there(Path(folder, names[job]))) for pair, job in zip(pairs, jobs, strict=True)
    ]


def _there(picture: Path) -> str:
    """The picture, whatever format it was written in."""
    forms = (picture.with_name(f"{picture.stem}{extension}") for extension in OUTPUT_FORMATS)
    return str(next((path for path in forms if path.exists()), picture))
