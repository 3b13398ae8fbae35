import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.objective.moments import moments
from tests.fakes import twins

FORMATS = [tf.float16, tf.bfloat16, tf.float32]


def weighted_twin(features, weights):
    """Sums of one picture `[H, W, C]` by each of `[H, W, R]` weights, position by position."""
    rows, counts = features.reshape(-1, features.shape[-1]), weights.reshape(-1, weights.shape[-1])
    first = np.einsum("pr,pc->rc", counts, rows)
    return counts.sum(0), first, np.einsum("pr,pc,pd->rcd", counts, rows, rows)


def test_weighted_moments_equal_the_sums_over_positions_by_weight(rng):
    features, weights = rng.normal(size=(1, 6, 5, 4)), rng.uniform(size=(1, 6, 5, 3))
    expected = weighted_twin(features[0], weights[0])
    actual = moments(tf.constant(features), tf.constant(weights))
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("dtype", FORMATS, ids=lambda x: x.name)
def test_weights_of_one_give_the_moments_without_weights(rng, dtype):
    features = tf.cast(rng.normal(size=(1, 9, 7, 4)), dtype)
    weights = tf.ones([1, 9, 7, 1])
    values, slopes = [], []
    for arguments in ((features,), (features, weights)):
        with tf.GradientTape() as tape:
            tape.watch(features)
            count, first, second = moments(*arguments)
            value = tf.reduce_sum(first**2) + tf.reduce_sum(second**2)
        values.append((count, first, second))
        slopes.append(tape.gradient(value, features))
    for one, other in zip(*values, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(*slopes)
    assert slopes[1].dtype == dtype


def test_moments_of_regions_side_by_side_add_up_to_those_of_the_map(rng):
    features = tf.constant(rng.normal(size=(1, 8, 6, 3)))
    share = rng.uniform(size=(1, 8, 6, 1))
    parts = moments(features, tf.constant(np.concatenate([share, 1 - share], axis=-1)))
    for part, whole in zip(parts, moments(features), strict=True):
        np.testing.assert_allclose(tf.reduce_sum(part, axis=0), whole[0], rtol=1e-12)


def test_the_gradient_of_weighted_moments_agrees_with_finite_differences(rng):
    features, weights = rng.normal(size=(1, 4, 3, 3)), tf.constant(rng.uniform(size=(1, 4, 3, 2)))
    slopes = rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 3))

    def value(x):
        _, first, second = moments(tf.constant(x) if isinstance(x, np.ndarray) else x, weights)
        return tf.reduce_sum(first * slopes[0]) + tf.reduce_sum(second * slopes[1])

    x = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = value(x)
    directions = rng.normal(size=(5, *features.shape))
    np.testing.assert_allclose(
        np.sum(tape.gradient(loss, x) * directions, axis=(1, 2, 3, 4)),
        twins.slopes(value, features, directions, 1e-6),
        rtol=1e-7,
    )


def test_where_the_weight_is_nothing_nothing_counts(rng):
    features = rng.normal(size=(1, 4, 4, 2))
    weights = np.zeros((1, 4, 4, 1))
    weights[:, :2] = 1
    other = features.copy()
    other[:, 2:] = 1e6
    for one, same in zip(
        moments(tf.constant(features), tf.constant(weights)),
        moments(tf.constant(other), tf.constant(weights)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("with_weights", [False, True])
def test_maps_larger_than_a_part_are_added_up_part_by_part(rng, monkeypatch, with_weights):
    features, weights = rng.normal(size=(1, 13, 5, 2)), rng.uniform(size=(1, 13, 5, 2))
    arguments = [tf.constant(features)] + ([tf.constant(weights)] if with_weights else [])
    expected = moments(*arguments)
    monkeypatch.setattr(
        "stylize_tf.objective.moments._PART", 3 * 5 * 2
    )  # Three rows: four parts and one.
    for one, other in zip(moments(*arguments), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
