"""How terms are put together; what each is worth is in `tests/laws/test_terms.py`."""

import dataclasses

import pytest
import tensorflow as tf

from stylize_tf.objective.objective import Objective
from stylize_tf.objective.targets import Targets
from stylize_tf.objective.term import Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Term):
    """Compares the means of maps."""

    def sums(self, part):
        return tf.reduce_mean(part.features) / part.unit

    def distance(self, statistic, target):
        return statistic if target is None else (statistic - target) ** 2


class Blended(Toy):
    """Is blended, and has a target of its own."""

    def blend(self, statistics, shares):
        return sum(share * x for share, x in zip(shares, statistics, strict=True))

    def target(self, statistic):
        return 100 + statistic


def toy(name="toy", source="style", weight=1.0, kind=Toy, **layers):
    layer_weights = tuple((layers or {"a": 1.0}).items())
    return kind(name=name, source=source, weight=weight, layer_weights=layer_weights)


def losses(built, features, of_terms):
    found = built(features, Targets(of_terms, built.weights))
    return {name: float(value) for name, value in found.items()}


def maps(**values):
    return {name: tf.fill([1, 2, 3, 4], float(value)) for name, value in values.items()}


def test_a_term_is_its_weight_times_the_weighted_sum_over_its_layers():
    built = Objective((toy(a=2.0, b=0.5, weight=10.0),))
    targets = {"toy": {"a": tf.constant(1.0), "b": tf.constant(4.0)}}
    # 10 * (2 * (3 - 1)^2 + 0.5 * (6 - 4)^2)
    assert losses(built, maps(a=3, b=6), targets) == {"toy": 100.0}


def test_the_weights_that_count_are_those_of_the_targets():
    built = Objective((toy(weight=10.0),))
    assert built.weights == {"toy": 10.0}
    of_terms = {"toy": {"a": tf.constant(1.0)}}
    assert float(built(maps(a=3), Targets(of_terms, {"toy": 0.5}))["toy"]) == 0.5 * 2**2


def test_features_are_divided_by_the_unit_of_their_layer_or_by_one():
    built = Objective((toy(a=1.0, b=1.0),), units={"a": 2.0})
    targets = {"toy": {"a": tf.constant(0.0), "b": tf.constant(0.0)}}
    assert losses(built, maps(a=6, b=5), targets) == {"toy": 3**2 + 5**2}


def test_a_term_without_targets_gets_none():
    assert losses(Objective((toy(source="none"),)), maps(a=7), {}) == {"toy": 7}


def test_terms_are_valued_by_their_names_in_their_order():
    built = Objective((toy("second", weight=2.0), toy("first")))
    targets = {name: {"a": tf.constant(0.0)} for name in ("first", "second")}
    assert list(losses(built, maps(a=3), targets).items()) == [("second", 18), ("first", 9)]


def test_layers_are_those_of_all_terms_or_of_a_source_once_each():
    built = Objective(
        (
            toy("x", source="content", a=1.0, b=1.0),
            toy("y", source="style", b=1.0, c=1.0),
            toy("z", source="none", image=1.0),
        )
    )
    assert built.layers() == ("a", "b", "c", "image")
    assert built.of("content").layers() == ("a", "b")
    assert built.of("style").layers() == ("b", "c")
    assert built.of("none").layers() == ("image",)
    assert built.of("music").layers() == ()


def test_statistics_are_of_the_terms_of_one_source():
    built = Objective((toy("x", source="content"), toy("y")), units={"a": 4.0})
    for source, name in (("content", "x"), ("style", "y")):
        statistics = built.statistics(source, maps(a=8))
        assert set(statistics) == {name}
        assert float(statistics[name]["a"]) == 2


def test_targets_are_made_of_the_blend_of_the_statistics():
    built = Objective((toy(kind=Blended),))
    statistics = [built.statistics("style", maps(a=value)) for value in (1, 5)]
    targets = built.targets(statistics, (0.25, 0.75))
    assert float(targets["toy"]["a"]) == 100 + 0.25 * 1 + 0.75 * 5
    # Of a term that does not say how, each counts by its share.
    plain = Objective((toy(),))
    assert float(plain.targets(statistics, (0.25, 0.75))["toy"]["a"]) == 4  # Their weighted mean.


def test_targets_of_one_source_leave_out_terms_of_another():
    built = Objective((toy("x", source="content"), toy("y")))
    assert set(built.targets([built.statistics("style", maps(a=1))])) == {"y"}


def test_a_term_is_plain_data_that_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        toy().weight = 3
