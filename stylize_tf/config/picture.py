"""What is painted, from which paintings, and who has a say in it: a part of the options."""

from __future__ import annotations

import dataclasses
import functools

from stylize_tf.config.fields import Configuration, option

LONGEST_SIDE = 16_384
"""Most pixels of a side of a picture."""

LEAST_STRENGTH = 0.2
"""Strength that is painted at least; of less, it is this picture, and the photograph is mixed in.
Ever more content would bring the forms of the photograph back, and its colors never."""

side = functools.partial(option, limits=(0, LONGEST_SIDE))
weight = functools.partial(option, limits=(0.0, 1e30))


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureConfig(Configuration):
    """The first sections of `StyleTransferConfig`: picture, style pictures, art direction."""

    size: int = side(
        512,
        "Long side of the picture in pixels; 0 keeps the size of the photograph.",
        section="The picture",
    )
    size_of: str = option(
        "long",
        "Which side of the picture `size` means.",
        choices=("long", "short"),
        needs={"size": ()},
    )
    crop: str = option(
        "none",
        "Crop the photograph to its centred square first, or keep its shape.",
        choices=("none", "square"),
    )
    init: str = option(
        "content",
        "What the optimization starts from: the photograph; white, Gaussian or pink (1/f) noise; "
        "noise with the colors and the spectrum of the style of the largest share; or the picture "
        "of `init_image`.",
        choices=(
            *("content", "white_noise", "gaussian_noise", "pink_noise"),
            *("style_statistics", "picture"),
        ),
    )
    seed: int = option(
        0, "Seed of the noise, so that a run can be repeated.", limits=(0, 2**31 - 1)
    )

    style_scale: float = option(
        1.0,
        "Long side of the style as a multiple of the picture's: smaller gives finer strokes. "
        "It is enlarged beyond its own size by `style_enlargement` at most.",
        limits=(0.05, 8.0),
        section="The style pictures",
        needs={"style_size": (0,), "style_fit": ("own",)},
    )
    style_enlargement: float = option(
        2.0,
        "Most that the style is enlarged beyond its own size, so that its strokes keep their size "
        "against a large picture; beyond that they become finer.",
        limits=(1.0, 8.0),
        needs=({"style_fit": ("own",)}, {"fine_style": ()}),
    )
    style_size: int = side(
        0,
        "Long side of the style in pixels, in place of `style_scale`; 0 leaves it to that.",
        needs={"style_fit": ("own",)},
    )
    style_fit: str = option(
        "own",
        "Keep the style's own shape, or bring it to the picture's shape by resizing (stretching) "
        "or by cropping its centre.",
        choices=("own", "resize", "crop"),
    )
    style_blend_weights: tuple[float, ...] = weight(
        (), "Share of each `style` in the blend; empty means equal shares."
    )

    strength: float = option(
        1.0,
        "How strong the style is: 0 is the photograph, 1 the default, 2 style over everything. "
        "With a network 1 is the most.",
        limits=(0.0, 2.0),
        section="Art direction",
    )
    color: str = option(
        "style",
        "Whose colors: the painting's; the photograph's, given back to the finished picture "
        "(content) or by painting in grey (luminance); or the painting's strokes in the "
        "photograph's colors, by bringing the painting to them first (match).",
        choices=("style", "content", "luminance", "match"),
    )
    color_space: str = option(
        "lab",
        "Where color and lightness are told apart, for `color` content and luminance: CIELAB, "
        "Oklab or YIQ.",
        choices=("lab", "oklab", "yiq"),
        needs=({"color": ("content", "luminance")}, {"fine_style": ()}),
    )
    color_match: str = option(
        "symmetric",
        "How `color` match brings the painting to the photograph's colors: to their mean and "
        "covariance, with a symmetric map, along principal axes or by Cholesky factors; or to "
        "their histogram.",
        choices=("symmetric", "pca", "cholesky", "histogram"),
        needs={"color": ("match",)},
    )
    color_amount: float = option(
        1.0,
        "How much of `color` content and match is done; with luminance, how far the grey painting "
        "is given the photograph's brightness and contrast.",
        limits=(0.0, 1.0),
        needs={"color": ("content", "luminance", "match")},
    )
    regions: str = option(
        "none",
        "Regions found in place of masks: auto:K pairs K parts of the photograph with parts of the "
        "painting that are alike to the network, such as sky with sky. Two or three suit most "
        "pictures; `regions_overlay` shows them.",
        choices=("none", *(f"auto:{count}" for count in range(2, 9))),
    )
    mask_feather: float = option(
        0.01,
        "Softness of the borders of masks: the deviation of a Gaussian, as a share of the long "
        "side.",
        limits=(0.0, 0.5),
        needs=({"content_mask": ()}, {"style_mask": ()}, {"strength_mask": ()}, {"regions": ()}),
    )

    @property
    def auto_regions(self) -> int:
        """How many regions are to be found; 0 for none."""
        return 0 if self.regions == "none" else int(self.regions.removeprefix("auto:"))
