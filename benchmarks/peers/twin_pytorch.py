"""The objective in PyTorch: the other side of every comparison of speed.

Written from the definitions in the docstrings of `stylize_tf.objective`,
for the forms that are compared: content `mean`; style `bures`, or `gram` of the forms `mean` and
`sum`; patches; nine-point total variation; maximum pooling; zero or replicate padding. Nothing here
imports the package or TensorFlow: PyTorch may be in another Python than they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness.problem import Problem

MEAN_PIXEL_BGR = (103.939, 116.779, 123.68)
CONVOLUTIONS = (2, 2, 4, 4, 4)
PATCH_EPSILON = 1.6e-4
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE != "cpu":  # New tensors are there; left alone on CPUs, where it would cost time.
    torch.set_default_device(DEVICE)
torch.backends.cudnn.allow_tf32 = False  # float32 is float32, as in the other worker.

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
AXES_TOLERANCE = 1e-4
LAYOUTS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}


def to_tensor(picture: np.ndarray) -> Tensor:
    """`[1, H, W, 3]` -> `[1, 3, H, W]`, float32."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(0, 3, 1, 2))).to(DEVICE)


def to_picture(tensor: Tensor) -> np.ndarray:
    """`[1, 3, H, W]` -> `[1, H, W, 3]`."""
    return np.ascontiguousarray(tensor.detach().cpu().numpy().transpose(0, 2, 3, 1))


class Network:
    """VGG19 as plain function calls: a picture `[1, 3, H, W]` in [0, 1] -> {layer: map}.

    Args:
        problem: its weights, padding and, unless given, layers.
        precision: "float32" or "bfloat16", of the convolutions and the maps.
        layout: "nchw" or "channels_last".
    """

    def __init__(self, problem: Problem, precision: str = "float32", layout: str = "nchw"):
        self.padding = problem.config["padding"]
        self.dtype, self.layout = FORMATS[precision], LAYOUTS[layout]
        self.layers = []
        for name, (kernel, bias) in problem.tensors.items():
            weight = torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))
            weight = weight.to(DEVICE, self.dtype).contiguous(memory_format=self.layout)
            offset = torch.from_numpy(np.array(bias)).to(DEVICE, self.dtype)
            self.layers.append((name, weight, offset))
        self.mean = torch.tensor(MEAN_PIXEL_BGR).reshape(1, 3, 1, 1)

    def __call__(self, image: Tensor, wanted: set[str]) -> dict[str, Tensor]:
        """The maps of the wanted layers, each behind its ReLU, and of nothing deeper."""
        maps = {"image": image}
        x = image.flip(1) * 255 - self.mean
        border = 1
        if self.padding == "replicate":
            x, border = F.pad(x, (1, 1, 1, 1), mode="replicate"), 0
        x = x.to(self.dtype).contiguous(memory_format=self.layout)
        previous = "block1"
        for name, weight, bias in self.layers:
            if wanted <= set(maps):
                break
            block = name.partition("_")[0]
            if block != previous:
                x, previous = F.max_pool2d(x, 2), block
            x = F.relu(F.conv2d(x, weight, bias, padding=border))
            border = 1
            maps[name] = x
        return maps


def rows(features: Tensor) -> Tensor:
    """`[1, C, H, W]` -> `[H * W, C]`, float32; a view where the layout allows it."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1]).float()


def gram(positions: Tensor) -> Tensor:
    """`F'F / N` of `[N, C]`."""
    scaled = positions * len(positions) ** -0.5
    return scaled.T @ scaled


def gaussian(positions: Tensor, unit: float = 1.0) -> tuple[Tensor, Tensor]:
    """Mean `[C]` and covariance `[C, C]` in the unit."""
    mean = positions.mean(0)
    return mean / unit, (gram(positions) - torch.outer(mean, mean)) / unit**2


def patches(image: Tensor, size: int = 3) -> Tensor:
    """Patches `[N, size * size * 3]` of `[1, 3, H, W]`."""
    return F.unfold(image, size)[0].T


BuresTarget = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def bures_target(mean: Tensor, covariance: Tensor, epsilon: float) -> BuresTarget:
    """Mean, axes and variances of the covariance with `epsilon * I` added, and its null space."""
    variances, axes = torch.linalg.eigh(covariance + epsilon * torch.eye(len(mean)))
    return mean, axes, *null_space(variances, epsilon)


def null_space(variances: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Variances, which of them are but epsilon, and the variance up to which rounding decides."""
    variances = variances.clamp(min=epsilon)
    rounding = len(variances) * torch.finfo(variances.dtype).eps * variances.max()
    return variances, (2 - (variances - epsilon) / rounding).clamp(0, 1), rounding


