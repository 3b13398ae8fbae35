"""The options of a training, beside its configuration: files and machine."""

from __future__ import annotations

import dataclasses

from stylize_tf.config.fields import option
from stylize_tf.config.training import SHIPPED
from stylize_tf.jobs.options.common import (
    MachineOptions,
    file_option,
    folder_option,
    written_option,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions(MachineOptions):
    """What a training is made from, and where it goes."""

    style: tuple[str, ...] = file_option(
        (),
        "A painting to learn from. Given several times, the network has a style for each, named "
        "like its file.",
        section="Paintings, photographs and the network",
    )
    photos: tuple[str, ...] = file_option(
        (),
        "Photographs to learn on: a folder, or a pattern in quotes such as 'photos/**/*.jpg'; the "
        "flag may be given several times. A few dozen of any kind will do.",
    )
    output: str | None = written_option(
        None,
        "The network, a .keras file. What a training that was killed had come to is beside it, "
        "and the same command goes on from there, to the same network byte for byte.",
    )
    start: str | None = file_option(
        None,
        "A network to begin with, of the same width; by --start alone the one that comes with the "
        "program.",
        alone=SHIPPED,
    )
    compact: bool = option(
        False, "Weights of 16 bits in the file, which is half as large; pictures hardly differ."
    )
    samples: str | None = folder_option(
        None,
        "Also write what the network paints at every tenth of the training, as pictures into this "
        "folder.",
    )
    tensorboard_dir: str | None = folder_option(
        None,
        "Log the losses for TensorBoard, in a folder of its own in this one; needs the extra "
        "tensorboard.",
    )
    checkpoint_seconds: int = option(
        60,
        "Seconds between two savings of where the training stands, at least; 0 saves every step.",
        limits=(0, 86_400),
    )
