"""Pictures of few colors, and the colors of pictures."""

import numpy as np

from stylize_tf.images import color_spaces

CONVERSIONS = {
    "lab": (color_spaces.lab_from_srgb, color_spaces.srgb_from_lab),
    "oklab": (color_spaces.oklab_from_srgb, color_spaces.srgb_from_oklab),
    "yiq": (color_spaces.yiq_from_srgb, color_spaces.srgb_from_yiq),
}


def picture(*colors):
    """The picture of one row that has these colors."""
    return np.array([[colors]], np.float32)


def flat(*rgb, size=(4, 5)):
    return np.full((1, *size, 3), rgb, np.float32)


def random_picture(rng, mean, covariance, size=(20, 30)):
    """Colors of a normal distribution."""
    values = rng.multivariate_normal(mean, covariance, size)[np.newaxis]
    return values.astype(np.float32)


def grey_picture(*values):
    return np.repeat(np.array(values, np.float32)[np.newaxis, :, np.newaxis, np.newaxis], 3, axis=3)


def chroma_distance(image, other):
    """Distance in the plane of CIELAB's a and b, for each pixel."""
    difference = color_spaces.lab_from_srgb(image) - color_spaces.lab_from_srgb(other)
    return np.hypot(difference[..., 1], difference[..., 2])


def rounded(image):
    return np.rint(image * 255).astype(np.float32) / 255
