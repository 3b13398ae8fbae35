"""Painted clips: pixels, times, and the sound as it was."""

import contextlib
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.video import encoding
from stylize_tf.video.clips import Clip
from stylize_tf.video.encoding import Encoding
from stylize_tf.video.frames import Frame
from tests.fakes.clips import make, packets, picture


def encoding_of(clip, **options):
    return Encoding(
        clip.size,
        clip.metadata["time_base"],
        clip.rate,
        clip.metadata["aspect"],
        source=clip.path,
    )._replace(**options)


def copy(clip, path, **options):
    """Writes the frames of a clip as they are, and reads them again."""
    how = encoding_of(clip, **options)
    encoding.check(str(path), how)
    frames = (Frame((x.image * 255).round().astype(np.uint8), x.time) for x in clip.frames())
    encoding.write(str(path), frames, how)
    return list(Clip(path).frames())


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v"])
@pytest.mark.parametrize("times", [None, [0, 1, 5, 6, 10, 20, 21, 22, 30, 31, 40, 55]])
def test_times_are_equal_and_sound_is_the_same_bytes(tmp_path, suffix, times):
    clip = Clip(make(tmp_path / "clip.mp4", times=times, tracks=2))
    again = copy(clip, tmp_path / f"again{suffix}")
    assert [x.time for x in again] == [x.time for x in clip.frames()]
    for number, frame in enumerate(again):
        assert np.abs(frame.image * 255 - picture(number)).mean() < 5
    assert len(packets(clip.path)) == 2
    assert packets(tmp_path / f"again{suffix}") == packets(clip.path)


def test_mkv_has_the_sound_and_times_in_thousandths(tmp_path):
    clip = Clip(make(tmp_path / "clip.mp4", tracks=1))
    again = copy(clip, tmp_path / "again.mkv")
    shift = again[0].time  # Of the sound, which begins before 0 to be decoded from 0 on.
    for before, after in zip(clip.frames(), again, strict=True):
        assert abs(after.time - shift - before.time) <= Fraction(1, 1000)
    for before, after in zip(
        packets(clip.path)[0], packets(tmp_path / "again.mkv")[0], strict=True
    ):
        assert after[0] == before[0]
        assert abs(after[1] - shift - before[1]) <= Fraction(1, 1000)


def test_what_is_cut_out_of_a_clip_begins_at_0_with_its_sound(tmp_path):
    clip = Clip(make(tmp_path / "clip.mp4", count=60, tracks=1))
    start, end = Fraction(1, 2), Fraction(3, 2)
    how = encoding_of(clip, start=start, end=end)
    frames = [x for x in clip.frames() if start <= x.time < end]
    written = (Frame((x.image * 255).astype(np.uint8), x.time - start) for x in frames)
    encoding.write(str(tmp_path / "cut.mp4"), written, how)
    again = list(Clip(tmp_path / "cut.mp4").frames())
    assert [x.time for x in again] == [x.time - start for x in frames]
    sound = packets(tmp_path / "cut.mp4")[0]
    inside = [(x, time - start) for x, time in packets(clip.path)[0] if start <= time < end]
    assert [x for x, _ in sound] == [x for x, _ in inside]
    for (_, after), (_, before) in zip(sound, inside, strict=True):
        assert abs(after - before) < Fraction(1, 24_000)


