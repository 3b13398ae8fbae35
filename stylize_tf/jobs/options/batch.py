"""The options of many pictures by Apache Beam, beside their configuration: files and runner."""

from __future__ import annotations

import dataclasses

from stylize_tf.config.fields import option
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.training import SHIPPED
from stylize_tf.jobs.options.common import (
    MachineOptions,
    file_option,
    max_pixels_option,
    network_style_option,
    quality_option,
)
from stylize_tf.jobs.options.painting import PNG, background_option, picture_format


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchOptions(MachineOptions):
    """What a batch is made from, where it goes, and what runs it."""

    content: tuple[str, ...] = option(
        (),
        "The photographs: a file, a folder or a pattern in quotes, such as 'photos/*' or "
        "'gs://BUCKET/photos/*.jpg', on any file system that Beam knows; the flag may be given "
        "several times.",
        placeholder="FILE",
        section="Photographs, paintings and the painted pictures",
    )
    style: tuple[str, ...] = option(
        (),
        "The paintings, likewise: each photograph is painted in the manner of each painting, or "
        "with `style_blend_weights` in that of their blend.",
        placeholder="FILE",
    )
    network: str | None = file_option(
        None,
        "Paint with a network, of `train` or, by --network alone, the one that comes with the "
        "program. It has styles of its own, in place of `style`. Workers find it at this path.",
        alone=SHIPPED,
    )
    network_style: tuple[str, ...] = network_style_option()
    output: str | None = option(
        None,
        "Folder of the pictures, on any such file system. They are named as those of `output_dir`. "
        "One that is there already and was made from the same inputs is replaced; no other file "
        "is.",
        placeholder="FOLDER",
    )
    output_format: str | None = option(
        None,
        "Format of the pictures.",
        parse=picture_format,
        placeholder="png|jpg|webp|tif",
        shown=PNG,
    )
    skip_existing: bool = option(
        False,
        "Leave out the pictures that are there and finished, whatever flags they were made with.",
    )
    dead_letter: str | None = option(
        None,
        "File that gets a line of JSON for each picture that could not be made, with the reason.",
        placeholder="FILE",
        shown="failed.jsonl in `output`",
    )
    runner: str = option(
        "DirectRunner",
        "What runs it, as Beam names it: DirectRunner is this machine, with --direct_num_workers=2 "
        "--direct_running_mode=multi_processing in so many processes; DataflowRunner, FlinkRunner, "
        "SparkRunner, ... Flags that are not listed here are Beam's; what follows -- is given to "
        "it unread.",
        placeholder="NAME",
        section="What runs it",
    )
    preset: str = option(
        "default", "Named set of options, which other flags override.", choices=PRESETS
    )
    quality: int = quality_option()
    background: str = background_option()
    keep_alpha: bool = option(
        False, "Keep the photograph's transparency in the picture: png, webp and tif."
    )
    max_pixels: int = max_pixels_option()
