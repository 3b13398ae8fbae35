"""One stylizer in several threads, in copies and in other processes."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from stylize_tf.evaluation.engine import Engine
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.machine import tracing
from tests.fakes.small_pictures import PLAIN, STAGED, Counter, smooth

OPTIONS = (
    {},
    {**STAGED, "style_loss": "bures"},
    {"optimizer": "adam", "init": "pink_noise"},
    {"color": "match", "style_loss": "bures"},
)


def test_four_threads_paint_what_is_painted_in_turn_and_trace_each_function_once(
    tiny_network, rng, monkeypatch
):
    pairs = [(smooth(rng, 24, 18 + index), smooth(rng, 20, 24)) for index in range(2)]
    jobs = [(options, pair) for pair in pairs for options in OPTIONS]

    def paint(stylizer, job):
        options, pair = job
        return stylizer.replace(**options)(*pair)

    compiled = Counter(monkeypatch, tracing, "compiled")
    in_turn = Stylizer(PLAIN, engine=Engine(tiny_network, {}, kept=100))
    expected = [paint(in_turn, job) for job in jobs]
    once, compiled.count = compiled.count, 0
    shared = Stylizer(PLAIN, engine=Engine(tiny_network, {}, kept=100))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda job: paint(shared, job), jobs))
    for picture, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(picture, wanted)
    # Those of the optimizers are shared by all engines.
    assert compiled.count <= once


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
