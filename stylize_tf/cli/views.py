"""What is shown of a picture beside the picture itself: --compare and --timelapse."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stylize_tf.cli.console import Console
from stylize_tf.cli.failures import explain
from stylize_tf.cli.painting import Painting

if TYPE_CHECKING:
    from stylize_tf import Iterate
    from stylize_tf.images.timelapse import Timelapse


class Views:
    """The comparison and the time-lapse of a picture, as far as they are asked for.

    Whatever goes wrong with them is a warning: the picture is what counts.

    Args:
        painting: whose picture it is.
        console: for warnings, and for what was written.
    """

    def __init__(self, painting: Painting, console: Console) -> None:
        self._painting = painting
        self._console = console
        self._options = painting.job.options
        self._timelapse: Timelapse | None = None
        self._newest = 0
        if self._options.timelapse is not None:
            from stylize_tf.images.timelapse import Timelapse

            with self._warning("timelapse"):
                self._timelapse = Timelapse(self._options.timelapse)

    def write_regions(self) -> None:
        """Writes what shows the regions, if it is asked for."""
        path = self._options.regions_overlay
        if path is None:
            return
        from stylize_tf.images import image_io

        with self._warning("regions_overlay"):
            image_io.write(path, self._painting.regions_overlay(), quality=self._options.quality)
            self._console.info(f"Wrote the regions {path!r}.")

    def add_frame(self, iterate: Iterate) -> None:
        """Takes a step into the time-lapse."""
        if self._timelapse is None:
            return
        with self._warning("timelapse"):
            self._timelapse.add(iterate.image)
            self._newest = iterate.evaluation

    def write(self) -> None:
        """Writes what is asked for, of the picture as it is now."""
        if self._options.compare is not None:
            with self._warning("compare"):
                self._write_comparison(self._options.compare)
        if self._timelapse is not None:
            with self._warning("timelapse"):
                self._write_timelapse(self._timelapse)

    def _write_comparison(self, path: str) -> None:
        from stylize_tf.images import image_io
        from stylize_tf.images.montage import comparison

        job = self._painting.job
        picture = comparison(job.content, job.styles, self._painting.picture())
        image_io.write(path, picture, quality=self._options.quality)
        height, width = picture.shape[1:3]
        self._console.info(f"Wrote the comparison {path!r}, {width}x{height} pixels.")

    def _write_timelapse(self, timelapse: Timelapse) -> None:
        last = self._painting.last
        if last is None or last.evaluation != self._newest or last.stage < last.stages:
            timelapse.add(self._painting.picture())  # At the final size, which all frames take.
        timelapse.save()
        self._console.info(f"Wrote the time-lapse {self._options.timelapse!r}.")

    @contextlib.contextmanager
    def _warning(self, flag: str) -> Iterator[None]:
        """Turns an error into a warning."""
        try:
            yield
        except Exception as error:
            self._console.warning(f"--{flag}: {explain(error)[0]}")
