"""How terms are put together; what each is worth is in `test_terms_contract.py`."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf import features
from stylize_tf.config import StyleTransferConfig
from stylize_tf.objective import Objective, Term, build_objective
from stylize_tf.presets import PRESETS

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
