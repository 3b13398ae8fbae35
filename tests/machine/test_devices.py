"""Devices as people name them, and those that are there."""

import pytest

from stylize_tf.errors import ConfigError
from stylize_tf.machine import devices


def test_device_that_is_not_there_is_a_usage_error_with_the_list():
    available = ["/device:CPU:0", "/device:GPU:0"]
    for device in ("auto", "/CPU:0", "/GPU:0"):
        assert devices.choose(device, available) == (device,)
    with pytest.raises(ConfigError) as caught:
        devices.choose("/CPU:0,/GPU:1", available)
    assert str(caught.value) == (
        "`device` /GPU:1 is not here: TensorFlow sees only /CPU:0, /GPU:0."
    )


def test_auto_is_all_gpus_if_there_are_several():
    available = ["/device:CPU:0", "/device:GPU:0", "/device:GPU:1"]
    assert devices.choose("auto", available) == ("/GPU:0", "/GPU:1")
    assert devices.choose("/GPU:1,/CPU:0", available) == ("/GPU:1", "/CPU:0")
