"""What is compiled, kept by what it compiles."""

import pytest

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.evaluation.engine import Engine

CONFIG = StyleTransferConfig(precision="float32")
DATA = [
    {"size": 64, "steps": (3,), "coarsest_size": 0, "seed": 7},
    {"content_weight": 3.0, "style_weight": 0.5, "total_variation_weight": 1.0, "strength": 0.3},
    {"content_growth": 0.0, "total_variation_growth": 0.0, "normalize_terms": False},
    {"optimizer": "adam", "learning_rate": 0.1, "average_decay": 0.9, "settled_size": 0},
    {"style_scale": 0.5, "style_blend_weights": (1.0, 2.0), "color": "match", "mask_feather": 0.1},
    {"memory": 3.0, "time_budget": 9.0, "gram_form": "sum"},  # The form of another loss.
]
COMPILED = [
    {"style_loss": "w2"},
    {"style_loss": "gram"},
    {"style_epsilon": 0.1},
    {"content_form": "half_sum"},
    {"total_variation": "l1"},
    {"content_layers": ("block3_conv1",)},
    {"style_layer_weights": ()},
    {"normalize_features": False},
    {"pooling": "average"},
    {"padding": "zero"},
    {"precision": "bfloat16"},
    {"patch_weight": 0.0},
    {"strength": 0.0},
    {"strength": 2.0},
]


@pytest.mark.parametrize("changes", DATA, ids=str)
def test_what_is_data_to_compiled_functions_needs_no_others(tiny_engine, changes):
    expected = tiny_engine.evaluator(CONFIG)
    assert tiny_engine.evaluator(CONFIG.replace(**changes)) is expected


def test_what_compiled_functions_depend_on_makes_others(tiny_network):
    engine = Engine(tiny_network, {"block1_conv1": 2.0}, kept=100)
    made = {id(engine.evaluator(CONFIG.replace(**changes))) for changes in ({}, *COMPILED)}
    assert len(made) == 1 + len(COMPILED)
    # The configuration's own weights count all the same.
    weights = engine.objective(CONFIG.replace(content_weight=7.0)).weights
    assert weights["content"] == 7
    assert weights["style"] == CONFIG.style_weight


def test_the_oldest_is_forgotten(tiny_network):
    engine = Engine(tiny_network, kept=2)
    configs = [CONFIG.replace(style_epsilon=x) for x in (0.1, 0.2, 0.3)]
    first, second = (engine.evaluator(x) for x in configs[:2])
    assert engine.evaluator(configs[0]) is first
    engine.evaluator(configs[2])
    assert engine.evaluator(configs[0]) is first
    assert engine.evaluator(configs[1]) is not second
