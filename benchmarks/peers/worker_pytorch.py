"""PyTorch's side of `benchmarks.peers.evaluation_cost`: see `benchmarks.harness.workers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.harness import problem as problems
from benchmarks.harness import workers
from benchmarks.peers import twin_pytorch

_problems: dict[str, problems.Problem] = {}
_work: dict[str, Callable[[], Any]] = {}


def versions() -> dict[str, str]:
    """Of PyTorch, and how many threads it uses."""
    return {"torch": torch.__version__, "threads": str(torch.get_num_threads())}


def matmul(precision: str, size: int, repeats: int) -> list[float]:
    """Seconds of products of two square matrices."""
    left, right = (torch.randn(size, size).to(twin_pytorch.FORMATS[precision]) for _ in range(2))
    torch.mm(left, right)
    return [twin_pytorch.seconds_of(lambda: torch.mm(left, right)) for _ in range(repeats)]


def load(problem: str) -> None:
    """Reads a problem's file; the one before is forgotten with all that was prepared."""
    _work.clear()
    _problems["now"] = problems.read(problem)


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

    Args:
        name: to time it by.
        what: "evaluation" or "network": the sum of the deepest map alone.
        precision: of the convolutions.
        variant: layout, "nchw" or "channels_last".
        picture: file of `[1, H, W, 3]`.
        gradient: file to write the gradient to, `[1, H, W, 3]`; none if empty.
        axes: file of `twin_pytorch.Objective`'s argument; none if empty.
    """
    image = twin_pytorch.to_tensor(np.load(picture))
    function: Callable[[torch.Tensor], torch.Tensor]
    if what == "network":
        network = twin_pytorch.Network(_problems["now"], precision, variant)

        def function(x: torch.Tensor) -> torch.Tensor:
            return network(x, {"block5_conv1"})["block5_conv1"].sum(dtype=torch.float32)

    else:
        shared = dict(np.load(axes)) if axes else {}
        function = twin_pytorch.Objective(_problems["now"], precision, variant, shared)
    value, slope = twin_pytorch.value_and_gradient(function, image)
    if gradient:
        np.save(gradient, twin_pytorch.to_picture(slope))
    _work[name] = lambda: twin_pytorch.value_and_gradient(function, image)
    return value


def time(name: str, repeats: int) -> list[float]:
    """Seconds of each of several runs of what was prepared."""
    return [twin_pytorch.seconds_of(_work[name]) for _ in range(repeats)]


if __name__ == "__main__":
    if workers.threads():
        torch.set_num_threads(workers.threads())
    workers.serve({x.__name__: x for x in (versions, matmul, load, prepare, time)})
