"""The optimizer as a SavedModel: a photograph and any painting in, the picture out, in one call."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from stylize_tf.config.picture import LEAST_STRENGTH, LONGEST_SIDE
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control.masks import painted, shown
from stylize_tf.errors import ConfigError, OutputError, StylizationError
from stylize_tf.evaluation.coarse import seen_from_afar, with_coarse
from stylize_tf.evaluation.engine import Engine
from stylize_tf.export.comparison import Difference, difference
from stylize_tf.export.exporting import made_up, quietly, refused
from stylize_tf.export.saved_model import MOST_PIXELS, QUALITY, decoded
from stylize_tf.images.files import label_of
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.pyramid import Stage
from stylize_tf.machine.tracing import of_any_size
from stylize_tf.objective.areas import Shrinking
from stylize_tf.objective.balance import balanced_weights
from stylize_tf.objective.targets import Losses, OfTerms, Targets
from stylize_tf.optimizers.methods import build_method

AS_BY_DEFAULT = (
    *("crop", "init", "style_fit", "color", "regions", "style_blend_weights", "average_decay"),
)
"""Options of which an export knows the default alone."""


MOST_APART = 4.0
"""Grey levels, on average, between two pictures of the same steps: where devices add up in another
order each time, many steps make much of a little rounding."""


class Compared(NamedTuple):
    """What a stage compares the picture with.

    Attributes:
        targets: of the picture at its size.
        from_afar: how it is shrunk, and the targets of what that gives; None if it is not looked at
            from afar.
    """

    targets: Targets
    from_afar: tuple[Shrinking, Targets] | None


class Optimization(tf.Module):
    """What `Stylizer` does with one photograph and one painting, all of it as TensorFlow's graph.

    Sizes and steps are fixed as it is made; the picture is that of `Stylizer` in float32 up to
    rounding, which many steps make more of. It never stops early, evaluates pictures as a whole, in
    whatever memory that takes, and of an objective that is not finite from the start it makes
    nothing: the photograph comes back, where `Stylizer` raises an error.

    Args:
        config: how; its `size`, `precision`, `memory` and `time_budget` count for nothing.
        engine: with the network.
        size: height and width of pictures, at most `MOST_PIXELS`.

    Raises:
        ConfigError: if an option of `AS_BY_DEFAULT` is not that, the size is too small or too
            large, or the network has not what `config` names.
    """

    def __init__(self, config: StyleTransferConfig, engine: Engine, size: tuple[int, int]):
        super().__init__(name="optimization")
        default = StyleTransferConfig()
        for name in AS_BY_DEFAULT:
            if getattr(config, name) != getattr(default, name):
                raise ConfigError(
                    f"`{name}` must be {getattr(default, name) or 'left out'} in an export of the "
                    f"optimizer; got {getattr(config, name)}."
                )
        engine.check(config)
        if not config.strength:
            raise ConfigError("`strength` must be above 0 in an export of the optimizer; got 0.")
        self.config = config = config.replace(precision="float32", size=max(size), size_of="long")
        self._smallest = check_size(config, size)
        self.size = size
        self._stages = tuple(pyramid.stages(config, size))
        self._objective = engine.objective(config)
        self._extractor = engine.evaluator(config).extractor
        self._evaluate = of_any_size(self._evaluated)
        signature = [tf.TensorSpec([1, *sides, 3]) for sides in (size, (None, None))]
        self._paint = tf.function(self._painted, autograph=False, input_signature=signature)

    def painted(self, content: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        """The finished picture.

        Args:
            content: float32 `[1, H, W, 3]` in [0, 1], of the size.
            style: float32 `[1, h, w, 3]` in [0, 1], of any size, but not so thin that it has to be
                enlarged beyond `LONGEST_SIDE` pixels.

        Returns:
            float32 `[1, H, W, 3]` in [0, 1].

        Raises:
            tf.errors.InvalidArgumentError: if the style is too thin.
        """
        return self._paint(content, style)

    def _painted(self, content: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        last = self._stages[-1]
        whole = _sides_of_style(self.config, style, last, last, self._smallest)
        style = _resized(style, *(tf.minimum(*x) for x in zip(whole, _sides(style), strict=True)))
        image = state = None
        method = build_method(self.config)
        for stage in self._stages:
            photograph = _resized(content, stage.height, stage.width)
            start = photograph if image is None else _with_details(image, photograph)
            state = method.initial(start, state)
            compared = self._compared(content, style, stage)
            state = self._moved(method, state, compared, stage.steps)
            image = tf.clip_by_value(method.result(state), 0, 1)
        assert image is not None
        if self.config.strength < LEAST_STRENGTH:
            image = shown(image, content, painted(np.asarray(self.config.strength, np.float32)))
        return tf.ensure_shape(image, [1, *self.size, 3])

    def _moved(self, method: Any, state: Any, compared: Compared, steps: int) -> Any:
        """The state after so many steps."""
        function = self._evaluate
        if compared.from_afar is not None:
            function = with_coarse(function, *compared.from_afar)

        def step(number: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
            losses, gradient = function(state.x, compared.targets)
            gradient = tf.ensure_shape(gradient, state.x.shape)
            return number + 1, method.advance(state, tf.add_n(list(losses.values())), gradient)

        return tf.while_loop(lambda number, _: number < steps, step, [tf.constant(0), state])[1]

    def _evaluated(self, image: tf.Tensor, targets: Targets) -> tuple[Losses, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            losses = self._objective(self._extractor(image), targets)
            loss = tf.add_n(list(losses.values()))
        return losses, tape.gradient(loss, image)

    def _compared(self, content: tf.Tensor, style: tf.Tensor, stage: Stage) -> Compared:
        targets = self._targets(content, style, stage)
        finished = self._stages[-1].long_side
        size = seen_from_afar(stage.height, stage.width, self._smallest, finished=finished)
        weight = self.config.coarse_style_weight
        if size is None or not weight or not self._objective.of("style").terms:
            return Compared(targets, None)
        smaller = self._targets(content, style, Stage(*size, stage.steps))
        weights = {
            name: value * weight if name == "style" else tf.zeros([])
            for name, value in smaller.weights.items()
        }
        smaller = self._objective.spared(smaller._replace(weights=weights))
        return Compared(targets, (Shrinking.of((stage.height, stage.width), size), smaller))

    def _targets(self, content: tf.Tensor, style: tf.Tensor, stage: Stage) -> Targets:
        last = self._stages[-1]
        painting = _resized(
            style, *_sides_of_style(self.config, style, stage, last, self._smallest)
        )
        photograph = _resized(content, stage.height, stage.width)
        of_terms: OfTerms = {}
        energies = []
        for source, image in (("style", painting), ("content", photograph)):
            found = self._objective.statistics(source, self._extractor(image))
            own = self._objective.targets([found])
            if self.config.normalize_terms:
                energies.append(self._objective.energies(found, own))
            of_terms |= own
        weights = balanced_weights(
            self._objective, stage.long_side, energies, finished=last.long_side
        )
        return self._objective.spared(Targets(of_terms, weights))


def check_size(config: StyleTransferConfig, size: tuple[int, int]) -> int:
    """The shortest side that there may be, after a look at a height and a width.

    Raises:
        ConfigError: if they are not from that on, or more than `MOST_PIXELS`.
    """
    smallest = pyramid.smallest_size(config)
    if min(size) < smallest or size[0] * size[1] > MOST_PIXELS:
        raise ConfigError(
            f"`size` must be {smallest} pixels or more a side and {MOST_PIXELS} at most for "
            f"the optimizer; got {size[1]}x{size[0]}."
        )
    return smallest


def _sides(image: tf.Tensor) -> list[tf.Tensor]:
    return tf.unstack(tf.shape(image)[1:3])


def _sides_of_style(
    config: StyleTransferConfig, style: tf.Tensor, stage: Stage, last: Stage, smallest: int
) -> list[tf.Tensor]:
    """`pyramid.style_size` of a painting whose size is told as it is given."""
    wanted = config.style_scale * stage.long_side
    if config.style_size:
        wanted = config.style_size * stage.long_side / last.long_side
    sides = tf.cast(tf.shape(style)[1:3], tf.float64)
    scale = tf.minimum(wanted / tf.reduce_max(sides), config.style_enlargement)
    scale = tf.maximum(scale, smallest / tf.reduce_min(sides))
    sides = tf.maximum(tf.round(sides * scale), 1)
    fits = tf.debugging.Assert(
        tf.reduce_max(sides) <= LONGEST_SIDE,
        ["style is too thin for the network: it would become", sides, "pixels"],
    )
    with tf.control_dependencies([fits]):
        return tf.unstack(tf.cast(sides, tf.int32))


def _resized(image: tf.Tensor, height: Any, width: Any) -> tf.Tensor:
    """`image_io.resize`, of pixels in [0, 1]."""
    resized = tf.image.resize(image, [height, width], "bicubic", antialias=True)
    return tf.clip_by_value(resized, 0, 1)


def _with_details(image: tf.Tensor, photograph: tf.Tensor) -> tf.Tensor:
    """`Pictures.enlarged`, within [0, 1]."""
    small = _resized(photograph, *image.shape[1:3])
    details = photograph - _resized(small, *photograph.shape[1:3])
    return tf.clip_by_value(_resized(image, *photograph.shape[1:3]) + details, 0, 1)


def export(
    config: StyleTransferConfig,
    engine: Engine,
    output: str | os.PathLike[str],
    size: tuple[int, int],
) -> Difference:
    """Writes a SavedModel, and compares it with what it was made from before it appears.

    `serving_default`: `content_bytes` and `style_bytes`, strings `[N]`, each a JPEG or PNG of at
    most `MOST_PIXELS` -> `stylized_bytes`, strings `[N]`, JPEG; of each photograph the middle is
    taken, as much of it as has the shape of the picture. EXIF orientation, color profiles and
    transparency are not heeded. `stylize`: `content`, float32 `[N, height, width, 3]`, and `style`,
    `[N, h, w, 3]`, in [0, 1] -> `stylized`.

    Args:
        config, engine, size: as for `Optimization`.
        output: a folder, which must not be there.

    Returns:
        How far a made-up picture by the model is from the same by the `Optimization`.

    Raises:
        ConfigError: as `Optimization` does.
        OutputError: if it cannot be written.
        StylizationError: if the model paints otherwise.
    """
    target = Path(output)
    if os.path.lexists(target):
        raise OutputError(f"{label_of(target)} is there already. Choose another folder.")
    optimization = Optimization(config, engine, size)
    height, width = optimization.size
    content, style = made_up((height, width)), made_up((width, height))
    with (
        quietly(),
        refused(target),
        tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder,
    ):
        made = Path(folder, "model")
        tf.saved_model.save(optimization, str(made), signatures=_signatures(optimization))
        loaded = tf.saved_model.load(str(made))
        own = loaded.signatures["stylize"](content=tf.constant(content), style=tf.constant(style))
        painted = optimization.painted(content, style).numpy()
        found = difference([(own["stylized"].numpy(), painted)])
        if not found.mean <= MOST_APART:
            raise StylizationError(
                f"the export would differ from the optimizer by {found}; allowed are "
                f"{MOST_APART:g} on average. Nothing was written. Export in the TensorFlow that "
                f"is to run it."
            )
        made.rename(target)
    return found


def _signatures(optimization: Optimization) -> dict[str, Any]:
    height, width = optimization.size

    def picture(given: Sequence[tf.Tensor]) -> tf.Tensor:
        return optimization.painted(*(x[tf.newaxis] for x in given))[0]

    def file(given: Sequence[tf.Tensor]) -> tf.Tensor:
        content, style = (
            tf.image.convert_image_dtype(decoded(x, name), tf.float32)
            for name, x in zip(("content_bytes", "style_bytes"), given, strict=True)
        )
        pixels = picture((_fitted(content, height, width), style))
        pixels = tf.image.convert_image_dtype(pixels, tf.uint8, saturate=True)
        return tf.io.encode_jpeg(pixels, quality=QUALITY)

    def each(function: Any, given: Sequence[tf.Tensor], kind: tf.TensorSpec) -> tf.Tensor:
        counts = [tf.shape(x)[0] for x in given]
        paired = tf.debugging.assert_equal(*counts, "photographs and paintings go in pairs")
        with tf.control_dependencies([paired]):
            given = [tf.identity(x) for x in given]
        return tf.map_fn(function, tuple(given), fn_output_signature=kind, parallel_iterations=1)

    def files(content_bytes: tf.Tensor, style_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        kind = tf.TensorSpec([], tf.string)
        return {"stylized_bytes": each(file, (content_bytes, style_bytes), kind)}

    def images(content: tf.Tensor, style: tf.Tensor) -> dict[str, tf.Tensor]:
        kind = tf.TensorSpec([height, width, 3], tf.float32)
        return {"stylized": each(picture, (content, style), kind)}

    strings = tf.TensorSpec([None], tf.string)
    pixels = (tf.TensorSpec([None, *sides, 3]) for sides in ((height, width), (None, None)))
    return {
        name: tf.function(function, autograph=False).get_concrete_function(*given)
        for name, function, given in (
            ("serving_default", files, (strings, strings)),
            ("stylize", images, pixels),
        )
    }


def _fitted(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The middle of an image `[H, W, 3]` that has a shape, at that size."""
    rows, columns = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float64))
    high = tf.minimum(rows, tf.maximum(tf.round(columns * (height / width)), 1))
    wide = tf.minimum(columns, tf.maximum(tf.round(rows * (width / height)), 1))
    top, left = (tf.cast(x, tf.int32) // 2 for x in (rows - high, columns - wide))
    part = image[top : top + tf.cast(high, tf.int32), left : left + tf.cast(wide, tf.int32)]
    return _resized(part, height, width)
