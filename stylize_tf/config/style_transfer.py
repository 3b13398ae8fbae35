"""Every default, range, choice and help text of a stylization.

The command line makes one flag of each field, the Python interface takes the same object and a
picture's metadata stores it, so a default has one home. Nothing here imports TensorFlow: bad values
are refused before it is loaded.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from stylize_tf.errors import ConfigError

VGG19_LAYERS: tuple[str, ...] = tuple(
    f"block{block}_{name}"
    for block, convolutions in enumerate((2, 2, 4, 4, 4), start=1)
    for name in (*(f"conv{index}" for index in range(1, convolutions + 1)), "pool")
)
"""Names of the layers whose maps can be asked for, shallow to deep, as Keras names them."""

LONGEST_SIDE = 16_384
"""Most pixels of a side of a picture."""

PATCH_SIZE = 3
"""Height and width in pixels of the patches whose statistics `patch_weight` weighs."""

CLASSIC_STYLE_LAYERS = (
    "block1_conv1",
    "block2_conv1",
    "block3_conv1",
    "block4_conv1",
    "block5_conv1",
)
"""relu1_1 to relu5_1, the style layers of Gatys et al. (2016)."""


def _field(
    default: Any,
    help: str,
    *,
    choices: Iterable[str] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    units: Mapping[str, float] | None = None,
    words: Mapping[str, float] | None = None,
    shown: str | None = None,
) -> Any:
    metadata = {
        "help": help,
        "choices": tuple(choices) if choices is not None else None,
        "minimum": minimum,
        "maximum": maximum,
        "units": units or {},
        "words": words or {},
        "shown": shown,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleTransferConfig:
    """How a picture is stylized: the picture, the objective, the optimizer and the stages.

    Fields whose type is a tuple are comma-separated lists on the command line.
    `benchmarks/README.md` tells how the defaults were chosen.

    Raises:
        ConfigError: if a value is out of its range, not among its choices or of the wrong type, or
            if two values contradict each other.
    """

    # The picture.
    size: int = _field(
        512,
        "Long side of the picture in pixels; 0 keeps the size of the photograph.",
        minimum=0,
        maximum=LONGEST_SIDE,
    )
    size_of: str = _field(
        "long",
        "Which side of the picture `size` means.",
        choices=("long", "short"),
    )
    crop: str = _field(
        "none",
        "Crop the photograph to its centred square first, or keep its shape.",
        choices=("none", "square"),
    )
    init: str = _field(
        "content",
        "What the optimization starts from: the photograph; white, Gaussian or pink (1/f) noise; "
        "noise with the colors and the spectrum of the style of the largest share; or the picture "
        "of `init_image`.",
        choices=(
            "content",
            "white_noise",
            "gaussian_noise",
            "pink_noise",
            "style_statistics",
            "picture",
        ),
    )
    seed: int = _field(
        0, "Seed of the noise, so that a run can be repeated.", minimum=0, maximum=2**31 - 1
    )

    # The style pictures.
    style_scale: float = _field(
        1.0,
        "Long side of the style as a multiple of the picture's: smaller gives finer strokes. "
        "It is enlarged beyond its own size by `style_enlargement` at most.",
        minimum=0.05,
        maximum=8.0,
    )
    style_enlargement: float = _field(
        2.0,
        "Most that the style is enlarged beyond its own size, so that its strokes keep their size "
        "against a large picture; beyond that they become finer.",
        minimum=1.0,
        maximum=8.0,
    )
    style_size: int = _field(
        0,
        "Long side of the style in pixels, in place of `style_scale`; 0 leaves it to that.",
        minimum=0,
        maximum=LONGEST_SIDE,
    )
    style_fit: str = _field(
        "own",
        "Keep the style's own shape, or bring it to the picture's shape by resizing (stretching) "
        "or by cropping its centre.",
        choices=("own", "resize", "crop"),
    )
    style_blend_weights: tuple[float, ...] = _field(
        (),
        "Share of each `style` in the blend; empty means equal shares.",
        minimum=0.0,
        maximum=1e30,
    )

    # Art direction.
    strength: float = _field(
        1.0,
        "How strong the style is: 0 is the photograph, 1 the default, 2 style over everything.",
        minimum=0.0,
        maximum=2.0,
    )
    color: str = _field(
        "style",
        "Whose colors: the painting's; the photograph's, given back to the finished picture "
        "(content) or by painting in grey (luminance); or the painting's strokes in the "
        "photograph's colors, by bringing the painting to them first (match).",
        choices=("style", "content", "luminance", "match"),
    )
    color_space: str = _field(
        "lab",
        "Where color and lightness are told apart, for `color` content and luminance: CIELAB, "
        "Oklab or YIQ.",
        choices=("lab", "oklab", "yiq"),
    )
    color_match: str = _field(
        "symmetric",
        "How `color` match brings the painting to the photograph's colors: to their mean and "
        "covariance, with a symmetric map, along principal axes or by Cholesky factors; or to "
        "their histogram.",
        choices=("symmetric", "pca", "cholesky", "histogram"),
    )
    color_amount: float = _field(
        1.0,
        "How much of `color` content and match is done; with luminance, how far the grey painting "
        "is given the photograph's brightness and contrast.",
        minimum=0.0,
        maximum=1.0,
    )
    regions: str = _field(
        "none",
        "Regions found in place of masks: auto:K pairs K parts of the photograph with parts of the "
        "painting that are alike to the network, such as sky with sky. Two or three suit most "
        "pictures; `regions_overlay` shows them.",
        choices=("none", *(f"auto:{count}" for count in range(2, 9))),
    )
    mask_feather: float = _field(
        0.01,
        "Softness of the borders of masks: the deviation of a Gaussian, as a share of the long "
        "side.",
        minimum=0.0,
        maximum=0.5,
    )

    # The objective.
    content_weight: float = _field(
        0.0145,
        "Weight of the content: higher keeps more of the photograph.",
        minimum=0.0,
        maximum=1e30,
    )
    content_growth: float = _field(
        1.0,
        "How the content weight grows over the stages: with this power of the long side, up to "
        "512 pixels; 0 keeps it even.",
        minimum=0.0,
        maximum=4.0,
    )
    style_weight: float = _field(
        1.0,
        "Weight of the style: higher gives more of the painting.",
        minimum=0.0,
        maximum=1e30,
    )
    total_variation_weight: float = _field(
        0.65,
        "Weight of the total variation: higher gives smoother pictures.",
        minimum=0.0,
        maximum=1e30,
    )
    content_layers: tuple[str, ...] = _field(
        ("block4_conv2",), "Layers whose features are kept.", choices=VGG19_LAYERS
    )
    content_layer_weights: tuple[float, ...] = _field(
        (), "Weight of each content layer; empty means their average.", minimum=0.0, maximum=1e30
    )
    content_form: str = _field(
        "mean",
        "Content distance of a layer: mean((F - F*)^2), or sum((F - F*)^2) / 2 as Gatys et al.",
        choices=("mean", "half_sum"),
    )
    style_layers: tuple[str, ...] = _field(
        CLASSIC_STYLE_LAYERS, "Layers whose statistics are the style.", choices=VGG19_LAYERS
    )
    style_layer_weights: tuple[float, ...] = _field(
        (256 / 341, 64 / 341, 16 / 341, 4 / 341, 1 / 341),
        "Weight of each style layer; empty means their average.",
        minimum=0.0,
        maximum=1e30,
    )
    style_loss: str = _field(
        "bures",
        "Style distance: Gram matrices; the root-free form of the Wasserstein-2 (Bures) distance "
        "between feature Gaussians; or that distance itself (w2, many times slower).",
        choices=("gram", "bures", "w2"),
    )
    gram_form: str = _field(
        "mean",
        "Normalization of the Gram loss of a layer, G = F'F over N positions and C channels: "
        "mean: mean((G/N - G*/N)^2); sum: mean((G - G*)^2) / C^2; "
        "channel_mean: mean((G/(CN) - G*/(CN))^2); gatys: sum((G - G*)^2) / (4 C^2 N^2); "
        "relative: sum((G/N - G*/N)^2) / sum((G*/N)^2).",
        choices=("mean", "sum", "channel_mean", "gatys", "relative"),
    )
    style_epsilon: float = _field(
        0.3,
        "Added to the variances of bures and w2, in units of a layer's mean activation.",
        minimum=1e-6,
        maximum=100.0,
    )
    patch_weight: float = _field(
        2.8,
        "Weight of the statistics of 3x3 patches of pixels, times `style_weight`: higher gives "
        "the grain of the painting's brush.",
        minimum=0.0,
        maximum=1e30,
    )
    total_variation_growth: float = _field(
        2.0,
        "How the weight of the total variation grows with the size of the picture or stage: with "
        "this power of the long side over 512 pixels, l1 with half of it. Neighbors in a picture "
        "twice as large differ half as much, so with 2 they count as at 512 pixels.",
        minimum=0.0,
        maximum=4.0,
    )
    total_variation: str = _field(
        "nine_point",
        "Total variation: mean absolute difference of neighbours, mean squared difference, or the "
        "mean squared difference in a nine-point neighbourhood.",
        choices=("l1", "squared", "nine_point"),
    )
    normalize_features: bool = _field(
        True, "Divide the features of each layer by their mean activation over pictures."
    )
    normalize_terms: bool = _field(
        True,
        "Divide content, style and patches by what they would be for a black picture without "
        "features, so that their weights mean the same for all pictures, sizes and forms of the "
        "loss.",
    )
    pooling: str = _field(
        "max",
        "Pooling of VGG19: its own max pooling, or average pooling rescaled to the same magnitude.",
        choices=("max", "average"),
    )
    padding: str = _field(
        "replicate",
        "How the first convolution sees beyond the border of the picture: black, mirrored or "
        "with the border pixel repeated.",
        choices=("zero", "reflect", "replicate"),
    )

    # The stages.
    coarsest_size: int = _field(
        128,
        "Long side of the first of the coarse-to-fine stages; 0 works at full size only.",
        minimum=0,
        maximum=LONGEST_SIDE,
    )
    stage_factor: float = _field(
        math.sqrt(2),
        "Sizes of successive stages are this factor apart.",
        minimum=1.05,
        maximum=16.0,
    )
    steps: tuple[int, ...] = _field(
        (80, 42, 35, 28, 22, 12, 10),
        "Steps (evaluations) of each stage, coarse to fine; the last number repeats.",
        minimum=1,
        maximum=1_000_000,
    )

    # The optimizer.
    optimizer: str = _field("lbfgs", "How the picture is optimized.", choices=("lbfgs", "adam"))
    lbfgs_history: int = _field(
        10, "Curvature pairs that L-BFGS remembers.", minimum=1, maximum=200
    )
    lbfgs_coordinates: str = _field(
        "spectral",
        "L-BFGS on frequencies of decorrelated colors, each in units of its curvature, or on "
        "pixels.",
        choices=("spectral", "pixels"),
    )
    settled_size: int = _field(
        512,
        "Stages that follow one of this long side or more leave broad forms and strokes nearly as "
        "they are, so that a small picture shows what a large one will look like; 0 lets them "
        "move. L-BFGS on frequencies only.",
        minimum=0,
        maximum=LONGEST_SIDE,
    )
    learning_rate: float = _field(
        0.02,
        "Learning rate of Adam, for pixels in [0, 1].",
        minimum=1e-8,
        maximum=10.0,
    )
    beta_1: float = _field(
        0.9, "Adam: decay of the gradient's average.", minimum=0.0, maximum=0.999999
    )
    beta_2: float = _field(
        0.99, "Adam: decay of the squared gradient's average.", minimum=0.0, maximum=0.999999
    )
    adam_epsilon: float = _field(
        1e-7, "Adam: added to the root of the second moment.", minimum=1e-12, maximum=1e6
    )
    amsgrad: bool = _field(False, "Adam: use the AMSGrad variant.")
    warmup_steps: int = _field(
        0,
        "Adam: steps over which the learning rate rises to its value, once a picture.",
        minimum=0,
        maximum=1_000_000,
    )
    clip_norm: float = _field(
        0.0, "Adam: clip the gradient to this norm; 0 does not clip.", minimum=0.0, maximum=1e30
    )
    average_decay: float = _field(
        0.0,
        "Decay of the average over iterates that is the result of a stage; 0 takes the best "
        "iterate instead.",
        minimum=0.0,
        maximum=0.99999,
    )

    # The machine.
    precision: str = _field(
        "auto",
        "Number format of the convolutions; statistics, losses and the optimizer are float32. "
        "auto takes the fastest here of those whose gradients agree.",
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    memory: float = _field(
        0.0,
        "Memory that the process may take, as 6GB or 800MB: larger pictures are evaluated in "
        "tiles, with the same result. auto takes 60% of the machine's.",
        minimum=0.0,
        maximum=1e6,
        units={"GB": 1.0, "MB": 1e-3, "TB": 1e3},
        words={"auto": 0.0},
        shown="auto",
    )
    time_budget: float = _field(
        0.0,
        "Seconds that a picture may take, as 60s or 5min: the steps of all stages are made fewer, "
        "or more, to fit; none leaves them as they are.",
        minimum=0.0,
        maximum=1e9,
        units={"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0},
        words={"none": 0.0},
        shown="none",
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _checked(field, getattr(self, field.name)))
        self._check_together()

    def _check_together(self) -> None:
        for kind in ("content", "style"):
            layers, weights = (
                getattr(self, f"{kind}_layers"),
                getattr(self, f"{kind}_layer_weights"),
            )
            if len(set(layers)) != len(layers):
                raise ConfigError(f"`{kind}_layers` must differ from each other; got {layers}.")
            if weights and len(weights) != len(layers):
                raise ConfigError(
                    f"`{kind}_layer_weights` must have one weight for each of the {len(layers)} "
                    f"`{kind}_layers`; got {len(weights)}. Give as many, or none for their average."
                )
            if weights and not any(weights):
                raise ConfigError(f"`{kind}_layer_weights` must not all be 0.")
        if self.style_blend_weights and not any(self.style_blend_weights):
            raise ConfigError("`style_blend_weights` must not all be 0.")
        has_content = self.content_weight and self.content_layers
        has_style = self.style_weight and self.style_layers
        if not has_content and not has_style:
            raise ConfigError("`content_weight` and `style_weight` must not both be 0.")
        if not self.strength and not has_content:
            raise ConfigError(
                "`strength` 0 is the photograph alone: `content_weight` must not be 0 then."
            )
        if self.strength == 2 and not has_style:
            raise ConfigError("`strength` 2 is the style alone: `style_weight` must not be 0 then.")
        if not self.steps:
            raise ConfigError("`steps` must have at least one number.")

    @property
    def auto_regions(self) -> int:
        """How many regions are to be found; 0 for none."""
        return 0 if self.regions == "none" else int(self.regions.removeprefix("auto:"))

    def replace(self, **changes: Any) -> StyleTransferConfig:
        """A copy with some fields changed and all of it checked again."""
        unknown_field(changes)
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data that JSON can hold; `from_dict` takes them back."""
        return {
            field.name: list(value) if isinstance(value, tuple) else value
            for field in dataclasses.fields(self)
            for value in [getattr(self, field.name)]
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StyleTransferConfig:
        """The configuration whose `to_dict` is `values`; missing fields keep their default."""
        unknown_field(values)
        return cls(**values)


def unknown_field(names: Iterable[str]) -> None:
    """Raises `ConfigError`, naming the closest field, if one of `names` is not a field."""
    known = [field.name for field in dataclasses.fields(StyleTransferConfig)]
    for name in names:
        if name not in known:
            raise ConfigError(f"There is no option `{name}`.{closest(name, known)}")


def closest(name: str, choices: Iterable[str]) -> str:
    """` Did you mean ...?` with the choice that looks like `name`, or an empty string."""
    matches = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f" Did you mean `{matches[0]}`?" if matches else ""


def _checked(field: dataclasses.Field[Any], value: Any) -> Any:
    """`value` as the type of the field, after the checks of its metadata."""
    if str(field.type).startswith("tuple"):
        if isinstance(value, str) or not isinstance(value, Iterable):
            value = (value,)
        return tuple(_checked_one(field, type_of(field), item) for item in value)
    return _checked_one(field, type_of(field), value)


def type_of(field: dataclasses.Field[Any]) -> type:
    """The type of one value of a field: `bool`, `int`, `float` or `str`; of an item for tuples."""
    name = str(field.type).removeprefix("tuple[").removesuffix(", ...]")
    return {"bool": bool, "int": int, "float": float, "str": str}[name]


def _checked_one(field: dataclasses.Field[Any], kind: type, value: Any) -> Any:
    name, metadata = field.name, field.metadata
    if kind is bool:
        if not isinstance(value, bool):
            raise ConfigError(f"`{name}` must be true or false; got {value!r}.")
        return value
    if kind is str:
        if value not in metadata["choices"]:
            choices = ", ".join(metadata["choices"])
            raise ConfigError(
                f"`{name}` must be one of {choices}; got {value!r}."
                f"{closest(str(value), metadata['choices'])}"
            )
        return str(value)
    if isinstance(value, str):
        value = _in_units(value, metadata["units"], metadata["words"])
    word = "a whole number" if kind is int else "a number"
    hint = ""
    if metadata["units"]:
        hint = f" Its units are {', '.join(metadata['units'])}; or {', '.join(metadata['words'])}."
    try:
        number = kind(value)
        if isinstance(value, bool) or not math.isfinite(number) or float(value) != number:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"`{name}` must be {word}; got {value!r}.{hint}") from None
    low, high = metadata["minimum"], metadata["maximum"]
    if (low is not None and number < low) or (high is not None and number > high):
        limits = f"at least {low:g}" if high is None else f"between {low:.12g} and {high:.12g}"
        raise ConfigError(f"`{name}` must be {word} {limits}; got {value!r}.")
    return number


def _in_units(text: str, units: Mapping[str, float], words: Mapping[str, float]) -> Any:
    """The number that a text such as "6GB" or "auto" means; the text itself where it means none."""
    word = text.strip().lower()
    if word in words:
        return words[word]
    for unit, factor in sorted(units.items(), key=lambda item: -len(item[0])):
        if word.endswith(unit.lower()):
            try:
                return float(word.removesuffix(unit.lower())) * factor
            except ValueError:
                return text
    return text
