import itertools
import math
import re

import pytest

from stylize_tf.config.layers import PATCH_SIZE
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.pyramid import Stage, final_size

SIZES = [(512, 341), (341, 512), (100, 100), (2000, 17), (7, 300), (129, 128), (3, 3), (9000, 9000)]

# Deepest layer -> shortest side that it can see; no shorter than a patch.
SMALLEST = {"block1_conv1": PATCH_SIZE, "block3_conv1": 4, "block5_conv1": 16}


def config(layer="block1_conv1", **values):
    plain = {
        "size_of": "long",
        "crop": "none",
        "coarsest_size": 0,
        "steps": (10,),
        "style_scale": 1.0,
        "style_size": 0,
        "style_fit": "own",
        "content_layers": ("block1_conv1",),
        "content_layer_weights": (),
        "style_layers": (layer,),
        "style_layer_weights": (),
    }
    return StyleTransferConfig(**{**plain, **values})


def stages_of(size, layer="block1_conv1", **values):
    return list(pyramid.stages(config(layer, **values), size))


# The finished picture.


def test_size_is_the_long_side_and_the_other_follows_the_shape():
    assert final_size(config(size=512), 300, 400) == (384, 512)
    assert final_size(config(size=512), 4000, 3000) == (512, 384)
    assert final_size(config(size=100), 50, 50) == (100, 100)


def test_size_may_be_the_short_side():
    assert final_size(config(size=400, size_of="short"), 600, 800) == (400, 533)
    assert final_size(config(size=400, size_of="short"), 800, 600) == (533, 400)


@pytest.mark.parametrize("size_of", ["long", "short"])
def test_size_zero_keeps_the_photographs_own(size_of):
    assert final_size(config(size=0, size_of=size_of), 123, 457) == (123, 457)


def test_a_cropped_photograph_is_square():
    for size_of in ("long", "short"):
        assert final_size(config(size=256, size_of=size_of, crop="square"), 300, 900) == (256, 256)
    assert final_size(config(size=0, crop="square"), 300, 900) == (300, 300)


def test_a_short_side_that_makes_the_long_one_huge_is_refused_with_both_sides():
    with pytest.raises(ConfigError, match=r"`size`.*16384 pixels.*400 gives 40000x400.*smaller"):
        final_size(config(size=400, size_of="short"), 10, 1000)
    with pytest.raises(ConfigError, match="0 gives 20000x5"):
        final_size(config(size=0), 5, 20000)


# The stages.


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("factor", [1.05, math.sqrt(2), 2, 15])
@pytest.mark.parametrize("coarsest", [0, 1, 64, 128])
def test_stages_grow_evenly_in_the_shape_of_the_picture_to_exactly_its_size(size, factor, coarsest):
    stages = stages_of(size, coarsest_size=coarsest, stage_factor=factor)
    assert stages[-1][:2] == size
    # Where the short side is as short as a patch, no stage can be smaller.
    first = max(coarsest, math.ceil(PATCH_SIZE * max(size) / min(size)))
    if coarsest == 0 or max(size) < first * math.sqrt(factor):
        assert stages == [Stage(*size, 10)]
    else:
        assert stages[0].long_side == first
    for coarse, fine in itertools.pairwise(stages):
        assert coarse.height <= fine.height
        assert coarse.width <= fine.width
        # One pixel of rounding on each side of the ratio.
        growth = fine.long_side / coarse.long_side
        slack = 2 / coarse.long_side
        assert factor ** (1 / 2) / (1 + slack) < growth < factor ** (3 / 2) * (1 + slack)
    for stage in stages:
        assert abs(stage.height - size[0] * stage.long_side / max(size)) <= 1
        assert abs(stage.width - size[1] * stage.long_side / max(size)) <= 1
        assert min(stage[:2]) >= PATCH_SIZE


def test_stages_a_factor_of_two_apart_are_worked_by_hand():
    stages = stages_of((512, 256), coarsest_size=128, stage_factor=2)
    assert [x[:2] for x in stages] == [(128, 64), (256, 128), (512, 256)]
    # log(512 / 100) / log(2) = 2.36: two intervals, each of a factor of sqrt(5.12) = 2.263.
    stages = stages_of((512, 512), coarsest_size=100, stage_factor=2)
    assert [x.long_side for x in stages] == [100, 226, 512]
    # log(300 / 128) / log(sqrt(2)) = 2.46: again two.
    stages = stages_of((300, 150), coarsest_size=128, stage_factor=math.sqrt(2))
    assert [x.long_side for x in stages] == [128, 196, 300]


def test_a_picture_little_larger_than_the_coarsest_stage_has_one_stage():
    assert len(stages_of((140, 140), coarsest_size=128, stage_factor=2)) == 1
    assert stages_of((140, 100), coarsest_size=128, stage_factor=2)[0][:2] == (140, 100)


def test_the_last_number_of_steps_repeats():
    options = {"coarsest_size": 64, "stage_factor": 2}
    assert [x.steps for x in stages_of((512, 512), **options, steps=(9, 5))] == [9, 5, 5, 5]
    assert [x.steps for x in stages_of((512, 512), **options, steps=(4,))] == [4] * 4
    # With one stage only, the first number counts.
    assert stages_of((512, 512), coarsest_size=0, steps=(9, 5)) == [Stage(512, 512, 9)]


