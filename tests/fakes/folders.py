"""What tests of many pictures in one run share."""

import re
from pathlib import Path

SHORT = ("--size=48", "--coarsest_size=32", "--steps=3,2")
EVALUATIONS = 5
ALL = ("--content=photos", "--style=paintings", "--output_dir=out")
NAMES = [f"{photo}_{painting}.png" for painting in ("sea", "sky") for photo in ("cat", "dog")]


def painted(folder="out"):
    return sorted(path.name for path in Path(folder).iterdir())


def counting(*actions):
    """A hook that carries out an action at its step, counted over all pictures from 1."""
    made = []

    def hook(evaluation):
        made.append(evaluation)
        for at, action in actions:
            if len(made) == at:
                action()

    return hook


def throw(error):
    raise error


def untimed(line):
    """The line without how long it took, which hangs on the machine."""
    return re.sub(r" in \d[\d:]*( s)?(?=[.;])", "", line)


def summary(capsys):
    return untimed(capsys.readouterr().err.splitlines()[-1])
