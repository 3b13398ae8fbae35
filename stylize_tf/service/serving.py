"""The service on one machine, and the workers of another one, from their options."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_tf.errors import ConfigError
from stylize_tf.jobs.options.service import ServeOptions, WorkOptions
from stylize_tf.machine.extras import require
from stylize_tf.service.files import Files
from stylize_tf.service.following import WorkerOptions
from stylize_tf.service.networks import Networks, offered
from stylize_tf.service.processes import Place, Target, Workers, name_of_machine
from stylize_tf.service.queue import Queue

if TYPE_CHECKING:
    import uvicorn

MAIN, AT_ONCE = "stylize_tf", "stylize_tf_at_once"
"""Names of the queues: of jobs, and of what networks paint while somebody waits."""

_REFUSAL_SECONDS = 3.0
"""For who is refused because a request takes too long to read so, before the line is cut."""

Say = Callable[[str], None]


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


def workers_of(options: WorkOptions, networks: Networks, target: Target, say: Say) -> Workers:
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
    return Workers(several, target, say)


def check(options: WorkOptions) -> Networks:
    """The networks that may be asked for, if all else can be had, too; before anything is begun.

    Raises:
        ConfigError, OutputError: if something cannot.
    """
    for package in ("huey", "fsspec"):
        require(package, "serve", "serve")
    networks = offered(options.network)
    queue = Queue.at(place_of(options, MAIN).queue, options.lease, MAIN)
    queue.waiting()
    Files(options.results).write("", ".writable", b"")
    return networks


def work(options: WorkOptions, target: Target, say: Say) -> None:
    """Works until a signal comes."""
    networks = check(options)
    if not options.workers + options.network_workers:
        raise ConfigError("`workers` must be 1 or more here, or `network_workers`.")
    workers = workers_of(options, networks, target, say)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *unused: stopping.set())
    workers.start()
    say(f"{len(workers.pids)} workers take jobs of {place_of(options, MAIN).queue}.")
    while not stopping.wait(0.5):
        pass
    workers.stop()


def serve(options: ServeOptions, target: Target, say: Say) -> None:
    """Serves until a signal comes."""
    for package in ("fastapi", "uvicorn", "multipart", "prometheus_client"):
        require(package, "serve", "serve")
    networks = check(options)
    server = _server(options, networks)
    workers = workers_of(options, networks, target, say)
    workers.start()
    try:
        say(f"Serving at http://{options.host}:{options.port}/ ; Ctrl-C ends it.")
        server.run()
    finally:
        workers.stop()


def _server(options: ServeOptions, networks: Networks) -> uvicorn.Server:
    """The web process, not yet begun."""
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
    token = options.token or os.environ.get("STYLIZE_TF_TOKEN") or None
    app = create_app(
        of_jobs,
        Files(options.results),
        limits=limits,
        at_once=at_once,
        token=token,
        networks=networks,
    )

    class Prompt(Connection):
        seconds = limits.upload_seconds + _REFUSAL_SECONDS

    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=options.host,
            port=options.port,
            http=Prompt,
            ws="none",
            log_level="warning",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=10,
        )
    )
