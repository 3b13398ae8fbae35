"""A picture and what it is from afar: value and gradient of both."""

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.evaluation.coarse import seen_from_afar, with_coarse
from stylize_tf.objective.areas import Shrinking
from stylize_tf.objective.targets import Targets


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((384, 512), (96, 128)),
        ((288, 384), (72, 96)),
        ((192, 256), (72, 96)),  # A quarter would be too little to see.
        ((144, 192), (72, 96)),
        ((144, 191), None),  # That would be most of it.
        ((60, 512), None),  # And of 15 pixels the network sees nothing.
    ],
)
def test_a_quarter_of_the_sides_is_seen_or_what_there_is_enough_to_see_in(size, expected):
    assert seen_from_afar(*size, smallest=16, finished=max(size)) == expected


def test_stages_of_320_pixels_look_from_afar_and_the_last_one():
    looking = [
        [side for side in sides if seen_from_afar(side, side, 16, finished=sides[-1])]
        for sides in ((128, 181, 256), (128, 181, 256, 362, 512), (230, 325))
    ]
    assert looking == [[256], [362, 512], [325]]


def test_value_and_gradient_are_those_of_the_sum(rng):
    image = tf.constant(rng.uniform(size=(1, 12, 8, 3)), tf.float32)
    shrinking = Shrinking.of((12, 8), (3, 2))
    near, far = (Targets({}, {"style": weight}) for weight in (1.0, 0.25))

    def of(image, targets):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = targets.weights["style"] * tf.reduce_sum(image**3)
        return {"style": loss}, tape.gradient(loss, image)

    losses, gradient = with_coarse(of, shrinking, far)(image, near)
    with tf.GradientTape() as tape:
        tape.watch(image)
        expected = tf.reduce_sum(image**3) + 0.25 * tf.reduce_sum(shrinking(image) ** 3)
    np.testing.assert_allclose(losses["style"], expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, tape.gradient(expected, image), rtol=1e-5)
