"""Training of networks, with a small network in VGG19's place."""

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.training import TrainingConfig
from stylize_tf.errors import ConfigError
from stylize_tf.feedforward.channels import LEVELS
from stylize_tf.feedforward.graph import is_of_styles, level_of
from stylize_tf.feedforward.network import Network
from stylize_tf.feedforward.training import checkpoint
from stylize_tf.feedforward.training.motion import Motion
from stylize_tf.feedforward.training.photographs import Photographs
from stylize_tf.feedforward.training.step import Step, objective_config
from stylize_tf.feedforward.training.trainer import Trainer
from stylize_tf.network.features import build_extractor
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.objective import Objective
from tests.fakes.tiny_network import shaken

SMALL = TrainingConfig(
    width=0.125,
    steps=12,
    batch=2,
    crop=64,
    style_size=64,
    averaging=0.5,
)
FEW_TERMS = {"patch_weight": 0}
"""What takes the time that tracing a step takes, but for one test."""


@pytest.fixture
def make(tiny_network, rng):
    """A trainer of two styles, with other options."""
    photographs = Photographs([rng.uniform(size=(70, 90, 3)).astype(np.float32)] * 2)
    paintings = {
        name: rng.uniform(low, 1, size=(1, 80, 64, 3)).astype(np.float32)
        for name, low in (("dark", 0.0), ("light", 0.6))
    }

    def trainer(start=None, terms=FEW_TERMS, paintings=paintings, **options):
        config = SMALL.replace(**options)
        objective = build_objective(objective_config(config).replace(**terms), {})
        extractor = build_extractor(tiny_network, objective.layers())
        return Trainer(config, extractor, objective, paintings, photographs, start)

    return trainer


def test_losses_fall_at_each_level_and_each_style_is_learned(make):
    trainer = make(steps=150, learning_rate=0.008, terms={}, crop=96, style_size=96)
    crops = trainer._photographs.crops(0, 0, 2, 96)

    def loss(level):
        """Of both styles, for the same crops, noise and window each time."""
        found = 0.0
        for style in range(2):
            targets = (trainer._styles[each][style] for each in (level, max(level - 1, 0)))
            given = trainer._given(crops, 0, style, level)
            losses, _, _ = trainer._evaluate(*given, *targets, level=level)
            found += sum(float(x) for x in losses.values())
        return found

    progress, first, last = [], {}, {}
    for each in trainer.steps():
        progress.append(each)
        level = sum(began > 0 for began in trainer._began)
        if level not in first or each.step % 6 == 0:
            last[level] = loss(level)
            first.setdefault(level, last[level])
    assert [each.step for each in progress] == list(range(1, 151))
    assert set(progress[0].losses) >= {"style", "content", "total_variation"}
    for level in range(3):
        assert last[level] < 0.95 * first[level]
    dark, light = (trainer.network(crops, style=x).numpy().mean() for x in ("dark", "light"))
    assert light > dark + 0.02


def test_equal_options_give_equal_networks_and_other_seeds_others(make):
    networks = []
    for _ in range(2):
        trainer = make(steps=4)
        list(trainer.steps())
        networks.append(trainer.averaged().get_weights())
    for first, second in zip(*networks, strict=True):
        np.testing.assert_array_equal(first, second)
    one, other = (
        make(seed=seed).network.graph.get_layer("quarter_first").kernel.numpy() for seed in (0, 1)
    )
    assert np.abs(one - other).max() > 0.01


def test_a_level_ends_as_the_average_of_its_steps_and_stays_that(make):
    trainer = make(steps=6, averaging=0.25)
    own = [x for x in trainer.network.trainable_variables if level_of(x) == 0]
    means, taken = [x.numpy() for x in own], 0
    for step, _ in enumerate(trainer.steps()):
        if not trainer._began[1]:
            taken += 1
            kept = min(0.25, (1 + step) / (10 + step))
            means = [
                kept * mean + (1 - kept) * x.numpy() for mean, x in zip(means, own, strict=True)
            ]
        else:
            for mean, x in zip(means, own, strict=True):
                np.testing.assert_allclose(x, mean, atol=1e-6)
    assert 1 < taken < 6
    averaged = trainer.averaged()
    assert averaged.styles == ("dark", "light")
    for mean, x in zip(means, averaged.trainable_variables, strict=False):
        np.testing.assert_allclose(x, mean, atol=1e-6)


