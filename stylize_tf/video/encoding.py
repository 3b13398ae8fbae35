"""Painted frames as a clip, with the sound and the subtitles of the one they are of."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stylize_tf.errors import ConfigError
from stylize_tf.machine.atomic_files import replacing
from stylize_tf.machine.extras import require
from stylize_tf.video.frames import Frame, offset_of

CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
}
"""Extension of a clip -> its format and its encoder, as FFmpeg calls them."""

_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "18", "preset": "medium"},
    "libx265": {
        "crf": "20",
        "preset": "medium",
        "x265-params": "log-level=error:frame-threads=1:pools=none",
    },
    "libvpx-vp9": {"crf": "24", "b": "0", "cpu-used": "2"},
    "libsvtav1": {"crf": "24", "preset": "6", "svtav1-params": "lp=1"},
    "libaom-av1": {"crf": "24", "cpu-used": "6"},
}
"""Of encoders: strokes are fine, so the quality is high."""

_BLOCK, _SMALL = 16, 64
"""Pixels of sides by which x264 has to divide, and of the least of them, or else it looks at memory
beyond the frame by its vector instructions: what it makes of equal frames differs then. It does so
with several threads, too."""

_COPIED = ("audio", "subtitle")

_BT709, _LIMITED = 1, 1
"""Colour matrix, primaries and transfer of what is written, and its range, in H.273's numbers."""


class Encoding(NamedTuple):
    """How a clip is written.

    Attributes:
        size: height and width of frames; an odd row or column is left out, as the usual formats
            have none.
        time_base: unit of times in seconds.
        rate: frames a second, about.
        aspect: width of a pixel over its height.
        encoder: as FFmpeg calls it; None for that of the extension.
        source: path of the clip whose sound and subtitles are copied; None for neither.
        start, end: in seconds, what is copied of it; None for all. The first time is that of
            `start` less itself.
    """

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction
    aspect: Fraction = Fraction(1)
    encoder: str | None = None
    source: str | None = None
    start: Fraction | None = None
    end: Fraction | None = None


def check(path: str, encoding: Encoding) -> None:
    """Makes sure that a clip can be written so, before there is a frame to write.

    Raises:
        ConfigError: if the format cannot hold the streams, or there is no such encoder.
    """
    require("av", "video", "output")
    form, encoder = _form(path, encoding)
    height, width = encoding.size
    frame = Frame(np.zeros([height, width, 3], np.uint8), Fraction(0))
    with contextlib.closing(io.BytesIO()) as file:
        _write(file, form, encoder, [frame], encoding, is_tried=True)


def write(path: str, frames: Iterable[Frame], encoding: Encoding) -> None:
    """Writes a clip, which appears when it is whole.

    Args:
        path: with an extension of `CONTAINERS`.
        frames: uint8 `[H, W, 3]` with times in seconds, ascending.
        encoding: how.

    Raises:
        ConfigError: as `check`.
        OSError: if it cannot be written.
    """
    form, encoder = _form(path, encoding)
    with replacing(Path(path)) as file:
        _write(file.name, form, encoder, frames, encoding)


def _form(path: str, encoding: Encoding) -> tuple[str, str]:
    form, encoder = CONTAINERS[Path(path).suffix.lower()]
    return form, encoding.encoder or encoder


def _write(
    file: Any,
    form: str,
    encoder: str,
    frames: Iterable[Frame],
    encoding: Encoding,
    *,
    is_tried: bool = False,
) -> None:
    import av

    options = {"movflags": "+faststart"} if form in ("mp4", "mov") and not is_tried else {}
    with contextlib.ExitStack() as stack:
        try:
            output = stack.enter_context(av.open(file, "w", format=form, options=options))
            stream = _video_stream(output, encoder, encoding)
            copied = _Copied(output, encoding, stack)
            for frame in frames:
                copied.until(frame.time)
                for packet in stream.encode(_encoded(frame, stream, encoding)):
                    output.mux(packet)
                if is_tried:
                    output.start_encoding()
                    return
            copied.until(None)
            output.mux(stream.encode(None))
        except ConfigError:
            raise
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError) and not isinstance(error, ValueError) and not is_tried:
                raise  # Of the disk.
            reason = " ".join(str(getattr(error, "strerror", None) or error).split())
            raise ConfigError(
                f"`output` {form} by {encoder} cannot hold this clip and its sound: {reason}. "
                f"Choose another `encoder`, or .mkv, which holds nearly everything."
            ) from error


