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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import app, logging
from absl import flags as absl_flags

from stylize_tf.config.fields import is_tuple
from stylize_tf.errors import ConfigError
from stylize_tf.jobs.options import boolean, value_of

_ABSL = {
    logging: ("verbosity", "logger_levels"),
    app: ("run_with_pdb", "run_with_profiling", "profile_file"),
}
"""Flags of absl itself that work here too, and the modules that define them."""


class HelpRequest(Exception):  # noqa: N818 - not an error
    """--help, --helpfull or --version was among the flags.

    Attributes:
        topic: the name of that flag.
    """

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.topic = topic


@dataclasses.dataclass(frozen=True)
class CommandLine:
    """What was given on the command line and in flagfiles, and nothing else.

    Attributes:
        given: fields of each dataclass that the flags are made from, in their order.
        verbosity: absl's; 1 asks for tracebacks and raw logs.
    """

    given: tuple[dict[str, Any], ...]
    verbosity: int = -1


def define_flags(config_class: type, values: absl_flags.FlagValues) -> None:
    """Defines one flag for each field of a dataclass.

    Fields whose type is a tuple are comma-separated lists, unless the metadata has its own `parse`:
    then the flag may be given several times.
    """
    for field in dataclasses.fields(config_class):
        parse = field.metadata.get("parse")
        if parse is None:
            _define(field, value_of(field), values)
        elif is_tuple(field):
            parser = _Parser(field.name, parse)
            absl_flags.DEFINE_multi(
                parser, absl_flags.ArgumentSerializer(), field.name, None, "", values
            )
        else:
            _define(field, parse, values)


def read_command_line(argv: Sequence[str], kinds: Sequence[type]) -> CommandLine:
    """What the arguments say.

    Args:
        argv: the program, and its arguments without the name of a command.
        kinds: dataclasses that the flags are made from.

    Raises:
        ConfigError: if a flag is unknown, has no value or one that cannot be read.
        HelpRequest: if one of the help flags is there.
    """
    values = absl_flags.FlagValues()
    values.set_gnu_getopt(True)  # Look beyond a stray argument, for --help.
    for kind in kinds:
        define_flags(kind, values)
    for name, short in (("help", "h"), ("helpshort", "?"), ("helpfull", None), ("version", None)):
        flag = absl_flags.Flag(
            _HelpParser(name=name), None, name, None, "-", short_name=short, boolean=True
        )
        absl_flags.DEFINE_flag(flag, values)
    for name in itertools.chain(*_ABSL.values()):
        absl_flags.FLAGS[name].unparse()
        values[name] = absl_flags.FLAGS[name]
    try:
        stray = values(list(argv))[1:]
    except absl_flags.UnrecognizedFlagError as error:
        raise ConfigError(_unknown(error.flagname, list(values))) from error
    except _RefusedError as error:
        raise ConfigError(str(error)) from error
    except (absl_flags.Error, ValueError, OSError) as error:
        raise ConfigError(_rephrased(str(error))) from error
    absl_flags.FLAGS.mark_as_parsed()
    if stray:
        raise ConfigError(_stray(stray))
    given = tuple(_given(kind, values) for kind in kinds)
    return CommandLine(given, verbosity=values["verbosity"].value)


class _RefusedError(Exception):
    """A value that cannot be read, in words that absl leaves alone: it rephrases any ValueError."""


class _Parser(absl_flags.ArgumentParser):
    """Reads the value of one flag with a function that raises `ValueError("must be ...", hint)`."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        super().__init__()
        self._name = name
        self._parse = parse

    def parse(self, argument: Any) -> Any:
        if not isinstance(argument, str):
            return argument
        try:
            return self._parse(argument)
        except ValueError as error:
            rule, hint = [*error.args, ""][:2]
            raise _RefusedError(f"--{self._name} {rule}; got {argument!r}.{hint}") from error


class _HelpParser(absl_flags.ArgumentParser):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def parse(self, argument: Any) -> Any:
        if boolean(argument):
            raise HelpRequest(self._name)
        return None


def _define(
    field: dataclasses.Field[Any], parse: Callable[[str], Any], values: absl_flags.FlagValues
) -> None:
    flag = absl_flags.Flag(
        parser=_Parser(field.name, parse),
        serializer=absl_flags.ArgumentSerializer(),
        name=field.name,
        default=None,
        help_string=field.metadata["help"],
        boolean=str(field.type).startswith("bool"),
    )
    absl_flags.DEFINE_flag(flag, values)


def _given(kind: type, values: absl_flags.FlagValues) -> dict[str, Any]:
    given = {field.name: values[field.name].value for field in dataclasses.fields(kind)}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
        if value is not None
    }


def _unknown(name: str, known: list[str]) -> str:
    plain = name.replace("-", "_")
    if " " in plain.strip():
        flag, _, value = name.partition(" ")
        return f"unknown flag --{name}. A line of a flagfile is written --{flag}={value.strip()}."
    # A beginning that fits one flag is what was meant; otherwise what is spelled alike.
    starts = [other for other in known if other.startswith(plain)]
    match = starts if len(starts) == 1 else difflib.get_close_matches(plain, known, 1, 0.5)
    hint = f"Did you mean --{match[0]}?" if match else "--helpfull lists all flags."
    return f"unknown flag --{name}. {hint}"


def _rephrased(message: str) -> str:
    """An error of absl without the shouting."""
    message = message.removeprefix("ERROR:: ").removeprefix("flag ")
    match = re.match(r"Unable to open flagfile: \[Errno \d+\] (.*)", message, re.DOTALL)
    if match is not None:
        return f"cannot read the flagfile: {match[1]}."
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
