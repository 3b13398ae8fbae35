"""Pictures painted by optimizing them: the one object, and the one function, that users need."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stylize_tf.config.fields import term_fields
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import regions
from stylize_tf.control.fine_style import configuration as fine_style_configuration
from stylize_tf.control.initial import initial_image
from stylize_tf.errors import ConfigError, StylizationError
from stylize_tf.evaluation.engine import Engine
from stylize_tf.evaluation.evaluator import OUT_OF_MEMORY
from stylize_tf.evaluation.forecast import Pace
from stylize_tf.images.image_io import ImageLike
from stylize_tf.iterative import planning, pyramid
from stylize_tf.iterative.checkpoint import Checkpoint
from stylize_tf.iterative.pictures import Pictures
from stylize_tf.iterative.planning import Plan
from stylize_tf.iterative.preparation import Preparation
from stylize_tf.iterative.run import Iterate, Run
from stylize_tf.iterative.sources import Several, Sources
from stylize_tf.machine import memory, number_formats, rates
from stylize_tf.machine.surroundings import check_surroundings
from stylize_tf.network import weights
from stylize_tf.objective.balance import balanced_weights
from stylize_tf.objective.targets import OfTerms, Targets
from stylize_tf.objective.term import Term, checked_terms, layers_of

TRIED_SIDE = 64
"""Pixels of the sides of the picture on which number formats are tried."""


class Stylizer:
    """Stylizes pictures with one configuration.

    Its engine keeps the network, the compiled functions, which are traced once for all sizes, and
    the statistics of the last styles, so that later pictures start sooner. Gatys, Ecker & Bethge
    (2016) is the method; README.md tells where we differ. Several `iterate` may be under way, in
    turn and in several threads, with the pixels that each has alone. A copy is the stylizer itself;
    pickled it is its options and its network.

    Args:
        config: all options; its defaults if None.
        weights: of VGG19, from `weights.find()` or the path of their file; looked for if this,
            `network` and `engine` are None.
        network: another than VGG19, of whose layers `config` names some. One like VGG19 is given
            what that wants, any other RGB in [0, 1], and is evaluated as a whole: pictures for
            which memory does not suffice are refused. See `features.build_extractor`.
        units: of another network, the mean activation of each layer by its name, for
            `config.normalize_features`; 1 where missing. If None they are measured.
        engine: that of another stylizer, to share what it compiled.
        extra_terms: of the objective, beside those that `config` asks for, or one: see `Term`. They
            are weighed, normalized and told like these, by their names, and tiled with them.

    Attributes:
        config: the options, "auto" replaced by what was chosen; it never changes.
        engine: what is compiled.

    Raises:
        WeightsError: if the weights of VGG19 cannot be had.
        StylizationError: where TensorFlow cannot work as it has to: see `surroundings`.
    """

    def __init__(
        self,
        config: StyleTransferConfig | None = None,
        *,
        weights: weights.Weights | str | os.PathLike[str] | None = None,
        network: keras.Model | None = None,
        units: Mapping[str, float] | None = None,
        engine: Engine | None = None,
        extra_terms: Term | Iterable[Term] = (),
    ):
        check_surroundings()
        config = config or StyleTransferConfig()
        if engine is None:
            if network is None:
                config.check_choices()  # Before the weights are looked for.
            engine = Engine.vgg19(weights) if network is None else Engine(network, units)
        self.engine = engine
        self._extra_terms = checked_terms(extra_terms, term_fields(StyleTransferConfig))
        engine.check(config, self._extra_terms)
        self._config = config
        # What "auto" stands for here and now: it decides the pixels, so recipes tell it.
        self._config = self._config.replace(
            precision=self._precision(),
            memory=round(memory.limit(self._config.memory, tf.zeros([]).device) / 1e9, 3),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._config, self.engine, self._extra_terms)

    def __copy__(self) -> Stylizer:
        return self

    def __deepcopy__(self, memo: Any) -> Stylizer:
        return self

    @property
    def config(self) -> StyleTransferConfig:
        """The options."""
        return self._config

    def replace(self, **changes: Any) -> Stylizer:
        """A stylizer with some options changed that shares the engine.

        Raises:
            ConfigError: if a value is not allowed.
        """
        config = self._config.replace(**changes)
        return Stylizer(config, engine=self.engine, extra_terms=self._extra_terms)

    def __call__(
        self, content: ImageLike | Sources, style: Several | None = None, **others: Any
    ) -> np.ndarray:
        """The finished picture; arguments as for `iterate`.

        A batch of photographs is painted one by one, by the same compiled steps; `initial` may be a
        batch of as many, all else is for each of them.

        Returns:
            float32, RGB in [0, 1], of the rank of `content`: `[N, H, W, 3]` for arrays and tensors
            of rank 4, else `[H, W, 3]`.
        """
        sources = self._sources(content, style, others)
        photographs: Any = sources.content
        initial: Any = sources.initial
        if getattr(photographs, "ndim", 3) != 4:
            return self._picture(sources)[0]
        several = getattr(initial, "ndim", 3) == 4 and len(initial) == len(photographs)
        starts = initial if several else [initial] * len(photographs)
        pictures = [
            self._picture(dataclasses.replace(sources, content=photograph, initial=start))
            for photograph, start in zip(photographs, starts, strict=True)
        ]
        if not pictures:
            return np.zeros([0, *self.final_size(photographs), 3], np.float32)
        return np.concatenate(pictures)

    def final_size(self, content: np.ndarray) -> tuple[int, int]:
        """Height and width of the finished picture for a photograph `[1, H, W, 3]`."""
        layers = layers_of(self._extra_terms)
        return pyramid.final_size(self._config, *content.shape[1:3], layers=layers)

    def pictures(
        self, content: ImageLike | Sources, style: Several | None = None, **others: Any
    ) -> Pictures:
        """What `iterate` makes of the same arguments before it begins; `overlay()` shows regions.

        Raises:
            ImageError, ConfigError: as `iterate` does.
        """
        sources = self._sources(content, style, others)
        return Pictures(
            self._config,
            sources,
            find_regions=self._find_regions,
            layers=layers_of(self._extra_terms),
        )

    def plan(
        self, content: ImageLike | Sources, style: Several | None = None, **others: Any
    ) -> Plan:
        """What `iterate` would do of the same arguments; files are read as far as their headers.

        Of a batch, ask for the plan of one photograph: each takes as much.

        Seconds are told by what this stylizer painted before, and those that share its engine;
        before that they are a guess. They are of the run alone, not of loading TensorFlow or of
        writing the picture.

        Raises:
            ImageError, ConfigError: as `iterate` does.
        """
        sources = self._sources(content, style, others)
        config, terms = self._config, self._extra_terms
        evaluator = self.engine.evaluator(config, extra_terms=terms)
        outlines = planning.outlines(
            config,
            planning.Sizes.of(sources, config),
            lambda own: (
                self.engine.evaluator(own, extra_terms=terms if own == config else ()).segments
            ),
            compared=len(self.engine.formats) > 0,
            layers=layers_of(terms),
        )
        samples = self.engine.samples.get(planning.kind(config, terms), [])
        device = tf.zeros([]).device
        pace = Pace(samples, rates.guessed_speed(config.precision, device))
        limit = memory.limit(config.memory)
        return planning.plan(outlines, limit, pace, is_fresh=evaluator.is_fresh)

    def iterate(
        self,
        content: ImageLike | Sources,
        style: Several | None = None,
        initial: ImageLike | None = None,
        checkpoint: Checkpoint | None = None,
        *,
        on_stroke: Callable[[], None] | None = None,
        **others: Any,
    ) -> Iterator[Iterate]:
        """Stylizes `content`, yielding after each step; the last iterate has the finished picture.

        Args:
            content: the photograph; or all `Sources`, in place of the arguments that they have.
            style: one painting or several.
            initial: the picture to start from, if `config.init` is "picture".
            checkpoint: where the run saves its state, and goes on if an equal one was killed: to
                the same picture, byte for byte. Who writes the picture then removes it.
            on_stroke: called after each step of giving paintings the strokes of `fine_style`; what
                it raises ends the run.
            others: `content_masks`, `style_masks`, `fine_style` and `strength_mask` of `Sources`.

        Raises:
            ImageError: if a picture cannot be read or is out of range, or a mask does not fit.
            ConfigError: if options and pictures do not fit together.
            StylizationError: if the loss is not finite from the start, or memory does not suffice.
            OSError: if the folder of the checkpoint cannot be made.
        """
        if initial is not None:
            others["initial"] = initial
        with _told_of_memory():
            pictures = self.pictures(content, style, **others)
            preparation = Preparation(
                self._config, self.engine, pictures, checkpoint, self._extra_terms
            )
        # Not a generator itself: that would check nothing before it is asked for an iterate.
        return self._iterates(preparation, pictures, on_stroke)

    @staticmethod
    def _sources(
        content: ImageLike | Sources, style: Several | None, others: dict[str, Any]
    ) -> Sources:
        check_surroundings()
        if isinstance(content, Sources):
            if style is not None or others:
                raise ConfigError(
                    "`content` is `Sources`, which have all: leave out other pictures."
                )
            return content
        return Sources.of(content, () if style is None else style, **others)

    def _picture(self, sources: Sources) -> np.ndarray:
        for iterate in self.iterate(sources):  # noqa: B007
            pass
        return iterate.image

    def _iterates(
        self, preparation: Preparation, pictures: Pictures, on_stroke: Callable[[], None] | None
    ) -> Iterator[Iterate]:
        started = time.perf_counter()
        if self._config.strength:
            with _told_of_memory():
                pictures.take_strokes(
                    lambda painting, fine: self._take_strokes(painting, fine, on_stroke),
                    preparation.stages[-1],
                )
        budget = self._config.time_budget
        if budget:
            budget = max(budget - (time.perf_counter() - started), 1e-3)
        yield from Run(preparation, budget).iterates()

    def _find_regions(
        self, photograph: np.ndarray, painting: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        extractor = self.engine.extractor([regions.FOUND_LAYER], self._config)
        count, seed = self._config.auto_regions, self._config.seed
        return regions.find(extractor, photograph, painting, count, seed)

    def _take_strokes(
        self, painting: np.ndarray, fine: np.ndarray, on_stroke: Callable[[], None] | None
    ) -> np.ndarray:
        """The painting with the strokes of another, see `fine_style`."""
        config = fine_style_configuration(self._config)

        def make() -> np.ndarray:
            for iterate in Stylizer(config, engine=self.engine).iterate(painting, fine):  # noqa: B007
                if on_stroke is not None:
                    on_stroke()
            return iterate.image

        digests = (hashlib.sha256(x.tobytes()).hexdigest() for x in (painting, fine))
        return self.engine.paintings.get((*digests, config), make)

    def _precision(self) -> str:
        """The number format that is taken: for "auto" chosen once an engine and device."""
        if self._config.precision != "auto":
            return self._config.precision
        return self.engine.formats.get(
            tf.zeros([]).device, lambda: number_formats.fastest(self._agreement)
        )

    def _agreement(self, name: str) -> float:
        """Cosine between the gradients in a number format and in float32, of a made-up picture."""
        blank = np.zeros([1, TRIED_SIDE, TRIED_SIDE, 3], np.float32)
        generator = np.random.default_rng(0)
        photograph, painting = (
            initial_image("pink_noise", blank, blank, None, generator) for _ in range(2)
        )
        gradients = []
        for each in ("float32", name):
            evaluator = self.engine.evaluator(self._config, each)
            objective = self.engine.objective(self._config)
            of_terms: OfTerms = {}
            energies = []
            for source, image in (("content", photograph), ("style", painting)):
                described = objective.statistics(source, evaluator.extractor(image))
                own = objective.targets([described])
                if self._config.normalize_terms:
                    energies.append(objective.energies(described, own))
                of_terms |= own
            own = balanced_weights(objective, TRIED_SIDE, energies, finished=self._config.size)
            targets = Targets(of_terms, own)
            picture = tf.constant((photograph + painting) / 2)
            gradients.append(evaluator.gradient_untraced(picture, targets))
        return number_formats.cosine(*gradients)


@contextlib.contextmanager
def _told_of_memory() -> Iterator[None]:
    """Says in one line that memory ran out before there was a stage that could say so."""
    try:
        yield
    except OUT_OF_MEMORY as error:
        raise StylizationError(
            "Out of memory as the pictures are made ready. Ask for a smaller `size`, give smaller "
            "pictures, or close other programs."
        ) from error


def _restored(
    config: StyleTransferConfig, engine: Engine, extra_terms: tuple[Term, ...]
) -> Stylizer:
    return Stylizer(config, engine=engine, extra_terms=extra_terms)


def stylize(
    content: ImageLike,
    style: Several,
    *,
    initial: ImageLike | None = None,
    content_masks: Several = (),
    style_masks: Several = (),
    fine_style: ImageLike | None = None,
    strength_mask: ImageLike | None = None,
    preset: str = "default",
    **options: Any,
) -> np.ndarray:
    """Paints `content` in the manner of `style`, in one call.

    For several pictures a `Stylizer` is faster: it keeps what this builds anew.

    Args:
        content, style, initial, content_masks, style_masks, fine_style, strength_mask: see
            `Sources`.
        preset: name in `PRESETS`, whose options are the defaults here.
        options: fields of `StyleTransferConfig`.

    Returns:
        float32, RGB in [0, 1]: `[N, H, W, 3]` if `content` is an array or tensor of that rank, else
        `[H, W, 3]`.

    Raises:
        ConfigError, ImageError, WeightsError, StylizationError: as the parts do.
    """
    if preset not in PRESETS:
        raise ConfigError(f"`preset` must be one of {', '.join(PRESETS)}; got {preset!r}.")
    check_surroundings()
    of_masks = content_masks, style_masks
    sources = Sources.of(content, style, initial, *of_masks, fine_style, strength_mask)
    return Stylizer(PRESETS[preset].replace(**options))(sources)
