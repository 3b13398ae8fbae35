"""What is exported: a network from a photograph, and maybe a blend of styles, to a picture."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from stylize_tf.feedforward.network import Network


@keras.saving.register_keras_serializable(package="stylize_tf")
class FixedBlend(keras.layers.Layer):
    """The same blend of styles for every image.

    Args:
        blend: how much of each style.
    """

    def __init__(self, blend: Sequence[float], **options: object):
        super().__init__(**options)
        self.blend = [float(share) for share in blend]

    def call(self, image: object) -> object:
        """`[N, H, W, 3]` -> `[N, styles]`."""
        row = ops.convert_to_tensor([self.blend], "float32")
        return ops.tile(row, [ops.shape(image)[0], 1])

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives back."""
        return shape[0], len(self.blend)

    def get_config(self) -> dict[str, object]:
        """What it takes to build it again."""
        return {**super().get_config(), "blend": self.blend}


class Painter:
    """A network as it is exported.

    Args:
        network: which one.
        blend: of its styles, float32 `[S]`, that is built in; None for an input that has it.
        size: height and width of images; None for any.

    Attributes:
        model: keras: `image` float32 `[1, H, W, 3]` in [0, 1], and without a blend of its own
            `blend` float32 `[1, S]` -> the picture, as the image.
    """

    def __init__(
        self,
        network: Network,
        blend: np.ndarray | None = None,
        size: tuple[int, int] | None = None,
    ):
        self.styles = network.styles
        self.blend = blend
        self.size = size
        image = keras.Input([*(size or (None, None)), 3], batch_size=1, name="image")
        if blend is None:
            shares = keras.Input([len(network.styles)], batch_size=1, name="blend")
            self.model = keras.Model([image, shares], network.graph([image, shares]))
        else:
            own = FixedBlend(blend.tolist(), name="blend", dtype="float32")(image)
            self.model = keras.Model([image], network.graph([image, own]))

    def inputs(self, image: np.ndarray, number: int = 0) -> list[np.ndarray]:
        """What the model takes: an image, and where it takes a blend, a style by its number."""
        if self.blend is not None:
            return [image]
        return [image, np.eye(len(self.styles), dtype=np.float32)[[number % len(self.styles)]]]

    def __call__(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The network's own picture of these inputs."""
        return np.asarray(self.model(list(inputs)))
