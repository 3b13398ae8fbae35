"""How much of the photograph is mixed in where hardly any strength is wanted."""

import numpy as np

from stylize_tf.control.strengths import LEAST, leaves_out, painted


def test_what_is_nearly_black_is_mixed_with_the_photograph_and_no_other():
    shares = np.array([0, LEAST / 2, LEAST, 0.7, 1], np.float32)
    np.testing.assert_allclose(painted(shares), [0, 0.5, 1, 1, 1])
    assert leaves_out(shares)
    assert not leaves_out(shares[2:])
