"""Where a run puts what it writes, found out before there is anything to lose."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from stylize_tf.cli.exits import CommandError, Exit
from stylize_tf.cli.naming import derived_name, free_name, with_suffix
from stylize_tf.cli.options import Options
from stylize_tf.images import image_io
from stylize_tf.images.timelapse import FORMATS, Timelapse


@dataclasses.dataclass(frozen=True)
class Output:
    """Where pictures go.

    Attributes:
        path: of the finished picture.
        derived: whether we chose the name; then it must never replace a file.
    """

    path: str
    derived: bool

    def to_write(self) -> str:
        """The path, or the next free one if somebody took a derived name in the meantime."""
        return free_name(self.path) if self.derived else self.path

    def intermediate(self, evaluation: int) -> str:
        """Where the picture after a step of --save_every goes: `out-0100.png`."""
        return with_suffix(self.path, f"-{evaluation:04d}")

    def unfinished(self) -> str:
        """A free name for what is left of a run that failed."""
        return free_name(with_suffix(self.path, "-unfinished"))


def find_output(
    options: Options, content: str, styles: Sequence[str], inputs: Sequence[str]
) -> Output:
    """Where the picture goes, after making sure that it and all beside it can be written.

    Args:
        options: what was asked for.
        content: path of the photograph.
        styles: paths of the paintings.
        inputs: all files that must not be overwritten.

    Raises:
        CommandError, OutputError: if something cannot be written where it shall go.
    """
    if options.output is not None:
        output = Output(options.output, derived=False)
    elif options.from_picture is not None:
        output = Output(free_name(Path(options.from_picture).name), derived=True)
    else:
        output = Output(free_name(derived_name(content, styles)), derived=True)
    image_io.check_output(output.path, inputs=inputs)
    kept = [*inputs]
    if options.regions_overlay is not None:
        others = {
            "output": output.path,
            "compare": options.compare,
            "timelapse": options.timelapse,
        }
        _check_distinct("regions_overlay", options.regions_overlay, inputs, others)
        image_io.check_output(options.regions_overlay)
        kept.append(options.regions_overlay)
    if options.compare is not None:
        _check_distinct("compare", options.compare, inputs, {"output": output.path})
        image_io.check_output(options.compare)
        kept.append(options.compare)
    if options.timelapse is not None:
        others = {"output": output.path, "compare": options.compare}
        _check_distinct("timelapse", options.timelapse, inputs, others)
        _check_timelapse(options.timelapse)
    elif options.save_every:
        _check_intermediates(output, kept)
    return output


def _check_distinct(
    flag: str, path: str, inputs: Sequence[str], others: dict[str, str | None]
) -> None:
    """Raises if a file would take the place of an input, or of another that is written."""
    for source in inputs:
        if _is_same(path, source):
            raise CommandError(
                f"{path!r} is the input {source!r}, which it would overwrite. "
                f"Choose another --{flag}.",
                Exit.OUTPUT,
            )
    for other, place in others.items():
        if place is not None and _is_same(path, place):
            raise CommandError(
                f"{path!r} would be written both as --{other} and as --{flag}. "
                f"Choose another --{flag}.",
                Exit.OUTPUT,
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
        raise CommandError(
            f"{path!r} cannot be written: a time-lapse is {' or '.join(FORMATS)}.", Exit.OUTPUT
        ) from error
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        why = "its folder does not exist" if missing else error.strerror
        raise CommandError(
            f"{path!r} cannot be written: {why}. Choose another --timelapse.", Exit.OUTPUT
        ) from error


def _check_intermediates(output: Output, kept: Sequence[str]) -> None:
    """Raises if an intermediate picture could replace one of these files."""
    target = Path(output.path).resolve()
    pattern = re.compile(re.escape(target.stem) + r"-\d{4,}" + re.escape(target.suffix))
    for path in kept:
        source = Path(path).resolve()
        if source.parent == target.parent and pattern.fullmatch(source.name):
            raise CommandError(
                f"--save_every could overwrite {path!r}. Choose another --output.", Exit.OUTPUT
            )
