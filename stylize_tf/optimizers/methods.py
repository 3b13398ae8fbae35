"""The optimization methods that there are, by the names that a configuration has for them.

What they take can be asked before TensorFlow is loaded; making one loads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from stylize_tf.config.style_transfer import StyleTransferConfig

if TYPE_CHECKING:
    from stylize_tf.optimizers.method import Method


class Entry(NamedTuple):
    """How a method is made, and what it keeps.

    Attributes:
        build: a configuration and curvature pairs -> the method.
        pairs: of images that it would keep.
        cosines: whether it keeps those of both axes of a picture.
    """

    build: Callable[[StyleTransferConfig, int], Method]
    pairs: Callable[[StyleTransferConfig], int] = lambda config: 0
    cosines: Callable[[StyleTransferConfig], bool] = lambda config: False


def _lbfgs(config: StyleTransferConfig, pairs: int) -> Method:
    from stylize_tf.optimizers.lbfgs import LBFGS
    from stylize_tf.optimizers.spectral import Spectral

    method = LBFGS(history=pairs)
    return Spectral(method, config.settled_size) if _is_spectral(config) else method


def _is_spectral(config: StyleTransferConfig) -> bool:
    return config.lbfgs_coordinates == "spectral"


def _adam(config: StyleTransferConfig, pairs: int) -> Method:
    from stylize_tf.optimizers.adam import Adam

    return Adam(
        learning_rate=config.learning_rate,
        warmup_steps=config.warmup_steps,
        clip_norm=config.clip_norm,
        beta_1=config.beta_1,
        beta_2=config.beta_2,
        epsilon=config.adam_epsilon,
        amsgrad=config.amsgrad,
    )


METHODS = {
    "lbfgs": Entry(_lbfgs, lambda config: config.lbfgs_history, _is_spectral),
    "adam": Entry(_adam),
}
"""By the choices of `StyleTransferConfig.optimizer`."""


def build_method(config: StyleTransferConfig, pairs: int | None = None) -> Method:
    """The optimization method that a configuration asks for.

    Args:
        config: its options.
        pairs: curvature pairs, where memory leaves fewer than the configuration.
    """
    entry = METHODS[config.optimizer]
    method = entry.build(config, entry.pairs(config) if pairs is None else pairs)
    if not config.average_decay:
        return method
    from stylize_tf.optimizers.averaged import Averaged

    return Averaged(method, config.average_decay)
