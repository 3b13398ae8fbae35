"""Builds the wheel, installs it in an empty environment, and paints a picture with it.

    python .ci/check_wheel.py

All of it happens in a temporary folder outside the checkout, which is removed at the end. The wheel
must hold every module of the package, its marker of types, the network that comes with it and the
card of that, and nothing else of the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "stylize_tf")
PACKAGE = "stylize_tf"
SUFFIXES = (".py", ".typed", ".keras", ".md", ".html", ".js", ".css", ".svg")


def run(*command: str | Path, cwd: Path) -> None:
    """Runs a program that must succeed, without settings that would show it the checkout."""
    environment = {name: x for name, x in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([str(word) for word in command], cwd=cwd, env=environment, check=True)


def build(folder: Path) -> Path:
    """The wheel of a copy of the sources, as building leaves folders beside them."""
    source, wheels = folder / "source", folder / "wheels"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / name, source)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", wheels, ".", cwd=source)
    (wheel,) = wheels.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    """Compares the wheel's files with the checkout's.

    Raises:
        SystemExit: if one is missing or one too many.
    """
    paths = [path for path in (ROOT / PACKAGE).rglob("*") if path.suffix in SUFFIXES]
    wanted = {path.relative_to(ROOT).as_posix() for path in paths}
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    if found != wanted:
        sys.exit(f"{wheel.name}: missing {wanted - found}, too many {found - wanted}.")


def main() -> None:
    """Build, compare, install, paint."""
    start = time.perf_counter()

    def say(text: str) -> None:
        print(f"wheel-check, {time.perf_counter() - start:.0f} s: {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="stylize_tf_wheel_") as name:
        folder = Path(name)
        wheel = build(folder)
        check_contents(wheel)
        say(f"{wheel.name} holds all of {PACKAGE} and nothing else; installing it")
        environment, place = folder / "environment", folder / "elsewhere"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        run(
            python, "-m", "pip", "install", "-q", "--no-compile", f"{wheel}[tensorflow]", cwd=folder
        )
        say("installed; painting")
        place.mkdir()
        run(
            *(environment / "bin" / "stylize-tf", "--content", ROOT / "examples" / "content.jpg"),
            *("--style", ROOT / "examples" / "style.jpg", "--output", "out.png", "--quiet"),
            *("--size", "96", "--steps", "2"),
            cwd=place,
        )
        run(
            *(environment / "bin" / "stylize-tf", "--content", ROOT / "examples" / "content.jpg"),
            *("--network", "--output", "at_once.png", "--quiet", "--size", "96"),
            cwd=place,
        )
        run(
            *(
                environment / "bin" / "stylize-tf",
                "evaluate",
                "--network",
                "--quiet",
                "--size",
                "96",
            ),
            *("--content", ROOT / "examples" / "content.jpg"),
            *("--style", ROOT / "examples" / "style.jpg", "--json", "figures.json"),
            cwd=place,
        )
        written = sorted(path.name for path in place.iterdir())
        if written != ["at_once.png", "figures.json", "out.png"]:
            sys.exit(f"at_once.png, figures.json, out.png were not written, or more: {written}.")
        say(
            "the installed program painted a picture, one by the network that it brings, and judged"
        )


if __name__ == "__main__":
    main()
