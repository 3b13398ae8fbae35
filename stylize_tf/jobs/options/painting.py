"""The options of a run that paints, beside its configuration: files and machine.

A dataclass of the same kind as `StyleTransferConfig`: flags and help are made from both alike.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Set
from typing import Any

from stylize_tf.config.fields import option
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.training import SHIPPED
from stylize_tf.jobs.options.common import (
    MACHINE,
    MachineOptions,
    file_option,
    folder_option,
    max_pixels_option,
    piped_in_option,
    piped_out_option,
    quality_option,
    written_option,
)
from stylize_tf.machine.tensorflow_runtime import parse_devices

FILES = "Pictures in and out"
"""Heading of these options."""

MODES = {"picture": "one picture", "folder": "many pictures", "sheet": "a sheet"}
"""What a run makes, and what messages call it."""

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


background_option = functools.partial(
    option,
    "#ffffff",
    "What transparent parts of the inputs are put on: a name or #rrggbb.",
    parse=color,
    shown="white",
    placeholder="COLOR",
)


def picture_format(value: str) -> str:
    """The name of a format that pictures are written in, as an extension without its dot."""
    from stylize_tf.images.files import OUTPUT_FORMATS

    name = value.strip().lower().removeprefix(".")
    if f".{name}" not in OUTPUT_FORMATS:
        known = ", ".join(extension[1:] for extension in OUTPUT_FORMATS)
        raise ValueError(f"must be one of {known}")
    return name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(MachineOptions):
    """What a run is asked for, beside how the picture is stylized."""

    device: str = option(
        "auto",
        "Where TensorFlow works: auto leaves it the choice; /CPU:0, /GPU:0, /GPU:1, ... With "
        "`output_dir` several, such as /GPU:0,/GPU:1, work on a picture each; auto takes all GPUs.",
        parse=parse_devices,
        section=MACHINE,
        placeholder="DEVICE",
    )
    content: tuple[str, ...] = piped_in_option(
        (),
        "The photograph; with `output_dir` also a folder or a pattern in quotes, such as "
        "'photos/*.jpg' or 'photos/**/*.jpg', and the flag may be given several times. - reads it "
        "from standard input, as it does for one `style`.",
        section=FILES,
    )
    style: tuple[str, ...] = piped_in_option(
        (),
        "The painting; several are blended: give the flag once for each. A folder is one style, "
        "the mean of its paintings. With `output_dir` also patterns, and each photograph is "
        "painted in the manner of each painting, also of those in a folder, unless "
        "`style_blend_weights` blends them.",
    )
    fine_style: str | None = file_option(
        None,
        "A painting that lends its fine strokes: `style` then gives the forms and the colors. "
        "none drops that of `from_picture`.",
    )
    network: str | None = file_option(
        None,
        "Paint at once with a network, of `train` or, by --network alone, the one that comes with "
        "the program. It has styles of its own, in place of `style`.",
        alone=SHIPPED,
    )
    network_style: tuple[str, ...] = option(
        (),
        "Which style of the network: its name, its number from 0, or a mix as one=.7,other=.3; of "
        "several `content_mask` one for each, or one for all.",
        placeholder="STYLE",
        shown="the first",
        needs={"network": ()},
    )
    content_mask: tuple[str, ...] = file_option(
        (),
        "Where the photograph is painted: white there, black or transparent where it stays as it "
        "is, of the photograph's shape at any size. alpha takes how opaque the photograph is. "
        "Given once for each region, with a `style` for each in the same order, or one for all. "
        "With `output_dir` a mask is of all photographs, or it is a folder of masks that have "
        "their names. none drops those of `from_picture`.",
    )
    style_mask: tuple[str, ...] = file_option(
        (),
        "Which part of the painting counts, in the same way: one for each `style`, or of a single "
        "painting one for each `content_mask`; with `output_dir` one or a folder for all.",
    )
    strength_mask: str | None = file_option(
        None,
        "How strongly each place of the photograph is painted: white as `strength` says, grey "
        "less, black not at all, of its shape at any size. With `output_dir` one for all "
        "photographs, or a folder of masks that have their names. none drops that of "
        "`from_picture`.",
    )
    regions_overlay: str | None = written_option(
        None,
        "A picture of the regions, those of `regions` or of the masks: photograph and paintings "
        "side by side with a color over each. It is written before the first step.",
        modes=("picture",),
    )
    output: str | None = piped_out_option(
        None,
        "Where the picture goes; the extension decides the format: png, jpg, webp or tif. A folder "
        "gets it under a free name from both; - is standard output, in `output_format`, and no "
        "path is printed then.",
        shown="a free name from both, such as photo_painting.png",
        modes=("picture", "sheet"),
    )
    output_dir: str | None = folder_option(
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
    init_image: str | None = file_option(
        None,
        "Picture to start from; goes with --init=picture, and implies it.",
        modes=("picture", "sheet"),
    )
    from_picture: str | None = file_option(
        None,
        "Run again what made this picture, from its metadata. Other flags override; `content`, "
        "`style`, `fine_style`, `init_image` and masks say where the inputs are now.",
        modes=("picture", "sheet"),
    )
    compare: str | None = written_option(
        None,
        "Also write photograph, paintings and picture side by side; the extension decides the "
        "format, as that of `output`.",
        modes=("picture",),
    )
    timelapse: str | None = written_option(
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
    checkpoint_dir: str | None = folder_option(
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
    tensorboard_dir: str | None = folder_option(
        None,
        "Log losses and pictures of the run for TensorBoard, in a folder of its own in this one; "
        "needs the extra tensorboard.",
        modes=("picture", "folder"),
    )
    quality: int = quality_option()
    background: str = background_option()
    keep_alpha: bool = option(
        False,
        "Keep the photograph's transparency in the picture: png, webp and tif. What is painted "
        "there is that of `background`.",
        modes=("picture", "folder"),
    )
    max_pixels: int = max_pixels_option()
    show: bool = option(False, "Open the picture when it is done.", modes=("picture", "sheet"))
