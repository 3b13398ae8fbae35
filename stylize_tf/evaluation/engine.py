"""The network, and what is compiled of it: shared by all who use the same network."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError, StylizationError
from stylize_tf.evaluation.evaluator import Evaluator
from stylize_tf.evaluation.forecast import Sample
from stylize_tf.machine.newest import Newest
from stylize_tf.machine.surroundings import check_surroundings
from stylize_tf.network import features, weights
from stylize_tf.objective.balance import build_objective
from stylize_tf.objective.objective import Objective
from stylize_tf.objective.term import Term, layers_of

KEPT_PAINTINGS = 16
"""Pictures that were made of paintings, each as large as the finished one."""


KEPT_SAMPLES = 64
"""Of runs of one kind; a picture of 2048 pixels leaves 18."""


class Engine:
    """A network and its compiled functions, kept by what they compile.

    Two configurations that differ only in what is data to the compiled functions (sizes, weights of
    terms, optimizers, colors) share them. One engine may serve many `Stylizer`s, also in several
    threads: each function is traced once, by the first that wants it. Copies are the engine itself;
    pickled it is its network and its units, and compiles anew.

    Args:
        network: like VGG19 or any other, see `features.build_extractor`.
        units: mean activation of each layer by its name, for `config.normalize_features`; 1 where
            missing. If None they are measured, by `features.mean_activations`.
        kept: evaluators that are kept at most; with VGG19 what is compiled takes 70 MB each, and
            statistics of paintings up to 200 MB.

    Attributes:
        network: as given.
        paintings: that were made on the way to others, by what they were made from.
        formats: number formats that were chosen, by device.
        samples: of what runs took, the newest last, by what `planning.kind` says of them.
    """

    def __init__(
        self, network: keras.Model, units: Mapping[str, float] | None = None, kept: int = 4
    ):
        check_surroundings()
        self.network = network
        self.paintings: Newest[np.ndarray] = Newest(KEPT_PAINTINGS)
        self.formats: Newest[str] = Newest(KEPT_PAINTINGS)
        self.samples: dict[str, list[Sample]] = {}
        self._noting = threading.Lock()
        self._units = units
        self._measured: Newest[dict[str, float]] = Newest()
        self._kept = kept
        self._evaluators: Newest[Evaluator] = Newest(kept)

    @classmethod
    def vgg19(cls, found: weights.Weights | str | os.PathLike[str] | None = None) -> Engine:
        """That of VGG19.

        Args:
            found: from `weights.find()`, or the path of a file of weights; looked for if None.

        Raises:
            WeightsError: if the weights cannot be had.
        """
        if not isinstance(found, weights.Weights):
            found = weights.find(found)
        return cls(features.vgg19(found.tensors), features.MEAN_ACTIVATIONS)

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            network = self.network.to_json()
            keras.models.model_from_json(network)
        except Exception as error:  # Of layers of others, of any kind.
            raise _not_rebuilt(error) from error
        with tf.init_scope():
            weights = self.network.get_weights()
        return _restored, (network, weights, self._units, self._kept)

    def __copy__(self) -> Engine:
        return self

    def __deepcopy__(self, memo: Any) -> Engine:
        return self

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the network: its layers, by `positions` for their names, and its weights."""
        digest = hashlib.sha256(self._configuration.encode())
        with tf.init_scope():  # It pauses tapes, which would watch what is read.
            for weight in self.network.weights:
                digest.update(np.ascontiguousarray(weight.numpy()).data)
        return digest.hexdigest()

    @property
    def _configuration(self) -> str:
        """What the network's layers are, as text; of layers that cannot tell, their classes."""
        try:
            configuration = json.loads(self.network.to_json())
        except Exception:  # Of layers of others, of any kind.
            configuration = [str(type(layer)) for layer in self.network.layers]
        names = {layer.name: index for index, layer in enumerate(self.network.layers)}
        return json.dumps(_by_positions(configuration, {**names, self.network.name: -1}))

    def positions(self, layers: Iterable[str]) -> dict[str, int]:
        """Which layers these are: names that Keras gives differ from one process to the next."""
        names = [layer.name for layer in self.network.layers]
        return {name: names.index(name) for name in layers if name in names}

    def extractor(self, layers: Iterable[str], config: StyleTransferConfig) -> keras.Model:
        """A model from an image to the maps of some layers, in float32 and with max pooling."""
        return features.build_extractor(self.network, layers, padding=config.padding)

    def objective(self, config: StyleTransferConfig, extra_terms: Sequence[Term] = ()) -> Objective:
        """What a configuration, and who gives further terms, asks to be minimized."""
        objective = build_objective(config, self._units or {}, extra_terms)
        if self._units is not None or not config.normalize_features:
            return objective
        layers = objective.layers()
        units = self._measured.get(layers, lambda: features.mean_activations(self.network, layers))
        return dataclasses.replace(objective, units=units)

    def check(self, config: StyleTransferConfig, extra_terms: Sequence[Term] = ()) -> None:
        """Raises a `ConfigError` unless the network has the layers, and heeds the options, of this.

        What has no weight is left out, and may name any layers.

        Args:
            config: that is asked for.
            extra_terms: as for `objective`.
        """
        features.check_network(self.network)
        named = {**config.layers_in_use, "extra_terms": layers_of(extra_terms)}
        for name, layers in named.items():
            features.check_layers(self.network, layers, name)
        wanted = [*itertools.chain(*named.values())]
        if features.is_like_vgg(self.network, wanted):
            return
        features.part_of_another(self.network, wanted)
        if config.pooling != "max" or config.padding == "reflect":
            raise ConfigError(
                "`pooling` and `padding` are for networks like VGG19: this one keeps its own. "
                "Leave them as they are."
            )
        if config.auto_regions:
            raise ConfigError(
                "`regions` are found by layers of VGG19, which this network has not. Give "
                "`content_masks`."
            )

    def note(self, kind: str, samples: Iterable[Sample]) -> None:
        """Keeps what parts of a run took, for plans of others of the kind."""
        with self._noting:
            self.samples[kind] = [*self.samples.pop(kind, []), *samples][-KEPT_SAMPLES:]  # Last.

    def evaluator(
        self,
        config: StyleTransferConfig,
        precision: str | None = None,
        extra_terms: Sequence[Term] = (),
    ) -> Evaluator:
        """What evaluates pictures by the objective of a configuration.

        Args:
            config: whose terms, pooling and padding count.
            precision: number format of the convolutions; that of the configuration if None.
            extra_terms: as for `objective`.
        """
        objective = self.objective(config, extra_terms)
        name = precision or config.precision

        def make() -> Evaluator:
            extractor = features.build_extractor(
                self.network,
                objective.layers(),
                pooling=config.pooling,
                padding=config.padding,
                precision=name,
            )
            return Evaluator(name, extractor, objective)

        key = (objective.key, config.pooling, config.padding, name)
        return self._evaluators.get(key, make)


