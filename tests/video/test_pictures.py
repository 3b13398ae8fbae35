"""Frames that are pictures: files, and animations both ways."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from stylize_tf.errors import ImageError
from stylize_tf.video.pictures import Animation, Pictures, write_animation
from tests.fakes.clips import picture

WHITE = (255, 255, 255)
TIMES = [Fraction(n, 100) for n in (0, 4, 8, 20, 24)]
LAST = Fraction(6, 100)


@pytest.mark.parametrize(("suffix", "most"), [(".gif", 8), (".webp", 6)])
def test_animations_go_both_ways_with_their_times(tmp_path, suffix, most):
    path = str(tmp_path / f"clip{suffix}")
    write_animation(path, [picture(n) for n in range(5)], TIMES, LAST, loop=3)
    animation = Animation(path, WHITE)
    assert (animation.size, animation.count, animation.metadata["loop"]) == ((96, 128), 5, 3)
    frames = list(animation.frames())
    assert [x.time for x in frames] == TIMES
    for number, frame in enumerate(frames):
        assert np.abs(frame.image * 255 - picture(number)).mean() < most
    with Image.open(path) as image:
        image.seek(4)
        image.load()
        assert image.info["duration"] == 60


def test_rounded_times_do_not_add_up_to_another_length(tmp_path):
    path = str(tmp_path / "clip.gif")
    times = [Fraction(n, 30) for n in range(30)]
    write_animation(path, [picture(n) for n in range(30)], times, Fraction(1, 30))
    frames = list(Animation(path, WHITE).frames())
    for time, frame in zip(times, frames, strict=True):
        assert abs(frame.time - time) <= Fraction(1, 200)


def test_an_animation_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "clip.gif"
    write_animation(str(path), [picture(n) for n in range(5)], TIMES, LAST)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ImageError, match=r"clip\.gif"):
        list(Animation(path, WHITE).frames())


def test_files_are_frames_at_a_rate(tmp_path):
    paths = [str(tmp_path / f"{n}.png") for n in range(3)]
    for number, path in enumerate(paths):
        Image.fromarray(picture(number)).save(path)
    pictures = Pictures(paths, Fraction(24), WHITE)
    frames = list(pictures.frames())
    assert [x.time for x in frames] == [Fraction(n, 24) for n in range(3)]
    np.testing.assert_array_equal(frames[2].image, np.float32(picture(2)) / np.float32(255))
    Image.fromarray(picture(1, (64, 96))).save(paths[1])
    with pytest.raises(ImageError, match=r"1\.png' has 96x64 pixels where the first .* 128x96"):
        list(pictures.frames())


def test_gif_frames_without_a_time_stay_as_long_as_browsers_show_them(tmp_path):
    path = tmp_path / "fast.gif"
    first, *others = (Image.fromarray(picture(n)) for n in range(4))
    first.save(path, save_all=True, append_images=others, duration=0)
    found = Animation(path, WHITE)
    assert [frame.time for frame in found.frames()] == [Fraction(n, 10) for n in range(4)]
    assert found.rate == 10
