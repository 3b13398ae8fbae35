"""A stylizer without TensorFlow for the tests of the command line.

Run as a script it is the command line with that stylizer in it, slowed down for signals to hit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.sources import Sources
from stylize_tf.jobs import painting
from stylize_tf.machine import tensorflow_runtime
from stylize_tf.network import weights

WEIGHTS = SimpleNamespace(source="weights for tests", kind="npz", sha256="0" * 64, tensors={})

INPUTS = ("--content=photo.png", "--style=painting.png")
SHORT = ("--size=48", "--coarsest_size=32", "--steps=3,2")
ALL = ("--content=photos", "--style=paintings", "--output_dir=out")
NAMES = [f"{photo}_{painting}.png" for painting in ("sea", "sky") for photo in ("cat", "dog")]
"""Of the pictures of the fixture `many`, and of what it comes to."""

EVALUATIONS = 5
"""Steps of a picture with `SHORT`, in two stages."""

MADE: list[Any] = []
"""Configurations of the stylizers that were made, not those replaced in another."""

RUNS: list[SimpleNamespace] = []
"""`config`, `sources` and `checkpoint` of the pictures, in their order."""


@dataclasses.dataclass(frozen=True)
class Iterate:
    """What the command line reads of the real one."""

    stage: int
    stages: int
    step: int
    steps: int
    evaluation: int
    evaluations: int
    height: int
    width: int
    losses: dict[str, float]
    image: np.ndarray = dataclasses.field(repr=False)
    seconds: float = 0.25
    remaining: float | None = 12.0
    messages: tuple[str, ...] = ()
    schedule: tuple[int, ...] = ()

    @property
    def loss(self) -> float:
        return sum(self.losses.values())

    step_loss = loss


def at_step(hook: Callable[[int], Any]) -> type:
    """A stylizer that blends photograph and paintings, calling `hook` before each evaluation."""

    class Stylizer:
        def __init__(self, config: Any, weights: Any) -> None:
            assert weights is WEIGHTS
            self.config = config.replace(precision="float32")
            self.engine = SimpleNamespace(samples={})

        def replace(self, **changes: Any) -> Stylizer:
            return type(self)(self.config.replace(**changes), WEIGHTS)

        def final_size(self, content: np.ndarray) -> tuple[int, int]:
            return pyramid.final_size(self.config, *content.shape[1:3])

        def iterate(
            self, sources: Sources, *, checkpoint: Any = None, on_stroke: Any = None
        ) -> Iterator[Iterate]:
            run = SimpleNamespace(config=self.config, sources=sources, checkpoint=checkpoint)
            RUNS.append(run)
            stages = list(pyramid.stages(self.config, self.final_size(sources.content)))
            evaluations = sum(stage.steps for stage in stages)
            evaluation = 0
            for number, stage in enumerate(stages, start=1):
                start = sources.content if sources.initial is None else sources.initial
                image = image_io.resize(start, stage.height, stage.width)
                for step in range(1, stage.steps + 1):
                    evaluation += 1
                    hook(evaluation)
                    color = np.mean([style.mean((0, 1, 2)) for style in sources.styles], axis=0)
                    image = (0.9 * image + 0.1 * color).astype(np.float32)
                    losses = {"content": 0.25, "style": 1 / evaluation}
                    yield Iterate(
                        number,
                        len(stages),
                        step,
                        stage.steps,
                        evaluation,
                        evaluations,
                        stage.height,
                        stage.width,
                        losses,
                        image.clip(0, 1),
                        schedule=tuple(stage.steps - 1 for stage in stages),
                    )

    return Stylizer


def install(
    put: Callable[[Any, str, Any], Any] = setattr,
    hook: Callable[[int], Any] = lambda evaluation: None,
    devices: tuple[str, ...] = ("auto",),
) -> None:
    """Puts it in place of the real one, with weights that are none and no TensorFlow.

    Args:
        put: as `setattr`; in tests `monkeypatch.setattr`.
        hook: called before each evaluation.
        devices: that there are.
    """
    runtime = tensorflow_runtime.Runtime(lambda name: contextlib.nullcontext(), devices)
    stylizer = at_step(hook)
    MADE.clear()
    RUNS.clear()

    def make(config: Any, weights: Any) -> Any:
        MADE.append(config)
        return stylizer(config, weights)

    put(tensorflow_runtime, "load", lambda *arguments, **options: runtime)
    put(painting, "make_stylizer", make)
    put(weights, "find", lambda *arguments, **options: WEIGHTS)


def at(step: int, *actions: Callable[[], Any]) -> Callable[[int], None]:
    """A hook that does something at a step, counted over all pictures from 1."""
    steps = itertools.count(1)

    def hook(evaluation: int) -> None:
        if next(steps) == step:
            for act in actions:
                act()

    return hook


def send_at(step: int, *signals: int) -> Callable[[int], None]:
    """A hook that gets signals at a step."""
    return at(step, *(functools.partial(signal.raise_signal, signum) for signum in signals))


def throw(error: BaseException) -> Callable[[], Any]:
    """What raises an error when it is called."""

    def thrower() -> None:
        raise error

    return thrower


def fail_at(step: int, error: BaseException) -> Callable[[int], None]:
    """A hook that raises an error at a step."""
    return at(step, throw(error))


class ResourceExhaustedError(Exception):
    """TensorFlow's own, as far as its name goes."""

    __module__ = "tensorflow.python.framework.errors_impl"


def full_disk(descriptor: int) -> None:
    """In place of `os.fsync`."""
    raise OSError(28, "No space left on device")


def names(folder: Any = ".") -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in Path(folder).iterdir())


def untimed(line: str) -> str:
    """The line without how long it took, which hangs on the machine."""
    return re.sub(r" in \d[\d:]*( s)?(?=[.;])", "", line)


def draw(path: Any, size: tuple[int, int] = (40, 60), seed: int = 0) -> None:
    """A picture of noise, of a height and a width."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def digest(path: Any) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


if __name__ == "__main__":

    def slowly(evaluation: int) -> None:
        with contextlib.suppress(OSError, AttributeError):
            sys.stderr.write(f"step {evaluation}\n")  # In one piece, for there may be threads.
            sys.stderr.flush()
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0.05")))

    install(hook=slowly, devices=tuple(os.environ.get("FAKE_DEVICES", "auto").split(",")))
    from stylize_tf.__main__ import run

    run()
