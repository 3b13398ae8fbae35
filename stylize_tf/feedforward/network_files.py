"""Files of networks: written whole or not at all, and read without running what is in them."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stylize_tf.errors import ConfigError, WeightsError
from stylize_tf.feedforward.network import Network
from stylize_tf.machine.atomic_files import replacing

SUFFIX = ".keras"
"""Of a file of Keras, which finds by it what the file is."""

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_REGISTERED = "stylize_tf>Network"
_MOST_BYTES = 2**29
_MOST = {"styles": 1000, "width": 4.0, "blocks": 64}


def save(network: Network, path: str | os.PathLike[str]) -> None:
    """Writes the file that `load` reads, and `keras.saving.load_model`.

    Args:
        network: to write.
        path: of the file, ending in `SUFFIX`; one that is there is replaced when it is complete.

    Raises:
        ConfigError: if it ends in something else.
        OSError: if it cannot be written.
    """
    target = Path(path)
    if target.suffix != SUFFIX:
        raise ConfigError(f"`output` must end in {SUFFIX}; got {str(path)!r}.")
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "network" + SUFFIX)
        network.save(whole)
        with replacing(target) as file:
            file.write(whole.read_bytes())


def load(path: str | os.PathLike[str]) -> Network:
    """The network of a file.

    Of a file only numbers and names are taken: the network is built by this program, whatever code
    or layers the file may name.

    Args:
        path: of a file by `save`, or by `network.save`.

    Raises:
        WeightsError: if there is no such file, or it is cut, changed, or of something else.
    """
    label = os.fspath(path)
    try:
        with zipfile.ZipFile(path) as archive:
            config = _config(archive)
            network = Network(config["styles"], config["width"], config["blocks"])
            with tempfile.TemporaryDirectory() as folder:
                network.load_weights(archive.extract(archive.getinfo(_WEIGHTS), folder))
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
    return network


def _no_network(label: str, error: Exception) -> WeightsError:
    lines = str(error).splitlines() or [type(error).__name__]
    return WeightsError(
        f"{label!r} is no network of this program, or not all of one ({lines[0]}). Train it anew, "
        f"or get the file again."
    )


def _config(archive: zipfile.ZipFile) -> Mapping[str, Any]:
    """What the network is built by, if it is one and of a size that can be."""
    for name in (_CONFIG, _WEIGHTS):
        if archive.getinfo(name).file_size > _MOST_BYTES:
            raise ValueError(f"{name} is larger than {_MOST_BYTES >> 20} MB")
    whole = json.loads(archive.read(_CONFIG))
    if whole["registered_name"] != _REGISTERED:
        raise ValueError(f"it holds a {whole['registered_name'] or whole['class_name']}")
    config = {name: whole["config"][name] for name in _MOST}
    sizes = {**config, "styles": len(config["styles"])}
    for name, most in _MOST.items():
        if not 0 < sizes[name] <= most:
            raise ValueError(f"its {name} are {sizes[name]}")
    if not all(isinstance(style, str) for style in config["styles"]):
        raise ValueError("its styles have no names")
    return config
