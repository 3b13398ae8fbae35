import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.config.layers import PATCH_SIZE, VGG19_LAYERS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.evaluation.tiling import cut
from stylize_tf.iterative import pyramid
from stylize_tf.network import features

LAYERS = ["block1_conv1", "block1_conv2", "block2_pool", "block3_conv4", "block5_conv1"]


@pytest.fixture(scope="module")
def random_vgg19():
    """Keras' own VGG19 with random weights that keep the maps of every layer in sight."""
    generator = np.random.default_rng(19)
    model = keras.applications.VGG19(include_top=False, weights=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            deviation = np.sqrt(2 / np.prod(kernel.shape[:3]))
            kernel = generator.normal(scale=deviation, size=kernel.shape)
            layer.set_weights([kernel, generator.normal(scale=10, size=bias.shape)])
    return model


@pytest.fixture(scope="module")
def tensors(random_vgg19):
    return {
        layer.name: tuple(layer.get_weights())
        for layer in random_vgg19.layers
        if layer.get_weights()
    }


def random_image(rng, height=40, width=56, batch=1):
    return tf.constant(rng.uniform(size=[batch, height, width, 3]), tf.float32)


def maps_of(network, layers, image, **options):
    return features.build_extractor(network, layers, **options)(image)


def relative_error(actual, expected):
    actual, expected = np.asarray(actual), np.asarray(expected)
    return np.abs(actual - expected).max() / np.abs(expected).max()


# Against Keras.


def test_maps_equal_those_of_keras_own_layers_behind_its_own_preprocessing(random_vgg19, rng):
    image = random_image(rng)
    keras_model = keras.Model(
        random_vgg19.input, [random_vgg19.get_layer(name).output for name in LAYERS]
    )
    pixels = image.numpy() * 255
    expected = keras_model(keras.applications.vgg19.preprocess_input(pixels.copy()))
    actual = maps_of(random_vgg19, LAYERS, image)
    assert list(actual) == LAYERS
    for name, values in zip(LAYERS, expected, strict=True):
        assert float(tf.reduce_max(values)) > 1
        assert relative_error(actual[name], values) < 1e-4, name


def test_preprocessing_is_that_of_keras_applications(rng):
    image = random_image(rng)
    expected = keras.applications.vgg19.preprocess_input(image.numpy() * 255)
    np.testing.assert_allclose(features.VGGInput()(image), expected, atol=1e-4)


def test_red_comes_last_and_the_mean_pixel_is_black(rng):
    red = tf.constant([[[[1.0, 0.0, 0.0]]]])
    # Blue, green, red, less the mean pixel of ImageNet.
    np.testing.assert_allclose(
        features.VGGInput()(red)[0, 0, 0], [-103.939, -116.779, 255 - 123.68], rtol=1e-6
    )
    mean = tf.constant([[[[123.68, 116.779, 103.939]]]]) / 255
    np.testing.assert_allclose(features.VGGInput()(mean), np.zeros([1, 1, 1, 3]), atol=1e-4)


def test_vgg19_holds_the_tensors_it_was_given(random_vgg19, tensors):
    model = features.vgg19(tensors)
    for layer in random_vgg19.layers:
        for actual, expected in zip(
            model.get_layer(layer.name).get_weights() if layer.get_weights() else [],
            layer.get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(actual, expected)


def test_layer_names_of_the_configuration_are_those_of_keras(random_vgg19):
    named = tuple(layer.name for layer in random_vgg19.layers if layer.name.startswith("block"))
    assert named == VGG19_LAYERS
    assert set(features.MEAN_ACTIVATIONS) == set(VGG19_LAYERS)


# The extractor.


def test_the_image_itself_is_among_the_maps(tiny_network, rng):
    image = random_image(rng, 16, 20)
    maps = maps_of(tiny_network, ["image", "block1_conv1"], image)
    np.testing.assert_array_equal(maps["image"], image)
    assert list(features.build_extractor(tiny_network, ["image"])(image)) == ["image"]


@pytest.mark.parametrize(
    ("layers", "deepest"),
    [
        (["block2_conv1", "block1_conv2"], "block2_conv1"),
        (["image", "block1_pool"], "block1_pool"),
        (["block1_conv1"], "block1_conv1"),
    ],
    ids=str,
)
def test_nothing_deeper_than_the_deepest_layer_is_computed(tiny_network, layers, deepest):
    extractor = features.build_extractor(tiny_network, layers)
    assert extractor.layers[-1].name == deepest
    blocks = [layer.name for layer in extractor.layers if layer.name.startswith("block")]
    assert blocks == [x.name for x in tiny_network.layers[1 : 1 + len(blocks)]]


def test_maps_do_not_depend_on_which_others_are_asked_for(tiny_network, rng):
    image = random_image(rng, 32, 32)
    together = maps_of(tiny_network, LAYERS, image)
    for name in LAYERS:
        np.testing.assert_allclose(maps_of(tiny_network, [name], image)[name], together[name])


def test_layers_asked_for_twice_come_once_in_the_order_of_asking(tiny_network, rng):
    layers = ["block2_conv1", "block1_conv1", "block2_conv1"]
    assert list(maps_of(tiny_network, layers, random_image(rng))) == layers[:2]


def test_unknown_layers_are_named_with_the_known_ones(tiny_network):
    with pytest.raises(
        ValueError, match=r"`layers` must be layers .*conv9'\. Did you mean block1_"
    ):
        features.build_extractor(tiny_network, ["block1_conv1", "block1_conv9"])


def test_the_network_is_not_changed_and_nothing_is_trained(tiny_network, rng):
    image = random_image(rng, 16, 16)
    before = [weights.copy() for weights in tiny_network.get_weights()]
    extractor = features.build_extractor(
        tiny_network, ["block3_conv1"], pooling="average", padding="reflect", precision="bfloat16"
    )
    extractor(image)
    assert extractor.trainable_variables == []
    assert [layer.trainable for layer in tiny_network.layers] == [True] * len(tiny_network.layers)
    assert tiny_network.layers[1].padding == "same"
    for actual, expected in zip(tiny_network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_pictures_of_a_batch_do_not_see_each_other(tiny_network, rng):
    images = random_image(rng, 16, 16, batch=3)
    together = maps_of(tiny_network, ["block2_conv1"], images)["block2_conv1"]
    alone = [maps_of(tiny_network, ["block2_conv1"], x[None])["block2_conv1"] for x in images]
    np.testing.assert_allclose(together, tf.concat(alone, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
def test_a_saved_extractor_gives_the_same_maps(tiny_network, rng, tmp_path):
    image = random_image(rng, 16, 16)
    extractor = features.build_extractor(tiny_network, ["block2_conv1"], padding="replicate")
    extractor.save(tmp_path / "extractor.keras")
    loaded = keras.models.load_model(tmp_path / "extractor.keras")
    np.testing.assert_allclose(loaded(image)["block2_conv1"], extractor(image)["block2_conv1"])


# Padding of the first convolution.


@pytest.mark.parametrize(
    ("padding", "mode"), [("replicate", "edge"), ("reflect", "reflect"), ("zero", "constant")]
)
def test_the_first_convolution_sees_the_picture_continued(tiny_network, rng, padding, mode):
    """As if the picture were larger by one pixel, or the preprocessed one by zeros."""
    image = random_image(rng, 9, 7)
    layer = tiny_network.get_layer("block1_conv1")
    pixels = features.VGGInput()(image).numpy()
    padded = np.pad(pixels, [(0, 0), (1, 1), (1, 1), (0, 0)], mode=mode)
    expected = np.broadcast_to(layer.get_weights()[1], [1, 9, 7, layer.filters]).copy()
    for row in range(3):
        for column in range(3):
            window = padded[:, row : row + 9, column : column + 7]
            expected += window @ layer.get_weights()[0][row, column]
    actual = maps_of(tiny_network, ["block1_conv1"], image, padding=padding)["block1_conv1"]
    np.testing.assert_allclose(actual, np.maximum(expected, 0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["zero", "reflect", "replicate"])
def test_padding_changes_no_size_and_nothing_away_from_the_border(tiny_network, rng, padding):
    image = random_image(rng, 32, 24)
    expected = maps_of(tiny_network, ["block2_conv1", "block5_conv1"], image)
    actual = maps_of(tiny_network, ["block2_conv1", "block5_conv1"], image, padding=padding)
    for name in expected:
        assert actual[name].shape == expected[name].shape
    # Position p of block2_conv1 sees pixels 2 p - 4 to 2 p + 5.
    inner = np.s_[:, 3:-3, 3:-3]
    np.testing.assert_allclose(
        actual["block2_conv1"][inner], expected["block2_conv1"][inner], rtol=1e-4, atol=1e-4
    )
    differs = not np.allclose(actual["block2_conv1"], expected["block2_conv1"], atol=1e-3)
    assert differs == (padding != "zero")


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
def test_a_flat_picture_has_flat_first_maps_where_the_border_is_continued(tiny_network, padding):
    image = tf.fill([1, 8, 8, 3], 0.9)
    [flat] = maps_of(tiny_network, ["block1_conv1"], image, padding=padding).values()
    np.testing.assert_allclose(flat, np.broadcast_to(flat[:, 4:5, 4:5], flat.shape), rtol=1e-4)
    [edged] = maps_of(tiny_network, ["block1_conv1"], image, padding="zero").values()
    assert np.ptp(edged, axis=(1, 2)).max() > 0.01


@pytest.mark.parametrize("padding", ["zero", "reflect", "replicate"])
def test_maps_of_a_mirrored_picture_are_mirrored_by_a_symmetric_network(rng, padding):
    """What an off-by-one border on one side would break."""
    image = keras.Input([None, None, 3])
    layer = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="block1_conv1")
    network = keras.Model(image, layer(image))
    kernel = rng.normal(size=[3, 3, 3, 4]) / 255
    layer.set_weights([(kernel + kernel[:, ::-1]) / 2, np.ones(4)])
    picture = random_image(rng, 8, 11)
    [plain] = maps_of(network, ["block1_conv1"], picture, padding=padding).values()
    [mirrored] = maps_of(network, ["block1_conv1"], picture[:, :, ::-1], padding=padding).values()
    np.testing.assert_allclose(mirrored, plain[:, :, ::-1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("of_convolution", "of_pooling"),
    [
        ({"strides": 2}, {}),
        ({"dilation_rate": 2}, {}),
        ({"padding": "valid"}, {}),
        ({"kernel_size": 2}, {}),
        ({"groups": 2}, {}),
        ({}, {"strides": 1}),
        ({}, {"pool_size": 3}),
        ({}, {"padding": "same"}),
        ({}, {}),
    ],
    ids=str,
)
def test_a_network_whose_convolutions_or_poolings_are_not_like_vgg19_is_another(
    rng, of_convolution, of_pooling
):
    image = keras.Input([None, None, 3])
    x = keras.layers.Conv2D(4, 3, padding="same", name="block1_conv1")(image)
    options = {"kernel_size": 3, "padding": "same", **of_convolution}
    x = keras.layers.Conv2D(4, name="block1_conv2", **options)(x)
    options = {"pool_size": 2, "strides": 2, **of_pooling}
    x = keras.layers.MaxPooling2D(name="block1_pool", **options)(x)
    network = keras.Model(image, x)
    is_like = not (of_convolution or of_pooling)
    assert features.is_like_vgg(network, ["block1_pool"]) == is_like
    assert features.is_like_vgg(network, ["block1_conv1"])
    picture = random_image(rng, 9, 11)
    expected = network(features.VGGInput()(picture) if is_like else picture)
    [found] = maps_of(network, ["block1_pool"], picture).values()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    [segment, *_] = cut(features.build_extractor(network, ["block1_pool"]))
    assert (segment.step > 0) == is_like


# Pooling.


def test_average_pooling_is_twice_the_mean_of_four(tiny_network, rng):
    image = random_image(rng, 10, 13)
    maps = maps_of(tiny_network, ["block1_conv2", "block1_pool"], image, pooling="average")
    fine = maps["block1_conv2"].numpy()[:, :, :12]  # The odd last column is dropped.
    expected = 2 * fine.reshape(1, 5, 2, 6, 2, -1).mean(axis=(2, 4))
    np.testing.assert_allclose(maps["block1_pool"], expected, rtol=1e-5, atol=1e-6)


def test_max_pooling_is_the_largest_of_four(tiny_network, rng):
    maps = maps_of(tiny_network, ["block1_conv2", "block1_pool"], random_image(rng, 10, 12))
    expected = maps["block1_conv2"].numpy().reshape(1, 5, 2, 6, 2, -1).max(axis=(2, 4))
    np.testing.assert_array_equal(maps["block1_pool"], expected)


def test_layers_behind_average_pooling_see_it(tiny_network, rng):
    image, layers = random_image(rng, 16, 16), ["block1_pool", "block2_conv1"]
    maps = maps_of(tiny_network, layers, image, pooling="average")
    expected = tiny_network.get_layer("block2_conv1")(maps["block1_pool"])
    np.testing.assert_allclose(maps["block2_conv1"], expected, rtol=1e-5, atol=1e-6)


# Number formats.


def test_bfloat16_maps_are_those_of_float32_to_its_rounding(tiny_network, rng):
    image = random_image(rng, 32, 32)
    full = maps_of(tiny_network, ["image", *LAYERS], image)
    low = maps_of(tiny_network, ["image", *LAYERS], image, precision="bfloat16")
    assert low["image"].dtype == tf.float32  # What is optimized is never rounded.
    for name in LAYERS:
        assert low[name].dtype == tf.bfloat16
        error = tf.norm(tf.cast(low[name], tf.float32) - full[name]) / tf.norm(full[name])
        assert 0 < float(error) < 0.03


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_gradients_reach_the_image_in_float32(tiny_network, rng, precision):
    image = random_image(rng, 16, 16)
    extractor = features.build_extractor(tiny_network, ["block3_conv1"], precision=precision)
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = tf.reduce_sum(tf.cast(extractor(image)["block3_conv1"], tf.float32))
    gradient = tape.gradient(loss, image)
    assert gradient.dtype == tf.float32
    assert float(tf.norm(gradient)) > 0


# Sizes.


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("block1_conv2", 1),
        ("block1_pool", 2),
        ("block3_conv1", 4),
        ("block4_conv4", 8),
        ("block4_pool", 16),
        ("block5_conv1", 16),
        ("block5_pool", 32),
    ],
)
def test_the_smallest_picture_has_one_position_and_a_pixel_less_has_none(
    random_vgg19, layer, expected
):
    extractor = features.build_extractor(random_vgg19, [layer])
    assert extractor(tf.zeros([1, expected, expected, 3]))[layer].shape[1:3] == (1, 1)
    if expected > 1:
        with pytest.raises(ValueError, match="Negative dimension size"):
            tf.function(extractor)(tf.zeros([1, expected - 1, expected - 1, 3]))
    config = StyleTransferConfig(content_layers=layer, content_layer_weights=(), style_weight=0)
    assert pyramid.smallest_size(config) == max(PATCH_SIZE, expected)
