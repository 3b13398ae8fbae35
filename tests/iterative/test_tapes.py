"""Somebody else's differentiation around a run: nothing of it is recorded."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.evaluation.engine import Engine
from stylize_tf.iterative.stylizer import Stylizer
from tests.fakes.small_pictures import PLAIN, smooth
from tests.fakes.tiny_network import OF_FORKED, forked_network


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("is_chain", [True, False], ids=["chain", "forked"])
def test_a_tape_around_a_run_watches_nothing_and_holds_none_of_its_pictures(
    tiny_network, rng, persistent, is_chain
):
    content, style = smooth(rng, 42, 32), smooth(rng, 20, 24)
    network, config = tiny_network, PLAIN
    if not is_chain:
        network, config = forked_network(), PLAIN.replace(size=42, **OF_FORKED)
    photograph = tf.constant(content)
    expected = Stylizer(config, engine=Engine(network))(content, style)
    with tf.GradientTape(persistent=persistent) as tape:
        tape.watch(photograph)
        paint = Stylizer(config, engine=Engine(network))
        pictures = []
        for iterate in paint.iterate(photograph, style):
            pictures.append(weakref.ref(iterate.picture))
        assert tape.watched_variables() == ()
        np.testing.assert_array_equal(iterate.image[0], expected)
        assert tape.gradient(iterate.picture, photograph) is None
        del iterate
        gc.collect()
        assert [picture() for picture in pictures] == [None] * len(pictures)


def test_forward_differentiation_around_a_run_finds_nothing(tiny_engine, content, style):
    photograph = tf.constant(content)
    with tf.autodiff.ForwardAccumulator(photograph, tf.ones_like(photograph)) as accumulator:
        *_, last = Stylizer(PLAIN, engine=tiny_engine).iterate(photograph, style)
        assert accumulator.jvp(last.picture) is None
