"""What a run may take, and the plan that keeps within it."""

import itertools
import re
import types

import pytest

from stylize_tf.errors import ConfigError
from stylize_tf.evaluation import memory_plan
from stylize_tf.evaluation.evaluator import Tiles

MEGAPIXEL = (1000, 1000)


@pytest.fixture
def segments():
    """Those of VGG19 up to block5_conv1: of a segment only the size of its maps counts."""
    first = 3 + 2 * 64 + 64 / 4 + 2 * 128 / 4 + 128 / 16
    sizes = (first, 4 * 256 / 16 + 256 / 64, 4 * 512 / 64 + 512 / 256, 512 / 256)
    return [types.SimpleNamespace(memory=size) for size in sizes]


def planned(segments, gigabytes, size=MEGAPIXEL, itemsize=4, pairs=10, steps=1000):
    return memory_plan.plan(gigabytes * 1e9, *size, segments, itemsize, pairs, steps)


def refusal(segments, **options):
    with pytest.raises(ConfigError) as caught:
        planned(segments, 0.1, **options)
    return str(caught.value)


def rank(tiles):
    """The greater, the more a way to evaluate takes at a time."""
    return (-tiles.banded, tiles.pixels) if tiles.banded else (1, 0)


def test_a_picture_is_evaluated_as_a_whole_and_with_all_pairs_where_there_is_room(segments):
    assert planned(segments, 1000.0) == (Tiles(), 10)


def test_more_memory_never_gives_smaller_tiles_or_fewer_pairs(segments):
    for size, itemsize, pairs in itertools.product(
        ((300, 500), (1000, 1000), (3000, 4000)), (2, 4), (0, 1, 10)
    ):
        found, least = [], None
        for tenths in range(1, 800):
            try:
                found.append(planned(segments, tenths / 10, size, itemsize, pairs))
            except ConfigError:
                assert not found  # What is enough once is enough with more.
                least = tenths
        assert least is not None
        assert found[-1] == (Tiles(), pairs)
        for before, after in itertools.pairwise(found):
            # Pairs are given up last.
            assert (before[1], rank(before[0])) <= (after[1], rank(after[0]))
        assert all(min(pairs, memory_plan.FEWEST_PAIRS) <= kept <= pairs for _, kept in found)


def test_the_need_of_a_plan_is_within_the_limit(segments):
    """That of its maps alone, at least; and the next larger plan would have gone beyond."""
    for gigabytes in (8.0, 10.0, 15.0, 30.0):
        tiles, kept = planned(segments, gigabytes, (3000, 4000), pairs=0)
        assert kept == 0
        pixels = 3000 * 4000
        ways = list(memory_plan.choices(pixels, len(segments)))
        needs = [memory_plan.evaluation_bytes(way, pixels, segments, 4) for way in ways]
        chosen = ways.index(tiles)
        assert needs[chosen] < gigabytes * 1e9
        fixed = memory_plan.PROCESS + 12 * pixels * memory_plan.VECTORS
        assert all(need + fixed > gigabytes * 1e9 for need in needs[:chosen])


def test_the_same_limit_gives_the_same_plan(segments):
    for gigabytes in (6.0, 8.0, 20.0):
        assert planned(segments, gigabytes, (2000, 3000)) == planned(
            segments, gigabytes, (2000, 3000)
        )


def test_larger_pictures_never_need_less(segments):
    needs = []
    for side in (500, 1000, 2000, 4000):
        for way in memory_plan.choices(side**2, len(segments)):
            assert memory_plan.evaluation_bytes(way, side**2, segments, 4) > 0
        message = refusal(segments, size=(side, side))
        needs.append(float(message.partition("at least ")[2].partition(" GB")[0]))
    assert needs == sorted(needs)
    assert needs[0] < needs[-1]


def test_a_lower_format_never_needs_more(segments):
    for way in memory_plan.choices(10**7, len(segments)):
        low, full = (memory_plan.evaluation_bytes(way, 10**7, segments, size) for size in (2, 4))
        assert low < full


