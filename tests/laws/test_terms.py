"""Every term, in every form that a configuration can ask for, through every law it has to hold."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective import losses
from stylize_tf.objective.terms import build_objective
from tests.fakes import twins

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
        mean_normalized: whether features that are repeated give the same loss.
        degree: features and target times k give the loss times k ** degree; None if no power.
    """

    name: str
    options: dict
    layers: tuple = LAYERS
    weight: str = "style_weight"
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


def content(form):
    return Case(
        "content",
        {"content_form": form},
        weight="content_weight",
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
PATCHES = {"patches": Case("patches", {}, layers=("image",))}
ROUGHNESS = {f"tv-{form}": total_variation(form) for form in choices("total_variation")}
NORMALIZED_STYLE = {name: case for name, case in STYLE.items() if case.mean_normalized}
CASES = CONTENT | STYLE | PATCHES | ROUGHNESS


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
    targets = {}
    for source in ("content", "style"):
        targets |= built.targets([built.statistics(source, x) for x in pictures], shares)
    return targets


def loss_of(case, features, target, units=None, **changes):
    built = case.objective(units, **changes)
    return float(built(features, targets_of(built, target))[case.name])


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
    assert {term.name for term in built.terms} == {case.name for case in CASES.values()}


@each(CONTENT | STYLE | PATCHES)
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
    loss, gradients = value_and_gradients(built, features, {})
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


@each(CONTENT)
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


@each(STYLE | PATCHES | ROUGHNESS)
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
def test_eager_equals_graph_also_when_the_graph_knows_no_sizes(rng, case):
    features, built = random_features(rng), case.objective()
    targets = targets_of(built, random_features(rng))
    expected, expected_gradients = value_and_gradients(built, features, targets)
    of_any_size = [
        tf.nest.map_structure(
            lambda x: tf.TensorSpec(
                [1, None, None, x.shape[3]] if x.shape.rank == 4 else x.shape, x.dtype
            ),
            nest,
        )
        for nest in (features, targets)
    ]
    for signature in (None, of_any_size):
        graph = tf.function(
            lambda x, wanted: value_and_gradients(built, x, wanted), input_signature=signature
        )
        loss, gradients = graph(features, targets)
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
        for name, gradient in expected_gradients.items():
            np.testing.assert_allclose(
                gradients[name], gradient, rtol=1e-4, atol=1e-6 * np.abs(gradient).max()
            )


@each(CASES)
def test_value_is_in_proportion_to_the_weight_of_the_term(rng, case):
    features, target = random_features(rng), random_features(rng)
    once = loss_of(case, features, target)
    weighted = loss_of(case, features, target, **{case.weight: 2.5e6})
    assert weighted == pytest.approx(2.5e6 * once, rel=1e-5)


@each(CONTENT | STYLE)
def test_value_is_the_weighted_sum_over_the_layers_and_their_average_without_weights(rng, case):
    features, target = random_features(rng), random_features(rng)
    alone = [
        loss_of(case, features, target, **{f"{case.name}_layers": (layer,)}) for layer in LAYERS
    ]
    together = loss_of(case, features, target, **{f"{case.name}_layer_weights": (3.0, 0.5)})
    assert together == pytest.approx(3 * alone[0] + 0.5 * alone[1], rel=1e-5)
    assert loss_of(case, features, target) == pytest.approx(np.mean(alone), rel=1e-5)


@each(CONTENT | STYLE)
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


@each(STYLE)
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
    for function in (mirrored, upside_down, turned, channels_reversed):
        changed = loss_of(case, transformed(features, function), transformed(target, function))
        assert changed == pytest.approx(expected, rel=1e-4)


@each(CONTENT)
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


@each(STYLE | PATCHES)
def test_a_share_of_one_is_that_style_alone_and_equal_styles_blend_to_themselves(rng, case):
    features, style, other = (random_features(rng) for _ in range(3))
    built = case.objective()
    expected = built(features, targets_of(built, style))[case.name]
    for pictures, shares in (((style, other), (1.0, 0.0)), ((style, style), SHARES)):
        blended = targets_of(built, *pictures, shares=shares)
        np.testing.assert_allclose(built(features, blended)[case.name], expected, rtol=1e-4)


@each(STYLE | PATCHES)
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


# The published normalizations, written as published.


def published_style(form, gram, target, positions):
    """The style loss of one layer from sums over positions, see `config.gram_form`."""
    channels = len(gram)
    return {
        "mean": np.mean((gram / positions - target / positions) ** 2),
        "sum": np.mean((gram - target) ** 2) / channels**2,
        "channel_mean": np.mean((gram - target) ** 2) / (channels * positions) ** 2,
        "gatys": np.sum((gram - target) ** 2) / (4 * channels**2 * positions**2),
        "relative": np.sum((gram - target) ** 2) / np.sum(target**2),
    }[form]


@pytest.mark.parametrize("form", choices("gram_form"))
def test_gram_losses_are_the_published_ones(rng, form):
    features, target = random_features(rng), random_features(rng)
    expected = [
        published_style(
            form,
            twins.gram(features[name][0]),
            twins.gram(target[name][0]),
            np.prod(SIZES[name]),
        )
        for name in LAYERS
    ]
    actual = loss_of(gram(form), features, target, style_layer_weights=(1.0, 1.0))
    assert actual == pytest.approx(sum(expected), rel=1e-4)
    assert loss_of(gram(form), features, target) == pytest.approx(np.mean(expected), rel=1e-4)


def test_content_losses_are_the_published_ones(rng):
    features, target = random_features(rng), random_features(rng)
    squares = [(features[x].numpy().astype(np.float64) - target[x].numpy()) ** 2 for x in LAYERS]
    assert loss_of(content("mean"), features, target) == pytest.approx(
        np.mean([x.mean() for x in squares]), rel=1e-5
    )
    assert loss_of(content("half_sum"), features, target) == pytest.approx(
        np.mean([x.sum() / 2 for x in squares]), rel=1e-5
    )


@pytest.mark.parametrize("loss", ["bures", "w2"])
def test_gaussian_losses_are_those_of_the_plain_twins(rng, loss):
    features, target = random_features(rng), random_features(rng)
    twin = {"bures": twins.bures, "w2": twins.wasserstein_2}[loss]
    epsilon, expected = 0.04, []
    for name in LAYERS:
        (mean, covariance), (wanted_mean, wanted) = (
            twins.moments(x[name][0]) for x in (features, target)
        )
        added = epsilon * np.eye(CHANNELS[name])
        expected.append(twin(mean, covariance + added, wanted_mean, wanted + added))
    actual = loss_of(gaussian(loss), features, target, style_epsilon=epsilon)
    assert actual == pytest.approx(np.mean(expected), rel=1e-3)


def test_gram_loss_of_two_positions_is_worked_by_hand():
    # One layer, one channel: features 1 and 2, target 3 and 0.
    layer = {"style_layers": LAYERS[:1]}
    features = {LAYERS[0]: tf.reshape([1.0, 2.0], [1, 1, 2, 1])}
    target = {LAYERS[0]: tf.reshape([3.0, 0.0], [1, 1, 2, 1])}
    # G = 5 and 9 over N = 2 positions, C = 1.
    for form, expected in {
        "mean": (5 / 2 - 9 / 2) ** 2,
        "sum": (5 - 9) ** 2,
        "channel_mean": (5 / 2 - 9 / 2) ** 2,
        "gatys": (5 - 9) ** 2 / (4 * 2**2),
        "relative": (5 - 9) ** 2 / 9**2,
    }.items():
        assert loss_of(gram(form), features, target, **layer) == pytest.approx(expected)
    # Means 1.5 and 1.5, variances 1/4 and 9/4; with epsilon 2 added: 9/4 and 17/4.
    expected = (np.sqrt(9 / 4) - np.sqrt(17 / 4)) ** 2
    for loss in ("bures", "w2"):
        actual = loss_of(gaussian(loss), features, target, **layer, style_epsilon=2.0)
        assert actual == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32], ids=lambda x: x.name)
def test_gram_gradient_is_the_one_worked_by_hand(rng, dtype):
    """`d mean((G - G*)^2) / dF = 4 F (G - G*) / (C^2 N)` with `G = F'F / N`."""
    features, target = (tf.constant(rng.normal(size=[1, 5, 4, 3]), dtype) for _ in range(2))
    with tf.GradientTape() as tape:
        tape.watch(features)
        difference = losses.gram_matrix(features) - losses.gram_matrix(target)
        loss = tf.reduce_mean(difference**2)
    rows = features.numpy().reshape(-1, 3)
    wanted = twins.gram(features[0]) - twins.gram(target[0])
    expected = (4 * rows @ (wanted / 20) / (9 * 20)).reshape(1, 5, 4, 3)
    np.testing.assert_allclose(tape.gradient(loss, features), expected, rtol=1e-4, atol=1e-6)
