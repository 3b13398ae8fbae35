"""The options of a run beside its configuration: files and machine.

A dataclass of the same kind as `StyleTransferConfig`: flags and help are made from both alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stylize_tf.config.fields import closest, is_tuple, type_of
from stylize_tf.config.presets import PRESETS
from stylize_tf.errors import ConfigError
from stylize_tf.machine.tensorflow_runtime import parse_devices

FILES, MACHINE = "Pictures in and out", "The machine"

MODES = {"picture": "one picture", "folder": "many pictures", "sheet": "a sheet"}
"""What a run makes, and what messages call it."""


@dataclasses.dataclass(frozen=True)
class Given:
    """What was asked for, and nothing else: the rest is a recipe's, a preset's or a default.

    Attributes:
        options: fields of `Options`.
        config: fields of `StyleTransferConfig`, not checked yet.
    """

    options: Mapping[str, Any]
    config: Mapping[str, Any]


def text(value: str) -> str:
    """Text that is not empty and can be part of a file name."""
    if not value or "\0" in value:
        raise ValueError("must not be empty")
    return value


def boolean(value: str) -> bool:
    """True or false, as people write them."""
    word = value.strip().lower()
    if word not in ("true", "t", "yes", "on", "1", "false", "f", "no", "off", "0"):
        raise ValueError("must be true or false")
    return word in ("true", "t", "yes", "on", "1")


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """A parser of whole numbers in a range."""

    def parse(value: str) -> int:
        try:
            number = int(value)
            if not minimum <= number <= maximum:
                raise ValueError
        except ValueError:
            message = f"must be a whole number between {minimum} and {maximum}"
            raise ValueError(message) from None
        return number

    return parse


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


def one_of(choices: Iterable[str]) -> Callable[[str], str]:
    """A parser of one of some names."""

    def parse(value: str) -> str:
        if value not in choices:
            hint = closest(value, choices).replace("`", "")
            raise ValueError(f"must be one of {', '.join(choices)}", hint)
        return value

    return parse


def option(
    default: Any,
    placeholder: str,
    help: str,
    parse: Callable[[str], Any] | None = None,
    *,
    shown: str | None = None,
    choices: Iterable[str] | None = None,
    modes: Iterable[str] = tuple(MODES),
    section: str | None = None,
) -> Any:
    """A field that becomes a flag.

    Args:
        default: if it is not given.
        placeholder: what stands for its value in the help; empty for a switch.
        help: what it is for; names of other fields in backticks.
        parse: from the text of a value, raises `ValueError("must be ...", hint)`.
        shown: what the help tells as its default.
        choices: names that it may have, in place of `parse`.
        modes: which of `MODES` it goes with.
        section: heading of the options that start with this one.
    """
    metadata = {
        "placeholder": placeholder,
        "help": help,
        "parse": one_of(choices) if parse is None and choices is not None else parse,
        "shown": shown,
        "choices": choices,
        "modes": tuple(modes),
        "section": section,
    }
    return dataclasses.field(default=default, metadata=metadata)


def value_of(field: dataclasses.Field[Any]) -> Callable[[str], Any]:
    """A function from text to the value of a configuration field.

    What cannot be converted stays text: the configuration refuses it in its own words.
    """
    kind = type_of(field)

    def one(text: str) -> Any:
        try:
            return boolean(text) if kind is bool else kind(text)
        except ValueError:
            return text

    def several(text: str) -> tuple[Any, ...]:
        return tuple(one(item.strip()) for item in text.split(",")) if text.strip() else ()

    return several if is_tuple(field) else lambda text: one(text.strip())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What a run is asked for, beside how the picture is stylized."""

    content: tuple[str, ...] = option(
        (),
        "FILE",
        "The photograph; with `output_dir` also a folder or a pattern in quotes, such as "
        "'photos/*.jpg' or 'photos/**/*.jpg', and the flag may be given several times.",
        text,
        section=FILES,
    )
    style: tuple[str, ...] = option(
        (),
        "FILE",
        "The painting; several are blended: give the flag once for each. A folder is one style, "
        "the mean of its paintings. With `output_dir` also patterns, and each photograph is "
        "painted in the manner of each painting, also of those in a folder, unless "
        "`style_blend_weights` blends them.",
        text,
    )
    fine_style: str | None = option(
        None,
        "FILE",
        "A painting that lends its fine strokes: `style` then gives the forms and the colors. "
        "none drops that of `from_picture`.",
        text,
    )
    content_mask: tuple[str, ...] = option(
        (),
        "FILE",
        "Where the photograph is painted: white there, black or transparent where it stays as it "
        "is, of the photograph's shape at any size. alpha takes how opaque the photograph is. "
        "Given once for each region, with a `style` for each in the same order, or one for all. "
        "none drops those of `from_picture`.",
        text,
        modes=("picture", "sheet"),
    )
    style_mask: tuple[str, ...] = option(
        (),
        "FILE",
        "Which part of the painting counts, in the same way: one for each `style`, or of a single "
        "painting one for each `content_mask`.",
        text,
        modes=("picture", "sheet"),
    )
    regions_overlay: str | None = option(
        None,
        "FILE",
        "A picture of the regions, those of `regions` or of the masks: photograph and paintings "
        "side by side with a color over each. It is written before the first step.",
        text,
        modes=("picture",),
    )
    output: str | None = option(
        None,
        "FILE",
        "Where the picture goes; the extension decides the format: png, jpg, webp or tif.",
        text,
        shown="a free name from both, such as photo_painting.png",
        modes=("picture", "sheet"),
    )
    output_dir: str | None = option(
        None,
        "FOLDER",
        "Paint many pictures in one run, named photo_painting.png and so on, into this folder. One "
        "that is there already and was made from the same inputs is replaced; no other file is.",
        text,
        modes=("folder",),
    )
    output_format: str = option(
        "png",
        "NAME",
        "With `output_dir`: format of the pictures, png, jpg, webp or tif.",
        picture_format,
        modes=("folder",),
    )
    skip_existing: bool = option(
        False,
        "",
        "With `output_dir`: leave out the pictures that are there and finished, whatever flags "
        "they were made with.",
        boolean,
        modes=("folder",),
    )
    preset: str = option(
        "default", "NAME", "Named set of options, which other flags override.", choices=PRESETS
    )
    init_image: str | None = option(
        None,
        "FILE",
        "Picture to start from; goes with --init=picture, and implies it.",
        text,
        modes=("picture", "sheet"),
    )
    from_picture: str | None = option(
        None,
        "FILE",
        "Run again what made this picture, from its metadata. Other flags override; `content`, "
        "`style`, `fine_style`, `init_image` and masks say where the inputs are now.",
        text,
        modes=("picture", "sheet"),
    )
    compare: str | None = option(
        None,
        "FILE",
        "Also write photograph, paintings and picture side by side; the extension decides the "
        "format, as that of `output`.",
        text,
        modes=("picture",),
    )
    timelapse: str | None = option(
        None,
        "FILE",
        "Also write how the picture came about, as an animation of at most 120 frames and 512 "
        "pixels: webp or gif, by the extension. Each step is a frame, or every Nth with "
        "`save_every`=N.",
        text,
        modes=("picture",),
    )
    sheet: tuple[str, ...] = option(
        (),
        "NAME=V,V,...",
        "Paint a contact sheet: a picture for each value of an option, of 256 pixels unless `size` "
        "says otherwise. Given twice, the first option makes the columns and the second the rows: "
        "`sheet` strength=.5,1,1.5 `sheet` color=style,content. Values that are lists are "
        "separated by ; in quotes: with two `style`, `sheet` "
        "'style_blend_weights=1,0;3,1;1,1;1,3;0,1' walks from one to the other.",
        text,
    )
    save_every: int = option(
        0,
        "N",
        "Also write every Nth step, as photo_painting-0100.png and so on, at the final size; "
        "0 does not. With `timelapse` these are its frames, and no pictures of their own.",
        whole_number(0, 10_000_000),
        modes=("picture",),
    )
    checkpoint_dir: str | None = option(
        None,
        "FOLDER",
        "Keep the state of the run in this folder, so that the same command goes on after it was "
        "killed, to the same picture byte for byte. Many runs may share a folder.",
        text,
        modes=("picture", "folder"),
    )
    checkpoint_seconds: int = option(
        15,
        "N",
        "With `checkpoint_dir`: seconds between two savings, at least. Saving never takes more "
        "than a twentieth of the time.",
        whole_number(0, 86_400),
    )
    quality: int = option(95, "N", "Quality of JPEG and WebP, 1 to 100.", whole_number(1, 100))
    background: str = option(
        "#ffffff",
        "COLOR",
        "What transparent parts of the inputs are put on: a name or #rrggbb.",
        color,
        shown="white",
    )
    max_pixels: int = option(
        50_000_000,
        "N",
        "Refuse inputs with more pixels than this.",
        whole_number(1, 2**40),
    )
    show: bool = option(
        False, "", "Open the picture when it is done.", boolean, modes=("picture", "sheet")
    )
    device: str = option(
        "auto",
        "DEVICE",
        "Where TensorFlow works: auto leaves it the choice; /CPU:0, /GPU:0, /GPU:1, ... With "
        "`output_dir` several, such as /GPU:0,/GPU:1, work on a picture each; auto takes all GPUs.",
        parse_devices,
        section=MACHINE,
    )
    threads: int = option(
        0,
        "N",
        "Processor cores that TensorFlow uses; 0 leaves it the choice, all of them.",
        whole_number(0, 4096),
    )
    weights: str | None = option(
        None,
        "FILE",
        "Weights of VGG19 (.h5 without top, .npz, .bin or .whl).",
        text,
        shown="found in Keras' cache, or fetched",
    )
    offline: bool | None = option(
        None,
        "",
        "Never use the network; STYLIZE_TF_OFFLINE=1 does the same.",
        boolean,
        shown="false",
    )
    quiet: bool = option(False, "", "No progress, only warnings and errors.", boolean)


def check_modes(given: Mapping[str, Any], mode: str) -> None:
    """Raises a `ConfigError` if an option was given that does not go with what is made.

    Args:
        given: fields of `Options`.
        mode: one of `MODES`.
    """
    for field in dataclasses.fields(Options):
        modes = field.metadata["modes"]
        if not given.get(field.name) or mode in modes:
            continue
        if mode == "picture":
            way = "add `output_dir` FOLDER"
        elif mode == "folder":
            way = "leave out `output_dir`"
        else:
            way = f"leave out `{'sheet' if 'sheet' in given else 'from_picture'}`"
        raise ConfigError(f"`{field.name}` goes with {MODES[modes[0]]}: {way}.")
