"""Total variation: how rough a picture is, from sums over pairs of neighboring pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from stylize_tf.config.layers import IMAGE
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.objective.statistics import Mean
from stylize_tf.objective.term import Part, Term


def neighbor_sums(
    image: tf.Tensor, form: str, above: int | tf.Tensor = 0, below: int | tf.Tensor = 0
) -> tuple[Mean, ...]:
    """The sums that a total variation is made of; those of bands of rows add up to the picture's.

    Args:
        image: float, `[N, H, W, C]`: a picture, or a band of its rows.
        form: "l1", "squared" or "nine_point".
        above, below: 1 if the first or the last row is that of a neighboring band, else 0. A pair
            of rows counts in the band of its upper one.

    Returns:
        Means by direction: down and right; for "nine_point" both diagonals, too.
    """
    if image.shape.rank != 4:
        raise ValueError(f"`image` must be [N, H, W, C]; got {image.shape}.")
    rows = image[:, above:]
    own = rows[:, : tf.shape(rows)[1] - below]
    if form != "nine_point":
        size = tf.abs if form == "l1" else tf.square
        down = rows[:, 1:] - rows[:, :-1]
        right = own[:, :, 1:] - own[:, :, :-1]
        return Mean.of(size(down)), Mean.of(size(right))
    padded = tf.pad(rows, [[0, 0], [1 - above, 1 - below], [1, 1], [0, 0]], mode="SYMMETRIC")
    # One convolution, as slices of so few channels take five times as long.
    squares = tf.square(tf.nn.conv2d(padded, _differences(image), 1, "VALID"))
    down, right, *diagonal = tf.split(tf.reduce_sum(squares, axis=[0, 1, 2]), 4)
    # What the repeated pixels have among themselves does not count.
    channels = image.shape[3]
    beside = tf.reduce_sum(squares[:, :, 0, :channels])
    over = tf.reduce_sum(squares[:, : 1 - above, :, channels : 2 * channels])
    count = tf.cast(tf.size(own), image.dtype)
    pairs = tf.cast(tf.size(squares) / 4, image.dtype)
    return (
        Mean(tf.reduce_sum(down) - beside, count),
        Mean(tf.reduce_sum(right) - over, count),
        *(Mean(tf.reduce_sum(sums), pairs) for sums in diagonal),
    )


def _differences(image: tf.Tensor) -> tf.Tensor:
    """The kernel `[2, 2, C, 4 C]` of differences down, right, falling and rising."""
    corners = {(0, 0): [-1, -1, -1, 0], (1, 0): [1, 0, 0, 1], (0, 1): [0, 1, 0, -1]}
    corners[1, 1] = [0, 0, 1, 0]
    identity = tf.eye(image.shape[3], dtype=image.dtype)
    rows = [
        [tf.concat([sign * identity for sign in corners[row, column]], axis=1) for column in (0, 1)]
        for row in (0, 1)
    ]
    return tf.stack([tf.stack(row) for row in rows])


def of_sums(sums: Sequence[Mean], form: str) -> tf.Tensor:
    """The total variation that `neighbor_sums` are of: a scalar >= 0, 0 for a flat picture."""
    axial = sums[0].value() + sums[1].value()
    if form != "nine_point":
        return axial
    return axial * (2 / 3) + (sums[2].value() + sums[3].value()) / 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class TotalVariation(Term):
    """How rough the picture itself is; it has no target. Means over pairs, so that sizes compare.

    "l1" is Rudin, Osher & Fatemi (1992), in its anisotropic form; "squared" Mahendran & Vedaldi
    (2015), Eq. (4) with beta = 2, as a mean where they sum. "nine_point" is over a neighborhood
    with the borders repeated: pairs of axial neighbors count 2/3 and diagonal ones 1/6, so that on
    a smooth slope it is "squared", and single pixels are penalized alike in every direction. With
    the constant 2 in it, this is the term that style-transfer-pytorch weighs by 2.

    Neighbors in a picture of twice the size differ by half as much, and squared by a quarter, so
    the weight grows with the size.

    Attributes:
        form: "l1", "squared" or "nine_point".
    """

    form: str

    def sums(self, part: Part) -> tuple[Mean, ...]:
        """Those of the pairs of neighbors."""
        return neighbor_sums(part.features, self.form, *part.edges)

    def distance(self, statistic: tuple[Mean, ...], target: None) -> tf.Tensor:
        """The total variation."""
        return of_sums(statistic, self.form)


def of(config: StyleTransferConfig) -> TotalVariation | None:
    """The term that a configuration asks for."""
    if not config.total_variation_weight:
        return None
    return TotalVariation(
        name="total_variation",
        source="none",
        layer_weights=((IMAGE, 1.0),),
        weight=config.total_variation_weight,
        # "l1" has no squares.
        growth=config.total_variation_growth / (2 if config.total_variation == "l1" else 1),
        form=config.total_variation,
    )
