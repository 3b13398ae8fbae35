"""The network cut into segments, and a segment's input into bands."""

import itertools
import math

import keras
import pytest

from stylize_tf.config.layers import CLASSIC_STYLE_LAYERS
from stylize_tf.evaluation import segments as segments_of
from stylize_tf.evaluation.segments import Tiles, bands
from stylize_tf.evaluation.tiling import cut
from stylize_tf.network import features


@pytest.fixture(scope="module")
def segments(tiny_network):
    """Down to the last layer that styles are read from by default."""
    layers = ("image", *CLASSIC_STYLE_LAYERS, "block4_conv2")
    return cut(features.build_extractor(tiny_network, layers, padding="replicate"))


def test_segments_follow_each_other_and_have_every_layer_once(tiny_network):
    layers = {"block1_conv2", "block2_conv2", "block3_conv4", "block4_conv4", "block5_conv1"}
    layers |= {f"block{block}_pool" for block in range(1, 5)}
    options = {"pooling": "average", "padding": "reflect"}
    segments = cut(features.build_extractor(tiny_network, {"image", *layers}, **options))
    found = [name for segment in segments for name in segment.strides]
    assert sorted(layers) == sorted(found)
    stride = 1
    for before, after in itertools.pairwise(segments):
        assert before.output is not None
        stride *= before.step
        assert after.stride == stride
        assert after.input.shape[-1] == before.model.output[before.output].shape[-1]
    assert segments[0].stride == 1
    assert segments[-1].output is None


def test_the_margin_of_a_segment_is_as_far_as_its_convolutions_see(segments):
    # Two convolutions of reach 1, then two at half the size: 1 + 1 + 2 + 2, in steps of 4.
    # Then four of reach 1 before a pooling by 2, four more, and one at the end.
    assert [x.margin for x in segments] == [8, 4, 4, 1]
    assert [x.step for x in segments] == [4, 2, 2, 1]
    assert [x.stride for x in segments] == [1, 4, 8, 16]


def test_the_maps_of_a_segment_are_counted_for_a_pixel_of_the_image(segments):
    """By hand, of 4, 6, 8, 8 and 8 channels, the input of three after its preprocessing."""
    first, _, third, last = segments
    assert last.memory == pytest.approx(8 / 16**2)
    assert third.memory == pytest.approx((4 * 8) / 8**2 + 8 / 16**2)
    assert first.memory == pytest.approx(3 + 2 * 4 + 4 / 4 + 2 * 6 / 4 + 6 / 16)


def test_the_segments_of_vgg19_are_known_without_the_network():
    """What is planned before TensorFlow is loaded is what its layers come to."""
    network = keras.applications.VGG19(include_top=False, weights=None)
    for layers, pooling in (
        (("image", *CLASSIC_STYLE_LAYERS, "block4_conv2"), "max"),
        (("block5_pool", "block3_conv4"), "average"),
        (("block1_conv2",), "max"),
    ):
        found = cut(features.build_extractor(network, layers, pooling=pooling))
        known = segments_of.of_vgg19(layers, pooling)
        assert [[getattr(x, name) for name in segments_of.Numbers._fields] for x in found] == [
            list(x) for x in known
        ]


def test_bands_cost_the_way_forth_once_more_and_their_margins():
    """By hand: of segments of equal work the first goes by two bands of 16 rows and 4 more."""
    each = segments_of.Numbers(margin=4, step=2, stride=1, memory=8.0, work=10.0)
    deep = each._replace(stride=2)
    whole = segments_of.work(Tiles(), 32, 50, [each, deep])
    assert whole == 2 * (10 + 10) * 32 * 50
    banded = segments_of.work(Tiles(1, 16 * 50), 32, 50, [each, deep])
    assert banded == (3 * 10 * (32 + 4 + 4) / 32 + 2 * 10) * 32 * 50


@pytest.mark.parametrize(("step", "margin"), [(4, 8), (2, 4), (1, 1), (4, 0), (2, 6)])
def test_bands_cover_every_row_once_and_reach_no_further_than_their_neighbors(step, margin):
    for height in (*range(1, 40), 131, 1000):
        for rows in (0, 1, 5, 8, 13, 64, 10**6):
            found = list(bands(height, rows, step, margin))
            assert [x for start, end in found for x in range(start, end)] == list(range(height))
            assert all(start % step == 0 for start, _ in found)
            lengths = [end - start for start, end in found]
            if len(found) > 1:
                assert min(lengths) >= max(margin, step)
            # A last one that is too short joins the one before.
            most = step * math.ceil(max(rows, margin, step) / step)
            assert max(lengths) < most + max(margin, step)


def test_bands_are_about_equal_and_not_more_than_needed():
    assert list(bands(100, 30, 4, 8)) == [(0, 28), (28, 56), (56, 84), (84, 100)]
    assert list(bands(100, 100, 4, 8)) == [(0, 100)]
    # A rest of four rows is less than a margin.
    assert list(bands(52, 24, 4, 8)) == [(0, 20), (20, 40), (40, 52)]
    assert list(bands(44, 20, 4, 8)) == [(0, 16), (16, 32), (32, 44)]
    assert list(bands(36, 16, 4, 8)) == [(0, 12), (12, 24), (24, 36)]
    assert list(bands(33, 8, 4, 8)) == [(0, 8), (8, 16), (16, 24), (24, 33)]
