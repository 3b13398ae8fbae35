import dataclasses
import json
import math
import re

import pytest

from stylize_tf.config.style_transfer import (
    CLASSIC_STYLE_LAYERS,
    VGG19_LAYERS,
    StyleTransferConfig,
    closest,
    type_of,
)
from stylize_tf.errors import ConfigError

FIELDS = dataclasses.fields(StyleTransferConfig)


def fields(kind=None, tuples=None):
    """The fields whose items are of a type; of tuples or not, if that is said."""
    return [
        field
        for field in FIELDS
        if kind in (None, type_of(field)) and tuples in (None, is_tuple(field))
    ]


def is_tuple(field):
    return str(field.type).startswith("tuple")


def each(chosen):
    return pytest.mark.parametrize("field", chosen, ids=lambda field: field.name)


def bounded(side):
    return [field for field in FIELDS if field.metadata[side] is not None]


def as_value(field, item):
    """A value of the field that holds this item."""
    return (item,) if is_tuple(field) else item


def refused(match, **values):
    with pytest.raises(ConfigError, match=match) as error:
        StyleTransferConfig(**values)
    assert "\n" not in str(error.value)
    return str(error.value)


# One field.


@each(FIELDS)
def test_a_field_has_a_help_text_of_a_sentence_and_a_default_that_is_allowed(field):
    text = field.metadata["help"]
    assert text[0].isupper()
    assert text.endswith(".")
    assert getattr(StyleTransferConfig(**{field.name: field.default}), field.name) == field.default


@each([f for f in FIELDS if type_of(f) in (int, float)])
def test_a_number_has_a_lowest_value(field):
    assert field.metadata["minimum"] is not None
    assert field.metadata["choices"] is None
    if not is_tuple(field):
        assert field.metadata["minimum"] < field.metadata["maximum"]


@each(fields(str))
def test_a_text_has_choices_without_repetition(field):
    choices = field.metadata["choices"]
    assert len(set(choices)) == len(choices) > 1


@each(bounded("minimum"))
def test_a_value_below_its_range_is_refused_with_the_range(field):
    low = field.metadata["minimum"]
    below = low - 1 if type_of(field) is int else low - max(abs(low), 1) * 1e-3
    message = refused(rf"`{field.name}` must be a .*number", **{field.name: as_value(field, below)})
    assert re.search(rf"(between|at least) {low:.12g}", message)
    assert f"got {below!r}" in message


@each(bounded("maximum"))
def test_a_value_above_its_range_is_refused_with_the_range(field):
    high = field.metadata["maximum"]
    above = high + 1 if type_of(field) is int else math.nextafter(high, math.inf)
    message = refused(rf"`{field.name}` must be a .*number", **{field.name: as_value(field, above)})
    assert f"and {high:.12g}; got {above!r}" in message


@each([f for f in FIELDS if type_of(f) in (int, float)])
def test_the_ends_of_a_range_belong_to_it(field):
    for end in (field.metadata["minimum"], field.metadata["maximum"]):
        if end is not None:
            # Beside a 1, since weights must not all be 0.
            value = (end, 1) if is_tuple(field) else end
            layers = {}
            if field.name.endswith("_layer_weights"):
                layers = {field.name.removesuffix("_weights") + "s": VGG19_LAYERS[:2]}
            assert (
                getattr(StyleTransferConfig(**{field.name: value}, **layers), field.name) == value
            )


@each([f for f in FIELDS if type_of(f) in (int, float)])
@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, True, "many", None, 1j, [1]], ids=str
)
def test_what_is_not_a_finite_number_is_refused(field, value):
    word = "a whole number" if type_of(field) is int else "a number"
    refused(
        f"`{field.name}` must be {word}", **{field.name: (value,) if is_tuple(field) else value}
    )


@each(fields(int))
def test_a_fraction_is_not_a_whole_number_but_a_whole_float_is(field):
    low = int(field.metadata["minimum"])
    refused(f"`{field.name}` must be a whole", **{field.name: as_value(field, low + 2.5)})
    value = getattr(StyleTransferConfig(**{field.name: as_value(field, low + 2.0)}), field.name)
    for item in value if is_tuple(field) else (value,):
        assert (item, type(item)) == (low + 2, int)


@each(fields(float, tuples=False))
def test_a_whole_number_is_taken_where_a_fraction_is_allowed(field):
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    if math.ceil(low) > high:
        pytest.fail("No whole number lies in the range.")
    value = getattr(StyleTransferConfig(**{field.name: math.ceil(low)}), field.name)
    assert type(value) is float


@each(fields(bool))
@pytest.mark.parametrize("value", [1, 0, "true", "no", None], ids=repr)
def test_only_true_and_false_are_truth_values(field, value):
    refused(f"`{field.name}` must be true or false; got", **{field.name: value})


@each(fields(str))
@pytest.mark.parametrize("value", ["", "nonsense", 3, None, True], ids=repr)
def test_unknown_choices_are_refused_with_all_of_them(field, value):
    message = refused(f"`{field.name}` must be one of", **{field.name: as_value(field, value)})
    assert f"got {value!r}" in message
    for choice in field.metadata["choices"]:
        assert choice in message


@each(fields(str, tuples=False))
def test_every_choice_is_taken(field):
    for choice in field.metadata["choices"]:
        assert getattr(StyleTransferConfig(**{field.name: choice}), field.name) == choice


