"""VGG19, or another network, as a multi-output Keras model: image -> {layer name: feature map}.

The only module that knows how VGG wants its input: BGR, 0..255, the mean pixel of ImageNet
subtracted (`keras.applications.vgg19.preprocess_input`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from stylize_tf.config.fields import closest
from stylize_tf.config.layers import IMAGE, VGG19_LAYERS
from stylize_tf.errors import ConfigError
from stylize_tf.network.layers import copied, pinned_config, take_weights, untrained

MEAN_PIXEL_BGR = (103.939, 116.779, 123.68)

MEAN_ACTIVATIONS: Mapping[str, float] = {
    "block1_conv1": 23.9,
    "block1_conv2": 106.1,
    "block1_pool": 141.4,
    "block2_conv1": 128.3,
    "block2_conv2": 124.8,
    "block2_pool": 226.8,
    "block3_conv1": 135.2,
    "block3_conv2": 170.4,
    "block3_conv3": 353.8,
    "block3_conv4": 540.6,
    "block3_pool": 816.3,
    "block4_conv1": 508.7,
    "block4_conv2": 326.4,
    "block4_conv3": 169.7,
    "block4_conv4": 43.4,
    "block4_pool": 97.8,
    "block5_conv1": 43.5,
    "block5_conv2": 17.6,
    "block5_conv3": 7.4,
    "block5_conv4": 1.1,
    "block5_pool": 2.1,
}
"""Mean activation of each layer over photographs and paintings, with VGG19's own max pooling.

