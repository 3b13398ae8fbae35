"""Would it pay to update a picture tile by tile, each against exact statistics of all of it?

    python -m benchmarks.ours.tile_updates [--quick] [--json FILE]

A step over the whole picture costs an evaluation of it. A step of one of four tiles, the sums of
the others kept, would cost a quarter of that, and the later tiles of a sweep already see the
earlier ones. Both start from the picture of the stage before, enlarged, and both use the default
optimizer, each tile with a history of its own. What is compared is the loss at equal cost, with the
borders that neighboring tiles would share left out, which is in favor of the tiles. The sums are
not really kept here: every step evaluates the whole picture, and only the tile's part of the
gradient is used, which gives the same numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem
from stylize_tf import StyleTransferConfig, Stylizer
from stylize_tf.evaluation.tiling import Tiling
from stylize_tf.iterative.pyramid import Stage
from stylize_tf.objective.targets import ValueAndGradient
from stylize_tf.optimizers.lbfgs import LBFGS
from stylize_tf.optimizers.spectral import Spectral

SIZE, SMALLER, SWEEPS = 512, 362, 20
QUARTERS = [(rows, columns) for rows in (0, 1) for columns in (0, 1)]


class _SeenError(Exception):
    """Ends a run when its objective is known."""


def stage(size: int, smaller: int) -> tuple[tf.Tensor, ValueAndGradient]:
    """Where the stage of a size begins, and the objective there, of the example pair."""
    content, style = problem.EXAMPLES
    options: dict[str, Any] = {"precision": "float32"}
    painted = Stylizer(StyleTransferConfig(size=smaller, **options))(content, style)
    stylizer = Stylizer(StyleTransferConfig(size=size, coarsest_size=0, **options))
    found: list[Any] = []
    original = Tiling.value_and_gradient

    def see(tiling: Tiling, image: tf.Tensor, targets: Any, pixels: int) -> Any:
        found.append((tiling, image, targets))
        raise _SeenError

    Tiling.value_and_gradient = see  # type: ignore[method-assign]
    try:
        next(stylizer.iterate(content, style))
    except _SeenError:
        pass
    finally:
        Tiling.value_and_gradient = original  # type: ignore[method-assign]
    tiling, image, targets = found[0]
    pictures = stylizer.pictures(content, style)
    start = pictures.enlarged(painted[np.newaxis], Stage(image.shape[1], image.shape[2], 1)).clip(
        0, 1
    )
    return tf.constant(start), lambda x, _: tiling.value_and_gradient(x, targets, 0)


def of_the_whole(start: tf.Tensor, function: ValueAndGradient, sweeps: int) -> list[float]:
    """The loss before each step."""
    method, values = Spectral(LBFGS()), []
    state = method.initial(start)
    for _ in range(sweeps):
        losses, gradient = function(state.x, ())
        values.append(float(sum(losses.values())))
        state = method.advance(state, tf.constant(values[-1]), gradient)
    return values


def of_quarters(start: tf.Tensor, function: ValueAndGradient, sweeps: int) -> list[float]:
    """The loss before each sweep, of a step of each quarter in turn."""
    image, values = start.numpy(), []
    height, width = image.shape[1] // 2, image.shape[2] // 2
    places = [
        (slice(None), slice(a * height, (a + 1) * height), slice(b * width, (b + 1) * width))
        for a, b in QUARTERS
    ]
    method = Spectral(LBFGS())
    states = [method.initial(tf.constant(image[place])) for place in places]
    for _ in range(sweeps):
        for number, place in enumerate(places):
            losses, gradient = function(tf.constant(image), ())
            value = float(sum(losses.values()))
            if not number:
                values.append(value)
            states[number] = method.advance(states[number], tf.constant(value), gradient[place])
            image[place] = states[number].x.numpy()
    return values


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write `tile_updates.json`."""
    parser = arguments_of.parser("ours.tile_updates", __doc__)
    options = parser.parse_args(arguments)
    size, smaller, sweeps = (96, 64, 3) if options.quick else (SIZE, SMALLER, SWEEPS)
    start, function = stage(size, smaller)
    results = {
        "whole": of_the_whole(start, function, sweeps),
        "quarters": of_quarters(start, function, sweeps),
    }
    for cost in range(0, sweeps, max(1, sweeps // 5)):
        found = ", ".join(f"{name} {values[cost]:.4g}" for name, values in results.items())
        print(f"after the cost of {cost} evaluations: {found}", file=sys.stderr)
    print(f"least: { {name: float(np.min(values)) for name, values in results.items()} }")
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
