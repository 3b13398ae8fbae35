from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import stylize_tf
from stylize_tf.cli import help
from stylize_tf.cli.commands import paint
from stylize_tf.cli.exits import MEANINGS, with_flag_names
from stylize_tf.cli.flags import read_command_line
from stylize_tf.cli.main import find_commands, main_with
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.jobs.options.painting import Options

ROOT = Path(__file__).parents[2]
COMMANDS = find_commands()


def unwrapped(text):
    return " ".join(text.split())


def shown(text):
    """The flags that a help tells of."""
    return [line.split()[0] for line in text.splitlines() if line.startswith("  --")]


def said(capsys, *arguments):
    """What a command line prints, which must end well."""
    assert main_with(["main.py", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_help_lists_the_commands_and_the_flags_of_paint_that_matter(capsys):
    text = said(capsys, "--help")
    assert text.startswith("usage: python main.py --content PHOTO --style PAINTING")
    for name, command in COMMANDS.items():
        assert f" {name} {command.SUMMARY}" in unwrapped(text)
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The options that m")[2]
    rows = re.findall(r"^\| (`--.*?) \|", readme.partition("\n## ")[0], re.MULTILINE)
    table = re.findall(r"`--(\w+)`", "".join(rows))
    assert set(paint.MATTERS) == {*table, "content_mask"}
    assert shown(text) == [f"--{name}" for name in paint.MATTERS]
    assert "default: 512" in unwrapped(text)
    assert said(capsys, "-h") == text
    assert said(capsys, "--version") == f"stylize_tf {stylize_tf.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_of_its_own_with_all_of_its_flags(capsys, name):
    command = COMMANDS[name]
    short, full = said(capsys, name, "--help"), said(capsys, name, "--helpfull")
    fields = [field.name for kind in command.FLAGS for field in dataclasses.fields(kind)]
    for text in (short, full):
        assert text.startswith(f"usage: python main.py {name} ")
        assert command.SUMMARY in unwrapped(text)
        assert "Commands" not in text
    names = [[re.sub(r"^--(\[no])?", "", x) for x in shown(text)] for text in (short, full)]
    assert names[0] == list(getattr(command, "MATTERS", fields))
    assert set(names[1]) >= set(fields)


@pytest.mark.parametrize(
    ("given", "meant"), [("fetch_weights", "fetch-weights"), ("pant", "paint")]
)
def test_mistyped_command_is_answered_with_the_closest(capsys, given, meant):
    assert main_with(["main.py", given]) == 2
    error = f"stylize_tf: error: unknown command {given!r}. Did you mean {meant}?\n"
    assert capsys.readouterr() == ("", error)
    assert main_with(["main.py", f"{meant}.jpg"]) == 2  # That is a picture.
    assert "unexpected argument" in capsys.readouterr().err


def read(argument):
    """What a flag of the configuration gives."""
    return read_command_line(["main.py", argument], paint.FLAGS).given[1]


def test_helpfull_shows_every_flag_with_the_default_of_the_configuration():
    text = unwrapped(help.full_help("stylize-tf", paint))
    for field in dataclasses.fields(StyleTransferConfig):
        written = help.value_text(getattr(StyleTransferConfig(), field.name))
        entry = text.split(f"--{field.name} ", 1)[-1] if str(field.type) != "bool" else text
        if written:
            assert f"default: {written})" in entry
            value = read(f"--{field.name}={written}")[field.name]
            default = getattr(StyleTransferConfig(), field.name)
            assert value == (
                pytest.approx(default, rel=1e-5) if "float" in str(field.type) else default
            )
    for field in dataclasses.fields(Options):
        name = f"--{field.name} {field.metadata['placeholder'] or ''}".rstrip()
        assert name in text or f"--[no]{field.name} " in text
    for field in (*dataclasses.fields(StyleTransferConfig), *dataclasses.fields(Options)):
        assert f"{field.metadata['section'] or ''}:" in text
        assert unwrapped(with_flag_names(field.metadata["help"])) in text
    for code, meaning in MEANINGS.items():
        assert f"{int(code)} {meaning}" in text
    for name, use in help.ENVIRONMENT.items():
        assert f"{name} {use}" in text


def test_helpfull_lists_presets_by_what_they_change(monkeypatch):
    monkeypatch.setitem(PRESETS, "coarse", StyleTransferConfig(size=64, steps=(3, 2)))
    text = unwrapped(help.full_help("main.py", paint))
    assert "coarse --size=64 --steps=3,2" in text
    assert "default the defaults" in text


@pytest.mark.parametrize("columns", ["40", "80", "300"])
def test_help_fits_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    lines = help.short_help("main.py", paint, COMMANDS).splitlines()[3:-1]
    assert max(map(len, lines)) <= min(max(int(columns), 56), 100)
