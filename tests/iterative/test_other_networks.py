"""Networks that are not VGG19: any layers, of any names."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError, StylizationError
from stylize_tf.evaluation import memory_plan
from stylize_tf.evaluation.engine import Engine
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.network import features
from tests.fakes.small_pictures import left_half, smooth

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
    """With strides, a normalization and two ways that meet: no chain."""
    keras.utils.set_random_seed(5)
    image = keras.Input([64, 64, 3])
    x = keras.layers.Rescaling(2.0, -1.0)(image)
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="first")(x)
    y = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    y = keras.layers.BatchNormalization()(y)
    x = keras.layers.Add(name="joined")([x, y])
    return keras.Model(image, keras.layers.GlobalAveragePooling2D(name="pooled")(x))


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


def test_it_is_evaluated_as_a_whole_and_says_so_where_memory_does_not_suffice(engine):
    segments = engine.evaluator(CONFIG).segments
    demand = memory_plan.Demand(2000, 2000, 10, segments, itemsize=4)
    [way] = memory_plan.ways(demand)
    assert way.tiles.banded == 0
    assert way.bytes > memory_plan.PROCESS
    assert memory_plan.smaller(way.tiles, 4_000_000, 0) is None


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
    ],
    ids=str,
)
def test_what_it_has_not_is_told_in_a_line(engine, pictures, changes, match):
    with pytest.raises((ConfigError, StylizationError), match=match) as caught:
        Stylizer(CONFIG.replace(**changes), engine=engine)(*pictures)
    assert "\n" not in str(caught.value)


def test_names_for_vgg19_are_checked_before_its_weights_are_looked_for(monkeypatch):
    monkeypatch.setattr(Engine, "vgg19", lambda found: pytest.fail("looked for"))
    with pytest.raises(ConfigError, match=r"`content_layers` must be one of block1_conv1"):
        Stylizer(CONFIG)
