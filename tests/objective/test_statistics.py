import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.objective import statistics
from stylize_tf.objective.moments import moments
from tests.fakes import twins

# Gram matrices.


@pytest.mark.parametrize("shape", [(1, 4, 6, 3), (2, 5, 5, 8), (1, 1, 1, 2)], ids=str)
def test_gram_matrix_equals_numpy_and_ignores_position(rng, shape):
    pixels = rng.normal(size=shape).reshape(shape[0], -1, shape[-1])
    expected = pixels.transpose(0, 2, 1) @ pixels / pixels.shape[1]
    for features in (pixels, rng.permutation(pixels, axis=1)):
        actual = statistics.gram_matrix(moments(tf.constant(features.reshape(shape))))
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-15)


def test_gram_matrix_of_two_positions_is_the_mean_of_their_outer_products():
    # ([1, 2]' [1, 2] + [3, 4]' [3, 4]) / 2
    gram = statistics.gram_matrix(moments(tf.constant([[[[1.0, 2.0], [3.0, 4.0]]]])))
    np.testing.assert_allclose(gram, [[[5, 7], [7, 10]]], rtol=1e-6)


def test_gram_matrix_is_symmetric_and_positive_semi_definite(rng):
    gram = statistics.gram_matrix(moments(tf.constant(rng.normal(size=(1, 2, 3, 8))))).numpy()[0]
    np.testing.assert_array_equal(gram, gram.T)
    eigenvalues = np.linalg.eigvalsh(gram)
    assert eigenvalues.min() > -1e-12
    assert np.sum(eigenvalues > 1e-9) == 6  # Six positions span no more.


def test_sums_over_a_megapixel_keep_the_accuracy_of_float32(rng):
    """Behind a ReLU all terms of a sum have one sign: what each addition rounds adds up."""
    features = np.maximum(rng.normal(size=(1, 1024, 1024, 8)) * 300 + 100, 0).astype(np.float32)
    rows = features.reshape(-1, 8).astype(np.float64)
    count, first, second = moments(tf.constant(features))
    np.testing.assert_array_equal(count, [2**20])
    np.testing.assert_allclose(first[0], rows.sum(0), rtol=1e-6)
    np.testing.assert_allclose(second[0], rows.T @ rows, rtol=1e-5)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_statistics_are_at_least_float32(rng, dtype):
    features = tf.cast(rng.normal(size=(1, 6, 7, 4)), dtype)
    expected = dtype if dtype == tf.float64 else tf.float32
    full = tf.cast(features, expected)  # The same values: what is rounded is only the input.
    mean, covariance = statistics.gaussian(moments(features))
    for actual, same in [
        (statistics.gram_matrix(moments(features)), statistics.gram_matrix(moments(full))),
        (mean, statistics.gaussian(moments(full)).mean),
        (covariance, statistics.gaussian(moments(full)).covariance),
    ]:
        assert actual.dtype == expected
        np.testing.assert_allclose(actual, same, rtol=1e-6)


def test_other_ranks_are_refused_with_the_shape():
    with pytest.raises(ValueError, match=r"must be \[N, H, W, C\]; got \(4, 6, 3\)"):
        moments(tf.zeros([4, 6, 3]))


# Gaussians.


def test_gaussian_has_the_mean_and_covariance_of_numpy(rng):
    features = rng.normal(size=(2, 5, 4, 3)) + np.array([0.0, 5.0, -2.0])
    mean, covariance = statistics.gaussian(moments(tf.constant(features)))
    for index in range(2):
        expected_mean, expected_covariance = twins.moments(features[index])
        np.testing.assert_allclose(mean[index], expected_mean, rtol=1e-12)
        np.testing.assert_allclose(covariance[index], expected_covariance, atol=1e-12)


def test_blend_of_gaussians_is_the_gaussian_of_the_pictures_side_by_side(rng):
    left, right = rng.normal(size=(1, 4, 2, 3)), 3 * rng.normal(size=(1, 4, 6, 3)) + 1
    together = statistics.gaussian(moments(tf.constant(np.concatenate([left, right], axis=2))))
    blended = statistics.blend_gaussians(
        [
            statistics.gaussian(moments(tf.constant(left))),
            statistics.gaussian(moments(tf.constant(right))),
        ],
        [0.25, 0.75],
    )
    np.testing.assert_allclose(blended.mean, together.mean, atol=1e-12)
    np.testing.assert_allclose(blended.covariance, together.covariance, atol=1e-12)


def test_blend_is_the_weighted_sum():
    blended = statistics.blend([tf.constant([1.0, 2.0]), tf.constant([3.0, -2.0])], [0.25, 0.75])
    np.testing.assert_allclose(blended, [2.5, -1.0])


# Patches.


def test_patches_of_a_picture_are_its_neighbourhoods_row_by_row():
    image = np.arange(24.0).reshape(1, 3, 4, 2)
    patches = statistics.patches(tf.constant(image), 2).numpy()
    assert patches.shape == (1, 2, 3, 8)
    np.testing.assert_array_equal(patches[0, 1, 2], image[0, 1:3, 2:4].ravel())
    np.testing.assert_array_equal(patches[0, 0, 0], [0, 1, 2, 3, 8, 9, 10, 11])


def test_covariance_of_patches_is_the_autocorrelation_of_the_picture():
    # A wave along x of four pixels: neighbours are uncorrelated, those two apart opposite.
    wave = np.cos(np.pi / 2 * np.arange(402))
    image = tf.constant(np.tile(wave[None, None, :, None], (1, 3, 1, 1)))
    covariance = statistics.gaussian(moments(statistics.patches(image, 3))).covariance[0].numpy()
    row = np.array([[0.5, 0, -0.5], [0, 0.5, 0], [-0.5, 0, 0.5]])
    np.testing.assert_allclose(covariance, np.tile(row, (3, 3)), atol=1e-12)
