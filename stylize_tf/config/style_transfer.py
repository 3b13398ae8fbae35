"""Every default, range, choice and help text of a stylization.

The command line makes one flag of each field, the Python interface takes the same object and a
picture's metadata stores it, so a default has one home. Bad values are refused before TensorFlow is
loaded.
"""

from __future__ import annotations

import dataclasses
import math

from stylize_tf.config.fields import layer_kinds, option, seconds_option
from stylize_tf.config.layers import CLASSIC_STYLE_LAYERS, VGG19_LAYERS
from stylize_tf.config.picture import PictureConfig, side, weight
from stylize_tf.errors import ConfigError

_LBFGS, _ADAM = {"optimizer": ("lbfgs",)}, {"optimizer": ("adam",)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleTransferConfig(PictureConfig):
    """How a picture is stylized: the picture, the objective, the optimizer and the stages.

    Fields whose type is a tuple are comma-separated lists on the command line.
    `benchmarks/README.md` tells how the defaults were chosen.

    Raises:
        ConfigError: if a value is out of its range, not among its choices or of the wrong type, or
            if two values contradict each other.
    """

    content_weight: float = weight(
        0.0145,
        "Weight of the content: higher keeps more of the photograph.",
        term="content",
        section="The objective",
    )
    content_growth: float = option(
        1.0,
        "How the content weight grows over the stages: with this power of the long side, up to "
        "512 pixels; 0 keeps it even.",
        limits=(0.0, 4.0),
        needs={"content_weight": ()},
    )
    focus_weight: float = weight(
        1.0,
        "Weight of the content where something is going on, times `content_weight`, at stages "
        "where that has yet to grow: higher keeps things from the first stage on.",
        term="focus",
        needs={"content_weight": (), "content_growth": ()},
    )
    structure_weight: float = weight(
        0.6,
        "Weight of which places are alike and which are not, at the first stages and where "
        "something is going on: higher keeps things whole, and apart from what is around them. "
        "Pictures of less than 512 pixels have less of it, below 215 none.",
        term="structure",
        needs={"content_weight": ()},
    )
    colors_weight: float = weight(
        0.0,
        "The same for colors alone, times `structure_weight`: higher keeps one thing in one color.",
        term="colors",
        needs={"structure_weight": ()},
    )
    style_weight: float = weight(
        1.0, "Weight of the style: higher gives more of the painting.", term="style"
    )
    coarse_style_weight: float = weight(
        0.08,
        "Weight of the style seen from afar, at a quarter of the size or 96 pixels, times "
        "`style_weight`: higher gives more of the painting's great forms.",
        needs={"style_weight": ()},
    )
    patch_weight: float = weight(
        2.8,
        "Weight of the statistics of 3x3 patches of pixels, times `style_weight`: higher gives "
        "the grain of the painting's brush.",
        term="patches",
        needs={"style_weight": ()},
    )
    total_variation_weight: float = weight(
        0.65,
        "Weight of the total variation: higher gives smoother pictures.",
        term="total_variation",
    )
    content_layers: tuple[str, ...] = option(
        ("block4_conv2",), "Layers whose features are kept.", choices=VGG19_LAYERS, is_open=True
    )
    content_layer_weights: tuple[float, ...] = weight(
        (), "Weight of each content layer; empty means their average."
    )
    content_form: str = option(
        "mean",
        "Content distance of a layer: mean((F - F*)^2), or sum((F - F*)^2) / 2 as Gatys et al.",
        choices=("mean", "half_sum"),
        needs={"content_weight": ()},
    )
    style_layers: tuple[str, ...] = option(
        CLASSIC_STYLE_LAYERS,
        "Layers whose statistics are the style.",
        choices=VGG19_LAYERS,
        is_open=True,
    )
    style_layer_weights: tuple[float, ...] = weight(
        (256 / 341, 64 / 341, 16 / 341, 4 / 341, 1 / 341),
        "Weight of each style layer; empty means their average.",
    )
    style_loss: str = option(
        "bures",
        "Style distance: Gram matrices; the root-free form of the Wasserstein-2 (Bures) distance "
        "between feature Gaussians; or that distance itself (w2, many times slower).",
        choices=("gram", "bures", "w2"),
        needs={"style_weight": ()},
    )
    gram_form: str = option(
        "mean",
        "Normalization of the Gram loss of a layer, G = F'F over N positions and C channels: "
        "mean: mean((G/N - G*/N)^2); sum: mean((G - G*)^2) / C^2; "
        "channel_mean: mean((G/(CN) - G*/(CN))^2); gatys: sum((G - G*)^2) / (4 C^2 N^2); "
        "relative: sum((G/N - G*/N)^2) / sum((G*/N)^2).",
        choices=("mean", "sum", "channel_mean", "gatys", "relative"),
        needs={"style_loss": ("gram",)},
    )
    style_epsilon: float = option(
        0.3,
        "Added to the variances of bures and w2, in units of a layer's mean activation.",
        limits=(1e-6, 100.0),
        needs={"style_loss": ("bures", "w2")},
    )
    total_variation_growth: float = option(
        2.0,
        "How the weight of the total variation grows with the size of the picture or stage: with "
        "this power of the long side over 512 pixels, l1 with half of it. Neighbors in a picture "
        "twice as large differ half as much, so with 2 they count as at 512 pixels.",
        limits=(0.0, 4.0),
        needs={"total_variation_weight": ()},
    )
    total_variation: str = option(
        "nine_point",
        "Total variation: mean absolute difference of neighbours, mean squared difference, or the "
        "mean squared difference in a nine-point neighbourhood.",
        choices=("l1", "squared", "nine_point"),
        needs={"total_variation_weight": ()},
    )
    normalize_features: bool = option(
        True, "Divide the features of each layer by their mean activation over pictures."
    )
    normalize_terms: bool = option(
        True,
        "Divide content, style and patches by what they would be for a black picture without "
        "features, so that their weights mean the same for all pictures, sizes and forms of the "
        "loss.",
    )
    pooling: str = option(
        "max",
        "Pooling of VGG19: its own max pooling, or average pooling rescaled to the same magnitude.",
        choices=("max", "average"),
    )
    padding: str = option(
        "replicate",
        "How the first convolution sees beyond the border of the picture: black, mirrored or "
        "with the border pixel repeated.",
        choices=("zero", "reflect", "replicate"),
    )

    coarsest_size: int = side(
        128,
        "Long side of the first of the coarse-to-fine stages; 0 works at full size only.",
        section="The stages",
    )
    stage_factor: float = option(
        math.sqrt(2),
        "Sizes of successive stages are this factor apart.",
        limits=(1.05, 16.0),
        needs={"coarsest_size": ()},
    )
    steps: tuple[int, ...] = option(
        (68, 36, 30, 22, 17, 12, 10),
        "Steps (evaluations) of each stage, coarse to fine; the last number repeats.",
        limits=(1, 1_000_000),
    )

    optimizer: str = option(
        "lbfgs", "How the picture is optimized.", choices=("lbfgs", "adam"), section="The optimizer"
    )
    lbfgs_history: int = option(
        10, "Curvature pairs that L-BFGS remembers.", limits=(1, 200), needs=_LBFGS
    )
    lbfgs_coordinates: str = option(
        "spectral",
        "L-BFGS on frequencies of decorrelated colors, each in units of its curvature, or on "
        "pixels.",
        choices=("spectral", "pixels"),
        needs=_LBFGS,
    )
    settled_size: int = side(
        512,
        "Stages that follow one of this long side or more leave broad forms and strokes nearly as "
        "they are, so that a small picture shows what a large one will look like; 0 lets them "
        "move. L-BFGS on frequencies only.",
        needs={**_LBFGS, "lbfgs_coordinates": ("spectral",)},
    )
    learning_rate: float = option(
        0.02, "Learning rate of Adam, for pixels in [0, 1].", limits=(1e-8, 10.0), needs=_ADAM
    )
    beta_1: float = option(
        0.9, "Adam: decay of the gradient's average.", limits=(0.0, 0.999999), needs=_ADAM
    )
    beta_2: float = option(
        0.99, "Adam: decay of the squared gradient's average.", limits=(0.0, 0.999999), needs=_ADAM
    )
    adam_epsilon: float = option(
        1e-7, "Adam: added to the root of the second moment.", limits=(1e-12, 1e6), needs=_ADAM
    )
    amsgrad: bool = option(False, "Adam: use the AMSGrad variant.", needs=_ADAM)
    warmup_steps: int = option(
        0,
        "Adam: steps over which the learning rate rises to its value, once a picture.",
        limits=(0, 1_000_000),
        needs=_ADAM,
    )
    clip_norm: float = option(
        0.0,
        "Adam: clip the gradient to this norm; 0 does not clip.",
        limits=(0.0, 1e30),
        needs=_ADAM,
    )
    average_decay: float = option(
        0.0,
        "Decay of the average over iterates that is the result of a stage; 0 takes the best "
        "iterate instead.",
        limits=(0.0, 0.99999),
    )

    precision: str = option(
        "auto",
        "Number format of the convolutions; statistics, losses and the optimizer are float32. "
        "auto takes the fastest here of those whose gradients agree.",
        choices=("auto", "float32", "bfloat16", "float16"),
        section="The machine",
    )
    memory: float = option(
        0.0,
        "Memory that the process may take, as 6GB or 800MB: larger pictures are evaluated in "
        "tiles, with the same result. auto takes 60% of the machine's. On a GPU it is the GPU's, "
        "auto 90% of it.",
        limits=(0.0, 1e6),
        units={"GB": 1.0, "MB": 1e-3, "TB": 1e3},
        words={"auto": 0.0},
        shown="auto",
    )
    time_budget: float = seconds_option(
        "Seconds that a picture may take, as 60s or 5min: the steps of all stages are made fewer, "
        "or more, to fit; none leaves them as they are.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = {kind: self._check_layers(kind) for kind in layer_kinds(type(self))}
        if not any(wanted.values()):
            weights = " and ".join(f"`{kind}_weight`" for kind in wanted)
            raise ConfigError(f"{weights} must not all be 0.")
        if self.style_blend_weights and not any(self.style_blend_weights):
            raise ConfigError("`style_blend_weights` must not all be 0.")
        if not self.strength and not wanted["content"]:
            raise ConfigError(
                "`strength` 0 is the photograph alone: `content_weight` must not be 0 then."
            )
        if self.strength == 2 and not wanted["style"]:
            raise ConfigError("`strength` 2 is the style alone: `style_weight` must not be 0 then.")
        if not self.steps:
            raise ConfigError("`steps` must have at least one number.")

    def _check_layers(self, kind: str) -> bool:
        """Whether these layers are wanted; raises `ConfigError` if their weights do not fit."""
        names = f"{kind}_layers", f"{kind}_layer_weights", f"{kind}_weight"
        layers, weights, weight = (getattr(self, name) for name in names)
        if len(set(layers)) != len(layers):
            raise ConfigError(f"`{names[0]}` must differ from each other; got {layers}.")
        if weights and len(weights) != len(layers):
            raise ConfigError(
                f"`{names[1]}` must have one weight for each of the {len(layers)} `{names[0]}`; "
                f"got {len(weights)}. Give as many, or none for their average."
            )
        if weights and not any(weights):
            raise ConfigError(f"`{names[1]}` must not all be 0.")
        return bool(weight and layers)

    @property
    def layers_in_use(self) -> dict[str, tuple[str, ...]]:
        """The layers of each kind that counts: `X_layers`, where `X_weight` is not 0."""
        kinds = [kind for kind in layer_kinds(type(self)) if getattr(self, f"{kind}_weight")]
        return {f"{kind}_layers": getattr(self, f"{kind}_layers") for kind in kinds}
