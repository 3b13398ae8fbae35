"""The texts of --help and --helpfull, made from the same fields as the flags."""

from __future__ import annotations

import dataclasses
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from stylize_tf.cli.exits import MEANINGS
from stylize_tf.cli.flags import with_flag_names
from stylize_tf.cli.options import FILES, MACHINE, Options
from stylize_tf.config.fields import type_of
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig

FIRST = (
    "content",
    "style",
    "output",
    "output_dir",
    "size",
    "content_weight",
    "style_scale",
    "steps",
    "preset",
    "init",
)
"""The ten flags that matter."""

HEADINGS = {
    "size": "The picture",
    "style_scale": "The style pictures",
    "content_weight": "The objective",
    "coarsest_size": "The stages",
    "optimizer": "The optimizer",
    "precision": MACHINE,
}
"""Heading of the configuration field that starts a section."""

ENVIRONMENT = {
    "STYLIZE_TF_WEIGHTS": "File of the weights, as --weights.",
    "STYLIZE_TF_OFFLINE": "1 is --offline.",
    "STYLIZE_TF_RAW_LOG": "1 shows the log of TensorFlow, as -v 1.",
    "KERAS_HOME": "Folder whose `models` keeps the weights, in place of ~/.keras.",
}
"""What the program reads of its environment, beside what its libraries do."""

_PLACEHOLDERS = {int: "N", float: "X", str: "NAME", bool: ""}
_INDENT = 26


def short_help(argv0: str) -> str:
    """What --help prints."""
    fields = {field.name: field for field in _fields()}
    return "\n".join(
        [
            *_usage(argv0),
            *(_entry(fields[name]) for name in FIRST),
            "",
            "--helpfull lists all flags, the presets and the exit codes.",
        ]
    )


def full_help(argv0: str) -> str:
    """What --helpfull prints."""
    sections: dict[str, list[str]] = {FILES: []}
    heading = ""
    for field in dataclasses.fields(StyleTransferConfig):
        heading = HEADINGS.get(field.name, heading)
        sections.setdefault(heading, []).append(_entry(field))
    for field in dataclasses.fields(Options):
        sections.setdefault(field.metadata["group"], []).append(_entry(field))
    sections[MACHINE] += [
        _two_columns("-v, --verbosity N", "1 shows tracebacks and the log of TensorFlow."),
    ]
    sections["Presets, as what they change"] = [
        _two_columns(name, _changes(config)) for name, config in PRESETS.items()
    ]
    sections["Help"] = [
        _two_columns("--flagfile FILE", "Read flags from a file, one --flag=value a line."),
        _two_columns("-h, --help", "The flags that matter most."),
        _two_columns("--helpfull", "This text."),
        _two_columns("--version", "The version."),
    ]
    sections["Exit codes"] = [
        _two_columns(str(int(code)), meaning) for code, meaning in MEANINGS.items()
    ]
    sections["Environment"] = [_two_columns(name, use) for name, use in ENVIRONMENT.items()]
    lines = _usage(argv0)
    for heading, entries in sections.items():
        lines += [f"{heading}:", *entries, ""]
    lines += _paragraph(
        "Flags are written --flag value or --flag=value, switches --flag and --noflag, lists with "
        "commas. A flag given twice takes the last value, but each --content, --style, "
        "--content_mask, --style_mask and --sheet adds one; flags override a preset and the recipe "
        "of --from_picture. The paths of finished pictures are all that is printed to standard "
        "output. absl's --logger_levels, --run_with_pdb, --run_with_profiling and --profile_file "
        "work too."
    )
    return "\n".join(lines)


def default_text(field: dataclasses.Field[Any]) -> str:
    """The default of a field as it would be written on the command line."""
    shown = field.metadata.get("shown")
    if shown is not None:
        return str(shown)
    return "" if field.default is None else value_text(field.default)


def _fields() -> Iterator[dataclasses.Field[Any]]:
    yield from dataclasses.fields(Options)
    yield from dataclasses.fields(StyleTransferConfig)


def _usage(argv0: str) -> list[str]:
    name = PurePath(argv0).name
    program = {"main.py": "python main.py", "__main__.py": "python -m stylize_tf"}.get(name, name)
    return [
        f"usage: {program} --content PHOTO --style PAINTING [--flag value ...]",
        f"       {program} --content 'photos/*' --style 'paintings/*' --output_dir FOLDER",
        "",
        "Paints a photograph in the manner of a painting.",
        "",
    ]


def _entry(field: dataclasses.Field[Any]) -> str:
    placeholder = field.metadata.get("placeholder")
    if placeholder is None:
        placeholder = _PLACEHOLDERS[type_of(field)]
        if str(field.type).startswith("tuple"):
            placeholder += ",..."
    name = f"--{field.name} {placeholder}" if placeholder else f"--[no]{field.name}"
    default = default_text(field)
    facts = [_allowed(field), f"default: {default}" if default else ""]
    note = "; ".join(fact for fact in facts if fact)
    described = with_flag_names(field.metadata["help"])
    return _two_columns(name, described + (f" ({note})" if note else ""))


def _allowed(field: dataclasses.Field[Any]) -> str:
    choices = tuple(PRESETS) if field.name == "preset" else field.metadata.get("choices")
    if choices:
        return f"{choices[0]}, ..., {choices[-1]}" if len(choices) > 10 else ", ".join(choices)
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    if low is None:
        return ""
    # An upper limit that no one comes near is not worth its place.
    return f"at least {low:g}" if high is None or high >= 1e5 else f"{low:g} to {high:g}"


def _changes(config: StyleTransferConfig) -> str:
    """The flags that give `config`."""
    changes = [
        f"--{field.name}={value_text(getattr(config, field.name))}"
        for field in dataclasses.fields(config)
        if getattr(config, field.name) != field.default
    ]
    return " ".join(changes) or "the defaults"


def value_text(value: Any) -> str:
    """A value as it would be written on the command line."""
    return ",".join(_number(x) for x in value) if isinstance(value, tuple) else _number(value)


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _two_columns(name: str, description: str) -> str:
    width = max(_width() - _INDENT, 30)
    lines = textwrap.wrap(description, width, break_long_words=False, break_on_hyphens=False)
    first = f"  {name}"
    if len(first) >= _INDENT:
        rows = [first, *(" " * _INDENT + line for line in lines)]
    else:
        rows = [first.ljust(_INDENT) + lines[0], *(" " * _INDENT + line for line in lines[1:])]
    return "\n".join(rows)


def _paragraph(content: str) -> list[str]:
    return textwrap.wrap(content, _width(), break_long_words=False, break_on_hyphens=False)


def _width() -> int:
    return min(shutil.get_terminal_size().columns, 100)
