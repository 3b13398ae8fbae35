"""Files of networks: written whole or not at all, and read without running what is in them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from stylize_tf.config.training import SHIPPED
from stylize_tf.errors import ConfigError, WeightsError
from stylize_tf.feedforward.channels import channels_of, check
from stylize_tf.feedforward.styles import LARGEST_WIDTH
from stylize_tf.machine.atomic_files import replacing

if TYPE_CHECKING:
    import keras

SHIPPED_FILE = Path(__file__).with_name("shipped.keras")

SUFFIX = ".keras"
"""Of a file of Keras, which finds by it what the file is."""

_CONFIG, _WEIGHTS, _METADATA = "config.json", "model.weights.h5", "metadata.json"
_ABOUT = "about.json"
_REGISTERED = "stylize_tf>Network"
_MOST_TEXT_BYTES = 2**20
_MOST = {"styles": 1000, "width": LARGEST_WIDTH}


def save(
    network: keras.Model,
    path: str | os.PathLike[str],
    about: Mapping[str, Any] | None = None,
    *,
    compact: bool = False,
) -> None:
    """Writes the file that `Network.load` reads, and `keras.saving.load_model`.

    Args:
        network: to write.
        path: of the file, ending in `SUFFIX`; one that is there is replaced when it is complete.
        about: what `read_about` tells of its making, as plain data.
        compact: weights of 16 bits, half the file.

    Raises:
        ConfigError: if it ends in something else.
        OSError: if it cannot be written.
    """
    target = Path(path)
    if target.suffix != SUFFIX:
        raise ConfigError(f"`output` must end in {SUFFIX}; got {str(path)!r}.")
    # Beside the file, so that a full disk is that of the file.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        whole = Path(folder, "network" + SUFFIX)
        network.save(whole)
        with zipfile.ZipFile(whole) as archive, replacing(target) as file:
            _write_without_dates(archive, file, about or {}, compact=compact)


def read_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a file that `opened` takes tells of its making; nothing if it tells nothing."""
    with zipfile.ZipFile(path) as archive:
        if _ABOUT not in archive.namelist() or archive.getinfo(_ABOUT).file_size > _MOST_TEXT_BYTES:
            return {}
        about = json.loads(archive.read(_ABOUT))
    return about if isinstance(about, dict) else {}


def _write_without_dates(
    archive: zipfile.ZipFile, file: BinaryIO, about: Mapping[str, Any], *, compact: bool
) -> None:
    """A copy in which nothing tells when it was made: equal networks are equal files."""
    with zipfile.ZipFile(file, "w") as target:
        target.writestr(zipfile.ZipInfo(_ABOUT), json.dumps(about))
        for name in archive.namelist():
            data = archive.read(name)
            if name == _WEIGHTS and compact:
                data = _halved(data)
            if name == _METADATA:
                data = json.dumps({**json.loads(data), "date_saved": ""}).encode()
            target.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def _halved(data: bytes) -> bytes:
    """A file of weights with 16 bits for each."""
    import h5py

    halved = io.BytesIO()
    with h5py.File(io.BytesIO(data)) as source, h5py.File(halved, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                own = target.create_dataset(name, data=item[()].astype(np.float16))
            else:
                own = target.require_group(name)
            own.attrs.update(item.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)
    return halved.getvalue()


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[Mapping[str, Any], Path]]:
    """What a network is built by, and a file of its weights, for as long as that is needed.

    Of a file only numbers and names are taken: who builds the network is this program, whatever
    code or layers the file may name. What goes wrong within is a `WeightsError`, too.

    Args:
        path: of a file by `save`, or by `network.save`.

    Raises:
        WeightsError: if there is no such file, or it is cut, changed, or of something else.
    """
    with _archive(path) as archive, tempfile.TemporaryDirectory() as folder:
        config = _config(archive)
        yield config, Path(archive.extract(archive.getinfo(_WEIGHTS), folder))


def config_in(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """What the network in a file is built by, `styles` among it; it is not loaded.

    Raises:
        WeightsError: as `opened` does.
    """
    with _archive(path) as archive:
        return _config(archive)


def path_of(name: str) -> Path:
    """The file of a network as people name it: a path, or `SHIPPED`."""
    if name != SHIPPED:
        return Path(name).expanduser()
    return SHIPPED_FILE


@contextlib.contextmanager
def _archive(path: str | os.PathLike[str]) -> Iterator[zipfile.ZipFile]:
    """The archive that a network is; whatever is wrong with it is a `WeightsError`."""
    label = os.fspath(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError as error:
        raise WeightsError(
            f"{label!r} is not there: `network` must be a file by `train`."
        ) from error
    except OSError as error:
        if error.strerror:
            raise WeightsError(f"{label!r} cannot be read: {error.strerror}.") from error
        raise _no_network(label, error) from error
    except Exception as error:  # Readers of such files raise many kinds.
        raise _no_network(label, error) from error


def _no_network(label: str, error: Exception) -> WeightsError:
    lines = str(error).splitlines() or [type(error).__name__]
    return WeightsError(
        f"{label!r} is no network of this program, or not all of one ({lines[0]}). Train it anew, "
        f"or get the file again."
    )


def _config(archive: zipfile.ZipFile) -> Mapping[str, Any]:
    """What the network is built by, if it is one and of a size that can be."""
    if archive.getinfo(_CONFIG).file_size > _MOST_TEXT_BYTES:
        raise ValueError(f"{_CONFIG} is too large")
    whole = json.loads(archive.read(_CONFIG))
    if whole["registered_name"] != _REGISTERED:
        raise ValueError(f"it holds a {whole['registered_name'] or whole['class_name']}")
    config = {name: whole["config"][name] for name in _MOST}
    sizes = {**config, "styles": len(config["styles"])}
    for name, most in _MOST.items():
        if not 0 < sizes[name] <= most:
            raise ValueError(f"its {name} are {sizes[name]}")
    if archive.getinfo(_WEIGHTS).file_size > 2**30:
        raise ValueError(f"{_WEIGHTS} is of another size")
    if not all(isinstance(name, str) for name in config["styles"]):
        raise ValueError("its styles have no names")
    channels = whole["config"].get("channels")
    channels = channels_of(config["width"]) if channels is None else channels
    return {**config, "channels": check(channels, config["width"])}
