"""Opens a picture with whatever the user's desktop opens pictures with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_SECONDS = 5


def show(path: str, warn: Callable[[str], None]) -> None:
    """Opens the picture; where that fails `warn` gets a line, for the picture itself is there."""
    if sys.platform == "win32":
        os.startfile(path)
        return
    name = "open" if sys.platform == "darwin" else "xdg-open"
    command = shutil.which(name)
    if command is None:
        warn(f"--show: there is no {name} here to open {path!r} with.")
        return
    try:
        viewer = subprocess.Popen(
            [command, str(Path(path).absolute())],  # One that begins with a dash is no option.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        code = viewer.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        return  # It is showing the picture.
    except OSError as error:
        warn(f"--show: {name} does not start: {error.strerror}.")
        return
    if code:
        warn(f"--show: {name} could not open {path!r} (it returned {code}).")
