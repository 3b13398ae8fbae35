"""Pictures by a network in the optimizer's place, with all that is done around a picture."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.training import SHIPPED
from stylize_tf.control import masks
from stylize_tf.control.color_modes import MODES
from stylize_tf.errors import ConfigError, StylizationError
from stylize_tf.feedforward import network_files
from stylize_tf.feedforward.styles import Style, shares_of, style_of
from stylize_tf.images import image_io
from stylize_tf.images.files import sha256
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.pictures import cropped, cropped_mask
from stylize_tf.iterative.sources import Sources
from stylize_tf.jobs.options.painting import Options
from stylize_tf.machine import memory

if TYPE_CHECKING:
    from stylize_tf.iterative.run import Iterate

WHOLE_PIXELS = 2_000_000
"""Of a picture that is painted as a whole; larger ones go in bands, which take less memory."""

BAND_BYTES = (100, 300)
"""That a pixel takes in bands: with the picture and what is around it, and for a width of 1. 230
were measured at .5, at 4096x3072."""


@dataclasses.dataclass(frozen=True)
class NetworkFile:
    """What pictures are painted with, in the place of `Weights`.

    Attributes:
        path: of the network's file.
        styles: names of those that it has.
        asked: which of them, as it was given; one, or one for each region.
        sha256: of the file.
        source: what it is called.
        kind: of what it is.
    """

    path: Path
    styles: tuple[str, ...]
    asked: tuple[Style, ...]
    sha256: str
    source: str
    kind: str = "network"

    @property
    def label(self) -> str:
        """What names of pictures tell of the styles."""
        shares = [shares_of(style, self.styles) for style in self.asked]
        used = [name for own in shares for name, x in zip(self.styles, own, strict=True) if x]
        return re.sub(r"[^\w-]+", "-", "_".join(dict.fromkeys(used)))


def find(options: Options) -> NetworkFile:
    """The network that is asked for; its header is read, and the network is not loaded.

    Raises:
        WeightsError: if there is none.
        ConfigError: if it has no such style.
    """
    assert options.network is not None
    path = network_files.path_of(options.network)
    styles = tuple(network_files.config_in(path)["styles"])
    asked = tuple(style_of(text, styles) for text in options.network_style) or (None,)
    for style in asked:
        try:
            shares_of(style, styles)
        except ConfigError as error:
            raise ConfigError(str(error).replace("`style`", "`network_style`")) from error
    is_shipped = options.network == SHIPPED
    name = "the one that comes with stylize_tf" if is_shipped else repr(options.network)
    return NetworkFile(path, styles, asked, sha256(path), f"network {name}")


def check(options: Options, configs: Sequence[StyleTransferConfig], regions: int) -> None:
    """Raises a `ConfigError` if a network cannot paint what is asked for.

    Args:
        options: of the run.
        configs: of all that is made, several for a sheet.
        regions: masks of the photograph.
    """
    styles = len(options.network_style)
    if styles not in (0, 1, max(1, regions)):
        raise ConfigError(
            f"`network_style` must be given once, or once for each `content_mask`; got {styles} "
            f"for {max(1, regions)}."
        )
    if any(config.strength > 1 for config in configs):
        raise ConfigError(
            "`strength` goes up to 1 with a network, which has learned nothing beyond. Give a "
            "`style` in the place of `network`."
        )
    if any(config.color == "match" for config in configs):
        raise ConfigError(
            "`color` match changes the painting, which a network has learned as it is. Give "
            "`color` content or luminance."
        )


class NetworkStylizer:
    """Paints like a `Stylizer`, in one step and with a network.

    Args:
        config: of which those options count that `checks.WITH_NETWORK` names.
        file: the network.
        network: that of the file, if it is loaded already.
        is_compiled: whether many pictures follow, see `Network.function`.

    Attributes:
        network: that paints.

    Raises:
        WeightsError: if the network cannot be read.
    """

    def __init__(
        self,
        config: StyleTransferConfig,
        file: NetworkFile,
        network: Any = None,
        *,
        is_compiled: bool = False,
    ) -> None:
        self.config = config.replace(precision="float32")
        self.engine = SimpleNamespace(samples={})
        self._file, self._is_compiled = file, is_compiled
        from stylize_tf.feedforward.network import Network

        self.network = Network.load(file.path) if network is None else network

    def replace(self, **changes: Any) -> NetworkStylizer:
        """Another one of the same network, with some options changed."""
        config = self.config.replace(**changes)
        return NetworkStylizer(config, self._file, self.network, is_compiled=self._is_compiled)

    def warm(self) -> None:
        """Compiles what paints, so that the first picture does not wait for it."""
        self._run(np.zeros([1, 64, 64, 3], np.float32), self.network.blend(None))

    def final_size(self, content: np.ndarray) -> tuple[int, int]:
        """Height and width of the finished picture for a photograph `[1, H, W, 3]`."""
        return pyramid.final_size(self.config, *content.shape[1:3])

    def iterate(self, sources: Sources, **unused: Any) -> Iterator[Iterate]:
        """The only step of a picture.

        Args:
            sources: of which the photograph and the masks count.
            unused: what else a `Stylizer` is given.
        """
        from stylize_tf.iterative.run import Iterate

        started = time.perf_counter()
        image = self._painted(sources)
        height, width = image.shape[1:3]
        yield Iterate(
            *(1, 1, 1, 1, 1, 1, (1,)),
            *(height, width, {}, {}, time.perf_counter() - started, 0.0, ()),
            picture=SimpleNamespace(numpy=lambda: image),
        )

    def _painted(self, sources: Sources) -> np.ndarray:
        config = self.config
        photograph = image_io.read(sources.content, name="content")
        size = self.final_size(photograph)
        of_regions = [
            masks.read(mask, sources.content, photograph.shape[1:3], "content_mask")
            for mask in sources.content_masks
        ]
        strength = None
        if sources.strength_mask is not None:
            size_of = photograph.shape[1:3]
            strength = masks.read(sources.strength_mask, sources.content, size_of, "strength_mask")
        if config.crop == "square":
            strength = None if strength is None else cropped_mask(strength, 1.0, "strength_mask")
            photograph = cropped(photograph, 1.0)
            of_regions = [cropped_mask(mask, 1.0, "content_mask") for mask in of_regions]
        photograph = image_io.resize(photograph, *size).clip(0, 1)
        if not config.strength:
            return photograph
        mode = MODES[config.color]
        seen = photograph
        if config.color == "luminance":
            from stylize_tf.control import color

            seen = color.luminance(photograph, config.color_space).clip(0, 1)
        painted = [self._in_style(seen, style) for style in self._file.asked]
        covers = masks.covers_all(of_regions) or not of_regions
        if len(painted) == 1 and covers:
            image = painted[0]
        else:
            weights = masks.joined(of_regions, *size, config.mask_feather)
            total = weights.sum(axis=3, keepdims=True)
            several = painted * weights.shape[3] if len(painted) == 1 else painted
            parts = (x * weights[..., n : n + 1] for n, x in enumerate(several))
            image = sum(parts) / np.maximum(total, 1e-6)
        if mode.finish is not None:
            image = mode.finish(image, photograph, config)
        if not covers:
            image = masks.shown(image, photograph, total)
        if strength is not None:
            shares = masks.joined([strength], *size, config.mask_feather)
            image = masks.shown(image, photograph, shares)
        return np.asarray(image, np.float32)

    def _in_style(self, image: np.ndarray, style: Style) -> np.ndarray:
        """In a style as strongly as is asked for: a mix of the photograph and what is painted.

        A mix of the style's parameters with those of the photograph's style (Dumoulin et al. 2017)
        is none of strengths: networks have not learned what lies between, and at .5 two pictures of
        nine were farther from the painting than the photograph itself.
        """
        painted = self._run(image, shares_of(style, self._file.styles))
        if self.config.strength == 1:
            return painted
        return (image + self.config.strength * (painted - image)).clip(0, 1)

    def _run(self, image: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """What the network paints by shares of its styles."""
        from stylize_tf.feedforward import bands

        shares = np.asarray(shares, np.float32)
        pixels = image.shape[1] * image.shape[2]
        each = BAND_BYTES[0] + BAND_BYTES[1] * self.network.width
        needed, limit = each * pixels, memory.limit(0)
        if pixels > WHOLE_PIXELS and needed > limit:
            raise StylizationError(
                f"{image.shape[2]}x{image.shape[1]} pixels want about {needed / 1e9:.1f} GB, more "
                f"than the {limit / 1e9:.1f} GB that may be used. Ask for a smaller `size`."
            )
        if pixels > WHOLE_PIXELS:
            return bands.paint_shares(self.network, image, shares)
        if self._is_compiled:
            return np.asarray(self.network.function(image, shares[np.newaxis]))
        return np.asarray(self.network.graph([image, shares[np.newaxis]]))
