"""A network, or the optimizer, exported to a file or a folder, which appears when compared."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stylize_tf.config.exports import FORMATS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import (
    ConfigError,
    ImageError,
    OutputError,
)
from stylize_tf.feedforward import network_files
from stylize_tf.feedforward.styles import shares_of, style_of
from stylize_tf.images import image_io
from stylize_tf.images.files import label_of, reason
from stylize_tf.jobs.folder.finding import find_files
from stylize_tf.jobs.job import find_weights
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options.export import ExportOptions
from stylize_tf.machine.atomic_files import try_replacing

if TYPE_CHECKING:
    from stylize_tf.export.comparison import Difference

SIDE = 512
"""Long side in pixels of photographs, if exports take any size."""

FITTED, FEW = 200, 4
"""Photographs, at most, to which ranges are fitted, and on which exports are compared."""


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
    if asked.iterative:
        return _prepare_optimizer(asked)
    if asked.weights is not None or asked.offline is not None:
        name = "offline" if asked.weights is None else "weights"
        raise ConfigError(f"`{name}` is of VGG19, which only `iterative` takes: leave it out.")
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


def _prepare_optimizer(asked: ExportOptions) -> ExportJob:
    for name, example in (("fixed_size", "512x384"), ("output", "FOLDER")):
        if getattr(asked, name) is None:
            raise ConfigError(f"`{name}` must be given with `iterative`: `{name}` {example}.")
    default = ExportOptions()
    for name in ("network", "network_style", "quantize", "photos"):
        if getattr(asked, name) != getattr(default, name):
            raise ConfigError(f"`{name}` is of networks: leave it out, or `iterative`.")
    if asked.format not in (None, "saved_model"):
        raise ConfigError(f"`format` must be saved_model with `iterative`; got {asked.format!r}.")
    assert asked.output is not None
    _check_output(asked.output, is_folder=True)
    return ExportJob(asked, (), ())


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
    """Exports what a job asks for; the path, and how far the export is from what it is of.

    Raises:
        ConfigError, ImageError, StylizationError, OutputError, WeightsError: as the parts do.
    """
    from stylize_tf.export.exporting import export
    from stylize_tf.feedforward.network import Network

    options = job.options
    if options.iterative:
        return _export_optimizer(job, listener)
    assert options.network is not None
    assert options.format is not None
    assert options.output is not None
    network = Network.load(network_files.path_of(options.network))
    found = export(
        network,
        options.format,
        options.output,
        blend=job.blend,
        size=job.size,
        quantize=options.quantize,
        photographs=_photographs(job, listener),
    )
    return options.output, found


def _export_optimizer(job: ExportJob, listener: Listener) -> tuple[str, Difference]:
    from stylize_tf.evaluation.engine import Engine
    from stylize_tf.export import optimizer

    output, size = job.options.output, job.size
    assert output is not None
    assert size is not None
    engine = Engine.vgg19(find_weights(job.options, listener))
    listener.info("Painting a made-up picture with the optimizer and with its export ...")
    try:
        return output, optimizer.export(StyleTransferConfig(), engine, output, size)
    except ConfigError as error:
        raise ConfigError(str(error).replace("`size`", "`fixed_size`")) from error


def _photographs(job: ExportJob, listener: Listener) -> Sequence[np.ndarray]:
    """Those that were given, at the size of the export."""
    images: list[np.ndarray] = []
    left_out: list[str] = []
    wanted = FITTED if job.options.quantize in ("int8", "int16x8") else FEW
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
    return images


def _at_size(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    from stylize_tf.feedforward.network import SMALLEST_SIDE

    height, width = image.shape[1:3]
    scale = min(1.0, SIDE / max(height, width))
    own = (max(SMALLEST_SIDE, round(side * scale)) for side in (height, width))
    return image_io.resize(image, *(size or own)).clip(0, 1)
