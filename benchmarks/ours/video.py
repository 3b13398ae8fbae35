"""How calm painted clips are: warping error, style, sharpness and seconds, by clip and by painter.

    python -m benchmarks.ours.video [--quick] [--frames 40] [--clips FILE ...] [--network NET.keras]
        [--only NAME ...] [--all] [--output FOLDER]

A clip of known motion (`harness.clip`: the camera turns, zooms and pans over a photograph, a thing
passes before it) as it is, with a cut, with noise and with changing light, and the files that are
given. Each is painted frame by frame (`apart`) and as `main.py video` does (`together`), by the
optimizer and by a network.

error 1, error 10  mean squared difference of every eighth frame from the one 1 or 10 before,
         brought along by the motion, where that is seen in both, of pixels in [0, 1], times 1000.
         Of files, whose motion is not known, by the flow that is estimated, where that can be
         trusted.
gram     of every eighth frame, see `benchmarks.judge`.
fine     energy of the luma in the top octave, of those frames but the first: to be held against
         that of `apart`, of which these and those 1 and 10 before are painted, or with --all all.
first, others  seconds of the first frame, with tracing, and the median of the others; the flow,
         some 30 ms a frame at 256 pixels, is not in them.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common
from benchmarks.harness.clip import scene
from benchmarks.harness.problem import EXAMPLES, ROOT
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.video import VideoConfig
from stylize_tf.evaluation.engine import Engine
from stylize_tf.feedforward import network_files
from stylize_tf.images import image_io
from stylize_tf.jobs.networks.painting import NetworkFile, NetworkStylizer
from stylize_tf.jobs.video.painters import FramesByNetwork, FramesByOptimizer
from stylize_tf.judge import judge
from stylize_tf.video import sequence
from stylize_tf.video.clips import Clip
from stylize_tf.video.flow import dense_inverse_search
from stylize_tf.video.warping import Previous, reliable, warped

LUMA = np.array([0.299, 0.587, 0.114])
LAGS = (1, 10)
JUDGED = 8

Painted = dict[int, np.ndarray]
"""Number of a frame -> the frame, float32 `[H, W, 3]` in [0, 1]."""

Motion = Callable[[int, int], tuple[np.ndarray, np.ndarray]]
"""(frame, other) -> the flow from one to the other, and where it is known."""


def clips(
    count: int, size: tuple[int, int], files: Sequence[Path]
) -> Iterator[tuple[str, list[np.ndarray], Motion]]:
    """Name, frames and motion of each clip."""
    land = image_io.read(EXAMPLES[0])
    thing = image_io.read(ROOT / "examples" / "astronaut.jpg")
    kinds: dict[str, dict[str, Any]] = {
        "moving": {},
        "cut": {"cut": count // 2},
        "noise": {"noise": 4.0},
        "light": {"light": 0.2},
    }
    for name, options in kinds.items():
        made = scene(land, thing, size, **options)
        yield name, [made.frame(number) for number in range(count)], made.motion
    for path in files:
        frames = [x.image for x in itertools.islice(Clip(path).frames(), count)]
        scale = max(size) / max(frames[0].shape[:2])
        sides = [round(side * scale) for side in frames[0].shape[:2]]
        frames = [image_io.resize(x[np.newaxis], *sides)[0].clip(0, 1) for x in frames]
        yield path.stem, frames, estimated(frames)


def estimated(frames: Sequence[np.ndarray]) -> Motion:
    """The motion of a clip of which it is not known."""
    flow = dense_inverse_search()

    def motion(number: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        there = flow(frames[number], frames[other])
        return there, reliable(there, flow(frames[other], frames[number]))

    return motion


def warping_error(painted: Painted, motion: Motion, lag: int) -> float:
    """Mean squared difference of judged frames from those `lag` before, brought along."""
    errors = []
    for number in range(JUDGED, max(painted) + 1, JUDGED):
        if number < lag:
            continue
        flow, seen = motion(number, number - lag)
        if seen.mean() > 0.02:
            before = warped(painted[number - lag], flow).clip(0, 1)
            squares = np.square(painted[number] - before).mean(axis=2)
            errors.append((squares * seen).sum() / seen.sum())
    return float(np.mean(errors)) * 1000 if errors else float("nan")


def fine_energy(image: np.ndarray) -> float:
    """Energy of the luma above half of the highest frequency of either axis."""
    luma = image @ LUMA
    height, width = luma.shape
    windowed = (luma - luma.mean()) * np.hanning(height)[:, None] * np.hanning(width)
    power = np.abs(np.fft.fft2(windowed)) ** 2
    rows, columns = np.abs(np.fft.fftfreq(height)), np.abs(np.fft.fftfreq(width))
    return float(power[np.maximum(rows[:, None], columns) > 0.25].sum())


def together(
    frames: Sequence[np.ndarray],
    painter: Callable[[np.ndarray, Previous | None], np.ndarray],
    lags: Sequence[int],
) -> tuple[Painted, list[float]]:
    """The painted frames, each from those before, and the seconds of each."""
    taken = []

    def timed(frame: np.ndarray, previous: Previous | None) -> np.ndarray:
        start = time.perf_counter()
        image = painter(frame, previous)
        taken.append(time.perf_counter() - start)
        return image

    found = sequence.paint(frames, timed, dense_inverse_search(), lags)
    return {n: x.image.astype(np.float32) / 255 for n, x in enumerate(found)}, taken


def apart(
    frames: Sequence[np.ndarray],
    painter: Callable[[np.ndarray, Previous | None], np.ndarray],
    *,
    is_all: bool,
) -> tuple[Painted, list[float]]:
    """The frames that are judged, and those that they are held against, each of its own; or all."""
    numbers = {*range(len(frames))} if is_all else {0}
    for number in range(JUDGED, len(frames), JUDGED):
        numbers |= {number, *(number - lag for lag in LAGS if number >= lag)}
    painted, taken = {}, []
    for number in sorted(numbers):
        start = time.perf_counter()
        image = painter(frames[number][np.newaxis], None)[0]
        taken.append(time.perf_counter() - start)
        painted[number] = sequence.eight_bits(image).astype(np.float32) / 255
    return painted, taken


def figures(
    painted: Painted,
    taken: Sequence[float],
    frames: Sequence[np.ndarray],
    motion: Motion,
    style: np.ndarray,
) -> dict[str, float]:
    """All that is measured of a painted clip."""
    numbers = range(0, len(frames), JUDGED)
    judged = [judge.judge(painted[n][np.newaxis], frames[n][np.newaxis], style) for n in numbers]
    return {
        **{f"error {lag}": warping_error(painted, motion, lag) for lag in LAGS},
        **{name: float(np.mean([x[name] for x in judged])) for name in ("gram", "gram*", "cont")},
        "fine": float(np.mean([fine_energy(painted[n]) for n in numbers[1:]])),
        "first": taken[0],
        "others": float(np.median(taken[1:])),
    }


def painters(
    size: int, network: Path | None, style: np.ndarray, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Name -> what paints, optimizer and network."""
    config, video = StyleTransferConfig(size=size), VideoConfig(**changes)
    made: dict[str, Any] = {"optimizer": FramesByOptimizer(config, video, Engine.vgg19(), (style,))}
    if network is not None:
        styles = tuple(network_files.config_in(network)["styles"])
        file = NetworkFile(network, styles, (None,), "", "network")
        made["network"] = FramesByNetwork(NetworkStylizer(config, file), video)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Paint, measure, print a table, and write `video.json`."""
    parser = arguments_of.parser("ours.video", __doc__)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--clips", type=Path, nargs="*", default=[], help="Further clips.")
    parser.add_argument("--only", nargs="*", help="Names of the clips that are painted.")
    parser.add_argument("--style", type=Path, default=EXAMPLES[1])
    parser.add_argument("--network", type=Path, help="A .keras file that has learned the style.")
    parser.add_argument("--options", nargs="*", default=[], help="Of VideoConfig, as blend=.5.")
    parser.add_argument("--all", action="store_true", help="Paint every frame apart, too.")
    parser.add_argument("--output", type=Path, help="Folder for frames, apart above together.")
    options = parser.parse_args(arguments)
    count, long_side = (12, 64) if options.quick else (options.frames, options.size)
    style = image_io.read(options.style)
    changes = {
        x: tuple(map(int, y.split(","))) if x in ("frame_steps", "lags") else float(y)
        for x, _, y in (z.partition("=") for z in options.options)
    }
    made = painters(long_side, options.network, style, changes)
    lags = VideoConfig(**changes).lags
    rows: dict[str, dict[str, float]] = {}
    for name, frames, motion in clips(count, (long_side * 3 // 4, long_side), options.clips):
        if options.only and name not in options.only:
            continue
        for kind, painter in made.items():
            both = []
            for way in ("apart", "together"):
                if way == "apart":
                    painted, taken = apart(frames, painter, is_all=options.all)
                else:
                    painted, taken = together(frames, painter, lags)
                row = figures(painted, taken, frames, motion, style)
                rows[f"{name}, {kind}, {way}"] = row
                both.append(painted)
                print(row_text(f"{name}, {kind}, {way}", row), file=sys.stderr)
            if options.output:
                save(options.output / f"{name}_{kind}", frames, *both)
    print("\n".join(table(rows)))
    common.write_json(arguments_of.results_of(options), {"rows": rows, "options": changes})


def row_text(name: str, row: Mapping[str, float]) -> str:
    """A line of Markdown."""
    return f"| {name} | " + " | ".join(f"{value:.3g}" for value in row.values()) + " |"


def table(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Markdown."""
    columns = list(next(iter(rows.values())))
    head = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return [*head, *(row_text(name, row) for name, row in rows.items())]


def save(folder: Path, frames: Sequence[np.ndarray], *several: Painted) -> None:
    """Frames, and what was painted of all of them, one above the other, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        if all(number in painted for painted in several):
            image = np.concatenate([frame, *(painted[number] for painted in several)])
            pixels = (image * 255).round().clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:03d}.png")


if __name__ == "__main__":
    main()
