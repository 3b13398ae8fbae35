"""Makes the pictures of README's gallery, every one by the command that is printed under it.

python examples/gallery.py [NAME ...]     # all of them take a quarter of an hour
python examples/gallery.py --markdown     # what README shows of them
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "examples" / "gallery"
PAIR = ("--content", "examples/content.jpg", "--style", "examples/style.jpg")
DOTS = "--style examples/dots.jpg"
WIDTHS = {"compare": 900, "overlay": 640, "portrait": 512}
WIDTHS |= dict.fromkeys(("sheet", "walk", "sizes", "matches", "spaces", "feathers"), 900)
"""Of pictures that are shown alone, in pixels; others keep the size they are made in."""

SIZE = 384
"""Long side of the pictures where the command says nothing of it."""

FIRST = "default"
"""The picture at the top of README: the default, of 512 pixels."""


class Shown(NamedTuple):
    """A picture of the gallery.

    Attributes:
        name: of its file, without the extension.
        flags: after those of the pair.
        text: what it shows.
        beside: flag that names the file which is shown in place of the picture.
        pair: flags of photograph and painting; of another pair than the example README shows them.
    """

    name: str
    flags: str
    text: str
    beside: str = ""
    pair: tuple[str, ...] = PAIR

    @property
    def told(self) -> str:
        """Flags that README names under the picture."""
        flags = (*(() if self.pair == PAIR else self.pair), self.flags)
        return " ".join(filter(None, flags))


def _pair(content: str, style: str) -> tuple[str, ...]:
    """Flags of photograph and painting, by the names of their files in `examples/`."""
    return ("--content", f"examples/{content}.jpg", "--style", f"examples/{style}.jpg")


GROUPS: dict[str, tuple[Shown, ...]] = {
    "How much painting": (
        Shown("strength_half", "--strength .5", "nearer to the photograph"),
        Shown("strength_one", "", "the default"),
        Shown("strength_more", "--strength 1.5", "nearer to the painting"),
        Shown("sizes", "--sheet size=256,384,512", "the same look at every size"),
    ),
    "People, an animal, a street": (
        Shown("child", "", "a child and a bear", pair=_pair("child", "style")),
        Shown("horse", "", "a horse and its rider", pair=_pair("horse", "harvesters")),
        Shown("street", "", "a street", pair=_pair("street", "glass")),
        Shown(
            "portrait",
            "--size 512",
            "a portrait at the default size",
            pair=_pair("astronaut", "harvesters"),
        ),
    ),
    "At once, by the network that comes with the program": tuple(
        Shown(
            f"network_{style}",
            f"--network --network_style {style}",
            text,
            pair=("--content", "examples/street.jpg"),
        )
        for style, text in (
            ("glass", "a street in stained glass"),
            ("swirls", "in swirls"),
            ("harvesters", "as Bruegel"),
        )
    ),
    "Whose strokes": (
        Shown("fine", "--style_scale .5", "the same painting at half the size"),
        Shown("dabs", "--fine_style examples/dots.jpg", "strokes of another painting"),
        Shown("blend", DOTS, "two paintings blended"),
    ),
    "Whose colors": (
        Shown("color_content", "--color content", "colors of the photograph, given back"),
        Shown("color_luminance", "--color luminance", "painted in grey, colors given back"),
        Shown("color_match", "--color match", "the painting brought to its colors"),
        Shown(
            "matches",
            "--color match --sheet color_match=symmetric,pca,cholesky,histogram",
            "four ways to bring it there",
        ),
        Shown(
            "spaces",
            "--color content --sheet color_space=lab,oklab,yiq --sheet color_amount=.5,1",
            "half and all of the colors, told from lightness in three ways",
        ),
    ),
    "Where": (
        Shown("sky", "--content_mask examples/sky.png", "only the sky is painted"),
        Shown(
            "two_regions",
            f"{DOTS} --content_mask examples/land.png --content_mask examples/sky.png",
            "each region in the manner of its own painting",
        ),
        Shown(
            "swirl", "--style_mask examples/swirl.png", "of the painting only the blue whirlpool"
        ),
        Shown(
            "overlay",
            "--regions auto:2 --regions_overlay overlay.png",
            "which these are, and which part of the painting they take",
            "--regions_overlay",
        ),
        Shown("auto", "--regions auto:2", "regions found without a mask"),
        Shown(
            "feathers",
            "--content_mask examples/sky.png --sheet mask_feather=0,.01,.04",
            "softer and softer borders of a mask",
        ),
    ),
    "All at once": (
        Shown(
            "sheet",
            "--sheet strength=.5,1,1.5 --sheet style_scale=.5,1",
            "a sheet over two options",
        ),
        Shown(
            "walk",
            f"{DOTS} --sheet 'style_blend_weights=1,0;3,1;1,1;1,3;0,1'",
            "a walk from one painting to the other",
        ),
        Shown("compare", "--compare compare.png", "photograph, painting and picture", "--compare"),
        Shown(
            "timelapse",
            "--timelapse timelapse.webp --save_every 12",
            "how it came about",
            "--timelapse",
        ),
    ),
}


def path_of(shown: Shown) -> Path:
    """Where README finds the picture."""
    extension = ".webp" if shown.beside == "--timelapse" else ".jpg"
    return FOLDER / (shown.name + extension)


def make(shown: Shown) -> None:
    """Runs the command and keeps its picture."""
    flags = shown.flags.replace("'", "").split()
    of_its_own = "--sheet" in flags or "--size" in flags or shown.name == FIRST
    size = [] if of_its_own else ["--size", str(SIZE)]
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "picture.png")
        if shown.beside:
            place = flags.index(shown.beside) + 1
            shown_file = Path(folder, flags[place])
            flags[place] = str(shown_file)
        else:
            shown_file = picture
        command = [sys.executable, "main.py", "--quiet", *shown.pair, *size, *flags]
        subprocess.run([*command, "--output", str(picture)], cwd=ROOT, check=True)
        target = path_of(shown)
        if target.suffix == ".webp":
            target.write_bytes(shown_file.read_bytes())
            return
        image = Image.open(shown_file).convert("RGB")
        width = WIDTHS.get(shown.name, image.width)
        if width < image.width:
            height = round(image.height * width / image.width)
            image = image.resize((width, height), Image.Resampling.LANCZOS)
        image.save(target, quality=88, optimize=True)


def markdown() -> str:
    """The part of README that shows them."""
    lines = []
    for group, pictures in GROUPS.items():
        lines += [f"### {group}", ""]
        for row in _rows(pictures):
            images = [f"![{x.text}](examples/gallery/{path_of(x).name})" for x in row]
            flags = [f"`{x.told}`: {x.text}" if x.told else x.text for x in row]
            lines += [
                "| " * len(row) + "|",
                "|---" * len(row) + "|",
                f"| {' | '.join(images)} |",
                f"| {' | '.join(flags)} |",
                "",
            ]
    return "\n".join(lines)


def _rows(pictures: tuple[Shown, ...]) -> list[tuple[Shown, ...]]:
    """Up to three beside each other; wide ones alone, after the others."""
    narrow = [x for x in pictures if not _is_wide(x)]
    rows = [tuple(narrow[start : start + 3]) for start in range(0, len(narrow), 3)]
    return rows + [(x,) for x in pictures if _is_wide(x)]


def _is_wide(shown: Shown) -> bool:
    return shown.name in WIDTHS or shown.beside == "--timelapse"


def main() -> None:
    """Parses the command line and makes what it names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="Only these.")
    parser.add_argument("--markdown", action="store_true", help="Print README's part instead.")
    arguments = parser.parse_args()
    if arguments.markdown:
        print(markdown())
        return
    FOLDER.mkdir(exist_ok=True)
    pictures = [Shown(FIRST, "", "the default"), *(x for group in GROUPS.values() for x in group)]
    unknown = set(arguments.names) - {shown.name for shown in pictures}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))} in the gallery.")
    for shown in pictures:
        if not arguments.names or shown.name in arguments.names:
            print(shown.name, shown.told, flush=True)
            make(shown)


if __name__ == "__main__":
    main()