def test_a_step_without_a_finite_gradient_is_left_out(make, monkeypatch):
    trainer = make(steps=30)
    before, crops = trainer.state(), trainer._photographs.crops

    def broken(seed, step, count, side):
        return crops(seed, step, count, side) * (1 if step == 2 else np.float32(np.nan))

    monkeypatch.setattr(trainer._photographs, "crops", broken)
    steps = trainer.steps()
    assert [next(steps).left_out for _ in range(2)] == [1, 2]
    for old, new in zip(before[:-1], trainer.state()[:-1], strict=True):
        if old.dtype != np.int64 and old.shape:  # All but the rate and the count of Adam.
            np.testing.assert_array_equal(old, new)
    assert next(steps).left_out == 2
    assert np.abs(trainer.state()[0] - before[0]).max() > 0


def content_alone(style):
    """Targets of a style that counts nothing."""
    kept = {"content": style.weights["content"]}
    return style._replace(weights={**dict.fromkeys(style.weights, tf.zeros([])), **kept})


@pytest.mark.parametrize("number", range(3))
def test_what_is_seen_of_a_window_is_held_against_the_same_place_of_the_photograph(
    tiny_network, rng, number
):
    """By a network that leaves pictures as they are."""
    config = SMALL.replace(crop=96)
    objective = build_objective(objective_config(config).replace(**FEW_TERMS), {})
    extractor = build_extractor(tiny_network, objective.layers())
    step = Step(config, extractor, objective, [lambda given: inverse_sigmoid(given[0])] * 3)
    crops = tf.constant(rng.uniform(0.1, 0.9, size=(2, 96, 96, 3)), tf.float32)
    style = content_alone(step.style(crops[:1].numpy(), LEVELS[number].shrink))
    seen = set()
    for _ in range(12):
        places = step.places(number, rng)
        seen.add(tuple(places[1].numpy()))
        given = crops, crops, tf.zeros([2, 1]), *places
        losses, _ = step.of_level(*given, style, style, number, [])
        assert float(losses["content"]) < 1e-8
    assert len(seen) > 6
    assert all(0 <= x < 8 for place in seen for x in place)


