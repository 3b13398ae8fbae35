"""The plan that keeps a run within a limit of memory."""

import itertools
import types

import numpy as np
import pytest

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError
from stylize_tf.evaluation import memory_plan
from stylize_tf.evaluation.memory_plan import Demand
from stylize_tf.evaluation.segments import Tiles
from stylize_tf.iterative.preparation import Preparation
from stylize_tf.iterative.stylizer import Stylizer

MEGAPIXEL = (1000, 1000)


@pytest.fixture
def segments():
    """Those of VGG19 up to block5_conv1: of a segment only the size of its maps counts."""
    first = 3 + 2 * 64 + 64 / 4 + 2 * 128 / 4 + 128 / 16
    sizes = (first, 4 * 256 / 16 + 256 / 64, 4 * 512 / 64 + 512 / 256, 512 / 256)
    return [types.SimpleNamespace(step=1, memory=size) for size in sizes]


def demand(segments, size=MEGAPIXEL, itemsize=4, pairs=10, steps=1000, **options):
    return Demand(*size, steps, segments, itemsize, pairs, **options)


def planned(segments, gigabytes, *arguments, **options):
    [way] = memory_plan.plan(gigabytes * 1e9, [demand(segments, *arguments, **options)])
    return way.tiles, way.pairs


def refusal(segments, **options):
    with pytest.raises(ConfigError) as caught:
        planned(segments, 0.1, **options)
    return str(caught.value)


def enough(message):
    """The gigabytes that a refusal names."""
    return float(message.partition("at least ")[2].partition(" GB")[0])


def least(segments, *size, **options):
    return enough(refusal(segments, size=size, **options))


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
        fixed = memory_plan.process_bytes(pixels) + 12 * pixels * memory_plan.VECTORS
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
        needs.append(least(segments, side, side))
    assert needs == sorted(needs)
    assert needs[0] < needs[-1]


def test_a_lower_format_never_needs_more(segments):
    for way in memory_plan.choices(10**7, len(segments)):
        low, full = (memory_plan.evaluation_bytes(way, 10**7, segments, size) for size in (2, 4))
        assert low < full


def test_pairs_that_the_steps_do_not_fill_take_no_memory(segments):
    """Ten steps make nine pairs at most; with two there is one."""
    needs = [least(segments, 4000, 4000, pairs=3, steps=steps) for steps in (2, 3, 4, 1000)]
    pair = 2 * 12 * 4000 * 4000 / 1e9
    assert needs[1] - needs[0] == pytest.approx(pair, abs=0.11)
    assert needs[2] - needs[1] == pytest.approx(pair, abs=0.11)
    assert needs[3] == needs[2]


def test_what_is_held_besides_takes_its_room(segments):
    plain = least(segments, 400, 400)
    assert least(segments, 400, 400, held=3e9) == pytest.approx(plain + 3, abs=0.11)


def test_cosines_of_thin_pictures_take_the_square_of_the_long_side(segments):
    thin, square = (256, 16384), (2048, 2048)
    needs = [least(segments, *size, cosines=kept) for size in (thin, square) for kept in (1, 0)]
    assert needs[0] - needs[2] == pytest.approx(8 * 16384**2 / 1e9, abs=0.2)
    assert needs[1] == needs[2] == needs[3]


def test_cosines_are_charged_only_to_what_optimizes_frequencies(tiny_engine):
    thin = np.full([1, 24, 12000, 3], 0.5, np.float32)
    options = {"size": 0, "coarsest_size": 0, "steps": (2,), "precision": "float32"}

    def need(**others):
        paint = Stylizer(StyleTransferConfig(**options, memory=0.1, **others), engine=tiny_engine)
        pictures = paint.pictures(thin, thin[:, :, :24])
        with pytest.raises(ConfigError) as caught:
            Preparation(paint.config, tiny_engine, pictures)
        return enough(str(caught.value))

    plain = need(lbfgs_coordinates="pixels")
    assert need(lbfgs_coordinates="spectral") - plain == pytest.approx(8 * 12000**2 / 1e9, abs=0.15)
    assert need(optimizer="adam", lbfgs_coordinates="spectral") <= plain


def test_too_little_is_refused_in_one_line_that_names_what_is_enough(segments):
    message = refusal(segments, size=(3000, 4000))
    assert "\n" not in message
    assert message.startswith("`memory` must be at least ")
    assert "4000x3000 pixels; got 0.1 GB" in message
    assert "`size`" in message
    gigabytes = enough(message)
    tiles, kept = planned(segments, gigabytes, (3000, 4000))
    assert tiles in list(memory_plan.choices(12 * 10**6, len(segments)))[-2:]
    assert kept == memory_plan.FEWEST_PAIRS
    with pytest.raises(ConfigError):
        planned(segments, gigabytes - 0.1, (3000, 4000))


def test_a_refusal_names_what_suffices_for_all_stages_and_it_is_taken_as_it_is_written(segments):
    """Whichever stage is in the way, so that nobody is refused twice."""
    sizes = [(96, 128), (384, 512), (1536, 2048), (12288, 16384), (700, 900)]
    demands = [demand(segments, size) for size in sizes]
    for gigabytes in (0.1, 1.2, 3.0, 20.0):
        with pytest.raises(ConfigError, match="for a picture of 900x700 pixels") as caught:
            memory_plan.plan(gigabytes * 1e9, demands)
        named = enough(str(caught.value))
        assert named == least(segments, *sizes[3])
        assert len(memory_plan.plan(named * 1e9, demands)) == len(demands)


# When it did not suffice.


@pytest.mark.parametrize("segments", [1, 2, 3, 4, 6])
def test_tiles_get_smaller_until_they_are_the_smallest_of_the_plan(segments):
    tiles, seen = Tiles(), []
    while (tiles := memory_plan.smaller(tiles, 12 * 10**6, segments)) is not None:
        seen.append(tiles)
    sizes = [x.pixels for x in seen]
    assert sizes[0] == memory_plan.TILE_PIXELS
    assert all(before == 2 * after for before, after in itertools.pairwise(sizes))
    *_, smallest = memory_plan.choices(12 * 10**6, segments)
    assert seen[-1] == smallest
    assert smallest.pixels == memory_plan.SMALLEST_TILE_PIXELS
    # All segments but the last go by bands.
    assert {x.banded for x in seen} == {max(segments - 1, 1)}


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
