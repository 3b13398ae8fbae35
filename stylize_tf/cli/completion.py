"""Scripts that make a shell complete flags, commands, their values and files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from types import ModuleType

from stylize_tf.config.fields import Field, is_tuple, type_of

SHELLS = ("bash", "zsh")

_FUNCTION = """\
_stylize_tf() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" flag="${{COMP_WORDS[COMP_CWORD-1]}}"
    local command={default} before="" kind="" values="" line
    COMPREPLY=()
    case " {commands} " in *" ${{COMP_WORDS[1]}} "*) command="${{COMP_WORDS[1]}}" ;; esac
    # Bash takes --flag=value apart at the sign, zsh does not.
    if [[ "$word" == "=" ]]; then
        word=""
    elif [[ "$flag" == "=" ]]; then
        flag="${{COMP_WORDS[COMP_CWORD-2]}}"
    elif [[ "$word" == --*=* ]]; then
        flag="${{word%%=*}}" before="${{word%%=*}}=" word="${{word#*=}}"
    fi
    case "$command $flag" in
{cases}
    esac
    if [[ "$kind" == list && "$word" == *,* ]]; then
        before="$before${{word%,*}}," word="${{word##*,}}"
    elif [[ -z "$kind" && "$word" == -* ]]; then
        kind=words
        case "$command" in
{flags}
        esac
    elif [[ -z "$kind" && "$COMP_CWORD" == 1 ]]; then
        kind=words values="{commands}"
    fi
    case "$kind" in
        files) compopt -o filenames 2>/dev/null; set -- -f ;;
        folders) compopt -o filenames 2>/dev/null; set -- -d ;;
        list|words) set -- -W "$values" ;;
        *) return ;;
    esac
    while IFS= read -r line; do
        COMPREPLY+=("$before$line")
    done < <(compgen "$@" -- "$word")
}}
complete -F _stylize_tf stylize-tf main.py
"""

_ZSH = """\
autoload -Uz compinit bashcompinit
(( ${+functions[compdef]} )) || compinit
bashcompinit
"""


def script(shell: str, commands: Mapping[str, ModuleType]) -> str:
    """What a shell has to read for it.

    Args:
        shell: one of `SHELLS`; zsh takes the function of bash.
        commands: all of them by their names, the default first.
    """
    cases, flags = [], []
    for name, command in commands.items():
        fields = [field for kind in command.FLAGS for field in dataclasses.fields(kind)]
        for field in fields:
            kind, values = _kind(field)
            if kind:
                cases.append(f'        "{name} --{field.name}") kind={kind} values="{values}" ;;')
        cases += [
            f'        "{name} --flagfile") kind=files ;;',
            f'        "{name} --completion") kind=words values="{" ".join(SHELLS)}" ;;',
        ]
        flags.append(f'            {name}) values="{" ".join(_flags(fields))}" ;;')
    function = _FUNCTION.format(
        default=next(iter(commands)),
        commands=" ".join(commands),
        cases="\n".join(cases),
        flags="\n".join(flags),
    )
    # Not source <(...), of which bash 3.2, that of macOS, reads nothing.
    how = f'# Completion for {shell}, to be read by it: eval "$(stylize-tf --completion {shell})"\n'
    return how + (_ZSH if shell == "zsh" else "") + function.rstrip("\n")


def _kind(field: Field) -> tuple[str, str]:
    """What the value of a flag is, nothing where it has none, and the values that it may have."""
    if type_of(field) is bool:
        return "", ""
    if field.metadata["choices"]:
        return "list" if is_tuple(field) else "words", " ".join(field.metadata["choices"])
    placeholder = field.metadata["placeholder"] or ""
    if "|" in placeholder:
        return "words", placeholder.replace("|", " ")
    kinds = {"FILE": "files", "FOLDER": "folders"}
    return kinds.get(placeholder, "other"), ""


def _flags(fields: Iterable[Field]) -> list[str]:
    names = []
    for field in fields:
        names += [field.name, f"no{field.name}"] if type_of(field) is bool else [field.name]
    return [f"--{x}" for x in (*names, "flagfile", "help", "helpfull", "version", "completion")]
