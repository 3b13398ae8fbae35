"""The fine strokes of one painting with the coarse forms of another.

Gatys et al. (2017), "Controlling Perceptual Factors in Neural Style Transfer", Section 6: layers of
one network are not independent of each other, so taking the shallow ones from one painting and the
deep ones from another mixes them badly. A painting is made first that has both, and gives the style
then: the coarse one, painted in the manner of the fine one as far as the shallow layers see it,
with no content term. It is done in lightness alone, and the coarse painting keeps its colors;
matching the colors of the fine one to them instead left stray ones in flat places.
"""

from __future__ import annotations

from stylize_tf.config.style_transfer import StyleTransferConfig

LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1")
"""What sees strokes: two layers gave hatching, three strokes of the fine painting's length."""

STEPS = 40
"""Evaluations, at the size that the painting has for the finished picture."""


def configuration(config: StyleTransferConfig) -> StyleTransferConfig:
    """How a painting is given fine strokes, on the machine of another configuration.

    Args:
        config: of the picture; what decides how the network sees it, its memory and the space that
            tells lightness from color are taken over.
    """
    default = StyleTransferConfig()
    weights = dict(zip(default.style_layers, default.style_layer_weights, strict=True))
    return StyleTransferConfig(
        size=0,
        style_enlargement=config.style_enlargement,
        color="luminance",
        color_space=config.color_space,
        content_layers=(),
        structure_weight=0.0,
        coarse_style_weight=0.0,
        style_layers=LAYERS,
        style_layer_weights=tuple(weights[layer] for layer in LAYERS),
        coarsest_size=0,
        steps=(STEPS,),
        pooling=config.pooling,
        padding=config.padding,
        precision=config.precision,
        memory=config.memory,
    )
