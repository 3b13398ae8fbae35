"""The pipeline: pictures in, lines of JSON of those that failed out.

A `DoFn`, and not a `ModelHandler` of RunInference, which is for batches of examples of one shape
and loses all of a batch with one of them: photographs have many sizes, the optimizer answers after
minutes, and names, recipe and file of each picture are to be those of a folder run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners.runner import PipelineState
from apache_beam.utils.shared import Shared

import stylize_tf
from stylize_tf.errors import StylizationError
from stylize_tf.images.files import reason
from stylize_tf.jobs.batch import beam_options, places
from stylize_tf.jobs.batch.tasks import Batch, How, Outcome, Task
from stylize_tf.jobs.batch.worker import KNOWN, Painter

_NAMESPACE = "stylize_tf"


class Paint(beam.DoFn):
    """From a `Task` to nothing, or to the line of the dead letter if it failed.

    All bundles of a process share a `Painter`, so TensorFlow, network and statistics of paintings
    are there once.

    Args:
        how: pictures are painted.
    """

    def __init__(self, how: How) -> None:
        self._how = how
        self._shared = Shared()
        self._counters = {
            name: Metrics.counter(_NAMESPACE, name) for name in ("painted", "skipped", "failed")
        }

    def setup(self) -> None:
        """Makes the painter of the process, or takes down why there is none."""
        self._painter: Painter | None = None
        try:
            self._painter = self._shared.acquire(lambda: Painter(self._how))
        except KNOWN as error:  # Another attempt would not find it either.
            self._missing = error

    def process(self, task: Task) -> Iterator[str]:
        """Paints a picture."""
        try:
            if self._painter is None:
                raise self._missing
            how = "painted" if self._painter.paint(task) else "skipped"
        except Exception as error:
            how = "failed"
            yield json.dumps(_failure(task, error), ensure_ascii=False)
        self._counters[how].inc()


def _failure(task: Task, error: Exception) -> dict[str, Any]:
    kind = next((x.__name__ for x in type(error).__mro__ if x in KNOWN), type(error).__name__)
    text = str(error) if isinstance(error, KNOWN) else reason(error)
    return {
        "content": task.content,
        "styles": list(task.styles),
        "output": task.path,
        "error": text,
        "kind": kind,
    }


def _write_lines(lines: list[str], path: str) -> None:
    """Writes a text as a whole, if it has lines."""
    if lines:
        places.write(path, "".join(f"{line}\n" for line in sorted(lines)).encode())


def run(batch: Batch) -> Outcome:
    """Paints a batch.

    Raises:
        StylizationError: if the runner does not come to an end.
    """
    options = PipelineOptions(list(batch.beam))
    if options.view_as(DirectOptions).direct_running_mode == "multi_processing":
        _let_workers_find_us()
    pipeline = beam.Pipeline(runner=beam_options.runner_of(options), options=options)
    _ = (
        pipeline
        | "Pictures" >> beam.Create(batch.tasks)  # Which deals them out to all workers.
        | "Paint" >> beam.ParDo(Paint(batch.how))
        | "Failures" >> beam.combiners.ToList()
        | "Dead letter" >> beam.Map(_write_lines, batch.dead_letter)
    )
    try:
        result = pipeline.run()
        state = result.wait_until_finish()
    except Exception as error:
        raise StylizationError(f"the runner failed: {reason(error)}") from error
    if state not in (None, PipelineState.DONE):
        raise StylizationError(f"the runner ended as {state}. Its log says more.")
    found = result.metrics().query(MetricsFilter().with_namespace(_NAMESPACE))["counters"]
    counts = {item.key.metric.name: item.result for item in found}
    failures = tuple(json.loads(line) for line in places.lines(batch.dead_letter))
    painted, skipped, failed = (counts.get(x) or 0 for x in ("painted", "skipped", "failed"))
    return Outcome(painted, skipped, failed, failures)


def _let_workers_find_us() -> None:
    """Processes that the runner starts import this package, wherever they are started."""
    root = str(Path(stylize_tf.__file__).parents[1])
    before = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys((root, *before)))
