"""Names of the maps that can be asked for of the network."""

from __future__ import annotations

VGG19_LAYERS: tuple[str, ...] = tuple(
    f"block{block}_{name}"
    for block, convolutions in enumerate((2, 2, 4, 4, 4), start=1)
    for name in (*(f"conv{index}" for index in range(1, convolutions + 1)), "pool")
)
"""The layers, shallow to deep, as Keras names them."""

CLASSIC_STYLE_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
"""relu1_1 to relu5_1, the style layers of Gatys et al. (2016)."""

IMAGE = "image"
"""The image itself, RGB in [0, 1], as a map beside those of the layers."""

PATCH_SIZE = 3
"""Height and width in pixels of the patches of the image whose statistics are a term."""
