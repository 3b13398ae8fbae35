"""An extractor and an objective together: statistics and values of pictures of every size."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.evaluation import evaluator as module
from stylize_tf.evaluation import tiling
from stylize_tf.evaluation.engine import Engine
from stylize_tf.evaluation.evaluator import Evaluator
from stylize_tf.evaluation.segments import WHOLE, Tiles
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.network import features
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.objective import of_regions
from stylize_tf.objective.targets import Targets
from tests.fakes.eager import eagerly
from tests.fakes.small_pictures import PLAIN

CONFIG = StyleTransferConfig(
    content_layers=("block3_conv1",),
    style_layers=("block1_conv1", "block2_conv1"),
    style_layer_weights=(),
    content_weight=1.0,
    focus_weight=1.0,
    structure_weight=1.0,
    colors_weight=1.0,
    total_variation_weight=1.0,
)
KEEPING = {"content", "focus", "structure", "colors"}
"""Terms whose targets come from the photograph."""


@pytest.fixture(scope="module")
def objective():
    return build_objective(CONFIG, {})


@pytest.fixture(scope="module")
def evaluator(tiny_network, objective):
    extractor = features.build_extractor(tiny_network, objective.layers())
    return Evaluator("float32", extractor, objective)


def picture(rng, *size):
    return tf.constant(rng.uniform(size=[1, *size, 3]), tf.float32)


def targets_of(evaluator, objective, rng, size):
    targets = {}
    for source in ("content", "style"):
        statistics = evaluator.statistics(source, picture(rng, *size))
        targets |= objective.targets([statistics])
    return Targets(targets, {name: tf.constant(x) for name, x in objective.weights.items()})


@eagerly()
def test_statistics_are_those_of_the_features(evaluator, objective, rng):
    image = picture(rng, 30, 41)
    for source, terms in (("content", KEEPING), ("style", {"style", "patches"})):
        actual = evaluator.statistics(source, image)
        assert set(actual) == terms
        expected = objective.statistics(source, evaluator.extractor(image))
        tf.nest.assert_same_structure(actual, expected)
        for x, y in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


@eagerly()
def test_statistics_of_a_large_picture_are_made_in_bands_and_are_the_same(
    tiny_network, objective, rng, monkeypatch
):
    image = picture(rng, 61, 47)
    extractor = features.build_extractor(tiny_network, objective.layers())
    expected = Evaluator("float32", extractor, objective).statistics("style", image)
    monkeypatch.setattr(module, "STATISTICS_PIXELS", 600)
    seen = []
    bands_of = tiling.bands_of
    monkeypatch.setattr(tiling, "bands_of", lambda *x: seen.append(bands_of(*x)) or seen[-1])
    actual = Evaluator("float32", extractor, objective).statistics("style", image)
    assert max(map(len, seen)) > 3
    for x, y in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


def test_a_source_without_terms_has_no_statistics(tiny_network, rng):
    built = build_objective(CONFIG.replace(content_weight=0.0), {})
    extractor = features.build_extractor(tiny_network, built.layers())
    assert Evaluator("float32", extractor, built).statistics("content", picture(rng, 20, 20)) == {}


@eagerly()
def test_tiles_give_the_losses_and_the_gradient_of_the_whole(evaluator, objective, rng):
    image, targets = picture(rng, 53, 37), targets_of(evaluator, objective, rng, (53, 37))
    losses, gradient = evaluator.value_and_gradient()(image, targets)
    assert set(losses) == KEEPING | {"style", "patches", "total_variation"}
    for tiles in (Tiles(1, 300), Tiles(2, 500)):
        own, slope = evaluator.value_and_gradient(tiles)(image, targets)
        for name, loss in losses.items():
            assert float(own[name]) == pytest.approx(float(loss), rel=1e-5)
        np.testing.assert_allclose(slope, gradient, atol=2e-5 * np.abs(gradient).max())


def test_tiles_of_another_size_need_no_other_trace(evaluator, objective, monkeypatch):
    built = []
    monkeypatch.setattr(module, "Tiling", lambda *given: built.append(given[-1]))
    fresh = Evaluator("float32", evaluator.extractor, objective)
    for tiles in (Tiles(2, 100), Tiles(2, 200), Tiles(1, 100), Tiles(2, 300)):
        fresh.value_and_gradient(tiles)
    assert built == [2, 1]


def test_the_network_goes_no_deeper_than_a_source_needs(evaluator, rng, monkeypatch):
    depths = []
    model = keras.Model

    def recorded(inputs, outputs):
        depths.append(sorted(outputs))
        return model(inputs, outputs)

    monkeypatch.setattr(module.keras, "Model", recorded)
    fresh = Evaluator("float32", evaluator.extractor, evaluator._objective)
    fresh.statistics("style", picture(rng, 20, 20))
    assert depths[0] == ["block1_conv1", "block2_conv1", "image"]


def test_segments_are_those_of_the_extractor(evaluator):
    assert [x.output for x in evaluator.segments] == ["block2_pool", None]


def test_pictures_leave_nothing_in_the_graph_of_the_extractor(tiny_network, content, style):
    engine = Engine(tiny_network, {})
    config = PLAIN.replace(content_layers=("block3_conv1",))  # Of two segments.
    paint = Stylizer(config, engine=engine)
    extractor = engine.evaluator(config).extractor

    def nodes():
        paint(content, style)
        paint.plan(content, style)
        return sum(len(layer._inbound_nodes) for layer in extractor.layers)

    assert nodes() == nodes()


def test_the_untraced_gradient_is_the_traced_one(evaluator, objective, rng):
    image, targets = picture(rng, 26, 31), targets_of(evaluator, objective, rng, (26, 31))
    _, expected = evaluator.value_and_gradient()(image, targets)
    actual = evaluator.gradient_untraced(image, targets)
    np.testing.assert_allclose(actual, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("tiles", [WHOLE, Tiles(1, 300)], ids=str)
@eagerly()
def test_a_batch_has_the_mean_value_and_of_each_picture_its_share_of_the_gradient(
    evaluator, objective, rng, tiles
):
    """With targets of its own for each, or one for all; that one trace serves is in tiling."""
    count, size = 3, (37, 26)
    images = [picture(rng, *size) for _ in range(count)]
    own = [targets_of(evaluator, objective, rng, size) for _ in range(count)]
    together = own[0]._replace(of_terms=of_regions([x.of_terms for x in own]))
    evaluate = evaluator.value_and_gradient(tiles)
    for targets, of_batch in ((own, together), ([own[0]] * count, own[0])):
        alone = [evaluate(*each) for each in zip(images, targets, strict=True)]
        values, gradient = evaluate(tf.concat(images, axis=0), of_batch)
        for name, value in values.items():
            expected = np.mean([float(x[0][name]) for x in alone])
            assert float(value) == pytest.approx(expected, rel=1e-5)
        expected = np.concatenate([x[1] for x in alone]) / count
        np.testing.assert_allclose(gradient, expected, atol=2e-5 * np.abs(expected).max())
