"""The objective of a picture from parts of it: exact, with few feature maps in memory at a time.

Statistics are sums over positions, so they add up over parts; given the derivative of the loss by
these sums, every part can find its own share of the gradient. What keeps that from being exact in
other programs is the border of a tile, where convolutions want to see the neighbors: a tile of the
whole network needs some 90 pixels more on each side. We cut the network, too. It is a chain of
segments between poolings, and a segment reaches no further than its own few convolutions. Between
segments the pooled maps of the whole picture are kept, which are small. So a band of rows of a
segment's input takes a margin of 4 to 8 rows, and its maps are computed once more on the way back,
as in gradient checkpointing (Chen et al., 2016, "Training Deep Nets with Sublinear Memory Cost").

The deepest segments take the least memory: they are evaluated as a whole, and only once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from stylize_tf.config.layers import IMAGE
from stylize_tf.evaluation.segments import bands_of
from stylize_tf.machine.tracing import of_any_size
from stylize_tf.objective.objective import Objective, added, part_of_coverage
from stylize_tf.objective.targets import Coverages, Losses, OfTerms, Targets
from stylize_tf.objective.term import Edges, Place


class Segment(NamedTuple):
    """A part of the network between two poolings.

    Attributes:
        input: where it begins in the extractor.
        model: map of the whole picture, or a band of it -> {layer: map}.
        strides: rows of the input to one row of each of these maps.
        output: layer whose map is the input of the next segment; None for the last.
        margin: rows of the input beyond a band that its maps depend on; a multiple of `step`.
        step: rows of the input to one row of the output: bands begin at multiples of it. 0 of a
            network that is no chain, of which no band is exact.
        stride: rows of the image to one row of the input.
        memory: numbers in all maps of the segment, for one pixel of the image.
        work: multiplications and additions of its convolutions, in pairs, for one such pixel.
    """

    input: keras.KerasTensor
    model: keras.Model
    strides: dict[str, int]
    output: str | None
    margin: int
    step: int
    stride: int
    memory: float
    work: float


def cut(extractor: keras.Model) -> list[Segment]:
    """The segments of a chain of layers: cut behind the second pooling and every later one.

    Two blocks share the first segment because the map between them is the largest.

    Args:
        extractor: from `features.build_extractor`.
    """
    wanted = [name for name in extractor.output if name != IMAGE]
    chain = [layer for layer in extractor.layers if not isinstance(layer, keras.layers.InputLayer)]
    if chain and hasattr(chain[0], "layers"):  # A network within it.
        return [_whole(extractor, chain[0])]
    segments: list[Segment] = []
    start, stride = extractor.input, 1
    names: dict[str, int] = {}
    reach, step, memory, work, poolings = 0, 1, 0.0, 0.0, 0
    for index, layer in enumerate(chain):
        if isinstance(layer, keras.layers.Conv2D):
            reach += step * ((layer.kernel_size[0] - 1) // 2)
            work += math.prod(layer.kernel.shape) / (stride * step) ** 2
        if _pools(layer):
            step, poolings = 2 * step, poolings + 1
            reach = step * math.ceil(reach / step)
        memory += layer.output.shape[-1] / (stride * step) ** 2
        name = layer.name.removesuffix("_rescaled")
        follows = index + 1 < len(chain) and chain[index + 1].name == f"{name}_rescaled"
        if not follows:
            names |= {name: step} if name in wanted else {}
        last = index + 1 == len(chain)
        behind_pooling = "_pool" in name and not follows
        if last or (behind_pooling and poolings >= 2):
            outputs = {key: extractor.output[key] for key in names}
            output = None if last else name
            if output is not None:
                outputs[output] = layer.output
            model = keras.Model(start, outputs)
            strides = {**names, **({output: step} if output else {})}
            numbers = reach, step, stride, memory, work
            segments.append(Segment(start, model, strides, output, *numbers))
            start, stride = layer.output, stride * step
            names, reach, step, memory, work = {}, 0, 1, 0.0, 0.0
    return segments


def _whole(extractor: keras.Model, network: keras.Model) -> Segment:
    """The only segment of a network that is not a chain like VGG's: it has no bands."""
    side, layers = 256, [x for x in network.layers if not isinstance(x, keras.layers.InputLayer)]
    maps = keras.Model(network.input, {x.name: x.output for x in layers})
    shapes = maps.compute_output_shape((1, side, side, 3))
    memory, work = 3.0, 0.0
    for layer in layers:
        area = math.prod(shapes[layer.name][1:3]) / side**2
        memory += shapes[layer.name][-1] * area
        work += area * sum(math.prod(x.shape) for x in layer.weights if len(x.shape) == 4)
    names = dict.fromkeys((name for name in extractor.output if name != IMAGE), 1)
    return Segment(extractor.input, extractor, names, None, 0, 0, 1, memory, work)


def _pools(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D))


