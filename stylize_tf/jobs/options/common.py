"""Options of every command that works with TensorFlow, and how paths are read."""

from __future__ import annotations

import dataclasses
import functools
import re

from stylize_tf.config.fields import Configuration, option
from stylize_tf.machine.tensorflow_runtime import parse_devices

MACHINE = "The machine"
"""Heading of its options."""

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
file_option = functools.partial(option, placeholder="FILE", parse=_named)
written_option = functools.partial(option, placeholder="FILE", parse=_to_send)
folder_option = functools.partial(option, placeholder="FOLDER", parse=_to_send)
piped_in_option = functools.partial(
    option, placeholder="FILE", parse=functools.partial(local_path, way=_FETCH + _PIPED)
)
piped_out_option = functools.partial(
    option, placeholder="FILE", parse=functools.partial(local_path, way=_SEND + _PIPED)
)

# Of several commands, with one default.
network_style_option = functools.partial(
    option,
    (),
    "Which style of the network: its name, its number from 0, or a mix as one=.7,other=.3.",
    placeholder="STYLE",
    shown="the first",
    needs={"network": ()},
)
quality_option = functools.partial(option, 95, "Quality of JPEG and WebP.", limits=(1, 100))
max_pixels_option = functools.partial(
    option, 50_000_000, "Refuse inputs with more pixels than this.", limits=(1, 2**40)
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProgramOptions(Configuration):
    """Where a run works, and what it tells."""

    device: str = option(
        "auto",
        "Where TensorFlow works: auto leaves it the choice; /CPU:0, /GPU:0, /GPU:1, ...",
        parse=parse_devices,
        section=MACHINE,
        placeholder="DEVICE",
    )
    threads: int = option(
        0,
        "Processor cores that TensorFlow uses; 0 leaves it the choice, all of them.",
        limits=(0, 4096),
    )
    progress: str = option(
        "auto",
        "How standard error tells how far a run is: a live line on a terminal and a line now and "
        "then elsewhere (auto), such lines everywhere (plain), none, or each step and all else as "
        "a line of JSON (json).",
        choices=("auto", "plain", "none", "json"),
    )
    quiet: bool = option(False, "No progress, only warnings and errors.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachineOptions(ProgramOptions):
    """Where and with what a run that takes VGG19 works, and what it tells."""

    weights: str | None = file_option(
        None,
        "Weights of VGG19 (.h5 without top, .npz, .bin or .whl).",
        shown="found in Keras' cache, or fetched",
    )
    offline: bool | None = option(
        None, "Never use the network; STYLIZE_TF_OFFLINE=1 does the same.", shown="false"
    )
