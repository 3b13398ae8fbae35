"""Our side of `benchmarks.peers.evaluation_cost`: see `benchmarks.harness.workers`."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.harness import problem as problems
from benchmarks.harness import workers
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.evaluation.evaluator import Evaluator
from stylize_tf.network import features
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.targets import OfTerms, Targets

_problems: dict[str, problems.Problem] = {}
_work: dict[str, Callable[[], Any]] = {}
_evaluators: list[Callable[[tf.Tensor], Any]] = []


def versions() -> dict[str, str]:
    """Of TensorFlow, and how many threads it uses; 0 is its own choice, one a core."""
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return {"tensorflow": tf.__version__, "threads": str(threads)}


def matmul(precision: str, size: int, repeats: int) -> list[float]:
    """Seconds of products of two square matrices."""
    left, right = (tf.cast(tf.random.normal([size, size]), precision) for _ in range(2))
    multiply = tf.function(tf.matmul)
    finish(multiply(left, right))
    return [seconds_of(lambda: finish(multiply(left, right))) for _ in range(repeats)]


def load(problem: str) -> None:
    """Reads a problem's file; the one before is forgotten with all that was prepared."""
    _work.clear()
    _evaluators.clear()
    _problems["now"] = problems.read(problem)


def value_and_gradient(
    problem: problems.Problem, what: str, precision: str, network: keras.Model | None = None
) -> tuple[Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]], OfTerms]:
    """What a run uses, picture `[1, H, W, 3]` -> value and gradient, and the targets in it.

    Args:
        problem: pictures, weights and configuration.
        what: "evaluation" or "network": the sum of the deepest map alone.
        precision: of the convolutions.
        network: VGG19 with the problem's weights if None.
    """
    config = StyleTransferConfig.from_dict(problem.config)
    terms = build_objective(config, problem.units)
    extractor = features.build_extractor(
        network or features.vgg19(problem.tensors),
        ("block5_conv1",) if what == "network" else terms.layers(),
        pooling=config.pooling,
        padding=config.padding,
        precision=precision,
    )
    if what == "network":
        return _network_alone(extractor), {}
    evaluator = Evaluator(precision, extractor, terms)
    of_terms: OfTerms = {}
    for source, picture in (("style", problem.style), ("content", problem.content)):
        of_terms |= terms.targets([evaluator.statistics(source, picture)])
    weights = {name: tf.constant(weight) for name, weight in terms.weights.items()}
    targets = Targets(of_terms, weights)
    evaluate = evaluator.value_and_gradient()

    def evaluation(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        losses, gradient = evaluate(image, targets)
        return tf.add_n(list(losses.values())), gradient

    return evaluation, of_terms


def _network_alone(extractor: keras.Model) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3])])
    def function(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = tf.reduce_sum(tf.cast(extractor(image)["block5_conv1"], tf.float32))
        return value, tape.gradient(value, image)

    return function


def axes_of(targets: OfTerms) -> dict[str, np.ndarray]:
    """Term and layer, as "style/block1_conv1" -> axes of the targets that have some."""
    return {
        f"{term}/{layer}": target.axes[0].numpy()
        for term, layers in targets.items()
        for layer, target in layers.items()
        if hasattr(target, "axes")
    }


def prepare(
    name: str,
    what: str,
    precision: str,
    variant: str,
    picture: str,
    gradient: str = "",
    axes: str = "",
) -> float:
    """Prepares a value and gradient at a picture, runs it once, and returns the value.

    Arguments as for `worker_pytorch.prepare`, but `axes` is a file to write; the only `variant` is
    "".
    """
    image = tf.constant(np.load(picture))
    function, targets = value_and_gradient(_problems["now"], what, precision)
    if axes:
        np.savez(axes, **axes_of(targets))
    found, slope = function(image)
    if gradient:
        np.save(gradient, slope.numpy())
    _work[name] = lambda: finish(function(image)[1])
    return float(found)


def value(picture: str) -> float:
    """The objective of the problem at a picture's file, `[1, H, W, 3]`, in float32."""
    if not _evaluators:
        _evaluators.append(value_and_gradient(_problems["now"], "evaluation", "float32")[0])
    return float(_evaluators[0](tf.constant(np.load(picture)))[0])


def finish(tensor: tf.Tensor) -> None:
    """Waits for the tensor, wherever it is computed."""
    tf.reshape(tensor, [-1])[0].numpy()


def seconds_of(work: Callable[[], Any]) -> float:
    """How long one call takes."""
    start = clock.perf_counter()
    work()
    return clock.perf_counter() - start


def time(name: str, repeats: int) -> list[float]:
    """Seconds of each of several runs of what was prepared."""
    return [seconds_of(_work[name]) for _ in range(repeats)]


if __name__ == "__main__":
    if workers.threads():
        tf.config.threading.set_intra_op_parallelism_threads(workers.threads())
    tf.config.experimental.enable_tensor_float_32_execution(False)  # As in the other worker.
    workers.serve({x.__name__: x for x in (versions, matmul, load, prepare, value, time)})
