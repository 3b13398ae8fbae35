"""Functions of an image to minimize, as an `ImageOptimizer` takes them: losses and a gradient."""

import numpy as np
import tensorflow as tf

from stylize_tf.machine.tracing import of_any_size

SHAPE = [1, 4, 5, 3]


def half_square(image, targets):
    """`sum((image - targets)^2) / 2`, in two terms."""
    away = image - targets
    loss = tf.reduce_sum(away**2) / 2
    return {"a": 0.25 * loss, "b": 0.75 * loss}, away


def bowl(image, targets):
    """A parabola in each pixel, steep in some and flat in others."""
    curvature, minimum = targets
    away = image - minimum
    return {"loss": tf.reduce_sum(curvature * away**2) / 2}, curvature * away


def bowl_targets(rng, shape=SHAPE):
    """Curvatures about 1, and a minimum within the range of an image."""
    curvature, minimum = np.exp(rng.normal(size=shape)), rng.uniform(size=shape)
    return tf.constant(curvature, tf.float32), tf.constant(minimum, tf.float32)


@of_any_size
def rosenbrock(image, targets):
    """Rosenbrock's function of the pixels in a row; its minimum is where all are 1."""
    with tf.GradientTape() as tape:
        tape.watch(image)
        x = tf.reshape(image, [-1])
        valley, along = 100 * (x[1:] - x[:-1] ** 2) ** 2, (1 - x[:-1]) ** 2
        loss = tf.reduce_sum(valley + along)
    return {"loss": loss}, tape.gradient(loss, image)


def slope(image, targets):
    """The sum of the pixels: its gradient is 1 everywhere."""
    return {"loss": tf.reduce_sum(image)}, tf.ones_like(image)


def mean_square(image, targets):
    """The mean square of the pixels."""
    return {"loss": tf.reduce_mean(image**2)}, 2 * image / tf.cast(tf.size(image), tf.float32)


def random_image(rng, shape=SHAPE):
    """Pixels in [0, 1]."""
    return tf.constant(rng.uniform(size=shape), tf.float32)


def iterates(optimizer, targets, steps):
    """The images that so many steps lead to."""
    found = []
    for _ in range(steps):
        optimizer.step(targets)
        found.append(optimizer.state.x.numpy())
    return np.array(found)
