"""The service in this process: its application, and a worker with a small network in a thread."""

import io
import threading

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from benchmarks.harness.served import until
from stylize_tf.network import weights
from stylize_tf.service.files import Files
from stylize_tf.service.following import WorkerOptions
from stylize_tf.service.networks import offered
from stylize_tf.service.queue import Queue
from stylize_tf.service.web.answers import Limits
from stylize_tf.service.web.app import create_app
from stylize_tf.service.worker import Worker
from tests.fakes import cli_fakes

SHORT = {
    "size": "32",
    "coarsest_size": "24",
    "steps": "2",
    "content_layers": "block2_conv1",
    "style_layers": "block1_conv1,block2_conv1",
    "style_layer_weights": "",
    "structure_weight": "0",
    "focus_weight": "0",
    "coarse_style_weight": "0",
    "precision": "float32",
}
"""Options of a picture that is painted in no time."""


def png(seed=0, size=(40, 60)):
    """A picture, as a file holds it."""
    noise = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).resize(size[::-1], Image.Resampling.BICUBIC).save(data, "PNG")
    return data.getvalue()


PICTURES = [("content", ("a.png", png(0))), ("style", ("b.png", png(1)))]
"""Parts of a request."""


class Service:
    """Queue, files, application and workers."""

    def __init__(self, folder, engine, networks=(), **limits):
        self.place = str(folder / "queue.sqlite")
        self.folder = folder / "results"
        self.engine = engine
        self.networks = offered(networks)
        self.queue, self.at_once = self.of("main"), self.of("at once")
        self.files = Files(str(self.folder))
        self.limits = Limits(**limits)
        self._stopping = threading.Event()
        self._threads = []
        self.said = []

    def of(self, name):
        return Queue.at(self.place, lease=2.0, name=name)

    def client(self, **options):
        return TestClient(self.app(**options), raise_server_exceptions=False)

    def app(self, **options):
        shared = {"limits": self.limits, "at_once": self.at_once, "networks": self.networks}
        return create_app(self.queue, self.files, **shared, **options)

    def work(self, name="anna", queue=None, **options):
        """Starts a worker."""
        own = {"checkpoint_seconds": 0, "networks": self.networks, **options}
        queue = queue or self.queue
        options, is_stopped = WorkerOptions(name, **own), self._stopping.is_set
        worker = Worker(queue, self.files, options, is_stopped, self.said.append)
        worker._engine = self.engine
        thread = threading.Thread(target=worker.work, daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def service(tmp_path, tiny_engine, monkeypatch):
    monkeypatch.setattr(weights, "find", lambda *arguments, **options: cli_fakes.WEIGHTS)
    made = []

    def make(networks=(), **limits):
        made.append(Service(tmp_path, tiny_engine, networks, **limits))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def ended(client, job):
    """The state of a job that is over."""
    return until(lambda: (x := client.get(f"/v1/jobs/{job}").json()).get("ended") and x)
