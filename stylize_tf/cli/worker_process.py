"""What a process of a worker does: it loads TensorFlow, and paints until it is told to end."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection

from stylize_tf.cli.exits import explain
from stylize_tf.cli.terminal.signals import ENDING
from stylize_tf.service.files import Files
from stylize_tf.service.following import WorkerOptions
from stylize_tf.service.processes import Place, Target
from stylize_tf.service.queue import Queue
from stylize_tf.service.worker import Worker


def target(is_verbose: bool) -> Target:
    """What processes do; verbose ones add tracebacks to errors."""
    return functools.partial(run, is_verbose=is_verbose)


def run(place: Place, options: WorkerOptions, line: Connection, is_verbose: bool = False) -> None:
    """Works until a signal comes, or who started it is gone."""
    from stylize_tf.machine import tensorflow_runtime

    ready, stopping = threading.Event(), threading.Event()

    def end(signum: int, frame: object) -> None:
        stopping.set()
        if not ready.is_set():  # Nothing is to lose.
            raise SystemExit

    for which in ENDING:
        if which == signal.SIGTERM or signal.getsignal(which) != signal.SIG_IGN:
            signal.signal(which, end)
    parent = os.getppid()
    code = 0
    try:
        runtime = tensorflow_runtime.load(
            options.device, options.threads, raw_log=False, before_replay=lambda: None
        )
        worker = Worker(
            Queue.at(place.queue, place.lease, place.name),
            Files(place.results),
            options,
            lambda: stopping.is_set() or os.getppid() != parent,
            _say,
        )
        with runtime.placement(options.device.split(",")[0]):
            worker.warm()
            ready.set()
            line.send(None)
            worker.work()
    except SystemExit:
        pass
    except Exception as error:
        code = 1
        message, _, ways = explain(error)
        with contextlib.suppress(OSError):
            if is_verbose:
                traceback.print_exc()
            (_say if ready.is_set() else line.send)("\n".join(filter(None, (message, ways))))
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)  # Python's own way out takes TensorFlow apart, which lasts a second.


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # The terminal was closed.
        print(f"stylize_tf: {text}", file=sys.stderr, flush=True)
