"""The service on one machine, and the workers of another one, from their options."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stylize_tf.errors import ConfigError
from stylize_tf.jobs.options.service import ServeOptions, WorkOptions
from stylize_tf.machine import tensorflow_runtime
from stylize_tf.machine.extras import require
from stylize_tf.service.files import Files
from stylize_tf.service.following import WorkerOptions
from stylize_tf.service.networks import Networks, offered
from stylize_tf.service.processes import Place, Target, Workers, name_of_machine
from stylize_tf.service.queue import Queue

if TYPE_CHECKING:
    import uvicorn

_LOGGER = logging.getLogger("stylize_tf")

MAIN, AT_ONCE = "stylize_tf", "stylize_tf_at_once"
"""Names of the queues: of jobs, and of what networks paint while somebody waits."""

_REFUSAL_SECONDS = 3.0
"""For who is refused because a request takes too long to read so, before the line is cut."""

_LOOK_SECONDS = 0.1

Say = Callable[[str], None]


class Signals(Protocol):
    """Those that ask for an end.

    Attributes:
        times: how often it was asked for.
    """

    times: int

    def shielded(self) -> AbstractContextManager[None]:
        """While it is entered they are counted and do nothing else."""


def place_of(options: WorkOptions, name: str) -> Place:
    """Where jobs of a queue are.

    Raises:
        ConfigError: if it is not said.
    """
    queue = options.queue
    if queue is None:
        if "://" in options.results:
            raise ConfigError("`queue` must be given where `results` is no folder.")
        queue = str(Path(options.results) / "queue.sqlite")
    return Place(queue, name, options.results, options.lease)


def workers_of(
    options: WorkOptions, networks: Networks, target: Target, say: Say, signals: Signals
) -> Workers:
    """The processes that paint, with these networks among else."""
    name = name_of_machine()
    common: dict[str, Any] = {
        "device": options.device,
        "threads": options.threads,
        "weights": options.weights,
        "offline": bool(options.offline),
        "job_seconds": options.job_seconds,
        "networks": networks,
    }
    of_jobs = (place_of(options, MAIN), WorkerOptions(f"{name}-o", **common))
    at_once = (
        place_of(options, AT_ONCE),
        WorkerOptions(f"{name}-n", is_of_network=True, **common),
    )
    several = [of_jobs] * options.workers + [at_once] * options.network_workers
    return Workers(several, target, say, lambda: signals.times)


def check(options: WorkOptions) -> Networks:
    """The networks that may be asked for, if all else can be had, too; before anything is begun.

    Raises:
        ConfigError, OutputError, QueueError, StylizationError: if something cannot.
    """
    for package in ("huey", "fsspec"):
        require(package, "serve", "serve")
    if options.workers + options.network_workers:
        tensorflow_runtime.check_installed(_LOGGER.warning)
    networks = offered(options.network)
    Files(options.results).write("", ".writable", b"")
    Queue.at(place_of(options, MAIN).queue, options.lease, MAIN).waiting()
    return networks


def work(options: WorkOptions, target: Target, say: Say, signals: Signals) -> None:
    """Works until a signal comes."""
    if not options.workers + options.network_workers:
        raise ConfigError("`workers` must be 1 or more here, or `network_workers`.")
    networks = check(options)
    with signals.shielded():
        workers = workers_of(options, networks, target, say, signals)
        workers.start()
        say(f"{len(workers.pids)} workers take jobs of {place_of(options, MAIN).queue}.")
        while not signals.times:
            time.sleep(_LOOK_SECONDS)
        workers.stop()
        say("Ended. Jobs that were under way go on with other workers, or at the next start.")


def serve(options: ServeOptions, target: Target, say: Say, signals: Signals) -> None:
    """Serves until a signal comes."""
    for package in ("fastapi", "uvicorn", "multipart", "prometheus_client"):
        require(package, "serve", "serve")
    from stylize_tf.service.web.listening import Server, is_of_this_machine, listening

    networks = check(options)
    sockets = listening(options.host, options.port)
    port = sockets[0].getsockname()[1]
    if not _token(options) and not is_of_this_machine(sockets):
        _LOGGER.warning(
            "whoever reaches port %d of this machine may use it: give --token, or no --host.", port
        )
    host = f"[{options.host}]" if ":" in options.host else options.host

    def begun() -> None:
        say(f"Serving at http://{host}:{port}/ ; Ctrl-C ends it.")

    with signals.shielded():
        workers = workers_of(options, networks, target, say, signals)
        config = _config(options, networks, lambda: workers.hint(MAIN))
        workers.start()
        try:
            Server(config, begun, lambda: signals.times).run(sockets)
        finally:
            workers.stop()
        say("Ended. Jobs that were under way go on at the next start.")


def _token(options: ServeOptions) -> str | None:
    return options.token or os.environ.get("STYLIZE_TF_TOKEN") or None


def _config(options: ServeOptions, networks: Networks, hint: Callable[[], str]) -> uvicorn.Config:
    """The web process, not yet begun; `hint` says what helps where no worker is ready."""
    import uvicorn

    from stylize_tf.service.web.answers import Limits
    from stylize_tf.service.web.app import create_app
    from stylize_tf.service.web.connections import Connection

    of_jobs, at_once = (
        Queue.at(place_of(options, name).queue, options.lease, name) for name in (MAIN, AT_ONCE)
    )
    limits = Limits(
        body_bytes=options.max_body,
        pixels=options.max_pixels,
        waiting=options.queue_length,
        of_client=options.client_jobs,
        upload_seconds=options.upload_seconds,
        kept_seconds=options.keep,
    )
    app = create_app(
        of_jobs,
        Files(options.results),
        limits=limits,
        at_once=at_once,
        token=_token(options),
        networks=networks,
        hint=hint,
    )

    class Prompt(Connection):
        seconds = limits.upload_seconds + _REFUSAL_SECONDS

    return uvicorn.Config(
        app,
        http=Prompt,
        ws="none",
        log_level="warning",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
