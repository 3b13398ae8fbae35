"""What keeps things whole: likeness of places, of colors, and content where something goes on."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.objective.objective import Objective
from stylize_tf.objective.statistics import ACTIVITY_WINDOW, activity
from stylize_tf.objective.targets import Targets
from stylize_tf.objective.term import Part, Place
from stylize_tf.objective.terms.colors import Colors
from stylize_tf.objective.terms.focus import Focus
from stylize_tf.objective.terms.structure import PLACES, SMOOTH, Structure

STRUCTURE = Structure(name="structure", source="content", layer_weights=(("layer", 1.0),))
COLORS = Colors(name="colors", source="content", layer_weights=(("image", 1.0),))
FOCUS = Focus(name="focus", source="content", layer_weights=(("layer", 1.0),))


def value(term, features, photograph):
    features, photograph = (tf.constant(x, tf.float32) for x in (features, photograph))
    target = term.target(term.statistic(term.sums(Part(photograph))))
    return float(term.distance(term.statistic(term.sums(Part(features))), target))


def busy_beside_flat(rng, channels=4, height=12, width=16):
    """Flat on the left; on the right a thing of one kind of features, on a ground of another."""
    image = np.full((1, height, width, channels), 0.5)
    image[:, :, width // 2 :] = rng.uniform(size=channels)
    image[:, 3:9, width // 2 + 2 : width - 2] = rng.uniform(size=channels)
    image[:, :, width // 2 :] += 0.01 * rng.normal(size=(1, height, width - width // 2, channels))
    return image


def test_activity_is_the_deviation_around_a_place_over_its_mean_at_most_1():
    image = np.zeros((1, 9, 20, 1), np.float32)
    image[:, :, 16:] = 1.0
    found = activity(tf.constant(image)).numpy()[0, 4]
    reach = ACTIVITY_WINDOW // 2
    assert (found[: 16 - reach] == 0).all()  # No window of these reaches the step.
    np.testing.assert_allclose(found[16 - reach : 16 + reach], 1)  # Far above the mean.
    np.testing.assert_array_equal(activity(tf.zeros([1, 4, 4, 2])), np.zeros((1, 4, 4)))


def test_structure_equals_numpy(rng):
    features, photograph = rng.uniform(size=(2, 1, 5, 6, 3))
    own = activity(tf.constant(photograph)).numpy().ravel() ** 2

    def unlikeness(maps):
        rows = maps.reshape(-1, 3) - maps.reshape(-1, 3).mean(axis=0)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return 1 - rows @ rows.T

    pairs = np.outer(own, own)
    wanted = unlikeness(photograph)
    unit = np.sum(pairs * wanted) / np.sum(pairs)
    difference = (unlikeness(features) - wanted) / unit
    size = np.sqrt(difference**2 + SMOOTH**2) - SMOOTH
    expected = np.sum(pairs * size) / np.sum(pairs)
    assert value(STRUCTURE, features, photograph) == pytest.approx(expected, rel=1e-4)


def test_other_colors_for_all_of_a_thing_cost_nothing_and_two_for_one_do(rng):
    photograph = busy_beside_flat(rng, channels=3)
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert value(STRUCTURE, 0.4 * photograph @ axes + 0.2, photograph) < 1e-4
    assert value(COLORS, photograph + np.array([0.1, -0.2, 0.05]), photograph) < 1e-4
    torn = photograph.copy()
    torn[:, 3:6, 10:14] = photograph[0, 0, -1]  # Half of it as what is around it.
    for term in (STRUCTURE, COLORS):
        assert value(term, torn, photograph) > 0.05


def test_flat_places_are_free(rng):
    photograph = busy_beside_flat(rng)
    noise = 0.3 * rng.normal(size=(1, 12, 4, 4))
    sky, thing = photograph.copy(), photograph.copy()
    sky[:, :, :4] += noise
    thing[:, :, 10:14] += noise
    for term in (STRUCTURE, FOCUS):
        assert value_of(term, sky, photograph) < 0.1 * value_of(term, thing, photograph)


def value_of(term, features, photograph):
    if term is not FOCUS:
        return value(term, features, photograph)
    target = term.target(tf.constant(photograph, tf.float32))
    part = Part(tf.constant(features, tf.float32), target=target)
    return float(term.distance(term.sums(part), target))


def test_structure_is_whole_at_the_first_stage_and_fades_focus_makes_up_for_the_content():
    for finished in (512, 2048):
        factors = [STRUCTURE.size_factor(side, finished) for side in (64, 128, 256, 362)]
        assert factors == [1, 1, 1 / 16, 0]
    assert [STRUCTURE.size_factor(side, 256) for side in (64, 128, 181)] == [1, 1 / 16, 0]
    assert [FOCUS.size_factor(side, 2048) for side in (128, 256, 512, 2048)] == [0.75, 0.5, 0, 0]
    early = dataclasses.replace(FOCUS, content_growth=2.0)
    assert early.size_factor(256, 512) == 0.75


@pytest.mark.parametrize("term", [STRUCTURE, COLORS], ids=lambda term: term.name)
def test_without_weight_there_is_one_place_and_the_value_is_finite(rng, term):
    features, photograph = (
        tf.constant(rng.uniform(size=(1, 12, 16, 3)), tf.float32) for _ in range(2)
    )
    [layer] = term.layers
    objective = Objective((term,))
    target = term.target(term.sums(Part(photograph)))
    targets = Targets({term.name: {layer: target}}, {term.name: tf.constant(0.0)})
    spared = objective.spared(targets)
    idle = spared.of_terms[term.name][layer]
    assert [x.shape for x in idle] == [(1, 1, 1, 1)] * 3
    assert term.sums(Part(features, target=idle)).shape == (1, 1, 1, 3)
    assert float(objective({layer: features}, spared)[term.name]) == 0
    weighed = targets._replace(weights={term.name: tf.constant(0.5)})
    kept = objective.spared(weighed).of_terms[term.name][layer]
    assert all(x is y for x, y in zip(kept, target, strict=True))


def test_parts_of_a_map_add_up_to_its_grid_of_few_places(rng):
    features = tf.constant(rng.uniform(size=(1, 50, 61, 2)), tf.float32)
    whole = STRUCTURE.sums(Part(features))
    assert whole.shape[1] * whole.shape[2] <= PLACES < 50 * 61
    parts = [
        STRUCTURE.sums(Part(features[:, first:end], place=Place(first, 50)))
        for first, end in ((0, 7), (7, 33), (33, 50))
    ]
    np.testing.assert_allclose(tf.add_n(parts), whole, rtol=1e-4)
    np.testing.assert_allclose(tf.reduce_mean(whole), tf.reduce_mean(features), rtol=1e-4)


@pytest.mark.parametrize("term", [STRUCTURE, COLORS, FOCUS], ids=lambda term: term.name)
@pytest.mark.parametrize("size", [(6, 8), (1, 1)])
def test_gradients_are_finite_for_flat_pictures_and_black_photographs(rng, term, size):
    flat, noise = tf.zeros([1, *size, 3]), tf.constant(rng.uniform(size=(1, *size, 3)), tf.float32)
    for features, photograph in ((flat, flat), (flat, noise), (noise, flat)):
        statistic = photograph if term is FOCUS else term.sums(Part(photograph))
        target = term.target(statistic)
        with tf.GradientTape() as tape:
            tape.watch(features)
            loss = term.distance(term.sums(Part(features, target=target)), target)
        assert np.isfinite(loss)
        assert np.isfinite(tape.gradient(loss, features)).all()
