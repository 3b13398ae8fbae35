"""The options of an export."""

from __future__ import annotations

import dataclasses
import re

from stylize_tf.config.exports import FORMATS, NUMBERS
from stylize_tf.config.fields import option
from stylize_tf.config.training import SHIPPED
from stylize_tf.jobs.options.common import MachineOptions, file_option, written_option


def sides(value: str) -> str:
    """`512x384` of a width and a height."""
    found = re.fullmatch(r"\s*(\d{1,5})\s*[xX*]\s*(\d{1,5})\s*", value)
    if found is None or not all(9 <= int(side) <= 16384 for side in found.groups()):
        raise ValueError("must be width and height in pixels, such as 512x384, each 9 or more")
    return f"{int(found[1])}x{int(found[2])}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportOptions(MachineOptions):
    """What is exported, as what and where to."""

    network: str | None = file_option(
        None,
        "The network, a .keras file by `train`; by --network alone the one of the program.",
        section="The export",
        alone=SHIPPED,
    )
    iterative: bool = option(
        False,
        "In place of a network export the optimizer itself, with VGG19: a saved_model that paints "
        "photographs of `fixed_size`, which it wants, in the manner of any painting, step by step.",
    )
    format: str | None = option(
        None,
        "For which run time: litert on phones, onnx in other frameworks, browsers and servers, "
        "saved_model in TensorFlow Serving and programs without stylize_tf, triton on that server.",
        choices=FORMATS,
    )
    output: str | None = written_option(
        None,
        "Where it goes: a .tflite or .onnx file, which is replaced, or a folder, which must not be "
        "there.",
    )
    network_style: str | None = option(
        None,
        "The style that is built in: its name, its number from 0, or a mix as one=.7,other=.3.",
        shown="an input `blend` says how much of each, unless there is but one",
        placeholder="STYLE",
    )
    fixed_size: str | None = option(
        None,
        "Width and height of pictures, for run times that want them known.",
        parse=sides,
        placeholder="WxH",
        shown="any",
    )
    quantize: str = option(
        "none",
        "Smaller numbers: float16, dynamic (weights of 8 bits), int8 (all of 8 bits), int16x8 "
        "(weights of 8 bits, maps of 16). onnx knows none and int8, saved_model none.",
        choices=NUMBERS,
    )
    photos: tuple[str, ...] = file_option(
        (),
        "Photographs, a folder or a pattern in quotes, by which int8 and int16x8 fit ranges, best "
        "a hundred; some of them are what the export is compared with the network on.",
        shown="for other numbers, a made-up picture",
    )
