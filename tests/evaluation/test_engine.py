"""What is compiled is shared by all configurations that it serves, and kept within bounds."""

import dataclasses
import threading

import keras
import pytest

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError
from stylize_tf.evaluation.engine import Engine
from stylize_tf.evaluation.forecast import Sample
from tests.fakes.tiny_network import forked_network

BASES = {
    "bures": StyleTransferConfig(precision="float32", colors_weight=1.0),
    "gram": StyleTransferConfig(precision="float32", colors_weight=1.0, style_loss="gram"),
}
# What the compiled functions depend on; weights, sizes, optimizers and all else is data to them.
OF_ALL = {
    *("content_layers", "content_layer_weights", "content_form", "style_layers", "style_loss"),
    *("style_layer_weights", "total_variation", "normalize_features", "pooling", "padding"),
    "precision",
}
COMPILED = {"bures": OF_ALL | {"style_epsilon"}, "gram": OF_ALL | {"gram_form"}}


def another(field, value):
    """A value that is allowed and wants the same terms."""
    choices = [x for x in field.metadata["choices"] or () if x != "auto"]
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        others = tuple(x for x in choices if x not in value) or (2.0, 3.0, 5.0, 7.0, 11.0)
        return others[: len(value) or 1] if field.name != "steps" else (3,)
    if choices:
        return next(x for x in choices if x != value)
    if isinstance(value, int):
        return value + 1
    limits = field.metadata
    return max(limits["minimum"], value / 2) if value else min(limits["maximum"], 1.0)


@pytest.fixture(scope="module")
def own_engine(tiny_network):
    return Engine(tiny_network, {"block1_conv1": 2.0}, kept=100)


@pytest.mark.parametrize("base", BASES)
def test_configurations_share_an_evaluator_unless_they_differ_in_what_is_compiled(own_engine, base):
    config = BASES[base]
    evaluator = own_engine.evaluator(config)
    assert own_engine.evaluator(config) is evaluator
    found = set()
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        changed = config.replace(**{field.name: another(field, value)})
        assert changed != config, field.name
        if own_engine.evaluator(changed) is not evaluator:
            found.add(field.name)
        assert own_engine.evaluator(config) is evaluator
    assert found == COMPILED[base]


def test_terms_that_are_left_out_are_not_compiled(own_engine):
    config = BASES["bures"]
    left = [{f"{name}_weight": 0.0} for name in ("content", "style", "patch", "total_variation")]
    left += [{"strength": 0.0}, {"strength": 2.0}]
    evaluators = [own_engine.evaluator(config.replace(**changes)) for changes in ({}, *left)]
    # All of the style is what there is without content.
    assert evaluators[-1] is evaluators[1]
    assert len(set(evaluators)) == len(left)
    assert own_engine.objective(config.replace(content_weight=7.0)).weights["content"] == 7


def test_the_number_format_may_be_another_than_that_of_the_configuration(own_engine):
    config = BASES["bures"]
    low = own_engine.evaluator(config, "bfloat16")
    assert (low.name, own_engine.evaluator(config).name) == ("bfloat16", "float32")
    assert own_engine.evaluator(config.replace(precision="bfloat16")) is low


def test_the_oldest_is_forgotten(tiny_network):
    engine = Engine(tiny_network, kept=2)
    first, second, third = (BASES["bures"].replace(style_epsilon=x) for x in (0.1, 0.2, 0.3))
    kept, gone = engine.evaluator(first), engine.evaluator(second)
    assert engine.evaluator(first) is kept
    engine.evaluator(third)
    assert engine.evaluator(first) is kept
    assert engine.evaluator(second) is not gone


def test_the_digest_is_that_of_weights_and_layers(tiny_network, own_engine):
    assert Engine(tiny_network).digest == own_engine.digest
    other = keras.models.clone_model(tiny_network)
    assert Engine(other).digest != own_engine.digest
    other.set_weights(tiny_network.get_weights())
    assert Engine(other).digest == own_engine.digest
    # Of equal weights; Keras numbers layers that have no names of their own.
    first, again, darker = (Engine(forked_network(scale)) for scale in (2.0, 2.0, 1.0))
    assert first.digest == again.digest != darker.digest
    assert first.positions(["image", "joined"]) == {"joined": 5}


class Untold(keras.layers.Layer):
    """A layer that Keras cannot tell the configuration of."""

    def call(self, x):
        return 2 * x

    def get_config(self):
        raise NotImplementedError


def test_a_network_that_cannot_tell_its_layers_has_a_digest_too():
    image = keras.Input([None, None, 3])
    plain = Engine(keras.Model(image, keras.layers.ReLU()(image))).digest
    assert Engine(keras.Model(image, Untold()(image))).digest != plain


def test_samples_that_two_threads_note_at_once_are_both_kept(tiny_network):
    engine = Engine(tiny_network)
    ours, theirs = (Sample("step", 1, 1.0, seconds) for seconds in (1.0, 2.0))
    other = threading.Thread(target=engine.note, args=("kind", [theirs]))

    def slowly():
        other.start()
        other.join(0.2)
        yield ours

    engine.note("kind", slowly())
    other.join()
    assert engine.samples["kind"] == [ours, theirs]


def test_layers_of_what_has_no_weight_may_be_none_of_the_network(own_engine):
    config = BASES["gram"].replace(content_layers=("elsewhere",))
    with pytest.raises(ConfigError, match="`content_layers` must be layers of the network"):
        own_engine.check(config)
    # And the network is no less like VGG19 for them.
    own_engine.check(config.replace(content_weight=0.0, pooling="average"))
