"""Networks that a service offers: asked for by a name, and never by where their files lie."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from stylize_tf.config.training import SHIPPED
from stylize_tf.errors import ConfigError, WeightsError
from stylize_tf.feedforward import network_files


@dataclasses.dataclass(frozen=True)
class Offered:
    """A network that may be asked for.

    Attributes:
        name: which it is to who asks: that of its file without the ending.
        file: of this machine, as `Options.network` takes it; who asks is never told.
        styles: names of those that it has.
    """

    name: str
    file: str
    styles: tuple[str, ...]


Networks: TypeAlias = Mapping[str, Offered]
"""All that may be asked for, by their names."""


def offered(files: Sequence[str] = ()) -> dict[str, Offered]:
    """The network that comes with the program, and then those of some files.

    Each file is read to its end, so that one that is cut is found before somebody asks for it.

    Raises:
        ConfigError: if one is not there or no network, or its name cannot be asked for or is that
            of another one.
    """
    found: dict[str, Offered] = {}
    for file in (SHIPPED, *files):
        path = network_files.path_of(file)
        name = SHIPPED if file == SHIPPED else path.stem
        if not name.isprintable() or name.startswith("-") or ":" in name:
            raise ConfigError(
                f"`network` must be a file whose name can be asked for: printable, without : and "
                f"not after a -; got {file!r}. Rename it."
            )
        if name in found:
            other = found[name].file
            other = "the one that comes with the program" if other == SHIPPED else repr(other)
            raise ConfigError(
                f"`network` must be files of different names, by which they are asked for: "
                f"{file!r} has that of {other}, {name}. Rename it."
            )
        try:
            with network_files.opened(path) as (config, _):
                styles = tuple(config["styles"])
        except WeightsError as error:
            raise ConfigError(str(error)) from error
        found[name] = Offered(name, SHIPPED if file == SHIPPED else str(path.absolute()), styles)
    return found


@contextlib.contextmanager
def told_by_name(
    network: Offered | None, say: Callable[[str], None] = lambda text: None
) -> Iterator[None]:
    """What is done within a network tells who asked for it of no file.

    Args:
        network: None of what is painted without one.
        say: told what is wrong with the file.

    Raises:
        WeightsError: in the place of one that names the file.
    """
    try:
        yield
    except WeightsError as error:
        if network is None:
            raise
        say(str(error))
        text = f"the network {network.name!r} cannot be read any more. Take another one."
        raise WeightsError(text) from error
