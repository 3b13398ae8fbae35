"""What a configuration asks for, with weights that mean the same for all pictures and losses."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.fields import term_fields
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.evaluation.engine import Engine
from stylize_tf.iterative.preparation import Preparation
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.network import features
from stylize_tf.objective.balance import balanced_weights, build_objective
from stylize_tf.objective.targets import Targets
from tests.fakes.eager import eagerly

TERMS = term_fields(StyleTransferConfig)
WEIGHTS = [field.name for field in TERMS.values()]
CONFIG = StyleTransferConfig(size=48, coarsest_size=0, steps=(4,), precision="float32")
STYLE_LOSSES = [
    {"style_loss": "bures"},
    {"style_loss": "w2"},
    *({"style_loss": "gram", "gram_form": form} for form in ("mean", "sum", "gatys", "relative")),
]


@pytest.fixture
def content(rng):
    return rng.uniform(0.1, 0.9, size=[1, 36, 48, 3]).astype(np.float32)


@pytest.fixture
def style(rng):
    return rng.uniform(0.0, 1.0, size=[1, 40, 48, 3]).astype(np.float32)


def config_of(**changes):
    return StyleTransferConfig(**{**dict.fromkeys(WEIGHTS, 1.0), **changes})


def terms_of(**changes):
    return {term.name: term for term in build_objective(config_of(**changes), {}).terms}


# What a configuration asks for.


def test_every_weight_is_that_of_the_term_whose_module_has_the_name_that_it_tells():
    weights = [x for x in StyleTransferConfig.__dataclass_fields__ if x.endswith("_weight")]
    # Of a term that has a weight already, at another size.
    assert [x for x in weights if x != "coarse_style_weight"] == WEIGHTS
    for name, term in terms_of().items():
        module = importlib.import_module(f"stylize_tf.objective.terms.{name}")
        assert module.of(config_of()) == term
        assert module.of(config_of(**{TERMS[name].name: 0.0})) is None
        [weighted] = [terms_of(**{TERMS[name].name: 3.0})[name].weight]
        assert weighted == 3


def test_a_weight_of_zero_leaves_its_term_out():
    assert list(terms_of()) == list(TERMS)
    for name, field in TERMS.items():
        gone = {"style": {"style", "patches"}, "structure": {"structure", "colors"}}
        gone["content"] = {"content", "focus", "structure", "colors"}
        assert set(TERMS) - set(terms_of(**{field.name: 0.0})) == gone.get(name, {name})


def test_a_term_without_layers_is_left_out():
    for kind in ("content", "style"):
        assert kind not in terms_of(**{f"{kind}_layers": (), f"{kind}_layer_weights": ()})


def test_weights_of_layers_are_as_given_and_an_average_without():
    layers = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")
    for kind in ("content", "style"):
        for weights, expected in (((), (0.25,) * 4), ((3, 0, 1, 2), (3, 0, 1, 2))):
            term = terms_of(**{f"{kind}_layers": layers, f"{kind}_layer_weights": weights})[kind]
            assert term.layer_weights == tuple(zip(layers, expected, strict=True))


def test_units_are_used_only_if_features_are_normalized():
    for wanted, expected in ((True, {"a": 2.0}), (False, {})):
        assert build_objective(config_of(normalize_features=wanted), {"a": 2.0}).units == expected


def test_the_weight_of_patches_is_a_multiple_of_that_of_the_style():
    assert terms_of(style_weight=3.0, patch_weight=5.0)["patches"].weight == 15


def targets_of(built, maps):
    of_terms = {}
    for source in ("content", "style"):
        of_terms |= built.targets([built.statistics(source, maps)])
    return Targets(of_terms, built.weights)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_an_objective_that_vanishes_on_its_own_target(tiny_network, rng, preset):
    config = PRESETS[preset].replace(total_variation_weight=0.0)
    built = build_objective(config, {})
    extract = features.build_extractor(tiny_network, built.layers())
    maps = extract(tf.constant(rng.uniform(size=[1, 32, 32, 3]), tf.float32))
    targets = targets_of(built, maps)
    # Elsewhere, and less of it.
    other = {name: tf.cast(x[:, ::-1], tf.float32) * 0.5 for name, x in maps.items()}
    own, missed = built(maps, targets), built(other, targets)
    for term in built.terms:
        assert 0 <= float(own[term.name]) < 1e-4 * float(missed[term.name])


def test_the_gradient_of_the_sum_is_the_sum_of_the_gradients(tiny_network, rng):
    """Through the network, to the picture: what the optimizer follows."""
    config = config_of(
        style_loss="gram", content_layers=("block2_conv1",), content_layer_weights=()
    )
    built = build_objective(config, {})
    extract = features.build_extractor(tiny_network, built.layers())
    image, other = (tf.constant(rng.uniform(size=[1, 16, 20, 3]), tf.float32) for _ in range(2))
    targets = targets_of(built, extract(other))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        losses = built(extract(image), targets)
        loss = tf.add_n(list(losses.values()))
    gradients = [tape.gradient(value, image) for value in losses.values()]
    total = tape.gradient(loss, image)
    np.testing.assert_allclose(total, tf.add_n(gradients), rtol=1e-3, atol=1e-5)
    assert all(float(tf.norm(gradient)) > 0 for gradient in gradients)


# Energies.


def described(network, config, source, image):
    """Objective, statistics and targets of a picture."""
    objective = build_objective(config, {})
    extract = features.build_extractor(network, objective.layers(), padding=config.padding)
    statistics = objective.statistics(source, extract(tf.constant(image)))
    return objective, statistics, objective.targets([statistics])


def test_energy_of_the_content_is_its_mean_square(tiny_network, content):
    layers = {"content_layers": ("block2_conv1", "block3_conv1")}
    alone = {"focus_weight": 0.0, "structure_weight": 0.0}
    config = CONFIG.replace(**layers, **alone, content_layer_weights=(1.0, 3.0))
    objective, statistics, targets = described(tiny_network, config, "content", content)
    maps = [statistics["content"][name].numpy() for name in layers["content_layers"]]
    expected = np.mean(maps[0] ** 2) + 3 * np.mean(maps[1] ** 2)
    energies = objective.energies(statistics, targets)
    assert set(energies) == {"content"}
    np.testing.assert_allclose(energies["content"], expected, rtol=1e-4)


def test_energy_of_the_style_is_about_its_mean_square(tiny_network, style):
    for options in ({"style_loss": "bures"}, {"style_loss": "w2"}):
        layers = {"style_layers": ("block3_conv1",), "style_layer_weights": (1.0,)}
        config = CONFIG.replace(**options, **layers, style_epsilon=1e-4)
        objective, statistics, targets = described(tiny_network, config, "style", style)
        gaussian = statistics["style"]["block3_conv1"]
        variances = tf.linalg.diag_part(gaussian.covariance)
        expected = float(tf.reduce_mean(gaussian.mean**2 + variances))
        energies = objective.energies(statistics, targets)
        np.testing.assert_allclose(energies["style"], expected, rtol=0.05)


def test_energy_of_gram_matrices_is_their_distance_from_none(tiny_network, style):
    for form in ("mean", "sum", "relative"):
        config = CONFIG.replace(style_loss="gram", gram_form=form)
        objective, statistics, targets = described(tiny_network, config, "style", style)
        squares = [
            weight
            * float(tf.reduce_mean(tf.square(targets["style"][layer])))
            / (targets["style"][layer].shape[-1] ** 2 if form == "sum" else 1)
            for layer, weight in zip(config.style_layers, config.style_layer_weights, strict=True)
        ]
        expected = 1.0 if form == "relative" else sum(squares)
        energies = objective.energies(statistics, targets)
        np.testing.assert_allclose(energies["style"], expected, rtol=1e-4)


# Weights in units of them.


def numbers(scalars):
    return {name: float(x) for name, x in scalars.items()}


def test_weights_follow_the_size_of_the_stage_and_energies_unless_these_are_next_to_nothing():
    weights = {"content_weight": 0.3, "focus_weight": 5.0, "content_growth": 2.0}
    weights |= {"structure_weight": 0.5, "colors_weight": 0.4}
    objective = build_objective(CONFIG.replace(**weights), {})
    energies = [{"content": 4.0, "focus": 8.0, "style": 2.0, "patches": 1e-5}]
    for side, early in ((128, 1.0), (256, 1 / 16), (512, 0.0), (1024, 0.0)):
        scale = side / 512
        expected = {
            "content": 0.3 * min(1, scale) ** 2,
            "focus": 0.3 * 5 * (1 - min(1, scale) ** 2),
            "structure": 0.5 * early,
            "colors": 0.5 * 0.4 * early,
            "style": 1.0,
            "patches": CONFIG.patch_weight,
            "total_variation": CONFIG.total_variation_weight * scale**2,
        }
        given = {"finished": 1024}
        assert numbers(balanced_weights(objective, side, **given)) == pytest.approx(expected)
        units = {"content": 4.0, "focus": 8.0, "style": 2.0, "patches": 1e-2}
        expected = {name: weight / units.get(name, 1.0) for name, weight in expected.items()}
        actual = numbers(balanced_weights(objective, side, energies, **given))
        assert actual == pytest.approx(expected)


def test_absolute_differences_fall_with_the_size_and_not_its_square():
    for form, factor in (("l1", 4), ("squared", 16), ("nine_point", 16)):
        assert terms_of(total_variation=form)["total_variation"].size_factor(2048, 2048) == factor


def prepared(config, engine, content, style, **masks):
    """The targets of the first stage."""
    paint = Stylizer(config, engine=engine)
    pictures = paint.pictures(content, style, **masks)
    return Preparation(paint.config, engine, pictures).stage(1).targets


@pytest.mark.parametrize("options", STYLE_LOSSES, ids=str)
@eagerly()
def test_nothing_costs_each_term_its_weight(tiny_engine, tiny_network, content, style, options):
    options = {**options, "structure_weight": 0.0}  # Such small pictures have none.
    config = CONFIG.replace(**options, content_weight=0.5, style_weight=2.0, content_growth=0.0)
    targets = prepared(config, tiny_engine, content, style)
    for source, image, own in (("content", content, 0.5), ("style", style, 2.0)):
        objective, statistics, _ = described(tiny_network, config, source, image)
        energy = objective.energies(statistics, targets.of_terms)[source]
        np.testing.assert_allclose(targets.weights[source] * energy, own, rtol=1e-3)
    roughness = CONFIG.total_variation_weight * (48 / 512) ** 2
    assert float(targets.weights["total_variation"]) == pytest.approx(roughness)


@eagerly()
def test_every_region_counts_in_the_unit_of_its_own_painting(tiny_engine, content, style):
    mask = np.zeros([36, 48], np.float32)
    mask[:, :12] = 1
    config = CONFIG.replace(mask_feather=0.0)
    alone = [
        float(prepared(config, tiny_engine, content, x).weights["style"])
        for x in (style, style * 0.2)
    ]
    assert abs(alone[1] / alone[0] - 1) > 0.2
    masks = {"content_masks": [mask, 1 - mask]}
    both = prepared(config, tiny_engine, content, [style, style * 0.2], **masks)
    found = float(both.weights["style"]) * both.coverage["image"].shares.numpy()
    np.testing.assert_allclose(found, [0.25 * alone[0], 0.75 * alone[1]], rtol=1e-3)


@eagerly()
def test_scaling_the_network_changes_nothing(tiny_network, tiny_engine, content, style):
    """Features ten times as large: the same picture, as long as weights are of normalized terms."""
    scaled = Engine(tiny_network, dict.fromkeys(features.MEAN_ACTIVATIONS, 10.0))
    config = CONFIG.replace(style_loss="gram", gram_form="mean")

    def distance(**options):
        one, other = (
            Stylizer(config.replace(**options), engine=engine)(content, style)
            for engine in (tiny_engine, scaled)
        )
        return np.abs(one - other).mean()

    assert distance() < 0.002
    assert distance(normalize_terms=False) > 10 * distance()


@eagerly()
def test_pictures_of_nothing_give_a_finite_picture(tiny_engine, content):
    black, grey = np.zeros([1, 40, 48, 3], np.float32), np.full([1, 36, 48, 3], 0.5, np.float32)
    for pair in ((content, black), (grey, black), (black, content)):
        assert np.isfinite(Stylizer(CONFIG, engine=tiny_engine)(*pair)).all()