class Tiling:
    """Evaluates the first segments of a network band by band, and the others as a whole.

    Args:
        extractor: from `features.build_extractor`.
        objective: whose layers the extractor has.
        banded: how many segments go by bands: at most all, and with 0 the picture is a whole.
    """

    def __init__(self, extractor: keras.Model, objective: Objective, banded: int):
        segments = cut(extractor) if banded else []
        banded = min(banded, len(segments))
        self._objective = objective
        self._segments = segments[:banded]
        self._rest = extractor if banded == 0 else None
        self._is_scaled = any(x.dtype == "float16" for x in extractor.output.values())
        if 0 < banded < len(segments):
            names = [name for segment in segments[banded:] for name in segment.strides]
            outputs = {name: extractor.output[name] for name in names if name in extractor.output}
            self._rest = keras.Model(segments[banded].input, outputs)
        self._describe = [of_any_size(partial(self._description, index)) for index in range(banded)]
        self._statistics = of_any_size(self._finished_statistics)
        self._forward = [of_any_size(partial(self._sums, index)) for index in range(banded)]
        self._backward = [of_any_size(partial(self._slope, index)) for index in range(banded)]
        self._end = of_any_size(self._losses_and_slopes)

    def statistics(
        self, image: tf.Tensor, pixels: int, coverage: Coverages | None = None
    ) -> OfTerms:
        """The statistics of a picture for the terms of the objective; arguments as below.

        Args:
            image, pixels: as for `value_and_gradient`.
            coverage: of the picture, to describe regions of it.
        """
        x, coverage = image, coverage or {}
        descriptions: OfTerms = {}
        for index in range(len(self._segments)):
            own, parts = [], []
            for start, end in self._bands(index, x.shape[1], image.shape[2], pixels):
                of_band, part = self._describe[index](x, start, end, coverage)
                own.append(of_band)
                parts.append(part)
            descriptions = _joined(descriptions, self._objective.together(own))
            x = tf.concat(parts, axis=1)
        return self._statistics(x, descriptions, coverage)

    def value_and_gradient(
        self, image: tf.Tensor, targets: Targets, pixels: int
    ) -> tuple[Losses, tf.Tensor]:
        """The losses and their gradient, as of the whole picture.

        Args:
            image: float32 `[N, H, W, 3]` in [0, 1].
            targets: of the objective, of each of the N pictures or one for all.
            pixels: of the image in one band, about; memory is in proportion to it.
        """
        x, inputs = image, []
        sums: OfTerms = {}
        for index in range(len(self._segments)):
            own, parts = [], []
            for start, end in self._bands(index, x.shape[1], image.shape[2], pixels):
                of_band, part = self._forward[index](x, start, end, targets)
                own.append(of_band)
                parts.append(part)
            inputs.append(x)
            sums = _joined(sums, added(own))
            x = tf.concat(parts, axis=1)
        size = tf.constant(float(image.shape[1] * image.shape[2]))
        losses, scale, slope, by_sums = self._end(x, targets, sums, size)
        del x
        for index in reversed(range(len(self._segments))):
            x = inputs.pop()
            pieces = [
                self._backward[index](x, start, end, targets, by_sums, slope)
                for start, end in self._bands(index, x.shape[1], image.shape[2], pixels)
            ]
            slope = _overlapped(pieces)
        return losses, slope / scale if self._is_scaled else slope

    def gradient_untraced(self, image: tf.Tensor, targets: Targets) -> tf.Tensor:
        """The gradient of a picture as a whole, without the time that tracing takes."""
        pixels = tf.cast(tf.size(image) / 3, tf.float32)
        _, scale, slope, _ = self._losses_and_slopes(image, targets, {}, pixels)
        return slope / scale

    def _bands(
        self, index: int, height: int, width: int, pixels: int
    ) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """The bands of a segment's input, as `segments.bands_of`."""
        for start, end in bands_of(self._segments, index, height, width, pixels):
            yield tf.constant(start), tf.constant(end)

    def _description(
        self, index: int, x: tf.Tensor, start: tf.Tensor, end: tf.Tensor, coverage: Coverages
    ) -> tuple[OfTerms, tf.Tensor]:
        first, last = _reach(x, start, end, self._segments[index].margin)
        features, edges, output = self._maps(index, x[:, first:last], first, start, end)
        coverage = part_of_coverage(coverage, self._rows(index, start, end))
        places = self._places(index, x, start)
        return self._objective.descriptions(features, edges, coverage, places), output

    def _finished_statistics(
        self, x: tf.Tensor, descriptions: OfTerms, coverage: Coverages
    ) -> OfTerms:
        if self._rest is not None:
            own = self._objective.descriptions(self._rest(x), coverage=coverage)
            descriptions = _joined(descriptions, own)
        return self._objective.described(descriptions)

    def _sums(
        self, index: int, x: tf.Tensor, start: tf.Tensor, end: tf.Tensor, targets: Targets
    ) -> tuple[OfTerms, tf.Tensor]:
        """What a band of the input of a segment adds to the sums, and its part of the output."""
        first, last = _reach(x, start, end, self._segments[index].margin)
        features, edges, output = self._maps(index, x[:, first:last], first, start, end)
        targets = self._objective.parts_of(targets, self._rows(index, start, end))
        places = self._places(index, x, start)
        return self._objective.sums(features, targets, edges, places), output

    def _slope(
        self,
        index: int,
        x: tf.Tensor,
        start: tf.Tensor,
        end: tf.Tensor,
        targets: Targets,
        by_sums: OfTerms,
        by_output: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The gradient by the rows above a band, in it and below that are due to the band."""
        segment = self._segments[index]
        first, last = _reach(x, start, end, segment.margin)
        band = x[:, first:last]
        with tf.GradientTape() as tape:
            tape.watch(band)
            features, edges, output = self._maps(index, band, first, start, end)
            targets = self._objective.parts_of(targets, self._rows(index, start, end))
            places = self._places(index, x, start)
            sums = self._objective.sums(features, targets, edges, places)
        by_output = by_output[:, start // segment.step : end // segment.step]
        by_own = {
            term: {layer: by_sums[term][layer] for layer in layers} for term, layers in sums.items()
        }
        slope = tape.gradient([sums, output], band, [by_own, by_output])
        return (
            slope[:, : start - first],
            slope[:, start - first : end - first],
            slope[:, end - first :],
        )

    def _maps(
        self, index: int, band: tf.Tensor, first: tf.Tensor, start: tf.Tensor, end: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], Edges, tf.Tensor]:
        """Maps and output of the rows `start` to `end`, of a band that begins with row `first`."""
        segment = self._segments[index]
        maps = {
            name: x[:, start // step - first // step : end // step - first // step]
            for name, x in segment.model(band).items()
            for step in [segment.strides[name]]
        }
        output = maps[segment.output] if segment.output else band[:, :0]
        features = {name: x for name, x in maps.items() if name in self._objective.layers()}
        above = below = 0
        if index == 0 and IMAGE in self._objective.layers():
            above = tf.minimum(start - first, 1)
            below = tf.minimum(first + tf.shape(band)[1] - end, 1)
            features[IMAGE] = band[:, start - first - above : end - first + below]
        return features, Edges(above, below), output

    def _rows(self, index: int, start: tf.Tensor, end: tf.Tensor) -> dict[str, slice]:
        """The rows of the maps of a segment that come from these rows of its input."""
        steps = self._segments[index].strides.items()
        rows = {name: slice(start // step, end // step) for name, step in steps}
        if index == 0:
            rows[IMAGE] = slice(start, end)
        return rows

    def _places(self, index: int, x: tf.Tensor, start: tf.Tensor) -> dict[str, Place]:
        """Where the maps are of a band that begins with this row of a segment's input."""
        rows = tf.shape(x)[1]
        steps = {**self._segments[index].strides, **({IMAGE: 1} if index == 0 else {})}
        return {name: Place(start // step, rows // step) for name, step in steps.items()}

    def _losses_and_slopes(
        self, x: tf.Tensor, targets: Targets, sums: OfTerms, pixels: tf.Tensor
    ) -> Any:
        """Losses; their scale, and so scaled the gradients by the whole segments' input and sums.

        In float16 the gradients of single features are too small for numbers of that range: they
        are some 1 / pixels of the loss. Between underflow and overflow there are five decades.
        """
        with tf.GradientTape() as tape:
            tape.watch([x, sums])
            own = {}
            if self._rest is not None:
                own = self._objective.sums(self._rest(x), targets)
            losses = self._objective.losses(_joined(sums, own), targets)
            loss = tf.add_n(list(losses.values()))
            scale = tf.ones([])
            if self._is_scaled:
                power = tf.math.log(8 * pixels / tf.maximum(loss, 1e-30)) / math.log(2)
                scale = tf.stop_gradient(2 ** tf.floor(power))
                loss *= scale
        slopes = tape.gradient(loss, [x, sums], unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return losses, scale, *slopes


def _reach(
    x: tf.Tensor, start: tf.Tensor, end: tf.Tensor, margin: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """The rows that a band of the input depends on: its first one and its end."""
    return tf.maximum(start - margin, 0), tf.minimum(end + margin, tf.shape(x)[1])


def _joined(sums: OfTerms, others: OfTerms) -> OfTerms:
    """OfTerms of different layers together."""
    return {term: {**sums.get(term, {}), **layers} for term, layers in others.items()} | {
        term: layers for term, layers in sums.items() if term not in others
    }


def _overlapped(pieces: Sequence[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]) -> tf.Tensor:
    """The gradient by all rows: each band's own, with what its neighbors have for its borders."""
    whole = []
    for index, (_, rows, _) in enumerate(pieces):
        count = rows.shape[1]
        if index > 0:
            below = pieces[index - 1][2]
            rows += tf.pad(below, [[0, 0], [0, count - below.shape[1]], [0, 0], [0, 0]])
        if index + 1 < len(pieces):
            above = pieces[index + 1][0]
            rows += tf.pad(above, [[0, 0], [count - above.shape[1], 0], [0, 0], [0, 0]])
        whole.append(rows)
    return tf.concat(whole, axis=1)
