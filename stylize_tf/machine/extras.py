"""Packages that only some need: each comes with an extra of this one."""

from __future__ import annotations

import importlib.util

from stylize_tf.errors import ConfigError


def require(package: str, extra: str, option: str) -> None:
    """Makes sure, without importing it, that a package of an extra is there.

    Raises:
        ConfigError: saying what to install for which option.
    """
    if importlib.util.find_spec(package) is None:
        raise ConfigError(
            f'`{option}` needs {package}, which is not installed: pip install "stylize-tf[{extra}]"'
        )
