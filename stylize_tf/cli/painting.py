"""One picture on its way: the optimization followed step by step, and what of it is written."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from stylize_tf.cli.exits import CommandError, Exit

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf import Iterate, Stylizer
    from stylize_tf.cli.plan import Job
    from stylize_tf.iterative.checkpoint import Checkpoint


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
        self._checkpoint = self._make_checkpoint()
        self._ending = threading.Lock()
        self._ended = False

    def paint(self, follow: Callable[[Iterate], None], stopped: Callable[[], bool]) -> bool:
        """Runs the optimization to its end, or until it is stopped between two steps.

        Args:
            follow: called with each iterate.
            stopped: asked after each step whether to end there.

        Returns:
            Whether it came to its end.
        """
        job = self.job

        def on_stroke() -> None:
            if stopped():
                raise KeyboardInterrupt  # There is nothing of the picture yet.

        iterates = self._stylizer.iterate(
            job.content,
            job.styles,
            job.initial,
            checkpoint=self._checkpoint,
            content_masks=job.content_masks,
            style_masks=job.style_masks,
            fine_style=job.fine_style,
            on_stroke=on_stroke,
        )
        for iterate in iterates:
            self.last = iterate
            follow(iterate)
            if stopped() and iterate.evaluation < iterate.evaluations:
                return False
        if self.last is None:
            raise CommandError(
                "the optimization made no step, so there is no picture.", Exit.FAILED
            )
        return True

    def _make_checkpoint(self) -> Checkpoint | None:
        folder = self.job.options.checkpoint_dir
        if folder is None:
            return None
        from stylize_tf.iterative.checkpoint import Checkpoint

        return Checkpoint(folder, self.job.options.checkpoint_seconds)

    def regions_overlay(self) -> np.ndarray:
        """Photograph and paintings with their regions, side by side: float32 `[1, H, W, 3]`."""
        job = self.job
        pictures = self._stylizer.pictures(
            job.content,
            job.styles,
            initial=job.initial,
            content_masks=job.content_masks,
            style_masks=job.style_masks,
            fine_style=job.fine_style,
        )
        return pictures.overlay()

    def picture(self) -> np.ndarray:
        """The best picture so far at the size of the finished one: float32 `[1, H, W, 3]`."""
        from stylize_tf.images import image_io

        assert self.last is not None
        image = self.last.image
        height, width = self._stylizer.final_size(self.job.content)
        if image.shape[1:3] != (height, width):
            image = image_io.resize(image, height, width).clip(0, 1)
        return image

    def write(self, path: str, *, finished: bool) -> str:
        """Writes that picture, with what is known of its making.

        Returns:
            Its size, as `512x384`.

        Raises:
            OutputError: if it cannot be written.
        """
        from stylize_tf.images import image_io

        assert self.last is not None
        image = self.picture()
        config = self._stylizer.config
        if config.time_budget:  # What it came to is what can be run again.
            config = config.replace(steps=self.last.schedule, time_budget=0)
        metadata = self.job.recipe(config).to_metadata(
            self.last.losses, self.last.evaluation, finished=finished
        )
        image_io.write(path, image, metadata=metadata, quality=self.job.options.quality)
        if finished and self._checkpoint is not None:
            self._checkpoint.remove()
        return f"{image.shape[2]}x{image.shape[1]}"

    def keep_unfinished(self) -> str | None:
        """Writes what there is under a name of its own, once, whichever thread asks first.

        Returns:
            The path, or None if there was nothing to write, no way to, or it is done.
        """
        with self._ending:
            if self._ended or self.last is None:
                return None
            self._ended = True
            path = self.job.output.unfinished()
            with contextlib.suppress(Exception):
                self.write(path, finished=False)
                return path
            return None
