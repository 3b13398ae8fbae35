"""What is like what in a picture, told by directions of its pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from stylize_tf.control import likeness


def features_of(kinds, rng):
    """`[1, h, w, 24]` of positions of some kinds, `[h, w]`: kind k has 8 channels."""
    features = np.repeat(np.eye(3), 8, axis=1)[np.asarray(kinds)]
    return (features + 0.02 * rng.uniform(size=features.shape))[np.newaxis].astype(np.float32)


def painted(kinds, colors):
    """A picture eight times as large, of a color for each kind."""
    pixels = np.asarray(colors, np.float32)[np.asarray(kinds)]
    return pixels.repeat(8, axis=0).repeat(8, axis=1)[np.newaxis]


COLORS = [(0.9, 0.2, 0.1), (0.1, 0.3, 0.8), (0.2, 0.7, 0.2)]


def test_a_place_is_like_those_of_its_kind_wherever_they_are(rng):
    kinds = np.zeros([24, 32], int)
    kinds[:, 8:16] = 1
    kinds[:, 16:24] = 2  # And kind 0 again to the right of it.
    found = likeness.directions(features_of(kinds, rng), painted(kinds, COLORS))[0]
    assert found.shape == (288, 384, likeness.COMPONENTS)
    np.testing.assert_allclose(np.linalg.norm(found, axis=2), 1, rtol=1e-5)
    cosines = found @ found[144, 48]
    assert cosines[:, 320:340].min() > 0.9
    assert cosines[:, 140:150].max() < 0.2
    assert cosines[:, 240:250].max() < 0.2


def test_its_edges_are_those_of_the_picture_and_not_of_the_positions(rng):
    kinds = np.zeros([16, 24], int)
    kinds[:, 12:] = 1
    picture = painted(kinds, COLORS)
    moved = np.roll(picture, 3, axis=2)  # The thing is seen three pixels further to the right.
    moved[:, :, :3] = picture[:, :, :1]
    found = likeness.directions(features_of(kinds, rng), moved)[0]
    edge = 2 * (96 + 3)  # At twice the size of the picture.
    alike = (found @ found[128, 330]) > 0.5
    assert np.abs(384 - alike[40:-40].sum(axis=1) - edge).max() <= 3


def test_directions_are_read_from_the_picture_that_holds_them(rng):
    kinds = rng.integers(0, 3, [12, 16])
    found = likeness.directions(features_of(kinds, rng), painted(kinds, COLORS))
    held = np.asarray(Image.open(io.BytesIO(likeness.encoded(found))), np.float32)
    height = found.shape[1]
    strips = [held[n * height : (n + 1) * height] for n in range(3)]
    read = np.concatenate(strips, axis=2) / 255 * 2 - 1
    np.testing.assert_allclose(read, found[0], atol=1 / 255 + 1e-6)


@pytest.mark.parametrize("shape", [(40, 60), (16, 300), (200, 17)], ids=str)
def test_a_flat_or_narrow_picture_has_directions_that_are_finite(shape):
    height, width = shape
    features = np.full([1, max(2, height // 8), max(2, width // 8), 24], 0.3, np.float32)
    found = likeness.directions(features, np.full([1, height, width, 3], 0.5, np.float32))
    assert np.isfinite(found).all()
    assert max(found.shape[1:3]) == likeness.SIDE
