"""How terms are put together; what each is worth is in `test_terms_contract.py`."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.network import features
from stylize_tf.objective.objective import COVERAGE, Coverage, Objective, Term, of_regions
from stylize_tf.objective.terms import PATCH_EPSILON, build_objective
from tests.fakes import twins

WEIGHTS = ("content_weight", "style_weight", "patch_weight", "total_variation_weight")


def mean_of(x, unit, target, edges, weights):
    return tf.reduce_mean(x) / unit


def square(x, target):
    return (x - target) ** 2


def toy(name="toy", **changes):
    """A term that compares the means of maps."""
    options = {
        "source": "style",
        "layers": {"a": 1.0},
        "weight": 1.0,
        "sums": mean_of,
        "distance": square,
        **changes,
    }
    return Term(name=name, **options)


def maps(**values):
    return {name: tf.fill([1, 2, 3, 4], float(value)) for name, value in values.items()}


def names_of(config):
    return [term.name for term in build_objective(config, {}).terms]


def config_of(**changes):
    return StyleTransferConfig(**{**dict.fromkeys(WEIGHTS, 1.0), **changes})


# The sum of terms, by hand.


def test_a_term_is_its_weight_times_the_weighted_sum_over_its_layers():
    built = Objective((toy(layers={"a": 2.0, "b": 0.5}, weight=10.0),))
    targets = {"toy": {"a": tf.constant(1.0), "b": tf.constant(4.0)}}
    # 10 * (2 * (3 - 1)^2 + 0.5 * (6 - 4)^2)
    losses = built(maps(a=3, b=6), targets)
    assert {name: float(value) for name, value in losses.items()} == {"toy": 100.0}


def test_features_are_divided_by_the_unit_of_their_layer_or_by_one():
    built = Objective((toy(layers={"a": 1.0, "b": 1.0}),), units={"a": 2.0})
    targets = {"toy": {"a": tf.constant(0.0), "b": tf.constant(0.0)}}
    assert float(built(maps(a=6, b=5), targets)["toy"]) == 3**2 + 5**2


def test_a_term_without_targets_gets_none():
    built = Objective((toy(source="none", distance=lambda x, target: x if target is None else 0),))
    assert float(built(maps(a=7), {})["toy"]) == 7


def test_terms_are_valued_by_their_names_in_their_order():
    built = Objective((toy("second", weight=2.0), toy("first")))
    targets = {name: {"a": tf.constant(0.0)} for name in ("first", "second")}
    losses = built(maps(a=3), targets)
    assert [(name, float(value)) for name, value in losses.items()] == [
        ("second", 18),
        ("first", 9),
    ]


def test_layers_are_those_of_all_terms_or_of_a_source_once_each():
    built = Objective(
        (
            toy("x", source="content", layers={"a": 1.0, "b": 1.0}),
            toy("y", source="style", layers={"b": 1.0, "c": 1.0}),
            toy("z", source="none", layers={"image": 1.0}),
        )
    )
    assert built.layers() == ("a", "b", "c", "image")
    assert built.layers("content") == ("a", "b")
    assert built.layers("style") == ("b", "c")
    assert built.layers("none") == ("image",)
    assert built.layers("music") == ()


def test_statistics_are_of_the_terms_of_one_source():
    built = Objective((toy("x", source="content"), toy("y")), units={"a": 4.0})
    for source, name in (("content", "x"), ("style", "y")):
        statistics = built.statistics(source, maps(a=8))
        assert set(statistics) == {name}
        assert float(statistics[name]["a"]) == 2


def test_targets_are_made_of_the_blend_of_the_statistics():
    built = Objective(
        (
            toy(
                blend=lambda x, shares: sum(s * v for s, v in zip(shares, x, strict=True)),
                target=lambda x: 100 + x,
            ),
        )
    )
    statistics = [built.statistics("style", maps(a=value)) for value in (1, 5)]
    targets = built.targets(statistics, (0.25, 0.75))
    assert float(targets["toy"]["a"]) == 100 + 0.25 * 1 + 0.75 * 5
    # Of a term that does not say how, the first picture counts.
    plain = Objective((toy(),))
    assert float(plain.targets(statistics, (0.25, 0.75))["toy"]["a"]) == 1


def test_targets_of_one_source_leave_out_terms_of_another():
    built = Objective((toy("x", source="content"), toy("y")))
    assert set(built.targets([built.statistics("style", maps(a=1))])) == {"y"}


def test_a_term_is_plain_data_that_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        toy().weight = 3


# What a configuration asks for.


def test_a_weight_of_zero_leaves_its_term_out():
    everything = names_of(config_of())
    assert everything == ["content", "style", "patches", "total_variation"]
    for weight in WEIGHTS:
        left = names_of(config_of(**{weight: 0.0}))
        gone = {"style_weight": {"style", "patches"}, "patch_weight": {"patches"}}
        expected = gone.get(weight, {weight.removesuffix("_weight")})
        assert set(everything) - set(left) == expected


def test_a_term_without_layers_is_left_out():
    assert "content" not in names_of(config_of(content_layers=(), content_layer_weights=()))
    assert "style" not in names_of(config_of(style_layers=(), style_layer_weights=()))


def test_weights_of_layers_are_as_given_and_an_average_without():
    layers = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")
    for kind in ("content", "style"):
        for weights, expected in (((), (0.25,) * 4), ((3, 0, 1, 2), (3, 0, 1, 2))):
            options = {f"{kind}_layers": layers, f"{kind}_layer_weights": weights}
            built = build_objective(config_of(**options), {})
            [term] = [term for term in built.terms if term.name == kind]
            assert tuple(term.layers.items()) == tuple(zip(layers, expected, strict=True))


def test_units_are_used_only_if_features_are_normalized():
    assert build_objective(config_of(normalize_features=True), {"a": 2.0}).units == {"a": 2.0}
    assert build_objective(config_of(normalize_features=False), {"a": 2.0}).units == {}


def test_the_weight_of_patches_is_a_multiple_of_that_of_the_style():
    built = build_objective(config_of(style_weight=3.0, patch_weight=5.0), {})
    assert {term.name: term.weight for term in built.terms}["patches"] == 15


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_an_objective_that_vanishes_on_its_own_target(tiny_network, rng, preset):
    config = PRESETS[preset].replace(total_variation_weight=0.0)
    built = build_objective(config, {})
    extract = features.build_extractor(tiny_network, built.layers())
    maps = extract(tf.constant(rng.uniform(size=[1, 32, 32, 3]), tf.float32))
    targets = {}
    for source in ("content", "style"):
        targets |= built.targets([built.statistics(source, maps)])
    for term in built.terms:
        own = float(built(maps, targets)[term.name])
        other = {name: tf.cast(x, tf.float32) * 0.5 for name, x in maps.items()}
        assert 0 <= own < 1e-4 * float(built(other, targets)[term.name])


def test_the_gradient_of_the_sum_is_the_sum_of_the_gradients(tiny_network, rng):
    """Through the network, to the picture: what the optimizer follows."""
    config = config_of(
        style_loss="gram", content_layers=("block2_conv1",), content_layer_weights=()
    )
    built = build_objective(config, {})
    extract = features.build_extractor(tiny_network, built.layers())
    image, other = (tf.constant(rng.uniform(size=[1, 16, 20, 3]), tf.float32) for _ in range(2))
    targets = {}
    for source in ("content", "style"):
        targets |= built.targets([built.statistics(source, extract(other))])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        losses = built(extract(image), targets)
        loss = tf.add_n(list(losses.values()))
    gradients = [tape.gradient(value, image) for value in losses.values()]
    total = tape.gradient(loss, image)
    np.testing.assert_allclose(total, tf.add_n(gradients), rtol=1e-3, atol=1e-5)
    assert all(float(tf.norm(gradient)) > 0 for gradient in gradients)


# Regions.

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
    return build_objective(config_of(**changes, **options), {LAYER: 2.0})


def regional(rng, objective, names, regions, size=(5, 4), painting=(4, 6)):
    """A map, its targets with coverage, and what these are made of: all of it in float64."""
    channels = 3
    maps = {name: tf.constant(rng.uniform(size=[1, *size, channels])) for name in names}
    paintings = [
        {name: tf.constant(rng.uniform(size=[1, *painting, channels]) ** 2) for name in names}
        for _ in range(regions)
    ]
    weights, shares = rng.uniform(size=[1, *size, regions]), rng.uniform(size=regions)
    targets = of_regions([objective.targets([objective.statistics("style", x)]) for x in paintings])
    covered = Coverage(tf.constant(weights), tf.constant(shares))
    return maps, paintings, targets | {COVERAGE: dict.fromkeys(names, covered)}


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
    weights, shares = (x.numpy() for x in targets[COVERAGE][LAYER])
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
    weights, shares = (x.numpy() for x in targets[COVERAGE]["image"])

    def patches(image):
        rows = np.lib.stride_tricks.sliding_window_view(image[0], (3, 3), axis=(0, 1))
        return rows.transpose(0, 1, 3, 4, 2).reshape(-1, 27)

    expected = 0.0
    for region, painting in enumerate(paintings):
        middle = weights[0, 1:-1, 1:-1, region].ravel()
        _, mean, covariance = weighed(patches(maps["image"].numpy()), middle)
        others = patches(painting["image"].numpy())
        _, target_mean, target = weighed(others, np.ones(len(others)))
        added = PATCH_EPSILON * np.eye(27)
        distance = twins.bures(mean, covariance + added, target_mean, target + added)
        expected += shares[region] * 3.0 * distance
    assert float(objective(maps, targets)["patches"]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", STYLES)
def test_one_region_of_ones_is_the_whole_picture(rng, name):
    objective = style_alone(STYLES[name], patches=True)
    maps, _, targets = regional(rng, objective, ["image", LAYER], 1)
    ones = Coverage(tf.ones([1, 5, 4, 1]), tf.ones([1], tf.float64))
    targets[COVERAGE] = dict.fromkeys(maps, ones)
    whole = objective(maps, {key: x for key, x in targets.items() if key != COVERAGE})
    for term, value in objective(maps, targets).items():
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
    of_part = {COVERAGE: {LAYER: Coverage(tf.constant(weights), tf.constant([0.15], tf.float64))}}
    for coverage_of_painting, painting in ((of_part, partly), ({}, wholly)):
        statistics = objective.statistics("style", painting, coverage_of_painting)
        targets = objective.targets([statistics])
        missed = float(objective({LAYER: 1.5 * partly[LAYER]}, targets)["style"])
        assert missed > 0
        found = objective(partly, targets | of_part)["style"], objective(wholly, targets)["style"]
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
        weights, shares = targets[COVERAGE][LAYER]
        nothing = tf.constant([1.0, 0.0], tf.float64)
        covered = Coverage(weights * nothing, shares * nothing)
        x = maps[LAYER]
        with tf.GradientTape() as tape:
            tape.watch(x)
            both = objective(
                {**maps, LAYER: x}, {**targets, COVERAGE: dict.fromkeys(maps, covered)}
            )
            loss = tf.add_n(list(both.values()))
        assert np.isfinite(tape.gradient(loss, x)).all(), name
        first = {
            term: {layer: tf.nest.map_structure(lambda x: x[:1], y) for layer, y in layers.items()}
            for term, layers in targets.items()
            if term != COVERAGE
        }
        alone = Coverage(weights[..., :1], shares[:1])
        only = objective(maps, {**first, COVERAGE: dict.fromkeys(maps, alone)})
        for term, value in only.items():
            assert float(both[term]) == pytest.approx(float(value), rel=1e-12), name


def test_content_and_total_variation_know_no_regions(rng):
    objective = build_objective(
        config_of(content_layers=(LAYER,), style_layers=(LAYER,), style_layer_weights=()), {}
    )
    names = ["image", LAYER]
    maps, _, targets = regional(rng, objective, names, 2)
    targets["content"] = {LAYER: tf.constant(rng.uniform(size=maps[LAYER].shape))}
    regions = objective(maps, targets)
    whole = Objective(tuple(x for x in objective.terms if not x.has_regions))(maps, targets)
    assert set(whole) == {"content", "total_variation"}
    for name, value in whole.items():
        assert float(regions[name]) == float(value)
