"""A network trained from files, and written to one."""

from __future__ import annotations

import collections
import contextlib
import functools
import hashlib
import json
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_tf.errors import ImageError, OutputError, StylizationError
from stylize_tf.feedforward import network_files
from stylize_tf.images import image_io, montage
from stylize_tf.images.files import reason
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.networks.training_job import TrainingJob, unwritable
from stylize_tf.jobs.outputs import free_name, new_folder, stem_of, with_suffix

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf.feedforward.training.trainer import Progress, Trainer

SAMPLES, SAMPLE_SIDE = 3, 384
"""Photographs of a sample, and pixels of their long side."""

_AROUND_SECONDS = 3.0
"""Of a time budget, to write the network."""

_SEEN = 20
"""Steps of which half were left out end a training."""


class Training:
    """A training on its way.

    Args:
        job: what is trained.
        listener: told how it goes, asked whether to stop.
        started: when the command began, by `time.monotonic()`; a time budget counts from there.
        devices: that may share each batch; as many do as divide it.

    Attributes:
        last: where it stands, None before the first step.
    """

    def __init__(
        self, job: TrainingJob, listener: Listener, started: float, devices: Sequence[str] = ()
    ):
        self.job = job
        self.last: Progress | None = None
        self._listener = listener
        self._started = started
        most = range(1, max(1, len(devices)) + 1)
        self._devices = devices[: max(count for count in most if job.config.batch % count == 0)]
        self._trainer: Trainer | None = None
        self._photographs: Any = None
        self._recipe = job.recipe
        digest = hashlib.sha256(json.dumps(self._recipe, sort_keys=True).encode()).hexdigest()
        # Of another training to the same file it must not be lost for a forgotten flag.
        self._checkpoint = Path(f"{job.output}.{digest[:8]}.checkpoint")
        self._saved: int | None = None

    def make(self) -> bool:
        """Trains to the end, or until it is stopped between two steps; whether it came to its end.

        Raises:
            ImageError: if no photograph is of use.
            ConfigError, WeightsError: if the network to start with cannot be had, or is another.
            StylizationError: if there is nothing to be learned from gradients.
        """
        trainer = self._trainer = self._made()
        self._go_on(trainer)
        try:
            return self._train(trainer)
        except Exception:
            if self.last is not None:
                with self._listener.shielded(), contextlib.suppress(OutputError):
                    path, _ = self.save(finished=False)
                    self._listener.warning(f"the network before the failure is {path!r}.")
            raise

    def _train(self, trainer: Trainer) -> bool:
        saved, tenth = time.monotonic(), None
        left_out = collections.deque([0], _SEEN + 1)
        for progress in self._logged(trainer.steps()):
            self.last = progress
            self._listener.trained(progress)
            left_out.append(progress.left_out)
            _check_left_out(left_out)
            if tenth is not None and int(progress.share * 10) > tenth:
                self._write_sample(progress)
            tenth = int(progress.share * 10)
            stops = self._listener.is_stopped() and progress.share < 1
            if stops or time.monotonic() - saved >= self.job.options.checkpoint_seconds:
                self._save_state(trainer)
                saved = time.monotonic()
            if stops:
                return False
        return True

    def save(self, *, finished: bool) -> tuple[str, str]:
        """Writes the network as it is; its path, and how large it is.

        One that is not finished replaces none that is.

        Raises:
            OutputError: if it cannot be written; it says in which other file it is, if it is.
        """
        path = self.job.output
        if not finished and Path(path).exists() and not _is_unfinished(path):
            path = with_suffix(path, "-unfinished")
        try:
            size = self._write(path, finished=finished)
        except OSError as error:
            refused = unwritable(path, error)
            for place in (Path(), Path(tempfile.gettempdir())):
                other = free_name(str(place / Path(path).name))
                with contextlib.suppress(OSError):
                    self._write(other, finished=finished)
                    raise OutputError(f"{refused} The network is in {other!r}.") from error
            raise refused from error
        if finished:
            with contextlib.suppress(OSError):
                self._checkpoint.unlink()
        return path, f"{size / 1e6:.1f} MB"

    def _write(self, path: str, *, finished: bool) -> int:
        assert self._trainer is not None
        compact, about = self.job.options.compact, self._about(finished=finished)
        network_files.save(self._trainer.averaged(), path, about, compact=compact)
        return Path(path).stat().st_size

    @property
    def ending(self) -> str:
        """How an interrupted training goes on."""
        if self._saved is None:
            return "There is no state to go on from."
        last = self.last.step if self.last is not None else 0
        here = "here" if self._saved == last else f"step {self._saved}"
        return f"The same command goes on from {here}."

    @property
    def is_empty(self) -> bool:
        """Whether there is no network to write yet."""
        return self.last is None

    @property
    def left_out(self) -> Mapping[int, str]:
        """Number of a photograph -> why it was left out."""
        return {} if self._photographs is None else self._photographs.refused

    def _about(self, *, finished: bool) -> dict[str, Any]:
        """What the file tells of its making."""
        assert self.last is not None
        own = {"config": self.job.config.to_dict(), "steps": self.last.step, "finished": finished}
        return {**self._recipe, **own}

    def _made(self) -> Trainer:
        from stylize_tf.evaluation.engine import Engine
        from stylize_tf.feedforward.network import Network
        from stylize_tf.feedforward.training.photographs import Photographs
        from stylize_tf.feedforward.training.step import objective_config
        from stylize_tf.feedforward.training.trainer import Trainer
        from stylize_tf.iterative.stylizer import Stylizer

        job, config = self.job, self.job.config
        start = job.options.start
        network = None if start is None else Network.load(network_files.path_of(start))
        self._photographs = Photographs(job.photos)
        self._photographs.crops(config.seed, 0, 1, config.crop)  # That there is one.
        asked = objective_config(config).replace(precision=config.precision)
        engine = Engine.vgg19(job.weights)
        asked = Stylizer(asked, engine=engine).config
        evaluator = engine.evaluator(asked)
        if config.time_budget:
            left = config.time_budget - (time.monotonic() - self._started) - _AROUND_SECONDS
            config = config.replace(time_budget=max(left, 1.0))
        return Trainer(
            config,
            evaluator.extractor,
            engine.objective(asked),
            job.paintings,
            self._photographs,
            network,
            self._devices,
        )

    def _go_on(self, trainer: Trainer) -> None:
        """Takes the state of an equal training that was killed, if there is one."""
        from stylize_tf.feedforward.training import checkpoint

        try:
            trainer.restore(checkpoint.load(self._checkpoint, self._recipe))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._listener.warning(
                f"{str(self._checkpoint)!r} is not used: {error}. The training begins anew."
            )
            return
        self.last, self._saved = trainer.standing, trainer.done
        self._listener.info(f"Going on after step {trainer.done}.")

    def _save_state(self, trainer: Trainer) -> None:
        from stylize_tf.feedforward.training import checkpoint

        with self._listener.shielded():
            try:
                checkpoint.save(self._checkpoint, self._recipe, trainer.state())
                self._saved = trainer.done
            except OSError as error:  # Room may be made before the end.
                self._listener.warning(
                    f"{str(self._checkpoint)!r} cannot be written: {reason(error)}."
                )

    def _logged(self, steps: Iterator[Progress]) -> Iterator[Progress]:
        folder = self.job.options.tensorboard_dir
        if folder is None:
            return steps
        from stylize_tf.integrations import tensorboard

        own = new_folder(str(Path(folder, stem_of(self.job.output))))
        return tensorboard.logged_training(steps, own)

    def _write_sample(self, progress: Progress) -> None:
        """What the network paints now, of a few photographs, in every style."""
        folder = self.job.options.samples
        if folder is None:
            return
        assert self._trainer is not None
        network = self._trainer.averaged()
        try:
            cells = [
                [network(image, style=style).numpy() for style in network.styles]
                for image in self._sampled
            ]
            picture = montage.sheet(
                cells, [""] * len(cells), network.styles, title=f"step {progress.step}"
            )
            with self._listener.shielded():
                image_io.write(Path(folder, f"step-{progress.step:06d}.png"), picture)
        except Exception as error:
            self._listener.failed("`samples`", error)

    @functools.cached_property
    def _sampled(self) -> list[np.ndarray]:
        """Photographs that samples are painted of."""
        from stylize_tf.feedforward.network import SMALLEST_SIDE

        images = []
        for path in self.job.photos:
            with contextlib.suppress(ImageError):
                image = image_io.read(path)
                height, width = image.shape[1:3]
                scale = SAMPLE_SIDE / max(height, width)
                sides = (max(SMALLEST_SIDE, round(x * scale)) for x in (height, width))
                images.append(image_io.resize(image, *sides))
            if len(images) == SAMPLES:
                break
        return images


def _check_left_out(left_out: Sequence[int]) -> None:
    """Raises a `StylizationError` if too many of the newest steps were left out."""
    newest = left_out[-1] - left_out[0]
    if len(left_out) > _SEEN and newest > _SEEN / 2:
        raise StylizationError(
            f"the gradients of {newest} of the last {_SEEN} steps were not finite, so nothing is "
            f"learned. Lower `learning_rate`, or give `precision` float32."
        )


def _is_unfinished(path: str) -> bool:
    """Whether a file is a network that may be replaced by another that is not finished, either."""
    try:
        return network_files.read_about(path).get("finished") is False
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
