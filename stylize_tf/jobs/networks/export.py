"""A network exported to a file or a folder, which appears when it was compared with the network."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stylize_tf.control.initial import pink_noise
from stylize_tf.errors import (
    ConfigError,
    ImageError,
    OutputError,
    StylizationError,
    WeightsError,
)
from stylize_tf.feedforward import network_files
from stylize_tf.feedforward.styles import shares_of, style_of
from stylize_tf.images import image_io
from stylize_tf.images.files import label_of, reason, replace_file
from stylize_tf.jobs.folder.finding import find_files
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options.export import FORMATS, ExportOptions
from stylize_tf.machine.atomic_files import try_replacing

if TYPE_CHECKING:
    from stylize_tf.export.comparison import Difference

COMPARED = 4
"""Photographs on which an export is compared with its network."""

SIDE = 512
"""Long side in pixels of photographs, if exports take any size."""

FITTED = 200
"""Photographs, at most, by which ranges are fitted."""


class ExportJob(NamedTuple):
    """An export that was checked as far as it can be before TensorFlow is loaded.

    Attributes:
        options: what is asked for.
        styles: of the network.
        photos: files of photographs.
    """

    options: ExportOptions
    styles: tuple[str, ...]
    photos: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width, if they are fixed."""
        if self.options.fixed_size is None:
            return None
        width, height = map(int, self.options.fixed_size.split("x"))
        return height, width

    @property
    def blend(self) -> np.ndarray | None:
        """What is built in, if it is."""
        text = self.options.network_style
        if text is None and len(self.styles) > 1:
            return None
        style = None if text is None else style_of(text, self.styles)
        try:
            return shares_of(style, self.styles)
        except ConfigError as error:
            raise ConfigError(str(error).replace("`style`", "`network_style`")) from error


def prepare(options: Mapping[str, Any], listener: Listener) -> ExportJob:
    """Checks what can be checked before TensorFlow is loaded.

    Raises:
        ConfigError, ImageError, OutputError, WeightsError: saying what cannot be had.
    """
    asked = ExportOptions(**options)
    for name, example in (("network", "NETWORK.keras"), ("format", "onnx"), ("output", "FILE")):
        if getattr(asked, name) is None:
            raise ConfigError(f"`{name}` must be given: `{name}` {example}.")
    assert asked.network is not None
    assert asked.format is not None
    assert asked.output is not None
    suffix, known = FORMATS[asked.format]
    if Path(asked.output).suffix != suffix and suffix:
        raise ConfigError(
            f"`output` must end in {suffix} for {asked.format}; got {asked.output!r}."
        )
    if asked.quantize not in known:
        raise ConfigError(
            f"`quantize` must be {' or '.join(known)} for {asked.format}; got {asked.quantize!r}."
        )
    if asked.quantize in ("int8", "int16x8") and not asked.photos:
        raise ConfigError(
            f"`photos` must be given for `quantize` {asked.quantize}: ranges are fitted to them."
        )
    styles = tuple(network_files.config_in(network_files.path_of(asked.network))["styles"])
    job = ExportJob(asked, styles, tuple(find_files("photos", asked.photos, listener.warning)))
    _ = job.blend  # Whether there is such a style.
    _check_output(asked.output, is_folder=not suffix)
    return job


def _check_output(output: str, *, is_folder: bool) -> None:
    target = Path(output)
    if is_folder and os.path.lexists(target):
        raise OutputError(f"{label_of(output)} is there already. Choose another folder.")
    if not is_folder and target.is_dir():
        raise OutputError(f"{label_of(output)} is a folder. Name a file in it.")
    try:
        try_replacing(target)
    except OSError as error:
        raise OutputError(
            f"{label_of(output)} cannot be written: {reason(error)}. Choose another place."
        ) from error


def export(job: ExportJob, listener: Listener) -> tuple[str, Difference]:
    """Converts the network, compares it, and puts the export in its place.

    Returns:
        The path, and how far it is from the network.

    Raises:
        ConfigError: if a package of the format is not installed.
        StylizationError: if it cannot be converted, or is too far from the network.
        OutputError: if it cannot be written.
    """
    try:
        with _quietly():
            return _exported(job, listener)
    except (ConfigError, ImageError, StylizationError, WeightsError):
        raise
    except Exception as error:
        full = isinstance(error, OSError) or "No space left" in str(error)
        if not full or isinstance(error, ImportError):
            raise
        why = reason(error) if isinstance(error, OSError) else "no space left on the device"
        raise OutputError(
            f"{label_of(str(job.options.output))} cannot be written: {why}. Choose another place."
        ) from error


def _exported(job: ExportJob, listener: Listener) -> tuple[str, Difference]:
    from stylize_tf.export.comparison import compare
    from stylize_tf.export.painter import Painter
    from stylize_tf.feedforward.network import Network

    options = job.options
    assert options.network is not None
    assert options.output is not None
    form = _module(job)
    form.check()
    network = Network.load(network_files.path_of(options.network))
    painter = Painter(network, job.blend, job.size)
    photographs = _photographs(job, listener)
    assert options.format is not None
    if FORMATS[options.format][0]:
        model = form.convert(painter, options.quantize, photographs)
        found = compare(painter, form.opened(model), photographs[:COMPARED], options.quantize)
        replace_file(options.output, model)
        return options.output, found
    target = Path(options.output)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        made = Path(folder, "model")
        form.write(painter, made)
        found = compare(painter, form.opened(made), photographs[:COMPARED], options.quantize)
        try:
            made.rename(target)
        except OSError as error:
            raise OutputError(
                f"{label_of(target)} cannot be written: {reason(error)}. Choose another place."
            ) from error
    return options.output, found


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """What converters log is of their own making, and nothing that users could do about."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _module(job: ExportJob) -> ModuleType:
    return importlib.import_module(f"stylize_tf.export.{job.options.format}")


def _photographs(job: ExportJob, listener: Listener) -> Sequence[np.ndarray]:
    """Those that were given, at the size of the export; or a made-up picture."""
    images: list[np.ndarray] = []
    left_out: list[str] = []
    wanted = FITTED if job.options.quantize in ("int8", "int16x8") else COMPARED
    for path in job.photos:
        if len(images) == wanted:
            break
        try:
            images.append(_at_size(image_io.read(path), job.size))
        except ImageError as error:
            left_out.append(str(error))
    if left_out:
        listener.warning(f"left out {len(left_out)} of {len(job.photos)} `photos`: {left_out[0]}")
    if job.photos and not images:
        raise ImageError(f"`photos`: no picture can be read: {left_out[0]}")
    if not images:
        shape = (1, *(job.size or (SIDE // 2, SIDE // 2 + 31)), 3)
        noise = pink_noise(shape, np.random.default_rng(0))
        images.append((0.5 + 0.15 * noise).clip(0, 1).astype(np.float32))
    return images


def _at_size(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    height, width = image.shape[1:3]
    if size is None:
        scale = min(1.0, SIDE / max(height, width))
        size = max(9, round(height * scale)), max(9, round(width * scale))
    return image_io.resize(image, *size).clip(0, 1)