def test_the_closest_choice_and_the_closest_field_are_suggested():
    refused(r"got 'lbgfs'\. Did you mean `lbfgs`\?", optimizer="lbgfs")
    refused(r"Did you mean `block4_conv2`\?", content_layers=("block4_conv_2",))
    for call in (StyleTransferConfig().replace, lambda **x: StyleTransferConfig.from_dict(x)):
        with pytest.raises(ConfigError, match=r"no option `stepz`\. Did you mean `steps`\?"):
            call(stepz=3)
    assert closest("xyz", ("abc", "def")) == ""


@each(fields(tuples=True))
def test_lists_are_taken_as_tuples_and_a_single_value_as_a_list_of_one(field):
    item = field.metadata["choices"][0] if field.metadata["choices"] else 1
    name = field.name
    weights = {"content_layers": "content_layer_weights", "style_layers": "style_layer_weights"}
    for value in (item, [item], (item,), iter([item])):
        values = {name: value}
        if name in weights:
            values[weights[name]] = ()
        elif name in weights.values():
            values[name.removesuffix("_weights") + "s"] = ("block1_conv1",)
        assert getattr(StyleTransferConfig(**values), name) == (item,)


# Several fields.


@pytest.mark.parametrize("kind", ["content", "style"])
def test_layers_and_their_weights_go_together(kind):
    layers, weights = f"{kind}_layers", f"{kind}_layer_weights"
    three = VGG19_LAYERS[:3]
    StyleTransferConfig(**{layers: three, weights: (1, 0, 2)})
    StyleTransferConfig(**{layers: three, weights: ()})
    refused(
        f"`{weights}` must have one weight for each of the 3 `{layers}`; got 2",
        **{layers: three, weights: (1, 2)},
    )
    refused(f"`{weights}` must not all be 0", **{layers: three, weights: (0, 0, 0)})
    refused(f"`{layers}` must differ", **{layers: (three[0], three[0]), weights: ()})


def test_blend_weights_must_not_all_be_zero():
    StyleTransferConfig(style_blend_weights=(0, 1))
    refused("`style_blend_weights` must not all be 0", style_blend_weights=(0, 0))


def test_something_must_be_wanted():
    refused(
        "`content_weight` and `style_weight` must not both be 0", content_weight=0, style_weight=0
    )
    refused("must not both be 0", content_weight=0, style_layers=(), style_layer_weights=())
    StyleTransferConfig(content_weight=0)
    StyleTransferConfig(style_weight=0)


def test_there_is_at_least_one_number_of_steps():
    refused("`steps` must have at least one number", steps=())


# The whole.


def test_a_configuration_cannot_be_changed_and_can_be_a_key():
    config = StyleTransferConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.size = 3
    assert {config: 1}[StyleTransferConfig()] == 1


def test_replace_checks_again_and_leaves_the_original():
    config = StyleTransferConfig(seed=3)
    assert config.replace(seed=4) == StyleTransferConfig(seed=4)
    assert config.seed == 3
    with pytest.raises(ConfigError, match="`seed`"):
        config.replace(seed=-1)
    with pytest.raises(ConfigError, match="`style_layer_weights` must have one weight"):
        config.replace(style_layers=("block1_conv1",), style_layer_weights=(1, 2))


def test_a_configuration_survives_a_round_trip_through_json():
    config = StyleTransferConfig(size=99, style_scale=1 / 3, content_layers="block1_pool", steps=7)
    text = json.dumps(config.to_dict(), allow_nan=False)
    assert StyleTransferConfig.from_dict(json.loads(text)) == config
    assert list(json.loads(text)) == [field.name for field in FIELDS]


def test_fields_missing_from_a_dictionary_keep_their_default():
    assert StyleTransferConfig.from_dict({}) == StyleTransferConfig()
    assert StyleTransferConfig.from_dict({"size": 99}) == StyleTransferConfig(size=99)


def test_a_dictionary_is_checked_like_arguments():
    with pytest.raises(ConfigError, match="`size`"):
        StyleTransferConfig.from_dict({"size": "wide"})


def test_positions_are_not_arguments():
    with pytest.raises(TypeError):
        StyleTransferConfig(512)


def test_layers_are_those_of_five_blocks_from_shallow_to_deep():
    assert len(VGG19_LAYERS) == 16 + 5
    assert [x for x in VGG19_LAYERS if x.endswith("pool")] == [
        f"block{i}_pool" for i in range(1, 6)
    ]
    assert list(VGG19_LAYERS) == sorted(VGG19_LAYERS)
    assert set(CLASSIC_STYLE_LAYERS) <= set(VGG19_LAYERS)


# Numbers with units.


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("memory", "6GB", 6.0),
        ("memory", "1.5 gb", 1.5),
        ("memory", "800MB", 0.8),
        ("memory", "2", 2.0),
        ("memory", "auto", 0.0),
        ("memory", 3, 3.0),
        ("time_budget", "60s", 60.0),
        ("time_budget", "5min", 300.0),
        ("time_budget", "2m", 120.0),
        ("time_budget", "1.5h", 5400.0),
        ("time_budget", "45", 45.0),
        ("time_budget", "None", 0.0),
    ],
)
def test_numbers_may_have_their_units(field, text, expected):
    assert getattr(StyleTransferConfig(**{field: text}), field) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["GB", "six GB", "6 apples", "", "nan", "infGB", "1e9GB"])
def test_what_is_no_number_with_a_unit_is_refused(text):
    with pytest.raises(ConfigError, match="`memory` must be a number"):
        StyleTransferConfig(memory=text)
