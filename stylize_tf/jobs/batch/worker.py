"""Who paints the pictures of a batch: TensorFlow and what is kept warm, once in a process."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_tf.config.presets import PRESETS
from stylize_tf.errors import ConfigError, ImageError, OutputError, StylizationError, WeightsError
from stylize_tf.jobs import inputs, painting
from stylize_tf.jobs import job as jobs
from stylize_tf.jobs.batch.tasks import How, Task
from stylize_tf.jobs.folder import tasks as folders
from stylize_tf.jobs.folder.tasks import Folder
from stylize_tf.jobs.job import Job
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.networks.painting import NetworkFile
from stylize_tf.jobs.options.painting import Options
from stylize_tf.machine import tensorflow_runtime
from stylize_tf.machine.newest import Newest

if TYPE_CHECKING:
    import numpy as np

KNOWN = (ConfigError, ImageError, OutputError, WeightsError, StylizationError)
"""Errors whose text is a line for users."""

_PAINTINGS = 16
"""Decoded ones that are kept."""


class _Log(Listener):
    """Tells the log, which a runner brings to who started it."""

    def warning(self, text: str) -> None:
        logging.getLogger("stylize_tf").warning("%s", text)


class Painter:
    """Paints pictures one at a time, whichever thread asks: TensorFlow itself takes all cores.

    Args:
        how: they are painted.

    Raises:
        StylizationError, WeightsError, ConfigError: if TensorFlow, the weights or the network
            cannot be had.
    """

    def __init__(self, how: How) -> None:
        self._how = how
        self._options = Options(**how.options)
        self._config = jobs.configured(how.given(), PRESETS[self._options.preset])
        self._listener = _Log()
        self._weights = jobs.find_painter(self._options, self._listener)
        self._runtime = tensorflow_runtime.load(
            self._options.device,
            self._options.threads,
            raw_log=False,
            before_replay=lambda: None,
        )
        with self._runtime.placement(self._options.device):
            self._stylizer = painting.make_stylizer(self._config, self._weights)
        self._paintings: Newest[np.ndarray] = Newest(_PAINTINGS)
        self._painting = threading.Lock()

    def paint(self, task: Task) -> bool:
        """Whether a picture was painted and written: it may be there already.

        Raises:
            Exception: whatever keeps it from being painted.
        """
        with (
            self._painting,
            tempfile.TemporaryDirectory(prefix="stylize_tf-") as folder,
            self._runtime.placement(self._options.device),
        ):
            local = _Local(Path(folder), task)
            with local.named_as_given():
                local.fetch()
                drawn = self._draft(local)
                if not self._must_paint(local):
                    return False
                run = painting.Painting(self._job(drawn, local), self._stylizer)
                run.paint(lambda iterate: None, lambda: False)
                run.write(run.job.output, finished=True, store=local.deliver)
        return True

    def _must_paint(self, local: _Local) -> bool:
        """Whether it is not there, or is to be replaced; see `Folder.must_paint`."""
        if not local.fetch_picture():
            return True
        network = self._weights if isinstance(self._weights, NetworkFile) else None
        folder = Folder(self._config, self._options, (), frozenset(), network)
        task = folders.Task(0, local.content, local.styles, None, local.picture)
        return folder.must_paint(task)

    def _draft(self, local: _Local) -> jobs.Draft:
        """The picture as a run of its own would paint it, which is checked all the same."""
        pictures = {"content": (local.content,), "style": local.styles, "output": local.picture}
        of_many = ("skip_existing", "output_format")
        options = {x: y for x, y in self._how.options.items() if x not in of_many}
        given = dataclasses.replace(self._how, options=options).given(**pictures)
        return jobs.draft(given, self._listener)

    def _job(self, drawn: jobs.Draft, local: _Local) -> Job:
        """That picture, its inputs named as they were given."""
        images: list[np.ndarray] = []
        for place, item in enumerate(drawn.wanted):

            def read(place: int = place) -> np.ndarray:
                return inputs.read(drawn.wanted, place, images, drawn.options)

            is_style = item.role == "style"
            given = local.given[item.found]
            images.append(self._paintings.get(given, read) if is_style else read())
        told = (
            dataclasses.replace(item.as_input(), path=local.given[item.found])
            for item in drawn.wanted
        )
        return Job(
            config=drawn.config,
            options=drawn.options,
            sources=inputs.sources(drawn.wanted, images),
            inputs=tuple(told),
            output=drawn.output,
            weights=self._weights,
            alpha=inputs.alpha_kept(drawn.wanted[0], drawn.options),
        )


class _Local:
    """The files of a picture in a folder of this machine, for as long as it is painted.

    Attributes:
        content, styles, picture: their paths here.
        given: these paths -> where the files really are.
    """

    def __init__(self, folder: Path, task: Task) -> None:
        self._task = task
        self.content = str(folder / "content")
        self.styles = tuple(str(folder / f"style_{n}") for n in range(len(task.styles)))
        self.picture = str(folder / f"picture{Path(task.path).suffix}")
        self.given = {
            self.content: task.content,
            **dict(zip(self.styles, task.styles, strict=True)),
            self.picture: task.path,
        }

    def fetch(self) -> None:
        """Brings the inputs."""
        from stylize_tf.jobs.batch import places

        for copy in (self.content, *self.styles):
            places.fetch(self.given[copy], Path(copy))

    def fetch_picture(self) -> bool:
        """Brings the picture, if it is there; whether it is."""
        from stylize_tf.jobs.batch import places

        if not places.exists(self._task.path):
            return False
        places.fetch(self._task.path, Path(self.picture))
        return True

    def deliver(self, data: bytes) -> str:
        """Writes the picture where it shall go; that path."""
        from stylize_tf.jobs.batch import places

        places.write(self._task.path, data)
        return self._task.path

    @contextlib.contextmanager
    def named_as_given(self) -> Iterator[None]:
        """Errors of what is done within name the files as they were given."""
        try:
            yield
        except KNOWN as error:
            text = str(error).replace("`output_dir`", "`output`")
            for copy, given in self.given.items():
                text = text.replace(repr(copy), repr(given))
            raise type(error)(text) from error
