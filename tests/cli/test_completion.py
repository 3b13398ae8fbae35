"""--completion: what bash really makes of the script; zsh takes the same function."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from stylize_tf.cli.completion import script
from stylize_tf.cli.main import find_commands, main_with
from stylize_tf.config.presets import PRESETS

COMMANDS = find_commands()
TRY = """
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _stylize_tf; printf '%s|' "${COMPREPLY[@]}"; }
"""


def completed(folder, *words):
    """What bash offers for the last of the words of a command line."""
    text = f"{script('bash', COMMANDS)}\n{TRY}\ntry stylize-tf {shlex.join(words)}"
    ran = subprocess.run(
        ["bash", "--norc", "-c", text], cwd=folder, capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    return [word for word in ran.stdout.split("|") if word]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["fetch"], ["fetch-weights"]),
        ([""], list(COMMANDS)),
        (["--color_"], ["--color_space", "--color_match", "--color_amount"]),
        (["--noq"], ["--noquiet"]),
        (["--color", "l"], ["luminance"]),
        (["--color", "=", "l"], ["luminance"]),  # Bash takes it apart there.
        (["--color", "="], ["style", "content", "luminance", "match"]),
        (["--color=l"], ["--color=luminance"]),
        (["--preset", ""], list(PRESETS)),
        (["--output_format", ""], ["png", "jpg", "webp", "tif"]),
        (["--style_layers", "block1_conv1,block2_p"], ["block1_conv1,block2_pool"]),
        (["--content", "my"], ["my photo.jpg"]),
        (["--content=my"], ["--content=my photo.jpg"]),
        (["--content", "photo.jpg", "--output_dir", ""], ["folder"]),
        (["--flagfile", "o"], ["oil"]),
        (["--size", ""], []),
        (["--completion", ""], ["bash", "zsh"]),
        (["fetch-weights", "--source", "k"], ["keras"]),
        (["fetch-weights", "--output", ""], ["folder"]),
        (["fetch-weights", "--o"], ["--output"]),
    ],
    ids=str,
)
def test_bash_offers_flags_commands_values_and_files(tmp_path, line, offered):
    (tmp_path / "my photo.jpg").touch()
    (tmp_path / "oil").touch()
    (tmp_path / "folder").mkdir()
    assert sorted(completed(tmp_path, *line)) == sorted(offered)


def test_script_is_printed_and_zsh_gets_the_same_after_what_makes_it_understand(capsys):
    assert main_with(["main.py", "--completion", "bash"]) == 0
    bash = capsys.readouterr().out
    assert bash.startswith("# Completion for bash")
    assert 'eval "$(stylize-tf --completion bash)"' in bash.partition("\n")[0]
    assert main_with(["main.py", "paint", "--completion=zsh"]) == 0
    zsh = capsys.readouterr().out
    assert "bashcompinit\n" in zsh
    assert zsh.endswith(bash.partition("\n")[2])


def test_other_shells_are_refused_with_those_that_there_are(capsys):
    assert main_with(["main.py", "--completion=fish"]) == 2
    error = "stylize_tf: error: --completion=fish: must be one of bash, zsh.\n"
    assert capsys.readouterr() == ("", error)
