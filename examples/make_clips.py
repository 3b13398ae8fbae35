"""Makes README's clip, and shows what the benchmark paints of it: animations and a flick-book.

python examples/make_clips.py            # a clip alone: stylized/clips/camera.mp4, with its sound
python examples/make_clips.py --gallery  # and what README shows of it, in a quarter of an hour
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.harness.clip import scene  # noqa: E402 - after the path is known
from stylize_tf.images import image_io  # noqa: E402
from stylize_tf.video.pictures import write_animation  # noqa: E402

FOLDER = ROOT / "stylized" / "clips"
GALLERY = ROOT / "examples" / "gallery"
COUNT, RATE, SIZE = 40, 25, (192, 256)
EVERY = 10
"""Frames from one of the flick-book to the next."""


def frames() -> list[np.ndarray]:
    """The camera over the lake, an astronaut before it: uint8 `[H, W, 3]`."""
    land = image_io.read(ROOT / "examples" / "content.jpg")
    thing = image_io.read(ROOT / "examples" / "astronaut.jpg")
    made = scene(land, thing, SIZE)
    return [(made.frame(n) * 255).round().astype(np.uint8) for n in range(COUNT)]


def write_clip(path: Path, images: list[np.ndarray]) -> None:
    """The clip, with a sound that rises and falls as the camera pans."""
    import av

    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"crf": "12"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        sound = output.add_stream("aac", rate=48_000)
        for image in images:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))
        seconds = np.arange(48_000 * COUNT // RATE) / 48_000
        pitch = 330 + 110 * np.sin(2 * np.pi * seconds / 2)
        wave = 6000 * np.sin(2 * np.pi * np.cumsum(pitch) / 48_000)
        for start in range(0, len(wave), 1024):
            part = wave[np.newaxis, start : start + 1024].astype(np.int16)
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))


def show(painted: Path) -> None:
    """Writes what README shows, of the frames that the benchmark keeps: three above each other."""
    stacks = [np.asarray(Image.open(path)) for path in sorted(painted.glob("*.png"))]
    _, apart, together = zip(*(np.split(stack, 3) for stack in stacks), strict=True)
    times = [Fraction(number, RATE) for number in range(len(stacks))]
    for name, images in (("apart", apart), ("together", together)):
        path = GALLERY / f"video_{name}.webp"
        write_animation(str(path), images, times, Fraction(1, RATE), quality=70)
    rows = [np.concatenate(images[::EVERY], axis=1) for images in (apart, together)]
    Image.fromarray(np.concatenate(rows)).save(GALLERY / "video_book.jpg", quality=90)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gallery", action="store_true", help="Also paint it, and show that.")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_clip(FOLDER / "camera.mp4", frames())
    if options.gallery:
        measured = ["-m", "benchmarks.ours.video", "--only", "moving", "--all"]
        measured += ["--output", str(FOLDER)]
        subprocess.run([sys.executable, *measured], cwd=ROOT, check=True)
        show(FOLDER / "moving_optimizer")
