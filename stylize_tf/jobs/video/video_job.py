"""A clip that is to be painted, checked as far as it can be before TensorFlow is loaded."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import itertools
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import stylize_tf
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.video import VideoConfig
from stylize_tf.errors import ConfigError, OutputError
from stylize_tf.images import image_io
from stylize_tf.images.files import is_picture, label_of, reason, sha256
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.sources import Sources
from stylize_tf.jobs.folder.finding import find_files
from stylize_tf.jobs.job import check_given, find_painter
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.networks import painting as networks
from stylize_tf.jobs.networks.painting import NetworkFile
from stylize_tf.jobs.options.checks import check_network
from stylize_tf.jobs.options.painting import Given, Options
from stylize_tf.jobs.options.video import VideoOptions
from stylize_tf.jobs.outputs import make_folder
from stylize_tf.machine.atomic_files import try_replacing
from stylize_tf.machine.extras import require
from stylize_tf.machine.tensorflow_runtime import versions
from stylize_tf.video import encoding
from stylize_tf.video.clips import Clip
from stylize_tf.video.encoding import Encoding
from stylize_tf.video.flow import DIS
from stylize_tf.video.frames import Frame, Source
from stylize_tf.video.pictures import ANIMATIONS, Animation, Pictures

if TYPE_CHECKING:
    from stylize_tf.network.weights import Weights

_WHITE = (255, 255, 255)


@dataclasses.dataclass(frozen=True)
class VideoJob:
    """A clip whose first frame was read and whose output can be written.

    Attributes:
        options: files and machine.
        video: how the clip is painted.
        config: how a frame is.
        source: of the frames.
        styles: the paintings, `[1, H, W, 3]`; none with a network.
        weights: of VGG19, or the network that paints in its place.
        size: height and width of painted frames.
        digests: SHA-256 of every file that the pixels come from.
    """

    options: VideoOptions
    video: VideoConfig
    config: StyleTransferConfig
    source: Source
    styles: tuple[np.ndarray, ...]
    weights: Weights | NetworkFile
    size: tuple[int, int]
    digests: tuple[str, ...]

    @property
    def output(self) -> str:
        """Where the clip goes."""
        assert self.options.output is not None
        return self.options.output

    @property
    def recipe(self) -> dict[str, Any]:
        """All that decides the frames, as plain data."""
        options = self.options
        return {
            "config": {**self.config.to_dict(), "time_budget": bool(self.config.time_budget)},
            "video": self.video.to_dict(),
            "files": self.digests,
            "frames": [
                *(options.start, options.end, options.every, options.preview),
                *(options.rate, options.background),
            ],
            "network_style": options.network_style,
            "weights": self.weights.sha256,
            "versions": {
                "stylize_tf": stylize_tf.__version__,
                **versions(),
                **{x: importlib.metadata.version(x) for x in ("av", "opencv-python-headless")},
            },
        }

    @property
    def start(self) -> Fraction:
        """Second of the clip to begin at, as it was written."""
        return Fraction(str(self.options.start))

    @property
    def end(self) -> Fraction | None:
        """Second of the clip to end before."""
        return Fraction(str(self.options.end)) if self.options.end else None

    @property
    def encoding(self) -> Encoding:
        """How the clip is written."""
        options, source = self.options, self.source
        is_clip = isinstance(source, Clip)
        return Encoding(
            self.size,
            source.metadata["time_base"],
            source.rate / options.every,
            source.metadata.get("aspect", Fraction(1)),
            options.encoder,
            source.path if isinstance(source, Clip) else None,
            self.start if options.start and is_clip else None,
            self.end,
        )

    @property
    def count(self) -> int | None:
        """Frames that are painted, about; None if that is not known."""
        options, count = self.options, self.source.count
        if count is not None:
            seconds = count / self.source.rate
            seconds = min(seconds, self.end or seconds)
            seconds = max(seconds - self.start, Fraction(0))
            count = max(1, -(-round(seconds * self.source.rate) // options.every))
        if options.preview:
            count = options.preview if count is None else min(count, options.preview)
        return count

    def frames(self) -> Iterator[Frame]:
        """Those that are painted, at the size that they are painted at."""
        options = self.options
        start, end = self.start, self.end
        begun = (x for x in self.source.frames() if x.time >= start)
        within = itertools.takewhile(lambda x: end is None or x.time < end, begun)
        some = itertools.islice(within, 0, None, options.every)
        for frame in itertools.islice(some, options.preview or None):
            image = image_io.resize(frame.image[np.newaxis], *self.size)[0].clip(0, 1)
            yield Frame(image, frame.time)


def prepare(given: Given, video: Mapping[str, Any], listener: Listener) -> VideoJob:
    """Reads and checks all that a clip needs, cheapest first.

    Args:
        given: fields of `VideoOptions`, and of `StyleTransferConfig`.
        video: fields of `VideoConfig`.
        listener: told of what is odd.

    Raises:
        ConfigError, ImageError, OutputError, WeightsError, StylizationError: saying which of it
            cannot be had.
    """
    require("av", "video", "video")
    require("cv2", "video", "video")
    options, how = VideoOptions(**given.options), VideoConfig(**video)
    config = StyleTransferConfig(**given.config)
    check_given(
        [x for x in ("content", "style") if getattr(options, x)], _EXAMPLE, not options.network
    )
    _check_options(options, how, config, given, listener)
    _check_effects(options, video)
    source, files = _source(options, listener)
    if how.flow != DIS and not Path(how.flow).is_file():
        raise ConfigError(f"`flow` must be {DIS} or an ONNX file; {how.flow!r} is not there.")
    styles = tuple(image_io.read(path, name="style") for path in options.style)
    blank = np.zeros([1, *source.size, 3], np.float32)
    if styles:
        Sources.of(blank, styles).check(config)
    size = pyramid.final_size(config, *source.size)
    others = [*options.style, *([how.flow] if how.flow != DIS else [])]
    digests = (*_digests(files), *(sha256(path) for path in others))
    asked = Options(
        network=options.network,
        network_style=options.network_style,
        weights=options.weights,
        offline=options.offline,
    )
    if options.network is not None:
        networks.find(asked)
    job = VideoJob(options, how, config, source, styles, None, size, digests)  # type: ignore[arg-type]
    _check_output(job, files)
    return dataclasses.replace(job, weights=find_painter(asked, listener))


_EXAMPLE = "`content` CLIP `style` PAINTING"


def _check_options(
    options: VideoOptions,
    video: VideoConfig,
    config: StyleTransferConfig,
    given: Given,
    listener: Listener,
) -> None:
    if options.end and options.end <= options.start:
        raise ConfigError(
            f"`end` must be after `start`; got {options.end:g} and {options.start:g}."
        )
    if config.crop == "square":
        raise ConfigError("`crop` is of pictures: crop the clip before.")
    if config.init == "picture":
        raise ConfigError("`init` picture is of pictures: a clip begins with its frames.")
    if options.network is None:
        return
    if video.passes > 1:
        raise ConfigError("`passes` 2 is of the optimizer: leave it out, or `network`.")
    names = {x: y for x, y in given.options.items() if x in ("style", "network", "network_style")}
    check_network(Given(names, given.config, given.from_files), listener.warning)
    asked = Options(network=options.network, network_style=options.network_style)
    networks.check(asked, [config], 0)


def _check_effects(options: VideoOptions, video: Mapping[str, Any]) -> None:
    """Raises a `ConfigError` for an option that has no effect on what is painted so."""
    of_optimizer = [x for x in ("temporal_weight", "frame_steps") if x in video]
    if options.network is not None and of_optimizer:
        raise ConfigError(f"`{of_optimizer[0]}` is of the optimizer: leave it out, or `network`.")
    if options.network is None and ("blend" in video or options.network_style):
        name = "blend" if "blend" in video else "network_style"
        raise ConfigError(f"`{name}` goes with `network`. Give that, or leave it out.")


def _source(options: VideoOptions, listener: Listener) -> tuple[Source, list[str]]:
    """What the frames come from, and its files."""
    given = options.content
    background = None if options.background is None else _channels(options.background)
    is_one = len(given) == 1 and Path(given[0]).is_file()
    if is_one and not is_picture(given[0]):
        return Clip(given[0], background), [*given]
    files = find_files("content", given, listener.warning)
    if len(files) == 1 and Path(files[0]).suffix.lower() in (*ANIMATIONS, ".png"):
        animation = Animation(files[0], background or _WHITE)
        if (animation.count or 1) > 1:
            return animation, files
    if len(files) == 1 and not is_picture(files[0]):
        return Clip(files[0], background), files  # That it is not there is told so.
    rate = Fraction(options.rate).limit_denominator(1001)
    return Pictures(files, rate, background or _WHITE), files


def _channels(color: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue


def _digests(files: Sequence[str]) -> list[str]:
    """Of one file its own; of many of all together."""
    each = [sha256(path) for path in files]
    return each if len(each) == 1 else [hashlib.sha256("".join(each).encode()).hexdigest()]


def _check_output(job: VideoJob, files: Sequence[str]) -> None:
    path = job.options.output
    if path is None:
        raise ConfigError("`output` must be given: `output` CLIP.mp4, or a folder.")
    suffix = Path(path).suffix.lower()
    if suffix not in (*encoding.CONTAINERS, *ANIMATIONS):
        if suffix and not Path(path).is_dir():
            known = ", ".join((*encoding.CONTAINERS, *ANIMATIONS))
            raise ConfigError(f"`output` must end in one of {known}, or be a folder; got {path!r}.")
        if Path(path).is_dir() and any(Path(path).iterdir()):
            raise OutputError(f"{label_of(path)} is not empty. Name another folder.")
        make_folder(path, name="output")
    elif Path(path).is_dir():
        raise OutputError(f"{label_of(path)} is a folder. Name a file in it.")
    else:
        try:
            try_replacing(Path(path))
        except OSError as error:
            raise OutputError(
                f"{label_of(path)} cannot be written: {reason(error)}. Choose another place."
            ) from error
        for own in (*files, *job.options.style):
            if Path(path).exists() and Path(own).exists() and Path(path).samefile(own):
                raise OutputError(f"{label_of(path)} is read for it, and would be overwritten.")
    if suffix in encoding.CONTAINERS:
        encoding.check(path, job.encoding)
    elif job.options.encoder is not None:
        raise ConfigError("`encoder` is of clips, as .mp4: leave it out.")
    if job.options.checkpoint_dir is not None:
        make_folder(job.options.checkpoint_dir, name="checkpoint_dir")
