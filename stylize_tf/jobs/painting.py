"""A job on its way: the optimization followed step by step, and what of it is written."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_tf.errors import StylizationError
from stylize_tf.images import image_io, montage
from stylize_tf.images.timelapse import Timelapse
from stylize_tf.iterative.pictures import cropped
from stylize_tf.jobs.job import Job
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.networks.painting import NetworkFile, NetworkStylizer
from stylize_tf.jobs.outputs import Output, new_folder
from stylize_tf.jobs.plan import left_of_budget, remember

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf import Iterate, Stylizer
    from stylize_tf.config.style_transfer import StyleTransferConfig
    from stylize_tf.iterative.checkpoint import Checkpoint
    from stylize_tf.network.weights import Weights


def make_stylizer(config: StyleTransferConfig, weights: Weights | NetworkFile) -> Stylizer:
    """A stylizer on the device that was chosen; a program loads TensorFlow itself before.

    Of a network it is what paints in its place, see `NetworkStylizer`.
    """
    if isinstance(weights, NetworkFile):
        return NetworkStylizer(config, weights)  # type: ignore[return-value]
    from stylize_tf.iterative.stylizer import Stylizer

    return Stylizer(config, weights=weights)


class Painting:
    """A run of a stylizer on a job.

    Attributes:
        job: what is painted.
        last: the newest iterate, None before the first.
    """

    def __init__(self, job: Job, stylizer: Stylizer) -> None:
        self.job = job
        self.last: Iterate | None = None
        self._stylizer = stylizer
        self._checkpoint: Checkpoint | None = None
        if job.options.checkpoint_dir is not None:
            from stylize_tf.iterative.checkpoint import Checkpoint

            where, seconds = job.options.checkpoint_dir, job.options.checkpoint_seconds
            self._checkpoint = Checkpoint(where, seconds)
        self._ending = threading.Lock()
        self._ended = False

    def paint(self, follow: Callable[[Iterate], None], is_stopped: Callable[[], bool]) -> bool:
        """Runs the optimization to its end, or until it is stopped between two steps.

        Args:
            follow: called with each iterate.
            is_stopped: asked after each step whether to end there.

        Returns:
            Whether it came to its end.
        """

        def on_stroke() -> None:
            if is_stopped():
                raise KeyboardInterrupt  # There is nothing of the picture yet.

        iterates = self._stylizer.iterate(
            self.job.sources, checkpoint=self._checkpoint, on_stroke=on_stroke
        )
        where = self.job.options.tensorboard_dir
        if where is not None:
            from stylize_tf.integrations import tensorboard

            name = Path(self.job.output.path).stem
            iterates = tensorboard.logged(iterates, new_folder(str(Path(where, name))))
        for iterate in iterates:
            self.last = iterate
            follow(iterate)
            if is_stopped() and iterate.evaluation < iterate.evaluations:
                return False
        if self.last is None:
            raise StylizationError("the optimization made no step, so there is no picture.")
        return True

    def picture(self) -> np.ndarray:
        """The best picture so far at the size of the finished one: float32 `[1, H, W, 3]`."""
        assert self.last is not None
        image = self.last.image
        content: Any = self.job.sources.content
        height, width = self._stylizer.final_size(content)
        if image.shape[1:3] != (height, width):
            image = image_io.resize(image, height, width).clip(0, 1)
        return image

    def metadata(self, *, finished: bool) -> dict[str, Any]:
        """What the file tells of its making."""
        assert self.last is not None
        config = self._stylizer.config
        if config.time_budget:  # What it came to is what can be run again.
            config = config.replace(steps=self.last.schedule, time_budget=0)
        recipe = self.job.recipe(config)
        return recipe.to_metadata(self.last.losses, self.last.evaluation, finished=finished)

    def write(
        self, output: Output, *, finished: bool, store: Callable[[bytes], str] | None = None
    ) -> tuple[str, str]:
        """Writes that picture, with what is known of its making.

        Args:
            output: what it is called.
            finished: whether it is.
            store: puts the file in its place and tells which; `output.write` if None.

        Returns:
            Its path, and its size as `512x384`.

        Raises:
            OutputError: if it cannot be written.
        """
        image, metadata = self.picture(), self.metadata(finished=finished)
        quality, alpha = self.job.options.quality, self._alpha(*image.shape[1:3])
        data = image_io.encode(output.path, image, metadata=metadata, quality=quality, alpha=alpha)
        path = (store or output.write)(data)
        if finished and self._checkpoint is not None:
            self._checkpoint.remove()
        return path, f"{image.shape[2]}x{image.shape[1]}"

    def finish(self) -> tuple[str, str]:
        """Writes the finished picture where it shall go, see `write`; nothing is left to keep."""
        with self._ending:
            told = self.write(self.job.output, finished=True)
            self._ended = True
        return told

    def _alpha(self, height: int, width: int) -> np.ndarray | None:
        """The photograph's own, where it is kept, as that is cropped and resized."""
        alpha = self.job.alpha
        if alpha is None:
            return None
        if self.job.config.crop == "square":
            alpha = cropped(alpha, 1.0)
        return image_io.resize(alpha, height, width)

    def keep_unfinished(self) -> str | None:
        """Writes what there is under a name of its own, once, whichever thread asks first.

        Returns:
            The path, or None if there was nothing to write, no way to, or it is done.
        """
        with self._ending:
            if self._ended or self.last is None:
                return None
            self._ended = True
            output = self.job.output.unfinished()
            for place in (output, *output.elsewhere()):
                with contextlib.suppress(Exception):
                    return self.write(place, finished=False)[0]
            return None


