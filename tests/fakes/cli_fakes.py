"""A stylizer without TensorFlow for the tests of the command line.

Run as a script it is the command line with that stylizer in it, slowed down for signals to hit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from stylize_tf.cli import runtime
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid
from stylize_tf.network import weights

WEIGHTS = SimpleNamespace(source="weights for tests", kind="npz", sha256="0" * 64, tensors={})


CHECKPOINTS: list[Any] = []
"""What `iterate` was given, run by run."""

MASKS: list[tuple[Sequence[np.ndarray], Sequence[np.ndarray]]] = []
"""Masks of contents and of styles that `iterate` was given, run by run."""

FINE_STYLES: list[np.ndarray | None] = []
"""Likewise, the paintings that lend their strokes."""


class StylizationError(RuntimeError):
    """As that of `stylize_tf.iterative.stylizer`, which cannot be imported without TensorFlow."""


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
    remaining: float = 12.0
    messages: tuple[str, ...] = ()
    schedule: tuple[int, ...] = ()

    @property
    def loss(self) -> float:
        return sum(self.losses.values())


def at_step(hook: Callable[[int], Any]) -> type:
    """A stylizer that blends photograph and paintings, calling `hook` before each evaluation."""

    class Stylizer:
        def __init__(self, config: Any, *, weights: Any) -> None:
            assert weights is WEIGHTS
            self.config = config.replace(precision="float32")

        def final_size(self, content: np.ndarray) -> tuple[int, int]:
            return pyramid.final_size(self.config, *content.shape[1:3])

        def iterate(
            self,
            content: np.ndarray,
            styles: Sequence[np.ndarray],
            initial: Any = None,
            checkpoint: Any = None,
            *,
            content_masks: Sequence[np.ndarray] = (),
            style_masks: Sequence[np.ndarray] = (),
            fine_style: np.ndarray | None = None,
            on_stroke: Any = None,
        ) -> Iterator[Iterate]:
            CHECKPOINTS.append(checkpoint)
            MASKS.append((content_masks, style_masks))
            FINE_STYLES.append(fine_style)
            stages = list(pyramid.stages(self.config, self.final_size(content)))
            evaluations = sum(stage.steps for stage in stages)
            evaluation = 0
            for number, stage in enumerate(stages, start=1):
                start = content if initial is None else initial
                image = image_io.resize(start, stage.height, stage.width)
                for step in range(1, stage.steps + 1):
                    evaluation += 1
                    hook(evaluation)
                    color = np.mean([style.mean((0, 1, 2)) for style in styles], axis=0)
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


def fake_load(
    hook: Callable[[int], Any] = lambda evaluation: None, devices: tuple[str, ...] = ("auto",)
) -> Callable[..., Any]:
    """In place of `runtime.load`."""

    def load(device: str, threads: int = 0, **_: Any) -> runtime.Runtime:
        placement = contextlib.nullcontext
        return runtime.Runtime(at_step(hook), StylizationError, placement, devices)

    return load


def digest(path: Any) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


if __name__ == "__main__":

    def slowly(evaluation: int) -> None:
        with contextlib.suppress(OSError, AttributeError):
            sys.stderr.write(f"step {evaluation}\n")  # In one piece, for there may be threads.
            sys.stderr.flush()
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0.05")))

    runtime.load = fake_load(slowly, tuple(os.environ.get("FAKE_DEVICES", "auto").split(",")))
    weights.find = lambda *arguments, **options: WEIGHTS
    from stylize_tf.cli.stylize import run

    run()
