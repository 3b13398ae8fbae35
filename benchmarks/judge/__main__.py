"""Judges the pictures named on the command line: see `benchmarks.judge.judge`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import common
from stylize_tf.judge import judge, pictures


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge the pictures named on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judge", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("pictures", nargs="+", help="The stylized pictures.")
    parser.add_argument("--content", required=True, help="The photograph they were made from.")
    parser.add_argument("--style", required=True, help="The painting.")
    parser.add_argument("--weights", help="A VGG19 file, where it is not to be looked for.")
    parser.add_argument("--json", help="Also write the rows to this file.")
    options = parser.parse_args(arguments)
    judge_picture = judge.default_judge(options.weights)
    content, style = pictures.read(options.content), pictures.read(options.style)
    rows = {}
    for path in options.pictures:
        started = time.perf_counter()
        picture = pictures.read(path)
        height, width = picture.shape[1:3]
        name = f"{Path(path).name} ({width}x{height})"
        while name in rows:
            name += "'"
        rows[name] = judge_picture(picture, content, style)
        print(f"{path}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    print(judge.table(rows))
    if options.json:
        names = {"content": Path(options.content).name, "style": Path(options.style).name}
        common.write_json(options.json, {**names, "pictures": rows})


if __name__ == "__main__":
    main()
