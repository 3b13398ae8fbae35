"""Draws the example pictures from nothing but numbers: a photograph, two paintings, three masks.

`content.jpg` is a lake at golden hour: ray-cast fractal mountains behind a height fog, their
reflection, and a cabin among conifers. `style.jpg` is an oil painting: bristly strokes laid
coarse to fine along a flow with whirlpools, lit from the upper left. `dots.jpg` is a second
painting, in dabs of pure color; `sky.png` is white where the photograph shows the sky and
`land.png` elsewhere; `swirl.png` is white over the blue whirlpool of the first painting. No other
picture is read, and on one machine the same seed always draws the same bytes.

    python examples/make_examples.py --output_dir examples
"""

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageDraw

Array = np.ndarray
CONTENT_SIZE = (1024, 768)
STYLE_SIZE = (1024, 800)
DOTS_SIZE = (800, 640)
SEED = 7

# The photograph. Positions are fractions of the picture, world lengths are kilometres.
SUPERSAMPLING = 2  # Everything is drawn this much larger and averaged: soft, photographic edges.
FIELD = 1.1  # Width of the view at distance one.
HORIZON = 0.625
SUN_X, SUN_Y, SUN_RADIUS = 0.385, 0.372, 0.014
SUNLIT = np.array([180, 128, 60])  # 8-bit color of grass and twigs in the sun.
SUN_DIRECTION = np.array([-0.86, 0.48, 0.10])  # Lights the land from further left than the disc.
NEAREST, FARTHEST, CAMERA_HEIGHT = 5.0, 70.0, 0.10
# Mountain ranges: distance, thickness in log distance, height, how deep the valley below the sun.
RANGES = (
    (6.6, 0.12, 0.75, 0.90),
    (9.5, 0.11, 1.9, 0.92),
    (15.0, 0.12, 3.6, 0.78),
    (25.0, 0.13, 6.4, 0.62),
    (43.0, 0.16, 9.5, 0.42),
)


class Layer(NamedTuple):
    """Something that stands in the lake: it hides what is behind it and is mirrored."""

    color: Array  # Linear light, [H, W, 3].
    alpha: Array  # [H, W].
    waterline: float  # Fraction of the height about which the water mirrors it.


