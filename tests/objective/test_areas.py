"""Means over areas: by hand, and as a linear map with an adjoint."""

import numpy as np
import tensorflow as tf

from stylize_tf.objective.areas import Shrinking, area_means


def test_a_cell_counts_the_share_of_each_position_that_lies_in_it():
    expected = np.array([[2, 2, 1, 0, 0], [0, 0, 1, 2, 2]]) / 5
    np.testing.assert_allclose(area_means(5, 2), expected, atol=1e-7)
    np.testing.assert_allclose(area_means(4, 4), np.eye(4), atol=1e-7)


def test_a_quarter_is_made_of_means_over_squares_of_four(rng):
    image = rng.uniform(size=(2, 12, 8, 3)).astype(np.float32)
    expected = image.reshape(2, 3, 4, 2, 4, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(Shrinking.of((12, 8), (3, 2))(image), expected, rtol=1e-5)


def test_transposed_is_the_adjoint(rng):
    shrinking = Shrinking.of((11, 7), (3, 2))
    image, gradient = (
        tf.constant(rng.normal(size=shape), tf.float32) for shape in ((1, 11, 7, 3), (1, 3, 2, 3))
    )
    one = tf.reduce_sum(shrinking(image) * gradient)
    other = tf.reduce_sum(image * shrinking.transposed(gradient))
    np.testing.assert_allclose(one, other, rtol=1e-5)
