import numpy as np
import pytest

from stylize_tf.optimizers.adam import Adam
from stylize_tf.optimizers.method import ImageOptimizer
from tests.fakes.functions import bowl, bowl_targets, iterates, random_image


def test_the_function_may_be_replaced_by_one_of_equal_values(rng):
    """As when memory runs out and it goes on in tiles."""
    targets, start, method = bowl_targets(rng), random_image(rng), Adam(learning_rate=0.05)
    expected = iterates(ImageOptimizer(bowl, method, start), targets, 6)
    optimizer, calls = ImageOptimizer(bowl, method, start), []
    before = iterates(optimizer, targets, 3)

    def other(image, targets):
        calls.append(1)
        return bowl(image, targets)

    optimizer.value_and_gradient = other
    after = iterates(optimizer, targets, 3)
    np.testing.assert_array_equal(np.concatenate([before, after]), expected)
    assert len(calls) == 3


def test_a_step_that_fails_leaves_the_state_as_it_was(rng):
    def exhausted(image, targets):
        raise MemoryError

    targets, method = bowl_targets(rng), Adam(learning_rate=0.05)
    optimizer = ImageOptimizer(bowl, method, random_image(rng))
    iterates(optimizer, targets, 2)
    state, optimizer.value_and_gradient = optimizer.state, exhausted
    with pytest.raises(MemoryError):
        optimizer.step(targets)
    assert optimizer.state is state
