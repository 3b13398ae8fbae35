"""absl flags made from dataclasses, and the command line read with them.

A flag that is not given has no value, so that what is given can be laid over a preset or over the
recipe of a picture; help shows the true defaults. The flags live in a `FlagValues` of their own:
TensorFlow, once imported, puts dozens of others into absl's global one.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import re
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

from absl import app, logging
from absl import flags as absl_flags

from stylize_tf.cli.completion import SHELLS
from stylize_tf.cli.flagfiles import expanded
from stylize_tf.config.fields import Field, checked, is_repeated, read, type_of
from stylize_tf.errors import ConfigError

_ABSL = {
    logging: ("verbosity", "logger_levels"),
    app: ("run_with_pdb", "run_with_profiling", "profile_file"),
}
"""Flags of absl itself that work here too, and the modules that define them."""


class HelpRequest(Exception):  # noqa: N818 - not an error
    """--help, --helpfull, --version or --completion was among the flags.

    Attributes:
        topic: the name of that flag.
        shell: for --completion, for which.
    """

    def __init__(self, topic: str, shell: str = "") -> None:
        super().__init__(topic)
        self.topic = topic
        self.shell = shell


@dataclasses.dataclass(frozen=True)
class CommandLine:
    """What was given on the command line and in flagfiles, and nothing else.

    Attributes:
        given: fields of each dataclass that the flags are made from, in their order.
        verbosity: absl's; 1 asks for tracebacks and raw logs.
        from_files: names of the fields that nothing but flagfiles gave.
        rest: what is no flag of ours, where another program takes such.
    """

    given: tuple[dict[str, Any], ...]
    verbosity: int = -1
    from_files: Set[str] = frozenset()
    rest: tuple[str, ...] = ()


def read_command_line(
    argv: Sequence[str], kinds: Sequence[type], *, passes_on: bool = False
) -> CommandLine:
    """What the arguments say.

    Args:
        argv: the program, and its arguments without the name of a command.
        kinds: dataclasses that the flags are made from.
        passes_on: whether what is no flag of ours is kept, and not refused.

    Raises:
        ConfigError: if a flag is unknown, has no value or one that cannot be read.
        HelpRequest: if one of the help flags is there.
    """
    values = absl_flags.FlagValues()
    values.set_gnu_getopt(True)  # Look beyond a stray argument, for --help.
    for kind in kinds:
        for field in dataclasses.fields(kind):
            _define(field, values)
    for name, short in (("help", "h"), ("helpshort", "?"), ("helpfull", None), ("version", None)):
        flag = absl_flags.Flag(
            _HelpParser(name=name), None, name, None, "-", short_name=short, boolean=True
        )
        absl_flags.DEFINE_flag(flag, values)
    flag = absl_flags.Flag(_CompletionParser(), None, "completion", None, "-")
    absl_flags.DEFINE_flag(flag, values)
    for name in itertools.chain(*_ABSL.values()):
        absl_flags.FLAGS[name].unparse()
        values[name] = absl_flags.FLAGS[name]
    arguments, from_files = expanded(argv[1:])
    arguments = _with_values(arguments, kinds)
    try:
        rest = values([argv[0], *arguments], known_only=passes_on)[1:]
    except absl_flags.UnrecognizedFlagError as error:
        raise ConfigError(_unknown(error.flagname, list(values))) from error
    except (absl_flags.Error, ValueError) as error:
        raise ConfigError(_rephrased(str(error))) from error
    absl_flags.FLAGS.mark_as_parsed()
    if rest and not passes_on:
        raise ConfigError(_stray(rest))
    given = tuple(
        {
            field.name: _value(field, values[field.name].value)
            for field in dataclasses.fields(kind)
            if values[field.name].value is not None
        }
        for kind in kinds
    )
    return CommandLine(given, values["verbosity"].value, from_files, tuple(rest))


def _with_values(arguments: Sequence[str], kinds: Sequence[type]) -> list[str]:
    """The arguments with values for the flags that may stand alone, and do."""
    alone = {
        f"--{field.name}": field.metadata["alone"]
        for kind in kinds
        for field in dataclasses.fields(kind)
        if field.metadata["alone"] is not None
    }
    following = [*arguments, "--"][1:]
    return [
        f"{argument}={alone[argument]}" if argument in alone and after.startswith("-") else argument
        for argument, after in zip(arguments, following, strict=True)
    ]


class _HelpParser(absl_flags.ArgumentParser):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def parse(self, argument: Any) -> Any:
        if argument == "true":
            raise HelpRequest(self._name)


class _CompletionParser(absl_flags.ArgumentParser):
    def parse(self, argument: Any) -> Any:
        if argument not in SHELLS:
            raise ValueError(f"must be one of {', '.join(SHELLS)}")
        raise HelpRequest("completion", argument)


def _define(field: Field, values: absl_flags.FlagValues) -> None:
    """A flag whose value stays text: what is wrong with it must not keep --help from being seen."""
    parser, serializer = absl_flags.ArgumentParser(), absl_flags.ArgumentSerializer()
    if is_repeated(field):
        absl_flags.DEFINE_multi(parser, serializer, field.name, None, "", values)
    else:
        is_switch = type_of(field) is bool
        flag = absl_flags.Flag(parser, serializer, field.name, None, "", boolean=is_switch)
        absl_flags.DEFINE_flag(flag, values)


def _value(field: Field, given: str | list[str]) -> Any:
    try:
        return checked(field, read(field, given) if isinstance(given, str) else given)
    except ConfigError as error:
        raise ConfigError(str(error).replace(f"`{field.name}`", f"--{field.name}")) from error


def _unknown(name: str, known: list[str]) -> str:
    plain = name.replace("-", "_")
    # A beginning that fits one flag is what was meant; otherwise what is spelled alike.
    starts = [other for other in known if other.startswith(plain)]
    match = starts if len(starts) == 1 else difflib.get_close_matches(plain, known, 1, 0.5)
    hint = f"Did you mean --{match[0]}?" if match else "--helpfull lists all flags."
    return f"unknown flag --{name}. {hint}"


def _rephrased(message: str) -> str:
    """An error of absl without the shouting."""
    message = message.removeprefix("ERROR:: ").removeprefix("flag ")
    message = re.sub(r": invalid literal for int.*", " must be a whole number", message)
    return message if message.endswith(".") else f"{message}."


def _stray(arguments: list[str]) -> str:
    first = arguments[0]
    if first.lower() in ("true", "false", "yes", "no", "on", "off"):
        hint = f"Write --flag={first.lower()}, or --flag and --noflag."
    elif Path(first).suffix:
        hint = (
            "Pictures are given as --content PHOTO and --style PAINTING, --style once for each; "
            "patterns need quotes: --content 'photos/*.jpg' --output_dir FOLDER."
        )
    else:
        hint = "Every value belongs to a flag: --help shows how."
    return f"unexpected argument {first!r}. {hint}"
