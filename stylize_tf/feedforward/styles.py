"""Which style of a network is meant; known without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stylize_tf.errors import ConfigError

LARGEST_WIDTH = 2.0
"""Of a network."""

Style = str | int | Mapping[str, float] | Sequence[float] | np.ndarray | None
"""A style by its name or number, or how much of each; None is the first."""


def shares_of(style: Style, styles: Sequence[str]) -> np.ndarray:
    """How much of each style that is: float32, `[S]`, adding up to 1.

    Args:
        style: of a network that has
        styles: of these names.

    Raises:
        ConfigError: if there is no such style, or shares are no shares.
    """
    count = len(styles)
    shares = np.zeros(count)
    if style is None or isinstance(style, (str, int, np.integer)):
        shares[0 if style is None else _number(style, styles)] = 1.0
        return shares.astype(np.float32)
    try:
        if isinstance(style, Mapping):
            for name, share in style.items():
                shares[_number(name, styles)] += float(share)
        else:
            shares = np.array(style, np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        shares = np.full(count, np.nan)
    if shares.shape != (count,):
        raise ConfigError(f"`style` must have a share for each of {count} styles; got {style!r}.")
    if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
        raise ConfigError(
            f"`style` must have shares of at least 0, one of them more; got {style!r}."
        )
    return (shares / shares.sum()).astype(np.float32)


def style_of(text: str, styles: Sequence[str]) -> Style:
    """What people write for a style: its name, its number, or a mix, `one=.7,other=.3`.

    Args:
        text: as it was written.
        styles: names of those that there are.

    Raises:
        ConfigError: if it cannot be read; whether there is such a style `shares_of` sees.
    """
    if text in styles:
        return text
    if text.isdecimal():
        return int(text)
    if "=" not in text:
        return text
    mix: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.rpartition("=")
        try:
            if name.strip() in mix:
                raise ValueError
            mix[name.strip()] = float(share)
        except ValueError:
            raise ConfigError(
                f"`network_style` must be a name, a number, or a mix that has each style once, "
                f"such as {styles[0]}=.7,{styles[-1]}=.3; got {text!r}."
            ) from None
    return mix


def _number(style: Any, styles: Sequence[str]) -> int:
    if isinstance(style, str) and style in styles:
        return styles.index(style)
    is_number = isinstance(style, (int, np.integer)) and not isinstance(style, bool)
    if is_number and 0 <= style < len(styles):
        return int(style)
    raise ConfigError(
        f"`style` must be one of {', '.join(styles)}, or a number below {len(styles)}; got "
        f"{style!r}."
    )
