"""Who paints: takes jobs from the queue, one after the other, and keeps warm what they share."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.training import SHIPPED
from stylize_tf.errors import OutputError, StylizationError
from stylize_tf.images import image_io
from stylize_tf.jobs import job as jobs
from stylize_tf.jobs.networks import painting as networks
from stylize_tf.jobs.networks.painting import NetworkFile, NetworkStylizer
from stylize_tf.jobs.options.painting import Given, Options
from stylize_tf.jobs.painting import Painting
from stylize_tf.machine.newest import Newest
from stylize_tf.network import weights
from stylize_tf.service import asking
from stylize_tf.service.asking import told
from stylize_tf.service.files import Files
from stylize_tf.service.following import Following, WorkerOptions, patiently
from stylize_tf.service.networks import Offered, told_by_name
from stylize_tf.service.queue import CANCELLED, FAILED, FINISHED, Attempt, Queue
from stylize_tf.service.storages import QueueError

if TYPE_CHECKING:
    from stylize_tf import Iterate, Stylizer
    from stylize_tf.evaluation.engine import Engine
    from stylize_tf.network.weights import Weights

_Found = TypeVar("_Found")

_IDLE_SECONDS, _SOON_SECONDS = 0.1, 0.01
"""Between two looks at an empty queue, and where the next job may come at once: frames of a clip
come one after the other, each when the last one is painted."""

_BUSY_SECONDS = 2.0
"""After a job, in which the next one may come at once."""

_STORE_SECONDS, _STORE_AGAIN_SECONDS = 60.0, 1.0
"""How long a store that cannot be reached is tried before the job fails, and between two tries: an
hour's picture is not lost to a moment without a network."""

_KEPT_NETWORKS = 8
"""Those that are kept loaded, each with what is compiled of it."""

_RECOVER_SECONDS = 5.0
"""Between two looks for jobs of workers that died."""


