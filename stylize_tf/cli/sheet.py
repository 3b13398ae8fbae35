"""A contact sheet: one picture for each value of one option, or for each pair of two.

It is checked here, before TensorFlow is loaded.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stylize_tf.cli.console import Console
from stylize_tf.cli.exits import CommandError, Exit, usage_error
from stylize_tf.cli.flags import CommandLine, value_of
from stylize_tf.cli.naming import derived_name, free_name, with_suffix
from stylize_tf.cli.options import Options
from stylize_tf.cli.outputs import Output
from stylize_tf.cli.plan import Job, Wanted, check_sizes, configured
from stylize_tf.cli.plan import prepare as prepare_picture
from stylize_tf.config.fields import closest
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import masks, styles
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images import image_io

PREVIEW_SIZE = 256
"""Pixels of the side that `size` means, if nothing is said of it."""

MOST_CELLS = 64

_NOT_HERE = {
    "output_dir": "--sheet makes one picture of many: leave out --output_dir.",
    "checkpoint_dir": "--checkpoint_dir goes with one picture: leave out --sheet.",
    "save_every": "--save_every goes with one picture: leave out --sheet.",
    "timelapse": "--timelapse goes with one picture: leave out --sheet.",
    "regions_overlay": "--regions_overlay goes with one picture: leave out --sheet.",
    "compare": "--compare goes with one picture: leave out --sheet.",
}
"""Options that a sheet has no use for, and what is said to those who ask for them."""


@dataclasses.dataclass(frozen=True)
class Axis:
    """An option and the values that it takes.

    Attributes:
        name: field of `StyleTransferConfig`.
        texts: the values as they were written.
        values: the same, as the flag reads them; the configuration has not checked them.
    """

    name: str
    texts: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What is written beside the cells: `strength=.5`."""
        return tuple(f"{self.name}={text}" for text in self.texts)

    @property
    def changes(self) -> tuple[dict[str, Any], ...]:
        """Of the configuration, for each value."""
        return tuple({self.name: value} for value in self.values)


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A sheet whose every input was read and whose every configuration was checked.

    Attributes:
        job: the picture that all cells have in common.
        texts: the axes as they were written.
        axes: first the columns, then, if there are two, the rows.
        configs: row by row, those of the cells.
    """

    job: Job
    texts: tuple[str, ...]
    axes: tuple[Axis, ...]
    configs: tuple[tuple[StyleTransferConfig, ...], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Labels of the columns."""
        return self.axes[0].labels

    @property
    def rows(self) -> tuple[str, ...]:
        """Labels of the rows; an empty one if one option is varied."""
        return self.axes[1].labels if len(self.axes) > 1 else ("",)

    @property
    def title(self) -> str:
        """The names of the photograph and the paintings, in their order."""
        inputs = [item.path for item in self.job.inputs if item.role in ("content", "style")]
        return " + ".join(Path(path).stem for path in inputs)

    def cell_job(self, row: int, column: int) -> Job:
        """The picture in a cell."""
        config = self.configs[row][column]
        initial = self.job.initial if config.init == "picture" else None
        return dataclasses.replace(self.job, config=config, initial=initial)


def asked_for(options: dict[str, Any]) -> tuple[str, ...]:
    """The axes of the sheet that is wanted, each as `strength=.5,1`; none if no sheet is.

    They are those of --sheet, or of the sheet that --from_picture names.

    Raises:
        CommandError: if the metadata of that are damaged.
    """
    if "sheet" in options or "from_picture" not in options:
        return tuple(options.get("sheet", ()))
    try:
        metadata = image_io.read_metadata(options["from_picture"])
    except ImageError:
        return ()  # Who reads the recipe says so.
    recorded = (metadata or {}).get("sheet", [])
    if not isinstance(recorded, list) or not all(isinstance(text, str) for text in recorded):
        raise _unfollowable(options["from_picture"], "its `sheet` is not a list of options")
    return tuple(recorded)


def prepare(command_line: CommandLine, console: Console) -> Sheet:
    """Reads and checks all that a sheet needs, cheapest first.

    Raises:
        CommandError, ConfigError, ImageError, WeightsError: saying which of it cannot be had.
    """
    given = command_line.options
    for name, message in _NOT_HERE.items():
        if given.get(name):
            raise usage_error(message)
    texts = asked_for(given)
    is_again = "sheet" not in given
    try:
        axes = read_axes(texts)
    except CommandError as error:
        if is_again:
            raise _unfollowable(given["from_picture"], str(error)) from error
        raise
    for axis in axes:
        if axis.name in command_line.config:
            raise usage_error(
                f"--{axis.name} and --sheet {axis.name}=... exclude each other: leave one out."
            )
    if not is_again:
        preview = {"size": PREVIEW_SIZE, **command_line.config}
        command_line = dataclasses.replace(command_line, config=preview)
    if "from_picture" not in given:  # Before anything is read or fetched.
        options = Options(**given)
        _configs(configured(command_line, options, PRESETS[options.preset]), axes)

    job = prepare_picture(command_line, console, for_several=True)
    if any(map(styles.is_folder, job.named)):
        axes = tuple(_of_paintings(axis, job.named) for axis in axes)
        texts = tuple(
            f"{axis.name}={';'.join(axis.texts)}" if axis.name == "style_blend_weights" else text
            for axis, text in zip(axes, texts, strict=True)
        )
    try:
        configs = _configs(job.config, axes)
    except ConfigError as error:
        if is_again:
            raise _unfollowable(given["from_picture"], str(error)) from error
        raise
    for line in configs:
        for config in line:
            _check_cell(config, job)
    if job.output.derived and not is_again:
        job = dataclasses.replace(job, output=_output(job))
    return Sheet(job, texts, axes, configs)


