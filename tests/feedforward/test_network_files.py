"""Files of networks."""

import io
import json
import time
import zipfile

import keras
import numpy as np
import pytest

from stylize_tf.errors import ConfigError, WeightsError
from stylize_tf.feedforward import network_files
from stylize_tf.feedforward.network import Network
from tests.fakes.tiny_network import shaken


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    network = Network(["a", "b"], width=0.125)
    shaken(network)
    return network


@pytest.fixture
def path(network, tmp_path):
    network_files.save(network, tmp_path / "network.keras")
    return tmp_path / "network.keras"


def changed(path, **files):
    """The file with some of what it holds replaced; None leaves it out."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in held.items():
            data = files.get(name.partition(".")[0], data)
            if data is not None:
                archive.writestr(name, data)
    path.write_bytes(target.getvalue())


def test_a_compact_file_is_half_as_large_and_loaded_likewise(network, tmp_path):
    for name, compact in (("whole", False), ("half", True)):
        network_files.save(network, tmp_path / f"{name}.keras", compact=compact)
    sizes = [(tmp_path / f"{name}.keras").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.75 * sizes[0]  # Of a small network much is not weights.
    own = [x.astype(np.float16).astype(np.float32) for x in network.get_weights()]
    loaded = (Network.load, keras.saving.load_model)
    for load in loaded:
        for one, other in zip(load(tmp_path / "half.keras").get_weights(), own, strict=True):
            np.testing.assert_array_equal(one, other)


def test_what_is_saved_is_loaded_by_us_and_by_keras(network, path, rng):
    image = rng.uniform(size=(1, 20, 24, 3)).astype(np.float32)
    for again in (Network.load(path), keras.saving.load_model(path)):
        assert (again.styles, again.width) == (("a", "b"), 0.125)
        np.testing.assert_array_equal(again(image, style="b"), network(image, style="b"))


def test_equal_networks_are_equal_files(network, path, monkeypatch):
    again = Network.load(path)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    network_files.save(again, path.with_name("again.keras"))
    assert path.with_name("again.keras").read_bytes() == path.read_bytes()


def test_a_file_of_another_name_is_refused_before_it_is_written(network, tmp_path):
    with pytest.raises(ConfigError, match=r"`output` must end in \.keras; got 'x\.h5'"):
        network_files.save(network, "x.h5")
    with pytest.raises(ConfigError):
        network_files.save(network, tmp_path / "x.h5")
    assert not [*tmp_path.iterdir()]


def test_a_failed_writing_leaves_the_file_that_was_there(network, path, monkeypatch):
    before = path.read_bytes()

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Network, "save", full)
    with pytest.raises(OSError, match="No space"):
        network_files.save(network, path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(WeightsError, match="is not there"):
        Network.load(tmp_path / "none.keras")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_is_cut_is_refused(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(WeightsError, match="no network of this program, or not all of one"):
        Network.load(path)


@pytest.mark.parametrize("part", ["config", "model"])
def test_a_file_with_a_part_missing_or_changed_is_refused(path, part):
    for data in (b"{}", None):
        changed(path, **{part: data})
        with pytest.raises(WeightsError, match="no network of this program"):
            Network.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"styles": []},
        {"styles": [1]},
        {"width": 1e9},
        {"width": "x"},
        {"channels": {"whole_first": 2}},
    ],
    ids=str,
)
def test_a_network_that_cannot_be_is_refused(path, change):
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"].update(change)
    changed(path, config=json.dumps(config))
    with pytest.raises(WeightsError, match="no network of this program"):
        Network.load(path)


def test_a_model_of_others_is_refused_and_none_of_it_runs(tmp_path):
    ran = []
    inputs = keras.Input([4])
    outputs = keras.layers.Lambda(lambda x: (ran.append(1), x)[1], output_shape=(4,))(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "other.keras")
    ran.clear()
    with pytest.raises(WeightsError, match="it holds a Functional"):
        Network.load(tmp_path / "other.keras")
    assert not ran


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    network = Network(["a"], width=0.125)
    network.weights[0].assign(np.nan * network.weights[0])
    network_files.save(network, tmp_path / "network.keras")
    with pytest.raises(WeightsError, match="not all of its weights are numbers"):
        Network.load(tmp_path / "network.keras")
