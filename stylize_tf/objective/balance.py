"""The objective that a configuration asks for, and how its terms weigh against each other.

The energy of a target is the distance of a picture without features from it. In units of it a
weight means the same for a pale photograph and a busy one, at 128 pixels and at 2048, for Gram
matrices and for feature Gaussians.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from stylize_tf.config.fields import term_fields
from stylize_tf.config.picture import LEAST_STRENGTH
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective.objective import Objective
from stylize_tf.objective.targets import Coverages, Losses
from stylize_tf.objective.term import Term


def build_objective(
    config: StyleTransferConfig, units: Mapping[str, float], extra_terms: Sequence[Term] = ()
) -> Objective:
    """The terms that a configuration asks for, and others; those of weight 0 are left out.

    Args:
        config: which terms, layers, weights and forms. At a strength of 0, the photograph itself,
            there is nothing but content, at 2 none of it.
        units: mean activation of each layer; used if `config.normalize_features`.
        extra_terms: of other names; the strength counts for them, too.
    """
    modules = (f"stylize_tf.objective.terms.{name}" for name in term_fields(StyleTransferConfig))
    asked: list[Term | None] = [importlib.import_module(name).of(config) for name in modules]
    terms = []
    for term in (*asked, *(term for term in extra_terms if term.weight)):
        if term is None or (config.strength == 0 and term.source != "content"):
            continue
        if term.source == "content":
            if config.strength == 2:
                continue
            weight = term.weight * strength_factor(config.strength)
            term = dataclasses.replace(term, weight=weight)
        terms.append(term)
    return Objective(tuple(terms), dict(units) if config.normalize_features else {})


def strength_factor(strength: float) -> float:
    """The factor of the content's weight: 1 at a strength of 1, none at 2.

    Towards 0 ever more, down to `LEAST_STRENGTH`.
    """
    return float(_factors(np.float64(strength))) if strength else 1.0


def _factors(strengths: np.ndarray | np.float64) -> np.ndarray | np.float64:
    strengths = np.maximum(strengths, LEAST_STRENGTH)
    return ((2 - strengths) / strengths) ** 1.5


def content_factors(shares: np.ndarray, strength: float) -> np.ndarray:
    """How many times as much the content counts where less of the strength is wanted.

    Args:
        shares: of the strength in each place, in [0, 1].
        strength: `StyleTransferConfig.strength`, above 0 and below 2.

    Returns:
        float32, as the shares: `strength_factor` of what is wanted, over that of the strength.
    """
    return np.asarray(_factors(strength * shares) / strength_factor(strength), np.float32)


def balanced_weights(
    objective: Objective,
    long_side: int,
    energies: Sequence[Losses] = (),
    *,
    finished: int,
) -> Losses:
    """What each term counts for a picture, or a stage, of a size.

    Args:
        objective: with the weights as they were given.
        long_side: in pixels, whose growth with it the terms tell themselves.
        energies: from `Objective.energies`: of the content, and of each region's style. Terms that
            are in units of them are divided by their mean; none leaves weights as they are.
        finished: long side of the finished picture.

    Returns:
        Term -> float32 scalar.
    """
    weights = {}
    for term in objective.terms:
        found = _energies(term, energies)
        unit = tf.reduce_mean(found) if found else 1.0
        factor = term.size_factor(long_side, finished)
        weight = term.weight * factor
        # Without a unit what is 0 is a constant in a graph, too.
        weights[term.name] = tf.cast(weight / unit if weight else 0.0, tf.float32)
    return weights


def balanced_regions(
    objective: Objective, coverage: Coverages, energies: Sequence[Losses]
) -> Coverages:
    """The coverage of regions in units of the energy of each, so that none weighs on the others.

    Args:
        objective: whose term says that it balances regions.
        coverage: of the regions.
        energies: of the regions, in their order.
    """
    found = [
        x for term in objective.terms if term.balances_regions for x in _energies(term, energies)
    ]
    if not found:
        return coverage
    balance = tf.cast(tf.reduce_mean(found) / found, tf.float32)
    return {layer: each._replace(shares=each.shares * balance) for layer, each in coverage.items()}


def _energies(term: Term, energies: Sequence[Losses]) -> list[tf.Tensor]:
    """Those that there are of a term, float64; none if it is not in units of them."""
    if term.smallest_energy is None:
        return []
    found = [tf.cast(x[term.name], tf.float64) for x in energies if term.name in x]
    return [tf.maximum(x, term.smallest_energy) for x in found]