def test_colors_are_told_and_oblong_pixels_stay(tmp_path):
    def oblong(output, stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    clip = Clip(make(tmp_path / "clip.mp4", prepare=oblong, size=(97, 129), form="yuv444p"))
    copy(clip, tmp_path / "again.mp4")
    assert Clip(tmp_path / "again.mp4").size == (96, 128)
    with av.open(str(tmp_path / "again.mp4")) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        assert (frame.colorspace, frame.color_range) == (1, 1)
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        assert stream.codec_context.format.name == "yuv420p"


def test_webm_is_vp9_and_takes_a_clip_without_sound(tmp_path):
    clip = Clip(make(tmp_path / "clip.mp4"))
    again = copy(clip, tmp_path / "again.webm")
    assert len(again) == 12
    with av.open(str(tmp_path / "again.webm")) as container:
        assert container.streams.video[0].codec_context.name == "vp9"


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("a.webm", {}, "webm by libvpx-vp9 cannot hold this clip and its sound.*aac"),
        ("a.mp4", {"encoder": "nonsense"}, "`encoder` 'nonsense' is not among those"),
        ("a.mp4", {"encoder": "aac"}, "is none of pictures"),
    ],
)
def test_what_cannot_be_written_is_told_before_there_are_frames(tmp_path, name, options, said):
    clip = Clip(make(tmp_path / "clip.mp4", tracks=1))
    with pytest.raises(ConfigError, match=said):
        encoding.check(str(tmp_path / name), encoding_of(clip, **options))
    assert not (tmp_path / name).exists()


def test_a_clip_whose_frames_fail_is_not_there(tmp_path):
    clip = Clip(make(tmp_path / "clip.mp4"))
    (tmp_path / "out.mp4").write_bytes(b"before")

    def frames():
        yield Frame(picture(0), Fraction(0))
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        encoding.write(str(tmp_path / "out.mp4"), frames(), encoding_of(clip))
    assert (tmp_path / "out.mp4").read_bytes() == b"before"
    assert {x.name for x in tmp_path.iterdir()} == {"clip.mp4", "out.mp4"}


def test_equal_frames_give_equal_bytes(tmp_path):
    clip = Clip(make(tmp_path / "clip.mp4", tracks=1))
    for name in ("a.mp4", "b.mp4"):
        copy(clip, tmp_path / name)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def joined(path, *paths):
    """The streams of several files in one, without encoding anything anew; a picture is a cover."""
    with av.open(str(path), "w") as output, contextlib.ExitStack() as stack:
        sources = [stack.enter_context(av.open(str(x))) for x in paths]
        streams = {
            (source, stream.index): output.add_stream_from_template(stream)
            for source in sources
            for stream in source.streams
        }
        for source, name in zip(sources, paths, strict=True):
            if name.suffix == ".jpg":
                streams[source, 0].disposition = Disposition.attached_pic
        for source in sources:
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[source, packet.stream.index]
                    output.mux(packet)
    return path


def test_a_cover_is_no_frame(tmp_path):
    cover = tmp_path / "cover.jpg"
    Image.fromarray(picture(0)[:, ::-1]).save(cover)
    clip = joined(tmp_path / "more.mp4", cover, make(tmp_path / "clip.mp4", tracks=1))
    with av.open(str(clip)) as container:
        assert container.streams.video[-1].disposition & Disposition.attached_pic
    again = copy(Clip(clip), tmp_path / "again.mp4")
    assert len(again) == 12
    with pytest.raises(ImageError, match="has no moving picture, but a cover"):
        Clip(joined(tmp_path / "song.mp4", cover))
    for number, frame in enumerate(again):
        assert np.abs(frame.image * 255 - picture(number)).mean() < 5


def test_subtitles_are_the_same_bytes(tmp_path):
    lines = tmp_path / "lines.srt"
    lines.write_text(
        "1\n00:00:00,050 --> 00:00:00,150\nHello\n\n2\n00:00:00,200 --> 00:00:00,300\nYou\n"
    )
    clip = joined(tmp_path / "more.mkv", make(tmp_path / "clip.mp4", tracks=1), lines)
    again = copy(Clip(clip), tmp_path / "again.mkv")
    late = again[0].time - next(Clip(clip).frames()).time
    sound, subtitles = packets(clip).values()
    assert [text for text, _ in subtitles] == [b"Hello", b"You"]
    copied = packets(tmp_path / "again.mkv")
    assert [[data for data, _ in track] for track in copied.values()] == [
        [data for data, _ in track] for track in (sound, subtitles)
    ]
    for (_, before), (_, after) in zip(subtitles, copied[1], strict=True):
        assert abs(after - late - before) <= Fraction(1, 1000)
