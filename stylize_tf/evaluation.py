"""The objective of a picture, evaluated: statistics for its targets, its value and its gradient."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stylize_tf.objective import Objective, Targets
from stylize_tf.optimizers import ValueAndGradient, compiled


class Evaluator:
    """An extractor and an objective, compiled once for pictures of every size.

    Args:
        name: of the number format of the extractor.
        extractor: from `features.build_extractor`.
        objective: whose layers the extractor has.
    """

    def __init__(self, name: str, extractor: keras.Model, objective: Objective):
        self.name = name
        self._extractor = extractor
        self._objective = objective
        self._compiled: dict[str, Any] = {}

    def statistics(self, source: str, image: np.ndarray) -> Targets:
        """The statistics of a picture `[1, H, W, 3]` for terms whose targets are from `source`."""
        layers = self._objective.layers(source)
        if not layers:
            return {}
        if source not in self._compiled:
            # No deeper than these layers need.
            outputs = {name: self._extractor.output[name] for name in layers}
            extractor = keras.Model(self._extractor.input, outputs)
            self._compiled[source] = compiled(
                lambda x: self._objective.statistics(source, extractor(x)),
                input_signature=[tf.TensorSpec([1, None, None, 3])],
            )
        return self._compiled[source](tf.constant(image))

    def value_and_gradient(self, targets: Targets) -> ValueAndGradient:
        """The losses and their exact gradient with every feature map held in memory.

        Traced once for all sizes, for targets of this structure.
        """
        if "step" not in self._compiled:

            def value_and_gradient(image: tf.Tensor, targets: Targets) -> Any:
                with tf.GradientTape() as tape:
                    tape.watch(image)
                    losses = self._objective(self._extractor(image), targets)
                    loss = tf.add_n(list(losses.values()))
                return losses, tape.gradient(loss, image)

            self._compiled["step"] = compiled(
                value_and_gradient,
                input_signature=[
                    tf.TensorSpec([1, None, None, 3]),
                    tf.nest.map_structure(_of_any_size, targets),
                ],
            )
        return self._compiled["step"]


def _of_any_size(tensor: tf.Tensor) -> tf.TensorSpec:
    shape = [1, None, None, tensor.shape[3]] if tensor.shape.rank == 4 else tensor.shape
    return tf.TensorSpec(shape, tensor.dtype)
