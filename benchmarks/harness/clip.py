"""A clip whose motion is known: a camera over a photograph, and a thing that passes before it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from stylize_tf.images import image_io
from stylize_tf.video.warping import warped


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """A scene that is filmed: float32 pixels `[H, W, 3]` in [0, 1].

    Attributes:
        land: what the camera moves over, three times as wide as the frames or more.
        thing: what passes before it, as wide as a third of a frame; a disc of it is seen.
        size: height and width of frames.
        cut: from which frame on something else is seen (`land` mirrored); None for never.
        noise: grey levels of the camera's noise.
        light: by how much the light changes, as a factor, up and down once in 40 frames.
    """

    land: np.ndarray
    thing: np.ndarray
    size: tuple[int, int] = (192, 256)
    cut: int | None = None
    noise: float = 0.0
    light: float = 0.0

    def frame(self, number: int) -> np.ndarray:
        """A frame, `[H, W, 3]`."""
        points = self._points()
        place = _apply(self._camera(number), points)
        land = self.land[:, ::-1] if self._after_cut(number) else self.land
        image = warped(np.ascontiguousarray(land), (place - points).astype(np.float32))
        cover = self._cover(number, points)
        side = len(self.thing) / 2
        inside = points - self._center(number) + side
        thing = warped(self.thing, (inside - points).astype(np.float32))
        image = image + cover[..., None] * (thing - image)
        image *= 1 + self.light * math.sin(2 * math.pi * number / 40)
        noise = np.random.default_rng(number).standard_normal(image.shape)
        return (image + self.noise / 255 * noise).clip(0, 1).astype(np.float32)

    def motion(self, number: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        """The flow `[H, W, 2]` from a frame to another, and what of it is seen there, `[H, W]`."""
        height, width = self.size
        points = self._points()
        place = _apply(_inverse(self._camera(other)), _apply(self._camera(number), points))
        is_thing = self._cover(number, points) > 0.5
        moved = points + self._center(other) - self._center(number)
        there = np.where(is_thing[..., None], moved, place)
        inside = (there >= 0).all(axis=2) & (there <= [width - 1, height - 1]).all(axis=2)
        seen = inside & (is_thing | (self._cover(other, place) == 0))
        # Where the thing's edge is blended with what is behind it no flow is right.
        edge = self._cover(number, points)
        seen &= (edge == 0) | (edge == 1)
        if self._after_cut(number) != self._after_cut(other):
            seen[:] = False
        return (there - points).astype(np.float32), seen.astype(np.float32)

    def _after_cut(self, number: int) -> bool:
        return self.cut is not None and number >= self.cut

    def _points(self) -> np.ndarray:
        height, width = self.size
        return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(float)

    def _camera(self, number: int) -> np.ndarray:
        """From points of the frame to those of the scene, `[2, 3]`: a pan, a turn and a zoom."""
        height, width = self.size
        angle = 0.12 * math.sin(number / 23)
        zoom = 1.0 + 0.25 * math.sin(number / 31)
        turn = zoom * np.array(
            [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        )
        rows, columns = self.land.shape[:2]
        center = np.array([columns, rows]) / 2
        reach = np.array([columns - 1.45 * width, rows - 1.45 * height]).clip(0) / 2
        center = center + reach * [math.sin(number / 29 - 0.8), math.sin(number / 37 + 0.4)]
        return np.concatenate([turn, (center - turn @ [width / 2, height / 2])[:, None]], axis=1)

    def _center(self, number: int) -> np.ndarray:
        height, width = self.size
        across = (number % 50) / 50 * 1.6 - 0.3
        return np.array([across * width, height * (0.6 + 0.1 * math.sin(number / 5))])

    def _cover(self, number: int, points: np.ndarray) -> np.ndarray:
        """How much the thing covers of points: 1 inside, a pixel of slope, 0 outside."""
        radius = len(self.thing) / 2 - 2
        distance = np.linalg.norm(points - self._center(number), axis=2)
        return (radius - distance + 0.5).clip(0, 1)


def scene(land: np.ndarray, thing: np.ndarray, size: tuple[int, int], **options: float) -> Scene:
    """A scene of two photographs `[1, H, W, 3]` for frames of a size."""
    width = size[1]
    scale = 3 * width / land.shape[2]
    land = image_io.resize(land, round(land.shape[1] * scale), round(land.shape[2] * scale))[0]
    side = min(thing.shape[1:3])
    top, left = (thing.shape[1] - side) // 2, (thing.shape[2] - side) // 2
    thing = image_io.resize(thing[:, top : top + side, left : left + side], width // 3, width // 3)
    return Scene(land=land.clip(0, 1), thing=thing[0].clip(0, 1), size=size, **options)  # type: ignore[arg-type]


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def _inverse(matrix: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(matrix[:, :2])
    return np.concatenate([inverse, -(inverse @ matrix[:, 2])[:, None]], axis=1)
