from __future__ import annotations

import os
import sys

import pytest

from stylize_tf.errors import StylizationError
from stylize_tf.machine import tensorflow_runtime

NOISE = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795252348.093667    5010 port.cc:153] oneDNN custom operations are on. You may see
I0000 00:00:1795252348.094056    5010 cudart_stub.cc:31] Could not find cuda drivers on your machine
I0000 00:00:1795252348.179456    5010 cpu_feature_guard.cc:227] This TensorFlow binary is optimized
To enable the following instructions: AVX2 AVX512F, in other operations, rebuild TensorFlow.
E0000 00:00:1795252350.181251    5010 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA
"""
NEWS = b"E0000 00:00:1795252350.181251    5010 something.cc:1] the disk is on fire\nno line end"


def test_noise_is_dropped_and_all_other_lines_are_replayed_in_order(capfdbinary):
    replays = []
    with tensorflow_runtime.quiet_stderr(lambda: replays.append("before")):
        os.write(2, NOISE[:100])
        os.write(2, NOISE[100:])
        os.write(2, NEWS)
        assert capfdbinary.readouterr().err == b""
    assert capfdbinary.readouterr().err == NEWS
    assert replays == ["before"]


def test_nothing_is_announced_when_nothing_is_replayed(capfdbinary):
    with tensorflow_runtime.quiet_stderr(lambda: pytest.fail("there is nothing to replay")):
        os.write(2, NOISE)
    assert capfdbinary.readouterr().err == b""


def test_what_python_prints_before_an_exception_is_replayed(capfdbinary):
    def fail():
        print("a last word", file=sys.stderr)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), tensorflow_runtime.quiet_stderr():
        fail()
    assert capfdbinary.readouterr().err == b"a last word\n"


def test_filter_does_without_a_standard_error(capfdbinary):
    keep = os.dup(2)
    os.close(2)
    try:
        with tensorflow_runtime.quiet_stderr():
            pass
    finally:
        os.dup2(keep, 2)
        os.close(keep)


def test_tensorflow_starts_on_the_device_that_was_asked_for(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # Whatever else the user does with Keras.
    runtime = tensorflow_runtime.load("/CPU:0", raw_log=False, before_replay=lambda: None)
    import tensorflow as tf

    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert runtime.devices == ("/CPU:0",)
    assert tf.config.get_soft_device_placement()
    with runtime.placement("/CPU:0"):
        assert tf.zeros([1]).device == "/job:localhost/replica:0/task:0/device:CPU:0"
    with runtime.placement("auto"):
        assert tf.zeros([1]) == 0


def test_tensorflow_that_cannot_be_imported_is_one_line(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(StylizationError, match=r"^TensorFlow cannot be imported: .*\. Reinstall"):
        tensorflow_runtime.load("auto", raw_log=False, before_replay=lambda: None)


def test_device_that_is_not_there_is_refused_with_the_list():
    available = ["/device:CPU:0", "/device:GPU:0"]
    for device in ("auto", "/CPU:0", "/GPU:0"):
        assert tensorflow_runtime.choose_devices(device, available) == (device,)
    with pytest.raises(StylizationError) as caught:
        tensorflow_runtime.choose_devices("/CPU:0,/GPU:1", available)
    assert str(caught.value) == (
        "`device` /GPU:1 is not here: TensorFlow sees only /CPU:0, /GPU:0. Name one of "
        "these, or auto."
    )


def test_auto_is_all_gpus_if_there_are_several():
    available = ["/device:CPU:0", "/device:GPU:0", "/device:GPU:1"]
    assert tensorflow_runtime.choose_devices("auto", available) == ("/GPU:0", "/GPU:1")
    assert tensorflow_runtime.choose_devices("/GPU:1,/CPU:0", available) == ("/GPU:1", "/CPU:0")
