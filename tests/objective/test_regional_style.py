"""The style of regions, of each by its own painting, against plain sums in float64."""

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.objective import Objective, of_regions
from stylize_tf.objective.targets import Coverage, Targets
from stylize_tf.objective.terms import patches as patch_term
from tests.fakes import twins

EPSILON = 0.2
STYLES = {
    form: {"style_loss": "gram", "gram_form": form}
    for form in ("mean", "sum", "channel_mean", "gatys", "relative")
} | {loss: {"style_loss": loss, "style_epsilon": EPSILON} for loss in ("bures", "w2")}
LAYER = "block1_conv1"


def style_alone(options, patches=False):
    """The objective of one layer, or of patches of the image, with a unit of 2."""
    changes = {"style_layers": (LAYER,), "style_layer_weights": ()}
    changes |= dict.fromkeys(("content_weight", "total_variation_weight"), 0.0)
    changes["patch_weight"] = 3.0 if patches else 0.0
    config = StyleTransferConfig(**changes, **options)
    return build_objective(config, {LAYER: 2.0})


def regional(rng, objective, names, regions, size=(5, 4), painting=(4, 6)):
    """A map, its targets with coverage, and what these are made of: all of it in float64."""
    channels = 3
    maps = {name: tf.constant(rng.uniform(size=[1, *size, channels])) for name in names}
    paintings = [
        {name: tf.constant(rng.uniform(size=[1, *painting, channels]) ** 2) for name in names}
        for _ in range(regions)
    ]
    weights, shares = rng.uniform(size=[1, *size, regions]), rng.uniform(size=regions)
    of_style = [objective.targets([objective.statistics("style", x)]) for x in paintings]
    covered = Coverage(tf.constant(weights), tf.constant(shares))
    targets = Targets(of_regions(of_style), objective.weights, dict.fromkeys(names, covered))
    return maps, paintings, targets


def weighed(rows, weights):
    """Gram matrix, mean and covariance of rows `[n, C]`, each with its weight."""
    weights = weights / weights.sum()
    gram = np.einsum("n,nc,nd->cd", weights, rows, rows)
    mean = weights @ rows
    return gram, mean, gram - np.outer(mean, mean)


def style_distance(name, own, target, positions):
    """Of weighed statistics, as the help of `gram_form` and `style_loss` tells it."""
    (gram, *own_gaussian), (wanted, *gaussian) = own, target
    channels = len(gram)
    if name in ("bures", "w2"):
        distance = twins.bures if name == "bures" else twins.wasserstein_2
        (mean, covariance), (target_mean, target_covariance) = own_gaussian, gaussian
        added = EPSILON * np.eye(channels)
        return distance(mean, covariance + added, target_mean, target_covariance + added)
    if name == "sum":
        count, target_count = positions
        return np.mean((gram * count - wanted * target_count) ** 2) / channels**2
    squares = (gram - wanted) ** 2
    return {
        "mean": np.mean(squares),
        "channel_mean": np.mean(squares) / channels**2,
        "gatys": np.sum(squares) / (4 * channels**2),
        "relative": np.sum(squares) / np.sum(wanted**2),
    }[name]


@pytest.mark.parametrize("name", STYLES)
def test_the_style_of_regions_is_the_sum_of_their_distances_by_their_shares(rng, name):
    objective = style_alone(STYLES[name])
    maps, paintings, targets = regional(rng, objective, [LAYER], 3)
    weights, shares = (x.numpy() for x in targets.coverage[LAYER])
    rows = maps[LAYER].numpy().reshape(-1, 3) / 2
    expected = 0.0
    for region, painting in enumerate(paintings):
        others = painting[LAYER].numpy().reshape(-1, 3) / 2
        own = weighed(rows, weights[0, :, :, region].ravel())
        target = weighed(others, np.ones(len(others)))
        distance = style_distance(name, own, target, (len(rows), len(others)))
        expected += shares[region] * distance
    assert float(objective(maps, targets)["style"]) == pytest.approx(expected, rel=1e-9)


