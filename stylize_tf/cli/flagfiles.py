"""Files of flags, put where a command line names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path

from stylize_tf.errors import ConfigError

_NAMING = re.compile(r"--?flagfile(?:=(.*))?", re.DOTALL)


def expanded(arguments: Sequence[str]) -> tuple[list[str], Set[str]]:
    """The arguments with those of files in place of each `--flagfile FILE`.

    As absl does it, which is less than a command line takes: a file has a flag a line, `--size=96`
    or `--size 96`, and nothing that begins with # or // counts. Files may name files. Quotes around
    a value, as a shell wants them, are taken off.

    Returns:
        Them, and the names of the flags that nothing but files gives.

    Raises:
        ConfigError: if a file cannot be read, or names itself.
    """
    every: list[str] = []
    of_files: list[str] = []
    own: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        naming = _NAMING.fullmatch(argument)
        if naming is None:
            every.append(argument)
            own.append(argument)
            if argument == "--":
                break
            continue
        name = naming[1] if naming[1] is not None else next(waiting, None)
        if name is None:
            raise ConfigError("--flagfile names no file.")
        read = list(_read(name, ()))
        every += read
        of_files += read
    return [*every, *waiting], _flags(of_files) - _flags(own)


def _read(name: str, outer: tuple[str, ...]) -> Iterator[str]:
    if name in outer:
        raise ConfigError(f"the flagfile {name!r} names itself. Take that line out.")
    try:
        text = Path(name).expanduser().read_text("utf-8-sig", "surrogateescape")
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot read the flagfile: {why}: {name!r}.") from error
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith(("#", "//")):
            continue
        parts = _parts(line)
        naming = _NAMING.fullmatch("=".join(parts))
        if naming is None:
            yield from parts
        else:
            yield from _read(naming[1] or "", (*outer, name))


def _parts(line: str) -> list[str]:
    """A flag and its value, or both in one."""
    match = re.fullmatch(r"(--?[\w-]+)(\s+=\s+|=|\s+)(.*)", line)
    if match is None:
        return [line]
    flag, gap, value = match.groups()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return [f"{flag}={value}"] if "=" in gap else [flag, value]


def _flags(arguments: Iterable[str]) -> Set[str]:
    names = {x.lstrip("-").partition("=")[0] for x in arguments if x.startswith("-")}
    return names | {name.removeprefix("no") for name in names}
