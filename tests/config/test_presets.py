"""The published recipes: what their publications say, not what our defaults are."""

import json
import math

import pytest

from stylize_tf.config.layers import CLASSIC_STYLE_LAYERS
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_a_round_trip_through_json(name):
    config = PRESETS[name]
    text = json.dumps(config.to_dict(), allow_nan=False)
    assert StyleTransferConfig.from_dict(json.loads(text)) == config


def test_the_default_preset_is_the_default():
    assert PRESETS["default"] == StyleTransferConfig()


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"default"}))
def test_published_recipes_have_two_terms_and_one_stage(name):
    config = PRESETS[name]
    assert config.style_loss == "gram"
    assert config.content_layers == ("block4_conv2",)
    assert set(CLASSIC_STYLE_LAYERS) <= set(config.style_layers)
    assert (config.total_variation_weight, config.patch_weight) == (0, 0)
    assert (config.coarsest_size, len(config.steps)) == (0, 1)
    assert (config.pooling, config.padding) == ("max", "zero")
    assert (config.average_decay, config.warmup_steps, config.clip_norm) == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "pytorch-adam",
            {
                "size": 400,
                "size_of": "short",
                "style_fit": "resize",
                "init": "content",
                "style_layers": (*CLASSIC_STYLE_LAYERS, "block4_conv2"),
                "style_layer_weights": (1,) * 6,
                "gram_form": "sum",
                "content_form": "mean",
                "content_weight": 1,
                "style_weight": 1e6,
                "optimizer": "adam",
                "steps": (3000,),
            },
        ),
        (
            "keras-adam",
            {
                "size": 0,
                "init": "content",
                "style_layer_weights": (),
                "gram_form": "mean",
                "content_form": "mean",
                "content_weight": 1e3,
                "style_weight": 1e-2,
                "normalize_features": False,
                "optimizer": "adam",
                "learning_rate": 5 / 255,
                "beta_1": 0.99,
                "adam_epsilon": 0.1 * 255,
                "steps": (1000,),
            },
        ),
        (
            "quick-adam",
            {
                "size": 256,
                "crop": "square",
                "init": "content",
                "style_layer_weights": (),
                "gram_form": "channel_mean",
                "content_form": "mean",
                "content_weight": 1e3,
                "style_weight": 1e6,
                "optimizer": "adam",
                "steps": (300,),
            },
        ),
        (
            "paper",
            {
                "size": 512,
                "size_of": "long",
                "init": "white_noise",
                "style_layer_weights": (),
                "gram_form": "gatys",
                "content_form": "half_sum",
                "normalize_features": False,
                "optimizer": "lbfgs",
                "steps": (500,),
            },
        ),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_published_recipe_is_as_published(name, expected):
    actual = PRESETS[name].to_dict()
    for field, value in expected.items():
        assert actual[field] == (list(value) if isinstance(value, tuple) else value), field


def test_the_weights_of_the_paper_have_one_of_its_ratios():
    config = PRESETS["paper"]
    ratio = config.content_weight / config.style_weight
    assert min(abs(math.log10(ratio) - exponent) for exponent in (-3, -4)) < 1e-9