def bures(statistic: tuple[Tensor, Tensor], target: BuresTarget, epsilon: float) -> Tensor:
    """The root-free Bures distance a channel, as `objective.distances.bures` defines it."""
    (mean, covariance), (target_mean, axes, variances, null, rounding) = statistic, target
    rotated = axes.T @ (covariance + epsilon * torch.eye(len(mean))) @ axes
    difference = rotated - torch.diag(variances)
    trace = (null**2 * difference.diagonal()).sum().clamp(min=0)
    excess = (null @ difference**2 @ null) / (trace + rounding)
    scale = ((rotated.diagonal().clamp(min=epsilon).sqrt() + variances.sqrt()) / 2) ** 2
    shared = (((variances + excess).sqrt() + variances.sqrt()) / 2) ** 2
    scale = (1 - null) * scale + null * shared
    spread = (difference**2 / (2 * (scale[:, None] + scale[None, :]))).sum()
    return (((mean - target_mean) ** 2).sum() + spread) / len(mean)


def total_variation(image: Tensor) -> Tensor:
    """The nine-point total variation, as `objective.terms.total_variation` defines it."""
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    down, right = padded[:, :, 2:, 1:-1] - image, padded[:, :, 1:-1, 2:] - image
    falling = padded[:, :, 1:, 1:] - padded[:, :, :-1, :-1]
    rising = padded[:, :, 1:, :-1] - padded[:, :, :-1, 1:]
    axial = (down**2).mean() + (right**2).mean()
    return axial * (2 / 3) + ((falling**2).mean() + (rising**2).mean()) / 6


