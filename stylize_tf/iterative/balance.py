"""How the terms of the objective weigh against each other, whatever the pictures and their size.

The energy of a target is the distance of a picture without features from it. In units of it a
weight means the same for a pale photograph and a busy one, at 128 pixels and at 2048, for Gram
matrices and for feature Gaussians.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.iterative import pyramid
from stylize_tf.objective.objective import COVERAGE, Losses, Targets
from stylize_tf.objective.terms import build_objective

SMALLEST_ENERGY = {"content": 1e-12, "style": 1e-12, "patches": 1e-2}
"""Of a target; what is less is nothing. Patches are of pixels: a painting may well be black."""


def term_weights(
    config: StyleTransferConfig, stage: pyramid.Stage, energies: Sequence[Losses]
) -> Losses:
    """The terms' weights at a stage.

    Args:
        config: the weights, and whether they are in units of the energies.
        stage: whose size decides how much content and total variation count.
        energies: from `Objective.energies`: of the content, and of each region's style.

    Returns:
        Term -> float32 scalar.
    """

    def unit(name: str) -> float:
        found = [_energy(x, name) for x in energies if name in x]
        return float(np.mean(found)) if config.normalize_terms and found else 1.0

    factors = {
        "content": pyramid.content_factor(config, stage) / unit("content"),
        "style": 1 / unit("style"),
        "patches": 1 / unit("patches"),
        "total_variation": pyramid.total_variation_factor(config, stage),
    }
    terms = build_objective(config, {}).terms
    return {term.name: tf.constant(term.weight * factors[term.name]) for term in terms}


def balanced(coverage: Targets, energies: Sequence[Losses]) -> Targets:
    """The coverage of regions in units of the energy of each, so that none weighs on the others.

    Args:
        coverage: `{COVERAGE: ...}`.
        energies: of the regions, in their order.
    """
    found = [_energy(x, "style") for x in energies if "style" in x]
    if not found:
        return coverage
    balance = tf.constant(np.mean(found) / np.array(found), tf.float32)
    return {
        COVERAGE: {
            layer: each._replace(shares=each.shares * balance)
            for layer, each in coverage[COVERAGE].items()
        }
    }


def _energy(energies: Losses, name: str) -> float:
    return max(float(energies[name]), SMALLEST_ENERGY[name])
