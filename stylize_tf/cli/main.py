"""The command line: which command it is, its flags, and its end; `main_with` for callers.

Standard output gets the paths of finished files and nothing else; all that is said goes to standard
error. A command is a module of `stylize_tf.cli.commands`: one that is there is known.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import PurePath
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

import stylize_tf
from stylize_tf.cli import commands
from stylize_tf.cli.exits import INSTALL, Exit, explain
from stylize_tf.cli.flagfiles import expanded
from stylize_tf.cli.terminal.console import Console, library_messages
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.cli.terminal.json_lines import JsonLines, json_lines
from stylize_tf.cli.terminal.standard_streams import open_standard_streams, print_line
from stylize_tf.errors import ConfigError

if TYPE_CHECKING:
    from stylize_tf.cli.flags import CommandLine

DEFAULT = "paint"
"""The command when none is named."""

_PROGRAMS = {"main.py": "python main.py", "__main__.py": "python -m stylize_tf"}


def run(command: str | None = None) -> None:
    """Runs the command line of the process, and exits.

    Args:
        command: which one it is, in place of the first argument.
    """
    open_standard_streams()
    try:
        from absl import app
    except ImportError as error:
        _refuse(sys.argv, f"{error}. {INSTALL}.", Exit.FAILED)
    argv = sys.argv if command is None else ["stylize-tf", command, *sys.argv[1:]]
    try:
        app.run(lambda parsed: _execute(*parsed), argv=argv, flags_parser=_parse_or_exit)
    except KeyboardInterrupt as interruption:  # In the moments around the listening.
        sys.exit(_exit_of(interruption))
    except SystemExit as end:
        _leave_tensorflow(end)
        raise


def main_with(argv: Sequence[str]) -> int:
    """Runs a command line in this process.

    Args:
        argv: the program and its arguments.

    Returns:
        The exit code, see `stylize_tf.cli.exits`.
    """
    try:
        return _execute(*_parse_or_exit(argv))
    except SystemExit as end:
        return int(end.code or 0)


def find_commands() -> dict[str, ModuleType]:
    """The modules of all commands by their names, `DEFAULT` first."""
    names = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    return {
        name.replace("_", "-"): importlib.import_module(f"{commands.__name__}.{name}")
        for name in sorted(names, key=lambda name: (name != DEFAULT, name))
    }


def _execute(command: ModuleType, line: CommandLine) -> int:
    """Carries out a command; every error becomes one line and an exit code."""
    with _console(line) as console:

        def announce(signum: int) -> None:
            console.info("Stopping after this step; once more stops at once.")

        with library_messages(console), Interrupts(announce) as interrupts:
            try:
                return int(command.execute(console, interrupts, line))
            except KeyboardInterrupt as interruption:
                code = _exit_of(interruption)
                console.error("interrupted before anything was written.", code=code)
                return code
            except Exception as error:  # The last place that can turn it into a line.
                message, code, ways = explain(error)
                console.error(message, error, ways, code=int(code))
                return code


def _console(line: CommandLine) -> AbstractContextManager[Console]:
    given = {name: value for fields in line.given for name, value in fields.items()}
    quiet, verbose = given.get("quiet", False), line.verbosity >= 1
    progress = given.get("progress", "auto")
    if progress == "json":
        return json_lines(quiet=quiet, verbose=verbose)
    return contextlib.nullcontext(
        Console(sys.stderr, quiet=quiet, verbose=verbose, progress=progress)
    )


def _refuse(argv: Sequence[str], text: str, code: Exit) -> NoReturn:
    """Ends the process for a command line that cannot be read, in the form that it asks for."""
    with contextlib.suppress(ConfigError):
        argv, _ = expanded(argv)
    asked = ""
    for flag, following in zip(argv, [*argv[1:], ""], strict=True):
        name, equals, value = flag.partition("=")
        if name in ("--progress", "-progress"):
            asked = value if equals else following
    (JsonLines if asked == "json" else Console)(sys.stderr).error(text, code=int(code))
    sys.exit(code)


def _parse_or_exit(argv: Sequence[str]) -> tuple[ModuleType, CommandLine]:
    from stylize_tf.cli.flags import HelpRequest, read_command_line

    known = find_commands()
    try:
        name, arguments = _named(argv, known)
        command = known[name or DEFAULT]
        passes_on = getattr(command, "PASSES_ON", False)
        line = read_command_line([argv[0], *arguments], command.FLAGS, passes_on=passes_on)
        return command, line
    except HelpRequest as request:
        if request.topic == "completion":
            from stylize_tf.cli.completion import script

            print_line(script(request.shell, known))
            sys.exit(Exit.OK)
        program = PurePath(argv[0]).name
        program = " ".join(filter(None, [_PROGRAMS.get(program, program), name]))
        print_line(_help_text(request.topic, program, command, {} if name else known))
        sys.exit(Exit.OK)
    except ConfigError as error:
        _refuse(argv, explain(error)[0], Exit.USAGE)


def _named(argv: Sequence[str], known: dict[str, ModuleType]) -> tuple[str, Sequence[str]]:
    """The name of the command, empty if none is given, and the arguments that follow."""
    first, rest = (argv[1], argv[2:]) if len(argv) > 1 else ("", ())
    if first in known:
        return first, rest
    close = difflib.get_close_matches(first.lower(), known, 1)
    if close and not first.startswith("-") and not PurePath(first).suffix:
        raise ConfigError(f"unknown command {first!r}. Did you mean {close[0]}?")
    return "", argv[1:]


def _help_text(topic: str, program: str, command: ModuleType, known: dict[str, ModuleType]) -> str:
    if topic == "version":
        return f"stylize_tf {stylize_tf.__version__}"
    from stylize_tf.cli import help

    if topic == "helpfull":
        return help.full_help(program, command)
    return help.short_help(program, command, known)


def _leave_tensorflow(end: SystemExit) -> None:
    """Ends the process as it is, if TensorFlow was loaded.

    Python's own way out takes it apart, which lasts a second, and crashes under threads that a
    second signal left in the middle of a step.
    """
    if "tensorflow" in sys.modules:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(end.code if isinstance(end.code, int) else Exit.UNEXPECTED)


def _exit_of(interruption: KeyboardInterrupt) -> int:
    return 128 + int(getattr(interruption, "signum", signal.SIGINT))