@pytest.mark.parametrize("size", [(512, 341), (64, 1024), (1024, 64), (16, 16), (17, 300)], ids=str)
@pytest.mark.parametrize("layer", SMALLEST)
def test_no_stage_is_smaller_than_the_network_can_see(size, layer):
    stages = stages_of(size, layer, coarsest_size=1, stage_factor=1.3)
    assert min(min(stage[:2]) for stage in stages) >= SMALLEST[layer]
    assert stages[-1][:2] == size


def test_stages_of_a_panorama_start_later_than_asked():
    # 16 of 64 rows at a quarter of the size: 256 of 1024 columns.
    stages = stages_of((64, 1024), "block5_conv1", coarsest_size=128, stage_factor=2)
    assert [x[:2] for x in stages] == [(16, 256), (32, 512), (64, 1024)]


@pytest.mark.parametrize("size_of", ["long", "short"])
@pytest.mark.parametrize("shape", [(20, 2000), (30, 40), (40, 30), (17, 300), (10, 10)], ids=str)
def test_a_picture_smaller_than_the_network_can_see_is_told_the_least_size_that_works(
    shape, size_of
):
    options = config("block5_conv1", size=12, size_of=size_of)
    with pytest.raises(ConfigError, match=r"at least 16 pixels.*would be \d+x\d+") as error:
        pyramid.final_size(options, *shape)
    size = int(re.search(r"Ask for (\d+) or more", str(error.value))[1])
    assert min(pyramid.final_size(options.replace(size=size), *shape)) >= 16
    with pytest.raises(ConfigError, match=f"Ask for {size} or more"):
        pyramid.final_size(options.replace(size=size - 1), *shape)


def test_the_deepest_layer_of_a_term_in_use_decides_how_small_a_picture_may_be():
    deep, shallow = ("block5_conv1",), ("block2_conv1", "block1_conv1")
    for layers, weights, expected in [
        ({"content_layers": deep, "style_layers": shallow}, {}, 16),
        ({"content_layers": shallow, "style_layers": deep}, {}, 16),
        ({"content_layers": deep, "style_layers": shallow}, {"content_weight": 0}, PATCH_SIZE),
        ({"content_layers": shallow, "style_layers": deep}, {"style_weight": 0}, PATCH_SIZE),
    ]:
        assert pyramid.smallest_size(config(**layers, **weights)) == expected


def test_stages_know_their_long_side():
    assert Stage(3, 8, 1).long_side == 8
    assert Stage(9, 8, 1).long_side == 9


# The painting.

STAGE, LAST = Stage(50, 100, 1), Stage(200, 400, 1)


def style_size(height, width, stage=LAST, **values):
    return pyramid.style_size(config(**values), height, width, stage, LAST)


def test_the_style_is_as_long_as_the_picture_times_its_scale_in_every_stage():
    assert style_size(3000, 4000) == (300, 400)
    assert style_size(4000, 3000) == (400, 300)
    assert style_size(3000, 4000, STAGE) == (75, 100)
    assert style_size(3000, 4000, style_scale=0.5) == (150, 200)
    assert style_size(3000, 4000, STAGE, style_scale=2.0) == (150, 200)


def test_the_size_of_the_style_is_that_at_the_last_stage():
    assert style_size(3000, 4000, style_size=600, style_scale=7.0) == (450, 600)
    assert style_size(3000, 4000, STAGE, style_size=600) == (112, 150)


def test_the_style_is_enlarged_so_far_as_it_may_be_and_so_that_the_network_can_see_it():
    assert style_size(150, 300) == (200, 400)
    assert style_size(30, 40) == (60, 80)
    assert style_size(30, 40, style_scale=8.0) == (60, 80)
    assert style_size(30, 40, style_enlargement=3.0) == (90, 120)
    assert style_size(30, 40, style_enlargement=1.0) == (30, 40)
    assert style_size(8, 40, layer="block5_conv1") == (16, 80)
    assert style_size(100, 100, STAGE, layer="block5_conv1", style_scale=0.05) == (16, 16)


def test_a_style_that_is_to_fit_is_as_large_as_the_picture():
    for fit in ("resize", "crop"):
        assert style_size(30, 40, style_fit=fit, style_scale=3.0) == (200, 400)
        assert style_size(30, 40, STAGE, style_fit=fit, style_size=70) == (50, 100)


def test_a_photograph_too_thin_for_any_size_is_to_be_cropped():
    for size_of in ("long", "short"):
        config = StyleTransferConfig(size=0, size_of=size_of)
        with pytest.raises(ConfigError, match=r"would be 1x5000\. It is too thin: crop it"):
            pyramid.final_size(config, 5000, 1)


def test_a_style_too_thin_to_be_enlarged_is_refused_with_both_sides():
    with pytest.raises(ConfigError, match=r"`style`.*thin.*5000x1 pixels.*80000 long for 16 wide"):
        style_size(1, 5000, layer="block5_conv1")
