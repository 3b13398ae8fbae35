"""How a network that paints at once is trained."""

from __future__ import annotations

import dataclasses

from stylize_tf.config.fields import Configuration, option, seconds_option
from stylize_tf.errors import ConfigError

SHIPPED = "shipped"
"""What the network that comes with the package is called."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig(Configuration):
    """All options of a training.

    Equal ones, with equal paintings and photographs, give equal networks on the processor of one
    machine, but for those with a time budget: how many steps that is differs.
    """

    width: float = option(
        0.5,
        "Channels of the network: .25 for phones, .5, or 1, four times as slow as .5.",
        limits=(0.125, 2.0),
        section="The network",
    )
    steps: int = option(
        3000,
        "Steps, each of `batch` photographs.",
        limits=(1, 10_000_000),
        section="The training",
    )
    time_budget: float = seconds_option(
        "Seconds that it may take, as 10min or 1h, in place of `steps`; none takes these.",
    )
    batch: int = option(2, "Photographs of a step.", limits=(1, 1024))
    crop: int = option(
        512,
        "Pixels of the sides of what is cut from photographs, at random places and scales: it is "
        "painted at a quarter of them, then at half, and half of it at the last.",
        limits=(64, 1024),
    )
    style_size: int = option(
        512,
        "Long side in pixels to which larger paintings are brought: pixels for pixels the strokes "
        "are theirs.",
        limits=(64, 4096),
    )
    content_factor: float = option(
        3.5,
        "Factor of the content's weight, the same at each level, over that with which pictures of "
        "512 pixels are optimized.",
        limits=(0.0, 1000.0),
    )
    noise: float = option(
        1.0,
        "Grey levels of noise on photographs that are painted, so that a network does not paint "
        "noise.",
        limits=(0.0, 64.0),
    )
    temporal_weight: float = option(
        0.0,
        "Weight of what keeps a painted crop as it is while the camera moves by a little and the "
        "light changes, for clips: the mean square of what changes.",
        limits=(0.0, 1e9),
    )
    learning_rate: float = option(
        0.03,
        "Of the kernels of convolutions, at its height in each of three levels; it ends at 0 along "
        "a cosine. Scales, offsets and biases have a sixth of it.",
        limits=(1e-7, 1.0),
    )
    averaging: float = option(
        0.995,
        "The network is the average of those of the steps; this is the share of the one before.",
        limits=(0.0, 0.99999),
    )
    trained: str = option(
        "all",
        "Which weights: all; or, of a network that `start` gives, those of the styles alone, which "
        "leaves its other styles as they are.",
        choices=("all", "styles"),
    )
    pruned: float = option(
        1.0,
        "Share of the multiply-adds of `start` that are left: what says least of its channels is "
        "left out, and the rest trained on.",
        limits=(0.01, 1.0),
    )
    precision: str = option(
        "auto",
        "Number format of VGG19; the network is float32. auto takes the fastest here of those "
        "whose gradients agree.",
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    seed: int = option(0, "Of the first weights and of the crops.", limits=(0, 2**31 - 1))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop % 32:
            raise ConfigError(f"`crop` must be a multiple of 32; got {self.crop}.")
