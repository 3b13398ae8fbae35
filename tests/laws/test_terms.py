"""Every term, in every form that a configuration can ask for, through every law it has to hold."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.machine.tracing import of_any_size
from stylize_tf.objective.balance import build_objective
from tests.fakes import twins
from tests.fakes.terms import (
    ALIKE,
    CASES,
    CHANNELS,
    COLORS_ALIKE,
    CONTENT,
    FEATURES_ALIKE,
    FIELDS,
    FOCUS,
    LAYERS,
    NORMALIZED_STYLE,
    OURS,
    PATCHES,
    ROUGHNESS,
    SHARES,
    SIZES,
    STYLE,
    UNITS,
    USER,
    each,
    loss_of,
    random_features,
    targets_of,
    transformed,
)


def value_and_gradients(built, features, targets):
    with tf.GradientTape() as tape:
        tape.watch(features)
        [loss] = built(features, targets).values()
    # What a term does not read has no gradient.
    return loss, {
        name: slope for name, slope in tape.gradient(loss, features).items() if slope is not None
    }


def test_no_term_is_left_out_here():
    everything = {name: 1.0 for name in FIELDS if name.endswith("_weight")}
    built = build_objective(StyleTransferConfig(**everything), {})
    assert {term.name for term in built.terms} == {case.name for case in OURS.values()}


@each(CONTENT | FOCUS | ALIKE | STYLE | PATCHES | USER)
def test_value_and_gradient_are_zero_at_the_target(rng, case):
    features = random_features(rng)
    built = case.objective()
    loss, gradients = value_and_gradients(built, features, targets_of(built, features))
    assert 0 <= float(loss) < 1e-6
    assert set(gradients) == set(case.layers)
    for gradient in gradients.values():
        np.testing.assert_allclose(gradient, 0, atol=1e-4)


@each(ROUGHNESS)
def test_value_and_gradient_are_zero_for_a_flat_picture(rng, case):
    built = case.objective()
    features = {**random_features(rng), "image": tf.fill([1, 7, 9, 3], 0.3)}
    loss, gradients = value_and_gradients(built, features, targets_of(built, features))
    assert float(loss) == 0
    np.testing.assert_array_equal(gradients["image"], 0)


@each(CASES)
def test_value_is_a_positive_float32_scalar_away_from_the_target(rng, case):
    built = case.objective()
    targets = targets_of(built, random_features(rng))
    for scale in (0.1, 1.0, 10.0):
        [loss] = built(random_features(rng, scale=scale), targets).values()
        assert loss.dtype == tf.float32
        assert loss.shape == ()
        assert float(loss) > 1e-6


@each(CONTENT | FOCUS)
def test_gradient_agrees_with_finite_differences_in_float32(rng, case):
    """Of what is float32 whatever it is given; a parabola, so that the step may be long."""
    features, built = random_features(rng), case.objective()
    targets = targets_of(built, random_features(rng))
    _, gradients = value_and_gradients(built, features, targets)
    for name, gradient in gradients.items():
        directions = rng.normal(size=[6, *features[name].shape]).astype(np.float32)

        def along(x, name=name):
            [loss] = built({**features, name: tf.constant(x, tf.float32)}, targets).values()
            return loss

        slopes = twins.slopes(along, features[name].numpy(), directions, 1e-3)
        actual = np.sum(directions * gradient.numpy(), axis=(1, 2, 3, 4))
        np.testing.assert_allclose(actual, slopes, rtol=2e-2, atol=5e-3 * np.abs(slopes).max())


@each(ALIKE | STYLE | PATCHES | ROUGHNESS | USER)
def test_gradient_agrees_with_finite_differences_in_float64(rng, case):
    features, built = random_features(rng, np.float64), case.objective()
    targets = targets_of(built, random_features(rng, np.float64))
    _, gradients = value_and_gradients(built, features, targets)
    for name, gradient in gradients.items():
        assert gradient.dtype == tf.float64
        directions = rng.normal(size=[6, *features[name].shape])

        def along(x, name=name):
            [loss] = built({**features, name: tf.constant(x)}, targets).values()
            return loss

        # Steps short enough to cross no kink of an absolute value.
        slopes = twins.slopes(along, features[name].numpy(), directions, 1e-6)
        actual = np.sum(directions * gradient.numpy(), axis=(1, 2, 3, 4))
        np.testing.assert_allclose(actual, slopes, rtol=1e-5, atol=1e-7 * np.abs(slopes).max())


@each(CASES)
def test_eager_equals_graph_and_one_graph_serves_a_batch_of_all_heights_and_widths(rng, case):
    built, traces = case.objective(), []

    def traced(features, targets):
        traces.append(1)
        return value_and_gradients(built, features, targets)

    graph = of_any_size(traced)
    for count, sizes in ((1, SIZES), (3, SIZES), (3, dict.fromkeys(LAYERS, (9, 4)))):
        pictures, targets = zip(*batch_of(rng, built, count, sizes), strict=True)
        arguments = together(pictures), together(targets)
        expected, expected_gradients = value_and_gradients(built, *arguments)
        loss, gradients = graph(*arguments)
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
        for name, gradient in expected_gradients.items():
            np.testing.assert_allclose(
                gradients[name], gradient, rtol=1e-4, atol=1e-6 * np.abs(gradient).max()
            )
    assert len(traces) == 2  # One for each number of pictures.


def batch_of(rng, built, count, sizes=SIZES, dtype=np.float32):
    """Pictures, each with targets of its own, of magnitudes that differ from one to the next."""
    weights = {name: tf.constant(weight, dtype) for name, weight in built.weights.items()}
    for index in range(count):
        picture, target = (random_features(rng, dtype, 1.0 + index, sizes) for _ in range(2))
        yield picture, targets_of(built, target)._replace(weights=weights)


def together(nests):
    """Tensors `[1, ...]` of each as `[N, ...]`; scalars are equal in all."""

    def joined(*tensors):
        return tf.concat(tensors, axis=0) if tensors[0].shape.rank else tensors[0]

    return tf.nest.map_structure(joined, *nests)


@each(CASES)
def test_a_batch_has_the_mean_of_the_values_and_of_each_its_own_gradient_divided(rng, case):
    built, count = case.objective(), 3
    dtype = np.float32 if case.name in ("content", "focus") else np.float64
    given = list(batch_of(rng, built, count, dtype=dtype))
    pictures, own = zip(*given, strict=True)
    one_for_all = [own[0]] * count
    for targets, of_batch in ((own, together(own)), (one_for_all, own[0])):
        loss, gradients = value_and_gradients(built, together(pictures), of_batch)
        values, slopes = zip(
            *map(value_and_gradients, [built] * count, pictures, targets), strict=True
        )
        np.testing.assert_allclose(loss, np.mean(values), rtol=1e-5)
        for name, expected in together(slopes).items():
            np.testing.assert_allclose(
                count * gradients[name], expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max()
            )


DATA = ("weight", "growth", "grown_side", "smallest_energy", "content_growth")


def another(value):
    """A value that a field could have in place of this one."""
    if isinstance(value, tuple):
        return tuple((layer, 2 * weight) for layer, weight in value)
    return f"another {value}" if isinstance(value, str) else 2 * value


@each(CASES)
def test_terms_that_differ_only_in_what_is_data_are_equal_and_others_are_not(case):
    [term] = case.objective().terms
    for name in DATA:
        if not hasattr(term, name):
            continue
        same = dataclasses.replace(term, **{name: 0.125})
        assert getattr(same, name) != getattr(term, name)
        assert same == term
        assert hash(same) == hash(term)
    for field in dataclasses.fields(term):
        if field.name not in DATA:
            changed = dataclasses.replace(term, **{field.name: another(getattr(term, field.name))})
            assert changed != term, field.name


def test_no_two_forms_are_equal():
    terms = [case.objective().terms[0] for case in CASES.values()]
    assert len(set(terms)) == len(CASES)


@each(CASES)
def test_value_is_in_proportion_to_the_weight_of_the_term(rng, case):
    features, target = random_features(rng), random_features(rng)
    once = loss_of(case, features, target)
    weighted = loss_of(case, features, target, **{case.weight: 2.5e6})
    assert weighted == pytest.approx(2.5e6 * once, rel=1e-5)


@each(CONTENT | FOCUS | FEATURES_ALIKE | STYLE)
def test_value_is_the_weighted_sum_over_the_layers_and_their_average_without_weights(rng, case):
    features, target = random_features(rng), random_features(rng)
    alone = [
        loss_of(case, features, target, **{f"{case.kind}_layers": (layer,)}) for layer in LAYERS
    ]
    together = loss_of(case, features, target, **{f"{case.kind}_layer_weights": (3.0, 0.5)})
    assert together == pytest.approx(3 * alone[0] + 0.5 * alone[1], rel=1e-5)
    assert loss_of(case, features, target) == pytest.approx(np.mean(alone), rel=1e-5)


@each(CONTENT | FOCUS | FEATURES_ALIKE | STYLE)
def test_units_divide_features_and_targets_alike(rng, case):
    features, target = random_features(rng), random_features(rng)
    divided = [
        {**maps, **{name: maps[name] / UNITS[name] for name in LAYERS}}
        for maps in (features, target)
    ]
    with_units = loss_of(case, features, target, UNITS, normalize_features=True)
    assert with_units == pytest.approx(loss_of(case, *divided), rel=1e-4)
    # And are left alone when they are not asked for.
    assert loss_of(case, features, target, UNITS) == loss_of(case, features, target)


@each({name: case for name, case in CASES.items() if case.degree is not None})
def test_value_grows_with_the_power_of_its_degree(rng, case):
    features, target = random_features(rng), random_features(rng)
    larger = [transformed(x, lambda array: 4 * array) for x in (features, target)]
    changes = {}
    if case.options.get("style_loss") in ("bures", "w2"):
        changes["style_epsilon"] = 16 * case.options["style_epsilon"]
    assert loss_of(case, *larger, **changes) == pytest.approx(
        4**case.degree * loss_of(case, features, target), rel=1e-4
    )


def shuffled(rng):
    """Positions in another order, each layer in its own."""

    def function(array):
        rows = array.reshape(-1, array.shape[-1])
        return rng.permutation(rows).reshape(array.shape)

    return function


def mirrored(array):
    return array[:, :, ::-1]


def upside_down(array):
    return array[:, ::-1]


def turned(array):
    return array.transpose(0, 2, 1, 3)


def channels_reversed(array):
    return array[..., ::-1]


@each(STYLE | USER)
def test_style_does_not_know_where_in_the_picture_a_feature_is(rng, case):
    features, target = random_features(rng), random_features(rng)
    expected = loss_of(case, features, target)
    for function in (shuffled(rng), mirrored, upside_down, turned):
        assert loss_of(case, transformed(features, function), target) == pytest.approx(
            expected, rel=1e-4
        )
        assert loss_of(case, features, transformed(target, function)) == pytest.approx(
            expected, rel=1e-4
        )


@each(CASES)
def test_value_is_the_same_when_picture_and_target_are_changed_alike(rng, case):
    features, target = random_features(rng), random_features(rng)
    expected = loss_of(case, features, target)
    # Eyes tell red from blue.
    functions = (mirrored, upside_down, turned, channels_reversed)
    for function in functions[: 3 if case in COLORS_ALIKE.values() else 4]:
        changed = loss_of(case, transformed(features, function), transformed(target, function))
        assert changed == pytest.approx(expected, rel=1e-4)


@each(CONTENT | FOCUS | ALIKE)
def test_content_knows_where_in_the_picture_a_feature_is(rng, case):
    features = random_features(rng)
    for function in (shuffled(rng), mirrored, upside_down):
        assert loss_of(case, transformed(features, function), features) > 0.1


@each(CONTENT | STYLE)
def test_value_does_not_change_when_both_pictures_are_tiled_if_it_is_normalized(rng, case):
    features, target = random_features(rng), random_features(rng)
    tiled = [transformed(x, lambda a: np.tile(a, [1, 2, 3, 1])) for x in (features, target)]
    once, six_fold = loss_of(case, features, target), loss_of(case, *tiled)
    if case.mean_normalized:
        assert six_fold == pytest.approx(once, rel=1e-4)
    elif case.name == "content":  # A sum over six times the positions.
        assert six_fold == pytest.approx(6 * once, rel=1e-4)
    else:  # Squares of such sums.
        assert six_fold == pytest.approx(36 * once, rel=1e-4)


@each(NORMALIZED_STYLE)
def test_the_style_of_a_tiled_painting_is_that_of_the_painting(rng, case):
    features, target = random_features(rng), random_features(rng)
    larger = transformed(target, lambda a: np.tile(a, [1, 3, 1, 1]))
    assert loss_of(case, features, larger) == pytest.approx(
        loss_of(case, features, target), rel=1e-4
    )


@each(NORMALIZED_STYLE)
def test_blend_of_styles_is_the_style_of_the_paintings_side_by_side(rng, case):
    features, left = random_features(rng), random_features(rng)
    right = random_features(rng, sizes={name: (h, 3 * w) for name, (h, w) in SIZES.items()})
    together = {name: tf.concat([left[name], right[name]], axis=2) for name in LAYERS}
    built = case.objective()
    blended = targets_of(built, left, right, shares=SHARES)
    expected = built(features, targets_of(built, together))[case.name]
    np.testing.assert_allclose(built(features, blended)[case.name], expected, rtol=1e-3)


@each(STYLE | PATCHES | USER)
def test_a_share_of_one_is_that_style_alone_and_equal_styles_blend_to_themselves(rng, case):
    features, style, other = (random_features(rng) for _ in range(3))
    built = case.objective()
    expected = built(features, targets_of(built, style))[case.name]
    for pictures, shares in (((style, other), (1.0, 0.0)), ((style, style), SHARES)):
        blended = targets_of(built, *pictures, shares=shares)
        np.testing.assert_allclose(built(features, blended)[case.name], expected, rtol=1e-4)


@each(STYLE | PATCHES | USER)
def test_the_order_of_styles_and_shares_does_not_matter(rng, case):
    features, style, other = (random_features(rng) for _ in range(3))
    built = case.objective()
    values = [
        built(features, targets_of(built, *pictures, shares=shares))[case.name]
        for pictures, shares in (((style, other), SHARES), ((other, style), SHARES[::-1]))
    ]
    np.testing.assert_allclose(*values, rtol=1e-4)


@each({name: case for name, case in CONTENT.items() if case.mean_normalized})
def test_content_of_another_size_is_resized_to_the_picture(rng, case):
    built, flat = case.objective(), {}
    for name in LAYERS:
        flat[name] = tf.fill([1, 5, 3, CHANNELS[name]], 2.0)
    features = {name: tf.fill([1, *SIZES[name], CHANNELS[name]], 2.5) for name in LAYERS}
    loss, _ = value_and_gradients(built, features, targets_of(built, flat))
    assert float(loss) == pytest.approx(0.25, rel=1e-5)


@each(CASES)
def test_features_in_a_lower_format_give_the_loss_of_their_values(rng, case):
    features, target = random_features(rng), random_features(rng)
    low = {name: tf.cast(x, tf.bfloat16) for name, x in features.items()}
    low["image"] = features["image"]  # The image never has another format.
    same = {name: tf.cast(x, tf.float32) for name, x in low.items()}
    assert loss_of(case, low, target) == pytest.approx(loss_of(case, same, target), rel=1e-5)


@each(CASES)
def test_extreme_weights_keep_value_and_gradient_finite(rng, case):
    target = random_features(rng)
    for weight in (1e-7, 1e7):
        built = case.objective(**{case.weight: weight})
        loss, gradients = value_and_gradients(
            built, random_features(rng, scale=100.0), targets_of(built, target)
        )
        for value in (loss, *gradients.values()):
            assert np.isfinite(value).all()
