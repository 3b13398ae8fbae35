"""Clips of every kind, made by PyAV."""

from fractions import Fraction

import av
import numpy as np

RATE = 30


def picture(number, size=(96, 128)):
    """A frame `[H, W, 3]` of smooth colors with a red corner at the top left, uint8."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    colors = [(columns + number * 3) % 256, rows * 2 % 256, np.full_like(rows, number * 8 % 256)]
    image = np.stack(colors, axis=2).astype(np.uint8)
    image[: size[0] // 3, : size[1] // 4] = [250, 20, 20]
    return image


def make(
    path,
    *,
    codec="libx264",
    form="yuv420p",
    count=12,
    size=(96, 128),
    times=None,
    tracks=0,
    options=None,
    color=None,
    prepare=lambda output, stream: None,
    opacity=None,
):
    """Writes a clip of `picture`s.

    Args:
        times: of the frames, in 1/30 s; one after the other if None.
        tracks: of sound.
        color: matrix and range by their numbers, in which frames are stored and told to be.
        opacity: of all pixels, 0 to 255.
    """
    unit = Fraction(1, RATE)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=RATE, options=options or {})
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], form
        stream.time_base = stream.codec_context.time_base = unit
        if color is not None:
            stream.codec_context.colorspace, stream.codec_context.color_range = color
        sound = [output.add_stream("aac", rate=48_000) for _ in range(tracks)]
        prepare(output, stream)
        for number in range(count):
            for packet in stream.encode(_frame(number, size, form, color, opacity, times, unit)):
                output.mux(packet)
        output.mux(stream.encode(None))
        for number, track in enumerate(sound):
            _add_sound(output, track, round(48_000 * count * unit), 300 * (number + 1))
    return path


def _frame(number, size, form, color, opacity, times, unit):
    pixels = picture(number, size)
    if opacity is None:
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    else:
        alpha = np.full((*size, 1), opacity, np.uint8)
        frame = av.VideoFrame.from_ndarray(np.concatenate([pixels, alpha], axis=2), format="rgba")
    how = {} if color is None else {"dst_colorspace": color[0], "dst_color_range": color[1]}
    frame = frame.reformat(format=form, **how)
    if color is not None:
        frame.colorspace, frame.color_range = color
    frame.pts, frame.time_base = (times[number] if times else number), unit
    return frame


def _add_sound(output, track, samples, pitch):
    wave = np.sin(np.arange(samples) * (2 * np.pi * pitch / 48_000)) * 8000
    for start in range(0, samples, 960):
        part = wave[start : start + 960].astype(np.int16)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        output.mux(track.encode(frame))
    output.mux(track.encode(None))


def packets(path):
    """Track of sound or subtitles -> bytes and times of its packets."""
    found = {}
    with av.open(str(path)) as container:
        streams = [x for x in container.streams if x.type in ("audio", "subtitle")]
        for packet in container.demux(streams):
            if packet.size:
                time = packet.pts * Fraction(packet.time_base)
                found.setdefault(streams.index(packet.stream), []).append((bytes(packet), time))
    return found
