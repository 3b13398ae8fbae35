"""A clip on its way: frames painted one after the other, kept, and put together last."""

from __future__ import annotations

import collections
import hashlib
import itertools
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stylize_tf.errors import ConfigError, ImageError, OutputError
from stylize_tf.images.files import label_of, reason
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.networks.painting import NetworkFile, NetworkStylizer
from stylize_tf.jobs.outputs import free_name, with_suffix
from stylize_tf.jobs.video.painters import FramesByNetwork, FramesByOptimizer
from stylize_tf.jobs.video.video_job import VideoJob
from stylize_tf.machine.atomic_files import replacing
from stylize_tf.video import encoding, sequence
from stylize_tf.video.flow import flow_of
from stylize_tf.video.frames import Frame, VideoProgress
from stylize_tf.video.pictures import ANIMATIONS, write_animation

if TYPE_CHECKING:
    from stylize_tf.iterative.run import Iterate

FIRST_AS_LATER = 6
"""Frames after the first that take as long as it."""

FEWEST_STEPS = 2
"""Of a frame, however little time there is."""

_RECENT = 9
"""Frames by which the time that is left is told."""


class _Stopped(Exception):  # noqa: N818 - not an error
    """A signal was heard within a frame."""


class FrameStore:
    """Frames that are kept as PNG in a folder, so that memory does not grow with the clip.

    Args:
        folder: of them.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def _path(self, kind: str, number: int) -> Path:
        return self._folder / f"{kind}-{number:08d}.png"

    def has(self, kind: str, number: int) -> bool:
        """Whether there is a frame of a kind and number, from 0."""
        return self._path(kind, number).exists()

    def count(self, kind: str) -> int:
        """Frames of a kind that there are from the first on."""
        return next(number for number in itertools.count() if not self.has(kind, number))

    def read(self, kind: str, number: int) -> np.ndarray | None:
        """The frame, uint8 `[H, W, 3]`; None if there is none."""
        try:
            with Image.open(self._path(kind, number)) as image:
                return np.asarray(image.convert("RGB"))
        except FileNotFoundError:
            return None

    def write(self, kind: str, number: int, image: np.ndarray) -> None:
        """Keeps a frame, uint8 `[H, W, 3]`.

        Raises:
            OutputError: if it cannot be written.
        """
        try:
            with replacing(self._path(kind, number)) as file:
                Image.fromarray(image).save(file, "PNG", compress_level=3)
        except OSError as error:
            raise OutputError(
                f"frames cannot be kept in {label_of(self._folder)}: {reason(error)}. Choose "
                f"another `checkpoint_dir`."
            ) from error


_PASSES = ("painted", "again")
"""What frames of the first and of the second pass are kept as."""


class VideoRun:
    """A clip on its way; leaving it removes frames that nobody asked to keep.

    Args:
        job: what is painted.
        listener: told how it goes, asked whether to stop.
        started: when the command began, by `time.monotonic()`; a time budget counts from there.
    """

    def __init__(self, job: VideoJob, listener: Listener, started: float):
        self.job, self._listener, self._started = job, listener, started
        self._times: list[Fraction] = []
        self._done = self._painted = 0
        self._taken: collections.deque[float] = collections.deque(maxlen=_RECENT)
        self._folder: Path | None = None
        self._is_kept = job.options.checkpoint_dir is not None
        self._store: FrameStore

    def __enter__(self) -> VideoRun:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._folder is not None and not self._is_kept:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def is_empty(self) -> bool:
        """Whether there is no frame yet."""
        return not self._done

    def make(self) -> bool:
        """Paints to the end, or until it is stopped; whether it came to its end.

        Raises:
            ImageError, ConfigError, OutputError, StylizationError, WeightsError: as the parts do.
        """
        self._flow = flow_of(self.job.video.flow)
        self._painter = self._made()
        self._folder = self._made_folder()
        self._store = FrameStore(self._folder)
        kept = self._store.count(_PASSES[0])
        if kept:
            self._listener.info(f"Goes on after frame {kept}.")
        try:
            self._pass(_PASSES[0], self._forwards())
            if not self._times:
                raise ImageError(f"{self.job.source.label} has no frame between `start` and `end`.")
            if self.job.video.passes > 1:
                self._pass(_PASSES[1], self._backwards())
        except _Stopped:
            return False
        return True

    def save(self, *, finished: bool) -> tuple[str, str]:
        """Puts the clip together, of the frames so far; its path, and what is in it.

        Raises:
            OutputError: if it cannot be written.
        """
        path = self.job.output
        if not finished:  # Under a free name: what is there may be anything.
            path = free_name(with_suffix(path, "-unfinished"))
        try:
            self._write(path, is_whole=finished and not self.job.options.preview)
        except OSError as error:
            self._is_kept = True
            raise OutputError(
                f"{label_of(path)} cannot be written: {reason(error)}. Make room, or choose "
                f"another place. The frames are in {str(self._folder)!r}."
            ) from error
        if finished:
            self._is_kept = False
        height, width = self.job.size
        return path, f"{self._done} frames of {width}x{height} pixels"

    def _made_folder(self) -> Path:
        """Where frames are kept: of an equal clip, what there is of it."""
        where = self.job.options.checkpoint_dir
        if where is None:
            return Path(tempfile.mkdtemp(prefix="stylize_tf-"))
        recipe = {**self.job.recipe, "painter": self._painter.recipe}
        digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
        folder = Path(where, f"{digest[:24]}.frames")
        folder.mkdir(exist_ok=True)
        return folder

    def _made(self) -> FramesByOptimizer | FramesByNetwork:
        job = self.job
        if isinstance(job.weights, NetworkFile):
            return FramesByNetwork(NetworkStylizer(job.config, job.weights), job.video)
        from stylize_tf.evaluation.engine import Engine

        config, budget = job.config, job.config.time_budget
        if budget:
            if job.count is None:
                raise ConfigError("`time_budget`: how many frames there are is not known here.")
            share = FIRST_AS_LATER / (FIRST_AS_LATER + job.count * job.video.passes - 1)
            config = config.replace(time_budget=max(1.0, share * self._left_of(budget)))
        engine = Engine.vgg19(job.weights)
        return FramesByOptimizer(config, job.video, engine, job.styles, self._follow)

    def _left_of(self, budget: float) -> float:
        return budget - (time.monotonic() - self._started)

    def _follow(self, iterate: Iterate) -> None:
        if self._listener.is_stopped():
            raise _Stopped

    def _forwards(self) -> Iterator[tuple[int, np.ndarray]]:
        for number, frame in enumerate(self.job.frames()):
            self._times.append(frame.time)
            if self.job.video.passes > 1 and not self._store.has("source", number):
                self._store.write("source", number, sequence.eight_bits(frame.image))
            yield number, frame.image

    def _backwards(self) -> Iterator[tuple[int, np.ndarray]]:
        for number in reversed(range(len(self._times))):
            source = self._store.read("source", number)
            assert source is not None
            yield number, source.astype(np.float32) / 255

    def _pass(self, kind: str, frames: Iterator[tuple[int, np.ndarray]]) -> None:
        """Goes through frames once, in the order in which they come."""
        numbers: list[int] = []
        is_first = kind == _PASSES[0]

        def images() -> Iterator[np.ndarray]:
            for number, image in frames:
                numbers.append(number)
                yield image

        def before(place: int) -> np.ndarray:
            image = self._store.read(_PASSES[0], numbers[place])
            assert image is not None
            return image

        painted = sequence.paint(
            images(),
            self._painter,
            self._flow,
            self.job.video.lags,
            known=lambda place: self._store.read(kind, numbers[place]),
            before=None if is_first else before,
        )
        begun = time.monotonic()
        for place, found in enumerate(painted):
            number = numbers[place]
            is_new = not self._store.has(kind, number)
            if is_new:
                with self._listener.shielded():
                    self._keep(kind, number, found)
            if is_first:
                self._done += 1
            self._painted += 1
            now = time.monotonic()
            self._tell(now - begun, is_new=is_new, has_previous=found.previous is not None)
            begun = time.monotonic()
            if self._listener.is_stopped():
                raise _Stopped

    def _keep(self, kind: str, number: int, found: sequence.Painted) -> None:
        """The frame as it is shown first: one that is there is not painted again."""
        if kind == _PASSES[1] and found.previous is None:  # It stays what it was.
            own = self._store.read(f"shown-{_PASSES[0]}", number)
            shown = found.image if own is None else own
        else:
            image = found.image[np.newaxis].astype(np.float32) / 255
            shown = sequence.eight_bits(self._painter.finish(image)[0].clip(0, 1))
        if not np.array_equal(shown, found.image):
            self._store.write(f"shown-{kind}", number, shown)
        self._store.write(kind, number, found.image)

    def _tell(self, seconds: float, *, is_new: bool, has_previous: bool) -> None:
        count = self.job.count
        frames = None if count is None else max(count * self.job.video.passes, self._painted)
        left = None if frames is None else frames - self._painted
        if is_new and has_previous:
            self._taken.append(seconds)
        remaining = None
        if left is not None and self._taken:
            each = statistics.median(self._taken)
            remaining = left * each
            budget = self.job.config.time_budget
            if budget and left and is_new and has_previous:
                own = max(self._left_of(budget), 0) / left
                asked = self.job.video.frame_steps
                factor = own / each * self._painter.steps[-1] / asked[-1]
                self._painter.steps = tuple(max(FEWEST_STEPS, int(factor * x)) for x in asked)
                self._painter.budget = max(1.0, FIRST_AS_LATER * own)
                self._taken.clear()
        self._listener.frame(VideoProgress(self._painted, frames, seconds, remaining))

    def _write(self, path: str, *, is_whole: bool) -> None:
        times = self._times[: self._done]
        last = times[-1] - times[-2] if len(times) > 1 else 1 / self.job.source.rate
        suffix = Path(path).suffix.lower()
        images = (self._shown(number) for number in range(self._done))
        if suffix in ANIMATIONS:
            loop = self.job.source.metadata.get("loop", 0)
            write_animation(path, images, times, last, loop)
        elif suffix in encoding.CONTAINERS:
            how = self.job.encoding
            if not is_whole:
                how = how._replace(end=times[-1] + last)
            start = times[0] if how.start is not None or how.source is None else Fraction(0)
            how = how._replace(start=start) if how.start is not None else how
            frames = (Frame(x, y - start) for x, y in zip(images, times, strict=True))
            encoding.write(path, frames, how)
        else:
            _write_folder(Path(path), images)

    def _shown(self, number: int) -> np.ndarray:
        """The newest of a frame, as it is shown."""
        for kind in reversed(_PASSES):
            if self._store.has(kind, number):
                shown = self._store.read(f"shown-{kind}", number)
                image = self._store.read(kind, number) if shown is None else shown
                assert image is not None
                return image
        raise AssertionError(number)


def _write_folder(path: Path, images: Iterator[np.ndarray]) -> None:
    """Frames as PNG in a folder, which appears when all of them are there."""
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name[:50]}-", dir=path.parent))
    try:
        for number, image in enumerate(images):
            Image.fromarray(image).save(unfinished / f"{number:06d}.png", "PNG")
        unfinished.chmod(0o755)
        if path.is_dir():
            path.rmdir()
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
