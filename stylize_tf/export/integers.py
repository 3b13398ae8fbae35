"""Networks that paint the same, of numbers whose ranges suit 8 bits."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from stylize_tf.feedforward.channels import FINE_NOISES, LEVELS, convolutions
from stylize_tf.feedforward.network import Network

QUIET = 4.0
"""By how much less noise there is: its range is then that of the image."""

MOST = 64.0
"""By how much a channel is raised at most."""


def suited(
    network: Network, images: Sequence[np.ndarray], blend: np.ndarray | None = None
) -> Network:
    """A network that paints the same, for numbers of 8 bits.

    - Image and noise go into the first convolution of a level as one map, and 8 bits of the range
      of the noise leave 28 steps for an image: there is less noise, which weighs as much more.
    - What a convolution makes has one range for all channels, and in 8 bits those of small values
      are lost, which the normalization then enlarges: before it all have the same range (Nagel et
      al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", have it
      for layers in a row).

    Args:
        network: which one; not changed.
        images: float32 `[1, H, W, 3]` in [0, 1], of which ranges are taken.
        blend: of its styles, float32 `[S]`, in which they are painted; None: in each.
    """
    blends = np.eye(len(network.styles), dtype=np.float32) if blend is None else blend[np.newaxis]
    inputs = [[image, shares[np.newaxis]] for image in images for shares in blends]
    own = Network(network.styles, network.width, channels=network.channels)
    own.set_weights(network.get_weights())
    for level in LEVELS:
        _scale(own.graph.get_layer(f"{level.name}_fine_noise_scale").scale, 1 / QUIET)
        kernel = own.graph.get_layer(f"{level.name}_first").kernel
        factors = np.ones([kernel.shape[2], 1], np.float32)
        factors[-FINE_NOISES:] = QUIET
        _scale(kernel, factors)
    normalized = [layer.name for layer in convolutions() if layer.is_normalized]
    for name, largest in zip(normalized, _ranges(own, normalized, inputs), strict=True):
        factors = np.minimum(largest.max() / np.maximum(largest, 1e-9), MOST)
        _scale(own.graph.get_layer(name).kernel, factors)
        if name.endswith("_down2"):
            _scale(own.graph.get_layer(name.replace("_down2", "_noise")).kernel, factors)
        normalization = own.graph.get_layer(f"{name}_norm")
        normalization.epsilon = normalization.epsilon * np.square(factors)
    return own


def _scale(variable: keras.Variable, factors: np.ndarray | float) -> None:
    variable.assign(variable.numpy() * factors)


def _ranges(
    network: Network, names: Sequence[str], inputs: Sequence[Sequence[np.ndarray]]
) -> list[np.ndarray]:
    """Of what layers make, the largest magnitude of each channel."""
    graph = network.graph
    model = keras.Model(graph.inputs, [graph.get_layer(name).output for name in names])
    found = [[np.abs(x).max(axis=(0, 1, 2)) for x in model(list(own))] for own in inputs]
    return [np.max(own, axis=0) for own in zip(*found, strict=True)]
