"""Does control do what it says? The same look at every size, strength, colors and regions.

    python -m benchmarks.ours.art_direction [--quick] [--pictures FOLDER]
        [--sizes 256 512 1024 2048] [--parts strength chroma regions sizes]

With the folder of `benchmarks.judge.quality`'s pictures on `PAIRS` of them, else on the example
pair; in one process, by the Python interface, in bfloat16 where the processor has it.

sizes      The same options at every size, the pictures judged at 256 pixels: relative Gram distance
           and content distance, greatest over least less one.
strength   0 to 2 at 256 pixels: whether the Gram distance falls and the content distance rises from
           each to the next. All that is done on the pairs of `FIGURES`, too.
colors     `--color content` and `luminance`: the mean distance of a and b in CIELAB from the
           photograph, of the 8-bit picture.
regions    A mask of ones: whether the pixels are those without. The upper half painted: the mean
           change of the rows more than three deviations of the feather below, in grey levels. Two
           halves with two paintings: Gram distance to the other's painting over that to its own;
           beside it the same of halves that are painted as pictures of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common
from benchmarks.harness.problem import ROOT
from benchmarks.judge import quality
from stylize_tf import StyleTransferConfig, Stylizer
from stylize_tf.images import color_spaces, image_io
from stylize_tf.judge import judge, pictures
from stylize_tf.network import weights

PAIRS = (*quality.LANDSCAPES, ("tubingen.jpg", "woman-with-hat-matisse.jpg"), *quality.FIGURES)
OTHER_EXAMPLE = "dots.jpg"
PARTS = ("strength", "chroma", "regions", "sizes")
SIZES = (256, 512, 1024, 2048)
STRENGTHS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
SMALL = 256
"""Long side in pixels at which pictures are judged, and painted where size is not the question."""


class Studio:
    """Paints and judges.

    Args:
        options: of all pictures.
    """

    def __init__(self, **options: Any):
        self._options = options
        self._weights = weights.find()
        self._judge = judge.default_judge()

    def paint(
        self,
        content: np.ndarray,
        *styles: np.ndarray,
        masks: Sequence[np.ndarray] = (),
        **options: Any,
    ) -> np.ndarray:
        """The picture of 8 bits, float32 `[1, H, W, 3]`."""
        config = StyleTransferConfig(**{**self._options, **options})
        picture = Stylizer(config, weights=self._weights)(
            content, list(styles), content_masks=masks
        )
        return (np.rint(picture * 255) / 255).astype(np.float32)

    def distances(
        self, picture: np.ndarray, content: np.ndarray, style: np.ndarray
    ) -> dict[str, float]:
        """Gram and content distance, of a picture brought to 256 pixels."""
        small = pictures.resize_long_side(picture, min(SMALL, max(picture.shape[1:3])))
        fitted = pictures.resize(content, *small.shape[1:3])
        row = self._judge(small, fitted, pictures.resize_long_side(style, max(small.shape[1:3])))
        own = self._judge.content_distance(small, fitted, max(small.shape[1:3]))
        return {"gram": row["gram"], "cont": own}


def over_sizes(
    studio: Studio, content: np.ndarray, style: np.ndarray, sizes: Sequence[int]
) -> dict[str, Any]:
    """Distances by size, and their spread."""
    rows = {}
    for size in sizes:
        rows[str(size)] = studio.distances(studio.paint(content, style, size=size), content, style)
        print(f"art_direction: {size}: {rows[str(size)]}", file=sys.stderr)
    columns = {key: [row[key] for row in rows.values()] for key in ("gram", "cont")}
    return {"rows": rows, "spread": {k: max(x) / min(x) - 1 for k, x in columns.items()}}


def over_strengths(
    studio: Studio, content: np.ndarray, style: np.ndarray, strengths: Sequence[float]
) -> dict[str, Any]:
    """Distances by strength, and whether they are strictly monotone."""
    rows = {
        f"{strength:g}": studio.distances(
            studio.paint(content, style, strength=strength), content, style
        )
        for strength in strengths
    }
    steps = list(zip(list(rows.values()), list(rows.values())[1:], strict=False))
    return {
        "rows": rows,
        "monotone": all(a["gram"] > b["gram"] and a["cont"] < b["cont"] for a, b in steps),
    }


def chroma_errors(studio: Studio, content: np.ndarray, style: np.ndarray) -> dict[str, float]:
    """Mean distance of a and b in CIELAB from the photograph, by way of keeping its colors."""
    errors = {}
    for way in ("content", "luminance"):
        picture = studio.paint(content, style, color=way)
        photograph = image_io.resize(content, *picture.shape[1:3]).clip(0, 1)
        apart = color_spaces.lab_from_srgb(picture) - color_spaces.lab_from_srgb(photograph)
        errors[way] = float(np.mean(np.hypot(apart[..., 1], apart[..., 2])))
    return errors


def of_regions(
    studio: Studio, content: np.ndarray, style: np.ndarray, other: np.ndarray
) -> dict[str, Any]:
    """What masks do: see the module."""
    height, width = content.shape[1:3]
    upper = np.zeros([height, width], np.float32)
    upper[: height // 2] = 1
    without = studio.paint(content, style)
    whole = studio.paint(content, style, masks=[np.ones_like(upper)])
    painted = studio.paint(content, style, masks=[upper])
    photograph = image_io.resize(content, *painted.shape[1:3]).clip(0, 1)
    rows, feather = painted.shape[1], StyleTransferConfig().mask_feather * max(painted.shape[1:3])
    below = slice(int(np.ceil(rows / 2 + 3 * feather)) + 1, None)
    both = studio.paint(content, style, other, masks=[upper, 1 - upper])
    times, alone = [], []
    for half, part, own, foreign in (
        (slice(0, rows // 2), slice(0, height // 2), style, other),
        (slice(rows // 2, None), slice(height // 2, None), other, style),
    ):
        for found, picture in (
            (times, both[:, half]),
            (alone, studio.paint(content[:, part], own)),
        ):
            to_own, to_foreign = (
                studio.distances(picture, photograph[:, half], painting)["gram"]
                for painting in (own, foreign)
            )
            found.append(to_foreign / to_own)
    return {
        "ones_are_none": bool(np.array_equal(without, whole)),
        "grey_levels_outside": float(255 * np.abs(painted - photograph)[:, below].mean()),
        "times_nearer_to_its_own": times,
        "times_nearer_if_painted_alone": alone,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write `art_direction.json`."""
    parser = arguments_of.parser("ours.art_direction", __doc__)
    parser.add_argument("--pictures", type=Path, help="Folder with the pictures of `quality`.")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args(arguments)
    pairs = PAIRS if options.pictures else quality.EXAMPLES
    folder = options.pictures or ROOT / "examples"
    sizes, strengths, extra = options.sizes, STRENGTHS, {"size": SMALL}
    if options.quick:
        sizes, strengths = (128, 192), (0.5, 2.0)
        extra = {"size": 192, "coarsest_size": 0, "steps": (2,)}
    studio = Studio(**extra)
    results: dict[str, Any] = {}
    read = {name: image_io.read(folder / name) for pair in pairs for name in pair}
    for number, (content, style) in enumerate(pairs):
        pair = read[content], read[style]
        following = (*pairs[number + 1 :], *pairs[:number])
        others = [name for _, name in following if name != style] or [OTHER_EXAMPLE]
        other = image_io.read(folder / others[0])
        # Larger than the photographs are, only the first.
        of_pair = sizes if not number else sizes[:2]
        parts: dict[str, Callable[[], Any]] = {
            "strength": partial(over_strengths, studio, *pair, strengths),
            "chroma": partial(chroma_errors, studio, *pair),
            "regions": partial(of_regions, studio, *pair, other),
            "sizes": partial(over_sizes, studio, *pair, of_pair),
        }
        results[f"{Path(content).stem} x {Path(style).stem}"] = {
            name: parts[name]()
            for name in options.parts
            if name == "strength" or (content, style) not in quality.FIGURES
        }
        print(f"art_direction: {list(results)[-1]}: {list(results.values())[-1]}", file=sys.stderr)
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
