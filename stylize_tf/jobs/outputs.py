"""Where a run puts what it writes, and its names, found out before there is anything to lose."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stylize_tf.errors import OutputError
from stylize_tf.images import image_io
from stylize_tf.images.timelapse import FORMATS, Timelapse
from stylize_tf.jobs.inputs import Wanted
from stylize_tf.jobs.options import STANDARD, Options
from stylize_tf.machine.atomic_files import try_replacing

_LONGEST_STEM = 120
"""Bytes of a derived name, well below the 255 that file systems take, with numbers to come."""


@dataclasses.dataclass(frozen=True)
class Output:
    """Where pictures go.

    Attributes:
        path: of the finished picture.
        derived: whether we chose the name; then it must never replace a file.
        is_piped: whether the finished picture goes to standard output; others are named by `path`.
    """

    path: str
    derived: bool
    is_piped: bool = False

    def to_write(self) -> str:
        """The path, or the next free one if somebody took a derived name in the meantime."""
        return free_name(self.path) if self.derived else self.path

    def store(self, image: Any, deliver: Callable[[bytes], None], **how: Any) -> str:
        """Writes the finished picture, or what is left of it; where to.

        Args:
            image: float in [0, 1], `[1, H, W, 3]`.
            deliver: takes it as bytes, where it goes to standard output.
            how: as `image_io.write` takes it.

        Raises:
            OutputError: if it cannot be written; where standard output does not take it, it is in
                a file all the same.
        """
        path = self.to_write()
        if not self.is_piped:
            image_io.write(path, image, **how)
            return path
        try:
            deliver(image_io.encode(path, image, **how))
        except OutputError as error:
            image_io.write(path, image, **how)
            raise OutputError(f"{error} It is in {path!r}.") from error
        return STANDARD

    def intermediate(self, evaluation: int) -> str:
        """Where the picture after a step of `save_every` goes: `out-0100.png`."""
        return with_suffix(self.path, f"-{evaluation:04d}")

    def unfinished(self) -> str:
        """A free name for what is left of a run that failed."""
        return free_name(with_suffix(self.path, "-unfinished"))


def find_output(options: Options, files: Sequence[Wanted], named: Sequence[str]) -> Output:
    """Where the picture goes, after making sure that it and all beside it can be written.

    Args:
        options: what was asked for.
        files: the inputs, the photograph first.
        named: the styles as they were given; empty if a recipe gave them.

    Raises:
        OutputError: if something cannot be written where it shall go.
    """
    inputs = [item.found for item in files]
    if options.from_picture is not None:
        inputs.append(options.from_picture)
    styles = named or [item.found for item in files if item.role == "style"]
    is_piped = options.output == STANDARD
    if options.output is not None and not is_piped:
        output = Output(options.output, derived=False)
    else:
        name = derived_name(files[0].found, styles)
        if options.from_picture is not None:
            name = Path(options.from_picture).name
        if is_piped:
            name = str(Path(name).with_suffix(f".{options.output_format}"))
        output = Output(free_name(name), derived=True, is_piped=is_piped)
    if not is_piped:
        image_io.check_output(output.path, inputs=inputs)
    taken = {"output": output.path}
    for name in ("compare", "timelapse", "regions_overlay"):
        path = getattr(options, name)
        if path is not None:
            _check_distinct(name, path, inputs, taken)
            (_check_timelapse if name == "timelapse" else image_io.check_output)(path)
            taken[name] = path
    if options.save_every and options.timelapse is None:
        _check_intermediates(output, [*inputs, *taken.values()])
    return output


def check_checkpoints(options: Options) -> None:
    """Makes the folder of `checkpoint_dir`, and makes sure that it takes files.

    Raises:
        OutputError: if it does not.
    """
    if options.checkpoint_dir is None:
        return
    folder = Path(options.checkpoint_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try_replacing(folder / "a.checkpoint")
    except OSError as error:
        raise OutputError(
            f"cannot write to `checkpoint_dir` {options.checkpoint_dir!r}: {error.strerror}."
        ) from error


def make_folder(target: str) -> None:
    """Makes the folder of `output_dir` if it is missing, and sees whether it takes pictures.

    Raises:
        OutputError: if it does not.
    """
    elsewhere = "Choose another `output_dir`."
    try:
        Path(target).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {target!r} cannot be made: {error.strerror}. {elsewhere}"
        ) from error
    try:
        image_io.check_output(str(Path(target) / ".stylize_tf.png"))
    except OutputError as error:
        why = getattr(error.__cause__, "strerror", None) or error
        raise OutputError(f"nothing can be written in {target!r}: {why}. {elsewhere}") from error


def derived_name(content: str, styles: Sequence[str], extension: str = ".png") -> str:
    """`photo_painting.png` for the paths of a photograph and its paintings."""
    return _cut("_".join(stem_of(path) for path in (content, *styles))) + extension


def stem_of(path: str) -> str:
    """What a file is called without its extension."""
    return "stdin" if path == STANDARD else Path(path).stem


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


def _check_distinct(name: str, path: str, inputs: Sequence[str], others: Mapping[str, str]) -> None:
    """Raises if a file would take the place of an input, or of another that is written."""
    for source in inputs:
        if _is_same(path, source):
            raise OutputError(
                f"{path!r} is the input {source!r}, which it would overwrite. "
                f"Choose another `{name}`."
            )
    for other, place in others.items():
        if _is_same(path, place):
            raise OutputError(
                f"{path!r} would be written both as `{other}` and as `{name}`. "
                f"Choose another `{name}`."
            )


def _is_same(path: str, other: str) -> bool:
    """Whether two paths lead to one file, which need not be there."""
    first, second = Path(path), Path(other)
    try:
        return first.resolve() == second.resolve() or first.samefile(second)
    except OSError:
        return False


def _check_timelapse(path: str) -> None:
    try:
        Timelapse(path)
    except ValueError as error:
        raise OutputError(
            f"{path!r} cannot be written: a time-lapse is {' or '.join(FORMATS)}."
        ) from error
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        why = "its folder does not exist" if missing else error.strerror
        raise OutputError(
            f"{path!r} cannot be written: {why}. Choose another `timelapse`."
        ) from error


def _check_intermediates(output: Output, kept: Sequence[str]) -> None:
    """Raises if an intermediate picture could replace one of these files."""
    target = Path(output.path).resolve()
    pattern = re.compile(re.escape(target.stem) + r"-\d{4,}" + re.escape(target.suffix))
    for path in kept:
        source = Path(path).resolve()
        if source.parent == target.parent and pattern.fullmatch(source.name):
            raise OutputError(f"`save_every` could overwrite {path!r}. Choose another `output`.")


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
    stem = stem[:_LONGEST_STEM]
    while len(os.fsencode(stem)) > _LONGEST_STEM:
        stem = stem[:-1]
    return stem
