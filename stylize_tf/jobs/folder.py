"""Many pictures into one folder: checked before TensorFlow is loaded, and painted side by side.

At first only headers are read; a picture is decoded when its turn comes, so memory does not grow
with their number.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError, ImageError, OutputError
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.sources import Sources
from stylize_tf.jobs import inputs, painting
from stylize_tf.jobs.inputs import NONE, Wanted, identity
from stylize_tf.jobs.job import Job, check_given, configured
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options import Given, Options, check_modes, check_needs
from stylize_tf.jobs.outputs import (
    Output,
    check_checkpoints,
    distinct_names,
    free_name,
    make_folder,
)
from stylize_tf.jobs.painting import Painting
from stylize_tf.jobs.recipe import Input, Recipe, RecipeError

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf import Stylizer
    from stylize_tf.machine.tensorflow_runtime import Runtime
    from stylize_tf.network.weights import Weights

_GRACE_SECONDS = 2.0
"""How long an interruption waits for threads to end their step."""


@dataclasses.dataclass(frozen=True)
class Task:
    """A picture to paint, of whose inputs nothing but the headers was read.

    Attributes:
        number: which of how many, from 1.
        content: path of the photograph.
        styles: paths of its paintings.
        fine_style: path of the painting that lends its strokes, or None.
        path: where the picture goes.
        work: pixels to evaluate, over all steps of all stages.
    """

    number: int
    content: str
    styles: tuple[str, ...]
    fine_style: str | None
    path: str
    work: float = 0.0

    def wanted(self) -> list[Wanted]:
        """Its inputs, the photograph first."""
        items = [Wanted("content", self.content, self.content)]
        items += [Wanted("style", path, path) for path in self.styles]
        if self.fine_style is not None:
            items.append(Wanted("fine_style", self.fine_style, self.fine_style))
        return items


@dataclasses.dataclass(frozen=True)
class Folder:
    """Pictures to paint into one folder.

    Attributes:
        config: how to stylize; the same for all.
        options: all else that was asked for.
        tasks: the pictures that are not there yet, in their order.
        inputs: what `identity` says of all photographs and paintings.
    """

    config: StyleTransferConfig
    options: Options
    tasks: tuple[Task, ...]
    inputs: frozenset[object]

    def must_paint(self, task: Task) -> bool:
        """Whether a picture has to be painted: it is not there, or not to be left as it is.

        Raises:
            OutputError: if something is in its place that must not be replaced.
        """
        path, skip_existing = task.path, self.options.skip_existing
        if not os.path.lexists(path):
            return True
        if identity(path) in self.inputs:
            raise OutputError(
                f"{path!r} is an input, which it would overwrite. Choose another `output_dir`."
            )
        elsewhere = "Move it, or choose another `output_dir`."
        try:
            metadata = image_io.read_metadata(path)
        except ImageError as error:
            raise OutputError(
                f"{path!r} is there already and is no picture. {elsewhere}"
            ) from error
        try:
            recipe = Recipe.from_metadata(metadata or {})
        except RecipeError:
            if skip_existing:
                return False  # Somebody improved it, say, with a program that drops metadata.
            raise OutputError(
                f"{path!r} is there already and holds no recipe. `skip_existing` leaves it; or "
                f"move it."
            ) from None
        expected = [(item.role, inputs.hash_of(item.found)) for item in task.wanted()]
        if [(item.role, item.sha256) for item in recipe.inputs] != expected:
            raise OutputError(f"{path!r} is there already, made from other pictures. {elsewhere}")
        return not (skip_existing and _is_finished(metadata))


def prepare(given: Given, listener: Listener) -> Folder:
    """Finds and checks all that a run needs, cheapest first, and makes the folder.

    Args:
        given: what was asked for.
        listener: told of the pictures that are left out, because they are there or cannot be made.

    Raises:
        ConfigError, ImageError, OutputError: if no picture at all can be made.
    """
    check_modes(given.options, "folder")
    options = Options(**given.options)
    config = configured(given, PRESETS[options.preset])
    check_needs(given, options, [config], warn=listener.warning)
    target = str(options.output_dir)
    if os.path.lexists(target) and not Path(target).is_dir():
        raise OutputError(f"{target!r} is not a folder. Choose another `output_dir`.")
    contents, styles = _inputs(options, listener)
    fine_style = None if options.fine_style in NONE else options.fine_style
    if config.init == "picture":
        raise ConfigError('`init` "picture" goes with one picture: leave out `output_dir`.')
    blended = bool(config.style_blend_weights)
    Sources(contents[0], tuple(styles if blended else styles[:1])).check(config)
    sizes = inputs.sizes_of([*contents, *styles], options, listener)
    if fine_style is not None:
        sizes[fine_style] = image_io.size_of(fine_style, max_pixels=options.max_pixels)
    for path in styles if blended else []:  # Without one of these, no picture can be made either.
        _unless_broken(sizes[path])
    known = frozenset(map(identity, [*contents, *styles, *([fine_style] if fine_style else [])]))

    folder = Folder(config, options, (), known)
    tasks: list[Task] = []
    # One painting after the other, because what was computed of it is kept only so long.
    groups = [tuple(styles)] if blended else [(style,) for style in styles]
    pairs = [(content, several) for several in groups for content in contents]
    names = distinct_names(pairs, f".{options.output_format}")
    for (content, several), name in zip(pairs, names, strict=True):
        path = str(Path(target) / name)
        task = Task(len(tasks) + 1, content, several, fine_style, path)
        wanted = task.wanted()
        broken = (item.found for item in wanted if isinstance(sizes[item.found], ImageError))
        blamed = next(broken, content)
        try:
            found = [_unless_broken(sizes[item.found]) for item in wanted]
            inputs.check_sizes(config, wanted, found)
            blamed = path
            if folder.must_paint(task):
                tasks.append(dataclasses.replace(task, work=_work(config, found[0])))
            else:
                listener.skipped()
        except (ConfigError, ImageError) as error:
            listener.lost(blamed, error)
    if tasks:
        make_folder(target)
        check_checkpoints(options)
    return dataclasses.replace(folder, tasks=tuple(tasks))


class FolderRun:
    """Paints the pictures of a folder one after the other, or one on each device at a time.

    Nothing that happens to a picture keeps the others from being painted, unless they could not be
    saved. When the listener stops it, the run ends after the step, keeping what there is of a
    picture under a name of its own.
    """

    def __init__(
        self, folder: Folder, weights: Weights, runtime: Runtime, listener: Listener
    ) -> None:
        self._folder = folder
        self._weights = weights
        self._runtime = runtime
        self._listener = listener
        self._waiting = deque(folder.tasks)
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
            with self._runtime.placement(device):
                stylizer = painting.make_stylizer(self._folder.config, self._weights)
            workers.append(_Worker(self, self._runtime, device, stylizer))
        self._listener.begin((task.work for task in self._folder.tasks), len(workers))
        if len(workers) == 1:
            workers[0].work()
        else:
            self._in_threads(workers)
        if self._interrupted:
            raise KeyboardInterrupt

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
                self._listener.unfinished(current.keep_unfinished())

    def _note_interrupt(self) -> None:
        self._ended = self._interrupted = True

    @property
    def is_stopped(self) -> bool:
        """Whether no other step shall be made."""
        return self._ended or self._listener.is_stopped()

    def next_task(self) -> Task | None:
        """The next picture to paint, None if there is no more to do."""
        try:
            return None if self.is_stopped else self._waiting.popleft()
        except IndexError:
            return None

    def paint(self, task: Task, worker: _Worker) -> None:
        """Paints and writes a picture; whatever goes wrong is reported."""
        number = task.number
        current: Painting | None = None
        try:
            if not self._folder.must_paint(task):  # Another process may share the work.
                self._listener.skipped(number)
                return
            image_io.check_output(task.path)
            inputs.tell_of_transparency(task.wanted(), self._folder.options, self._listener)
            styles = ", ".join(map(repr, task.styles))
            self._listener.started(number, f"{task.content!r} as {styles}")
            current = Painting(worker.job(task, self._folder, self._weights), worker.stylizer)
            self._under_way[number] = current
            finished = current.paint(
                lambda iterate: self._listener.update(number, iterate), lambda: self.is_stopped
            )
            if finished:
                path = self._place_of(task)
                with self._shielded():
                    size = current.write(path, finished=True)
                self._listener.written(number, path, size)
            else:
                self._listener.unfinished(self._keep(current))
        except KeyboardInterrupt:  # The second signal.
            self._note_interrupt()
            self._listener.unfinished(self._keep(current))
        except Exception as error:
            kept = self._keep(current)
            if not self._listener.is_stopped() or isinstance(error, ImageError):
                self._fail(task, error, kept)
            else:  # Libraries turn an interruption into errors of their own.
                self._listener.unfinished(kept)
        finally:
            self._under_way.pop(number, None)

    def _place_of(self, task: Task) -> str:
        """Where the picture goes, or a free name if somebody put something else there meanwhile."""
        try:
            self._folder.must_paint(task)
        except ImageError:
            return free_name(task.path)
        return task.path

    def _keep(self, current: Painting | None) -> str | None:
        with self._shielded():
            return current.keep_unfinished() if current is not None else None

    def _fail(self, task: Task, error: Exception, kept: str | None) -> None:
        # What is wrong with the disk or the folder is wrong for all pictures to come.
        ends = isinstance(error, OutputError) and (
            isinstance(error.__cause__, OSError) or not Path(task.path).parent.is_dir()
        )
        self._ended = self._ended or ends
        self._listener.lost(task.path, error, number=task.number, kept=kept, ends=ends)


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

    def job(self, task: Task, folder: Folder, weights: Weights) -> Job:
        """The task with its pictures decoded; paintings are kept for the next one."""
        wanted = task.wanted()
        read = [
            self._paintings.get(item) or (inputs.read(item, folder.options), item.as_input())
            for item in wanted
        ]
        self._paintings = dict(zip(wanted[1:], read[1:], strict=True))
        return Job(
            config=folder.config,
            options=folder.options,
            sources=inputs.sources(wanted, [image for image, _ in read]),
            inputs=tuple(source for _, source in read),
            output=Output(task.path, derived=False),
            weights=weights,
            alpha=inputs.alpha_kept(wanted[0], folder.options),
        )


def _inputs(options: Options, listener: Listener) -> tuple[list[str], list[str]]:
    """The photographs and the paintings."""
    given = [name for name in ("content", "style") if getattr(options, name)]
    check_given(given, "`content` 'photos/*' `style` 'paintings/*'")
    contents = inputs.find_files("content", options.content, listener.warning)
    styles = inputs.find_files("style", options.style, listener.warning)
    # The folder may be that of the photographs, or in it: what was painted is not painted again.
    painted = {
        path
        for path in contents
        if path not in options.content and inputs.is_painted(path, str(options.output_dir))
    }
    if painted:
        listener.info(f"Left out {len(painted)} of the photographs: they were painted here.")
    contents = [path for path in contents if path not in painted]
    if not contents:
        raise ImageError("`content`: all that was found was painted by an earlier run.")
    return contents, styles


def _unless_broken(size: tuple[int, int] | ImageError) -> tuple[int, int]:
    if isinstance(size, ImageError):
        raise size
    return size


def _work(config: StyleTransferConfig, size: tuple[int, int]) -> float:
    stages = pyramid.stages(config, pyramid.final_size(config, *size))
    return float(sum(stage.steps * stage.height * stage.width for stage in stages))


def _is_finished(metadata: Any) -> bool:
    result = metadata.get("result")
    return not isinstance(result, dict) or result.get("finished") is not False