class Picture(Painting):
    """One picture, and what is written beside it: every Nth step, comparison, time-lapse, regions.

    Whatever goes wrong with those is a warning: the picture is what counts.

    Args:
        job: what is painted.
        listener: who wants it.
        started: when the clock of a time budget began to run, of `time.monotonic()`.
    """

    unfinished = "the best picture so far"
    is_partial = False

    def __init__(self, job: Job, listener: Listener, started: float) -> None:
        stylizer = make_stylizer(job.config, job.weights)
        if stylizer.config.time_budget:
            left = left_of_budget(stylizer.config, time.monotonic() - started)
            stylizer = stylizer.replace(time_budget=left.time_budget)
        super().__init__(job, stylizer)
        self._listener = listener
        self._options = job.options
        self._timelapse: Timelapse | None = None
        self._saved = self._newest = 0

    def make(self) -> bool:
        """Paints, and takes down what is seen on the way.

        Returns:
            Whether it came to its end.
        """
        if self._options.timelapse is not None:
            with self._warning("timelapse"):
                self._timelapse = Timelapse(self._options.timelapse)
        overlay = self._options.regions_overlay
        if overlay is not None:
            with self._warning("regions_overlay"):
                regions = self._stylizer.pictures(self.job.sources).overlay()
                image_io.write(overlay, regions, quality=self._options.quality)
                self._listener.info(f"Wrote the regions {overlay!r}.")
        if self.job.sources.fine_style is not None:
            self._listener.info("First the paintings are given their fine strokes.")
        try:
            return self.paint(self._follow, self._listener.is_stopped)
        except Exception:
            if not self._listener.is_stopped():  # Else it is a library's word for that.
                with self._listener.shielded():
                    path = self.keep_unfinished()
                if path is not None:
                    self._listener.warning(f"the best picture before the failure is {path!r}.")
            raise

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return self.last is None

    def save(self, *, finished: bool) -> tuple[str, str]:
        """Writes the picture; its path, - for standard output, and size."""
        pipe, sizes = self._listener.picture, list[str]()

        def write(output: Output) -> str:
            deliver = functools.partial(output.deliver, pipe=pipe)
            path, size = self.write(output, finished=finished, store=deliver)
            sizes.append(size)
            return path

        return self.job.output.rescuing(write), sizes[0]

    def remember(self, start: float, write: float) -> None:
        """Keeps what the run took, see `plan.remember`; `write` are the seconds of `save`."""
        content: Any = self.job.sources.content
        height, width = self._stylizer.final_size(content)
        asked, written = self.job.config.precision, (height * width, write)
        remember(self._options, [self._stylizer], asked=asked, start=start, written=written)

    def write_views(self) -> None:
        """Writes what else is asked for, of the picture as it is now."""
        if self._options.compare is not None:
            with self._warning("compare"):
                self._write_comparison(self._options.compare)
        if self._timelapse is not None:
            with self._warning("timelapse"):
                self._write_timelapse(self._timelapse)

    def _follow(self, iterate: Iterate) -> None:
        """Every Nth step goes into the time-lapse, or else to a file."""
        self._listener.step(iterate)
        every = self._options.save_every or int(self._options.timelapse is not None)
        if not every or iterate.evaluation // every == self._saved // every:
            return
        self._saved = iterate.evaluation
        with self._listener.shielded():
            if self._timelapse is not None:
                with self._warning("timelapse"):
                    self._timelapse.add(iterate.image)
                    self._newest = iterate.evaluation
            elif self._options.timelapse is None:
                with self._warning("save_every"):  # Room may be made before the end.
                    self.write(self.job.output.intermediate(iterate.evaluation), finished=False)

    def _write_comparison(self, path: str) -> None:
        sources = self.job.sources
        picture = montage.comparison(sources.content, sources.styles, self.picture())
        image_io.write(path, picture, quality=self._options.quality)
        height, width = picture.shape[1:3]
        self._listener.info(f"Wrote the comparison {path!r}, {width}x{height} pixels.")

    def _write_timelapse(self, timelapse: Timelapse) -> None:
        last = self.last
        if last is None or last.evaluation != self._newest or last.stage < last.stages:
            timelapse.add(self.picture())  # At the final size, which all frames take.
        timelapse.save()
        self._listener.info(f"Wrote the time-lapse {self._options.timelapse!r}.")

    @contextlib.contextmanager
    def _warning(self, name: str) -> Iterator[None]:
        """Turns an error into a warning that names an option."""
        try:
            yield
        except Exception as error:
            self._listener.failed(f"`{name}`", error)
