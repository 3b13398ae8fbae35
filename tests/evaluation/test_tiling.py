"""A picture from its parts: values, gradients and statistics against those of the whole."""

import functools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import regions
from stylize_tf.evaluation import tiling as module
from stylize_tf.evaluation.segments import bands_of
from stylize_tf.evaluation.tiling import Tiling, cut
from stylize_tf.network import features
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.objective import Objective, of_regions
from stylize_tf.objective.targets import Targets
from stylize_tf.objective.term import Term
from tests.fakes.eager import eagerly

UNITS = {f"block{block}_conv1": 0.5 * block for block in range(1, 6)}

# Everything that there is, with layers of every segment.
FULL = StyleTransferConfig(
    content_layers=("block4_conv2",),
    style_layer_weights=(),
    content_weight=1.0,
    focus_weight=1.0,
    structure_weight=1.0,
    colors_weight=1.0,
    style_weight=1.0,
    patch_weight=1.0,
    total_variation_weight=1.0,
)
DEEP = {
    "content_layers": ("block1_pool", "block2_conv2", "block3_conv4", "block4_pool"),
    "content_layer_weights": (1.0, 0.0, 2.0, 0.5),
    "style_layers": (
        "block1_conv2",
        "block1_pool",
        "block2_pool",
        "block3_pool",
        "block4_conv4",
        "block5_conv1",
    ),
}
# Two segments: what a term is asked for does not depend on how many there are.
SHALLOW = {
    "content_layers": ("block2_conv2",),
    "style_layers": ("block1_conv1", "block2_pool", "block3_conv1"),
}
# What is asked for -> changes of `FULL`.
CASES = {
    "bures": {},
    "pools, average, zero": {"pooling": "average", "padding": "zero", **DEEP},
    "gram mean, pools, reflect": {"style_loss": "gram", "padding": "reflect", **DEEP},
    "w2, half_sum": {"style_loss": "w2", "content_form": "half_sum", **SHALLOW},
    "gram sum, l1": {"style_loss": "gram", "gram_form": "sum", "total_variation": "l1", **SHALLOW},
    "gram channel_mean, squared, average": {
        "style_loss": "gram",
        "gram_form": "channel_mean",
        "total_variation": "squared",
        "pooling": "average",
        **SHALLOW,
    },
    "gram gatys, no content, no total variation": {
        "style_loss": "gram",
        "gram_form": "gatys",
        **SHALLOW,
        "content_weight": 0.0,
        "total_variation_weight": 0.0,
    },
    "gram relative, no patches": {
        "style_loss": "gram",
        "gram_form": "relative",
        "patch_weight": 0.0,
        "padding": "reflect",
        **SHALLOW,
    },
    "content alone, in one segment": {
        "style_weight": 0.0,
        "total_variation_weight": 0.0,
        "content_layers": ("block1_conv2",),
    },
    "content at the first cut, no style": {
        "style_weight": 0.0,
        "content_layers": ("block2_pool",),
    },
    "style of one layer": {
        "content_weight": 0.0,
        "patch_weight": 0.0,
        "style_layers": ("block3_conv1",),
    },
}
# This one is tried with every number of banded segments and all sizes, the others with all
# segments at the first size.
THOROUGH = "bures"
# As (height, width), and the pixels of a band: smallest bands, some, one band.
SMALL = (33, 47), 1
SIZES = [((67, 18), 1), ((16, 19), 1), ((48, 64), 10**6), ((64, 16), 256), ((131, 173), 4000)]


@functools.cache
def built(network, case):
    """Extractor and objective of a case."""
    config = FULL.replace(**CASES[case])
    objective = build_objective(config, UNITS)
    extractor = features.build_extractor(
        network, objective.layers(), pooling=config.pooling, padding=config.padding
    )
    return extractor, objective


@functools.cache
def tiling_of(network, case, banded):
    return Tiling(*built(network, case), banded)


def picture(rng, height, width):
    return tf.constant(rng.uniform(size=[1, height, width, 3]), tf.float32)


def targets_of(network, case, rng, size, styles=((40, 52), (35, 31)), shares=(0.3, 0.7)):
    """Of a photograph of the size of the picture and two paintings."""
    extractor, objective = built(network, case)
    statistics = [
        objective.statistics("style", extractor(picture(rng, *style))) for style in styles
    ]
    own = objective.statistics("content", extractor(picture(rng, *size)))
    of_terms = {**objective.targets(statistics, shares), **objective.targets([own])}
    weights = {name: tf.constant(weight) for name, weight in objective.weights.items()}
    return Targets(of_terms, weights)


