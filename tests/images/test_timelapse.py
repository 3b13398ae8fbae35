"""Timelapses as Pillow reads them back: frames, durations, sizes, and what failures leave."""

import errno
import itertools
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.images.timelapse import Timelapse
from tests.fakes.picture_files import names, unprivileged

both_formats = pytest.mark.parametrize("name", ["a.webp", "a.gif"])


@pytest.fixture
def public_folder():
    """A folder that `unprivileged` can enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def plain(grey, height=8, width=12):
    """A frame of one grey level, 0 to 255."""
    return np.full((1, height, width, 3), grey / 255, np.float32)


def made(path, frames, **options):
    """The file of a timelapse of these frames."""
    timelapse = Timelapse(path, **options)
    for frame in frames:
        timelapse.add(frame)
    timelapse.save()
    return path


def frames_of(path):
    """The frames, uint8 `[H, W, 3]`, and how many milliseconds each stays."""
    pictures, durations = [], []
    with Image.open(path) as image:
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            image.load()
            pictures.append(np.asarray(image.convert("RGB")))
            durations.append(image.info.get("duration"))
    return pictures, durations


def greys_of(path):
    return [round(picture.mean()) for picture in frames_of(path)[0]]


@both_formats
def test_frames_come_in_order_with_the_last_one_held(tmp_path, name):
    path = made(tmp_path / name, map(plain, (0, 60, 120, 180, 240)), seconds=1)
    assert greys_of(path) == pytest.approx([0, 60, 120, 180, 240], abs=1)
    assert frames_of(path)[1] == [250, 250, 250, 250, 2000]
    with Image.open(path) as image:
        assert image.format == {".webp": "WEBP", ".gif": "GIF"}[path.suffix]
        assert image.info["loop"] == 0  # For ever.


@both_formats
@pytest.mark.parametrize(
    ("seconds", "each"), [(0.001, 20), (0.3, 100), (1.5, 500), (2, 500), (3600, 500)]
)
def test_frames_share_the_seconds_within_what_eyes_and_browsers_bear(tmp_path, name, seconds, each):
    path = made(tmp_path / name, map(plain, (0, 80, 160, 240)), seconds=seconds)
    assert frames_of(path)[1] == [each, each, each, 2000]


@both_formats
def test_frames_that_are_alike_still_take_their_time(tmp_path, name):
    path = made(tmp_path / name, map(plain, (0, 90, 90, 90, 200)), seconds=1)
    assert sum(frames_of(path)[1]) == 4 * 250 + 2000


@both_formats
def test_one_frame_is_a_picture(tmp_path, name):
    assert greys_of(made(tmp_path / name, [plain(100)])) == pytest.approx([100], abs=1)


@both_formats
def test_of_too_many_frames_every_second_is_dropped_again_and_again(tmp_path, name):
    # At 4: 0 2 4. At 7: 0 4 7. Then 8 takes the place of 7, which was the newest and no more.
    path = made(tmp_path / name, [plain(25 * step) for step in range(10)], most_frames=4)
    assert greys_of(path) == pytest.approx([0, 4 * 25, 8 * 25, 9 * 25], abs=1)


@pytest.mark.parametrize("most", [2, 3, 8, 13])
def test_frames_that_are_kept_are_evenly_apart_from_the_first_to_the_newest(tmp_path, most):
    path = tmp_path / "a.gif"
    timelapse = Timelapse(path, most_frames=most)
    for step in range(100):
        timelapse.add(plain(20 + 2 * step))
        timelapse.save()
        kept = [(grey - 20) // 2 for grey in greys_of(path)]
        assert (kept[0], kept[-1]) == (0, step)
        assert min(step + 1, most // 2 + 1) <= len(kept) <= most
        *gaps, last = [after - before for before, after in itertools.pairwise(kept)] or [1]
        stride = gaps[0] if gaps else last
        assert set(gaps) <= {stride}
        assert last <= stride


@both_formats
def test_coarse_frames_are_enlarged_to_the_size_of_the_last(tmp_path, name):
    ramp = np.linspace(0, 1, 12, dtype=np.float32)[None, None, :, None] * np.ones((1, 8, 1, 3))
    path = made(tmp_path / name, [ramp, plain(255, 32, 48)])
    first, last = frames_of(path)[0]
    assert first.shape == last.shape == (32, 48, 3)
    smooth = first.mean((0, 2))
    np.testing.assert_allclose(smooth, np.interp(np.arange(48), [2, 45], [0, 255]), atol=12)


@both_formats
def test_long_sides_are_limited_and_small_pictures_left_as_they_are(tmp_path, name):
    path = made(tmp_path / name, [plain(0, 90, 300), plain(200, 90, 300)], long_side=100)
    assert [picture.shape for picture in frames_of(path)[0]] == [(30, 100, 3)] * 2
    path = made(tmp_path / name, [plain(0, 300, 1)], long_side=100)
    assert frames_of(path)[0][0].shape == (100, 1, 3)
    path = made(tmp_path / name, [plain(0, 9, 30)], long_side=100)
    assert frames_of(path)[0][0].shape == (9, 30, 3)


@both_formats
def test_colors_of_areas_are_kept(tmp_path, name, rng):
    # More colors than a GIF has. Without dithering areas are 4.5 levels off.
    corners = rng.random((1, 2, 2, 3)).astype(np.float32)
    across, down = np.linspace(0, 1, 128)[:, None], np.linspace(0, 1, 96)[:, None, None]
    top, bottom = ((1 - across) * row[0] + across * row[1] for row in corners[0])
    image = ((1 - down) * top + down * bottom)[np.newaxis]
    path = made(tmp_path / name, [plain(0, 96, 128), image])
    shown = frames_of(path)[0][1].reshape(6, 16, 8, 16, 3).mean((1, 3))
    expected = (image * 255).reshape(6, 16, 8, 16, 3).mean((1, 3))
    np.testing.assert_allclose(shown, expected, atol=3)


@both_formats
def test_nothing_is_written_before_it_is_asked_for(tmp_path, name):
    (tmp_path / name).write_bytes(b"old")
    timelapse = Timelapse(tmp_path / name)
    timelapse.add(plain(0))
    assert (tmp_path / name).read_bytes() == b"old"
    assert names(tmp_path) == [name]
    timelapse.save()
    assert greys_of(tmp_path / name) == [0]


@both_formats
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_failure_leaves_the_folder_as_it_was(tmp_path, name, old, monkeypatch):
    if old is not None:
        (tmp_path / name).write_bytes(old)
    timelapse = Timelapse(tmp_path / name)
    timelapse.add(plain(0))
    timelapse.add(plain(100))
    save = Image.Image.save

    def fill_the_disk(image, file, *arguments, **options):
        save(image, file, *arguments, **options)
        assert file.tell() > 0
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", fill_the_disk)
        with pytest.raises(OSError, match="No space left"):
            timelapse.save()
    assert names(tmp_path) == ([] if old is None else [name])
    assert old is None or (tmp_path / name).read_bytes() == old
    timelapse.save()  # Room was made.
    assert greys_of(tmp_path / name) == pytest.approx([0, 100], abs=1)


def test_a_link_stays_and_the_file_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "real.gif").write_bytes(b"old")
    (tmp_path / "link.gif").symlink_to(tmp_path / "real.gif")
    made(tmp_path / "link.gif", [plain(70)])
    assert (tmp_path / "link.gif").is_symlink()
    assert greys_of(tmp_path / "real.gif") == [70]


def test_places_that_cannot_be_written_are_found_out_before_any_frame(tmp_path):
    with pytest.raises(FileNotFoundError):
        Timelapse(tmp_path / "missing" / "a.gif")
    (tmp_path / "folder.gif").mkdir()
    with pytest.raises(IsADirectoryError, match="folder"):
        Timelapse(tmp_path / "folder.gif")


def test_folders_and_files_without_permission_are_found_out_before_any_frame(public_folder):
    path = public_folder / "a.gif"
    public_folder.chmod(0o555)
    with unprivileged(), pytest.raises(PermissionError):
        Timelapse(path)
    public_folder.chmod(0o777)
    path.write_bytes(b"old")
    path.chmod(0o444)
    with unprivileged(), pytest.raises(PermissionError, match=r"a\.gif"):
        Timelapse(path)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["a.png", "a", "a.gif.mp4", ".gif"])
def test_other_extensions_are_refused_with_those_that_are_known(tmp_path, name):
    with pytest.raises(ValueError, match=rf"\.webp or \.gif; got .*{name}'"):
        Timelapse(tmp_path / name)


def test_extensions_may_be_capitals(tmp_path):
    assert greys_of(made(tmp_path / "A.GIF", [plain(9)])) == [9]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seconds": 0}, "`seconds` must be more than 0"),
        ({"seconds": float("nan")}, "`seconds` must be .*; got nan"),
        ({"seconds": 1e9}, "at most 3600"),
        ({"most_frames": 1}, "`most_frames` must be at least 2; got 1"),
        ({"long_side": 0}, "`long_side` must be from 1 to 16383; got 0"),
        ({"long_side": 20_000}, "got 20000"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        Timelapse(tmp_path / "a.gif", **options)


def test_what_is_no_picture_is_refused_and_the_frames_before_it_stay(tmp_path):
    timelapse = Timelapse(tmp_path / "a.gif")
    with pytest.raises(ValueError, match="`save` must come after `add`"):
        timelapse.save()
    timelapse.add(plain(50))
    for image in (plain(300), plain(np.nan), np.zeros((2, 8, 8, 3), np.float32), "missing.png"):
        with pytest.raises(ValueError, match=r"image|missing\.png"):
            timelapse.add(image)
    timelapse.save()
    assert greys_of(tmp_path / "a.gif") == [50]
