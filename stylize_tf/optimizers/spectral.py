"""L-BFGS in coordinates in which a style loss is curved about alike in all directions.

The curvature of the losses over a picture changes tenfold with the spatial frequency and between
brightness and color, much alike at every size. In a cosine basis of decorrelated colors, each
coefficient in units of how far its frequency moves for a unit of gradient, L-BFGS starts from a
better guess than a multiple of the identity. Ours in this form; Olah, Mordvintsev & Schubert,
"Feature Visualization" (2017), optimize pictures in a fixed basis of that kind.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from stylize_tf.optimizers import lbfgs

BANDS = 24
"""Bands of frequency, each a quarter of an octave; the highest ends at 0.71 cycles a pixel."""

_CORNER = 0.05
"""Cycles a pixel, below which the first guess of the gains stops rising."""

SETTLED_GAIN = 0.05
"""Factor of the gains of waves that smaller stages have settled."""

_ROWS = 256
"""Cosines that are computed at a time."""

_OPPONENT_COLORS = np.linalg.qr(np.array([[1.0, 1, 1], [1, 0, -2], [1, -1, 1]]))[0]
"""`[3, 3]`, orthonormal columns: brightness first."""


class Coordinates(NamedTuple):
    """Scaled coefficients of the cosine transform (DCT-II) of pictures of one size.

    Attributes:
        rows, columns: `[1, H, H, 1]` and `[1, W, W, 1]`, the orthonormal cosines of each axis, one
            in a row. Products with them are faster than a fast transform, up to megapixels.
        scale: `[1, H, W, C]`, square root of the gain of each coefficient.
        gains: `[BANDS, C]`, the inverse curvature of each band of frequencies, their geometric mean
            1.
    """

    rows: tf.Tensor
    columns: tf.Tensor
    scale: tf.Tensor
    gains: tf.Tensor

    @classmethod
    def of(
        cls,
        shape: tf.TensorShape,
        gains: np.ndarray | tf.Tensor | None = None,
        settled: float = 0.0,
    ) -> Coordinates:
        """For pictures `[1, H, W, C]`, with these gains or with a guess that suits VGG.

        Args:
            shape: of the picture.
            gains: `[BANDS, C]`.
            settled: cycles on the long side; the gain of waves of fewer falls, over the octave
                below, to `SETTLED_GAIN` times that.
        """
        _, height, width, channels = shape
        if gains is None:
            centers = 2 ** ((np.arange(BANDS) + 0.5 - BANDS) / 4) / np.sqrt(2)
            gains = np.tile(1 / np.hypot(centers, _CORNER)[:, np.newaxis], channels)
        gains = _normalized(tf.cast(gains, tf.float64))
        scale = tf.gather(tf.sqrt(gains), bands(height, width))[tf.newaxis]
        if settled:
            octaves = np.log2(settled / (max(height, width) * _frequencies(height, width)))
            scale *= SETTLED_GAIN ** (np.clip(octaves, 0, 1) / 2)[np.newaxis, :, :, np.newaxis]
        return cls(
            rows=tf.constant(cosines(height)[np.newaxis, :, :, np.newaxis]),
            columns=tf.constant(cosines(width)[np.newaxis, :, :, np.newaxis]),
            scale=tf.cast(scale, tf.float32),
            gains=tf.cast(gains, tf.float32),
        )

    def of_image(self, image: tf.Tensor) -> tf.Tensor:
        """The coordinates of a picture, in its shape."""
        return self._coefficients(image) / self.scale

    def of_gradient(self, gradient: tf.Tensor) -> tf.Tensor:
        """The gradient by the coordinates from that by the pixels."""
        return self._coefficients(gradient) * self.scale

    def image(self, coordinates: tf.Tensor) -> tf.Tensor:
        """The picture at these coordinates."""
        planes = tf.transpose((coordinates * self.scale)[0], [2, 0, 1])
        rows, columns = self.rows[0, :, :, 0], self.columns[0, :, :, 0]
        planes = tf.stack(
            [
                tf.matmul(tf.matmul(rows, plane, transpose_a=True), columns)
                for plane in tf.unstack(planes, self.scale.shape[3])
            ],
            axis=-1,
        )
        return tf.tensordot(planes, self._colors(), [[2], [1]])[tf.newaxis]

    def _coefficients(self, image: tf.Tensor) -> tf.Tensor:
        rows, columns = self.rows[0, :, :, 0], self.columns[0, :, :, 0]
        planes = tf.tensordot(image[0], self._colors(), [[2], [0]])
        planes = tf.stack(
            [
                tf.matmul(rows, tf.matmul(planes[:, :, index], columns, transpose_b=True))
                for index in range(self.scale.shape[3])
            ],
            axis=-1,
        )
        return planes[tf.newaxis]

    def _colors(self) -> tf.Tensor:
        """`[C, C]`, orthonormal columns."""
        channels = self.scale.shape[3]
        return tf.constant(_OPPONENT_COLORS if channels == 3 else np.eye(channels), tf.float32)


def cosines(size: int) -> np.ndarray:
    """The orthonormal basis of the DCT-II: one cosine in a row, the mean first.

    Returns:
        float32, `[size, size]`.
    """
    basis, positions = np.empty([size, size], np.float32), np.arange(size) + 0.5
    for start in range(0, size, _ROWS):  # All at once would take a multiple of it in float64.
        frequencies = np.arange(start, min(start + _ROWS, size))[:, np.newaxis]
        basis[start : start + _ROWS] = np.cos(np.pi / size * frequencies * positions)
    basis *= np.sqrt(2 / size)
    basis[0] /= np.sqrt(2)
    return basis


def bands(height: int, width: int) -> np.ndarray:
    """The band of frequencies that each coefficient of a picture belongs to: int, `[H, W]`."""
    octaves = np.log2(_frequencies(height, width) * np.sqrt(2))
    return np.clip(np.floor(4 * octaves) + BANDS, 0, BANDS - 1).astype(np.int32)


def _frequencies(height: int, width: int) -> np.ndarray:
    """Cycles a pixel of each coefficient, `[H, W]`; hardly any of the mean."""
    vertical = np.arange(height)[:, np.newaxis] / (2 * height)
    horizontal = np.arange(width)[np.newaxis] / (2 * width)
    return np.maximum(np.hypot(vertical, horizontal), 1e-9)


class State(NamedTuple):
    """The state of `Spectral`: that of L-BFGS, whose `x` are coordinates, and the picture there."""

    x: tf.Tensor
    inner: lbfgs.State
    coordinates: Coordinates

    @property
    def best_value(self) -> tf.Tensor:
        """The lowest value since the start."""
        return self.inner.best_value

    @property
    def step_backs(self) -> tf.Tensor:
        """Steps since the start that were taken back."""
        return self.inner.step_backs


@dataclasses.dataclass(frozen=True)
class Spectral:
    """An `optimizers.Method`: L-BFGS in `Coordinates` that are learnt from stage to stage.

    Attributes:
        method: L-BFGS; its first step is the mean change of a coordinate.
        settled_size: long side in pixels; 0 for none. Where the stage before was that large, waves
            longer than four pixels of a picture of this size move `SETTLED_GAIN` times as far for a
            gradient: they stay nearly as they are.
    """

    method: lbfgs.LBFGS
    settled_size: int = 0

    def initial(self, image: tf.Tensor, previous: State | None = None) -> State:
        """The state before the first evaluation, with the curvatures seen at a coarser stage.

        The inverse curvature grows with the number of pixels, as every pixel's share of a loss that
        is a mean shrinks.
        """
        gains, radius = (None, tf.zeros([])) if previous is None else learned(previous)
        is_settled = previous is not None and max(previous.x.shape[1:3]) >= self.settled_size
        coordinates = Coordinates.of(image.shape, gains, self.settled_size / 4 * is_settled)
        if previous is not None:
            radius *= np.float32(np.prod(image.shape) / np.prod(previous.x.shape))
        start = coordinates.of_image(image)
        inner = lbfgs.initial_state(start, self.method.history, radius)
        return State(image, inner, coordinates)

    def advance(self, state: State, value: tf.Tensor, gradient: tf.Tensor) -> State:
        """The state after `state.x` was evaluated; see `Method.advance`."""
        coordinates = state.coordinates
        inner = self.method.advance(state.inner, value, coordinates.of_gradient(gradient))
        return State(coordinates.image(inner.x), inner, coordinates)

    def result(self, state: State) -> tf.Tensor:
        """The evaluated image of the lowest value since the start."""
        return state.coordinates.image(self.method.result(state.inner))


def learned(state: State) -> tuple[tf.Tensor, tf.Tensor]:
    """The gains that a run suggests to the next stage, and the radius of curvature in them.

    A band's inverse curvature is taken as the norm of the steps over that of the changes of the
    gradient, and its gain as the geometric mean of that and the gain before.

    Returns:
        float64 `[BANDS, C]`, and float32 `s'y / y'y` of the newest pair in the new gains; 0 if
        there are no pairs.
    """
    scale, gains = state.coordinates.scale[0], tf.cast(state.coordinates.gains, tf.float64)
    band = tf.constant(bands(*scale.shape[:2]))
    steps = [_energies(step[0] * scale, band) for step in state.inner.steps]
    changes = [_energies(change[0] / scale, band) for change in state.inner.changes]
    moved, changed = tf.add_n(steps), tf.add_n(changes)
    seen = (moved > 0) & (changed > 0)
    measured = tf.where(seen, moved / tf.where(seen, changed, 1), 1)
    suggested = _normalized(tf.exp(_between(tf.math.log(measured) / 2, seen)))
    suggested = _normalized(tf.sqrt(gains * suggested))
    energy = tf.cast(tf.reduce_sum(changes[0] * suggested), tf.float32)
    product = tf.reduce_sum(state.inner.steps[0] * state.inner.changes[0])
    return (
        tf.where(tf.reduce_any(seen), suggested, gains),
        tf.where(
            tf.reduce_any(seen),
            tf.math.divide_no_nan(product, energy),
            state.inner.curvature_radius,
        ),
    )


def _normalized(gains: tf.Tensor) -> tf.Tensor:
    """Those whose geometric mean is 1."""
    return gains / tf.exp(tf.reduce_mean(tf.math.log(gains)))


def _between(values: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """In each column, in place of what is not known, what lies in between of the nearest that are.

    Small pictures have no waves in some bands: theirs are like the nearest others.

    Args:
        values: `[BANDS, C]`; of a column in which none is known they stay.
        known: which are.
    """
    row = np.arange(BANDS, dtype=np.int32)
    numbers = row[np.newaxis, :, np.newaxis]  # Of the row that is looked at from another one.
    up_to = (row[np.newaxis, :] <= row[:, np.newaxis])[:, :, np.newaxis]
    from_on = (row[np.newaxis, :] >= row[:, np.newaxis])[:, :, np.newaxis]
    below = tf.reduce_max(tf.where(known[tf.newaxis] & up_to, numbers, -1), axis=1)
    above = tf.reduce_min(tf.where(known[tf.newaxis] & from_on, numbers, BANDS), axis=1)
    below, above = tf.where(below < 0, above, below), tf.where(above >= BANDS, below, above)
    share = tf.cast(row[:, np.newaxis] - below, values.dtype)
    share = tf.math.divide_no_nan(share, tf.cast(above - below, values.dtype))
    lower, upper = (_of_rows(values, x) for x in (below, above))
    return tf.where(tf.reduce_any(known, axis=0), lower + share * (upper - lower), values)


def _of_rows(values: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """`values[rows[b, c], c]`, of rows `[BANDS, C]`."""
    # Not by a transposed table of rows: oneDNN tells that it has no such integers everywhere.
    is_that = tf.one_hot(rows, BANDS, axis=0, dtype=values.dtype)
    return tf.reduce_sum(is_that * values[:, tf.newaxis], axis=0)


def _energies(coefficients: tf.Tensor, band: tf.Tensor) -> tf.Tensor:
    """Sums of squares by band: `[H, W, C]` -> float64 `[BANDS, C]`."""
    squares = tf.square(tf.cast(coefficients, tf.float64))
    channels = squares.shape[2]
    flat = tf.reshape(squares, [-1, channels])
    return tf.math.unsorted_segment_sum(flat, tf.reshape(band, [-1]), BANDS)
