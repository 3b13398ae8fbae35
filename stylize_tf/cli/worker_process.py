"""What a process of a worker does: it loads TensorFlow, and paints until it is told to end."""

from __future__ import annotations

import os
import signal
import sys
import threading

from stylize_tf.errors import StylizationError, WeightsError
from stylize_tf.service.files import Files
from stylize_tf.service.following import WorkerOptions
from stylize_tf.service.processes import Place
from stylize_tf.service.queue import Queue
from stylize_tf.service.worker import Worker


def run(place: Place, options: WorkerOptions) -> None:
    """Works until SIGTERM or SIGINT comes, or who started it is gone."""
    from stylize_tf.machine import tensorflow_runtime

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *unused: stopping.set())
    parent = os.getppid()
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
            worker.work()
    except (StylizationError, WeightsError) as error:
        _say(str(error))
        sys.exit(1)
    sys.stderr.flush()
    os._exit(0)  # Python's own way out takes TensorFlow apart, which lasts a second.


def _say(text: str) -> None:
    print(f"stylize_tf: {text}", file=sys.stderr, flush=True)
