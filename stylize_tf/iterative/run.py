"""One run from coarse to fine: what a step gives back, and what it takes to go on from there."""

from __future__ import annotations

import dataclasses
import gc
import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from stylize_tf.errors import StylizationError
from stylize_tf.evaluation.evaluator import OUT_OF_MEMORY
from stylize_tf.evaluation.segments import Tiles
from stylize_tf.images import image_io
from stylize_tf.iterative.checkpoint import Snapshot
from stylize_tf.iterative.preparation import Preparation
from stylize_tf.iterative.pyramid import Stage
from stylize_tf.iterative.watching import Watch, Work
from stylize_tf.objective.targets import Losses
from stylize_tf.optimizers.method import ImageOptimizer


@dataclasses.dataclass(frozen=True)
class Iterate:
    """Where a stylization stands after one step.

    Attributes:
        stage, stages: which of how many sizes, coarse to fine, from 1.
        step, steps: which of how many steps of the stage, from 1.
        evaluation, evaluations: which of how many steps of all stages, from 1. A stage that has
            converged ends early and skips some; a time budget changes how many there are.
        schedule: steps of each stage, those of past ones as they were.
        height, width: of the picture at this stage, in pixels.
        losses: weighted value of each term for `picture`, which is that of the best step so far of
            this stage; an average over steps (`average_decay`) is told by the best one, too.
        step_losses: the same for the picture that the step began with.
        seconds: what the step took; the first step of a stage includes its preparation.
        remaining: estimated seconds that the other steps take; None until two steps tell the pace.
        messages: what the guards did, in plain words; mostly empty.
        picture: what `image` is made from, on the device; pixels may leave [0, 1].
        finish: what makes it the picture that is shown.
    """

    stage: int
    stages: int
    step: int
    steps: int
    evaluation: int
    evaluations: int
    schedule: tuple[int, ...]
    height: int
    width: int
    losses: dict[str, float]
    step_losses: dict[str, float]
    seconds: float
    remaining: float | None
    messages: tuple[str, ...]
    picture: tf.Tensor = dataclasses.field(repr=False)
    finish: Callable[[np.ndarray], np.ndarray] = dataclasses.field(
        default=lambda image: image, repr=False
    )

    @property
    def loss(self) -> float:
        """The sum of the losses of `picture`."""
        return sum(self.losses.values())

    @property
    def step_loss(self) -> float:
        """The sum of the losses of the picture that the step began with."""
        return sum(self.step_losses.values())

    @property
    def image(self) -> np.ndarray:
        """The result of the stage so far: float32, `[1, height, width, 3]` in [0, 1].

        The picture of the lowest loss, or with `average_decay` the average over the iterates.
        """
        return np.clip(self.finish(np.clip(self.picture.numpy(), 0, 1)), 0, 1)

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        return image_io.encode("iterate.png", self.image)


