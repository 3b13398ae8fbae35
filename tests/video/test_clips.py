"""Clips of every kind are read right, or refused by name (times, colors, turns, transparency)."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from stylize_tf.errors import ImageError
from stylize_tf.video.clips import Clip
from tests.fakes import clips
from tests.fakes.clips import make, picture

WHITE = (255, 255, 255)


def read(path, background=None):
    return list(Clip(path, background).frames())


def off(frames, size=(96, 128)):
    """Mean grey levels by which the worst of the frames is off."""
    return max(np.abs(x.image * 255 - picture(n, size)).mean() for n, x in enumerate(frames))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", {"tracks": 1}),
        ("ten.mp4", {"form": "yuv420p10le"}),
        ("bframes.mp4", {"options": {"bf": "3"}}),
        ("full.mp4", {"color": (1, 2)}),
        ("limited709.mp4", {"color": (1, 1)}),
        ("limited601.mp4", {"color": (5, 1)}),
        ("lossless.mkv", {"codec": "ffv1", "form": "bgr0"}),
        ("vp9.webm", {"codec": "libvpx-vp9"}),
        ("one.mp4", {"count": 1}),
        ("raw.h264", {}),
    ],
)
def test_frames_are_right_and_at_their_times(tmp_path, name, options):
    frames = read(make(tmp_path / name, **options))
    assert len(frames) == options.get("count", 12)
    assert off(frames) < 4
    unit = Fraction(1, 1000) if name.endswith((".mkv", ".webm")) else Fraction(1, 10**7)
    for number, frame in enumerate(frames):
        assert abs(frame.time - Fraction(number, 30)) <= unit / 2


def test_times_are_each_frames_own(tmp_path):
    times = [0, 1, 5, 6, 10, 20, 21, 22, 30, 31, 40, 55]
    path = make(tmp_path / "clip.mp4", times=times)
    assert [frame.time * 30 for frame in read(path)] == times
    early = read(make(tmp_path / "early.mov", times=range(-5, 7)))
    assert np.diff([float(frame.time * 30) for frame in early]) == pytest.approx(1)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_clips_are_upright(tmp_path, turn):
    path = make(
        tmp_path / "clip.mp4", prepare=lambda output, stream: stream.set_display_rotation(turn)
    )
    whole, seen = cv2.VideoCapture(str(path)).read()  # Which turns it, too.
    assert whole
    clip = Clip(path)
    assert clip.size == seen.shape[:2]
    first = next(clip.frames()).image
    np.testing.assert_allclose(first, seen[..., ::-1] / 255, atol=3 / 255)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mov", {"codec": "prores_ks", "form": "yuva444p10le"}),
        (
            "clip.webm",
            {
                "codec": "libvpx-vp9",
                "form": "yuva420p",
                "prepare": lambda output, stream: stream.metadata.update({"alpha_mode": "1"}),
            },
        ),
    ],
)
def test_transparent_clips_are_put_on_a_background_or_refused(tmp_path, name, options):
    path = make(tmp_path / name, opacity=64, **options)
    with pytest.raises(ImageError, match=r"is transparent.* Give a `background`"):
        Clip(path)
    for background in (WHITE, (0, 0, 0)):
        expected = (64 * picture(0).astype(float) + 191 * np.array(background)) / 255
        assert np.abs(read(path, background)[0].image * 255 - expected).mean() < 4


def test_sides_may_be_odd_and_pixels_oblong(tmp_path):
    path = make(tmp_path / "odd.mkv", size=(97, 129), form="yuv444p")
    assert Clip(path).size == (97, 129)
    assert off(read(path), (97, 129)) < 4

    def oblong(output, stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    assert Clip(make(tmp_path / "oblong.mp4", prepare=oblong)).metadata["aspect"] == Fraction(4, 3)


def test_interlaced_frames_are_made_whole(tmp_path):
    """Their odd rows are of another time, at which the red is 45 levels higher."""
    with av.open(str(tmp_path / "clip.mp4"), "w") as output:
        options = {"flags": "+ildct", "x264-params": "interlaced=1", "crf": "5"}
        stream = output.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(8):
            image = picture(number)
            image[1::2] = picture(number + 15)[1::2]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    frames = read(tmp_path / "clip.mp4")
    assert len(frames) == 8
    assert [frame.time * 25 for frame in frames] == [*range(8)]
    for frame in frames:
        rows = frame.image[40:90, 40:80, 0] * 255
        assert np.abs(rows[1:] - rows[:-1]).mean() < 10


def test_a_clip_begins_at_0_whatever_its_file_says(tmp_path):
    path = make(tmp_path / "clip.ts", times=range(300, 312), codec="mpeg2video")
    with av.open(str(path)) as container:
        assert container.start_time > 5 * av.time_base
    times = [frame.time for frame in read(path)]
    assert abs(times[0]) < Fraction(1, 30)
    assert [round((time - times[0]) * 30) for time in times] == [*range(12)]


def test_broken_packets_are_left_out(tmp_path, caplog):
    path = make(tmp_path / "clip.mov", codec="png", form="rgb24")
    with av.open(str(path)) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.size][4]
    data = bytearray(path.read_bytes())
    data[place : place + 40] = bytes(40)
    path.write_bytes(data)
    frames = read(path)
    assert len(frames) == 11
    assert "1 broken packets were left out" in caplog.text


def bright(output, stream):
    context = stream.codec_context
    context.color_trc, context.color_primaries, context.colorspace = 16, 9, 9


def cover(path):
    with av.open(str(path), "w") as output:
        track = output.add_stream("aac", rate=48_000)
        clips._add_sound(output, track, 9600, 300)


def changing(path):
    parts = [make(path.with_name(f"{n}.h264"), size=(n, 96), count=6) for n in (96, 64)]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))


def half(path):
    whole = make(path.with_name("whole.mp4"), count=60).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("empty.mp4", lambda path: path.write_bytes(b""), "is no clip that can be read: Invalid"),
        ("text.mp4", lambda path: path.write_text("no clip\n" * 99), "is no clip that can be read"),
        ("half.mp4", half, "It may be empty, cut off, or of another kind"),
        ("away.mp4", lambda path: None, "is not there"),
        ("sound.m4a", cover, "has no moving picture"),
        (
            "bright.mp4",
            lambda path: make(path, form="yuv420p10le", prepare=bright),
            r"is of high dynamic range \(PQ\)",
        ),
        (
            "changing.h264",
            changing,
            r"changes its size at 0\.\d+ s, from 96x96 to 96x64.* Cut it in two",
        ),
    ],
)
def test_what_cannot_be_painted_is_refused_by_name(tmp_path, name, write, said):
    path = tmp_path / name
    write(path)
    with pytest.raises(ImageError, match=f"{name}.*{said}"):
        read(path)
