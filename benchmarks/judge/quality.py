"""Paints pairs of pictures, with the defaults and with one thing changed, and judges them.

    python -m benchmarks.judge.quality [--quick] [--pictures FOLDER] [--variants]
        [--flags "--a_flag 1 --another 2"] [--output FOLDER]

Without a folder the pair is that of `examples/`. With the folder of the paintings and photographs
in `PAIRS` it is those, the six of `FIGURES` in its folder `figures`, and a last row has the means
over the pairs; `--variants` adds, for the first pair, the rows by which the defaults were chosen;
`--flags` go to every picture, so that old and new defaults compare. Every picture is painted by
`main.py` in a process of its own, as a user would, so that `seconds` is from the start of the
process to the finished file.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common
from benchmarks.harness.problem import ROOT
from benchmarks.judge import judge, pictures

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
    "fewer steps": ["--steps", "60,40,30,22,18"],
    "more steps": ["--steps", "200,100,80,60,50"],
}


def paint(content: Path, style: Path, output: Path, flags: Sequence[str]) -> float:
    """Seconds from starting `main.py` to its end; the picture is then in `output`."""
    command = [sys.executable, "main.py", "--quiet", "--content", str(content)]
    command += ["--style", str(style), "--output", str(output), *flags]
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(
    pair: tuple[Path, Path], variants: dict[str, list[str]], folder: Path
) -> dict[str, dict[str, Any]]:
    """The rows of one pair by variant: the judge's columns, the seconds and the flags."""
    content, style = pair
    rows = {}
    for name, flags in variants.items():
        words = [content.stem, style.stem, *name.replace(",", "").replace(".", "").split()]
        output = folder / f"{'_'.join(words)}.png"
        seconds = paint(content, style, output, flags)
        row = judge.judge(*(pictures.read(path) for path in (output, content, style)))
        rows[name] = {**row, "seconds": round(seconds, 1), "flags": flags}
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
    parser.add_argument("--flags", default="", help="Flags of `main.py` for every picture.")
    parser.add_argument("--output", type=Path, help="Folder for what is painted.")
    options = parser.parse_args(arguments)
    target = arguments_of.results_of(options)
    output = (options.output or target.parent).resolve()
    output.mkdir(parents=True, exist_ok=True)
    default = ["--size=96", "--coarsest_size=0", "--steps=2"] if options.quick else []
    flags = shlex.split(options.flags)
    pairs = PAIRS if options.pictures else EXAMPLES
    source = (options.pictures or ROOT / "examples").resolve()
    if options.pictures:
        judge.check_calibration(*(pictures.read(source / name) for name in PAIRS[0]))
    results = {}
    for index, (content, style) in enumerate(pairs):
        variants = VARIANTS if options.variants and index == 0 else {"default": default}
        name = f"{Path(content).stem} x {Path(style).stem}"
        pair = (source / content, source / style)
        variants = {variant: [*changes, *flags] for variant, changes in variants.items()}
        results[name] = measure(pair, variants, output)
    if len(results) > 1:
        defaults = [rows["default"] for rows in results.values()]
        results[f"mean of {len(defaults)} pairs"] = {"default": mean(defaults)}
    print(table(results))
    common.write_json(target, results)


if __name__ == "__main__":
    main()
