"""Every field of a configuration keeps the laws that its metadata tells."""

import dataclasses
import json
import math
import re

import pytest

from stylize_tf.config.fields import checked, closest, is_tuple, type_of
from stylize_tf.config.layers import VGG19_LAYERS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError

FIELDS = dataclasses.fields(StyleTransferConfig)


NUMBERS = [field for field in FIELDS if type_of(field) in (int, float)]


def each(chosen):
    return pytest.mark.parametrize("field", chosen, ids=lambda field: field.name)


def of_type(*kinds, tuples=(False, True)):
    """Runs a test for the fields whose items are of a type; of tuples or not, if that is said."""
    return each([x for x in FIELDS if type_of(x) in kinds and is_tuple(x) in tuples])


def as_value(field, item):
    """A value of the field that holds this item."""
    return (item,) if is_tuple(field) else item


def taken(field, value, **others):
    """What the configuration makes of the value."""
    return getattr(StyleTransferConfig(**{field.name: value}, **others), field.name)


def refused(field, match, value):
    with pytest.raises(ConfigError, match=f"`{field.name}` must be {match}") as error:
        StyleTransferConfig(**{field.name: value})
    assert "\n" not in str(error.value)
    return str(error.value)


@each(FIELDS)
def test_a_field_has_a_help_text_of_a_sentence_and_a_default_that_is_allowed(field):
    text = field.metadata["help"]
    assert text[0].isupper()
    assert text.endswith(".")
    assert taken(field, field.default) == field.default


@each(NUMBERS)
def test_a_number_has_a_range_whose_ends_belong_to_it_and_nothing_beyond(field):
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    assert field.metadata["choices"] is None
    assert low < high
    whole, layers = type_of(field) is int, {}
    if field.name.endswith("_layer_weights"):
        layers = {field.name.removesuffix("_weights") + "s": VGG19_LAYERS[:2]}
    for end in (low, high):
        # Beside a 1, since weights must not all be 0.
        value = (end, 1) if is_tuple(field) else end
        assert taken(field, value, **layers) == value
    below = low - 1 if whole else low - max(abs(low), 1) * 1e-3
    message = refused(field, "a .*number", as_value(field, below))
    assert f"between {low:.12g} and {high:.12g}; got {below!r}" in message
    above = high + 1 if whole else math.nextafter(high, math.inf)
    message = refused(field, "a .*number", as_value(field, above))
    assert f"and {high:.12g}; got {above!r}" in message


@each(NUMBERS)
@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, True, "many", None, 1j, [1]], ids=str
)
def test_what_is_not_a_finite_number_is_refused(field, value):
    word = "a whole number" if type_of(field) is int else "a number"
    refused(field, word, (value,) if is_tuple(field) else value)


@of_type(int)
def test_a_fraction_is_not_a_whole_number_but_a_whole_float_is(field):
    low = int(field.metadata["minimum"])
    refused(field, "a whole", as_value(field, low + 2.5))
    value = taken(field, as_value(field, low + 2.0))
    for item in value if is_tuple(field) else (value,):
        assert (item, type(item)) == (low + 2, int)


@of_type(float, tuples=(False,))
def test_a_whole_number_is_taken_where_a_fraction_is_allowed(field):
    whole = math.ceil(field.metadata["minimum"])
    assert whole <= field.metadata["maximum"], "No whole number lies in the range."
    assert type(taken(field, whole)) is float


@of_type(bool)
@pytest.mark.parametrize("value", [1, 0, "true", "no", None], ids=repr)
def test_only_true_and_false_are_truth_values(field, value):
    refused(field, "true or false; got", value)


@of_type(str)
@pytest.mark.parametrize("value", ["", "nonsense", 3, None, True], ids=repr)
def test_a_text_has_distinct_choices_and_others_are_refused_with_all_of_them(field, value):
    choices = field.metadata["choices"]
    assert len(set(choices)) == len(choices) > 1
    if field.metadata["is_open"]:  # To networks of others; not for the command line.
        with pytest.raises(ConfigError, match="must be one of") as caught:
            checked(field, as_value(field, value))
        message = str(caught.value)
    else:
        message = refused(field, "one of", as_value(field, value))
    assert f"got {value!r}" in message
    for choice in choices:
        assert choice in message
        assert is_tuple(field) or taken(field, choice) == choice


def test_the_closest_choice_and_the_closest_field_are_suggested():
    for values, hint in (
        ({"optimizer": "lbgfs"}, "got 'lbgfs'. Did you mean lbfgs?"),
        ({"content_layers": ("block4_conv_2",)}, "Did you mean block4_conv2?"),
    ):
        with pytest.raises(ConfigError, match=re.escape(hint)):
            StyleTransferConfig(**values).check_choices()
    for call in (StyleTransferConfig().replace, lambda **x: StyleTransferConfig.from_dict(x)):
        with pytest.raises(ConfigError, match=r"no option `stepz`\. Did you mean `steps`\?"):
            call(stepz=3)
    assert closest("xyz", ("abc", "def")) == ""


@each([field for field in FIELDS if is_tuple(field)])
def test_lists_are_taken_as_tuples_and_a_single_value_as_a_list_of_one(field):
    item = field.metadata["choices"][0] if field.metadata["choices"] else 1
    others = {}
    if field.name.endswith("_layers"):
        others = {field.name.removesuffix("s") + "_weights": ()}
    elif field.name.endswith("_layer_weights"):
        others = {field.name.removesuffix("_weights") + "s": ("block1_conv1",)}
    for value in (item, [item], (item,), iter([item])):
        assert taken(field, value, **others) == (item,)


def test_a_configuration_takes_names_cannot_be_changed_and_can_be_a_key():
    config = StyleTransferConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.size = 3
    with pytest.raises(TypeError):
        StyleTransferConfig(512)
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


def test_a_dictionary_is_checked_like_arguments_and_may_miss_fields():
    assert StyleTransferConfig.from_dict({}) == StyleTransferConfig()
    assert StyleTransferConfig.from_dict({"size": 99}) == StyleTransferConfig(size=99)
    with pytest.raises(ConfigError, match="`size`"):
        StyleTransferConfig.from_dict({"size": "wide"})


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
