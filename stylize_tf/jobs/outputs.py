"""Where a run puts what it writes, and its names, found out before there is anything to lose."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import itertools
import os
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from stylize_tf.errors import OutputError
from stylize_tf.images import image_io
from stylize_tf.images.files import create_file, replace_file
from stylize_tf.images.timelapse import FORMATS, Timelapse
from stylize_tf.jobs.inputs import Wanted
from stylize_tf.jobs.options.common import STANDARD
from stylize_tf.jobs.options.painting import PNG, Options
from stylize_tf.machine.atomic_files import try_replacing
from stylize_tf.machine.extras import require

_LONGEST_STEM = 120
"""Bytes of a derived name, well below the 255 that file systems take, with numbers to come."""


def _never(path: str) -> bool:
    return False


@dataclasses.dataclass(frozen=True)
class Output:
    """Where pictures go.

    Attributes:
        path: of the finished picture.
        derived: whether we chose the name; then it must never replace a file.
        beside: what this run writes of other names, which it does not choose for the picture.
        may_replace: of a derived name that is taken, whether what is there may be replaced.
        is_piped: whether the finished picture goes to standard output; others are named by `path`.
    """

    path: str
    derived: bool
    beside: tuple[str, ...] = ()
    may_replace: Callable[[str], bool] = _never
    is_piped: bool = False

    def write(self, data: bytes) -> str:
        """Stores a file whole, where it shall go; a derived name that is taken gets a number.

        Names are taken as files are written, and not before: of runs at the same time each gets
        one of its own, and one that is killed leaves nothing behind.

        Returns:
            Its path.

        Raises:
            OutputError: if it cannot be written.
        """
        if not self.derived:
            replace_file(self.path, data)
            return self.path
        for name in _numbered(self.path):
            if any(_is_same(name, other) for other in self.beside):
                continue
            if create_file(name, data):
                break
            if self.may_replace(name):
                replace_file(name, data)
                break
        return name

    def deliver(self, data: bytes, pipe: Callable[[bytes], None]) -> str:
        """Stores the finished picture, or what is left of it; where, - for standard output.

        Args:
            data: the file.
            pipe: takes it where it goes to standard output.

        Raises:
            OutputError: if it cannot be written, or standard output does not take it.
        """
        if not self.is_piped:
            return self.write(data)
        pipe(data)
        return STANDARD

    def rescuing(self, write: Callable[[Output], str]) -> str:
        """Where the finished picture is written, which shall not be lost for a full disk.

        Args:
            write: encodes and writes it; its path.

        Raises:
            OutputError: if it cannot be written; it says in which other file the picture is, a
                PNG beside it, or else in the current folder or that of temporary files.
        """
        try:
            return write(self)
        except OutputError as error:
            for place in self.elsewhere():
                try:
                    path = write(place)
                except OutputError:
                    continue
                raise OutputError(f"{error} It is in {path!r}.") from error
            raise

    def elsewhere(self) -> list[Output]:
        """Where the picture may go that cannot be written here, the best place first."""
        name, folders = f"{Path(self.path).stem}.png", (Path(self.path).parent, Path())
        places = [str(folder / name) for folder in (*folders, Path(tempfile.gettempdir()))]
        return [Output(place, derived=True, beside=self.beside) for place in places]

    def intermediate(self, evaluation: int) -> Output:
        """Where the picture after a step of `save_every` goes: `out-0100.png`."""
        return dataclasses.replace(self, path=with_suffix(self.path, f"-{evaluation:04d}"))

    def unfinished(self) -> Output:
        """Where what is left of a run that failed goes, which replaces nothing."""
        return Output(with_suffix(self.path, "-unfinished"), derived=True, beside=self.beside)


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
    is_piped = options.output == STANDARD
    if options.output is not None and not is_piped and not _is_folder(options.output):
        output = Output(options.output, derived=False)
    else:
        styles = named or [item.found for item in files if item.role == "style"]
        again = options.from_picture and Path(options.from_picture).name
        name = again or derived_name(files[0].found, styles)
        if options.output is not None and (is_piped or options.output_format):
            name = str(Path(name).with_suffix(f".{options.output_format or PNG}"))
        folder = "" if is_piped else options.output or ""
        output = Output(free_name(str(Path(folder, name))), derived=True, is_piped=is_piped)
    if not is_piped:
        image_io.check_output(output.path, inputs=inputs)
    taken = {"output": output.path}
    for name in ("compare", "timelapse", "regions_overlay"):
        path = getattr(options, name)
        if path is not None:
            _check_distinct(name, path, inputs, taken)
            (_check_timelapse if name == "timelapse" else image_io.check_output)(path)
            taken[name] = path
            output = dataclasses.replace(output, beside=(*output.beside, path))
    if options.save_every and options.timelapse is None:
        _check_intermediates(output, [*inputs, *taken.values()])
    return output


def _is_folder(output: str) -> bool:
    """Whether the name says that it is of a folder, or there is one."""
    return output.endswith((os.sep, os.altsep or os.sep)) or os.path.isdir(output)  # noqa: PTH112


def check_folders(options: Options) -> None:
    """Makes the folders of `checkpoint_dir` and `tensorboard_dir`, and sees that they take files.

    With `dry_run` nothing is made, and seen whether it could be.

    Raises:
        ConfigError: if TensorBoard is wanted and not installed.
        OutputError: if one does not.
    """
    if options.tensorboard_dir is not None:
        require("tensorboard", "tensorboard", "tensorboard_dir")
    for name in ("checkpoint_dir", "tensorboard_dir"):
        path = getattr(options, name)
        if path is None:
            continue
        try:
            try_replacing(_folder_of(path, is_dry=options.dry_run) / "a.checkpoint")
        except OSError as error:
            raise OutputError(f"cannot write to `{name}` {path!r}: {error.strerror}.") from error


def _folder_of(path: str, *, is_dry: bool) -> Path:
    """The folder, made if it is missing; if that is not wanted the one that it would be made in."""
    place = Path(path)
    if not is_dry:
        place.mkdir(parents=True, exist_ok=True)
        return place
    place = next((x for x in (place, *place.parents) if os.path.lexists(x)), place)
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return place


def new_folder(path: str) -> str:
    """Makes the first of `path`, `path-2`, `path-3`, ... that is not there; no two get the same."""
    for name in _numbered(path):
        with contextlib.suppress(FileExistsError):
            Path(name).mkdir()
            break
    return name


def make_folder(target: str, *, is_dry: bool = False, name: str = "output_dir") -> None:
    """Makes the folder of an option if it is missing, and sees whether it takes pictures.

    Args:
        target: its path.
        is_dry: make nothing, and see whether it could be made.
        name: of the option.

    Raises:
        OutputError: if it does not.
    """
    elsewhere = f"Choose another `{name}`."
    try:
        folder = _folder_of(target, is_dry=is_dry)
    except OSError as error:
        raise OutputError(
            f"the folder {target!r} cannot be made: {error.strerror}. {elsewhere}"
        ) from error
    try:
        image_io.check_output(str(folder / ".stylize_tf.png"))
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
    """The first of `path`, `name-2.png`, `name-3.png`, ... where nothing is at this moment."""
    return next(name for name in _numbered(path) if not os.path.lexists(name))


def _numbered(path: str) -> Iterator[str]:
    yield path
    yield from (with_suffix(path, f"-{number}") for number in itertools.count(2))


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
