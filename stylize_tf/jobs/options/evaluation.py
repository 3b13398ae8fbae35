"""The options of an evaluation, beside the configuration of what is painted for it."""

from __future__ import annotations

import dataclasses

from stylize_tf.config.fields import option
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.training import SHIPPED
from stylize_tf.jobs.options.common import (
    MachineOptions,
    file_option,
    folder_option,
    max_pixels_option,
    network_style_option,
    written_option,
)
from stylize_tf.jobs.options.painting import background_option


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationOptions(MachineOptions):
    """What is judged, and where the figures go."""

    content: tuple[str, ...] = file_option(
        (),
        "The photographs: files, patterns in quotes, or folders, which are looked through to the "
        "bottom, as COCO's val2017 or the one around it; the flag may be given several times.",
        section="What is judged",
    )
    style: tuple[str, ...] = file_option(
        (),
        "The paintings, likewise, as WikiArt's folders of styles. Each photograph goes with each "
        "painting.",
    )
    pairs: str | None = file_option(
        None,
        "In place of both a CSV file of pairs, a photograph and a painting on each line: "
        "content,style. Paths are as they are, or from its folder.",
    )
    limit: int = option(
        0,
        "Judge only so many pairs, drawn by `seed`: the same ones of the same files. 0 is all.",
        limits=(0, 10**6),
    )
    painted: str | None = file_option(
        None,
        "Folder of pictures that are there already, under the names that `output_dir` or a batch "
        "gives for all of `content` and `style`.",
        placeholder="FOLDER",
        shown="they are painted",
    )
    network: str | None = file_option(
        None,
        "Paint with a network, of `train` or, by --network alone, the one that comes with the "
        "program; with `painted`, what it was painted with. `style` is then what it is compared "
        "with.",
        alone=SHIPPED,
    )
    network_style: tuple[str, ...] = network_style_option()
    output_dir: str | None = folder_option(
        None,
        "Keep what is painted in this folder, where the same command finds it again.",
        shown="it is not kept",
    )
    json: str | None = written_option(
        None, "Also write the figures of each picture, means and failures as JSON.", section="Out"
    )
    sheet: str | None = written_option(
        None,
        "Also write a sheet of photograph, painting and picture of eight pairs, from the one whose "
        "`gram` is best to the worst.",
    )
    preset: str = option(
        "default", "Named set of options, which other flags override.", choices=PRESETS
    )
    background: str = background_option()
    max_pixels: int = max_pixels_option()
