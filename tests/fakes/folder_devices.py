"""The command line on a CPU that TensorFlow takes for two devices, with a tiny network.

Run as a script; it says on standard error which threads had their pictures on which device.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from stylize_tf.__main__ import run
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.jobs import painting
from stylize_tf.network import weights
from tests.fakes.cli_fakes import WEIGHTS
from tests.fakes.tiny_network import tiny_network

seen = set()


class TinyStylizer(Stylizer):
    def iterate(self, *pictures: Any, **options: Any) -> Iterator[Any]:
        for iterate in super().iterate(*pictures, **options):
            device = iterate.picture.device.rsplit("/", 1)[-1]
            line = f"seen: {threading.current_thread().name} {device}\n"
            if line not in seen:
                seen.add(line)
                sys.stderr.write(line)  # In one piece, for there are threads.
            yield iterate


if __name__ == "__main__":
    [cpu] = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)
    painting.make_stylizer = lambda config, _: TinyStylizer(
        config, network=tiny_network(), units={}
    )
    weights.find = lambda *arguments, **options: WEIGHTS
    run()