def whole(network, case, image, targets):
    """The losses and their gradient, without any tiling."""
    extractor, objective = built(network, case)
    with tf.GradientTape() as tape:
        tape.watch(image)
        losses = objective(extractor(image), targets)
        loss = tf.add_n(list(losses.values()))
    return losses, tape.gradient(loss, image)


def error(actual, expected):
    """The largest difference, against the largest value."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    return np.abs(actual - expected).max() / np.abs(expected).max()


# Values and gradients.


def check_bands(network, case, image, targets, pixels, numbers, tolerance):
    """Values and gradients from bands of so many segments are those of the whole."""
    # The exact distance is a small difference of large traces: whole pictures, too, agree no more
    # when they are evaluated in another order.
    tolerance = 1e-3 if "w2" in case else tolerance
    losses, gradient = whole(network, case, image, targets)
    assert np.abs(gradient).max() > 0
    for banded in numbers:
        own, slope = tiling_of(network, case, banded).value_and_gradient(image, targets, pixels)
        assert set(own) == set(losses)
        for name, loss in losses.items():
            assert float(own[name]) == pytest.approx(float(loss), rel=tolerance), banded
        # Measured: 8e-6 at most.
        assert error(slope, gradient) < 2e-5, (image.shape, banded)


@pytest.mark.parametrize("case", CASES)
@eagerly()
def test_value_and_gradient_from_bands_are_those_of_the_whole(tiny_network, rng, case):
    segments = len(cut(built(tiny_network, case)[0]))
    runs = [(SMALL, [segments])]
    if case == THOROUGH:
        runs = [(SMALL, range(segments + 1)), *((size, [segments]) for size in SIZES)]
    for (size, pixels), numbers in runs:
        targets = targets_of(tiny_network, case, rng, size)
        check_bands(tiny_network, case, picture(rng, *size), targets, pixels, numbers, 1e-5)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@eagerly()
def test_likeness_in_bands_is_that_of_the_whole_where_a_grid_is_coarser_than_the_map(
    tiny_network, rng, precision
):
    """Bands of rows that begin within a cell, in the format of the convolutions."""
    config = FULL.replace(style_layers=("block3_conv1",), style_layer_weights=())
    built = build_objective(config, {})
    terms = tuple(x for x in built.terms if x.name in ("structure", "colors", "focus"))
    assert len(terms) == 3
    objective = Objective(terms)
    extractor = features.build_extractor(tiny_network, objective.layers(), precision=precision)
    image, photograph = picture(rng, 131, 173), picture(rng, 131, 173)
    own = objective.statistics("content", extractor(photograph))
    weights = {name: tf.constant(x) for name, x in objective.weights.items()}
    targets = Targets(objective.targets([own]), weights)
    runs = [Tiling(extractor, objective, banded) for banded in (0, 4)]
    (losses, slope), (of_bands, of_band) = (
        tiling.value_and_gradient(image, targets, 1500) for tiling in runs
    )
    for name, loss in losses.items():
        assert float(loss) > 0.01
        assert float(of_bands[name]) == pytest.approx(float(loss), rel=1e-4)
    # A gradient of bfloat16 is rounded to 2^-9 in each of a dozen convolutions.
    assert error(of_band, slope) < (1e-4 if precision == "float32" else 2e-2)


@eagerly()
def test_more_banded_segments_than_there_are_is_all_of_them(tiny_network, rng):
    case, size = "style of one layer", (40, 33)
    assert len(cut(built(tiny_network, case)[0])) == 2
    image, targets = picture(rng, *size), targets_of(tiny_network, case, rng, size)
    expected = tiling_of(tiny_network, case, 2).value_and_gradient(image, targets, 300)
    actual = tiling_of(tiny_network, case, 9).value_and_gradient(image, targets, 300)
    np.testing.assert_array_equal(actual[1], expected[1])


@eagerly()
def test_the_way_back_goes_by_the_same_bands_as_the_way_forth(tiny_network, rng, monkeypatch):
    """Or memory would not be bounded, however right the gradient is."""
    image, targets = picture(rng, 131, 40), targets_of(tiny_network, "bures", rng, (131, 40))
    tiling, seen = tiling_of(tiny_network, "bures", 4), []

    def recorded(*arguments):
        seen.append(bands_of(*arguments))
        return seen[-1]

    monkeypatch.setattr(module, "bands_of", recorded)
    tiling.value_and_gradient(image, targets, 900)
    assert len(seen) == 8
    assert seen[4:] == seen[3::-1]
    assert len(seen[0]) > 3


@eagerly()
def test_a_picture_in_many_bands_takes_less_memory_at_a_time_on_both_ways(
    tiny_network, rng, monkeypatch
):
    """The largest part that any function is given is that of a band and its margins."""
    image, targets = picture(rng, 131, 40), targets_of(tiny_network, "bures", rng, (131, 40))
    tiling, rows = Tiling(*built(tiny_network, "bures"), 2), []
    maps = Tiling._maps

    def recorded(self, index, band, first, start, end):
        if index == 0:
            rows.append(band.shape[1])
        return maps(self, index, band, first, start, end)

    monkeypatch.setattr(Tiling, "_maps", recorded)
    tiling.value_and_gradient(image, targets, 900)
    # Bands of 24 rows at most, and eight on each side, there and back.
    assert max(rows) <= 24 + 2 * 8
    assert len(rows) == 2 * math.ceil(131 / 24)


@eagerly()
def test_a_gradient_from_bands_agrees_with_finite_differences_across_their_borders(
    tiny_network, rng
):
    """Against the value alone: where a border is forgotten on both ways, both agree."""
    case, size = "pools, average, zero", (48, 20)
    tiling, targets = tiling_of(tiny_network, case, 4), targets_of(tiny_network, case, rng, size)
    image = picture(rng, *size)
    _, slope = tiling.value_and_gradient(image, targets, 1)

    def value(x):
        losses, _ = whole(tiny_network, case, tf.constant(x, tf.float32), targets)
        return sum(np.float64(loss) for loss in losses.values())

    # Along the gradient itself, in the rows about the borders of the first bands.
    direction = np.zeros([1, *size, 3], np.float32)
    direction[:, 6:42] = slope[:, 6:42]
    length = np.linalg.norm(direction)
    direction /= length
    step = 3e-4  # Shorter than the way to most kinks.
    found = (value(image + step * direction) - value(image - step * direction)) / (2 * step)
    assert found == pytest.approx(length, rel=2e-2)


# Regions.


def masks_of(rng, height, width, count):
    """Soft masks `[1, H, W, R]`, smooth and with empty parts, that add up to less than 1."""
    coarse = rng.uniform(-0.5, 1, size=[1, 4, 3, count])
    masks = tf.maximum(tf.image.resize(coarse, [height, width]), 0)
    return (masks / tf.maximum(tf.reduce_sum(masks, axis=3, keepdims=True), 1)).numpy()


def regional_targets(network, case, rng, size, count):
    """Of a photograph and of a painting for each of some regions of the picture."""
    extractor, objective = built(network, case)
    targets = [targets_of(network, case, rng, size, ((40, 35),), (1.0,)) for _ in range(count)]
    names = [term.name for term in objective.of("style").terms]
    of_style = [{name: each.of_terms[name] for name in names} for each in targets]
    covered = regions.coverage(masks_of(rng, *size, count), extractor)
    return Targets({**targets[0].of_terms, **of_regions(of_style)}, targets[0].weights, covered)


STYLED = [name for name, changes in CASES.items() if changes.get("style_weight") != 0]


@pytest.mark.parametrize("case", STYLED)
@eagerly()
def test_value_and_gradient_of_regions_from_bands_are_those_of_the_whole(tiny_network, rng, case):
    segments = len(cut(built(tiny_network, case)[0]))
    runs = [(SMALL, 2, [segments])]
    if case == THOROUGH:
        runs = [(SMALL, 1, [segments]), (SMALL, 3, (0, 2, segments))]
        runs += [(size, 3, [segments]) for size in SIZES[:2]]
    for (size, pixels), count, numbers in runs:
        image, targets = picture(rng, *size), regional_targets(tiny_network, case, rng, size, count)
        # The covariance of the patches of a small region is a small difference: 1.2e-5.
        check_bands(tiny_network, case, image, targets, pixels, numbers, 3e-5)


# Statistics.


@pytest.mark.parametrize("case", ["bures", "gram sum, l1", "pools, average, zero"])
@eagerly()
def test_statistics_by_bands_are_those_of_the_whole_and_of_a_part_others(tiny_network, rng, case):
    extractor, objective = built(tiny_network, case)
    image = picture(rng, 45, 83)
    # Of the photograph's network, whose layers are more than these.
    covered = regions.coverage(masks_of(rng, 45, 83, 1), extractor)
    for source, parts in (("content", [{}]), ("style", [{}, covered])):
        own, found = objective.of(source), []
        outputs = {name: extractor.output[name] for name in own.layers()}
        model = keras.Model(extractor.input, outputs)
        for coverage in parts:
            expected = objective.statistics(source, model(image), coverage)
            found.append(tf.nest.flatten(expected))
            for banded in (0, 1, len(cut(model))):
                tiling = Tiling(model, own, banded)
                for pixels in (1, 1000, 10**9):
                    actual = tiling.statistics(image, pixels, coverage)
                    tf.nest.assert_same_structure(actual, expected)
                    for x, y in zip(tf.nest.flatten(actual), found[-1], strict=True):
                        assert error(x, y) < 1e-5, (source, banded, pixels)
    assert min(error(x, y) for x, y in zip(*found, strict=True)) > 1e-3


# Graphs.


def test_graphs_give_what_is_computed_eagerly_and_the_same_bytes_each_time(tiny_network, rng):
    """All kinds: of a band there and back, of what is left, of a description and its end."""
    case, size, pixels = "gram channel_mean, squared, average", (67, 18), 400
    extractor, objective = built(tiny_network, case)
    tiling, image = tiling_of(tiny_network, case, 1), picture(rng, *size)
    for targets in (
        targets_of(tiny_network, case, rng, size),
        regional_targets(tiny_network, case, rng, size, 2),
    ):
        losses, slope = tiling.value_and_gradient(image, targets, pixels)
        again, same = tiling.value_and_gradient(image, targets, pixels)
        with eagerly():
            expected, gradient = tiling.value_and_gradient(image, targets, pixels)
        assert error(slope, gradient) < 2e-5
        np.testing.assert_array_equal(slope, same)
        for name, loss in expected.items():
            assert float(losses[name]) == pytest.approx(float(loss), rel=1e-5)
            assert float(losses[name]) == float(again[name])
    coverage = regions.coverage(masks_of(rng, *size, 1), extractor)
    describing = Tiling(extractor, objective, 1)
    for covered in ({}, coverage):
        statistics = describing.statistics(image, pixels, covered)
        with eagerly():
            expected = describing.statistics(image, pixels, covered)
        for x, y in zip(tf.nest.flatten(statistics), tf.nest.flatten(expected), strict=True):
            assert error(x, y) < 1e-5


@pytest.mark.parametrize(("pictures", "count"), [(1, 0), (3, 0), (1, 2)])
def test_every_function_is_traced_once_for_all_sizes_and_bands(tiny_network, rng, pictures, count):
    traces = []

    class Counted(Term):
        has_regions = True

        def sums(self, part):
            traces.append(tf.executing_eagerly())
            assert (part.weights is None) == (count == 0)
            return tf.reduce_sum(part.features) * tf.ones([max(count, 1)])

        def distance(self, statistic, target):
            return tf.reduce_sum(statistic)

    layers = ("image", "block1_conv1", "block3_conv2", "block4_conv1")
    weights = tuple((layer, 1.0) for layer in layers)
    objective = Objective((Counted(name="mean", source="none", layer_weights=weights),))
    extractor = features.build_extractor(tiny_network, layers)
    tiling = Tiling(extractor, objective, banded=2)
    counts = []
    for size, pixels in (((33, 47), 1), ((131, 40), 900), ((40, 33), 10**6), ((17, 90), 1)):
        of_terms, covered = {}, {}
        if count:
            of_terms = {"mean": dict.fromkeys(layers, tf.zeros([count]))}
            covered = regions.coverage(masks_of(rng, *size, count), extractor)
        image = tf.repeat(picture(rng, *size), pictures, axis=0)
        targets = Targets(of_terms, {"mean": tf.constant(1.0)}, covered)
        tiling.value_and_gradient(image, targets, pixels)
        counts.append(len(traces))
    # Two layers in the first segment and one in the second, each there and back; one in the rest.
    assert counts == [2 * 3 + 1] * 4
    assert not any(traces)
