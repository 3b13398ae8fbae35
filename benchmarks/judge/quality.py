"""Paints pairs of pictures, with the defaults and with one thing changed, and judges them.

    python -m benchmarks.judge.quality [--quick] [--pictures FOLDER] [--variants]
        [--vary "a_flag 1 2 3"] [--before CHECKOUT] [--judged_at PIXELS]
        [--flags "--a_flag 1 --another 2"] [--output FOLDER]

Without a folder the pair is that of `examples/`. With the folder of the paintings and photographs
in `PAIRS` it is those, the six of `FIGURES` in its folder `figures`, and a last row has the means
over the pairs; `--variants` adds, for the first pair, the rows by which the defaults were chosen.
For every pair, `--vary` paints once for each value of a flag, and `--before` paints by an older
checkout of the project first, in turns with this one, so that seconds compare.
`--flags` go to every picture. Every picture is painted by `main.py` in a process of its own, as a
user would, so that `seconds` is from the start of the process to the finished file.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common
from benchmarks.harness.problem import ROOT
from stylize_tf.judge import judge, pictures

EXAMPLES = (("content.jpg", "style.jpg"),)
LANDSCAPES = (
    ("tubingen.jpg", "starry_night.jpg"),
    ("golden_gate.jpg", "the_scream.jpg"),
    ("golden_gate.jpg", "woman-with-hat-matisse.jpg"),
)
FIGURES = (
    ("figures/horse.jpg", "figures/expressionist.jpg"),
    ("figures/bus.jpg", "figures/evening.jpg"),
    ("figures/people.jpg", "figures/soldiers.jpg"),
    ("figures/kites.jpg", "figures/road_ink.jpg"),
    ("figures/carriage.jpg", "figures/gondola.jpg"),
    ("figures/birds.jpg", "figures/etching.jpg"),
)
PAIRS = LANDSCAPES + FIGURES
GRAM = ["--style_loss", "gram", "--gram_form", "relative"]
ONE_SIZE = ["--coarsest_size", "0", "--steps", "60"]
VARIANTS: dict[str, list[str]] = {
    "default": [],
    "content .01": ["--content_weight", ".01"],
    "content .02": ["--content_weight", ".02"],
    "terms as they are": [
        *("--nonormalize_terms", "--content_weight", ".0215"),
        *("--total_variation_weight", "4", "--patch_weight", "60"),
    ],
    "no patches": ["--patch_weight", "0"],
    "patches 9": ["--patch_weight", "9"],
    "no total variation": ["--total_variation_weight", "0"],
    "total variation .3": ["--total_variation_weight", ".3"],
    "total variation alike at every size": ["--total_variation_growth", "0"],
    "neither": ["--total_variation_weight", "0", "--patch_weight", "0"],
    "epsilon .1": ["--style_epsilon", ".1"],
    "epsilon .5": ["--style_epsilon", ".5"],
    "relative Gram": GRAM,
    "average pooling": ["--pooling", "average"],
    "zero padding": ["--padding", "zero"],
    "stages a factor 2 apart": ["--stage_factor", "2", "--steps", "100,60,45"],
    "one size, 60 steps": ONE_SIZE,
    "one size, 60 steps, relative Gram": ONE_SIZE + GRAM,
    "fewer steps": ["--steps", "50,27,22,16,13"],
    "more steps": ["--steps", "200,100,80,60,50"],
}


class Recipe(NamedTuple):
    """With what a picture is painted.

    Attributes:
        flags: of `main.py`.
        root: the checkout that it is of.
    """

    flags: list[str]
    root: Path = ROOT


def paint(content: Path, style: Path, output: Path, recipe: Recipe) -> float:
    """Seconds from starting `main.py` to its end; the picture is then in `output`."""
    command = [sys.executable, "main.py", "--quiet", "--content", str(content)]
    command += ["--style", str(style), "--output", str(output), *recipe.flags]
    start = time.perf_counter()
    subprocess.run(command, cwd=recipe.root, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(
    pair: tuple[Path, Path],
    variants: dict[str, Recipe],
    folder: Path,
    long_side: int | None = None,
) -> dict[str, dict[str, Any]]:
    """The rows of one pair by variant: the judge's columns, the seconds and the flags.

    Args:
        pair: the files of the photograph and the painting.
        variants: name -> with what it is painted.
        folder: for the pictures.
        long_side: in pixels, at which pictures are judged; None: of their own.
    """
    content, style = pair
    rows = {}
    for name, recipe in variants.items():
        words = [content.stem, style.stem, *name.replace(",", "").replace(".", "").split()]
        output = folder / f"{'_'.join(words)}.png"
        seconds = paint(content, style, output, recipe)
        painted, *given = (pictures.read(path) for path in (output, content, style))
        if long_side is not None:
            painted = pictures.resize_long_side(painted, long_side)
        row = judge.judge(painted, *given)
        rows[name] = {**row, "seconds": round(seconds, 1), "flags": recipe.flags}
        print(f"{content.stem} x {style.stem}, {name}: {seconds:.0f} s", file=sys.stderr)
    return rows


def mean(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of rows of one recipe, in every column that all of them have, and its flags."""
    columns = [name for name in rows[0] if name != "flags" and all(name in row for row in rows)]
    means = {name: sum(row[name] for row in rows) / len(rows) for name in columns}
    return {**means, "flags": rows[0]["flags"]}


