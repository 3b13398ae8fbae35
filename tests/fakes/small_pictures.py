"""Small pictures, and a configuration that says nothing that a test is not about."""

import numpy as np

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.evaluation.memory_plan import Way
from stylize_tf.evaluation.segments import Tiles
from stylize_tf.images import image_io
from stylize_tf.iterative.stylizer import Stylizer

# Two shallow layers, one stage, few steps.
PLAIN = StyleTransferConfig(
    size=24,
    content_layers=("block2_conv1",),
    style_layers=("block1_conv1", "block2_conv1"),
    style_layer_weights=(),
    content_weight=1.0,
    focus_weight=0.0,
    structure_weight=0.0,
    coarse_style_weight=0.0,
    style_weight=10.0,
    style_loss="gram",
    coarsest_size=0,
    steps=(4,),
    init="content",
    style_fit="own",
    style_scale=1.0,
    precision="float32",
)
STAGED = {"coarsest_size": 12, "stage_factor": 1.5, "steps": (3, 2)}


def smooth(rng, height, width):
    """A picture `[H, W, 3]` of 8-bit values, as floats in [0, 1]."""
    coarse = rng.uniform(size=[1, 6, 6, 3]).astype(np.float32)
    picture = image_io.resize(coarse, height, width)[0] * 0.8 + 0.1
    return np.round(picture * 255).astype(np.float32) / np.float32(255)


def made(engine, content, style, **changes):
    image = Stylizer(PLAIN.replace(**changes), engine=engine)(content, style)
    return image.reshape(1, *image.shape[-3:])


def resized(picture, height, width):
    return image_io.resize(picture[np.newaxis], height, width)[0]


class Counter:
    """Counts the calls of a function of a module or class that it stands in for."""

    def __init__(self, monkeypatch, owner, name):
        self.count, self.arguments = 0, []
        original = getattr(owner, name)

        def counted(*args, **kwargs):
            self.count += 1
            self.arguments.append(args)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)


def left_half(height, width, white=1.0):
    mask = np.zeros([height, width], np.float32)
    mask[:, : width // 2] = white
    return mask


def eight_bit(picture):
    return np.round(picture * 255).astype(np.uint8)


def enough(gigabytes):
    """In place of `memory_plan.plan`: in the smallest tiles, unless there is plenty."""

    def plan(bytes_allowed, demands):
        tiles = Tiles() if bytes_allowed > gigabytes * 1e9 else Tiles(3, 1)
        return [Way(tiles, demand.pairs, 0.0) for demand in demands]

    return plan


def of_styles(seen):
    """How often statistics of styles were asked for."""
    return sum(source == "style" for _, source, *_ in seen.arguments)
