"""Picture files on disk: refused when they cannot be read or written, replaced only as a whole.

Nothing here knows about pixels; `decoding` does, and `image_io` joins the two.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

from stylize_tf.errors import ImageError, OutputError
from stylize_tf.machine.atomic_files import create, replacing, try_replacing

OUTPUT_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""Extensions that can be written, and Pillow's name of their format."""

_LARGEST_SIDES = {"WEBP": 16_383, "JPEG": 65_500}
"""Most pixels of a side that a format, or the library that writes it, can hold."""

INPUT_EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff"),
    *(".bmp", ".gif", ".avif", ".heic", ".heif", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""What files in folders are taken for pictures by; a file that is named is always taken."""

PathLike = str | os.PathLike[str]

_MAKE_ROOM = "Make room or choose another place."
_DEVICE = re.compile(r"con|prn|aux|nul|(?:com|lpt)[1-9\u00b9\u00b2\u00b3]", re.IGNORECASE)

_EFFECTIVE = os.access in os.supports_effective_ids


def label_of(path: PathLike) -> str:
    """The path as messages show it: quoted, and safe to print whatever bytes it holds."""
    return repr(os.fspath(path))


def reason(error: BaseException) -> str:
    """What an exception says, as one short line that can be printed."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    line = " ".join(text.split()).rstrip(".")
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:200]


def is_picture(name: str) -> bool:
    """Whether a file of a folder is taken for a picture: by its extension, unless it is hidden."""
    path = Path(name)
    return not path.name.startswith(".") and path.suffix.lower() in INPUT_EXTENSIONS


def pictures_in(folder: PathLike) -> list[str]:
    """The paths of the pictures in a folder, by name.

    Raises:
        ImageError: if it cannot be looked into.
    """
    try:
        entries = sorted(Path(folder).iterdir())
    except OSError as error:
        raise ImageError(
            f"cannot look into the folder {label_of(folder)}: {reason(error)}."
        ) from error
    return [str(path) for path in entries if is_picture(path.name) and not path.is_dir()]


def open_regular(path: PathLike) -> io.BufferedReader:
    """A file opened for reading; anything else is refused unopened, for that might never end.

    Raises:
        ImageError: if there is no such file, it may not be read, or it is a folder, pipe, socket
            or device.
    """
    label = label_of(path)
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISREG(mode):
            return Path(path).open("rb")
    except FileNotFoundError:
        if Path(path).is_symlink():
            raise ImageError(
                f"{label} is a link to a file that does not exist. Name the file itself."
            ) from None
        if "://" in label:
            raise ImageError(
                f"{label} is an address, and only files are read. Fetch it first."
            ) from None
        raise ImageError(f"{label} does not exist. Check its name and its folder.") from None
    except PermissionError as error:
        raise ImageError(
            f"{label} cannot be opened: {reason(error)}. Change its permissions, or copy it."
        ) from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{label} cannot be opened: {reason(error)}. Check its name.") from error
    if stat.S_ISDIR(mode):
        raise ImageError(f"{label} is a folder. Name a picture in it.")
    raise ImageError(f"{label} is a pipe, socket or device. Save the picture to a file first.")


