"""The list of pictures that a run with --output_dir paints, checked before TensorFlow is loaded.

Only headers are read here; a picture is decoded when its turn comes, so memory does not grow with
their number.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stylize_tf.cli.console import Console
from stylize_tf.cli.exits import CommandError, Exit, usage_error
from stylize_tf.cli.flags import CommandLine
from stylize_tf.cli.folder_report import Report
from stylize_tf.cli.naming import distinct_names
from stylize_tf.cli.options import Options
from stylize_tf.cli.plan import NONE, Wanted, check_checkpoints, check_sizes, configured
from stylize_tf.cli.recipe import Recipe, RecipeError
from stylize_tf.cli.sources import find_files, identity
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import masks
from stylize_tf.errors import ImageError, OutputError
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid

_NOT_HERE = {
    "output": "--output names one picture, --output_dir a folder for many: leave one out.",
    "from_picture": "--from_picture makes one picture again: leave out --output_dir.",
    "init_image": "--init_image goes with one picture: leave out --output_dir.",
    "content_mask": "--content_mask goes with one picture: leave out --output_dir.",
    "style_mask": "--style_mask goes with one picture: leave out --output_dir.",
    "regions_overlay": "--regions_overlay goes with one picture: leave out --output_dir.",
    "compare": "--compare goes with one picture: leave out --output_dir.",
    "timelapse": "--timelapse goes with one picture: leave out --output_dir.",
    "save_every": "--save_every goes with one picture: leave out --output_dir.",
    "show": "--show goes with one picture: leave out --output_dir.",
}
"""Options of a single picture, and what is said to those who ask for them here."""


@dataclasses.dataclass(frozen=True)
class Task:
    """A picture to paint, of whose inputs nothing but the headers was read.

    Attributes:
        number: which of how many, from 1.
        content: path of the photograph.
        styles: paths of its paintings.
        fine_style: path of the painting that lends its strokes, or None.
        path: where the picture goes.
        work: pixels to evaluate, over all steps of all stages.
    """

    number: int
    content: str
    styles: tuple[str, ...]
    fine_style: str | None
    path: str
    work: float


@dataclasses.dataclass(frozen=True)
class Folder:
    """Pictures to paint into one folder.

    Attributes:
        config: how to stylize; the same for all.
        options: all else that was asked for.
        tasks: the pictures that are not there yet, in their order.
        inputs: what `identity` says of all photographs and paintings.
    """

    config: StyleTransferConfig
    options: Options
    tasks: tuple[Task, ...]
    inputs: frozenset[object]

    def must_paint(self, task: Task) -> bool:
        """Whether a picture has to be painted: it is not there, or not to be left as it is.

        Raises:
            OutputError: if something is in its place that must not be replaced.
        """
        return _must_paint(task, self.inputs, skip_existing=self.options.skip_existing)


def prepare(command_line: CommandLine, report: Report, console: Console) -> Folder:
    """Finds and checks all that a run needs, cheapest first, and makes the folder.

    Args:
        command_line: what was given.
        report: told of the pictures that are left out, because they are there or cannot be made.
        console: for warnings, and for how far the checks have come.

    Raises:
        CommandError, ConfigError, OutputError: if no picture at all can be made.
    """
    given = command_line.options
    for name, message in _NOT_HERE.items():
        if given.get(name):
            raise usage_error(message)
    options = Options(**given)
    config = configured(command_line, options, PRESETS[options.preset])
    if config.init == "picture":
        raise usage_error("--init=picture goes with one picture: leave out --output_dir.")
    target = str(options.output_dir)
    if os.path.lexists(target) and not Path(target).is_dir():
        raise CommandError(f"{target!r} is not a folder. Choose another --output_dir.", Exit.OUTPUT)
    contents, styles = _inputs(options, console)
    pairs = _pairs(config, contents, styles)
    sizes = _sizes([*contents, *styles], options, report, console)
    if config.style_blend_weights and not all(path in sizes for path in styles):
        raise CommandError("a painting of the blend cannot be read: see above.", Exit.PICTURE)
    fine_style = None if [options.fine_style] == NONE else options.fine_style
    fine = [] if fine_style is None else [Wanted("fine_style", fine_style, fine_style)]
    # If it cannot be read, no picture can be made.
    of_fine = [image_io.size_of(x.found, max_pixels=options.max_pixels) for x in fine]
    others = [x.found for x in fine]
    inputs = frozenset(map(identity, [*contents, *styles, *others]))

    tasks: list[Task] = []
    names = distinct_names(pairs, f".{options.output_format}")
    for (content, several), name in zip(pairs, names, strict=True):
        path = str(Path(target) / name)
        paths = [content, *several]
        if not all(x in sizes for x in paths):
            report.impossible()
            continue
        wanted = [Wanted("content", content, content), *(Wanted("style", x, x) for x in several)]
        wanted += fine
        blamed = content
        try:
            check_sizes(config, wanted, [*(sizes[x] for x in paths), *of_fine])
            blamed = path
            work = _work(config, sizes[content])
            task = Task(len(tasks) + 1, content, several, fine_style, path, work)
            if _must_paint(task, inputs, skip_existing=options.skip_existing):
                tasks.append(task)
            else:
                report.skipped()
        except (CommandError, ImageError) as error:
            report.failed(blamed, error)
    console.clear()
    if tasks:
        _make_folder(target)
        check_checkpoints(options)
    return Folder(config, options, tuple(tasks), inputs)


def _inputs(options: Options, console: Console) -> tuple[list[str], list[str]]:
    """The photographs and the paintings."""
    missing = [f"--{name}" for name in ("content", "style") if not getattr(options, name)]
    if missing:
        raise usage_error(
            f"{' and '.join(missing)} must be given: --content 'photos/*' --style 'paintings/*'."
        )
    contents = find_files("content", options.content, console.warning)
    styles = find_files("style", options.style, console.warning)
    # The folder may be that of the photographs, or in it: what was painted is not painted again.
    painted = {
        path
        for path in contents
        if path not in options.content and _is_painted(path, str(options.output_dir))
    }
    if painted:
        console.info(f"Left out {len(painted)} of the photographs: they were painted here.")
    contents = [path for path in contents if path not in painted]
    if not contents:
        raise CommandError(
            "--content: all that was found was painted by an earlier run.", Exit.PICTURE
        )
    return contents, styles


def _is_painted(path: str, target: str) -> bool:
    if Path(path).parent.resolve() != Path(target).resolve():
        return False
    try:
        return image_io.read_metadata(path) is not None
    except ImageError:
        return False


def _pairs(
    config: StyleTransferConfig, contents: Sequence[str], styles: Sequence[str]
) -> list[tuple[str, tuple[str, ...]]]:
    """Each photograph with each painting, or with all that are blended.

    One painting after the other, because what was computed of it is kept only so long.
    """
    shares = len(config.style_blend_weights)
    if not shares:
        return [(content, (style,)) for style in styles for content in contents]
    if shares != len(styles):
        raise usage_error(
            f"--style_blend_weights must have one number for each painting; got {shares} for "
            f"{len(styles)}."
        )
    masks.check_counts(shares, 0, 0, auto_regions=config.auto_regions)
    return [(content, tuple(styles)) for content in contents]


def _sizes(
    paths: Sequence[str], options: Options, report: Report, console: Console
) -> dict[str, tuple[int, int]]:
    """Height and width of the inputs, from their headers; what cannot be read is reported."""
    sizes = {}
    unique = list(dict.fromkeys(paths))
    for index, path in enumerate(unique):
        if index % 100 == 99:
            console.live(f"Looking at the pictures: {index + 1} of {len(unique)} ...")
        try:
            sizes[path] = image_io.size_of(path, max_pixels=options.max_pixels)
        except ImageError as error:
            report.unreadable(path, error)
    return sizes


def _work(config: StyleTransferConfig, size: tuple[int, int]) -> float:
    stages = pyramid.stages(config, pyramid.final_size(config, *size))
    return float(sum(stage.steps * stage.height * stage.width for stage in stages))


def _must_paint(task: Task, inputs: frozenset[object], *, skip_existing: bool) -> bool:
    path = task.path
    if not os.path.lexists(path):
        return True
    if identity(path) in inputs:
        raise OutputError(
            f"{path!r} is an input, which it would overwrite. Choose another --output_dir."
        )
    elsewhere = "Move it, or choose another --output_dir."
    try:
        metadata = image_io.read_metadata(path)
    except ImageError as error:
        raise OutputError(f"{path!r} is there already and is no picture. {elsewhere}") from error
    try:
        recipe = Recipe.from_metadata(metadata or {})
    except RecipeError:
        if skip_existing:
            return False  # Somebody improved it, say, with a program that drops metadata.
        raise OutputError(
            f"{path!r} is there already and holds no recipe. --skip_existing leaves it; or move it."
        ) from None
    sources = [("content", task.content), *(("style", path) for path in task.styles)]
    if task.fine_style is not None:
        sources.append(("fine_style", task.fine_style))
    expected = [(role, _hash_of(path)) for role, path in sources]
    if [(item.role, item.sha256) for item in recipe.inputs] != expected:
        raise OutputError(f"{path!r} is there already, made from other pictures. {elsewhere}")
    return not (skip_existing and _is_finished(metadata))


def _is_finished(metadata: Any) -> bool:
    result = metadata.get("result")
    return not isinstance(result, dict) or result.get("finished") is not False


def _hash_of(path: str) -> str:
    status = Path(path).stat()
    return _hash_of_version(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=100_000)
def _hash_of_version(path: str, size: int, modified: int) -> str:
    return image_io.sha256(path)


def _make_folder(target: str) -> None:
    """Makes the folder if it is missing, and finds out whether pictures can be written there."""
    try:
        Path(target).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"the folder {target!r} cannot be made: {error.strerror}. Choose another --output_dir.",
            Exit.OUTPUT,
        ) from error
    try:
        image_io.check_output(str(Path(target) / ".stylize_tf.png"))
    except OutputError as error:
        why = getattr(error.__cause__, "strerror", None) or error
        raise CommandError(
            f"nothing can be written in {target!r}: {why}. Choose another --output_dir.",
            Exit.OUTPUT,
        ) from error
