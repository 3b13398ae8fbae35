"""The run with --output_dir: one stylizer a device, and pictures taken from one queue."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_tf.cli.exits import CommandError, Exit
from stylize_tf.cli.folder import Folder, Task
from stylize_tf.cli.folder_report import Report
from stylize_tf.cli.interrupts import Interrupts
from stylize_tf.cli.naming import free_name
from stylize_tf.cli.outputs import Output
from stylize_tf.cli.painting import Painting
from stylize_tf.cli.plan import Job, Wanted, read_input
from stylize_tf.cli.recipe import Input
from stylize_tf.errors import ImageError, OutputError
from stylize_tf.images import image_io

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf import Stylizer
    from stylize_tf.cli.runtime import Runtime
    from stylize_tf.network.weights import Weights

_GRACE_SECONDS = 2.0
"""How long a second signal waits for threads to end their step."""


class FolderRun:
    """Paints the pictures of a folder one after the other, or one on each device at a time.

    Nothing that happens to a picture keeps the others from being painted, unless they could not be
    saved. The first signal ends the run after the step, keeping what there is of a picture under a
    name of its own.
    """

    def __init__(
        self, folder: Folder, weights: Weights, report: Report, interrupts: Interrupts
    ) -> None:
        self._folder = folder
        self._weights = weights
        self._report = report
        self._interrupts = interrupts
        self._waiting = deque(folder.tasks)
        self._ended = False
        self._under_way: dict[int, Painting] = {}
        self._shielded: Callable[[], AbstractContextManager[None]] = interrupts.shielded

    def run(self, backend: Runtime) -> None:
        """Paints until there is no more to do, a signal is heard or nothing can be saved."""
        workers = []
        for device in backend.devices:
            # Here and not in threads: formats are measured, which wants a quiet machine.
            with backend.placement(device):
                stylizer = backend.stylizer(self._folder.config, weights=self._weights)
            workers.append(_Worker(self, backend, device, stylizer))
        self._report.begin((task.work for task in self._folder.tasks), len(workers))
        try:
            with self._interrupts.politely():
                if len(workers) == 1:
                    workers[0].work()
                else:
                    self._in_threads(workers)
        except KeyboardInterrupt:
            self._note_interrupt()

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
            for painting in list(self._under_way.values()):
                self._report.unfinished(painting.keep_unfinished())

    def _note_interrupt(self) -> None:
        self._interrupts.signum = self._interrupts.signum or signal.SIGINT

    @property
    def is_stopped(self) -> bool:
        """Whether no other step shall be made."""
        return self._ended or self._interrupts.signum is not None

    def next_task(self) -> Task | None:
        """The next picture to paint, None if there is no more to do."""
        try:
            return None if self.is_stopped else self._waiting.popleft()
        except IndexError:
            return None

    def paint(self, task: Task, worker: _Worker) -> None:
        """Paints and writes a picture; whatever goes wrong is reported."""
        number = task.number
        painting: Painting | None = None
        try:
            if not self._folder.must_paint(task):  # Another process may share the work.
                self._report.skipped(number)
                return
            image_io.check_output(task.path)
            styles = ", ".join(map(repr, task.styles))
            self._report.started(number, f"{task.content!r} as {styles}")
            painting = Painting(worker.job(task, self._folder, self._weights), worker.stylizer)
            self._under_way[number] = painting
            finished = painting.paint(
                lambda iterate: self._report.update(number, iterate), lambda: self.is_stopped
            )
            if finished:
                path = self._place_of(task)
                with self._shielded():
                    size = painting.write(path, finished=True)
                self._report.written(number, path, size)
            else:
                self._give_up(painting)
        except KeyboardInterrupt:  # The second signal.
            self._note_interrupt()
            self._give_up(painting)
        except Exception as error:
            if self._interrupts.signum is None or isinstance(error, ImageError):
                self._fail(task, painting, worker.explained(error))
            else:  # Libraries turn an interruption into errors of their own.
                self._give_up(painting)
        finally:
            self._under_way.pop(number, None)

    def _place_of(self, task: Task) -> str:
        """Where the picture goes, or a free name if somebody put something else there meanwhile."""
        try:
            self._folder.must_paint(task)
        except ImageError:
            return free_name(task.path)
        return task.path

    def _give_up(self, painting: Painting | None) -> None:
        with self._shielded():
            path = painting.keep_unfinished() if painting is not None else None
        self._report.unfinished(path)

    def _fail(self, task: Task, painting: Painting | None, error: Exception) -> None:
        with self._shielded():
            path = painting.keep_unfinished() if painting is not None else None
        # What is wrong with the disk or the folder is wrong for all pictures to come.
        ends = isinstance(error, OutputError) and (
            isinstance(error.__cause__, OSError) or not Path(task.path).parent.is_dir()
        )
        self._ended = self._ended or ends
        self._report.failed(task.path, error, number=task.number, kept=path, ends=ends)


class _Worker:
    """A device with its stylizer, which takes pictures from the run until there are none."""

    def __init__(self, run: FolderRun, backend: Runtime, device: str, stylizer: Stylizer) -> None:
        self.device = device
        self.stylizer = stylizer
        self._run = run
        self._backend = backend
        self._styles: dict[str, tuple[np.ndarray, Input]] = {}
        self._fine_style: tuple[np.ndarray, Input] | None = None

    def work(self) -> None:
        """Paints pictures until there are none."""
        with self._backend.placement(self.device):
            while (task := self._run.next_task()) is not None:
                self._run.paint(task, self)

    def explained(self, error: Exception) -> Exception:
        """The error, with the exit code of those that TensorFlow's side has a class for."""
        if isinstance(error, self._backend.failure):
            return CommandError(str(error), Exit.FAILED)
        return error

    def job(self, task: Task, folder: Folder, weights: Weights) -> Job:
        """The task with its pictures decoded; paintings are kept for the next one."""
        options = folder.options
        content, photograph = read_input(Wanted("content", task.content, task.content), options)
        self._styles = {
            path: self._styles.get(path) or read_input(Wanted("style", path, path), options)
            for path in task.styles
        }
        styles = [self._styles[path] for path in task.styles]
        if task.fine_style is not None and self._fine_style is None:
            wanted = Wanted("fine_style", task.fine_style, task.fine_style)
            self._fine_style = read_input(wanted, options)
        fine, of_fine = self._fine_style or (None, None)
        return Job(
            config=folder.config,
            options=options,
            content=content,
            styles=[image for image, _ in styles],
            initial=None,
            inputs=(photograph, *(source for _, source in styles), *([of_fine] if of_fine else [])),
            output=Output(task.path, derived=False),
            weights=weights,
            fine_style=fine,
        )
