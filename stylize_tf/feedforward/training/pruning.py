"""Smaller networks made of larger ones, by leaving out the channels that say least."""

from __future__ import annotations

import numpy as np

from stylize_tf.errors import ConfigError
from stylize_tf.feedforward.channels import FIXED, convolutions, multiply_adds
from stylize_tf.feedforward.network import Network

FEWEST = 4
"""Channels that every group keeps."""


def prune(network: Network, share: float) -> Network:
    """A network with the channels that say most, of a share of the multiply-adds.

    A channel says as much as the mean magnitude of its normalization's scale over the styles, which
    is by how much it varies over a picture (Liu et al. 2017, "Learning Efficient Convolutional
    Networks through Network Slimming"); what is constant the next normalization takes away, so one
    of scale 0 is left out for nothing, but for what the last layer of a level reads. Within blocks
    each layer is free; the layers whose maps are summed keep the same channels. Those of least
    magnitude go first, wherever they are, counted in units of the mean of their group and of the
    multiply-adds that they save.

    Args:
        network: to prune; not changed.
        share: of its multiply-adds that are left, at most.

    Returns:
        A dense network, to be trained on.

    Raises:
        ConfigError: if so few cannot be had.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"`pruned` must be above 0 and at most 1; got {share!r}.")
    kept = {group: np.arange(count) for group, count in network.channels.items()}
    magnitudes = _magnitudes(network)
    counts = dict(network.channels)
    target = share * multiply_adds(counts)
    while multiply_adds(counts) > target:
        group = _least(magnitudes, kept, counts)
        own = kept[group]
        kept[group] = np.delete(own, np.argmin(magnitudes[group][own]))
        counts[group] -= 1
    return _rebuilt(network, kept)


def _magnitudes(network: Network) -> dict[str, np.ndarray]:
    """Group -> what each of its channels says, 1 on average."""
    sums: dict[str, np.ndarray] = {}
    for layer in convolutions():
        if not layer.is_normalized:
            continue
        scale = network.graph.get_layer(f"{layer.name}_norm").scale.numpy()
        own = np.abs(scale).mean(axis=0)
        sums[layer.target] = sums.get(layer.target, 0.0) + own
    return {group: own / own.mean() for group, own in sums.items()}


def _least(
    magnitudes: dict[str, np.ndarray],
    kept: dict[str, np.ndarray],
    counts: dict[str, int],
) -> str:
    """The group whose weakest channel is missed least for what it saves."""
    whole = multiply_adds(counts)
    found = {}
    for group, own in kept.items():
        if len(own) > FEWEST:
            saved = whole - multiply_adds({**counts, group: counts[group] - 1})
            found[group] = magnitudes[group][own].min() / saved * whole / len(own)
    if not found:
        raise ConfigError("`pruned` leaves less than any network has. Ask for a larger share.")
    return min(found, key=found.__getitem__)


def _rebuilt(network: Network, kept: dict[str, np.ndarray]) -> Network:
    channels = {group: len(own) for group, own in kept.items()}
    smaller = Network(network.styles, network.width, channels=channels)
    places = {**kept, **{group: np.arange(count) for group, count in FIXED.items()}}
    source, target = ({x.path: x for x in each.weights} for each in (network, smaller))
    for layer in convolutions():
        kernel = source.pop(f"{layer.name}/kernel").numpy()
        kernel = kernel[:, :, places[layer.source]][..., places[layer.target]]
        target[f"{layer.name}/kernel"].assign(kernel)
        for name in ("scale", "offset"):
            if layer.is_normalized:
                path = f"{layer.name}_norm/{name}"
                target[path].assign(source.pop(path).numpy()[:, places[layer.target]])
    for path, rest in source.items():  # Of what goes in and comes out, whose channels stay.
        target[path].assign(rest)
    return smaller