def table(results: dict[str, dict[str, dict[str, Any]]]) -> str:
    """All rows as Markdown, their seconds first."""
    lines = []
    for pair, rows in results.items():
        heading, rule, *body = judge.table(rows).splitlines()
        lines += [f"\n{pair}\n", "| s " + heading, "|---" + rule]
        lines += [
            f"| {row['seconds']:.0f} {line}" for row, line in zip(rows.values(), body, strict=True)
        ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Paint, judge, print the tables and write `quality.json`."""
    parser = arguments_of.parser("judge.quality", __doc__)
    parser.add_argument("--pictures", type=Path, help="Folder with the pictures of PAIRS.")
    parser.add_argument("--variants", action="store_true", help="Change one thing at a time, too.")
    parser.add_argument("--vary", metavar="'FLAG VALUE ...'", help="Paint with each value.")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="Paint with it, too.")
    parser.add_argument("--judged_at", type=int, metavar="PIXELS", help="Long side; as painted.")
    parser.add_argument("--flags", default="", help="Flags of `main.py` for every picture.")
    parser.add_argument("--output", type=Path, help="Folder for what is painted.")
    options = parser.parse_args(arguments)
    target = arguments_of.results_of(options)
    output = (options.output or target.parent).resolve()
    output.mkdir(parents=True, exist_ok=True)
    pairs = PAIRS if options.pictures else EXAMPLES
    source = (options.pictures or ROOT / "examples").resolve()
    if options.pictures:
        judge.check_calibration(*(pictures.read(source / name) for name in PAIRS[0]))
    results = {}
    for index, (content, style) in enumerate(pairs):
        variants = variants_of(options, first=index == 0)
        name = f"{Path(content).stem} x {Path(style).stem}"
        pair = (source / content, source / style)
        results[name] = measure(pair, variants, output, options.judged_at)
    if len(results) > 1:
        shared = variants_of(options, first=False)
        means = {x: mean([rows[x] for rows in results.values()]) for x in shared}
        results[f"mean of {len(results)} pairs"] = means
    print(table(results))
    common.write_json(target, results)


def variants_of(options: argparse.Namespace, *, first: bool) -> dict[str, Recipe]:
    """What is painted of a pair, name -> how, in order."""
    quick = ["--size=96", "--coarsest_size=0", "--steps=2"] if options.quick else []
    flags = [*quick, *shlex.split(options.flags)]
    changes = VARIANTS if options.variants and first else {"default": []}
    if options.vary:
        flag, *values = options.vary.split()
        changes = {f"{flag} {value}": [f"--{flag}", value] for value in values}
    recipes = {name: Recipe([*own, *flags]) for name, own in changes.items()}
    if options.before is None:
        return recipes
    return {"before": Recipe(flags, options.before.resolve()), **recipes}


if __name__ == "__main__":
    main()
