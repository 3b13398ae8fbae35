import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from stylize_tf.objective import distances
from stylize_tf.objective.statistics import Gaussian
from tests.fakes import twins


def gaussian_of(mean, covariance):
    """A `Gaussian` of one picture from plain arrays, in float64."""
    return Gaussian(tf.constant([mean], tf.float64), tf.constant([covariance], tf.float64))


def random_gaussian(rng, channels, condition=100.0):
    return rng.normal(size=channels), twins.positive_definite(rng, channels, condition)


def bures_between(x, target, epsilon):
    return float(distances.bures(x, distances.bures_target(target, epsilon), epsilon))


def value_and_gradient(function, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return float(value), tape.gradient(value, x).numpy()


# Squared errors.


def test_squared_errors_of_hand_worked_arrays():
    x, target = tf.constant([[[1.0, 2.0], [3.0, 4.0]]]), tf.constant([[[1.0, 0.0], [0.0, 2.0]]])
    assert float(distances.mean_squared_error(x, target)) == pytest.approx((0 + 4 + 9 + 4) / 4)
    assert float(distances.relative_squared_error(x, target)) == pytest.approx(17 / 5)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_squared_errors_are_at_least_float32(rng, dtype):
    x = tf.cast(rng.normal(size=(1, 6, 7, 4)), dtype)
    full = dtype if dtype == tf.float64 else tf.float32
    for actual, expected in [
        (distances.mean_squared_error(x, 0 * x), tf.reduce_mean(tf.cast(x, full) ** 2)),
        (distances.relative_squared_error(x, x), tf.zeros([], full)),
    ]:
        assert actual.dtype == full
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_relative_error_does_not_depend_on_the_unit(rng):
    x, target = tf.constant(rng.normal(size=(2, 3, 4))), tf.constant(rng.normal(size=(2, 3, 4)))
    np.testing.assert_allclose(
        distances.relative_squared_error(1000 * x, 1000 * target),
        distances.relative_squared_error(x, target),
        rtol=1e-12,
    )


# Wasserstein-2, the exact distance.


def test_distance_of_one_channel_is_worked_by_hand():
    # (3 - 1)^2 + (sqrt(4) - sqrt(9))^2; with one channel every form is exact.
    x, target = gaussian_of([3.0], [[4.0]]), gaussian_of([1.0], [[9.0]])
    assert float(distances.wasserstein_2(x, target)) == pytest.approx(5.0, rel=1e-12)
    # With 7 added to both variances: 4 + (sqrt(11) - 4)^2
    expected = 4 + (np.sqrt(11) - 4) ** 2
    assert float(distances.wasserstein_2(x, target, 7.0)) == pytest.approx(expected, rel=1e-12)
    assert bures_between(x, target, 7.0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("channels", [2, 5, 16])
def test_wasserstein_equals_the_formula_with_scipys_matrix_root(rng, channels):
    x, target = random_gaussian(rng, channels), random_gaussian(rng, channels)
    np.testing.assert_allclose(
        distances.wasserstein_2(gaussian_of(*x), gaussian_of(*target)),
        twins.wasserstein_2(*x, *target),
        rtol=1e-10,
    )


def test_wasserstein_is_a_metric(rng):
    points = [gaussian_of(*random_gaussian(rng, 4)) for _ in range(4)]
    root = np.array([[float(distances.wasserstein_2(a, b)) for b in points] for a in points]) ** 0.5
    np.testing.assert_allclose(root, root.T, atol=1e-7)
    np.testing.assert_allclose(np.diag(root), 0, atol=1e-7)
    assert (root[:, np.newaxis] <= root[:, :, np.newaxis] + root[np.newaxis] + 1e-7).all()


@pytest.mark.parametrize("distance", [distances.wasserstein_2, bures_between])
def test_distances_turn_with_the_channels_and_scale_with_their_square(rng, distance):
    (mean, covariance), (target_mean, target) = random_gaussian(rng, 5), random_gaussian(rng, 5)
    turn, epsilon = twins.rotation(rng, 5), 0.01
    expected = float(
        distance(gaussian_of(mean, covariance), gaussian_of(target_mean, target), epsilon)
    )
    turned = distance(
        gaussian_of(turn @ mean, turn @ covariance @ turn.T),
        gaussian_of(turn @ target_mean, turn @ target @ turn.T),
        epsilon,
    )
    scaled = distance(
        gaussian_of(3 * mean, 9 * covariance), gaussian_of(3 * target_mean, 9 * target), 9 * epsilon
    )
    np.testing.assert_allclose([turned, float(scaled) / 9], expected, rtol=1e-10)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_wasserstein_is_never_negative_where_rounding_decides(rng, dtype):
    for _ in range(20):
        covariance = tf.constant([twins.positive_definite(rng, 8, condition=1e4)], dtype)
        x = Gaussian(tf.zeros([1, 8], dtype), covariance)
        assert float(distances.wasserstein_2(x, x, 0.1)) >= 0


def test_wasserstein_of_a_batch_is_the_mean_over_its_pictures(rng):
    pairs = [(random_gaussian(rng, 3), random_gaussian(rng, 3)) for _ in range(2)]
    x, target = (
        Gaussian(*(tf.constant(np.stack(part)) for part in zip(*side, strict=True)))
        for side in zip(*pairs, strict=True)
    )
    exact = np.mean([twins.wasserstein_2(*a, *b) for a, b in pairs])
    rootless = np.mean([twins.bures(*a, *b) for a, b in pairs])
    np.testing.assert_allclose(distances.wasserstein_2(x, target), exact, rtol=1e-10)
    np.testing.assert_allclose(bures_between(x, target, 1e-12), rootless, rtol=1e-10)


def wasserstein_of_covariance(target, epsilon=0.0):
    def function(covariance):
        mean = tf.zeros([1, len(target)], tf.float64)
        x = Gaussian(mean, tf.convert_to_tensor(covariance)[tf.newaxis])
        return distances.wasserstein_2(x, gaussian_of(np.zeros(len(target)), target), epsilon)

    return function


def bures_of_covariance(target, epsilon=1e-12):
    def function(covariance):
        mean = tf.zeros([1, len(target)], tf.float64)
        x = Gaussian(mean, tf.convert_to_tensor(covariance)[tf.newaxis])
        wanted = distances.bures_target(gaussian_of(np.zeros(len(target)), target), epsilon)
        return distances.bures(x, wanted, epsilon)

    return function


@pytest.mark.parametrize("of_covariance", [wasserstein_of_covariance, bures_of_covariance])
def test_gradient_in_the_covariance_agrees_with_finite_differences(rng, of_covariance):
    covariance, target = twins.positive_definite(rng, 6), twins.positive_definite(rng, 6)
    function = of_covariance(target)
    directions = rng.normal(size=(8, 6, 6))
    directions += directions.transpose(0, 2, 1)  # Covariances are symmetric.
    _, gradient = value_and_gradient(function, covariance)
    expected = twins.slopes(function, covariance, directions, 1e-6)
    np.testing.assert_allclose(np.sum(gradient * directions, axis=(1, 2)), expected, rtol=1e-5)


@pytest.mark.parametrize("of_covariance", [wasserstein_of_covariance, bures_of_covariance])
def test_value_and_gradient_in_the_covariance_vanish_at_the_target(rng, of_covariance):
    target = twins.positive_definite(rng, 6)
    value, gradient = value_and_gradient(of_covariance(target), target)
    assert 0 <= value < 1e-12
    np.testing.assert_allclose(gradient, 0, atol=1e-10)


def test_wasserstein_gradient_is_finite_where_eigenvalues_coincide_or_vanish(rng):
    equal, thin = np.eye(4), np.diag([1.0, 1.0, 0.0, 0.0])
    for covariance in (equal, thin, 0 * equal):
        for target in (equal, thin, twins.positive_definite(rng, 4)):
            value, gradient = value_and_gradient(wasserstein_of_covariance(target), covariance)
            assert np.isfinite(value)
            assert np.isfinite(gradient).all()


def test_wasserstein_in_float32_is_that_of_float64_to_its_rounding(rng):
    """The judge's and the objective's precision; 64 channels, a condition number of 1e3."""
    x, target = random_gaussian(rng, 64, 1e3), random_gaussian(rng, 64, 1e3)
    single = [
        Gaussian(*(tf.cast(part, tf.float32) for part in gaussian_of(*side)))
        for side in (x, target)
    ]
    np.testing.assert_allclose(
        distances.wasserstein_2(single[0], distances.wasserstein_2_target(single[1], 0.1), 0.1),
        distances.wasserstein_2(gaussian_of(*x), gaussian_of(*target), 0.1),
        rtol=1e-5,
    )


# The root-free form.


@pytest.mark.parametrize("channels", [1, 2, 7])
def test_bures_equals_its_formula_entry_by_entry(rng, channels):
    x, target = random_gaussian(rng, channels), random_gaussian(rng, channels)
    epsilon = 0.05
    added = epsilon * np.eye(channels)
    expected = twins.bures(x[0], x[1] + added, target[0], target[1] + added)
    actual = bures_between(gaussian_of(*x), gaussian_of(*target), epsilon)
    np.testing.assert_allclose(actual, expected, rtol=1e-10)


@pytest.mark.parametrize("epsilon", [1e-3, 0.3])
def test_bures_is_the_exact_distance_where_the_covariances_commute(rng, epsilon):
    axes = twins.rotation(rng, 6)
    for _ in range(5):
        # From far less variance than the target to far more, and none at all.
        variances = 10 ** rng.uniform(-4, 4, size=6) * (rng.uniform(size=6) > 0.2)
        x = rng.normal(size=6), (axes * variances) @ axes.T
        target = rng.normal(size=6), (axes * 10 ** rng.uniform(-4, 4, size=6)) @ axes.T
        added = epsilon * np.eye(6)
        actual = bures_between(gaussian_of(*x), gaussian_of(*target), epsilon)
        exact = twins.wasserstein_2(x[0], x[1] + added, target[0], target[1] + added)
        np.testing.assert_allclose(actual, exact, rtol=1e-8)
        np.testing.assert_allclose(
            distances.wasserstein_2(gaussian_of(*x), gaussian_of(*target), epsilon),
            exact,
            rtol=1e-8,
        )


def test_bures_is_the_exact_distance_to_second_order_at_the_target(rng):
    """Their difference shrinks as the third power of the step, itself as the second."""
    for channels in (2, 5, 8):
        target = twins.positive_definite(rng, channels, condition=10)
        direction = rng.normal(size=(channels, channels))
        direction = (direction + direction.T) / np.linalg.norm(direction) / 4
        steps = 0.005 * 0.5 ** np.arange(5)
        x = [gaussian_of(np.zeros(channels), target + t * direction) for t in steps]
        wanted = gaussian_of(np.zeros(channels), target)
        exact = np.array([float(distances.wasserstein_2(g, wanted)) for g in x])
        rootless = np.array([bures_between(g, wanted, 1e-12) for g in x])
        np.testing.assert_allclose(exact[:-1] / exact[1:], 4, rtol=0.2)
        difference = np.abs(rootless - exact)
        np.testing.assert_allclose(difference[:-1] / difference[1:], 8, rtol=0.05)
        assert difference[0] < 0.01 * exact[0]


def test_bures_target_holds_the_axes_and_variances_of_the_covariance(rng):
    mean, covariance = random_gaussian(rng, 5)
    target = distances.bures_target(gaussian_of(mean, covariance), 0.3)
    axes, variances = target.axes[0].numpy(), target.variances[0].numpy()
    np.testing.assert_allclose(axes.T @ axes, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(
        (axes * variances) @ axes.T, covariance + 0.3 * np.eye(5), atol=1e-12
    )
    np.testing.assert_array_equal(target.mean[0], mean)


def test_bures_charges_missing_variance_in_full():
    """The plain expansion, with the target's variances in its denominator, charges a quarter."""
    target = gaussian_of(np.zeros(3), np.diag([1.0, 4.0, 9.0]))
    nothing = gaussian_of(np.zeros(3), np.zeros((3, 3)))
    assert bures_between(nothing, target, 1e-9) == pytest.approx(14 / 3, rel=1e-3)


# Fewer positions than channels: a painting without variance in some directions.


def thin(rng, channels, rank):
    """A random covariance with variance in some directions only."""
    rows = rng.normal(size=(rank, channels))
    return rows.T @ rows / rank


def test_bures_is_the_same_in_any_basis_of_the_null_space(rng):
    epsilon, null = 0.1, 5
    x = gaussian_of(*random_gaussian(rng, 8))
    target = distances.bures_target(gaussian_of(np.zeros(8), thin(rng, 8, 3)), epsilon)
    axes = target.axes.numpy()
    axes[0, :, :null] = axes[0, :, :null] @ twins.rotation(rng, null)
    results = [
        value_and_gradient(
            lambda covariance, basis=basis: distances.bures(
                x._replace(covariance=covariance), target._replace(axes=basis), epsilon
            ),
            x.covariance,
        )
        for basis in (target.axes, tf.constant(axes))
    ]
    np.testing.assert_allclose(*(value for value, _ in results), rtol=1e-12)
    np.testing.assert_allclose(*(gradient for _, gradient in results), atol=1e-12)


def test_bures_with_a_null_space_equals_its_formula_entry_by_entry(rng):
    x, covariance, epsilon = random_gaussian(rng, 8), thin(rng, 8, 3), 0.1
    added = epsilon * np.eye(8)
    expected = twins.bures(x[0], x[1] + added, np.zeros(8), covariance + added)
    actual = bures_between(gaussian_of(*x), gaussian_of(np.zeros(8), covariance), epsilon)
    np.testing.assert_allclose(actual, expected, rtol=1e-10)


def test_a_hair_in_a_painting_of_few_positions_is_a_hair_in_bures(rng):
    """In float32, whose rounding alone decides on the axes of what has no variance."""
    rows = np.abs(rng.normal(size=(10, 64)))
    moved = rows * (1 + 1e-6 * rng.normal(size=rows.shape))
    x, target, other = (
        Gaussian(*(tf.cast(part, tf.float32) for part in gaussian_of(*twins.moments(each[None]))))
        for each in (np.abs(rng.normal(size=(40, 64))), rows, moved)
    )
    np.testing.assert_allclose(
        bures_between(x, other, 0.3), bures_between(x, target, 0.3), rtol=1e-5
    )


def test_no_direction_jumps_into_the_null_space_or_out_of_it():
    # Up to 3 * 1.2e-7 * 1000 the least variance but one is rounding, from twice that on it is none.
    steps = 3 * np.finfo(np.float32).eps * 1000 * np.linspace(0.5, 2.5, 41)
    # One direction of variance, halfway between the two of the null space.
    own = [[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 1000.0]]
    x, *targets = (
        Gaussian(*(tf.cast(part, tf.float32) for part in gaussian_of(np.zeros(3), each)))
        for each in (own, *(np.diag([0.0, step, 1000.0]) for step in steps))
    )
    values = [bures_between(x, target, 0.1) for target in targets]
    whole = np.ptp(values)
    assert whole > 0.01 * values[0]
    assert np.abs(np.diff(values)).max() < 0.1 * whole


@pytest.mark.parametrize("null", [[1, 1, 1, 0, 0, 0], [1, 1, 0.6, 0.3, 0.1, 0], [0] * 6], ids=str)
def test_gradient_with_a_null_space_agrees_with_finite_differences(rng, null):
    """Also where it is not certain that a direction has no variance."""
    epsilon, covariance = 0.1, twins.positive_definite(rng, 6)
    target = distances.bures_target(gaussian_of(np.zeros(6), thin(rng, 6, 3)), epsilon)
    target = target._replace(null=tf.constant([null], tf.float64))

    def function(covariance):
        x = Gaussian(tf.zeros([1, 6], tf.float64), tf.convert_to_tensor(covariance)[tf.newaxis])
        return distances.bures(x, target, epsilon)

    directions = rng.normal(size=(8, 6, 6))
    directions += directions.transpose(0, 2, 1)
    _, gradient = value_and_gradient(function, covariance)
    expected = twins.slopes(function, covariance, directions, 1e-6)
    np.testing.assert_allclose(np.sum(gradient * directions, axis=(1, 2)), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=lambda x: x.name)
def test_value_and_gradient_with_a_null_space_vanish_at_the_target(rng, dtype):
    target = distances.bures_target(
        Gaussian(tf.zeros([1, 32], dtype), tf.cast([thin(rng, 32, 5)], dtype)), 0.1
    )
    covariance = (target.axes * (target.variances - 0.1)[:, tf.newaxis]) @ tf.transpose(
        target.axes, [0, 2, 1]
    )
    value, gradient = value_and_gradient(
        lambda x: distances.bures(Gaussian(target.mean, x), target, 0.1), covariance
    )
    rounding = np.finfo(dtype.as_numpy_dtype).eps
    assert 0 <= value < 1e3 * rounding
    np.testing.assert_allclose(gradient, 0, atol=1e3 * rounding)


def test_bures_charges_variance_where_there_should_be_none_once(rng):
    """The mean variance there in place of the share of each would charge it up to thrice."""
    axes = twins.rotation(rng, 3)
    for variances, expected in (([1.0, 4.0, 9.0], 14 / 3), ([6.0, 0.0, 0.0], 6 / 3)):
        x = gaussian_of(np.zeros(3), (axes * variances) @ axes.T)
        nothing = gaussian_of(np.zeros(3), np.zeros((3, 3)))
        assert bures_between(x, nothing, 1e-9) == pytest.approx(expected, rel=1e-3)


def test_bures_in_the_null_space_is_exact_for_equal_variances_and_never_less(rng):
    for epsilon in (1e-3, 0.3):
        axes, added = twins.rotation(rng, 6), epsilon * np.eye(6)
        target = np.zeros(6), (axes * [0, 0, 0, 0, 1, 5]) @ axes.T
        turn = scipy.linalg.block_diag(twins.rotation(rng, 4), np.eye(2))
        for own, is_exact in (([2, 2, 2, 0], True), ([0.01, 0.1, 1, 10], False)):
            own_axes = axes @ turn
            x = np.zeros(6), (own_axes * [*own, 3, 0.5]) @ own_axes.T
            exact = twins.wasserstein_2(x[0], x[1] + added, target[0], target[1] + added)
            excess = bures_between(gaussian_of(*x), gaussian_of(*target), epsilon) / exact - 1
            assert abs(excess) < 1e-8 if is_exact else 1e-4 < excess < 0.3


def test_bures_is_exact_to_second_order_where_the_null_space_fills(rng):
    epsilon, target = 0.1, thin(rng, 6, 3)
    wanted, direction = gaussian_of(np.zeros(6), target), twins.positive_definite(rng, 6)
    x = [gaussian_of(np.zeros(6), target + t * direction) for t in 0.01 * 0.5 ** np.arange(5)]
    exact = np.array([float(distances.wasserstein_2(g, wanted, epsilon)) for g in x])
    difference = np.abs(np.array([bures_between(g, wanted, epsilon) for g in x]) - exact)
    np.testing.assert_allclose(exact[:-1] / exact[1:], 4, rtol=0.2)
    np.testing.assert_allclose(difference[:-1] / difference[1:], 8, rtol=0.2)