def test_pairs_that_the_steps_do_not_fill_take_no_memory(segments):
    """Ten steps make nine pairs at most; with two there is one."""
    needs = [
        float(refusal(segments, size=(4000, 4000), pairs=3, steps=steps).split()[5])
        for steps in (2, 3, 4, 1000)
    ]
    pair = 2 * 12 * 4000 * 4000 / 1e9
    assert needs[1] - needs[0] == pytest.approx(pair, abs=0.11)
    assert needs[2] - needs[1] == pytest.approx(pair, abs=0.11)
    assert needs[3] == needs[2]


def test_what_is_held_besides_and_long_sides_take_their_room(segments):
    def least(height, width, **options):
        with pytest.raises(ConfigError) as caught:
            memory_plan.plan(1.0, height, width, segments, 4, 10, 20, **options)
        return float(re.search(r"at least ([\d.]+) GB", str(caught.value))[1])

    assert least(400, 400, held=3e9) == pytest.approx(least(400, 400) + 3, abs=0.11)
    # The cosines of an axis take the square of its length, where the optimizer keeps them.
    thin, square = ((256, 16384), (2048, 2048))
    cosines = least(*thin, cosines=True) - least(*square, cosines=True)
    assert cosines == pytest.approx(8 * 16384**2 / 1e9, abs=0.2)
    assert least(*thin) == least(*square)


def test_too_little_is_refused_in_one_line_that_names_what_is_enough(segments):
    message = refusal(segments, size=(3000, 4000))
    assert "\n" not in message
    assert message.startswith("`memory` must be at least ")
    assert "4000x3000 pixels; got 0.1 GB" in message
    assert "`size`" in message
    enough = float(message.partition("at least ")[2].partition(" GB")[0])
    tiles, kept = planned(segments, enough + 0.05, (3000, 4000))
    assert tiles == list(memory_plan.choices(12 * 10**6, len(segments)))[-1]
    assert kept == memory_plan.FEWEST_PAIRS
    with pytest.raises(ConfigError):
        planned(segments, enough - 0.05, (3000, 4000))


# When it did not suffice.


def test_tiles_get_smaller_until_they_are_the_smallest():
    tiles, seen = Tiles(), []
    while (tiles := memory_plan.smaller(tiles, 12 * 10**6, 4)) is not None:
        seen.append(tiles)
    sizes = [x.pixels for x in seen]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == memory_plan.TILE_PIXELS
    assert sizes[-1] == memory_plan.SMALLEST_TILE_PIXELS
    assert all(before == 2 * after for before, after in itertools.pairwise(sizes))
    assert all(x.banded for x in seen)


def test_all_segments_but_the_last_go_by_bands_when_memory_has_run_out():
    for segments, banded in ((1, 1), (2, 1), (3, 2), (4, 3), (6, 5)):
        assert memory_plan.smaller(Tiles(), 12 * 10**6, segments).banded == banded


def test_a_small_picture_is_not_cut_into_tiles_larger_than_its_half():
    assert memory_plan.smaller(Tiles(), 400_000, 4).pixels == 200_000
    assert memory_plan.smaller(Tiles(3, 200_000), 400_000, 4).pixels == 100_000
    assert memory_plan.smaller(Tiles(), 2 * memory_plan.SMALLEST_TILE_PIXELS - 1, 4) is None


def test_the_ways_to_evaluate_begin_with_the_whole_and_get_smaller(segments):
    for count in (1, 2, 4):
        ways = list(memory_plan.choices(10**6, count))
        assert ways[0] == Tiles()
        assert len(set(ways)) == len(ways)
        assert all(1 <= way.banded <= count for way in ways[1:])
        assert [rank(way) for way in ways] == sorted(map(rank, ways), reverse=True)
        assert ways[-1].pixels == memory_plan.SMALLEST_TILE_PIXELS
