"""The options of a clip, beside its configuration and that of its frames: files and machine."""

from __future__ import annotations

import dataclasses

from stylize_tf.config.fields import option, seconds_option
from stylize_tf.config.training import SHIPPED
from stylize_tf.jobs.options.common import (
    MachineOptions,
    file_option,
    folder_option,
    network_style_option,
    written_option,
)
from stylize_tf.jobs.options.painting import color


@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoOptions(MachineOptions):
    """What a clip is made from, and where it goes."""

    content: tuple[str, ...] = file_option(
        (),
        "The clip: any that FFmpeg decodes, an animated GIF or WebP, or pictures that are its "
        "frames: a folder, or a pattern in quotes such as 'frames/*.png'.",
        section="Clip, paintings and the painted clip",
    )
    style: tuple[str, ...] = file_option(
        (), "The painting; several are blended: give the flag once for each."
    )
    network: str | None = file_option(
        None,
        "Paint with a network, of `train` or, by --network alone, the one that comes with the "
        "program. It has styles of its own, in place of `style`.",
        alone=SHIPPED,
    )
    network_style: tuple[str, ...] = network_style_option()
    output: str | None = written_option(
        None,
        "The painted clip: .mp4, .mov, .mkv or .webm, with the sound and the subtitles of the clip "
        "as they are; .gif or .webp; or a folder, which gets frames as PNG.",
    )
    start: float = seconds_option("Second of the clip to begin at; none at its first frame.")
    end: float = seconds_option("Second of the clip to end before; none after its last frame.")
    every: int = option(1, "Paint every Nth frame alone; times stay.", limits=(1, 10_000))
    preview: int = option(
        0,
        "Paint the first so many frames alone, to see how it will look; 0 all.",
        limits=(0, 10**6),
    )
    rate: float = option(25.0, "Frames a second of pictures.", limits=(0.01, 1000.0))
    encoder: str | None = option(
        None,
        "Encoder of the clip, as FFmpeg calls it: libx264, libx265, libvpx-vp9, libsvtav1, ...",
        shown="libx264, of .webm libvpx-vp9",
    )
    background: str | None = option(
        None,
        "What transparent parts of frames are put on: a name or #rrggbb.",
        parse=color,
        shown="white for pictures; transparent clips are refused",
        placeholder="COLOR",
    )
    checkpoint_dir: str | None = folder_option(
        None,
        "Keep finished frames in this folder, so that the same command goes on after it was "
        "killed, to the same clip byte for byte. Many clips may share a folder.",
    )
