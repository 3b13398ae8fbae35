"""Every term in every form that a configuration can ask for, and maps to value them by."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.moments import full
from stylize_tf.objective.targets import Targets
from stylize_tf.objective.term import Part, Term

LAYERS = ("block1_conv1", "block3_conv1")
SIZES = {LAYERS[0]: (6, 8), LAYERS[1]: (3, 4)}
CHANNELS = {LAYERS[0]: 3, LAYERS[1]: 5}
UNITS = {LAYERS[0]: 2.0, LAYERS[1]: 0.5}
SHARES = (0.25, 0.75)

FIELDS = StyleTransferConfig.__dataclass_fields__


@dataclasses.dataclass(frozen=True)
class Case:
    """One term in one form.

    Attributes:
        name: of the term.
        options: that ask for this form.
        layers: that the term reads.
        weight: field that weighs the term.
        kind: of the fields that name and weigh the layers.
        mean_normalized: whether features that are repeated give the same loss.
        degree: features and target times k give the loss times k ** degree; None if no power.
    """

    name: str
    options: dict
    layers: tuple = LAYERS
    weight: str = "style_weight"
    kind: str = "style"
    mean_normalized: bool = True
    degree: int | None = None

    def objective(self, units=None, **changes):
        """The term alone, whatever the defaults are."""
        weights = {name: 1.0 for name in FIELDS if name.endswith("_weight")}
        layers = {"content_layers": LAYERS, "style_layers": LAYERS}
        averaged = {"content_layer_weights": (), "style_layer_weights": ()}
        plain = {"normalize_features": False}
        config = StyleTransferConfig(
            **{**weights, **layers, **averaged, **plain, **self.options, **changes}
        )
        built = build_objective(config, units or {})
        terms = tuple(term for term in built.terms if term.name == self.name)
        assert len(terms) == 1
        return dataclasses.replace(built, terms=terms)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Means(Term):
    """A user's term: how far the mean of each channel is from the painting's."""

    def sums(self, part: Part):
        """Of the features, and of their positions."""
        features = full(part.own) / part.unit
        shape = tf.shape(features)
        count = tf.fill(shape[:1], tf.cast(shape[1] * shape[2], features.dtype))
        return tf.reduce_sum(features, [1, 2]), count

    def statistic(self, sums):
        """The means, `[N, C]`."""
        total, count = sums
        return total / count[:, tf.newaxis]

    def distance(self, statistic, target):
        """The mean square of the differences."""
        return tf.reduce_mean(tf.square(statistic - target))


class UserCase(Case):
    """One of these, whose weight is its own."""

    def objective(self, units=None, weight=1.0, **changes):
        layers = tuple((layer, 0.5) for layer in LAYERS)
        term = Means(name=self.name, source="style", layer_weights=layers, weight=weight)
        config = StyleTransferConfig(**{"normalize_features": False, **changes})
        built = build_objective(config, units or {}, [term])
        return dataclasses.replace(built, terms=built.terms[-1:])


def content(form):
    return Case(
        "content",
        {"content_form": form},
        weight="content_weight",
        kind="content",
        mean_normalized=form == "mean",
        degree=2,
    )


def gram(form):
    options = {"style_loss": "gram", "gram_form": form}
    degree = 0 if form == "relative" else 4
    return Case("style", options, mean_normalized=form != "sum", degree=degree)


def gaussian(loss):
    # Epsilon has the unit of a variance: the degree is 2 if it grows along.
    return Case("style", {"style_loss": loss, "style_epsilon": 0.01}, degree=2)


def total_variation(form):
    return Case(
        "total_variation",
        {"total_variation": form},
        layers=("image",),
        weight="total_variation_weight",
        degree=1 if form == "l1" else 2,
    )


def choices(name):
    return FIELDS[name].metadata["choices"]


CONTENT = {f"content-{form}": content(form) for form in choices("content_form")}
STYLE = {f"gram-{form}": gram(form) for form in choices("gram_form")}
STYLE |= {loss: gaussian(loss) for loss in choices("style_loss") if loss != "gram"}
FOCUS = {"focus": Case("focus", {}, weight="focus_weight", kind="content", degree=2)}
FEATURES_ALIKE = {
    # It reads layers of the style only if they are its own two.
    "structure": Case(
        "structure",
        {"style_layers": ("block2_conv1",)},
        weight="structure_weight",
        kind="content",
        degree=0,
    )
}
COLORS_ALIKE = {"colors": Case("colors", {}, layers=("image",), weight="colors_weight")}
PATCHES = {"patches": Case("patches", {}, layers=("image",))}
ROUGHNESS = {f"tv-{form}": total_variation(form) for form in choices("total_variation")}
USER = {"means": UserCase("means", {}, weight="weight", degree=2)}
"""A term that is none of ours."""

ALIKE = FEATURES_ALIKE | COLORS_ALIKE
"""What compares places of a picture with each other."""

NORMALIZED_STYLE = {name: case for name, case in STYLE.items() if case.mean_normalized}
OURS = CONTENT | FOCUS | ALIKE | STYLE | PATCHES | ROUGHNESS
CASES = OURS | USER


def each(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def random_features(rng, dtype=np.float32, scale=1.0, sizes=SIZES):
    """Maps like those behind a ReLU, and an image."""
    maps = {
        name: np.maximum(rng.normal(size=(1, *sizes[name], CHANNELS[name])) + 0.5, 0) * scale
        for name in LAYERS
    }
    maps["image"] = rng.uniform(size=(1, 7, 9, 3)) * scale
    return {name: tf.constant(array, dtype) for name, array in maps.items()}


def transformed(features, function):
    return {name: tf.constant(function(x.numpy())) for name, x in features.items()}


def targets_of(built, *pictures, shares=(1.0,)):
    """The targets of an objective from the features of pictures, whatever source it wants."""
    of_terms = {}
    for source in ("content", "style"):
        of_terms |= built.targets([built.statistics(source, x) for x in pictures], shares)
    return Targets(of_terms, built.weights)


def loss_of(case, features, target, units=None, **changes):
    built = case.objective(units, **changes)
    return float(built(features, targets_of(built, target))[case.name])