def test_the_patches_of_regions_are_weighed_by_their_middle_pixels(rng):
    objective = style_alone(STYLES["mean"], patches=True)
    # More patches than their 27 numbers: else the axes of the paintings would be anyhow.
    names, sizes = ["image", LAYER], {"size": (9, 8), "painting": (12, 11)}
    maps, paintings, targets = regional(rng, objective, names, 2, **sizes)
    weights, shares = (x.numpy() for x in targets.coverage["image"])

    def patches(image):
        rows = np.lib.stride_tricks.sliding_window_view(image[0], (3, 3), axis=(0, 1))
        return rows.transpose(0, 1, 3, 4, 2).reshape(-1, 27)

    expected = 0.0
    for region, painting in enumerate(paintings):
        middle = weights[0, 1:-1, 1:-1, region].ravel()
        _, mean, covariance = weighed(patches(maps["image"].numpy()), middle)
        others = patches(painting["image"].numpy())
        _, target_mean, target = weighed(others, np.ones(len(others)))
        added = patch_term.EPSILON * np.eye(27)
        distance = twins.bures(mean, covariance + added, target_mean, target + added)
        expected += shares[region] * 3.0 * distance
    assert float(objective(maps, targets)["patches"]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", STYLES)
def test_one_region_of_ones_is_the_whole_picture(rng, name):
    objective = style_alone(STYLES[name], patches=True)
    maps, _, targets = regional(rng, objective, ["image", LAYER], 1)
    ones = Coverage(tf.ones([1, 5, 4, 1]), tf.ones([1], tf.float64))
    whole = objective(maps, targets._replace(coverage={}))
    for term, value in objective(
        maps, targets._replace(coverage=dict.fromkeys(maps, ones))
    ).items():
        assert float(value) == float(whole[term])


@pytest.mark.parametrize("name", STYLES)
def test_parts_of_a_picture_compare_with_whole_ones_whatever_they_cover(rng, name):
    """Statistics are divided by what is covered, on both sides."""
    objective = style_alone(STYLES[name])
    rows, others = (rng.uniform(size=[1, 4, 8, 3]) for _ in range(2))
    partly, wholly = (
        {LAYER: tf.constant(np.concatenate(x, axis=1))} for x in ((rows, others), (rows, rows))
    )
    weights = np.zeros([1, 8, 8, 1])
    weights[:, :4] = 0.3
    of_part = {LAYER: Coverage(tf.constant(weights), tf.constant([0.15], tf.float64))}
    for coverage_of_painting, painting in ((of_part, partly), ({}, wholly)):
        statistics = objective.statistics("style", painting, coverage_of_painting)
        targets = Targets(objective.targets([statistics]), objective.weights)
        missed = float(objective({LAYER: 1.5 * partly[LAYER]}, targets)["style"])
        assert missed > 0
        of_both = ((partly, targets._replace(coverage=of_part)), (wholly, targets))
        found = [objective(*each)["style"] for each in of_both]
        np.testing.assert_allclose(found, 0, atol=1e-9 * missed)


@pytest.mark.parametrize("name", STYLES)
def test_the_gradient_of_regions_agrees_with_finite_differences(rng, name):
    objective = style_alone(STYLES[name], patches=True)
    maps, _, targets = regional(rng, objective, ["image", LAYER], 2)
    for layer in ("image", LAYER):
        x = maps[layer]

        def value(x, layer=layer):
            return tf.add_n(list(objective({**maps, layer: x}, targets).values()))

        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = value(x)
        gradient = tape.gradient(loss, x)
        directions = rng.normal(size=[4, *x.shape])
        np.testing.assert_allclose(
            np.sum(gradient * directions, axis=(1, 2, 3, 4)),
            twins.slopes(value, x, directions, 1e-5),
            rtol=1e-5,
        )


def test_a_region_without_any_weight_adds_nothing_and_stays_finite(rng):
    for name, options in STYLES.items():
        objective = style_alone(options, patches=True)
        maps, _, targets = regional(rng, objective, ["image", LAYER], 2)
        weights, shares = targets.coverage[LAYER]
        nothing = tf.constant([1.0, 0.0], tf.float64)
        covered = Coverage(weights * nothing, shares * nothing)
        x = maps[LAYER]
        with tf.GradientTape() as tape:
            tape.watch(x)
            everywhere = targets._replace(coverage=dict.fromkeys(maps, covered))
            both = objective({**maps, LAYER: x}, everywhere)
            loss = tf.add_n(list(both.values()))
        assert np.isfinite(tape.gradient(loss, x)).all(), name
        first = tf.nest.map_structure(lambda x: x[:1], targets.of_terms)
        alone = dict.fromkeys(maps, Coverage(weights[..., :1], shares[:1]))
        only = objective(maps, Targets(first, targets.weights, alone))
        for term, value in only.items():
            assert float(both[term]) == pytest.approx(float(value), rel=1e-12), name


def test_content_and_total_variation_know_no_regions(rng):
    layers = {"content_layers": (LAYER,), "style_layers": (LAYER,), "style_layer_weights": ()}
    alone = {"focus_weight": 0.0, "structure_weight": 0.0}
    objective = build_objective(StyleTransferConfig(**layers, **alone), {})
    maps, _, targets = regional(rng, objective, ["image", LAYER], 2)
    targets.of_terms["content"] = {LAYER: tf.constant(rng.uniform(size=maps[LAYER].shape))}
    regions = objective(maps, targets)
    whole = Objective(tuple(x for x in objective.terms if not x.has_regions))(maps, targets)
    assert set(whole) == {"content", "total_variation"}
    for name, value in whole.items():
        assert float(regions[name]) == float(value)
