"""Runs the benchmarks and prints the table of figures: `make bench`, `bench-all`, `bench-quick`.

    python -m benchmarks.harness.run [--all] [--only NAME ...] [--quick] [--pictures FOLDER]
        [--variants]

Without flags: what takes under a quarter of an hour on two cores, without other programs. `--all`
adds them (`pip install -r benchmarks/requirements-bench.txt`) and the large sizes: some hours, less
the peers' own runs, which are kept. Each script leaves a file in `--results`; the table is made of
all files there, so that scripts may be run apart. What was not measured is said so. `--quick` runs
every script at a tiny size, to see that it works, and makes no figures.
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import figures
from benchmarks.harness.problem import ROOT


@dataclasses.dataclass(frozen=True)
class Script:
    """A benchmark.

    Attributes:
        module: under `benchmarks`.
        short: its flags in a short run; None leaves it out.
        full: its flags with `--all`.
        peers: whether it takes `--torch_python`.
        pictures: whether it takes `--pictures`.
    """

    module: str
    short: tuple[str, ...] | None
    full: tuple[str, ...] = ()
    peers: bool = False
    pictures: bool = False

    @property
    def name(self) -> str:
        """Of the script, and of its results."""
        return self.module.rpartition(".")[2]


SMALL_MEMORY = ("--sizes", "512", "1024", "--modes", "whole float32", "whole bfloat16")
SMALL_MEMORY += ("2.5 GB float32",)
SCRIPTS = (
    Script("ours.startup", ("--runs", "3")),
    Script("ours.picture_times", ("--sizes", "512")),
    Script("peers.evaluation_cost", ("--ours_only", "--rounds", "3"), peers=True),
    Script("ours.memory_and_time", SMALL_MEMORY),
    Script("ours.dry_run", ("--sizes", "256", "512")),
    Script("ours.folder_throughput", ("--separate", "4")),
    Script("judge.quality", (), pictures=True),
    Script("peers.time_to_quality", None, peers=True),
    Script("ours.resume_check", None),
    Script("ours.art_direction", None, pictures=True),
    Script("ours.tile_updates", None),
    Script("ours.mean_activations", None),
    Script("ours.video", None),
    Script("ours.service", None),
    Script("ours.beam", None),
    Script("peers.twin_check", None, peers=True),
)


def command(script: Script, options: argparse.Namespace) -> list[str] | None:
    """The command line of a script; None if it is not asked for."""
    if options.only and script.name not in options.only:
        return None
    flags = script.full if options.all or options.only else script.short
    if options.quick:
        flags = ("--quick",)
    if flags is None:
        return None
    words = [sys.executable, "-m", f"benchmarks.{script.module}", *flags]
    words += ["--json", str(options.results / f"{script.name}.json")]
    if script.peers:
        words += ["--torch_python", options.torch_python]
    if script.pictures and options.pictures:
        words += ["--pictures", str(options.pictures)]
    if script.name == "quality" and options.variants:
        words += ["--variants"]
    return words


def run(scripts: Sequence[Script], options: argparse.Namespace) -> list[str]:
    """Runs what is asked for, one after the other; the names of those that failed."""
    failed = []
    for script in scripts:
        words = command(script, options)
        if words is None:
            continue
        print(f"\n{script.name}\n", flush=True)
        start = time.perf_counter()
        if subprocess.run(words, cwd=ROOT, check=False).returncode:
            failed.append(script.name)
            # What an earlier run left would pass for this one's.
            (options.results / f"{script.name}.json").unlink(missing_ok=True)
        print(f"\n{time.perf_counter() - start:.0f} s", flush=True)
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the table, and return 1 if a script failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.harness.run", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--all", action="store_true", help="Everything, with other programs.")
    names = [script.name for script in SCRIPTS]
    parser.add_argument("--only", nargs="+", choices=names, help="These, as with --all.")
    parser.add_argument("--quick", action="store_true", help="Tiny sizes, to see that it works.")
    parser.add_argument("--results", type=Path, default=arguments_of.OUTPUT)
    parser.add_argument("--pictures", type=Path, help="Folder of the pairs of `quality`.")
    parser.add_argument("--variants", action="store_true", help="For `quality`.")
    arguments_of.add_torch_python(parser)
    options = parser.parse_args(arguments)
    options.results = options.results.resolve()
    if options.quick:
        options.results /= "quick"  # Tiny sizes say nothing: no figure may be made of them.
    failed = run(SCRIPTS, options)
    if options.quick:
        figures.figures(figures.read(options.results)[0])  # Can be made, and say nothing.
    else:
        print("\nfigures\n")
        figures.main([str(options.results)])
    if failed:
        print(f"\nFailed, and so not measured: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
