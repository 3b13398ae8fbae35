"""Programs in which no picture can be made: each is told in one line what to do."""

import multiprocessing
import os
import sys
import types
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import stylize_tf
from stylize_tf.errors import ConfigError, StylizationError
from stylize_tf.evaluation.engine import Engine
from stylize_tf.machine.surroundings import check_backend, check_surroundings
from tests.fakes.small_pictures import PLAIN


def refused(call, *, match):
    """Whether this is an error of one line that says so."""
    with pytest.raises((StylizationError, ConfigError), match=match) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_where_graphs_are_built_the_way_out_is_told(plain, content, style, tiny_network):
    def make():
        return plain(content, style)

    calls = (
        lambda: tf.function(make)(),
        lambda: tf.data.Dataset.range(1).map(lambda _: make()),
        lambda: tf.function(lambda: stylize_tf.Stylizer(PLAIN))(),
        lambda: tf.function(lambda: Engine(tiny_network))(),
        lambda: tf.function(lambda x: plain(x, style))(tf.constant(content)),
        lambda: tf.function(lambda x: stylize_tf.stylize(content, x))(tf.constant(style)),
    )
    for call in calls:
        refused(call, match=r"`tf.py_function` or `tf.numpy_function`")
    with tf.Graph().as_default():
        refused(make, match="`tf.Graph`")


def test_that_way_out_leads_to_the_same_picture(plain, content, style):
    expected = plain(content, style)

    @tf.function
    def by_py_function(photograph):
        return tf.py_function(lambda x: plain(x, style), [photograph], tf.float32)

    np.testing.assert_array_equal(by_py_function(tf.constant(content)), expected)
    pictures = tf.data.Dataset.from_tensors(content).map(
        lambda x: tf.numpy_function(lambda x: plain(x, style), [x], tf.float32)
    )
    np.testing.assert_array_equal(next(iter(pictures)), expected)


def test_functions_that_run_eagerly_are_no_graph(plain, content, style):
    expected = plain(content, style)
    tf.config.run_functions_eagerly(True)
    try:
        [picture] = [tf.function(lambda: plain(content, style))()]
    finally:
        tf.config.run_functions_eagerly(False)
    # What a graph fuses is rounded once less.
    np.testing.assert_allclose(picture, expected, atol=1e-4)


def test_checks_of_numbers_are_told_why_they_cannot_stay(plain, content, style):
    tf.debugging.enable_check_numerics()
    try:
        refused(lambda: plain(content, style), match="disable_check_numerics")
    finally:
        tf.debugging.disable_check_numerics()
    assert plain(content, style).shape == content.shape


def in_a_fork(connection, call):
    try:
        call()
    except BaseException as error:
        connection.send(f"{type(error).__name__}: {error}")


def test_after_a_fork_it_is_said_in_place_of_hanging(plain, content, style):
    plain(content, style)
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    call = lambda: plain(content, style)  # noqa: E731
    process = fork.Process(target=in_a_fork, args=(theirs, call))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Newer Pythons warn of forks beside threads.
        process.start()
    assert ours.poll(20), "It hangs."
    said = ours.recv()
    process.join()
    assert said.startswith("StylizationError: TensorFlow would hang here: this process was forked")
    assert f"off {os.getpid()}," in said
    assert 'get_context("spawn")' in said
    assert "\n" not in said


def test_another_backend_of_keras_is_told_before_keras_is_imported(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    check_backend()  # There is no file: it is TensorFlow.
    for text in ("no JSON", "[]", '{"backend": "tensorflow"}'):
        (tmp_path / "keras.json").write_text(text)
        check_backend()
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    refused(check_backend, match=r"Set KERAS_BACKEND=tensorflow.* use torch\..*keras\.json")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    refused(check_backend, match=r"Set KERAS_BACKEND=tensorflow.* use jax\..*os\.environ")
    refused(lambda: stylize_tf.Stylizer, match="use jax")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    check_backend()


def test_another_backend_of_keras_is_told_when_it_is_imported(monkeypatch):
    other = types.SimpleNamespace(config=types.SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", other)
    refused(lambda: stylize_tf.stylize, match="imported already: start Python anew")
    refused(check_surroundings, match="use jax")
    monkeypatch.setitem(sys.modules, "keras", keras)
    check_surroundings()
