"""Clips in Python: an iterator of finished frames, with the times they belong to."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.video import VideoConfig
from stylize_tf.errors import ConfigError
from stylize_tf.images import image_io
from stylize_tf.images.image_io import ImageLike
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.sources import as_tuple
from stylize_tf.jobs.video.painters import FramesByNetwork, FramesByOptimizer
from stylize_tf.video import sequence
from stylize_tf.video.clips import Clip
from stylize_tf.video.flow import Flow, flow_of
from stylize_tf.video.frames import Frame


def painted(
    frames: str | os.PathLike[str] | Iterable[Frame],
    style: Any = (),
    config: StyleTransferConfig | None = None,
    video: VideoConfig | None = None,
    *,
    engine: Any = None,
    network: Any = None,
    flow: Flow | None = None,
) -> Iterator[Frame]:
    """Paints a clip, yielding each frame as it is finished.

    Args:
        frames: the path of a clip, or frames in the order of their times.
        style: one painting or several, as for `Stylizer.iterate`.
        config: of a frame; its defaults if None. With a network its size, strength and colors.
        video: of the clip; its defaults if None. `passes` must be 1.
        engine: that of a stylizer; one of VGG19 is made if None.
        network: a `NetworkStylizer` that paints in place of the optimizer.
        flow: of two frames, in the place of `video.flow`.

    Yields:
        float32 `[H, W, 3]` in [0, 1], at the size that `config` asks for, with the time of the
        frame that it is of, in seconds.

    Raises:
        ConfigError, ImageError, WeightsError, StylizationError: as the parts do.
    """
    config, video = config or StyleTransferConfig(), video or VideoConfig()
    if video.passes != 1:
        raise ConfigError("`passes` must be 1 where frames are wanted as they come.")
    if isinstance(frames, str | os.PathLike):
        frames = Clip(frames).frames()
    painter: FramesByNetwork | FramesByOptimizer
    if network is not None:
        names = ("size", "size_of", "strength", "color", "color_space", "color_amount")
        asked = {name: getattr(config, name) for name in names}
        painter = FramesByNetwork(network.replace(**asked), video)
    else:
        if engine is None:
            from stylize_tf.evaluation.engine import Engine

            engine = Engine.vgg19(None)
        paintings: tuple[ImageLike, ...] = as_tuple(style, "style")
        styles = [image_io.read(painting, name="style") for painting in paintings]
        painter = FramesByOptimizer(config, video, engine, styles)
    given, timed = itertools.tee(frames)
    found = sequence.paint(
        (_sized(frame.image, config) for frame in given),
        painter,
        flow or flow_of(video.flow),
        video.lags,
    )
    for frame, each in zip(timed, found, strict=True):
        image = each.image[np.newaxis].astype(np.float32) / 255
        yield Frame(painter.finish(image)[0].clip(0, 1), frame.time)


def _sized(image: np.ndarray, config: StyleTransferConfig) -> np.ndarray:
    size = pyramid.final_size(config, *image.shape[:2])
    return image_io.resize(image[np.newaxis], *size)[0].clip(0, 1)