def _video_stream(output: Any, encoder: str, encoding: Encoding) -> Any:
    import av

    try:
        codec = av.Codec(encoder, "w")
    except (av.FFmpegError, ValueError) as error:
        raise ConfigError(
            f"`encoder` {encoder!r} is not among those of this FFmpeg. {', '.join(_OPTIONS)} are "
            f"usual."
        ) from error
    if codec.type != "video":
        raise ConfigError(f"`encoder` {encoder!r} is none of pictures.")
    rate = encoding.rate.limit_denominator(60_000)
    sides = [side // 2 * 2 for side in encoding.size]
    stream = output.add_stream(encoder, rate=rate, options=_options(encoder, *sides))
    stream.height, stream.width = sides
    forms = [x.name for x in codec.video_formats or ()]
    stream.pix_fmt = "yuv420p" if "yuv420p" in forms or not forms else forms[0]
    context = stream.codec_context
    context.time_base = stream.time_base = encoding.time_base
    context.sample_aspect_ratio = encoding.aspect
    if stream.pix_fmt.startswith("yuv"):
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
    return stream


def _options(encoder: str, height: int, width: int) -> dict[str, str]:
    own = {**_OPTIONS.get(encoder, {}), "threads": "1"}
    if encoder == "libx264" and (height % _BLOCK or width % _BLOCK or min(height, width) < _SMALL):
        own["x264-params"] = "asm=0"
    return own


def _encoded(frame: Frame, stream: Any, encoding: Encoding) -> Any:
    import av

    pixels = np.ascontiguousarray(frame.image[: stream.height, : stream.width])
    picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    if stream.pix_fmt.startswith("yuv"):
        picture = picture.reformat(
            format=stream.pix_fmt,
            dst_colorspace=_BT709,
            dst_color_range=_LIMITED,
        )
        picture.colorspace, picture.color_range = _BT709, _LIMITED
    elif stream.pix_fmt != "rgb24":
        picture = picture.reformat(format=stream.pix_fmt)
    picture.pts = round(frame.time / encoding.time_base)
    picture.time_base = encoding.time_base
    return picture


class _Copied:
    """Packets of sound and subtitles, as they are in the clip that is painted."""

    def __init__(self, output: Any, encoding: Encoding, stack: contextlib.ExitStack):
        import av

        self._output = output
        self._start, self._end = encoding.start, encoding.end
        self._streams: Mapping[int, Any] = {}
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None
        self._offset = Fraction(0)
        if encoding.source is None:
            return
        container = stack.enter_context(av.open(encoding.source))
        self._offset = offset_of(container)
        streams = [x for x in container.streams if x.type in _COPIED]
        if not streams:
            return
        self._streams = {x.index: output.add_stream_from_template(x) for x in streams}
        for stream in streams:
            own = self._streams[stream.index]
            own.metadata.update(
                {k: v for k, v in stream.metadata.items() if k in ("language", "title")}
            )
        self._packets = (x for x in container.demux(streams) if x.dts is not None)
        self._next = next(self._packets, None)

    def until(self, time: Fraction | None) -> None:
        """Writes those before a time of what is written; None for the rest."""
        start = self._start or Fraction(0)
        while self._next is not None:
            packet = self._next
            base = Fraction(packet.time_base)
            ticks = packet.dts if packet.pts is None else packet.pts
            begins = ticks * base - self._offset
            if time is not None and begins - start > time:
                return
            self._next = next(self._packets, None)
            is_before = self._start is not None and begins < self._start
            if is_before or (self._end is not None and begins >= self._end):
                continue
            moved = round((self._offset + start) / base)
            if moved:
                packet.pts = None if packet.pts is None else packet.pts - moved
                packet.dts -= moved
            packet.stream = self._streams[packet.stream.index]
            self._output.mux(packet)
