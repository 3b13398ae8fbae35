"""One stylizer in several threads, in copies and pickled."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from stylize_tf.errors import StylizationError
from stylize_tf.evaluation.engine import Engine
from stylize_tf.evaluation.tiling import Tiling
from stylize_tf.iterative.stylizer import Stylizer
from tests.fakes.small_pictures import PLAIN, STAGED, Counter, smooth

OPTIONS = (
    {},
    {**STAGED, "style_loss": "bures"},
    {"optimizer": "adam", "init": "pink_noise"},
    {"color": "match", "style_loss": "bures"},
)

TRACED = "_losses_and_slopes", "_finished_statistics"
"""Of an engine alone; those of the optimizers are shared by all."""


def test_four_threads_paint_what_is_painted_in_turn_and_trace_each_function_once(
    tiny_network, rng, monkeypatch
):
    pairs = [(smooth(rng, 24, 18 + index), smooth(rng, 20, 24)) for index in range(2)]
    jobs = [(options, pair) for pair in pairs for options in OPTIONS]

    def paint(stylizer, job):
        options, pair = job
        return stylizer.replace(**options)(*pair)

    # A function that is compiled is called when it is traced, and never else.
    traced = [Counter(monkeypatch, Tiling, name) for name in TRACED]
    in_turn = Stylizer(PLAIN, engine=Engine(tiny_network, {}, kept=100))
    expected = [paint(in_turn, job) for job in jobs]
    once = [each.count for each in traced]
    assert all(once)
    shared = Stylizer(PLAIN, engine=Engine(tiny_network, {}, kept=100))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda job: paint(shared, job), jobs))
    for picture, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(picture, wanted)
    assert [each.count for each in traced] == [2 * count for count in once]


def test_a_copy_is_the_stylizer_itself(plain):
    for made in (copy.copy(plain), copy.deepcopy(plain), copy.deepcopy({"of": plain})["of"]):
        assert made is plain
    assert copy.deepcopy(plain.engine) is plain.engine


def test_options_and_network_travel_when_it_is_pickled(tiny_network, content, style):
    paint = Stylizer(PLAIN, engine=Engine(tiny_network, {"block1_conv1": 2.0}))
    paint(content, style)
    travelled = pickle.loads(pickle.dumps(paint))
    assert travelled.config == paint.config
    assert travelled.engine.digest == paint.engine.digest
    np.testing.assert_array_equal(travelled(content, style), paint(content, style))


def test_a_network_with_layers_that_keras_does_not_know_says_so_in_a_line():
    class Doubled(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    image = keras.Input([None, None, 3])
    convolution = keras.layers.Conv2D(2, 1, name="deep")
    network = keras.Model(image, convolution(Doubled()(image)))
    layers = {"content_layers": ("deep",), "style_layers": ("deep",)}
    paint = Stylizer(PLAIN.replace(**layers), network=network)
    refused = pytest.raises(StylizationError, match=r"register_keras_serializable`.* or send")
    with refused as caught:
        pickle.dumps(paint)
    assert "\n" not in str(caught.value)
    with keras.utils.custom_object_scope({"Doubled": Doubled}):
        pickled = pickle.dumps(paint)
        assert pickle.loads(pickled).engine.digest == paint.engine.digest
    with refused as caught:  # Where nothing knows of it.
        pickle.loads(pickled)
    assert "\n" not in str(caught.value)
