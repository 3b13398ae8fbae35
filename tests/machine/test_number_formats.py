import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.machine import number_formats
from stylize_tf.objective.balance import balanced_weights
from stylize_tf.objective.targets import Targets

FORMATS = ("float32", "bfloat16", "float16")


@pytest.fixture(autouse=True)
def measured_anew():
    """The choice is kept for a process; these tests leave it to be made again."""
    number_formats.faster_formats.cache_clear()
    yield
    number_formats.faster_formats.cache_clear()


@pytest.fixture
def seconds(monkeypatch):
    """What each format is said to take; and the formats that were measured."""
    told, asked = dict.fromkeys(FORMATS, 1.0), []

    def measured(formats):
        asked.extend(formats)
        return {name: [told[name]] for name in formats}

    monkeypatch.setattr(number_formats, "_convolution_seconds", measured)
    told["asked"] = asked
    return told


def all_agree(name):
    return 1.0


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_asked_for_is_taken_without_measuring(seconds, tiny_engine, name):
    paint = Stylizer(StyleTransferConfig(precision=name), engine=tiny_engine)
    assert paint.config.precision == name
    assert seconds["asked"] == []


@pytest.mark.parametrize(
    ("bfloat16", "expected"),
    [(0.5, "bfloat16"), (0.74, "bfloat16"), (0.76, "float32"), (1.0, "float32"), (30, "float32")],
)
def test_auto_takes_bfloat16_where_it_is_faster_by_a_quarter(seconds, bfloat16, expected):
    seconds["bfloat16"] = bfloat16
    assert number_formats.fastest(all_agree) == expected


@pytest.mark.parametrize(
    ("bfloat16", "float16", "expected"),
    [(0.5, 0.4, ("float16", "bfloat16")), (0.3, 0.4, ("bfloat16", "float16")), (1, 1, ())],
)
def test_on_a_gpu_the_faster_of_both_low_formats_comes_first(seconds, bfloat16, float16, expected):
    seconds.update(bfloat16=bfloat16, float16=float16)
    assert number_formats.faster_formats("/job:localhost/device:GPU:0") == expected


def test_float16_is_not_tried_on_a_processor(seconds):
    seconds["float16"] = 0.01
    assert number_formats.faster_formats("/job:localhost/device:CPU:0") == ()
    assert "float16" not in seconds["asked"]


def test_a_fast_format_whose_gradient_does_not_agree_is_not_taken(seconds):
    seconds["bfloat16"] = 0.4
    assert number_formats.fastest(lambda name: number_formats.AGREEMENT - 0.001) == "float32"
    assert number_formats.fastest(lambda name: number_formats.AGREEMENT) == "bfloat16"


def test_it_measures_once_a_process(seconds):
    first = number_formats.fastest(all_agree)
    seconds["bfloat16"] = 0.01
    assert number_formats.fastest(all_agree) == first
    assert sorted(seconds["asked"]) == ["bfloat16", "float32"]


def test_this_machine_can_be_measured_in_little_time():
    measured = number_formats._convolution_seconds(("float32", "bfloat16"), rounds=1)
    assert list(measured) == ["float32", "bfloat16"]
    for times in measured.values():
        assert len(times) == 1
        assert 0 < times[0] < 10
    assert number_formats.fastest(all_agree) in FORMATS


def test_formats_take_turns_and_those_far_too_slow_take_part_three_times_or_once(monkeypatch):
    now, took = [0.0], []
    slow = {"float32": 1.0, "bfloat16": 0.5, "float16": 9.0}

    class Convolution:
        def __init__(self, features, kernel):
            self.name = features.dtype.name

        def numpy(self):
            took.append(self.name)
            now[0] += slow[self.name]

    monkeypatch.setattr(number_formats, "_there_and_back", Convolution)
    monkeypatch.setattr(number_formats.time, "perf_counter", lambda: now[0])
    seconds = number_formats._convolution_seconds(FORMATS, rounds=5)
    assert seconds == {"float32": [1.0] * 5, "bfloat16": [0.5] * 5, "float16": [9.0] * 3}
    assert took == [*FORMATS] * 3 + [*FORMATS[:2]] * 2
    slow["float16"] = 11.0
    assert number_formats._convolution_seconds(FORMATS, rounds=5)["float16"] == [11.0]


@pytest.mark.parametrize(
    ("seconds", "of_float32", "expected"),
    [
        ([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], 0.5),
        # What else ran hit the best moment of one, or most of the rounds of both.
        ([1.0, 1.0, 1.0], [2.0, 1.2, 2.0], 0.5),
        ([1.0, 4.0, 9.0], [2.0, 4.0, 2.0], 0.5),
        ([1.0, 1.0, 9.0], [1.0, 1.0, 1.0], 1.0),
        ([9.0, 9.0, 9.0], [1.0, 1.0, 1.0, 1.0, 1.0], 9.0),
    ],
)
def test_a_format_is_as_slow_as_the_kinder_of_two_measures_says(seconds, of_float32, expected):
    assert number_formats._slowness(seconds, of_float32) == pytest.approx(expected)


def test_cosine_is_that_of_the_angle_and_zero_where_there_is_none():
    x = tf.constant([3.0, 4.0])
    assert number_formats.cosine(x, 2 * x) == pytest.approx(1)
    assert number_formats.cosine(x, tf.constant([4.0, 3.0])) == pytest.approx(24 / 25)
    for bad in ([0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]):
        assert number_formats.cosine(x, tf.constant(bad)) == 0


@pytest.mark.parametrize(("name", "least"), [("bfloat16", 0.98), ("float16", 0.98), ("float32", 1)])
def test_gradients_in_low_formats_agree_with_those_in_float32(tiny_engine, name, least):
    # To a network that has learned nothing all places are nearly alike: what is left is rounding.
    config = StyleTransferConfig(precision="float32", structure_weight=0.0)
    stylizer = Stylizer(config, engine=tiny_engine)
    assert stylizer._agreement(name) >= least - 1e-6


def test_float16_needs_the_scale_of_the_loss(tiny_engine, rng):
    """Without it the gradients of single features are below the smallest number."""
    config = StyleTransferConfig(precision="float32", style_weight=1e-4, content_weight=0.0)
    assert Stylizer(config, engine=tiny_engine)._agreement("float16") >= 0.98
    style, image = (tf.constant(rng.random([1, 64, 64, 3]), tf.float32) for _ in range(2))
    objective = tiny_engine.objective(config)
    evaluator, exact = (tiny_engine.evaluator(config, name) for name in ("float16", "float32"))
    own = objective.targets([objective.statistics("style", exact.extractor(style))])
    targets = Targets(own, balanced_weights(objective, 64, finished=64))
    expected = exact.gradient_untraced(image, targets)
    assert number_formats.cosine(evaluator.gradient_untraced(image, targets), expected) > 0.98
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = objective(evaluator.extractor(image), targets)["style"]
    assert number_formats.cosine(tape.gradient(loss, image), expected) < 0.9
