"""What a training is made from, checked before TensorFlow is loaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import stylize_tf
from stylize_tf.config.training import TrainingConfig
from stylize_tf.errors import ConfigError, ImageError, OutputError
from stylize_tf.feedforward import network_files
from stylize_tf.images import image_io
from stylize_tf.images.files import label_of, reason, sha256
from stylize_tf.jobs.folder.finding import find_files
from stylize_tf.jobs.job import find_weights
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options.training import TrainingOptions
from stylize_tf.jobs.outputs import make_folder, stem_of
from stylize_tf.machine.atomic_files import try_replacing
from stylize_tf.machine.extras import require
from stylize_tf.machine.tensorflow_runtime import versions

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf.network.weights import Weights

SUFFIX = ".keras"
"""Of files of networks."""

WHERE_PHOTOGRAPHS_ARE = (
    "`photos` must be given: a folder of photographs, a few dozen of any kind. Have you none? "
    "`make photographs` fetches 40 free ones into build/photographs."
)

SMALLEST_PAINTING = 64
"""Pixels of a side of a painting, at the size that it is learned at; a quarter of it is, too."""


class TrainingJob(NamedTuple):
    """A training whose every input was looked at and whose output can be written.

    Attributes:
        config: how it is trained.
        options: all else.
        paintings: name of a style -> float32 `[1, H, W, 3]`.
        photos: files of photographs; whether each can be read is seen as it is met.
        weights: of VGG19.
    """

    config: TrainingConfig
    options: TrainingOptions
    paintings: Mapping[str, np.ndarray]
    photos: tuple[str, ...]
    weights: Weights

    @property
    def output(self) -> str:
        """The file of the network."""
        assert self.options.output is not None
        return self.options.output

    @property
    def recipe(self) -> dict[str, Any]:
        """All that decides the network, as plain data."""
        options = self.options
        paintings = {stem_of(path): sha256(path) for path in options.style}
        return {
            "config": {**self.config.to_dict(), "time_budget": bool(self.config.time_budget)},
            "paintings": paintings,
            "photos": _digest(self.photos),
            "start": None
            if options.start is None
            else sha256(network_files.path_of(options.start)),
            "weights": self.weights.sha256,
            "versions": {"stylize_tf": stylize_tf.__version__, **versions()},
        }


def prepare(
    options: Mapping[str, Any], config: Mapping[str, Any], listener: Listener
) -> TrainingJob:
    """Reads and checks all that a training needs, cheapest first.

    Args:
        options: fields of `TrainingOptions` that were given.
        config: fields of `TrainingConfig` that were given.
        listener: told of what is odd.

    Raises:
        ConfigError, ImageError, OutputError, WeightsError, StylizationError: saying which of it
            cannot be had.
    """
    asked, how = TrainingOptions(**options), TrainingConfig(**config)
    if not asked.style:
        raise ConfigError("`style` must be given: a painting to learn from.")
    if not asked.photos:
        raise ConfigError(WHERE_PHOTOGRAPHS_ARE)
    if asked.start is None and (how.trained != "all" or how.pruned < 1):
        name = "pruned" if how.trained == "all" else "trained"
        raise ConfigError(f"`{name}` goes with `start`: name a network.")
    if how.time_budget and "steps" in config:
        raise ConfigError("`steps` and `time_budget` exclude each other: leave one out.")
    names = [stem_of(path) for path in asked.style]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"`style` must be of different names, as the styles have them; got {name!r} "
                f"{names.count(name)} times. Rename a file."
            )
    _check_start(asked, how, names)
    _check_output(asked)
    photos = _photographs(asked.photos, listener)
    paintings = {name: _painting(path, how) for name, path in zip(names, asked.style, strict=True)}
    for option in ("samples", "tensorboard_dir"):
        folder = getattr(asked, option)
        if folder is not None:
            make_folder(folder, name=option)
    return TrainingJob(how, asked, paintings, photos, find_weights(asked, listener))


def _check_start(options: TrainingOptions, config: TrainingConfig, names: Sequence[str]) -> None:
    """Raises an error unless the network to begin with is one that the training can take."""
    if options.start is None:
        return
    found = network_files.config_in(network_files.path_of(options.start))
    if found["width"] != config.width:
        raise ConfigError(
            f"`start` {options.start!r} has a width of {found['width']:g}: give `width` "
            f"{found['width']:g}."
        )
    clash = sorted({*names} & {*found["styles"]})
    if config.trained == "styles" and clash:
        raise ConfigError(
            f"`style`: {options.start!r} has a style {clash[0]} already, and `trained` styles "
            f"leaves those as they are. Rename the painting."
        )


def _photographs(photos: Sequence[str], listener: Listener) -> tuple[str, ...]:
    """The files that are there."""
    files = find_files("photos", photos, listener.warning)
    there = [path for path in files if Path(path).is_file()]
    if not there:
        raise ImageError(f"`photos`: {files[0]!r} is not there. Check its name and its folder.")
    if len(there) < len(files):
        listener.warning(f"left out {len(files) - len(there)} `photos` that are not there.")
    return tuple(there)


def _painting(path: str, config: TrainingConfig) -> np.ndarray:
    painting = image_io.read(path, name="style")
    height, width = painting.shape[1:3]
    scale = min(1.0, config.style_size / max(height, width))
    if min(height, width) * scale < SMALLEST_PAINTING:
        raise ImageError(
            f"{path!r} is too small or too thin to learn from: {width}x{height} pixels, where a "
            f"long side of {config.style_size} leaves the other one fewer than "
            f"{SMALLEST_PAINTING}. Crop it, or take a larger one."
        )
    return painting


def _digest(photos: Sequence[str]) -> str:
    """Of names, sizes and beginnings of files: reading all of a hundred thousand takes long."""
    digest = hashlib.sha256()
    for path in photos:
        with Path(path).open("rb") as file:
            digest.update(f"{Path(path).name} {os.fstat(file.fileno()).st_size} ".encode())
            digest.update(file.read(16384))
    return digest.hexdigest()


def _check_output(options: TrainingOptions) -> None:
    """Raises an error unless the network can be written where it is to go."""
    path = options.output
    if path is None or Path(path).suffix != SUFFIX:
        got = "" if path is None else f"; got {path!r}"
        raise ConfigError(f"`output` must be given, a file that ends in {SUFFIX}{got}.")
    if Path(path).is_dir():
        raise OutputError(f"{label_of(path)} is a folder. Name a file in it.")
    try:
        try_replacing(Path(path))
    except OSError as error:
        raise unwritable(path, error) from error
    start = None if options.start is None else network_files.path_of(options.start)
    if start is not None and Path(path).exists() and Path(path).samefile(start):
        raise OutputError(f"{label_of(path)} is `start`, which it would overwrite. Name another.")
    if options.tensorboard_dir is not None:
        require("tensorboard", "tensorboard", "tensorboard_dir")


def unwritable(path: str, error: OSError) -> OutputError:
    """The error of a network that cannot be written."""
    return OutputError(
        f"{label_of(path)} cannot be written: {reason(error)}. Choose another place."
    )
