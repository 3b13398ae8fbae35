"""Clips that are read by PyAV: all that FFmpeg decodes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from stylize_tf.errors import ImageError
from stylize_tf.machine.extras import require
from stylize_tf.video.frames import Frame, offset_of

_LOGGER = logging.getLogger("stylize_tf")

HIGH_RANGE = {16: "PQ", 18: "HLG"}
"""Transfer functions of high dynamic range, by their numbers in ITU-T H.273."""

_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""Number of a colour matrix in H.273 -> in swscale."""

_UNSPECIFIED, _BT709, _BT601 = 2, 1, 5

_LIBVPX = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that see the transparency of their format."""

_FROM_LINES = 720
"""Pixels of the height from which a clip that does not tell its colour matrix has that of BT.709,
as players take it."""

_LARGEST_STEP_BACK = 1
"""Seconds."""

_USUAL = Fraction(25)
"""Frames a second of a clip that does not tell how many it has."""


class Clip:
    """A clip in a file.

    Args:
        path: of the file.
        background: RGB in [0, 255], before which transparent pixels are shown; None refuses them.

    Attributes:
        label, size, rate, count, metadata: see `frames.Source`.
        path: of the file.

    Raises:
        ImageError: if there is no clip in it that can be painted; it says why.
    """

    def __init__(
        self, path: str | os.PathLike[str], background: tuple[int, int, int] | None = None
    ):
        require("av", "video", "content")
        self.path = os.fspath(path)
        self.label = repr(self.path)
        self._background = background
        with self._opened() as container:
            stream = self._stream(container)
            self._check_colors(stream)
            first = next(self._decoded(container, stream), None)
            if first is None:
                raise ImageError(f"{self.label} has no frame that can be decoded.")
            if getattr(first, "color_trc", 0) in HIGH_RANGE:
                name = HIGH_RANGE[int(first.color_trc)]
                raise ImageError(
                    f"{self.label} is of high dynamic range ({name}), which is not painted. Bring "
                    f"it to BT.709 first, by FFmpeg's filters zscale and tonemap."
                )
            self._rotation = _quarters(first)
            self._sides = first.height, first.width
            self.size = self._sides[:: -1 if self._rotation % 2 else 1]
            self.rate = Fraction(stream.guessed_rate or stream.average_rate or _USUAL)
            self.count = stream.frames or self._estimated(container, stream)
            self.metadata: Mapping[str, Any] = {
                "time_base": Fraction(stream.time_base),
                "aspect": self._aspect(stream),
            }

    def frames(self) -> Iterator[Frame]:
        """See `frames.Source`."""
        with self._opened() as container:
            stream = self._stream(container)
            last, offset = None, offset_of(container)
            for decoded in self._decoded(container, stream):
                if decoded.pts is None:
                    time = Fraction(0) if last is None else last + 1 / self.rate
                else:
                    time = decoded.pts * Fraction(decoded.time_base) - offset
                if (decoded.height, decoded.width) != self._sides:
                    raise ImageError(
                        f"{self.label} changes its size at {float(time):.3f} s, from "
                        f"{self._sides[1]}x{self._sides[0]} to {decoded.width}x{decoded.height}. "
                        f"Cut it in two there."
                    )
                if last is not None and time <= last:
                    if last - time > _LARGEST_STEP_BACK:
                        raise ImageError(
                            f"{self.label} goes back from {float(last):.3f} s to "
                            f"{float(time):.3f} s. Cut it in two there."
                        )
                    continue  # Broken files have some frames twice.
                last = time
                yield Frame(self._image(decoded), time)

    def _opened(self) -> Any:
        import av

        if not os.path.isfile(self.path):  # noqa: PTH113 - a path that is not one is none either
            raise ImageError(f"{self.label} is not there. Check its name and its folder.")
        try:
            return av.open(self.path)
        except (av.FFmpegError, ValueError) as error:
            raise ImageError(
                f"{self.label} is no clip that can be read: {_reason(error)}. It may be empty, cut "
                f"off, or of another kind."
            ) from error

    def _stream(self, container: Any) -> Any:
        from av.stream import Disposition

        covers = 0
        for stream in container.streams.video:
            if stream.disposition & Disposition.attached_pic:
                covers += 1
                continue
            if _hides_alpha(stream):
                self._check_transparent()
            if stream.codec_context is None:
                raise ImageError(f"{self.label} is of a format that cannot be decoded here.")
            stream.thread_type = "AUTO"
            return stream
        but = ", but a cover" if covers else ""
        raise ImageError(f"{self.label} has no moving picture{but}. Name a clip.")

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """The frames as they are decoded, of interlaced ones whole pictures."""
        import av

        try:
            whole = None
            for number, frame in enumerate(_as_stored(container, stream, self.label)):
                if number == 0 and frame.interlaced_frame:
                    whole = _deinterlacing(stream)
                if whole is None:
                    yield frame
                else:
                    whole.vpush(frame)
                    yield from _pulled(whole)
            if whole is not None:
                whole.vpush(None)
                yield from _pulled(whole)
        except av.FFmpegError as error:
            raise ImageError(
                f"{self.label} cannot be decoded further: {_reason(error)}. `end` leaves the rest "
                f"out."
            ) from error

    def _check_colors(self, stream: Any) -> None:
        components = stream.codec_context.format.components if stream.codec_context.format else ()
        if any(component.is_alpha for component in components):
            self._check_transparent()

    def _check_transparent(self) -> None:
        if self._background is None:
            raise ImageError(
                f"{self.label} is transparent, which painted clips are not. Give a `background`, "
                f"such as white."
            )

    def _image(self, frame: Any) -> np.ndarray:
        """Float32 RGB, upright."""
        has_alpha = any(component.is_alpha for component in frame.format.components)
        matrix = int(frame.colorspace)
        if matrix == _UNSPECIFIED:
            matrix = _BT709 if min(self._sides) >= _FROM_LINES else _BT601
        options = {} if frame.format.is_rgb else {"src_colorspace": _MATRICES.get(matrix, _BT709)}
        form = "rgba" if has_alpha else "rgb24"
        pixels = frame.to_ndarray(format=form, **options).astype(np.float32) / 255
        if has_alpha:
            behind = np.array(self._background, np.float32) / 255
            pixels = behind + pixels[..., 3:] * (pixels[..., :3] - behind)
        return np.ascontiguousarray(np.rot90(pixels, self._rotation))

    def _aspect(self, stream: Any) -> Fraction:
        """Width of a pixel over its height, as it is shown."""
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        return 1 / aspect if self._rotation % 2 else aspect

    def _estimated(self, container: Any, stream: Any) -> int | None:
        import av

        if stream.duration:
            return round(stream.duration * stream.time_base * self.rate)
        if container.duration:
            return round(container.duration / av.time_base * self.rate)
        return None


def _quarters(frame: Any) -> int:
    """Turns to the left by which a frame is upright."""
    return round((frame.rotation or 0) / 90) % 4


def _hides_alpha(stream: Any) -> bool:
    """Whether a clip of VP8 or VP9 has transparency, which is beside the picture there."""
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    return tags.get("alpha_mode") == "1" and stream.codec_context.name in _LIBVPX


def _as_stored(container: Any, stream: Any, label: str) -> Iterator[Any]:
    """The frames one by one; what of the file is broken is left out, as FFmpeg's players do."""
    import av

    decoder = stream.codec_context
    if _hides_alpha(stream):
        decoder = av.CodecContext.create(_LIBVPX[decoder.name], "r")
        decoder.extradata = stream.codec_context.extradata
    broken = 0
    for packet in container.demux(stream):
        try:
            frames = decoder.decode(packet if packet.size else None)
        except av.error.InvalidDataError:
            broken += 1
            continue
        for frame in frames:
            frame.time_base = frame.time_base or stream.time_base
            yield frame
    if broken:
        _LOGGER.warning("%s: %d broken packets were left out.", label, broken)


def _deinterlacing(stream: Any) -> Any:
    import av

    graph = av.filter.Graph()
    source = graph.add_buffer(template=stream)
    whole = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(whole)
    whole.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Any) -> Iterator[Any]:
    import av

    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split()).rstrip(".")
