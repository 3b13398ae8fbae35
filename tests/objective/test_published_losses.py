"""The published normalizations, written as published."""

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.objective import statistics
from stylize_tf.objective.moments import moments
from tests.fakes import twins
from tests.fakes.terms import (
    CHANNELS,
    LAYERS,
    SIZES,
    choices,
    content,
    gaussian,
    gram,
    loss_of,
    random_features,
)


def published_style(form, gram, target, positions):
    """The style loss of one layer from sums over positions, see `config.gram_form`."""
    channels = len(gram)
    return {
        "mean": np.mean((gram / positions - target / positions) ** 2),
        "sum": np.mean((gram - target) ** 2) / channels**2,
        "channel_mean": np.mean((gram - target) ** 2) / (channels * positions) ** 2,
        "gatys": np.sum((gram - target) ** 2) / (4 * channels**2 * positions**2),
        "relative": np.sum((gram - target) ** 2) / np.sum(target**2),
    }[form]


@pytest.mark.parametrize("form", choices("gram_form"))
def test_gram_losses_are_the_published_ones(rng, form):
    features, target = random_features(rng), random_features(rng)
    expected = [
        published_style(
            form,
            twins.gram(features[name][0]),
            twins.gram(target[name][0]),
            np.prod(SIZES[name]),
        )
        for name in LAYERS
    ]
    actual = loss_of(gram(form), features, target, style_layer_weights=(1.0, 1.0))
    assert actual == pytest.approx(sum(expected), rel=1e-4)
    assert loss_of(gram(form), features, target) == pytest.approx(np.mean(expected), rel=1e-4)


def test_content_losses_are_the_published_ones(rng):
    features, target = random_features(rng), random_features(rng)
    squares = [(features[x].numpy().astype(np.float64) - target[x].numpy()) ** 2 for x in LAYERS]
    assert loss_of(content("mean"), features, target) == pytest.approx(
        np.mean([x.mean() for x in squares]), rel=1e-5
    )
    assert loss_of(content("half_sum"), features, target) == pytest.approx(
        np.mean([x.sum() / 2 for x in squares]), rel=1e-5
    )


@pytest.mark.parametrize("loss", ["bures", "w2"])
def test_gaussian_losses_are_those_of_the_plain_twins(rng, loss):
    features, target = random_features(rng), random_features(rng)
    twin = {"bures": twins.bures, "w2": twins.wasserstein_2}[loss]
    epsilon, expected = 0.04, []
    for name in LAYERS:
        (mean, covariance), (wanted_mean, wanted) = (
            twins.moments(x[name][0]) for x in (features, target)
        )
        added = epsilon * np.eye(CHANNELS[name])
        expected.append(twin(mean, covariance + added, wanted_mean, wanted + added))
    actual = loss_of(gaussian(loss), features, target, style_epsilon=epsilon)
    assert actual == pytest.approx(np.mean(expected), rel=1e-3)


def test_gram_loss_of_two_positions_is_worked_by_hand():
    # One layer, one channel: features 1 and 2, target 3 and 0.
    layer = {"style_layers": LAYERS[:1]}
    features = {LAYERS[0]: tf.reshape([1.0, 2.0], [1, 1, 2, 1])}
    target = {LAYERS[0]: tf.reshape([3.0, 0.0], [1, 1, 2, 1])}
    # G = 5 and 9 over N = 2 positions, C = 1.
    for form, expected in {
        "mean": (5 / 2 - 9 / 2) ** 2,
        "sum": (5 - 9) ** 2,
        "channel_mean": (5 / 2 - 9 / 2) ** 2,
        "gatys": (5 - 9) ** 2 / (4 * 2**2),
        "relative": (5 - 9) ** 2 / 9**2,
    }.items():
        assert loss_of(gram(form), features, target, **layer) == pytest.approx(expected)
    # Means 1.5 and 1.5, variances 1/4 and 9/4; with epsilon 2 added: 9/4 and 17/4.
    expected = (np.sqrt(9 / 4) - np.sqrt(17 / 4)) ** 2
    for loss in ("bures", "w2"):
        actual = loss_of(gaussian(loss), features, target, **layer, style_epsilon=2.0)
        assert actual == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32], ids=lambda x: x.name)
def test_gram_gradient_is_the_one_worked_by_hand(rng, dtype):
    """`d mean((G - G*)^2) / dF = 4 F (G - G*) / (C^2 N)` with `G = F'F / N`."""
    features, target = (tf.constant(rng.normal(size=[1, 5, 4, 3]), dtype) for _ in range(2))
    with tf.GradientTape() as tape:
        tape.watch(features)
        difference = statistics.gram_matrix(moments(features)) - statistics.gram_matrix(
            moments(target)
        )
        loss = tf.reduce_mean(difference**2)
    rows = features.numpy().reshape(-1, 3)
    wanted = twins.gram(features[0]) - twins.gram(target[0])
    expected = (4 * rows @ (wanted / 20) / (9 * 20)).reshape(1, 5, 4, 3)
    np.testing.assert_allclose(tape.gradient(loss, features), expected, rtol=1e-4, atol=1e-6)
