"""What moves the weights of networks."""

import keras
import numpy as np
import pytest

from stylize_tf.feedforward.training.optimizers import MOMENTUM, Muon, orthogonal


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (9, 9), (7, 1)], ids=str)
def test_singular_values_come_near_1_and_their_vectors_stay(rng, shape):
    left, _, right = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    values = np.geomspace(1, 0.05, min(shape))
    found = orthogonal((left * values @ right).astype(np.float32)).numpy()
    own = left.T @ found @ right.T
    assert np.diag(own).min() > 0.6
    assert np.diag(own).max() < 1.25
    np.testing.assert_allclose(own - np.diag(np.diag(own)), 0, atol=1e-4)


def test_kernels_move_against_their_momentum_at_the_rate(rng):
    kernel = keras.Variable(rng.normal(size=(3, 3, 4, 8)).astype(np.float32))
    muon = Muon([kernel])
    muon.learning_rate.assign(0.1)
    before, momentum = kernel.numpy(), 0
    for _ in range(2):
        gradient = rng.normal(size=kernel.shape).astype(np.float32)
        momentum = MOMENTUM * momentum + gradient
        muon.apply([gradient])
        step = orthogonal((gradient + MOMENTUM * momentum).reshape(36, 8)).numpy()
        before = before - 0.1 * step.reshape(kernel.shape)
        np.testing.assert_allclose(kernel, before, atol=1e-5)


def test_a_gradient_of_nothing_moves_nothing():
    kernel = keras.Variable(np.ones([1, 1, 2, 3], np.float32))
    muon = Muon([kernel])
    muon.learning_rate.assign(1.0)
    muon.apply([np.zeros([1, 1, 2, 3], np.float32)])
    np.testing.assert_array_equal(kernel, 1)