def sha256(path: PathLike) -> str:
    """The SHA-256 of a file's bytes, 64 hexadecimal digits.

    Raises:
        ImageError: if the file cannot be read.
    """
    with open_regular(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ImageError(f"{label_of(path)} cannot be read: {reason(error)}.") from error


def output_format(path: PathLike) -> str:
    """Pillow's name of the format that the extension of an output stands for.

    Raises:
        OutputError: if the extension is unknown or missing.
    """
    extension = Path(path).suffix
    if extension.lower() not in OUTPUT_FORMATS:
        what = f"the extension {extension!r} is not known" if extension else "it has no extension"
        raise _unwritable(path, what, f"Use one of {', '.join(OUTPUT_FORMATS)}.")
    return OUTPUT_FORMATS[extension.lower()]


def check_output(path: PathLike, *, inputs: Sequence[PathLike] = ()) -> None:
    """Finds out, before any work is done, whether `image_io.write` could write a picture.

    An output that exists is not touched.

    Args:
        path: Where the picture is going to be written.
        inputs: Pictures that must not be overwritten.

    Raises:
        OutputError: if the extension is unknown, the folder is missing, read-only or not
            permitted, the output exists and is not a regular file that may be written, or it is
            one of `inputs`, also by another name or through a link.
    """
    output_format(path)
    target = _target(path)
    for source in inputs:
        if _is_same_file(target, source):
            raise OutputError(
                f"{label_of(path)} is the input {label_of(source)}, which it would overwrite. "
                "Choose another place."
            )
    try:
        try_replacing(target)
    except OSError as error:
        raise _unwritable(path, reason(error)) from error


def check_side(path: PathLike, height: int, width: int) -> None:
    """Raises an `OutputError` if the format of an output cannot hold a picture of this size."""
    form = output_format(path)
    most = _LARGEST_SIDES.get(form)
    if most is not None and max(height, width) > most:
        what = f"{form} holds {most} pixels a side at most, and the picture has {width}x{height}"
        raise _unwritable(path, what, "Use .png, or ask for a smaller `size`.")


def refused_by_windows(path: PathLike) -> str:
    """Why Windows keeps no file of this name, though it may seem to; empty where it does.

    It has devices of some names, whatever their extension, and takes what follows a colon for
    another stream of a file.
    """
    name = PureWindowsPath(os.fsdecode(path)).name
    stem = name.partition(".")[0].rstrip()
    if _DEVICE.fullmatch(stem):
        return f"{stem} is the name of a device"
    found = next((letter for letter in name if letter in '<>:"|?*'), "")
    return f"its name has a {found}" if found else ""


def replace_file(path: PathLike, data: bytes) -> None:
    """Makes `data` the content of a file in one step: a reader sees the old or the new, whole.

    If `path` is a symbolic link then the file it leads to is replaced and the link stays. If
    anything fails the old file is intact.

    Raises:
        OutputError: if the file cannot be written.
    """
    target = _target(path)
    try:
        with replacing(target) as file:
            file.write(data)
    except OSError as error:
        raise _unwritable(path, reason(error), _MAKE_ROOM) from error


def create_file(path: PathLike, data: bytes) -> bool:
    """Makes a new file in one step, unless there is something of that name.

    Of several processes that want a name at the same time, one gets it.

    Returns:
        Whether there is a new file: if not, then nothing was touched.

    Raises:
        OutputError: if the file cannot be written.
    """
    try:
        return not os.path.lexists(path) and create(Path(path), data)
    except OSError as error:
        raise _unwritable(path, reason(error), _MAKE_ROOM) from error


def _unwritable(path: PathLike, why: str, hint: str = "Choose another place.") -> OutputError:
    return OutputError(f"{label_of(path)} cannot be written: {why}. {hint}")


def _is_same_file(target: Path, source: PathLike) -> bool:
    try:
        return target.samefile(source)
    except (OSError, ValueError):  # One of them is not there.
        return False


def _target(path: PathLike) -> Path:
    """The regular file, which need not exist yet, that writing to `path` replaces."""
    label = label_of(path)
    if os.name == "nt" and (why := refused_by_windows(path)):
        raise _unwritable(path, why, "Choose another name.")
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        status = None
    except (OSError, ValueError) as error:
        raise _unwritable(path, reason(error)) from error
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise OutputError(f"{label} is a folder. Add the name of a file to it.")
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise OutputError(f"{label} is not a regular file. Choose another place.")
    # Replacing needs no permission for the file itself, but somebody has protected it.
    if status is not None and not os.access(path, os.W_OK, effective_ids=_EFFECTIVE):
        raise OutputError(f"{label} is read-only. Choose another place.")
    target = Path(path).resolve()
    if not target.parent.is_dir():
        hint = f"Create it first: mkdir -p {label_of(target.parent)}"
        raise _unwritable(path, "its folder does not exist", hint)
    return target
