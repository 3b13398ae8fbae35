"""Weights that mean the same for all pictures, sizes and losses."""

import numpy as np
import pytest
import tensorflow as tf
from stylize_tf.iterative.balance import term_weights

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.network import features
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.objective import COVERAGE, WEIGHTS

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


def described(network, config, source, image):
    """Objective, statistics and targets of a picture."""
    objective = build_objective(config, {})
    extract = features.build_extractor(network, objective.layers(), padding=config.padding)
    statistics = objective.statistics(source, extract(tf.constant(image)))
    return objective, statistics, objective.targets([statistics])


def test_energy_of_the_content_is_its_mean_square(tiny_network, content):
    layers = {"content_layers": ("block2_conv1", "block3_conv1")}
    config = CONFIG.replace(**layers, content_layer_weights=(1.0, 3.0))
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
        np.testing.assert_allclose(
            objective.energies(statistics, targets)["style"], expected, rtol=1e-4
        )


@pytest.mark.parametrize("options", STYLE_LOSSES, ids=str)
def test_nothing_costs_each_term_its_weight(tiny_network, content, style, options):
    config = CONFIG.replace(**options, content_weight=0.5, style_weight=2.0, content_growth=0.0)
    paint = Stylizer(config, network=tiny_network)
    pictures = paint.pictures(content, style)
    stage = pyramid.Stage(36, 48, 1)
    targets = paint._targets(pictures, content, None, stage, stage)
    weights = targets[WEIGHTS]
    objective = build_objective(config, {})
    for source, name, own in (("content", "content", 0.5), ("style", "style", 2.0)):
        image = content if source == "content" else pictures.painting_at(0, stage, stage)
        _, statistics, _ = described(tiny_network, config, source, image)
        energy = objective.energies(statistics, targets)[name]
        np.testing.assert_allclose(weights[name] * energy, own, rtol=1e-3)


def test_scaling_the_network_changes_nothing(tiny_network, content, style):
    """Features ten times as large: the same picture, as long as weights are of normalized terms."""
    units = dict.fromkeys(features.MEAN_ACTIVATIONS, 10.0)
    config = CONFIG.replace(style_loss="gram", gram_form="mean")

    def distance(**options):
        pair = [
            Stylizer(config.replace(**options), network=tiny_network, units=each)(content, style)
            for each in (None, units)
        ]
        return np.abs(pair[0] - pair[1]).mean()

    assert distance() < 0.002
    assert distance(normalize_terms=False) > 10 * distance()


def test_weights_follow_the_size_of_the_stage(tiny_network, content, style):
    paint = Stylizer(CONFIG, network=tiny_network)
    energies = [{"content": 4.0, "style": 2.0, "patches": 0.5}]
    config = paint.config
    for side in (128, 512, 1024):
        weights = term_weights(config, pyramid.Stage(side // 2, side, 1), energies)
        scale = side / 512
        expected = {
            "content": config.content_weight / 4 * min(1, scale),
            "style": 1 / 2,
            "patches": config.patch_weight / 0.5,
            "total_variation": config.total_variation_weight * scale**2,
        }
        assert {name: float(x) for name, x in weights.items()} == pytest.approx(expected)
    stage = pyramid.Stage(36, 48, 1)
    pictures = paint.pictures(content, style)
    found = paint._targets(pictures, content, None, stage, stage)[WEIGHTS]["total_variation"]
    assert float(found) == pytest.approx(config.total_variation_weight * (48 / 512) ** 2)


def test_absolute_differences_fall_with_the_size_and_not_its_square():
    stage = pyramid.Stage(1024, 2048, 1)
    factors = {
        form: pyramid.total_variation_factor(CONFIG.replace(total_variation=form), stage)
        for form in ("l1", "squared", "nine_point")
    }
    assert factors == {"l1": 4, "squared": 16, "nine_point": 16}


def test_pictures_of_nothing_give_a_finite_picture(tiny_network, content):
    black, grey = np.zeros([1, 40, 48, 3], np.float32), np.full([1, 36, 48, 3], 0.5, np.float32)
    for pair in ((content, black), (grey, black), (black, content)):
        assert np.isfinite(Stylizer(CONFIG, network=tiny_network)(*pair)).all()


def test_every_region_counts_in_the_unit_of_its_own_painting(tiny_network, content, style):
    mask = np.zeros([36, 48], np.float32)
    mask[:, :12] = 1
    paint = Stylizer(CONFIG.replace(mask_feather=0.0), network=tiny_network)
    stage = pyramid.Stage(36, 48, 1)

    def found(styles, **masks):
        pictures = paint.pictures(content, styles, **masks)
        regions = pictures.masks_at(stage) if pictures.mask_count else None
        return paint._targets(pictures, content, regions, stage, stage)

    alone = [float(found(x)[WEIGHTS]["style"]) for x in (style, style * 0.2)]
    assert abs(alone[1] / alone[0] - 1) > 0.2
    both = found([style, style * 0.2], content_masks=[mask, 1 - mask])
    shares = both[COVERAGE]["image"].shares.numpy()
    np.testing.assert_allclose(
        float(both[WEIGHTS]["style"]) * shares, [0.25 * alone[0], 0.75 * alone[1]], rtol=1e-3
    )
