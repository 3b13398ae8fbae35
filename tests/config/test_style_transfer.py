"""Rules between the options of a stylization, and what other modules read of their fields."""

import dataclasses

import pytest

from stylize_tf.config.fields import layer_kinds, term_fields
from stylize_tf.config.layers import VGG19_LAYERS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError


def refused(match, **values):
    with pytest.raises(ConfigError, match=match) as error:
        StyleTransferConfig(**values)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", layer_kinds(StyleTransferConfig))
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


def test_something_must_be_wanted():
    message = "`content_weight` and `style_weight` must not all be 0"
    refused(message, content_weight=0, style_weight=0)
    refused(message, content_weight=0, style_layers=(), style_layer_weights=())
    StyleTransferConfig(content_weight=0)
    StyleTransferConfig(style_weight=0)
    refused("`style_blend_weights` must not all be 0", style_blend_weights=(0, 0))
    StyleTransferConfig(style_blend_weights=(0, 1))
    refused("`steps` must have at least one number", steps=())


@pytest.mark.parametrize(("strength", "kind"), [(0, "content"), (2, "style")])
def test_the_ends_of_the_strength_need_the_term_that_is_left(strength, kind):
    for values in ({f"{kind}_weight": 0}, {f"{kind}_layers": (), f"{kind}_layer_weights": ()}):
        message = f"`strength` {strength} is the .* alone: `{kind}_weight` must not be 0 then"
        refused(message, strength=strength, **values)
        StyleTransferConfig(strength=1, **values)


def test_terms_are_summed_in_the_order_of_their_weights():
    weights = {term: field.name for term, field in term_fields(StyleTransferConfig).items()}
    assert list(weights.items()) == [
        ("content", "content_weight"),
        ("focus", "focus_weight"),
        ("structure", "structure_weight"),
        ("colors", "colors_weight"),
        ("style", "style_weight"),
        ("patches", "patch_weight"),
        ("total_variation", "total_variation_weight"),
    ]


def test_options_are_told_in_sections_of_which_each_starts_once():
    fields = dataclasses.fields(StyleTransferConfig)
    sections = [field.metadata["section"] for field in fields if field.metadata["section"]]
    assert fields[0].metadata["section"] == sections[0]
    assert sections == [
        *("The picture", "The style pictures", "Art direction", "The objective", "The stages"),
        *("The optimizer", "The machine"),
    ]
