"""How a clip is painted, beside how each of its frames is."""

from __future__ import annotations

import dataclasses

from stylize_tf.config.fields import Configuration, option
from stylize_tf.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoConfig(Configuration):
    """All options of a clip that decide its pixels."""

    temporal_weight: float = option(
        1.0,
        "Weight of what keeps a frame like those before it where the same things are seen; 0 "
        "leaves that to where it starts.",
        limits=(0.0, 1e9),
        section="Frames that follow each other",
    )
    frame_steps: tuple[int, ...] = option(
        (12, 6),
        "Steps (evaluations) of a frame after the first, the last of them at its full size and "
        "those before at half, a quarter, ...; the first, and each after a cut, has those of a "
        "picture.",
        limits=(1, 1_000_000),
    )
    lags: tuple[int, ...] = option(
        (1, 10, 20),
        "How many frames before a frame are asked what they know of it, the closest that does: "
        "what was hidden for a while then comes back as it was.",
        limits=(1, 1000),
    )
    blend: float = option(
        0.8,
        "With a network, the share of a frame's forms that comes from those before it where the "
        "same things are seen; strokes come from them nearly all.",
        limits=(0.0, 1.0),
    )
    passes: int = option(
        1,
        "1, or 2: then all frames are gone through once more from the last to the first, so that "
        "they know what comes, too. Optimizer only.",
        limits=(1, 2),
    )
    flow: str = option(
        "dis",
        "How motion is found: dis (dense inverse search), or an ONNX file of a network with two "
        "inputs [1, 3, H, W] in [0, 1] whose last output is the flow in pixels, [1, 2, H, W].",
        placeholder="dis|FILE",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.frame_steps:
            raise ConfigError("`frame_steps` must have at least one number.")
        if not self.lags or len({*self.lags}) < len(self.lags):
            raise ConfigError(f"`lags` must be numbers that differ, one at least; got {self.lags}.")