class Run:
    """The stages of one picture.

    Args:
        preparation: what it takes.
        time_budget: seconds that the steps may take from now on; 0 for as long as it takes.
    """

    def __init__(self, preparation: Preparation, time_budget: float = 0.0):
        self._work = Work(preparation.stages, preparation.costs, time_budget)
        self._preparation = preparation
        self._resumed = preparation.snapshot
        self._opening = (preparation.opening,) if preparation.opening else ()
        if self._resumed is not None:
            self._work.resume(self._resumed.schedule)
        self._optimizer: ImageOptimizer
        self._stage = self._step = 0
        self._best_loss = math.inf
        self._tiles = Tiles()
        self._watch: Watch
        self._losses: dict[str, float] = {}
        self._step_losses: dict[str, float] = {}

    def snapshot(self) -> Snapshot:
        """Where the run stands: after the newest iterate, as long as that is the newest."""
        return Snapshot(
            stage=self._stage,
            step=self._step,
            schedule=self._work.schedule,
            tiles=self._tiles,
            watch=self._watch.numbers(),
            losses=self._losses,
            step_losses=self._step_losses,
            state=[tensor.numpy() for tensor in tf.nest.flatten(self._optimizer.state)],
        )

    def iterates(self) -> Iterator[Iterate]:
        """Makes the steps.

        Raises:
            StylizationError: if the loss is not finite from the start, or memory does not suffice.
        """
        clock = time.perf_counter()
        first = self._resumed.stage if self._resumed else 1
        for number in range(first, len(self._work.stages) + 1):
            stage = self._work.stages[number - 1]
            try:
                done = self._begin(number, stage)
            except OUT_OF_MEMORY as error:
                raise _out_of_memory(stage) from error
            if done:  # The step that a killed run had just made, for who wants its picture.
                yield self._iterate((), 0.0)
            if self._watch.ended or done >= self._work.stages[number - 1].steps:
                continue
            taken = []
            for step in range(done + 1, 1_000_000_000):
                self._step = step
                losses, said = self._evaluated(stage)
                self._note(losses)
                seconds = time.perf_counter() - clock
                taken.append(seconds)
                said += self._work.note(number, step, seconds)
                is_last = step >= self._work.stages[number - 1].steps
                messages, ended = self._watch.look(is_last)
                messages = (*said, *messages)
                is_all = number == len(self._work.stages) and (ended or is_last)
                warning = self._preparation.save(self.snapshot, is_all)
                messages += (warning,) if warning else ()
                yield self._iterate(messages, seconds)
                clock = time.perf_counter()  # What was done with the iterate is not our time.
                if ended or is_last:
                    self._preparation.took(number, taken, self._tiles)
                    break

    def _begin(self, number: int, stage: Stage) -> int:
        """Sets up a stage, and says how many of its steps were made before."""
        self._stage, self._step, self._best_loss = number, 0, math.inf
        prepared = self._prepared = self._preparation.stage(number)
        self._tiles = prepared.tiles
        if self._resumed is None:
            previous = self._optimizer if number > 1 else None
            if previous is None:
                image = self._preparation.initial()
            else:
                image = np.clip(previous.result().numpy(), 0, 1)
                image = np.clip(self._preparation.enlarged(image, stage), 0, 1)
            self._optimizer = ImageOptimizer(
                prepared.evaluate(self._tiles), prepared.method, tf.constant(image), previous
            )
            self._watch = Watch(self._optimizer)
            return 0
        snapshot, self._resumed = self._resumed, None
        blank = tf.zeros([1, stage.height, stage.width, 3])
        self._tiles, self._step = snapshot.tiles, snapshot.step
        self._losses, self._step_losses = snapshot.losses, snapshot.step_losses
        self._optimizer = ImageOptimizer(prepared.evaluate(self._tiles), prepared.method, blank)
        tensors = [tf.constant(array) for array in snapshot.state]
        self._optimizer.state = tf.nest.pack_sequence_as(self._optimizer.state, tensors)
        self._watch = Watch(self._optimizer, snapshot.watch)
        self._best_loss = float(self._optimizer.best_loss)
        return snapshot.step

    def _note(self, losses: Losses) -> None:
        """Takes in the losses of a step, which are those of the picture if it is the best one."""
        self._step_losses = {name: float(value) for name, value in losses.items()}
        best = float(self._optimizer.best_loss)
        if best < self._best_loss or math.isinf(best):
            self._losses, self._best_loss = self._step_losses, best

    def _evaluated(self, stage: Stage) -> tuple[Losses, tuple[str, ...]]:
        """A step; where memory runs out, in smaller tiles, which is then said."""
        prepared = self._prepared
        said: tuple[str, ...] = ()
        while True:
            try:
                return self._optimizer.step(prepared.targets), said
            except OUT_OF_MEMORY as error:
                tiles = prepared.smaller(self._tiles)
                if tiles is None:
                    tried = ", even in small tiles" if self._tiles.banded else ""
                    raise _out_of_memory(stage, tried) from error
                self._tiles = tiles
                self._optimizer.value_and_gradient = prepared.evaluate(tiles)
                said = (f"Out of memory: from here on in tiles of {tiles.pixels} pixels.",)
            gc.collect()

    def _iterate(self, messages: tuple[str, ...], seconds: float) -> Iterate:
        work, number, step = self._work, self._stage, self._step
        messages, self._opening = (*self._opening, *messages), ()
        stage = work.stages[number - 1]
        return Iterate(
            stage=number,
            stages=len(work.stages),
            step=step,
            steps=stage.steps,
            evaluation=work.evaluation(number, step),
            evaluations=work.evaluations,
            schedule=work.schedule,
            height=stage.height,
            width=stage.width,
            losses=self._losses,
            step_losses=self._step_losses,
            seconds=seconds,
            remaining=work.remaining(number, step),
            messages=messages,
            picture=self._optimizer.result(),
            finish=self._prepared.finish,
        )


def _out_of_memory(stage: Stage, tried: str = "") -> StylizationError:
    return StylizationError(
        f"Out of memory at {stage.width}x{stage.height} pixels{tried}. Ask for a smaller `size`, "
        f"or close other programs."
    )