class Objective:
    """The value of a picture `[1, 3, H, W]`, as a differentiable scalar.

    Args:
        problem: pictures, weights and the configuration, of which the forms named at the top of
            this module are known.
        precision, layout: of the network.
        axes: "style/LAYER" or "patches/image" -> axes `[C, C]` of the other program's target. Where
            a map has fewer positions than channels its covariance has one eigenvalue many times;
            which axes belong to it is each program's choice, on which the root-free distance
            depends by rounding alone. Empty to choose here.

    Raises:
        ValueError: if the configuration asks for a form that has no twin here, or if `axes` are not
            those of the covariances found here.
    """

    def __init__(
        self,
        problem: Problem,
        precision: str = "float32",
        layout: str = "nchw",
        axes: Mapping[str, np.ndarray] | None = None,
    ):
        config = problem.config
        self._axes = axes or {}
        known = {
            "pooling": ("max",),
            "padding": ("zero", "replicate"),
            "content_form": ("mean",),
            "style_loss": ("bures", "gram"),
            "gram_form": ("mean", "sum") if config["style_loss"] == "gram" else None,
            "total_variation": ("nine_point",) if config["total_variation_weight"] else None,
        }
        for name, values in known.items():
            if values is not None and config[name] not in values:
                raise ValueError(f"`{name}` {config[name]!r} has no twin in PyTorch here.")
        self.config, self.units = config, problem.units
        self.network = Network(problem, precision, layout)
        self.content_layers = _weights(config, "content")
        self.style_layers = _weights(config, "style")
        self.wanted = {"image", *self.content_layers, *self.style_layers}
        with torch.no_grad():
            self.content_targets = self._content(self._maps(problem.content))
            style = self._maps(problem.style)
            self.style_targets = {x: self._style_target(style, x) for x in self.style_layers}
            statistic = gaussian(patches(style["image"]))
            self.patch_target = self._bures_target("patches/image", statistic, PATCH_EPSILON)

    def __call__(self, image: Tensor) -> Tensor:
        """The weighted sum of the terms."""
        config, maps = self.config, self.network(image, self.wanted)
        content = self._content(maps)
        value = config["content_weight"] * sum(
            weight * F.mse_loss(content[layer], self.content_targets[layer])
            for layer, weight in self.content_layers.items()
        )
        value = value + config["style_weight"] * sum(
            weight * self._style_distance(maps, layer)
            for layer, weight in self.style_layers.items()
        )
        if config["patch_weight"]:
            statistic = gaussian(patches(image))
            weight = config["style_weight"] * config["patch_weight"]
            value = value + weight * bures(statistic, self.patch_target, PATCH_EPSILON)
        if config["total_variation_weight"]:
            value = value + config["total_variation_weight"] * total_variation(image)
        return value

    def _maps(self, picture: np.ndarray) -> dict[str, Tensor]:
        return self.network(to_tensor(picture), self.wanted)

    def _unit(self, layer: str) -> float:
        return self.units.get(layer, 1.0)

    def _content(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        return {layer: maps[layer].float() / self._unit(layer) for layer in self.content_layers}

    def _style_statistic(self, maps: dict[str, Tensor], layer: str) -> Any:
        positions = rows(maps[layer])
        if self.config["style_loss"] == "bures":
            return gaussian(positions, self._unit(layer))
        matrix = gram(positions) / self._unit(layer) ** 2
        return matrix * len(positions) if self.config["gram_form"] == "sum" else matrix

    def _style_target(self, maps: dict[str, Tensor], layer: str) -> Any:
        statistic = self._style_statistic(maps, layer)
        if self.config["style_loss"] == "bures":
            return self._bures_target(f"style/{layer}", statistic, self.config["style_epsilon"])
        return statistic

    def _bures_target(
        self, name: str, statistic: tuple[Tensor, Tensor], epsilon: float
    ) -> BuresTarget:
        mean, covariance = statistic
        if name not in self._axes:
            return bures_target(mean, covariance, epsilon)
        axes = torch.from_numpy(self._axes[name]).to(DEVICE)
        if name == "patches/image":  # Theirs count channels last, `unfold` counts them first.
            axes = axes.reshape(3, 3, 3, -1).permute(2, 0, 1, 3).reshape(axes.shape)
        covariance = covariance + epsilon * torch.eye(len(mean))
        rotated = axes.T @ covariance @ axes
        variances = rotated.diagonal().clone()
        beside = (rotated - torch.diag(variances)).norm() / covariance.norm()
        turned = (axes.T @ axes - torch.eye(len(mean))).norm() / len(mean) ** 0.5
        if not (beside < AXES_TOLERANCE and turned < AXES_TOLERANCE):
            raise ValueError(f"`axes` of {name} are not those of its covariance: {beside:.1e}.")
        return mean, axes, *null_space(variances, epsilon)

    def _style_distance(self, maps: dict[str, Tensor], layer: str) -> Tensor:
        statistic, target = self._style_statistic(maps, layer), self.style_targets[layer]
        if self.config["style_loss"] == "bures":
            return bures(statistic, target, self.config["style_epsilon"])
        distance = F.mse_loss(statistic, target)
        return distance / len(target) ** 2 if self.config["gram_form"] == "sum" else distance


def _weights(config: dict[str, Any], kind: str) -> dict[str, float]:
    layers = config[f"{kind}_layers"]
    weights = config[f"{kind}_layer_weights"] or [1 / len(layers)] * len(layers)
    return dict(zip(layers, weights, strict=True))


def value_and_gradient(function: Callable[[Tensor], Tensor], image: Tensor) -> tuple[float, Tensor]:
    """The value of a scalar function and its gradient, `[1, 3, H, W]`."""
    image = image.detach().requires_grad_()
    value = function(image)
    (gradient,) = torch.autograd.grad(value, image)
    return float(value.detach()), gradient


def seconds_of(work: Callable[[], Any]) -> float:
    """How long one call takes, until the device has finished."""
    start = time.perf_counter()
    work()
    if DEVICE != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start
