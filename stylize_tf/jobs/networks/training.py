"""A network trained from files, and written to one: everything that can be checked first is."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stylize_tf.config.training import TrainingConfig
from stylize_tf.errors import ConfigError, ImageError, OutputError, StylizationError
from stylize_tf.images import image_io, montage
from stylize_tf.images.files import label_of, reason, sha256
from stylize_tf.jobs.folder.finding import find_files
from stylize_tf.jobs.job import find_weights
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options.training import TrainingOptions
from stylize_tf.jobs.outputs import make_folder, new_folder, stem_of
from stylize_tf.machine.atomic_files import try_replacing
from stylize_tf.machine.extras import require
from stylize_tf.machine.tensorflow_runtime import versions

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf.feedforward.training import Progress, Trainer
    from stylize_tf.network.weights import Weights

SUFFIX = ".keras"
"""Of files of networks."""

WHERE_PHOTOGRAPHS_ARE = (
    "`photos` must be given: a folder of photographs, a few dozen of any kind. Have you none? "
    "`make photographs` fetches 40 free ones into build/photographs."
)

SAMPLES, SAMPLE_SIDE = 3, 384
"""Photographs of a sample, and pixels of their long side."""

_AROUND_SECONDS = 3.0
"""Of a time budget, to write the network."""

_SEEN, _LEFT_OUT = 20, 0.5
"""Steps after which a training ends of which this share was left out."""


class TrainingJob(NamedTuple):
    """A training whose every input was looked at and whose output can be written.

    Attributes:
        config: how it is trained.
        options: all else.
        paintings: name of a style -> float32 `[1, H, W, 3]`.
        photos: files of photographs; whether each can be read is seen as it is met.
        weights: of VGG19.
    """

    config: TrainingConfig
    options: TrainingOptions
    paintings: Mapping[str, np.ndarray]
    photos: tuple[str, ...]
    weights: Weights

    @property
    def output(self) -> str:
        """The file of the network."""
        assert self.options.output is not None
        return self.options.output

    @property
    def recipe(self) -> dict[str, Any]:
        """All that decides the network, as plain data."""
        options = self.options
        photos = [[Path(x).name, Path(x).stat().st_size] for x in self.photos]
        paintings = {stem_of(path): sha256(path) for path in options.style}
        return {
            "config": {**self.config.to_dict(), "time_budget": bool(self.config.time_budget)},
            "paintings": paintings,
            "photos": hashlib.sha256(json.dumps(photos).encode()).hexdigest(),
            "start": None if options.start is None else sha256(options.start),
            "weights": self.weights.sha256,
            "versions": versions(),
        }


def prepare(
    options: Mapping[str, Any], config: Mapping[str, Any], listener: Listener
) -> TrainingJob:
    """Reads and checks all that a training needs, cheapest first.

    Args:
        options: fields of `TrainingOptions` that were given.
        config: fields of `TrainingConfig` that were given.
        listener: told of what is odd.

    Raises:
        ConfigError, ImageError, OutputError, WeightsError, StylizationError: saying which of it
            cannot be had.
    """
    asked, how = TrainingOptions(**options), TrainingConfig(**config)
    if not asked.style:
        raise ConfigError("`style` must be given: a painting to learn from.")
    if not asked.photos:
        raise ConfigError(WHERE_PHOTOGRAPHS_ARE)
    if how.trained != "all" and asked.start is None:
        raise ConfigError(f"`trained` {how.trained} goes with `start`: name a network.")
    if how.time_budget and "steps" in config:
        raise ConfigError("`steps` and `time_budget` exclude each other: leave one out.")
    names = [stem_of(path) for path in asked.style]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"`style` must be of different names, as the styles have them; got {name!r} "
                f"{names.count(name)} times. Rename a file."
            )
    _check_outputs(asked)
    photos = find_files("photos", asked.photos, listener.warning)
    paintings = {name: image_io.read(path) for name, path in zip(names, asked.style, strict=True)}
    return TrainingJob(how, asked, paintings, tuple(photos), find_weights(asked, listener))


def _check_outputs(options: TrainingOptions) -> None:
    """Raises an error unless everything can be written where it is to go."""
    path = options.output
    if path is None or Path(path).suffix != SUFFIX:
        got = "" if path is None else f"; got {path!r}"
        raise ConfigError(f"`output` must be given, a file that ends in {SUFFIX}{got}.")
    if Path(path).is_dir():
        raise OutputError(f"{label_of(path)} is a folder. Name a file in it.")
    try:
        try_replacing(Path(path))
    except OSError as error:
        raise _unwritable(path, error) from error
    if options.tensorboard_dir is not None:
        require("tensorboard", "tensorboard", "tensorboard_dir")
    for folder in (options.samples, options.tensorboard_dir):
        if folder is not None:
            make_folder(folder)


def _unwritable(path: str, error: OSError) -> OutputError:
    return OutputError(
        f"{label_of(path)} cannot be written: {reason(error)}. Choose another place."
    )


class Training:
    """A training on its way.

    Args:
        job: what is trained.
        listener: told how it goes, asked whether to stop.
        started: when the command began, by `time.monotonic()`; a time budget counts from there.

    Attributes:
        last: where it stands, None before the first step.
    """

    def __init__(self, job: TrainingJob, listener: Listener, started: float):
        self.job = job
        self.last: Progress | None = None
        self._listener = listener
        self._started = started
        self._trainer: Trainer | None = None
        self._photographs: Any = None
        self._checkpoint = Path(job.output + ".checkpoint")
        self._recipe = job.recipe

    def make(self) -> bool:
        """Trains to the end, or until it is stopped between two steps; whether it came to its end.

        Raises:
            ImageError: if no photograph is of use.
            ConfigError, WeightsError: if the network to start with cannot be had, or is another.
            StylizationError: if there is nothing to be learned from gradients.
        """
        trainer = self._trainer = self._made()
        self._go_on(trainer)
        saved, tenth = time.monotonic(), None
        for progress in self._logged(trainer.steps()):
            self.last = progress
            self._listener.trained(progress)
            _check_left_out(progress)
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

        Raises:
            OutputError: if it cannot be written; what it had come to is kept.
        """
        from stylize_tf.feedforward import network_files

        assert self._trainer is not None
        try:
            network_files.save(
                self._trainer.averaged(),
                self.job.output,
                self._about(),
                compact=self.job.options.compact,
            )
        except OSError as error:
            raise _unwritable(self.job.output, error) from error
        if finished:
            with contextlib.suppress(OSError):
                self._checkpoint.unlink()
        size = Path(self.job.output).stat().st_size
        return self.job.output, f"{size / 1e6:.1f} MB"

    @property
    def is_empty(self) -> bool:
        """Whether there is no network to write yet."""
        return self.last is None

    @property
    def left_out(self) -> Mapping[int, str]:
        """Number of a photograph -> why it was left out."""
        return {} if self._photographs is None else self._photographs.refused

    def _about(self) -> dict[str, Any]:
        """What the file tells of its making."""
        assert self.last is not None
        return {**self._recipe, "config": self.job.config.to_dict(), "steps": self.last.step}

    def _made(self) -> Trainer:
        from stylize_tf.evaluation.engine import Engine
        from stylize_tf.feedforward.network import Network
        from stylize_tf.feedforward.photographs import Photographs
        from stylize_tf.feedforward.training import Trainer, objective_config
        from stylize_tf.iterative.stylizer import Stylizer

        job, config = self.job, self.job.config
        start = None if job.options.start is None else Network.load(job.options.start)
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
            start,
        )

    def _go_on(self, trainer: Trainer) -> None:
        """Takes the state of an equal training that was killed, if there is one."""
        from stylize_tf.feedforward import training_checkpoint

        try:
            trainer.restore(training_checkpoint.load(self._checkpoint, self._recipe))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._listener.warning(
                f"{str(self._checkpoint)!r} is not used: {error}. The training begins anew."
            )
            return
        self._listener.info(f"Going on after step {trainer.done}.")

    def _save_state(self, trainer: Trainer) -> None:
        from stylize_tf.feedforward import training_checkpoint

        with self._listener.shielded():
            try:
                training_checkpoint.save(self._checkpoint, self._recipe, trainer.state())
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
        images = []
        for path in self.job.photos:
            with contextlib.suppress(ImageError):
                image = image_io.read(path)
                height, width = image.shape[1:3]
                scale = SAMPLE_SIDE / max(height, width)
                sides = (max(9, round(x * scale)) for x in (height, width))
                images.append(image_io.resize(image, *sides))
            if len(images) == SAMPLES:
                break
        return images


def _check_left_out(progress: Progress) -> None:
    if progress.step >= _SEEN and progress.left_out > _LEFT_OUT * progress.step:
        raise StylizationError(
            f"the gradients of {progress.left_out} of {progress.step} steps were not finite, so "
            f"nothing is learned. Lower `learning_rate`, or give `precision` float32."
        )
