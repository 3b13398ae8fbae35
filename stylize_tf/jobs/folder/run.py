"""The pictures of a folder on their way: painted one after the other, or side by side."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_tf.errors import ImageError, OutputError
from stylize_tf.images import image_io
from stylize_tf.jobs import inputs, painting, plan
from stylize_tf.jobs.folder.claims import Claims
from stylize_tf.jobs.folder.tasks import Folder, Task
from stylize_tf.jobs.inputs import Wanted
from stylize_tf.jobs.job import Job
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options.checks import holds_alpha
from stylize_tf.jobs.painting import Painting
from stylize_tf.jobs.recipe import Input
from stylize_tf.machine import memory

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf import Stylizer
    from stylize_tf.jobs.networks.painting import NetworkFile
    from stylize_tf.machine.tensorflow_runtime import Runtime
    from stylize_tf.network.weights import Weights

_GRACE_SECONDS = 2.0
"""How long an interruption waits for threads to end their step."""


class FolderRun:
    """Paints the pictures of a folder one after the other, or one on each device at a time.

    Nothing that happens to a picture keeps the others from being painted, unless they could not be
    saved. When the listener stops it, the run ends after the step, keeping what there is of a
    picture under a name of its own.

    With `skip_existing`, processes and machines may share a folder: what another one paints is left
    to it, and looked at again when there is nothing else to do, for the other may have failed.
    """

    def __init__(
        self, folder: Folder, weights: Weights | NetworkFile, runtime: Runtime, listener: Listener
    ) -> None:
        self._folder = folder
        self._weights = weights
        self._runtime = runtime
        self.listener = listener
        self._waiting = deque(folder.tasks)
        self._elsewhere: deque[Task] = deque()
        self._claims = Claims()
        self._choosing = threading.Lock()
        self._ended = self._interrupted = False
        self._under_way: dict[int, Painting] = {}
        self._shielded: Callable[[], AbstractContextManager[None]] = listener.shielded

    def make(self) -> None:
        """Paints until there is no more to do, the listener stops it, or nothing can be saved.

        Raises:
            KeyboardInterrupt: if one came; what there was of the pictures is kept.
        """
        workers = []
        for device in self._runtime.devices:
            # Here and not in threads: formats are measured, which wants a quiet machine.
            config = self._folder.config
            config = config.replace(
                memory=memory.share(config.memory, device, self._runtime.devices)
            )
            with self._runtime.placement(device):
                stylizer = painting.make_stylizer(config, self._weights)
            workers.append(_Worker(self, self._runtime, device, stylizer))
        self.listener.begin((task.work for task in self._folder.tasks), len(workers))
        with self._claims:
            if len(workers) == 1:
                workers[0].work()
            else:
                self._in_threads(workers)
        asked, options = self._folder.config.precision, self._folder.options
        plan.remember(options, [worker.stylizer for worker in workers], asked=asked)
        if self._interrupted:
            raise KeyboardInterrupt
        for task in () if self.is_stopped else self._elsewhere:
            self.listener.left(task.number)

    def _in_threads(self, workers: list[_Worker]) -> None:
        self._shielded = contextlib.nullcontext  # Signals are raised in the main thread only.
        threads = [
            threading.Thread(target=x.work, name=f"stylize_tf on {x.device}", daemon=True)
            for x in workers
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.1)  # Not for ever: signals are heard in between.
        except KeyboardInterrupt:
            self._note_interrupt()
            deadline = time.monotonic() + _GRACE_SECONDS
            for thread in threads:
                thread.join(max(deadline - time.monotonic(), 0))
            for current in list(self._under_way.values()):
                self.listener.unfinished(current.keep_unfinished())

    def _note_interrupt(self) -> None:
        self._ended = self._interrupted = True

    @property
    def is_stopped(self) -> bool:
        """Whether no other step shall be made."""
        return self._ended or self.listener.is_stopped()

    def next_task(self) -> Task | None:
        """The next picture to paint, None if there is no more to do."""
        with self._choosing:
            for tasks in (self._waiting, self._elsewhere):
                for _ in range(len(tasks)):
                    if self.is_stopped:
                        return None
                    task = tasks.popleft()
                    if self._is_ours(task):
                        return task
                    self._elsewhere.append(task)
        return None

    def _is_ours(self, task: Task) -> bool:
        """Whether no other process paints a picture, or we paint it all the same."""
        with contextlib.suppress(OSError), self._shielded():  # Writing the picture will say more.
            return self._claims.take(task.path) or not self._folder.options.skip_existing
        return True

    def paint(self, task: Task, worker: _Worker) -> None:
        """Paints and writes a picture; whatever goes wrong is reported."""
        number = task.number
        current: Painting | None = None
        try:
            if not self._folder.must_paint(task):  # Another process was faster.
                self.listener.skipped(number)
                return
            image_io.check_output(task.path)
            options, may_keep = self._folder.options, holds_alpha(task.path)
            inputs.tell_of_transparency(task.wanted(), options, self.listener, may_keep=may_keep)
            network = self._folder.network
            styles = ", ".join(map(repr, task.styles)) if network is None else network.label
            self.listener.started(number, f"{task.content!r} as {styles}")
            current = Painting(worker.job(task, self._folder, self._weights), worker.stylizer)
            self._under_way[number] = current
            finished = current.paint(
                lambda iterate: self.listener.update(number, iterate), lambda: self.is_stopped
            )
            if not finished:
                self.listener.unfinished(self._keep(current))
            elif self._folder.is_done(task):  # By one that took this for dead.
                self.listener.skipped(number)
            else:
                with self._shielded():
                    self.listener.written(number, *current.finish())
        except KeyboardInterrupt:  # The second signal.
            self._note_interrupt()
            self.listener.unfinished(self._keep(current))
        except Exception as error:
            kept = self._keep(current)
            if not self.listener.is_stopped() or isinstance(error, ImageError):
                self._fail(task, error, kept)
            else:  # Libraries turn an interruption into errors of their own.
                self.listener.unfinished(kept)
        finally:
            self._under_way.pop(number, None)
            self._claims.give_back(task.path)

    def _keep(self, current: Painting | None) -> str | None:
        with self._shielded():
            return current.keep_unfinished() if current is not None else None

    def _fail(self, task: Task, error: Exception, kept: str | None) -> None:
        # What is wrong with the disk or the folder is wrong for all pictures to come.
        ends = isinstance(error, OutputError) and (
            isinstance(error.__cause__, OSError) or not Path(task.path).parent.is_dir()
        )
        self._ended = self._ended or ends
        self.listener.lost(task.path, error, number=task.number, kept=kept, ends=ends)


class _Worker:
    """A device with its stylizer, which takes pictures from the run until there are none."""

    def __init__(self, run: FolderRun, runtime: Runtime, device: str, stylizer: Stylizer) -> None:
        self.device = device
        self.stylizer = stylizer
        self._run = run
        self._runtime = runtime
        self._paintings: dict[Wanted, tuple[np.ndarray, Input]] = {}

    def work(self) -> None:
        """Paints pictures until there are none."""
        with self._runtime.placement(self.device):
            while (task := self._run.next_task()) is not None:
                self._run.paint(task, self)

    def job(self, task: Task, folder: Folder, weights: Weights | NetworkFile) -> Job:
        """The task with its pictures decoded; paintings are kept for the next one."""
        wanted, options = task.wanted(), folder.options
        images: list[np.ndarray] = []
        told: list[Input] = []
        for place, item in enumerate(wanted):
            image, source = self._paintings.get(item) or (
                inputs.read(wanted, place, images, options),
                item.as_input(),
            )
            images.append(image)
            told.append(source)
        self._paintings = {
            item: (image, source)
            for item, image, source in zip(wanted, images, told, strict=True)
            if item.role in ("style", "fine_style")
        }
        sources, alpha = inputs.sources(wanted, images), inputs.alpha_kept(wanted[0], options)
        inputs.warn_of(sources, wanted, options, alpha, self._run.listener, f"{task.content!r}: ")
        return Job(
            config=folder.config,
            options=options,
            sources=sources,
            inputs=tuple(told),
            output=folder.output(task),
            weights=weights,
            alpha=alpha,
        )
