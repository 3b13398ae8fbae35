"""The texts of --help and --helpfull, made from the same fields as the flags."""

from __future__ import annotations

import dataclasses
import shutil
import textwrap
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from stylize_tf.cli.exits import MEANINGS, with_flag_names
from stylize_tf.config.fields import Field, is_repeated, is_tuple, type_of
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.jobs.options.common import MACHINE
from stylize_tf.jobs.options.painting import FILES

ENVIRONMENT = {
    "STYLIZE_TF_WEIGHTS": "File of the weights, as --weights.",
    "STYLIZE_TF_OFFLINE": "1 is --offline.",
    "STYLIZE_TF_RATES": "0 keeps no rates of this machine for --dry_run in ~/.cache/stylize_tf.",
    "STYLIZE_TF_RAW_LOG": "1 shows the log of TensorFlow, as -v 1.",
    "KERAS_HOME": "Folder whose `models` keeps the weights, in place of ~/.keras.",
}
"""What the program reads of its environment, beside what its libraries do."""

_PLACEHOLDERS = {int: "N", float: "X", str: "NAME", bool: ""}
_INDENT = 26


def short_help(program: str, command: ModuleType, commands: Mapping[str, ModuleType]) -> str:
    """What --help prints.

    Args:
        program: how it was started, with the name of the command if that was given.
        command: what it is about.
        commands: all of them by their names, if none was given.
    """
    fields = {field.name: field for kind in command.FLAGS for field in dataclasses.fields(kind)}
    names = getattr(command, "MATTERS", fields)
    others = [_two_columns(name, module.SUMMARY) for name, module in commands.items()]
    if others:
        others = ["", f"Commands, {next(iter(commands))} if none is named:", *others]
    return "\n".join(
        [
            *_usage(program, command),
            *(_entry(fields[name]) for name in names),
            *others,
            "",
            "--helpfull lists all flags, the presets and the exit codes.",
        ]
    )


def full_help(program: str, command: ModuleType) -> str:
    """What --helpfull prints; arguments as for `short_help`."""
    sections: dict[str, list[str]] = {FILES: []} if StyleTransferConfig in command.FLAGS else {}
    heading = ""
    for kind in sorted(command.FLAGS, key=lambda kind: kind is not StyleTransferConfig):
        for field in dataclasses.fields(kind):
            heading = field.metadata["section"] or heading
            sections.setdefault(heading, []).append(_entry(field))
    sections[MACHINE] = [  # After all others.
        *sections.pop(MACHINE, []),
        _two_columns("-v, --verbosity N", "1 shows tracebacks and the log of TensorFlow."),
    ]
    if StyleTransferConfig in command.FLAGS:
        sections["Presets, as what they change"] = [
            _two_columns(name, _changes(config)) for name, config in PRESETS.items()
        ]
    sections["Help"] = [
        _two_columns("--flagfile FILE", "Read flags from a file, one a line, # before remarks."),
        _two_columns(
            "--completion SHELL",
            "Print what makes bash or zsh complete flags and values: source <(stylize-tf "
            "--completion bash).",
        ),
        _two_columns("-h, --help", "The flags that matter most."),
        _two_columns("--helpfull", "This text."),
        _two_columns("--version", "The version."),
    ]
    sections["Exit codes"] = [
        _two_columns(str(int(code)), meaning) for code, meaning in MEANINGS.items()
    ]
    sections["Environment"] = [_two_columns(name, use) for name, use in ENVIRONMENT.items()]
    lines = _usage(program, command)
    for heading, entries in sections.items():
        lines += [f"{heading}:", *entries, ""]
    repeated = [
        f"--{field.name}"
        for kind in command.FLAGS
        for field in dataclasses.fields(kind)
        if is_repeated(field)
    ]
    added = f", but each {', '.join(repeated[:-1])} and {repeated[-1]} adds one" if repeated else ""
    text = (
        "Flags are written --flag value or --flag=value, switches --flag and --noflag, lists with "
        f"commas. A flag given twice takes the last value{added}; flags override a preset and the "
        "recipe of --from_picture. The paths of finished files are all that is printed to standard "
        "output. absl's --logger_levels, --run_with_pdb, --run_with_profiling and --profile_file "
        "work too."
    )
    lines += textwrap.wrap(text, _width(), break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def default_text(field: Field) -> str:
    """The default of a field as it would be written on the command line."""
    shown: str | None = field.metadata["shown"]
    return shown or ("" if field.default is None else value_text(field.default))


def _usage(program: str, command: ModuleType) -> list[str]:
    examples = getattr(command, "USAGE", ("[--flag value ...]",))
    starts = ["usage:", *["      "] * (len(examples) - 1)]
    lines = [f"{x} {program} {example}" for x, example in zip(starts, examples, strict=True)]
    return [*lines, "", command.SUMMARY, ""]


def _entry(field: Field) -> str:
    several = ",..." if is_tuple(field) and not is_repeated(field) else ""
    placeholder = field.metadata["placeholder"] or _PLACEHOLDERS[type_of(field)] + several
    name = f"--{field.name} {placeholder}" if placeholder else f"--[no]{field.name}"
    default = default_text(field)
    facts = [_allowed(field), f"default: {default}" if default else ""]
    note = "; ".join(fact for fact in facts if fact)
    described = with_flag_names(field.metadata["help"])
    return _two_columns(name, described + (f" ({note})" if note else ""))


def _allowed(field: Field) -> str:
    choices = field.metadata["choices"]
    if choices:
        return f"{choices[0]}, ..., {choices[-1]}" if len(choices) > 10 else ", ".join(choices)
    low, high = field.metadata["minimum"], field.metadata["maximum"]
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


def _width() -> int:
    return min(shutil.get_terminal_size().columns, 100)
