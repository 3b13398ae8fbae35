"""Crops of photographs to train with."""

import threading

import numpy as np
import pytest

from stylize_tf.errors import ImageError
from stylize_tf.feedforward.training.photographs import FLAT, Photographs


@pytest.fixture
def pictures(rng):
    return [rng.uniform(size=(size, 60, 3)).astype(np.float32) for size in (40, 50)]


def test_a_step_has_its_crops_whichever_came_before(pictures):
    photographs = Photographs(pictures)
    crops = photographs.crops(3, 7, 4, 32)
    assert crops.shape == (4, 32, 32, 3)
    assert crops.dtype == np.float32
    assert crops.min() >= 0
    assert crops.max() <= 1
    again = Photographs(pictures)
    again.crops(3, 6, 4, 32)
    np.testing.assert_array_equal(again.crops(3, 7, 4, 32), crops)
    assert np.abs(again.crops(3, 8, 4, 32) - crops).max() > 0
    assert np.abs(again.crops(4, 7, 4, 32) - crops).max() > 0


def test_crops_lie_within_a_photograph_and_are_of_all_scales():
    ramp = np.linspace(0, 1, 100, dtype=np.float32)
    picture = np.stack(np.broadcast_arrays(ramp[:, None], ramp, 0.5), axis=2)
    crops = Photographs([picture]).crops(0, 0, 60, 20)
    heights = crops[:, -1, 0, 0] - crops[:, 0, 0, 0]
    assert 0.15 < heights.min() < 0.25
    assert 0.7 < heights.max() < 1
    directions = crops[:, 0, -1, 1] - crops[:, 0, 0, 1]
    np.testing.assert_allclose(np.abs(directions), heights, atol=0.02)
    assert 15 < (directions < 0).sum() < 45


def test_broken_small_and_flat_ones_are_left_out(pictures, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    flat = np.full([64, 64, 3], 0.5, np.float32)
    photographs = Photographs([str(broken), pictures[0][:12], flat, pictures[1]])
    for step in range(8):
        assert photographs.crops(0, step, 2, 32).std(axis=(1, 2)).max(axis=1).min() >= FLAT
    assert set(photographs.refused) == {0, 1}
    assert "broken.jpg" in photographs.refused[0]
    assert photographs.refused[1] == "smaller than 16 pixels"


def test_one_good_photograph_among_many_is_found(pictures):
    photographs = Photographs([*([np.zeros([8, 8, 3], np.float32)] * 500), pictures[0]])
    assert photographs.crops(0, 0, 3, 32).std() >= FLAT
    assert len(photographs.refused) > 100


def test_where_nothing_is_left_it_says_so():
    with pytest.raises(ImageError, match=r"`photos` must have photographs; got none"):
        Photographs([])
    flat = np.full([64, 64, 3], 0.5, np.float32)
    with pytest.raises(ImageError, match=r"`photos` must have a photograph of 16 pixels a side"):
        Photographs([flat]).crops(0, 0, 1, 32)


def test_thin_ones_are_small_ones(rng):
    for size in ((12, 2000), (1, 3000)):
        picture = rng.uniform(size=(*size, 3)).astype(np.float32)
        with pytest.raises(ImageError, match="smaller than 16"):
            Photographs([picture]).crops(0, 0, 1, 32)


def test_a_photograph_somewhat_small_is_enlarged(rng):
    picture = rng.uniform(size=(20, 30, 3)).astype(np.float32)
    crops = Photographs([picture]).crops(0, 0, 4, 32)
    assert crops.shape == (4, 32, 32, 3)
    np.testing.assert_allclose(crops.mean(), picture.mean(), atol=0.03)


def test_batches_are_the_crops_of_their_steps(pictures):
    photographs = Photographs(pictures)
    batches = list(photographs.batches(1, 5, "abc", 2, 16))
    assert [kind for _, kind in batches] == ["a", "b", "c"]
    for step, (crops, _) in enumerate(batches, 5):
        np.testing.assert_array_equal(crops, photographs.crops(1, step, 2, 16))
    assert list(photographs.batches(1, 5, [], 2, 16)) == []


def test_an_error_comes_after_what_was_cut_before_and_no_thread_is_left(pictures, monkeypatch):
    photographs = Photographs(pictures)
    cut = photographs.crops

    def crops(seed, step, *size):
        if step == 1:
            raise ImageError("broken")
        return cut(seed, step, *size)

    monkeypatch.setattr(photographs, "crops", crops)
    batches = photographs.batches(0, 0, [0, 0, 0], 1, 32)
    assert next(batches)[0].shape == (1, 32, 32, 3)
    with pytest.raises(ImageError, match="broken"):
        next(batches)
    batches = photographs.batches(0, 2, [0, 0], 1, 32)
    next(batches)
    batches.close()
    assert not [x for x in threading.enumerate() if x.name.startswith("ThreadPoolExecutor")]