class Worker:
    """Paints the jobs of a queue.

    Args:
        queue: of jobs.
        files: with their pictures, which get what is painted.
        options: how.
        is_stopped: asked between steps whether to end; what is under way is given back.
        say: told a line now and then.
    """

    def __init__(
        self,
        queue: Queue,
        files: Files,
        options: WorkerOptions,
        is_stopped: Callable[[], bool] = lambda: False,
        say: Callable[[str], None] = lambda text: None,
    ):
        self._queue, self._files, self._options = queue, files, options
        self._is_stopped, self._say = is_stopped, say
        self._engine: Engine | None = None
        self._weights: Weights | None = None
        self._networks: Newest[Any] = Newest(_KEPT_NETWORKS)
        self._finder: Any = None
        self._recovered = 0.0

    def warm(self) -> None:
        """Loads what every job takes: the weights of VGG19, or the network that comes along.

        Raises:
            WeightsError: if they cannot be had.
        """
        options = self._options
        if options.is_of_network:
            file = networks.find(Options(network=SHIPPED))
            self._of_network(StyleTransferConfig(), file).warm()
        else:
            self._vgg19()

    def work(self) -> None:
        """Paints until it is stopped."""
        waited, painted = False, -math.inf
        while not self._is_stopped():
            try:
                if time.monotonic() - self._recovered > min(_RECOVER_SECONDS, self._queue.lease):
                    self._queue.ready()
                    self._queue.recover()
                    self._recovered = time.monotonic()
                attempt = self._queue.take(self._options.name)
            except QueueError as error:
                if not waited:
                    self._say(f"{error} Trying until it is there again.")
                waited, attempt = True, None
                time.sleep(1.0)
            else:
                waited = False
            if attempt is not None:
                self.paint(attempt)
                painted = time.monotonic()
            else:
                is_busy = time.monotonic() - painted < _BUSY_SECONDS
                time.sleep(_SOON_SECONDS if is_busy else _IDLE_SECONDS)

    def paint(self, attempt: Attempt) -> None:
        """Paints a job that was taken, and ends it, or gives it back if the worker is stopped."""
        with Following(self._queue, self._options, self._is_stopped) as following:
            following.follow(attempt)
            with tempfile.TemporaryDirectory(dir=self._options.scratch) as folder:
                try:
                    how = self._made(attempt, Path(folder), following)
                except Exception as error:
                    if following.is_lost or (isinstance(error, OutputError) and self._is_stopped()):
                        return
                    how = {"state": FAILED, **told(error)}
                    is_known = isinstance(error, asking.KNOWN)
                    what = how["error"] if is_known else traceback.format_exc()
                    self._say(f"{attempt.job}: {what}")
            if how is None:
                return
            patiently(lambda: self._queue.end(attempt.job, how), self._is_stopped)
            with contextlib.suppress(OutputError):  # It takes room, and no more.
                self._files.forget(attempt.job, *self._checkpoints(attempt.job))

    def _made(self, attempt: Attempt, folder: Path, following: Following) -> dict[str, Any] | None:
        """How a job ends; None if it does not end here."""
        if attempt.asked.get("what") == asking.LIKENESS:
            return self._likeness(attempt, folder)
        return self._painted(attempt, folder, following)

    def _painted(
        self, attempt: Attempt, folder: Path, following: Following
    ) -> dict[str, Any] | None:
        """How a job ends; None if it does not end here."""
        network = self._network(attempt)
        given = self._given(attempt, folder, network)
        known = self._weights if network is None else None
        with told_by_name(network, self._say):
            prepared = jobs.prepare(given, following, painter=known)
            prepared = _without_folders(prepared, network)
            painting = Painting(prepared, self._stylizer(prepared))
        kept = folder / "checkpoints"
        saved: dict[str, float] = {}

        def follow(iterate: Iterate) -> None:
            following.step(iterate)
            for path in kept.glob("*.checkpoint"):
                changed = path.stat().st_mtime_ns
                if saved.get(path.name) != changed:
                    with contextlib.suppress(OutputError):  # The next step tries again.
                        self._files.write(attempt.job, path.name, path.read_bytes())
                        saved[path.name] = changed

        try:
            is_whole = painting.paint(follow, following.is_stopped)
        except KeyboardInterrupt:  # It was stopped while strokes were prepared.
            return {"state": CANCELLED} if following.is_over else None
        if following.is_lost or (not is_whole and not following.is_over):
            return None
        path, size = painting.write(prepared.output, finished=is_whole)
        name = f"result{Path(path).suffix}"
        self._write(attempt.job, name, Path(path).read_bytes())
        recipe = json.dumps(painting.metadata(finished=is_whole)).encode()
        self._write(attempt.job, "recipe.json", recipe)
        how = {"result": name, "size": size, "is_whole": is_whole}
        if is_whole:
            return {"state": FINISHED, **how}
        if following.is_late:
            late = f"it took longer than {self._options.job_seconds:g} seconds"
            return {"state": FAILED, **told(StylizationError(late)), **how}
        return {"state": CANCELLED, **how}

    def _likeness(self, attempt: Attempt, folder: Path) -> dict[str, Any]:
        """How a job ends that asks for what is like what in its picture."""
        from stylize_tf.control import likeness, regions

        self._given(attempt, folder)
        path, most = folder / "content-0", attempt.asked["max_pixels"]
        picture = image_io.read(path, name="content", max_pixels=most)
        if self._finder is None:
            self._finder = self._vgg19().extractor([regions.FOUND_LAYER], StyleTransferConfig())
        found = likeness.directions(regions.features_of(self._finder, picture), picture)
        self._write(attempt.job, "result.png", likeness.encoded(found))
        return {"state": FINISHED, "result": "result.png"}

    def _network(self, attempt: Attempt) -> Offered | None:
        """The network that a job asks for, None if it asks for none."""
        name = attempt.asked["options"].get("network")
        found = self._options.networks.get(name)
        if name is not None and found is None:
            raise StylizationError(
                f"the worker has no network {name!r}: start it with --network and a file of this "
                f"name, as the service was."
            )
        return found

    def _given(self, attempt: Attempt, folder: Path, network: Offered | None = None) -> Given:
        """What was asked for, its pictures in a folder, and where an attempt before it stood."""
        data = {}
        for name in (name for names in attempt.asked["files"].values() for name in names):
            found = self._read(attempt.job, name)
            if found is None:
                raise StylizationError("the pictures of the job are not there any more.")
            data[name] = found
        options = self._options
        machine: dict[str, Any] = {"weights": options.weights, "offline": options.offline or None}
        machine["max_pixels"] = attempt.asked.get("max_pixels")
        if network is not None:
            return asking.given(attempt.asked, data, folder, network=network.file, **machine)
        kept = folder / "checkpoints"
        kept.mkdir()
        for name in self._checkpoints(attempt.job):
            found = self._read(attempt.job, name)
            if found is not None:
                (kept / name).write_bytes(found)
        machine |= {"checkpoint_dir": str(kept), "checkpoint_seconds": options.checkpoint_seconds}
        return asking.given(attempt.asked, data, folder, **machine)

    def _checkpoints(self, job: str) -> list[str]:
        names = self._reaching(lambda: self._files.names(job))
        return [name for name in names if name.endswith(".checkpoint")]

    def _read(self, job: str, name: str) -> bytes | None:
        return self._reaching(lambda: self._files.read(job, name))

    def _write(self, job: str, name: str, data: bytes) -> None:
        self._reaching(lambda: self._files.write(job, name, data))

    def _reaching(self, act: Callable[[], _Found]) -> _Found:
        """What comes of an act on the store, which is tried again for a while."""
        until = time.monotonic() + _STORE_SECONDS
        while True:
            try:
                return act()
            except OutputError:
                if time.monotonic() > until or self._is_stopped():
                    raise
                time.sleep(_STORE_AGAIN_SECONDS)

    def _stylizer(self, job: jobs.Job) -> Stylizer:
        """One that shares what those of the jobs before have compiled."""
        if isinstance(job.weights, NetworkFile):
            return self._of_network(job.config, job.weights)  # type: ignore[return-value]
        from stylize_tf.iterative.stylizer import Stylizer

        return Stylizer(job.config, engine=self._vgg19(job.weights))

    def _of_network(self, config: StyleTransferConfig, file: NetworkFile) -> NetworkStylizer:
        """What paints with a network, which is loaded if it is not kept."""
        from stylize_tf.feedforward.network import Network

        network = self._networks.get(file.sha256, lambda: Network.load(file.path))
        return NetworkStylizer(config, file, network, is_compiled=True)

    def _vgg19(self, found: weights.Weights | None = None) -> Engine:
        """What is compiled of VGG19, shared by all jobs; its weights are looked for if need be."""
        if self._engine is None:
            from stylize_tf.evaluation.engine import Engine

            options = self._options
            found = found or weights.find(options.weights, offline=options.offline)
            self._engine = Engine.vgg19(found)
            # What recipes tell of them; the numbers are in the engine.
            self._weights = dataclasses.replace(found, tensors={})
        return self._engine


def _without_folders(job: jobs.Job, network: Offered | None) -> jobs.Job:
    """A job whose recipe names its pictures and its network as we do, and not where they lie."""
    named = tuple(dataclasses.replace(x, path=Path(x.path).name) for x in job.inputs)
    job = dataclasses.replace(job, inputs=named)
    if network is None or network.name == SHIPPED:
        return job
    assert isinstance(job.weights, NetworkFile)
    options = dataclasses.replace(job.options, network=network.name)
    weights = dataclasses.replace(job.weights, source=f"network {network.name!r}")
    return dataclasses.replace(job, options=options, weights=weights)
