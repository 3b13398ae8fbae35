"""Where a run that was killed goes on: its state, in a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from stylize_tf.evaluation.segments import Tiles
from stylize_tf.iterative.pyramid import Stage
from stylize_tf.machine.atomic_files import replacing
from stylize_tf.optimizers.method import Method

FORMAT = 2
"""Of the file; others are not read."""

_SUFFIX = ".checkpoint"
_MOST_OF_THE_TIME = 0.05


class Snapshot(NamedTuple):
    """All that decides how a run goes on after a step; equal snapshots give equal pictures.

    Attributes:
        stage, step: the last step made, both from 1.
        schedule: steps of each stage.
        tiles: how the picture is evaluated.
        watch: the numbers of `Watch`.
        losses: of the best picture.
        step_losses: of the step, before it.
        state: of the optimization method, as a flat list.
    """

    stage: int
    step: int
    schedule: tuple[int, ...]
    tiles: Tiles
    watch: tuple[float, ...]
    losses: dict[str, float]
    step_losses: dict[str, float]
    state: list[np.ndarray]


def fits(snapshot: Snapshot, stages: Sequence[Stage], method: Method) -> bool:
    """Whether a snapshot is one of a run through these stages."""
    if len(snapshot.schedule) != len(stages) or not 1 <= snapshot.stage <= len(stages):
        return False
    stage = stages[snapshot.stage - 1]
    blank = method.initial(tf.zeros([1, stage.height, stage.width, 3]))
    shapes = [(tensor.shape, tensor.dtype) for tensor in tf.nest.flatten(blank)]
    return shapes == [(array.shape, array.dtype) for array in snapshot.state]


class Checkpoint:
    """The file of one run in a folder that many runs may share.

    Its name is made of all that decides the pixels: a run finds the file of an equal run only.

    Args:
        folder: of the files; made if it is not there.
        seconds: between two savings, at least; writing never takes more than a twentieth of the
            time.
    """

    def __init__(self, folder: str | os.PathLike[str], seconds: float = 15.0):
        self.folder = Path(folder)
        self._seconds = seconds
        self._recipe: dict[str, Any] = {}
        self._saved = time.monotonic()
        self._took = 0.0

    @property
    def path(self) -> Path:
        """Of the file, once the run is known."""
        text = json.dumps(self._recipe, sort_keys=True)
        return self.folder / (hashlib.sha256(text.encode()).hexdigest()[:24] + _SUFFIX)

    def find(
        self, recipe: Mapping[str, Any], fits: Callable[[Snapshot], bool] = lambda snapshot: True
    ) -> tuple[Snapshot | None, str]:
        """Where an equal run stood, and what there is to say about it.

        Args:
            recipe: all that decides the pixels, as plain data.
            fits: whether a run can go on from a snapshot.

        Raises:
            OSError: if the folder cannot be made.
        """
        self._recipe = json.loads(json.dumps(recipe))
        self._saved = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            snapshot = self._read()
            if not fits(snapshot):
                raise ValueError("its state is not one of this run")
        except FileNotFoundError:
            others = sum(1 for _ in self.folder.glob(f"*{_SUFFIX}"))
            if not others:
                return None, ""
            return None, (
                f"No checkpoint of this run in {str(self.folder)!r}, only {others} of other "
                f"pictures, options or versions: it begins at the beginning."
            )
        except Exception as error:  # Readers of such files raise many kinds.
            return None, (
                f"The checkpoint {str(self.path)!r} cannot be used ({error}): the run begins at "
                f"the beginning."
            )
        return snapshot, (
            f"Goes on from a checkpoint, at stage {snapshot.stage}, step {snapshot.step}."
        )

    def is_due(self) -> bool:
        """Whether enough time has gone by since the last saving."""
        waited = time.monotonic() - self._saved
        return waited >= max(self._seconds, self._took / _MOST_OF_THE_TIME)

    def save(self, snapshot: Snapshot) -> str:
        """Replaces the file; returns what there is to say if that fails, which harms no picture."""
        start = time.monotonic()
        try:
            with replacing(self.path) as file:
                np.savez(file, **_arrays(snapshot, self._recipe))  # type: ignore[arg-type]
        except OSError as error:
            return f"Cannot save the checkpoint {str(self.path)!r}: {error.strerror}."
        finally:
            self._saved = time.monotonic()
            self._took = self._saved - start
        return ""

    def remove(self) -> None:
        """Removes the file, when the picture is safe."""
        if self._recipe:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _read(self) -> Snapshot:
        with self.path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            if header["format"] != FORMAT or header["recipe"] != self._recipe:
                raise ValueError("it is of another run")
            return Snapshot(
                stage=int(header["stage"]),
                step=int(header["step"]),
                schedule=tuple(int(steps) for steps in header["schedule"]),
                tiles=Tiles(*(int(number) for number in header["tiles"])),
                watch=tuple(arrays["watch"].tolist()),
                losses=dict(zip(header["losses"], arrays["losses"].tolist(), strict=True)),
                step_losses=dict(
                    zip(header["losses"], arrays["step_losses"].tolist(), strict=True)
                ),
                state=[arrays[f"state_{index}"] for index in range(int(header["tensors"]))],
            )


def _arrays(snapshot: Snapshot, recipe: Mapping[str, Any]) -> dict[str, np.ndarray]:
    header = {
        "format": FORMAT,
        "recipe": recipe,
        "stage": snapshot.stage,
        "step": snapshot.step,
        "schedule": snapshot.schedule,
        "tiles": snapshot.tiles,
        "losses": list(snapshot.losses),
        "tensors": len(snapshot.state),
    }
    state = {f"state_{index}": array for index, array in enumerate(snapshot.state)}
    return {
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
        "watch": np.array(snapshot.watch, np.float64),
        "losses": np.array(list(snapshot.losses.values()), np.float64),
        "step_losses": np.array(list(snapshot.step_losses.values()), np.float64),
        **state,
    }