def smoothstep(low: float, high: float, values: Array) -> Array:
    """0 up to `low`, 1 from `high` on, and a smooth S between; `low > high` falls instead."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def mix(first: Array, second: Array, weight: Array) -> Array:
    """Colors `[..., 3]` between `first` (weight 0) and `second` (weight 1)."""
    weight = np.asarray(weight, np.float32)[..., None]
    return first + (second - first) * weight


def rgb(*display: float) -> Array:
    """Linear light of an 8-bit color, with a gamma of 2."""
    return (np.asarray(display, np.float32) / 255.0) ** 2


def value_noise(x: Array, y: Array, lattice: Array) -> tuple[Array, Array, Array]:
    """Random `lattice` values, quintically interpolated, and their two partial derivatives."""
    size = len(lattice)
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    u, v = (x - column).astype(np.float32), (y - row).astype(np.float32)
    left, right, top, bottom = column % size, (column + 1) % size, row % size, (row + 1) % size
    a, b = lattice[top, left], lattice[top, right]
    c, d = lattice[bottom, left], lattice[bottom, right]
    slope_u, slope_v = 30 * u**2 * (u - 1) ** 2, 30 * v**2 * (v - 1) ** 2
    u, v = u**3 * (u * (u * 6 - 15) + 10), v**3 * (v * (v * 6 - 15) + 10)
    twist = a - b - c + d
    value = a + (b - a) * u + (c - a) * v + twist * u * v
    return value, slope_u * (b - a + twist * v), slope_v * (c - a + twist * u)


def fractal_noise(
    x: Array, y: Array, seed: int, octaves: int, erosion: float = 0.0, gain: float = 0.5
) -> Array:
    """Octaves of `value_noise`; `erosion` fades detail on steep ground, as rain does."""
    lattice = np.random.default_rng(seed).uniform(-1, 1, (256, 256)).astype(np.float32)
    total, amplitude, slope_x, slope_y = 0.0, 1.0, 0.0, 0.0
    for _ in range(octaves):
        value, along_x, along_y = value_noise(x, y, lattice)
        slope_x, slope_y = slope_x + along_x, slope_y + along_y
        total = total + amplitude * value / (1 + erosion * (slope_x**2 + slope_y**2))
        amplitude *= gain
        x, y = 1.6 * x - 1.2 * y + 17.3, 1.2 * x + 1.6 * y - 9.1  # Rotated: no grid shows.
    return total


def resize(image: Array, width: int, height: int, how: Image.Resampling) -> Array:
    """A float image `[H, W]` or `[H, W, C]` at another size."""
    channels = np.moveaxis(image.reshape(*image.shape[:2], -1), -1, 0)
    pictures = [Image.fromarray(np.array(c, np.float32, order="C")) for c in channels]
    resized = [np.asarray(picture.resize((width, height), how)) for picture in pictures]
    return np.stack(resized, -1).reshape(height, width, *image.shape[2:])


def blur(image: Array, radius: float) -> Array:
    """A soft copy of `image`: averaged over blocks of `radius` pixels, then interpolated."""
    height, width = image.shape[:2]
    small = max(2, round(width / radius)), max(2, round(height / radius))
    blocks = resize(image, *small, Image.Resampling.BOX)
    return resize(blocks, width, height, Image.Resampling.BICUBIC)


def coordinates(width: int, height: int) -> tuple[Array, Array]:
    """Positions x and y of the pixel centres, each `[H, W]`, in fractions of the picture."""
    row, column = np.mgrid[0:height, 0:width].astype(np.float32)
    return (column + 0.5) / width, (row + 0.5) / height


def to_image(display: Array) -> Image.Image:
    """A Pillow image of colors in [0, 1]."""
    return Image.fromarray((np.clip(display, 0, 1) * 255 + 0.5).astype(np.uint8))


def sky(tan_x: Array, tan_y: Array, seed: int) -> Array:
    """Evening sky in linear light for view directions `tan_x`, `tan_y`."""
    sun_x, sun_y = (SUN_X - 0.5) * FIELD, (HORIZON - SUN_Y) * 0.75 * FIELD
    from_sun = np.hypot(tan_x - sun_x, tan_y - sun_y)
    up = tan_y / 0.52
    color = mix(rgb(250, 180, 104), rgb(222, 158, 130), smoothstep(0.0, 0.4, up))
    color = mix(color, rgb(98, 142, 170), smoothstep(0.25, 0.68, up))
    color = mix(color, rgb(22, 72, 118), smoothstep(0.5, 1.05, up))
    color = color * (1.0 - 0.45 * smoothstep(0.15, 0.8, np.abs(tan_x - sun_x)))[..., None]
    # Clouds lie in a plane overhead, so they flatten towards the horizon.
    distance = 1.0 / (tan_y + 0.16)
    x, y = tan_x * distance * 2.0, distance * 2.6
    warp_x = 0.40 * fractal_noise(x * 0.8, y * 0.8, seed, 5)
    warp_y = 0.40 * fractal_noise(x * 0.8 + 40, y * 0.8, seed, 5)

    def density(x: Array, y: Array) -> Array:
        return fractal_noise(x + warp_x, y * 1.5 + warp_y, seed + 1, 9, gain=0.56)

    thickness = density(x, y)
    towards_sun = density(x + 0.12 * np.clip(4 * (sun_x - tan_x), -1, 1), y + 0.13)
    cover = smoothstep(0.0, 0.85, thickness) * smoothstep(0.02, 0.2, tan_y)
    light = np.clip(0.55 + 1.2 * (thickness - towards_sun), 0, 1) * (1 - 0.55 * cover)
    cloud = mix(rgb(92, 88, 122), rgb(255, 206, 150), light)
    cloud = mix(cloud, cloud * rgb(255, 200, 150) * 1.7, np.exp(-from_sun / 0.25))
    cloud = mix(cloud, cloud * rgb(196, 190, 225), smoothstep(0.5, 1.0, up))
    color = mix(color, cloud, 0.9 * cover)
    near_glow = np.exp(-from_sun / 0.075)[..., None] * rgb(255, 186, 84) * 1.9
    wide_glow = np.exp(-from_sun / 0.28)[..., None] * rgb(255, 146, 70) * 0.45
    radius = SUN_RADIUS * FIELD
    disc = smoothstep(1.1 * radius, 0.9 * radius, from_sun)[..., None] * rgb(255, 240, 200) * 7
    return color + (near_glow + wide_glow) * (1 - 0.45 * cover[..., None]) + disc


def terrain(width: int, steps: int, seed: int) -> tuple[Array, Array, Array]:
    """The ground seen along `width` view directions at `steps` growing distances.

    Returns:
        Linear color `[steps, width, 3]`; the tangent of the angle above the horizon
        `[steps, width]`; and where there is land rather than lake.
    """
    tangent = (((np.arange(width) + 0.5) / width - 0.5) * FIELD).astype(np.float32)[None]
    depth = np.geomspace(NEAREST, FARTHEST, steps).astype(np.float32)[:, None]
    x, z = depth * tangent, depth + 0 * tangent
    from_sun = tangent - (SUN_X - 0.5) * FIELD
    rough = fractal_noise(x * 0.30 + 3.7, z * 0.30 + 1.9, seed + 2, 11, erosion=0.5)
    crest = 1 - np.abs(fractal_noise(x * 0.16, z * 0.16, seed + 3, 3))
    wander = np.log(depth) + 0.018 * np.sin(5 * tangent + 1) + 0.012 * np.sin(11 * tangent + 2)
    valley = np.exp(-((from_sun / 0.17) ** 2))
    envelope = sum(
        height * (1 - depth_of_valley * valley) * np.exp(-(((wander - np.log(at)) / spread) ** 2))
        for at, spread, height, depth_of_valley in RANGES
    )
    height = envelope * (0.40 + 0.40 * rough + 0.45 * (crest - 0.5)) + 0.06 * rough
    from_shore = depth - (5.9 + 0.5 * np.sin(4 * tangent + 0.5) + 0.25 * rough)
    height = np.maximum(height * smoothstep(0, 1.2, from_shore), 0.004)
    height = height + 0.03 * smoothstep(-0.05, 0.2, from_shore)

    def slopes(height: Array) -> tuple[Array, Array]:
        along_x = np.gradient(height, axis=1) / np.gradient(x, axis=1)
        along_ray = np.gradient(height, axis=0) / np.gradient(depth, axis=0)
        return along_x, along_ray - along_x * tangent

    slope = np.hypot(*slopes(height))
    woods = smoothstep(1.25, 0.7, slope + 0.3 * rough) * smoothstep(2.4, 1.2, height + 0.4 * rough)
    crowns = fractal_noise(x * 28, z * 28, seed + 4, 2, gain=0.8) * 0.3 + 0.5
    height = height + 0.05 * woods * crowns
    slope_x, slope_z = slopes(height)
    normal = np.stack([-slope_x, np.ones_like(slope_x), -slope_z], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    sunlight = np.clip(normal @ SUN_DIRECTION.astype(np.float32), 0, 1)
    lifted = height + 0.40 * x  # The sun comes from the left: a running maximum casts shadows.
    sunlight *= smoothstep(0.15, 0.0, np.maximum.accumulate(lifted, axis=1) - lifted)
    snow = smoothstep(2.2, 3.2, height + 0.6 * rough) * smoothstep(1.9, 1.0, slope)
    albedo = mix(rgb(118, 100, 90), rgb(50, 70, 40), woods)
    albedo = mix(albedo, rgb(245, 245, 250), snow) * (1 - 0.6 * woods * (1 - crowns))[..., None]
    ambient = rgb(96, 122, 180) * (0.35 + 0.5 * normal[..., 1:2])
    color = albedo * (sunlight[..., None] * rgb(255, 176, 100) * 4.2 + ambient)
    # Fog thins out with height, so that it fills the valleys between the ranges.
    scale = 0.45
    patches = 1 + 0.5 * fractal_noise(x * 0.25, z * 0.12, seed + 5, 4)
    mean_fog = scale * (1 - np.exp(-(height + 0.05) / scale)) / (height + 0.05)
    fog = 1 - np.exp(-z * (0.011 + 0.095 * patches * mean_fog) * smoothstep(4.0, 10.0, z))
    towards_sun = np.exp(-np.abs(from_sun) / 0.25)
    fog_color = mix(rgb(132, 150, 182), rgb(255, 190, 124), towards_sun)
    return mix(color, fog_color, fog), (height - CAMERA_HEIGHT) / depth, from_shore > 0


def distant_land(width: int, height: int, seed: int) -> tuple[Array, float, Array]:
    """Sky and mountains in linear light `[H, W, 3]`, where the lake begins, and where sky is.

    The first row of the lake is a fraction of the height; of the sky there is a mask `[H, W]`.
    """
    column = np.arange(width)
    tan_x = ((column[None] + 0.5) / width - 0.5) * FIELD + np.zeros((height, 1))
    row_tangent = (HORIZON * height - np.arange(height) - 0.5) / width * FIELD
    tan_y = np.maximum(row_tangent, 0)[:, None] + 0 * tan_x
    steps = min(1400, 2 * width)
    color, tangent, land = terrain(width, steps, seed)
    tangent = np.where(land, tangent, -1.0)
    # Per column the first distance that rises to a row is what the row shows.
    skyline = np.maximum.accumulate(tangent, axis=0)
    first = np.stack([np.searchsorted(skyline[:, c], row_tangent) for c in column], 1)
    index = np.clip(first, 1, steps - 1)
    low, high = tangent[index - 1, column], tangent[index, column]
    weight = np.clip((row_tangent[:, None] - low) / np.maximum(high - low, 1e-6), 0, 1)
    ground = mix(color[index - 1, column], color[index, column], weight)
    image = np.where((first < steps)[..., None], ground, sky(tan_x, tan_y, seed))
    return image, HORIZON + CAMERA_HEIGHT / 6.0 / FIELD * width / height, first == steps


class Pen:
    """Draws what stands in the lake, twice as large as needed: Pillow's polygons have hard edges.

    Points are x, y in fractions of the picture, or of an object once `at` has moved there.
    """

    def __init__(self, width: int, height: int):
        size = 2 * width, 2 * height
        self.origin, self.unit = np.zeros(2), np.array(size, float)
        self.picture, self.lamps = Image.new("RGBA", size), Image.new("L", size)
        self._draw, self._draw_lamps = ImageDraw.Draw(self.picture), ImageDraw.Draw(self.lamps)

    def at(self, x: float, y: float, size: float) -> "Pen":
        """A pen for an object that stands at `x`, `y`; its unit is `size` picture widths, y up."""
        pen = copy.copy(self)
        pen.origin = self.origin + self.unit * (x, y)
        pen.unit = np.array([size, -size]) * self.picture.width
        return pen

    def _place(self, points: Array | Sequence[float]) -> list[tuple[float, float]]:
        placed = np.reshape(np.asarray(points, float), (-1, 2)) * self.unit + self.origin
        return [*map(tuple, placed)]

    def polygon(self, color: Array | Sequence[float], points: Array | Sequence[float]) -> None:
        """Fills the polygon `points` (flat or in pairs) with an 8-bit `color`."""
        self._draw.polygon(self._place(points), fill=tuple(int(value) for value in color))

    def box(self, color: Array | Sequence[float], x: float, y: float, x2: float, y2: float) -> None:
        """Fills a rectangle."""
        self.polygon(color, (x, y, x2, y, x2, y2, x, y2))

    def line(self, color: Array | Sequence[float], thickness: float, points: Array) -> None:
        """Draws a line through `points`."""
        pixels = max(1, round(thickness * self.unit[0]))
        fill = tuple(int(value) for value in color)
        self._draw.line(self._place(points), fill=fill, width=pixels, joint="curve")

    def window(self, x: float, y: float, width: float, height: float) -> None:
        """A lit window with a frame and bars."""
        middle_x, middle_y, x2, y2 = x + width / 2, y + height / 2, x + width, y + height
        self.box((46, 30, 22), x - 0.014, y - 0.014, x2 + 0.014, y2 + 0.014)
        self.box((255, 196, 92), x, y, x2, y2)
        self._draw_lamps.polygon(self._place((x, y, x2, y, x2, y2, x, y2)), fill=255)
        self.line((70, 40, 22), 0.012, (middle_x, y, middle_x, y2))
        self.line((70, 40, 22), 0.012, (x, middle_y, x2, middle_y))

    def layer(self, waterline: float) -> Layer:
        """The finished drawing in linear light, at half of its size."""
        size = self.picture.width // 2, self.picture.height // 2
        pixels, lamps = (
            np.asarray(picture.resize(size, Image.Resampling.BOX), np.float32) / 255.0
            for picture in (self.picture, self.lamps)
        )
        color = pixels[..., :3] ** 2 + lamps[..., None] * rgb(255, 176, 70) * 2.2
        return Layer(color, pixels[..., 3], waterline)


def draw_conifer(pen: Pen, color: Array, rim: Array, rng: np.random.Generator) -> None:
    """A spruce one unit tall: drooping ragged boughs whose tips catch the sun."""
    pixels = pen.unit[0]
    lean, spread = rng.normal(0, 0.012), rng.uniform(0.15, 0.21)
    pen.polygon(0.6 * color, (-0.012, 0, 0.012, 0, lean, 1))
    tiers = int(np.clip(pixels / 8, 10, 64))
    for tier in range(tiers):
        # Boughs to both sides, then some towards us; `turn` is how far to the right they point.
        for turn in (*rng.permutation((-1.0, 1.0)), *rng.uniform(-0.8, 0.8, 3)):
            rise = 0.05 + 0.95 * (tier + rng.uniform(-0.5, 0.5)) / tiers
            length = spread * max(1 - rise, 0.02) ** 0.8 * rng.uniform(0.6, 1.15) + 0.004
            twigs = int(np.clip(length * pixels / 3, 4, 30))
            t = np.linspace(0, 1, twigs)
            drop = length * rng.uniform(0.3, 0.6) * (t * (1.6 - 0.6 * abs(turn)) - 0.25 * t**2)
            upper = np.stack([lean * rise + turn * length * t, rise - drop], 1)
            hang = 2.2 / tiers * (1.15 - t) * rng.uniform(0.3, 1.2, twigs) * (1 - 0.5 * rise)
            ragged = turn * rng.uniform(-1, 2, twigs) / pixels
            lower = upper + np.stack([ragged, -hang], 1)
            shade = color * rng.uniform(0.7, 1.15) * (1 - 0.12 * turn)
            pen.polygon(shade, np.concatenate([upper, lower[::-1]]))
            if turn < rng.uniform(-1.6, 0.2):
                gold = color + (rim - color) * rng.uniform(0.3, 1.0) * (0.45 + 0.55 * rise)
                pen.line(gold, 0.0016, upper[int(twigs * rng.uniform(0.3, 0.7)) :])


def draw_cabin(pen: Pen, rng: np.random.Generator) -> None:
    """A log cabin one unit wide; its gable on the left faces the sun."""
    gable, wall = np.array([150, 92, 54]), np.array([74, 48, 36])
    pen.box((58, 54, 54), -0.01, -0.03, 1.01, 0.04)
    pen.polygon(gable, (0, 0.03, 0.32, 0.03, 0.32, 0.31, 0.16, 0.58, 0, 0.31))
    pen.box(wall, 0.32, 0.03, 1.0, 0.31)
    for log in np.arange(0.05, 0.55, 0.032):
        tone, inset = rng.uniform(0.55, 0.8), max(0.0, (log - 0.31) * 0.6)
        pen.line(tone * gable, 0.009, (inset, log, 0.32 - inset, log))
        if log < 0.3:
            pen.line(tone * wall, 0.009, (0.32, log, 1.0, log))
    pen.polygon((66, 58, 66), (0.14, 0.62, 0.90, 0.62, 1.08, 0.27, 0.33, 0.27))
    for down in np.linspace(0.04, 0.96, 12):  # Rows of shingles.
        row = 0.14 + 0.19 * down, 0.62 - 0.35 * down, 0.90 + 0.18 * down, 0.62 - 0.35 * down
        pen.line(np.array([70, 62, 70]) + rng.uniform(-14, 16), 0.014, row)
    pen.line((236, 176, 112), 0.014, (0.14, 0.62, 0.90, 0.62))
    pen.line((206, 142, 88), 0.03, (-0.06, 0.24, 0.145, 0.625, 0.335, 0.27))
    pen.box((92, 70, 64), 0.72, 0.5, 0.81, 0.74)
    pen.box((120, 84, 66), 0.72, 0.5, 0.745, 0.74)
    for x, y, width, height in ((0.10, 0.13, 0.12, 0.13), (0.13, 0.37, 0.06, 0.08)):
        pen.window(x, y, width, height)
    pen.window(0.42, 0.12, 0.13, 0.12)
    pen.window(0.80, 0.12, 0.13, 0.12)
    pen.box((40, 24, 18), 0.61, 0.03, 0.73, 0.26)
    pen.window(0.635, 0.15, 0.07, 0.08)


def peninsula(width: int, height: int, rng: np.random.Generator) -> Layer:
    """A wooded point with the cabin and its jetty."""
    pen, waterline = Pen(width, height), 0.722

    def ground(x: Array | float) -> Array:
        rise = 0.042 * smoothstep(0.53, 0.70, x) + 0.05 * smoothstep(0.74, 1.0, x)
        return waterline - rise - 0.004 * np.sin(60 * x) * smoothstep(0.55, 0.65, x)

    def plant(count: int, left: float, right: float, tallest: float, tone: float) -> None:
        for x in np.sort(rng.uniform(left, right, count)):
            tall = tallest * rng.uniform(0.45, 1) * (0.75 + 0.5 * smoothstep(0.72, 0.95, x))
            green = np.array([32, 40, 30]) * tone * rng.uniform(0.8, 1.25)
            draw_conifer(pen.at(x, ground(x) + 0.01, tall), green, SUNLIT * tone, rng)

    plant(34, 0.70, 1.03, 0.20, 1.55)
    plant(26, 0.76, 1.03, 0.18, 1.1)
    x = np.linspace(0.535, 1.0, 200)
    shore = waterline + 0.0015 * fractal_noise(x * 60, 0 * x, 12, 3)
    top = np.minimum(ground(x) + 0.0022 * fractal_noise(x * 90, 0 * x, 11, 4), shore)
    outline = np.stack([np.append(x, x[::-1]), np.append(top, shore[::-1])], 1)
    pen.polygon((44, 44, 30), outline)
    for x, depth in rng.uniform((0.537, 0), (1.0, 1), (5200, 2)):  # Grass, golden in the sun.
        foot = ground(x) + depth * (waterline - ground(x))
        gold = rng.uniform(0.1, 1.0) * (1 - 0.6 * depth) * (1 - 0.5 * smoothstep(0.7, 0.9, x))
        tip = x + rng.normal(0.0006, 0.0012), foot - rng.uniform(0.003, 0.010)
        pen.line(mix(np.array([34, 38, 24]), SUNLIT, gold), 0.0005, (x, foot, *tip))
    for x in rng.uniform(0.535, 1.0, 70):  # Stones along the water.
        stone = pen.at(x, waterline + 0.002, rng.uniform(0.002, 0.007))
        angle, tone = np.linspace(0, np.pi, 12), rng.uniform(0.5, 1.1)
        arc = np.stack([np.cos(angle), 0.9 * np.sin(angle)], 1) * rng.uniform(0.85, 1.1, (12, 1))
        stone.polygon(tone * np.array([78, 68, 64]), arc)
        stone.line(tone * np.array([210, 160, 110]), 0.1, arc[6:10])
    draw_cabin(pen.at(0.625, ground(0.67) + 0.008, 0.115), rng)
    plant(5, 0.775, 0.83, 0.09, 0.9)
    for x in np.linspace(0.505, 0.60, 7):  # The jetty.
        pen.line((40, 30, 26), 0.0024, (x, 0.7085, x, waterline + 0.003))
    pen.box((84, 62, 48), 0.498, 0.705, 0.612, 0.7095)
    pen.line((232, 178, 118), 0.001, (0.498, 0.7048, 0.612, 0.7048))
    return pen.layer(waterline)


def boat(width: int, height: int) -> Layer:
    """A rowing boat with its oar shipped."""
    picture, waterline = Pen(width, height), 0.822
    pen = picture.at(0.455, waterline, 0.09)
    rim = np.array([-0.58, 0.24, -0.3, 0.125, 0, 0.10, 0.28, 0.115, 0.54, 0.205])
    pen.polygon((96, 62, 40), (-0.56, 0.235, -0.3, 0.155, 0.2, 0.14, 0.52, 0.20, 0, 0.10))
    pen.polygon((58, 30, 26), (*rim, 0.44, 0, -0.42, 0))
    pen.line((244, 190, 128), 0.016, rim)
    pen.line((168, 74, 48), 0.012, (-0.50, 0.11, -0.25, 0.055, 0.25, 0.045, 0.48, 0.09))
    pen.line((120, 84, 56), 0.012, (-0.15, 0.16, 0.75, 0.27))
    return picture.layer(waterline)


def near_bank(width: int, height: int, rng: np.random.Generator) -> Layer:
    """Dark spruces and reeds that frame the view on the left."""
    pen = Pen(width, height)
    for x, base, tall in (
        (0.175, 0.985, 0.35),
        (-0.01, 1.0, 0.58),
        (0.115, 1.02, 0.52),
        (0.045, 1.04, 0.73),
    ):
        draw_conifer(pen.at(x, base, tall), np.array([20, 28, 26]), 0.8 * SUNLIT, rng)
    x = np.linspace(0, 0.46, 120)
    bank = (
        0.925 + 0.32 * np.maximum(x - 0.10, 0) ** 1.3 + 0.006 * fractal_noise(x * 40, 0 * x, 5, 4)
    )
    pen.polygon((16, 18, 14), (0, 1, *np.stack([x, bank], 1).ravel(), 0.46, 1))
    for at in 0.41 * rng.uniform(0, 1, 2600) ** 1.1:
        foot = np.interp(at, x, bank) + rng.uniform(0, 0.05)
        tall, bend, t = rng.gamma(3.0, 0.008), rng.normal(0.004, 0.006), np.linspace(0, 1, 4)
        color = mix(np.array([14, 18, 12]), 0.8 * SUNLIT, rng.uniform(0, 1) ** 3)
        pen.line(color, 0.0006, np.stack([at + bend * t**2, foot - tall * t], 1))
    return pen.layer(2.0)


def lake(view: Array, layers: Sequence[Layer], shore: float, seed: int) -> Array:
    """`view` with everything below `shore` replaced by the rippled reflection of what is above."""
    height, width = view.shape[:2]
    x, y = coordinates(width, height)
    distance = 1.0 / np.maximum(y - HORIZON, 0.004)
    along, away = (x - 0.5) * distance, distance
    wind = smoothstep(-0.15, 0.55, fractal_noise(along * 0.35, away * 0.16, seed + 6, 3))
    ripples = fractal_noise(along * 3.0, away * 9.0, seed + 7, 4, gain=0.6)
    chop = fractal_noise(along * 14.0, away * 30.0, seed + 8, 3, gain=0.7)
    near = smoothstep(80, 4, distance)
    bend = ripples * (0.35 + 0.9 * wind) + chop * (0.15 + 0.5 * wind)
    bend = bend * height * (0.004 + 0.010 * near)
    sway = ripples * width * (0.0004 + 0.0015 * near)

    def mirrored(image: Array, line: float) -> Array:
        row = np.clip((2 * line - y) * height + bend, 0, height - 1)
        return image[row.astype(int), np.clip(x * width + sway, 0, width - 1).astype(int)]

    water = mirrored(view, shore)
    for layer in layers:
        below = y > layer.waterline
        alpha = below * mirrored(layer.alpha, layer.waterline)
        water = mix(water, mirrored(layer.color, layer.waterline), alpha)
    # Close to us we look down steeply: water mirrors less and shows its own color.
    depth = smoothstep(shore, 1.05, y)
    water = mix(water * rgb(238, 240, 245), rgb(12, 50, 66), 0.10 + 0.62 * depth)
    path = np.exp(-(((x - SUN_X) / (0.035 + 0.05 * depth)) ** 2))
    sparkle = path * smoothstep(0.35, 0.9, ripples + 0.8 * chop) * (0.3 + wind)
    water = water + sparkle[..., None] * rgb(255, 190, 100) * 1.3
    mist = 0.35 + 0.3 * fractal_noise(x * 5, y * 40, seed + 9, 4)
    mist = np.clip(np.exp(-np.abs(y - shore) / 0.012) * mist, 0, 0.75)
    return mix(np.where((y > shore)[..., None], water, view), rgb(240, 190, 146), mist)


def chimney_smoke(width: int, height: int, seed: int) -> Array:
    """How much the smoke above the cabin hides, `[H, W]`."""
    x, y = coordinates(width, height)
    up = np.clip(0.588 - y, 0, 1)
    centre = 0.713 + 0.35 * up**1.3 + 0.06 * up * fractal_noise(x * 9, y * 14, seed + 20, 3)
    smoke = np.exp(-(((x - centre) / (0.004 + 0.09 * up)) ** 2))
    smoke = smoke * smoothstep(0, 0.01, up) * smoothstep(0.2, 0.0, up)
    return np.clip(smoke * (0.4 + 0.4 * fractal_noise(x * 30, y * 30, seed + 21, 4)), 0, 1)


def expose(light: Array, rng: np.random.Generator) -> Image.Image:
    """The photograph of linear `light`: halation, vignette, contrast curve and grain of a film."""
    height, width = light.shape[:2]
    x, y = coordinates(width, height)
    highlights = np.maximum(light - 0.75, 0)
    for share, radius in ((0.3, 6), (0.16, 24), (0.12, 80)):
        light = light + share * blur(highlights, radius * width / 1024)
    corner = np.hypot(x - 0.5, 0.85 * (y - 0.5))
    light = light * (1 - 0.55 * smoothstep(0.3, 0.75, corner))[..., None]
    display = np.sqrt(1 - np.exp(-1.35 * light))
    display = display - 0.05 * np.sin(2 * np.pi * (display - 0.02))
    grain = rng.normal(0, 1, (height, width, 1)) + 0.35 * rng.normal(0, 1, (height, width, 3))
    return to_image(display + 0.009 * grain * (1.2 - display))


def photograph(width: int, height: int, seed: int) -> Image.Image:
    """The content picture, `width` by `height`."""
    w, h = SUPERSAMPLING * width, SUPERSAMPLING * height
    rng = np.random.default_rng(seed)
    view, shore, _ = distant_land(w, h, seed)
    standing = [peninsula(w, h, rng), boat(w, h)]
    light = lake(view, standing, shore, seed)
    for layer in (*standing, near_bank(w, h, rng)):
        light = mix(light, layer.color, layer.alpha)
    light = mix(light, rgb(214, 186, 176), chimney_smoke(w, h, seed))
    return expose(resize(light, width, height, Image.Resampling.BOX), rng)


def sky_mask(width: int, height: int, seed: int) -> Image.Image:
    """White where the photograph of this size and seed shows the sky."""
    w, h = SUPERSAMPLING * width, SUPERSAMPLING * height
    rng = np.random.default_rng(seed)
    _, shore, seen = distant_land(w, h, seed)
    seen = np.where(np.arange(h)[:, None] < shore * h, seen, 0).astype(np.float32)
    for layer in (peninsula(w, h, rng), boat(w, h), near_bank(w, h, rng)):
        seen = seen * (1 - layer.alpha)
    return to_image(resize(seen, width, height, Image.Resampling.BOX))


# The painting. Places are complex numbers, x + 1j * y; strokes are measured in final pixels.
PAINT_SUPERSAMPLING = 2
SPACING = 0.6  # Pixels between the samples of a stroke: less than one, or the canvas shows.
COARSE = 4  # Flow and design are smooth: a quarter of the resolution is enough.
# Whirlpools: centre and radius in picture widths, turning sense, share of warm paint.
VORTICES = (
    (0.335 + 0.285j, 0.200, 1.0, 1.0),
    (0.765 + 0.200j, 0.125, -1.0, 0.8),
    (0.700 + 0.560j, 0.135, 1.0, 0.3),
    (0.090 + 0.560j, 0.100, -1.0, 0.6),
)
# Brushes: width, length, coverage of the canvas, and how much they keep to the details.
BRUSHES = (
    (52, 170, 3.0, 0.0),
    (34, 150, 2.2, 0.0),
    (21, 115, 1.5, 0.35),
    (13, 85, 1.3, 0.65),
    (8, 55, 0.8, 0.8),
    (5, 36, 0.3, 0.8),
)
COOL = "#080e2e #122668 #1a4294 #1e709e #48a4aa #cedcbc"
WARM = "#46121a #9e2a16 #de5c16 #f29624 #f8c864 #fff1d2"
EARTH = "#101634 #104260 #227c80 #d2701e #f0ac3a #fde6a6"


def palette(colors: str, tone: Array | float) -> Array:
    """The display color at `tone` in [0, 1] between the darkest and the lightest of `colors`."""
    table = np.array([ImageColor.getrgb(color) for color in colors.split()], np.float32) / 255.0
    position = np.clip(tone, 0, 1) * (len(table) - 1)
    lower = np.minimum(position, len(table) - 2).astype(int)
    # Mostly pure pigments: halves of complementary colors would be mud.
    return mix(table[lower], table[lower + 1], smoothstep(0.2, 0.8, position - lower))


def plane(width: int, height: int) -> Array:
    """The place of every pixel in picture widths, complex `[H, W]`."""
    x, y = coordinates(width, height)
    return x + 1j * y * (height / width)


def look_up(field: Array, places: Array) -> Array:
    """`field` `[H, W, ...]` at complex `places` in pixels; beyond the border it goes on."""
    row = np.clip(places.imag, 0, field.shape[0] - 1).astype(int)
    return field[row, np.clip(places.real, 0, field.shape[1] - 1).astype(int)]


def flow_field(width: int, height: int, seed: int) -> tuple[Array, Array]:
    """Directions of the brush, complex `[H, W]`, and the pull of each vortex `[V, H, W]`."""
    place = plane(width, height)
    flow = np.exp(1j * (0.25 + 0.9 * fractal_noise(place.real * 2.2, place.imag * 3.4, seed, 3)))
    pulls = []
    for centre, radius, sense, _ in VORTICES:
        away = place - centre
        pull = 1.25 * np.exp(-((np.abs(away) / radius) ** 2.4) * 0.7)
        spiral = (1j * sense - 0.22) * away / (np.abs(away) + 1e-4)  # Around, and a little inwards.
        flow = flow * (1 - np.minimum(pull, 1)) + 3 * pull * spiral
        pulls.append(pull)
    return flow / np.abs(flow), np.stack(pulls)


def follow(flow: Array, start: Array, steps: int, stride: Array | float) -> Array:
    """Paths `[..., steps]` from `start` that move `stride` pixels along the flow each step."""
    path = [start]
    for _ in range(steps - 1):
        path.append(path[-1] + stride * look_up(flow, path[-1]))
    return np.stack(path, -1)


def streaks(flow: Array, cell: float, length: float, rng: np.random.Generator) -> Array:
    """Noise of `cell` pixels smeared `length` pixels along the flow; uniform on [0, 1]."""
    height, width = flow.shape
    noise = rng.normal(size=(int(height / cell) + 2, int(width / cell) + 2))
    noise = resize(noise, width, height, Image.Resampling.BICUBIC)
    pixels = plane(width, height) * width
    smeared = sum(look_up(noise, follow(way * flow, pixels, 24, length / 48)) for way in (-1, 1))
    order = np.argsort(smeared.mean(-1), axis=None, kind="stable")
    ranks = np.empty(order.size, np.float32)
    ranks[order] = np.linspace(0, 1, order.size)
    return ranks.reshape(height, width)


def design(flow: Array, pulls: Array, seed: int, rng: np.random.Generator) -> Array:
    """What the painter has in mind, `[H, W, 3]`: whirling lights over a burning land."""
    height, width = flow.shape
    place, unit = plane(width, height), width / 256
    tone = 0.6 * streaks(flow, 11 * unit, 70 * unit, rng)
    tone = tone + 0.4 * streaks(flow, 4 * unit, 40 * unit, rng)
    warmth = 0.55 * streaks(flow, 18 * unit, 90 * unit, rng)
    for (centre, radius, sense, warm), pull in zip(VORTICES, pulls, strict=True):
        distance = np.abs(place - centre) / radius + 0.02
        arms = np.sin(2 * sense * np.angle(place - centre) + 7.5 * np.log(distance + 0.25))
        weight, core = 0.75 * np.minimum(pull, 1), np.exp(-((distance / 0.42) ** 2))
        tone += weight * (0.21 + 0.30 * arms - 0.5 * tone) + 0.40 * core
        warmth += weight * (warm * (0.45 + 0.35 * arms + 0.5 * core) - warmth)
    x, y = place.real, place.imag
    fire = palette(WARM, 0.06 + 0.90 * tone)
    air = mix(palette(COOL, 0.95 * tone), fire, smoothstep(0.35, 0.41, warmth))
    below = y - 0.60 - 0.05 * np.sin(7 * x + 0.6) - 0.05 * fractal_noise(x * 3, 0 * x, seed + 1, 3)
    furrows = 0.5 + 0.5 * np.sin(60 * below / (1 + 1.5 * below) + 5 * np.sin(5 * x))
    land = palette(EARTH, 0.75 * tone + 0.25 * furrows)
    land = mix(land, palette(WARM, 0.8 * tone), smoothstep(0.40, 0.46, warmth))
    return mix(air, land, smoothstep(-0.005, 0.005, below) * (1 - np.minimum(pulls.max(0), 1)))


class Canvas:
    """Wet oil paint: its color and how thickly it lies, `scale` canvas pixels per final pixel."""

    def __init__(self, ground: Array, scale: float, rng: np.random.Generator):
        self.color, self.thickness = 0.8 * ground, np.zeros(ground.shape[:2], np.float32)
        self._scale, self._rng = scale, rng
        # Marks of a brush [variant, along, across], long and thin, some hairs clumped together.
        marks = rng.normal(size=(48, 160, 96))
        for shift in (1, 2, 4, 8, 16, 32):
            marks = marks + np.roll(marks, shift, axis=1)
        marks = marks + 0.5 * sum(np.roll(marks, shift, axis=2) for shift in range(5))
        self._marks = (marks / marks.std() / 1.6).astype(np.float32)

    def stroke(self, path: Array, width: float, colors: Array) -> None:
        """Drags a brush `width` pixels wide along `path`, loaded with two `colors` `[2, 3]`."""
        steps, rng = np.diff(path), self._rng
        length = np.append(0, np.cumsum(np.abs(steps)))
        heading = np.unwrap(np.angle(steps))
        curve = np.max(np.abs(np.diff(heading)) / np.abs(steps[1:]))
        # The outer edge of a bend is longer than its middle: finer samples leave no gaps there.
        along = np.arange(0, length[-1], SPACING / (1 + min(3.0, curve * width / 2)))
        across = np.arange(-width / 2, width / 2 + 0.1, SPACING)
        heading = np.interp(along, (length[1:] + length[:-1]) / 2, heading)
        middle = np.interp(along, length, path)[:, None]
        places = middle + 1j * np.exp(1j * heading)[:, None] * across + (0.5 + 0.5j)
        marks, hairs = self._marks[rng.integers(48)], across / self._scale + width
        rows = along[:, None] / (2.2 * self._scale) + rng.integers(160)

        def touch(hair: Array) -> Array:  # Each hair starts elsewhere: no ribs across the stroke.
            return marks[(rows + 0.618 * hair).astype(int) % 160, hair % 96]

        hair, part = hairs.astype(int), (hairs % 1).astype(np.float32)
        mark = touch(hair) * (1 - part) + touch(hair + 1) * part
        # A brush touches down roundly, presses, and runs dry towards its end.
        s, t = along[:, None] / length[-1], across / (width / 2)
        outline = np.minimum(1, np.sqrt(np.maximum(along[:, None], 0.5) / (0.5 * width)))
        wet = np.abs(t) < outline * (1 - 0.35 * s**3) * (1 - 0.10 * np.abs(mark))
        wet &= mark > 2.6 * rng.uniform(0.3, 1.0) * s**2.5 - 1.85
        height, full_width = self.thickness.shape
        wet &= (places.real >= 0) & (places.real < full_width)
        wet &= (places.imag >= 0) & (places.imag < height)
        pixels = places.imag[wet].astype(int), places.real[wet].astype(int)
        mark, s, t = mark[wet], (s + 0 * t)[wet], (t + 0 * s)[wet]
        side = 0.8 * rng.choice((-1, 1)) * t + 0.55 * mark + rng.normal(0, 0.3)
        paint = mix(colors[0], colors[1], smoothstep(-0.5, 0.5, side)) * (1 + 0.09 * mark)[:, None]
        self.color[pixels] = mix(paint, self.color[pixels], 0.10 + 0.25 * s**2)
        ridge = np.exp(-(((np.abs(t) - 0.86) / 0.12) ** 2))  # Paint is pushed to the sides.
        body = (0.75 + 0.30 * mark - 0.35 * t**4 + 0.45 * ridge) * (1 - 0.45 * s)
        load = 0.6 + 0.4 * np.sqrt(width / self._scale / 10)
        self.thickness[pixels] = 0.35 * self.thickness[pixels] + body * load

    def lit(self) -> Array:
        """The canvas under a lamp at the upper left, `[H, W, 3]`."""

        def soften(paint: Array, *distances: int) -> Array:
            for distance in distances:
                for axis in (0, 1):
                    shifted = np.roll(paint, distance, axis) + np.roll(paint, -distance, axis)
                    paint = (shifted + 2 * paint) / 4
            return paint

        paint = soften(self.thickness, 1, 1)  # Too stiff for the steps between single pixels.
        relief = 2.7 * self._scale * (0.70 * paint + 0.7 * soften(paint, 2, 3))
        slope_y, slope_x = np.gradient(relief)
        normal = np.stack([-slope_x, -slope_y, np.ones_like(relief)], -1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        lamp = np.array([-0.495, -0.614, 0.614], np.float32)
        halfway = lamp + np.array([0, 0, 1])
        shine = np.clip(normal @ (halfway / np.linalg.norm(halfway)), 0, 1) ** 40
        shade = np.clip(0.42 + 0.58 * (normal @ lamp) / lamp[2], 0.25, 1.45)
        return self.color * shade[..., None] + 0.13 * (shine - shine.mean())[..., None]


def painting(width: int, height: int, seed: int) -> Image.Image:
    """The style picture, `width` by `height`."""
    rng = np.random.default_rng(seed)
    w, h = PAINT_SUPERSAMPLING * width, PAINT_SUPERSAMPLING * height
    scale = max(1.0, w / STYLE_SIZE[0])  # Brushes as fine as pixels would take forever.
    flow, pulls = flow_field(w // COARSE, h // COARSE, seed + 30)
    plan = design(flow, pulls, seed + 30, rng)
    detail = 1.2 * pulls.max(0) + 1.3 * streaks(flow, 13 * scale, 30 * scale, rng) - 0.55
    canvas = Canvas(resize(plan, w, h, Image.Resampling.BICUBIC), scale, rng)
    for brush_width, brush_length, coverage, finesse in BRUSHES:
        count = int(coverage * w * h / (brush_width * brush_length * scale**2))
        stride = brush_length * scale * rng.uniform(0.45, 1.35, count) / 28 / COARSE
        middles = rng.uniform(-0.03, 1.03, (count, 2)) @ (w / COARSE, 1j * h / COARSE)
        paths = follow(flow, follow(-flow, middles, 15, stride)[:, -1], 29, stride)
        for middle, path in zip(middles, paths, strict=True):
            if rng.random() < finesse * (1 - look_up(detail, middle)):
                continue
            steps = np.diff(path)
            kinks = np.abs(np.diff(steps)) > 0.4 * np.abs(steps[1:])
            end = int(np.argmax(kinks)) + 1 if kinks.any() else len(path)
            if end < 8:
                continue  # A saddle of the flow: a brush would have to turn on the spot.
            color = look_up(plan, middle)
            if rng.random() < 0.07:  # A complementary accent makes its neighbours sing.
                color = palette(WARM if color[2] > color[0] else COOL, rng.uniform(0.2, 1.0))
            colors = color * rng.normal(1, 0.17, (2, 1)) + rng.normal(0, 0.035, (2, 3))
            colors = np.clip(colors + rng.normal(0, 0.04, (2, 1)) * (1, 0.1, -1), 0.01, 1)
            canvas.stroke(path[:end] * COARSE, brush_width * scale * rng.uniform(0.6, 1.3), colors)
    return to_image(resize(canvas.lit(), width, height, Image.Resampling.LANCZOS))


SWIRL = (0.70, 0.71, 0.17, 0.24)
"""Middle and radii of the blue whirlpool that `SEED` draws, in widths and heights."""


def swirl_mask(width: int, height: int) -> Image.Image:
    """White over the blue whirlpool, `width` by `height`."""
    x, y, across, down = SWIRL
    columns = ((np.arange(width) + 0.5) / width - x) / across
    rows = ((np.arange(height) + 0.5) / height - y) / down
    distance = np.hypot(columns[None], rows[:, None])
    return to_image(smoothstep(1.05, 0.95, distance))


# The second painting: radii of its dabs in pixels of 1024, and how often they cover it.
DABS = ((13, 1.0), (9, 1.3), (6, 1.4))
BLUSH = "#3a1450 #8a2c74 #d8587a #f49a86 #fbd3a4 #fff3da"
MEADOW = "#0e3a30 #1f6a44 #5da04e #a9c858 #e3e28c #fdf8d4"


def dots(width: int, height: int, seed: int) -> Image.Image:
    """A painting without lines, in dabs of pure color, `width` by `height`."""
    rng = np.random.default_rng(seed)
    w, h = PAINT_SUPERSAMPLING * width, PAINT_SUPERSAMPLING * height
    place = plane(max(2, w // COARSE), max(2, h // COARSE))
    x, y = 2.2 * place.real, 3.4 * place.imag
    folds = place.imag + 0.22 * fractal_noise(x, y, seed + 60, 3)
    light = 0.65 - 0.2 * place.imag + 0.42 * fractal_noise(1.7 * x + 5, 1.3 * y, seed + 61, 3)
    hills = smoothstep(0.42, 0.58, 0.5 + 0.5 * np.sin(5.5 * folds + 0.8))
    plan = mix(palette(MEADOW, light), palette(BLUSH, light), hills)
    picture = Image.new("RGB", (w, h), "#c9b48c")
    pen = ImageDraw.Draw(picture)
    for size, coverage in DABS:
        radius = max(1.0, size * w / 1024)
        count = int(coverage * w * h / (np.pi * radius**2))
        middles = rng.uniform(0, 1, (count, 2)) @ (w, 1j * h)
        # A dab is lighter, darker or of the complement, and the eye mixes them.
        colors = look_up(plan, middles / COARSE) * rng.normal(1.02, 0.16, (count, 1))
        colors += rng.normal(0, 0.05, (count, 3))
        odd = rng.random(count) < 0.09
        colors[odd] = colors[odd][:, ::-1]
        radii = radius * rng.uniform(0.75, 1.2, count)
        shades = (np.clip(colors, 0.02, 1) * 255).astype(int).tolist()
        for middle, r, shade in zip(middles, radii, shades, strict=True):
            box = (middle.real - r, middle.imag - r, middle.real + r, middle.imag + r)
            pen.ellipse(box, fill=tuple(shade))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def main() -> None:
    """Parses the command line and writes all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).parent
    parser.add_argument("--output_dir", type=Path, default=here, help="Where to write.")
    parser.add_argument("--seed", type=int, default=SEED, help="Another seed, another scene.")
    arguments = parser.parse_args()
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    content = photograph(*CONTENT_SIZE, arguments.seed)
    content.save(arguments.output_dir / "content.jpg", quality=92, optimize=True)
    style = painting(*STYLE_SIZE, arguments.seed)
    style.save(arguments.output_dir / "style.jpg", quality=92, optimize=True)
    other = dots(*DOTS_SIZE, arguments.seed)
    other.save(arguments.output_dir / "dots.jpg", quality=90, optimize=True)
    sky = sky_mask(*CONTENT_SIZE, arguments.seed)
    sky.save(arguments.output_dir / "sky.png", optimize=True)
    ImageChops.invert(sky).save(arguments.output_dir / "land.png", optimize=True)
    swirl_mask(*STYLE_SIZE).save(arguments.output_dir / "swirl.png", optimize=True)


if __name__ == "__main__":
    main()