def _restored(
    network: str, weights: list[np.ndarray], units: Mapping[str, float] | None, kept: int
) -> Engine:
    try:
        model = keras.models.model_from_json(network)
    except Exception as error:  # Of layers of others, of any kind.
        raise _not_rebuilt(error) from error
    model.set_weights(weights)
    return Engine(model, units, kept)


def _not_rebuilt(error: Exception) -> StylizationError:
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return StylizationError(
        f"The network cannot be pickled, as Keras cannot build it from its configuration: register "
        f"its own layers by `keras.saving.register_keras_serializable`, where it is unpickled, "
        f"too; or send `config` and the weights, and make the stylizer there ({reason[:200]})."
    )


_NAMED = {"name", "keras_history", "input_layers", "output_layers"}
"""Keys of Keras' configurations under which layers are named."""

_OF_BUILDING = {"build_config", "compile_config"}
"""Those of what decides no map."""


def _by_positions(configuration: Any, names: Mapping[str, int], is_name: bool = False) -> Any:
    """A configuration of Keras' with numbers for the names of layers; inputs have none."""
    if isinstance(configuration, Mapping):
        return {
            key: _by_positions(value, names, key in _NAMED)
            for key, value in configuration.items()
            if key not in _OF_BUILDING and not (key == "name" and "batch_shape" in configuration)
        }
    if isinstance(configuration, list):
        return [_by_positions(each, names, is_name) for each in configuration]
    return names.get(configuration, configuration) if is_name else configuration