def read_axes(texts: Sequence[str]) -> tuple[Axis, ...]:
    """The options and values that --sheet was given.

    Raises:
        CommandError: if there are more than two, or `MOST_CELLS` cells, or one is not as it should
            be.
    """
    if len(texts) > 2:
        raise usage_error(
            f"--sheet is given once or twice, for columns and rows; got {len(texts)}."
        )
    axes = tuple(map(_read_axis, texts))
    if len({axis.name for axis in axes}) < len(axes):
        raise usage_error(f"--sheet varies {axes[0].name} twice: name two different options.")
    sizes = [len(axis.values) for axis in axes]
    if math.prod(sizes) > MOST_CELLS:
        factors = f" ({' times '.join(map(str, sizes))})" if len(sizes) > 1 else ""
        raise usage_error(
            f"--sheet would have {math.prod(sizes)} cells{factors}; at most {MOST_CELLS} can be "
            f"made. Give fewer values."
        )
    return axes


def _read_axis(text: str) -> Axis:
    name, equals, listed = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise usage_error(
            f"--sheet must be an option and its values, such as strength=.5,1,1.5; got {text!r}."
        )
    fields = {field.name: field for field in dataclasses.fields(StyleTransferConfig)}
    if name not in fields:
        if name in (field.name for field in dataclasses.fields(Options)):
            raise usage_error(
                f"--sheet cannot vary --{name}: only options of how a picture is painted, such as "
                f"strength or style_scale."
            )
        hint = closest(name.lstrip("-").replace("-", "_"), fields).replace("`", "")
        raise usage_error(f"--sheet: there is no option {name!r}.{hint}")
    if not listed.strip():
        raise usage_error(f"--sheet {name}= has no values: write {name}=VALUE,VALUE,...")
    is_list = str(fields[name].type).startswith("tuple")
    if is_list and "," in listed and ";" not in listed:
        raise usage_error(
            f"--sheet {text.strip()} is one value, a list. Put ; between values, and quotes around "
            f"all of them: --sheet '{text.strip()};...'."
        )
    texts = tuple(part.strip() for part in listed.split(";" if is_list else ","))
    return Axis(name, texts, tuple(map(value_of(fields[name]), texts)))


def _configs(
    base: StyleTransferConfig, axes: Sequence[Axis]
) -> tuple[tuple[StyleTransferConfig, ...], ...]:
    """The configurations of the cells, row by row.

    Raises:
        ConfigError: if a value is not allowed.
    """
    rows = axes[1].changes if len(axes) > 1 else ({},)
    return tuple(tuple(base.replace(**column, **row) for column in axes[0].changes) for row in rows)


def _of_paintings(axis: Axis, named: Sequence[str]) -> Axis:
    """The axis with a weight for each painting of a folder, as the recipe tells of paintings."""
    if axis.name != "style_blend_weights":
        return axis
    values = []
    for value in axis.values:
        paintings, weights = styles.expanded(named, value)
        values.append(weights or (1.0,) * len(paintings))
    return Axis(axis.name, tuple(",".join(map(repr, x)) for x in values), tuple(values))


def _check_cell(config: StyleTransferConfig, job: Job) -> None:
    """Raises a usage error if a configuration does not fit the inputs."""
    shares, paintings = len(config.style_blend_weights), len(job.styles)
    if shares not in (0, paintings):
        raise usage_error(
            f"--style_blend_weights must have one number for each --style; got {shares} for "
            f"{paintings}."
        )
    if shares and len(job.content_masks) > 1:
        raise usage_error(
            "--style_blend_weights blends paintings, and with several --content_mask each region "
            "has its own. Leave one of them out."
        )
    masks.check_counts(
        paintings,
        len(job.content_masks),
        len(job.style_masks),
        auto_regions=config.auto_regions,
    )
    if config.init == "picture" and job.initial is None:
        raise usage_error("--init=picture needs the picture: --init_image FILE.")
    wanted = [
        Wanted(item.role, item.path, item.path)
        for item in job.inputs
        if item.role in ("content", "style")
    ]
    sizes = [(image.shape[1], image.shape[2]) for image in (job.content, *job.styles)]
    check_sizes(config, wanted, sizes)


def _output(job: Job) -> Output:
    """`photo_painting_sheet.png`, in place of the name that the picture would have had."""
    content, *paintings = [x.path for x in job.inputs if x.role in ("content", "style")]
    paintings = list(job.named) or paintings
    return Output(free_name(with_suffix(derived_name(content, paintings), "_sheet")), derived=True)


def _unfollowable(picture: str, why: str) -> CommandError:
    return CommandError(f"the recipe in {picture!r} cannot be followed: {why}", Exit.PICTURE)
