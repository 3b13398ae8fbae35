"""A batch that several devices share: on two halves of the processor, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json
import numpy as np
import tensorflow as tf

[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from stylize_tf.config.training import TrainingConfig
from stylize_tf.errors import ConfigError
from stylize_tf.feedforward.training.photographs import Photographs
from stylize_tf.feedforward.training.step import objective_config
from stylize_tf.feedforward.training.trainer import Trainer
from stylize_tf.network.features import build_extractor
from stylize_tf.objective.balance import build_objective
from tests.fakes.tiny_network import tiny_network


def trainer(devices, **options):
    config = TrainingConfig(
        width=0.125, steps=6, crop=64, style_size=64, **options
    )
    objective = build_objective(objective_config(config).replace(patch_weight=0), {})
    extractor = build_extractor(tiny_network(), objective.layers())
    generator = np.random.default_rng(0)
    photographs = Photographs([generator.random((70, 90, 3), np.float32)] * 2)
    paintings = {"a": generator.random((1, 80, 64, 3), np.float32)}
    return Trainer(config, extractor, objective, paintings, photographs, None, devices)


def trained(devices):
    made = trainer(devices, batch=2)
    losses = [sum(progress.losses.values()) for progress in made.steps()]
    made.restore(made.state())
    weights = np.concatenate([x.ravel() for x in made.averaged().get_weights()])
    return losses, weights.tolist()


found = [trained(devices) for devices in ((), ("/CPU:0", "/CPU:1"))]
try:
    trainer(("/CPU:0", "/CPU:1"), batch=3)
except ConfigError as error:
    print(json.dumps([found, str(error)]))
"""


def test_devices_that_share_a_batch_train_the_network_of_one():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    [(one, own), (two, other)], error = json.loads(done.stdout.splitlines()[-1])
    # Content counts in units of the energy of the crops of a device, not of all of them.
    np.testing.assert_allclose(one, two, rtol=0.02)
    assert one[0] != one[-1]
    assert np.abs(np.subtract(own, other)).max() < 0.01
    assert "must be a multiple of the 2 devices" in error
