"""Kills runs at random instants, runs them again, and compares the pictures byte for byte.

    python -m benchmarks.ours.resume_check [--quick] [--kills 20] [--size 192] [--clip FILE]

Every run is `main.py` in a process of its own with `--checkpoint_dir`, killed by SIGKILL at an
instant drawn evenly from the time that an uninterrupted run takes, and then started again with the
same command. Checkpoints are saved as often as their own rule lets them be. With `--clip` they are
runs of `main.py video` on its first ten frames.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem, processes


def measure(kills: int, size: int, clip: Path | None = None, seed: int = 0) -> dict[str, Any]:
    """How many pictures were those of the uninterrupted run, and where the others went on."""
    generator = random.Random(seed)
    content, style = problem.EXAMPLES
    suffix = ".png" if clip is None else ".mp4"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def command(output: str) -> list[str]:
            own = ("--checkpoint_seconds=0",) if clip is None else ("--preview=10",)
            return processes.main_command(
                *(() if clip is None else ("video",)),
                f"--content={clip or content}",
                f"--style={style}",
                f"--size={size}",
                f"--output={folder / output}",
                f"--checkpoint_dir={folder / 'checkpoints'}",
                "--precision=bfloat16",
                *own,
            )

        start = time.perf_counter()
        subprocess.run(command(f"whole{suffix}"), check=True, cwd=problem.ROOT, capture_output=True)
        seconds = time.perf_counter() - start
        whole = (folder / f"whole{suffix}").read_bytes()
        rows = []
        for index in range(kills):
            after = generator.uniform(0, seconds)
            output = f"killed-{index}{suffix}"
            process = subprocess.Popen(
                command(output),
                cwd=problem.ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(after)
            was_running = process.poll() is None
            process.kill()
            process.wait()
            again = subprocess.run(
                command(output), cwd=problem.ROOT, capture_output=True, text=True, check=False
            )
            path = folder / output
            rows.append(
                {
                    "killed_after": round(after, 2),
                    "was_running": was_running,
                    "went_on": "Goes on" in again.stderr,
                    "exit_code": again.returncode,
                    "identical": path.exists() and path.read_bytes() == whole,
                }
            )
            path.unlink(missing_ok=True)
        left = [path.name for path in folder.rglob("*") if path.name != f"whole{suffix}"]
    return {
        "kills": kills,
        "identical": sum(row["identical"] for row in rows),
        "went_on": sum(row["went_on"] for row in rows),
        "seconds": seconds,
        "size": size,
        "left_over": [name for name in left if name != "checkpoints"],
        "rows": rows,
    }


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    return "\n".join(
        [
            "| killed after s | went on from a checkpoint | identical |",
            "|---|---|---|",
            *(
                f"| {row['killed_after']} | {row['went_on']} | {row['identical']} |"
                for row in results["rows"]
            ),
            f"\n{results['identical']} of {results['kills']} identical",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write `resume_check.json`."""
    parser = arguments_of.parser("ours.resume_check", __doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--clip", type=Path, help="In place of a picture.")
    options = parser.parse_args(arguments)
    kills, size = (2, 96) if options.quick else (options.kills, options.size)
    results = measure(kills, size, options.clip)
    print(table(results))
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