Measured by `python -m benchmarks.ours.mean_activations`. Dividing by it puts all layers in one
unit, as Gatys et al. (2016) do by rescaling the weights.
"""


@keras.saving.register_keras_serializable(package="stylize_tf")
class VGGInput(keras.layers.Layer):
    """RGB in [0, 1] -> what VGG's first convolution wants, with its border if it pads none itself.

    Args:
        padding: "zero" leaves the border to the convolution (zeros after the mean is subtracted, as
            VGG was trained); "reflect" and "replicate" add one pixel on each side.
    """

    def __init__(self, padding: str = "zero", **kwargs: object):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, image: tf.Tensor) -> tf.Tensor:
        """`[N, H, W, 3]` -> `[N, H, W, 3]`, or `[N, H + 2, W + 2, 3]` with a border."""
        pixels = tf.reverse(image, axis=[-1]) * 255 - tf.constant(MEAN_PIXEL_BGR, image.dtype)
        if self.padding == "zero":
            return pixels
        # One symmetric pixel repeats the border.
        mode = "SYMMETRIC" if self.padding == "replicate" else "REFLECT"
        return tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], mode=mode)

    def get_config(self) -> dict[str, object]:
        """What Keras needs to build the layer again."""
        return {**super().get_config(), "padding": self.padding}


def vgg19(tensors: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> keras.Model:
    """`keras.applications.VGG19` without its classifier, with the given weights.

    It is float32 and channels last whatever Keras is set to.

    Args:
        tensors: layer name -> (kernel `[h, w, in, out]`, bias `[out]`), as `weights.find` returns.
    """
    model = copied(keras.applications.VGG19(include_top=False, weights=None))
    for name, (kernel, bias) in tensors.items():
        model.get_layer(name).set_weights([kernel, bias])
    return model


def build_extractor(
    network: keras.Model,
    layers: Iterable[str],
    *,
    pooling: str = "max",
    padding: str = "zero",
    precision: str = "float32",
) -> keras.Model:
    """A model that maps an image to the feature maps of some layers, and nothing deeper.

    The layers are those of `network`, with its weights: a convolution's map is taken after its
    ReLU. Simonyan & Zisserman (2014) is the network, Gatys et al. (2016) the use made of it.

    Args:
        network: a chain of convolutions and poolings that are named like those of `vgg19(...)`,
            which is given BGR, mean-centred; or any other of one input with three channels, which
            is given RGB in [0, 1] and has layers for what else it wants. Not changed. What a layer
            of one's own holds within itself keeps its number format.
        layers: names of layers of `network`, or "image" for the image itself.
        pooling: "max", or "average" times 2, which keeps about the magnitude of max pooling (Gatys
            et al. report smoother pictures with averages; the factor is style-transfer-pytorch's).
        padding: "zero", "reflect" or "replicate": border of the first convolution, see `VGGInput`.
            Other networks keep their own poolings and borders.
        precision: "float32", "bfloat16" or "float16": format of the convolutions and of the maps.

    Returns:
        A `keras.Model`: float32 `[N, H, W, 3]` in [0, 1] -> dict of maps `[N, h, w, C]`.

    Raises:
        ConfigError: if a layer is unknown, or gives no map.
    """
    wanted = list(dict.fromkeys(layers))
    check_layers(network, wanted)
    image = keras.Input([None, None, 3], name=IMAGE, dtype="float32")
    maps = {IMAGE: image}
    policy = "float32" if precision == "float32" else f"mixed_{precision}"
    if not is_like_vgg(network, wanted):
        maps |= _of_another(network, wanted, policy)(image)
        return keras.Model(image, {name: maps[name] for name in wanted}, name="features")
    x = VGGInput(padding, name="vgg_input", dtype="float32")(image)
    chain = _layers_of(network)
    for index, layer in enumerate(chain):
        if set(wanted) <= set(maps):
            break
        config = pinned_config(layer, policy)
        if isinstance(layer, keras.layers.Conv2D):
            if index == 0 and padding != "zero":
                config["padding"] = "valid"
            x = _with_weights_of(layer, config)(x)
        elif pooling == "average":
            x = keras.layers.AveragePooling2D.from_config(config)(x)
            x = keras.layers.Rescaling(2.0, name=f"{layer.name}_rescaled", dtype=policy)(x)
        else:
            x = keras.layers.MaxPooling2D.from_config(config)(x)
        maps[layer.name] = x
    return keras.Model(image, {name: maps[name] for name in wanted}, name="features")


def check_layers(network: keras.Model, layers: Iterable[str], name: str = "layers") -> None:
    """Raises a `ConfigError` that calls them `name`, unless a network has all of these layers."""
    known = [IMAGE, *(layer.name for layer in _layers_of(network))]
    for layer in layers:
        if layer not in known:
            raise ConfigError(
                f"`{name}` must be layers of the network; got {layer!r}."
                f"{closest(layer, known) or f' It has {known[1]}, ..., {known[-1]}.'}"
            )


def check_network(network: keras.Model) -> None:
    """Raises a `ConfigError` unless a network has a graph from one image to its layers."""
    try:
        inputs = network.inputs
    except (AttributeError, ValueError):
        inputs = None
    shapes = [tuple(x.shape) for x in inputs or ()]
    if len(shapes) != 1:
        got = f"one of {len(shapes)} inputs" if shapes else "one whose layers are not yet connected"
        raise ConfigError(
            f"`network` must be a functional model of one input, keras.Model(image, maps); got "
            f"{got}: {network!r}."
        )
    if len(shapes[0]) != 4 or shapes[0][-1] not in (3, None):
        raise ConfigError(
            f"`network` must take images [N, H, W, 3], its channels last; got an input of "
            f"{shapes[0]}. Build it with `keras.Input([None, None, 3])`."
        )


def is_like_vgg(network: keras.Model, layers: Iterable[str]) -> bool:
    """Whether a network is a chain like VGG19, down to the deepest of some layers.

    Its layers have names of VGG19's; convolutions keep the size of a map, poolings halve it,
    rounding down: what bands and other poolings are exact for.
    """
    left = {*layers} - {IMAGE}
    for layer in _layers_of(network):
        if not left:
            break
        if layer.name not in VGG19_LAYERS or not (_keeps_size(layer) or _halves(layer)):
            return False
        left.discard(layer.name)
    return True


def _keeps_size(layer: keras.layers.Layer) -> bool:
    return (
        type(layer) is keras.layers.Conv2D
        and set(layer.strides) == set(layer.dilation_rate) == {1}
        and all(side % 2 for side in layer.kernel_size)
        and layer.padding == "same"
        and layer.groups == 1
    )


def _halves(layer: keras.layers.Layer) -> bool:
    return (
        type(layer) in (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
        and set(layer.pool_size) == set(layer.strides) == {2}
        and layer.padding == "valid"
    )


def _layers_of(network: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]


def part_of_another(network: keras.Model, layers: Iterable[str]) -> keras.Model:
    """The part of a network that is not like VGG19 down to some layers: image -> their maps.

    Raises:
        ConfigError: if a layer gives no map, holds others whose formats could not be pinned, or has
            its channels first.
    """
    found = [network.get_layer(name) for name in layers if name != IMAGE]
    _check_layers_of_another(found)
    maps = {layer.name: layer.output for layer in found}
    for name, x in maps.items():
        if len(x.shape) != 4:
            raise ConfigError(
                f"`layers` must give maps [N, H, W, C]; {name!r} of the network gives {x.shape}."
            )
    [image] = network.inputs
    part = keras.Model(image, maps)
    _check_layers_of_another(part.layers)
    return part


def _check_layers_of_another(layers: Iterable[keras.layers.Layer]) -> None:
    for layer in layers:
        if isinstance(layer, (keras.Model, keras.layers.Wrapper)):
            raise ConfigError(
                f"`network` must have all of its layers in one graph; {layer.name!r} holds others. "
                f"Connect these to the image, as `input_tensor` of `keras.applications` does."
            )
        if getattr(layer, "data_format", None) == "channels_first":
            raise ConfigError(
                f"`network` must have its channels last; {layer.name!r} has them first. Build it "
                f'after `keras.config.set_image_data_format("channels_last")`; weights of '
                f"convolutions are the same in both."
            )


def _of_another(network: keras.Model, wanted: Iterable[str], policy: str) -> keras.Model:
    """A model of its own within the extractor, by which others see that it is no chain of VGG's."""
    part = part_of_another(network, wanted)
    copy = copied(part, policy)
    take_weights(copy, part)
    return copy


def mean_activations(network: keras.Model, layers: Iterable[str]) -> dict[str, float]:
    """The mean magnitude of each map, of made-up pictures: the units of a network without others.

    They are blocks of all sizes in random colors, as much of each octave: the spectrum of pictures,
    with edges. The same on every machine, to rounding.
    """
    generator, side = np.random.default_rng(0), 256
    pictures = np.full([2, side, side, 3], 0.5)
    for octave in range(9):
        blocks = generator.uniform(-0.15, 0.15, [2, 2**octave, 2**octave, 3])
        pictures += blocks.repeat(side >> octave, axis=1).repeat(side >> octave, axis=2)
    maps = build_extractor(network, layers)(tf.constant(pictures.clip(0, 1), tf.float32))
    means = {name: float(tf.reduce_mean(tf.abs(x))) for name, x in maps.items() if name != IMAGE}
    return {name: mean or 1.0 for name, mean in means.items()}


def _with_weights_of(layer: keras.layers.Layer, config: dict[str, object]) -> keras.layers.Layer:
    copy = keras.layers.Conv2D.from_config(config)
    with untrained():
        copy.build([None, None, None, layer.kernel.shape[2]])
    take_weights(copy, layer)
    return copy
