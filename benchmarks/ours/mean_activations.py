"""Mean activation of each layer of VGG19: where `features.MEAN_ACTIVATIONS` comes from.

    python -m benchmarks.ours.mean_activations [--quick] [picture ...]

Prints the table for pictures resized to a long side of 384 pixels, each counting the same; without
any, for the example pair. The one in the package was measured on two photographs (a river town, a
bridge) and three paintings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, problem
from stylize_tf.config.layers import VGG19_LAYERS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid
from stylize_tf.network import features, weights


def mean_activations(paths: Sequence[Path], long_side: int = 384) -> dict[str, float]:
    """Layer -> mean over channels, positions and pictures of VGG19's maps, max pooling."""
    extractor = features.build_extractor(features.vgg19(weights.find().tensors), VGG19_LAYERS)
    means = []
    for path in paths:
        image = image_io.read(path)
        size = pyramid.final_size(StyleTransferConfig(size=long_side), *image.shape[1:3])
        maps = extractor(image_io.resize(image, *size))
        means.append([float(np.mean(maps[name])) for name in VGG19_LAYERS])
    return dict(zip(VGG19_LAYERS, np.mean(means, axis=0).tolist(), strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write `mean_activations.json`."""
    parser = arguments_of.parser("ours.mean_activations", __doc__)
    parser.add_argument("pictures", nargs="*", type=Path, default=problem.EXAMPLES)
    options = parser.parse_args(arguments)
    results = mean_activations(options.pictures, 64 if options.quick else 384)
    for name, value in results.items():
        print(f'    "{name}": {value:.4g},')
    common.write_json(arguments_of.results_of(options), results)


if __name__ == "__main__":
    main()
