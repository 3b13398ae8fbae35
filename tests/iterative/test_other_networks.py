"""Networks that are not VGG19: any layers, of any names."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError, StylizationError
from stylize_tf.evaluation import memory_plan
from stylize_tf.evaluation.engine import Engine
from stylize_tf.evaluation.tiling import Tiling
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.network import features
from tests.fakes.small_pictures import left_half, smooth
from tests.fakes.tiny_network import forked_network

CONFIG = StyleTransferConfig(
    size=48,
    coarsest_size=0,
    steps=(6,),
    precision="float32",
    content_layers=("joined",),
    style_layers=("first", "joined"),
    style_layer_weights=(),
)


@pytest.fixture(scope="module")
def network():
    return forked_network()


@pytest.fixture(scope="module")
def engine(network):
    return Engine(network, kept=10)


@pytest.fixture
def pictures(rng):
    return smooth(rng, 48, 40), smooth(rng, 40, 52)


def test_its_maps_are_those_of_the_network_itself_at_any_size(network, rng):
    image = tf.constant(rng.uniform(size=[1, 64, 64, 3]), tf.float32)
    extract = features.build_extractor(network, ["image", "joined"])
    expected = keras.Model(network.input, network.get_layer("joined").output)(image)
    maps = extract(image)
    np.testing.assert_allclose(maps["joined"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(maps["image"], image)
    assert extract(image[:, :33])["joined"].shape == (1, 17, 32, 4)


def test_it_paints(engine, pictures):
    iterates = list(Stylizer(CONFIG, engine=engine).iterate(*pictures))
    assert iterates[-1].loss < 0.7 * iterates[0].loss
    low = Stylizer(CONFIG.replace(precision="bfloat16"), engine=engine)
    assert next(low.iterate(*pictures)).loss == pytest.approx(iterates[0].loss, rel=0.05)
    masked = Stylizer(CONFIG, engine=engine)(*pictures, content_masks=[left_half(48, 40)])
    np.testing.assert_allclose(masked[:, 30:], pictures[0][:, 30:], atol=1e-5)


def test_its_units_are_the_mean_magnitudes_of_its_own_maps(network, engine):
    units = engine.objective(CONFIG).units
    assert set(units) == {"first", "joined"}
    assert all(unit > 0 for unit in units.values())
    assert units == Engine(network).objective(CONFIG).units
    given = Engine(network, {"first": 3.0}).objective(CONFIG).units
    assert given == {"first": 3.0}


def test_it_is_evaluated_as_a_whole_and_refused_where_memory_does_not_suffice(engine, pictures):
    paint = Stylizer(CONFIG.replace(memory=100.0), engine=engine)
    large = paint.replace(size=4096).plan(*pictures).stages[-1]
    assert large.bands == 1
    with pytest.raises(ConfigError, match=r"^`memory` must be .* 3413x4096 pixels") as caught:
        paint.replace(size=4096, memory=2.0).plan(*pictures)
    [least] = re.findall(r"at least ([\d.]+) ?GB", str(caught.value))
    enough = paint.replace(size=4096, memory=float(least)).plan(*pictures).stages[-1]
    assert enough.bands == 1
    assert 2e9 < enough.bytes < large.bytes  # With less of what L-BFGS keeps.
    with pytest.raises(ConfigError, match=r"^`memory` must be at least .* 40x48 pixels"):
        paint.replace(memory=0.9)(*pictures)


def test_where_memory_runs_out_there_is_nothing_smaller_to_try(engine, pictures, monkeypatch):
    tried = []

    def roomless(self, *arguments):
        tried.append(arguments)
        raise MemoryError

    monkeypatch.setattr(memory_plan, "SMALLEST_TILE_PIXELS", 50)
    for name in ("value_and_gradient", "statistics"):  # The last one comes first in a run.
        monkeypatch.setattr(Tiling, name, roomless)
        tried.clear()
        with pytest.raises(StylizationError, match=r"^Out of memory at 40x48 pixels\. Ask for a"):
            Stylizer(CONFIG, engine=Engine(engine.network, {}))(*pictures)
        assert len(tried) == 1


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (
            {"style_layers": ("frist",)},
            r"`style_layers` .* network; got 'frist'\. Did you mean first\?",
        ),
        ({"content_layers": ("block4_conv2",)}, r"`content_layers` .*; got 'block4_conv2'"),
        ({"pooling": "average"}, r"networks like VGG19"),
        ({"regions": "auto:2"}, r"layers of VGG19"),
        ({"content_layers": ("pooled",)}, r"maps \[N, H, W, C\]; 'pooled'"),
        ({"size": 24}, r"at least 32 pixels"),
    ],
    ids=str,
)
def test_what_it_has_not_is_told_in_a_line(engine, pictures, changes, match):
    with pytest.raises((ConfigError, StylizationError), match=match) as caught:
        Stylizer(CONFIG.replace(**changes), engine=engine)(*pictures)
    assert "\n" not in str(caught.value)


@keras.saving.register_keras_serializable(package="tests")
class Doubled(keras.Model):
    def call(self, image):
        return 2 * image


def two_inputs():
    images = [keras.Input([None, None, 3]) for _ in range(2)]
    return keras.Model(images, keras.layers.Add(name="joined")(images))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: keras.Sequential([keras.layers.Conv2D(4, 3)]), "layers are not yet connected"),
        (Doubled, "layers are not yet connected"),
        (two_inputs, "one of 2 inputs"),
    ],
    ids=["sequence", "class", "inputs"],
)
def test_a_network_without_a_graph_from_one_image_is_refused_in_a_line(make, match):
    with pytest.raises(ConfigError, match=rf"functional model of one input.*{match}") as caught:
        Stylizer(CONFIG, network=make())
    assert "\n" not in str(caught.value)


def of_first_channels(*shape):
    """In all of it, or only within."""
    image = keras.Input(shape)
    x = image if shape[0] == 3 else keras.layers.Permute([3, 1, 2])(image)
    convolution = keras.layers.Conv2D(4, 3, data_format="channels_first", padding="same")
    return keras.Model(image, keras.layers.ReLU(name="joined")(convolution(x)))


def with_a_model_within():
    image, inner = (keras.Input([None, None, 3]) for _ in range(2))
    within = keras.Model(inner, keras.layers.Conv2D(4, 3)(inner), name="within")
    return keras.Model(image, keras.layers.ReLU(name="joined")(within(image)))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: of_first_channels(3, 64, 64), r"channels last; got .*\(None, 3, 64, 64\)"),
        (lambda: of_first_channels(3, None, None), r"channels last; 'conv2d.*' has them first"),
        (lambda: of_first_channels(None, None, 3), r"channels last; 'conv2d.*' has them first"),
        (with_a_model_within, r"in one graph; 'within' holds others"),
    ],
    ids=["image", "all channels first", "channels first", "within"],
)
def test_a_network_that_cannot_be_copied_is_refused_in_a_line(make, match):
    config = CONFIG.replace(style_layers=("joined",))
    with pytest.raises(ConfigError, match=rf"^`network` must .*{match}") as caught:
        Stylizer(config, network=make())
    assert "\n" not in str(caught.value)


def test_a_model_within_it_is_no_map():
    config = CONFIG.replace(content_layers=("within",), style_layers=("within",))
    with pytest.raises(ConfigError, match="'within' holds others"):
        Stylizer(config, network=with_a_model_within())


def test_names_for_vgg19_are_checked_before_its_weights_are_looked_for(monkeypatch):
    monkeypatch.setattr(Engine, "vgg19", lambda found: pytest.fail("looked for"))
    with pytest.raises(ConfigError, match=r"`content_layers` must be one of block1_conv1"):
        Stylizer(CONFIG)
