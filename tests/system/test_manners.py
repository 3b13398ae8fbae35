"""What the package leaves alone in the process that it is used in."""

import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import stylize_tf
from stylize_tf.iterative.stylizer import Stylizer
from tests.fakes.small_pictures import PLAIN, STAGED


def global_state():
    """What a program may share with us, and would not like to find changed."""
    return {
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "data format": keras.config.image_data_format(),
        "policy": keras.config.dtype_policy().name,
        "traceback filtering": keras.config.is_traceback_filtering_enabled(),
        "eager functions": tf.config.functions_run_eagerly(),
        "jit": tf.config.optimizer.get_jit(),
        "determinism": tf.config.experimental.tensor_float_32_execution_enabled(),
        "soft placement": tf.config.get_soft_device_placement(),
        "numpy": np.random.get_state()[1].tolist(),
        "handlers": list(logging.getLogger().handlers),
        "level": logging.getLogger().level,
        "filters": list(warnings.filters),
        "environment": dict(os.environ),
        "interrupt": signal.getsignal(signal.SIGINT),
        "threads": threading.active_count(),
        "folder": sorted(Path.cwd().iterdir()),
        "numpy errors": np.geterr(),
        "pillow limit": Image.MAX_IMAGE_PIXELS,
    }


def test_a_stylization_prints_nothing_and_changes_no_global_state(
    tiny_engine, content, style, capfd, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    tf.random.set_seed(5)
    expected_random = tf.random.uniform([3]).numpy()
    tf.random.set_seed(5)
    before = global_state()
    capfd.readouterr()
    config = PLAIN.replace(optimizer="adam", init="pink_noise", average_decay=0.5, **STAGED)
    Stylizer(config, engine=tiny_engine)(content, style)
    printed = capfd.readouterr()
    assert printed == ("", "")
    after = global_state()
    for name, value in before.items():
        assert after[name] == value, name
    np.testing.assert_array_equal(tf.random.uniform([3]), expected_random)


def test_a_given_picture_is_not_written_to(plain, content, style):
    photograph, painting = content.copy(), style.copy()
    photograph.flags.writeable = painting.flags.writeable = False
    plain(photograph, painting)
    np.testing.assert_array_equal(photograph, content)


def in_a_new_process(code, folder):
    """What a new Python prints, in an empty folder."""
    root = str(Path(stylize_tf.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_importing_the_package_and_asking_for_help_loads_nothing_heavy(tmp_path):
    printed = in_a_new_process(
        "import sys, stylize_tf, stylize_tf.cli.main\n"
        "def loaded(): return {'tensorflow', 'keras', 'numpy', 'PIL', 'h5py'} & set(sys.modules)\n"
        "stylize_tf.PRESETS, stylize_tf.ConfigError, stylize_tf.StyleTransferConfig\n"
        "stylize_tf.ImageError, stylize_tf.WeightsError\n"
        "assert not loaded() and 'absl' not in sys.modules, loaded()\n"
        "assert stylize_tf.cli.main.main_with(['main.py', '--help']) == 0\n"
        "assert not loaded(), loaded()\n",
        tmp_path,
    )
    assert printed.startswith("usage: python main.py ")
    assert list(tmp_path.iterdir()) == []


def test_importing_everything_starts_no_device_and_changes_nothing(tmp_path):
    printed = in_a_new_process(
        "import os\n"
        "os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\n"
        "import warnings\n"
        "warnings.simplefilter('ignore')\n"
        "import keras, tensorflow as tf\n"
        "from tensorflow.python.eager import context\n"
        "def state():\n"
        "    return (keras.config.floatx(), keras.config.dtype_policy().name,\n"
        "        keras.config.image_data_format(), tf.config.get_soft_device_placement(),\n"
        "        tf.config.threading.get_intra_op_parallelism_threads(), dict(os.environ))\n"
        "before = state()\n"
        "import stylize_tf\n"
        "for name in stylize_tf.__all__:\n"
        "    getattr(stylize_tf, name)\n"
        "import stylize_tf.iterative.stylizer\n"
        "assert state() == before\n"
        "assert not context.context()._initialized\n"
        "print('sound')\n",
        tmp_path,
    )
    assert printed == "sound\n"
    assert list(tmp_path.iterdir()) == []


def test_the_public_names_are_listed_and_there():
    assert set(stylize_tf.__all__) <= set(dir(stylize_tf))
    for name in stylize_tf.__all__:
        assert getattr(stylize_tf, name) is not None
    with pytest.raises(AttributeError, match="stylise"):
        stylize_tf.stylise  # noqa: B018