@pytest.mark.parametrize("number", range(3))
def test_finer_levels_are_held_to_the_style_at_half_of_their_sides(tiny_network, rng, number):
    config = SMALL.replace(crop=96)
    objective = build_objective(objective_config(config).replace(**FEW_TERMS), {})
    extractor = build_extractor(tiny_network, objective.layers())
    step = Step(config, extractor, objective, [lambda given: inverse_sigmoid(given[0])] * 3)
    crops = tf.constant(rng.uniform(0.1, 0.9, size=(2, 96, 96, 3)), tf.float32)
    level = LEVELS[number]
    painting = rng.uniform(size=(1, 96, 96, 3)).astype(np.float32)
    style, smaller = step.style(painting, level.shrink), step.style(painting, 2 * level.shrink)
    place, seen_from, *_ = places = step.places(number, rng)
    losses, _ = step.of_level(
        crops, crops, tf.zeros([2, 1]), *places, content_alone(style), smaller, number, []
    )

    side = min(96 // level.shrink, 48) - 8
    top, left = place // level.shrink + seen_from
    seen = tf.nn.avg_pool2d(crops, level.shrink, level.shrink, "VALID")
    seen = seen[:, top : top + side, left : left + side]
    [of_style] = [term for term in objective.terms if term.name == "style"]
    alone = Objective((of_style,), objective.units)
    half = extractor(tf.nn.avg_pool2d(seen, 2, 2, "VALID"))
    expected = alone(half, smaller)["style"]
    assert float(expected) > 0.01
    assert float(losses["style"]) == pytest.approx(float(expected) if number else 0, rel=1e-3)


def test_a_step_is_given_the_style_of_its_level_and_of_the_one_before(make, monkeypatch):
    given = []

    def recorded(self, *arguments):
        *_, style, smaller, number, _ = arguments
        given.append((style, smaller, number))
        return evaluated(self, *arguments)

    evaluated = Step.of_level
    monkeypatch.setattr(Step, "of_level", recorded)
    made = make(steps=12)
    monkeypatch.setattr(made, "_evaluate", made._evaluated)
    list(made.steps())
    assert {number for *_, number in given} == {0, 1, 2}
    for style, smaller, number in given:
        [which] = [x for x, own in made._styles[number].items() if own is style]
        assert made._styles[max(number - 1, 0)][which] is smaller


@pytest.mark.parametrize("number", range(3))
def test_what_is_painted_after_a_motion_is_held_to_what_was_painted_before_it(
    tiny_network, rng, number
):
    """Nothing is left of pictures as they are, much of what is painted in its place."""
    config = SMALL.replace(crop=96, temporal_weight=2.0)
    objective = build_objective(objective_config(config).replace(**FEW_TERMS), {})
    extractor = build_extractor(tiny_network, objective.layers())
    coarse = rng.uniform(0.2, 0.8, size=(2, 6, 6, 3))
    crops = tf.image.resize(tf.constant(coarse, tf.float32), [96, 96], "bicubic")
    style = content_alone(step_style(config, extractor, objective, crops, number))

    def loss(model):
        step = Step(config, extractor, objective, [model] * 3)
        *places, motion = step.places(number, np.random.default_rng(5))
        motion = motion._replace(gain=tf.constant(1.0))
        given = crops, crops, tf.zeros([2, 1]), *places, motion
        losses, _ = step.of_level(*given, style, style, number, [])
        return float(losses["temporal"])

    def in_place(given):
        height, width = given[0].shape[1:3]
        rows, columns = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
        waves = tf.sin(tf.cast(rows + columns, tf.float32))[tf.newaxis, ..., tf.newaxis]
        return waves + tf.zeros_like(given[0])

    left = loss(lambda given: inverse_sigmoid(tf.clip_by_value(given[0], 0.01, 0.99)))
    assert left < 0.02 * loss(in_place)


def step_style(config, extractor, objective, crops, number):
    step = Step(config, extractor, objective, [])
    return step.style(crops[:1].numpy(), LEVELS[number].shrink)


def test_a_motion_shows_what_was_elsewhere_about_its_middle():
    """Of a ramp, which sampling between pixels leaves exact."""
    motion = Motion(
        tf.constant([[0.9, -0.2], [0.2, 0.9]]), tf.constant([4.0, -2.0]), tf.constant(1.0)
    )
    rows, columns = np.mgrid[0:20, 0:24].astype(np.float32)
    ramp = tf.constant(np.stack([rows, columns], axis=2)[np.newaxis])
    moved = motion.of(ramp, tf.constant([9.5, 11.5]), 2).numpy()[0]
    x, y = 13, 7
    from_x = 11.5 + 0.9 * (x - 11.5) - 0.2 * (y - 9.5) + 2
    from_y = 9.5 + 0.2 * (x - 11.5) + 0.9 * (y - 9.5) - 1
    np.testing.assert_allclose(moved[y, x], [from_y, from_x], rtol=1e-5)


def test_a_training_may_ask_for_calm(make):
    """The rest of the objective left out, what is painted moves with what it is painted of."""
    trainer = make(steps=60, learning_rate=0.008, temporal_weight=100.0, averaging=0.0)
    found = [x.losses["temporal"] for x in trainer.steps()]
    first = trainer._began[1]
    assert np.mean(found[first - 6 : first]) < 0.7 * np.mean(found[:6])


def inverse_sigmoid(x):
    return tf.math.log(x / (1 - x))


def test_one_trace_is_for_all_styles_and_batches_of_a_level(make):
    trainer = make(steps=8)
    list(trainer.steps())
    assert trainer._evaluate.experimental_get_tracing_count() == 3


def test_the_objective_is_the_optimizers_but_for_what_it_says():
    default, own = StyleTransferConfig(), objective_config(TrainingConfig(content_factor=2.0))
    assert own.style_layers == default.style_layers[:4]
    assert own.style_layer_weights == default.style_layer_weights[:4]
    assert own.content_weight == 2 * default.content_weight
    assert own.content_growth == 0
    assert own.style_weight == default.style_weight


def test_another_network_is_a_start_style_by_style(make):
    start = Network(["light", "old"], 0.125, seed=3)
    for index, weight in enumerate(start.trainable_variables):
        weight.assign(
            weight + 0.1 * index * np.arange(1, 3)[:, None] if is_of_styles(weight) else weight
        )
    network = make(start=start).network
    assert network.styles == ("dark", "light")
    for own, old in zip(network.trainable_variables, start.trainable_variables, strict=True):
        if is_of_styles(own):
            old = np.stack([np.mean(old, axis=0), old[0]])
        np.testing.assert_allclose(own, old, atol=1e-6)


def test_weights_of_styles_are_trained_alone_and_the_others_stay(make):
    start = Network(["old", "older"], 0.125)
    shaken(start)
    trainer = make(start=start, trained="styles", steps=16, averaging=0.5)
    list(trainer.steps())
    trained = trainer.averaged()
    assert trained.styles == ("old", "older", "dark", "light")
    for own, old in zip(trained.trainable_variables, start.trainable_variables, strict=True):
        if is_of_styles(own):
            np.testing.assert_array_equal(own[:2], old)
            mean = np.mean(old, axis=0)
            assert np.abs(own[2] - mean).max() > 0
            assert np.abs(own[3] - own[2]).max() > 0
        else:
            np.testing.assert_array_equal(own, old)


def test_a_start_of_another_kind_is_refused(make):
    with pytest.raises(ConfigError, match=r"`start` must be a network of width 0\.125"):
        make(start=Network(["a"], 0.25))
    with pytest.raises(ConfigError, match="must not be named dark: there is such"):
        make(start=Network(["dark"], 0.125), trained="styles")
    with pytest.raises(ConfigError, match=r"`trained` goes with `start`"):
        make(trained="styles")


def test_a_training_that_was_killed_goes_on_to_the_same_network(make, tmp_path):
    whole = make(steps=6)
    list(whole.steps())
    killed = make(steps=6)
    for progress in killed.steps():
        if progress.step == 4:
            checkpoint.save(tmp_path / "state", {"steps": 6}, killed.state())
            break
    again = make(steps=6)
    again.restore(checkpoint.load(tmp_path / "state", {"steps": 6}))
    assert [each.step for each in again.steps()] == [5, 6]
    for one, other in zip(whole.state()[:-1], again.state()[:-1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.state()[-1] > killed.state()[-1] > 0  # Seconds.


def test_a_checkpoint_of_another_training_or_cut_is_refused(make, tmp_path):
    path, state = tmp_path / "state", [np.arange(3), np.ones([2, 2], np.float32)]
    with pytest.raises(FileNotFoundError):
        checkpoint.load(path, {})
    checkpoint.save(path, {"seed": 1}, state)
    for one, other in zip(state, checkpoint.load(path, {"seed": 1}), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="other options"):
        checkpoint.load(path, {"seed": 2})
    with pytest.raises(ValueError, match="not one of this training"):
        make(steps=1).restore(state)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"zip|file"):
        checkpoint.load(path, {"seed": 1})
