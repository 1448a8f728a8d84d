"""Paints a `Scene`: background or scenery, then the thing once, twice or three times at its place and size.

Everything random in a picture comes from the scene's own seed, so a scene always gives the same pixels.
"""

import random
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from training.glyphs import glyph
from training.palette import BACKGROUNDS, RGB
from training.scene import Scene

# Where the middle of a placed thing lies, as parts of the width and height.
_PLACE_CENTRES = {
    "left": (0.29, 0.5),
    "right": (0.71, 0.5),
    "top": (0.5, 0.29),
    "bottom": (0.5, 0.71),
    "top left": (0.29, 0.29),
    "top right": (0.71, 0.29),
    "bottom left": (0.29, 0.71),
    "bottom right": (0.71, 0.71),
}
_SIZE_RANGES = {None: (0.7, 0.8), "small": (0.4, 0.46), "large": (0.92, 0.98)}
_PLACED_RANGES = {None: (0.5, 0.56), "small": (0.38, 0.42), "large": (0.6, 0.64)}
_GROUP_CENTRES = {
    2: (((0.25, 0.5), (0.75, 0.5)),),
    3: (((0.26, 0.29), (0.74, 0.29), (0.5, 0.74)), ((0.5, 0.26), (0.26, 0.71), (0.74, 0.71))),
}
_GROUP_RANGES = {2: (0.4, 0.44), 3: (0.37, 0.41)}
_JITTER = 0.025


def _jittered(rgb: RGB, rng: random.Random) -> RGB:
    shift = rng.randint(-6, 6)
    red, green, blue = (min(255, max(0, value + shift + rng.randint(-4, 4))) for value in rgb)
    return red, green, blue


def _gradient(side: int, stops: list[tuple[float, RGB]]) -> Image.Image:
    """Paint a vertical gradient through (height part, colour) stops."""
    heights = np.linspace(0, 1, side)
    where = [stop[0] for stop in stops]
    bands = [np.interp(heights, where, [stop[1][channel] for stop in stops]) for channel in range(3)]
    column = np.stack(bands, -1).round().astype(np.uint8)
    return Image.fromarray(np.repeat(column[:, None], side, axis=1), "RGB")


def _dots(picture: Image.Image, rng: random.Random, colour: RGB, count: int) -> Image.Image:
    """Sprinkle small discs: stars, snowflakes, bubbles."""
    draw = ImageDraw.Draw(picture)
    for _ in range(count):
        x, y, radius = (
            rng.random() * picture.width,
            rng.random() * picture.height,
            picture.width * rng.choice((0.008, 0.016)),
        )
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return picture


_LAND: dict[str, list[tuple[float, RGB]]] = {
    "grass": [(0, (140, 204, 246)), (0.58, (198, 232, 250)), (0.6, (112, 190, 80)), (1, (58, 140, 50))],
    "beach": [
        (0, (146, 210, 248)),
        (0.42, (190, 230, 250)),
        (0.44, (40, 130, 196)),
        (0.62, (80, 180, 214)),
        (0.64, (242, 220, 164)),
        (1, (226, 192, 124)),
    ],
    "night": [(0, (10, 12, 44)), (1, (44, 40, 104))],
    "sunset": [
        (0, (92, 60, 134)),
        (0.45, (240, 112, 84)),
        (0.7, (254, 196, 96)),
        (0.72, (70, 48, 92)),
        (1, (40, 28, 62)),
    ],
    "snow": [(0, (176, 204, 232)), (0.58, (216, 228, 244)), (0.62, (250, 252, 255)), (1, (226, 236, 248))],
    "sea": [(0, (96, 200, 224)), (1, (12, 62, 132))],
}
_SPRINKLES: dict[str, tuple[RGB, int]] = {
    "night": ((250, 246, 214), 14),
    "snow": ((255, 255, 255), 18),
    "sea": ((196, 236, 246), 8),
}


def _ground(scene: Scene, side: int, rng: random.Random) -> Image.Image:
    if scene.background is not None:
        return Image.new("RGB", (side, side), _jittered(BACKGROUNDS[scene.background], rng))
    picture = _gradient(side, _LAND[scene.scenery or "grass"])
    if scene.scenery in _SPRINKLES:
        colour, count = _SPRINKLES[scene.scenery]
        return _dots(picture, rng, colour, count)
    return picture


def _spots(scene: Scene, rng: random.Random) -> list[tuple[float, float, float]]:
    """Draw (x, y, size) in parts of the side for every copy of the thing."""
    if scene.count > 1:
        low, high = _GROUP_RANGES[scene.count]
        size = rng.uniform(low, high)
        centres = rng.choice(_GROUP_CENTRES[scene.count])
        return [(x + rng.uniform(-0.012, 0.012), y + rng.uniform(-0.012, 0.012), size) for x, y in centres]
    low, high = (_PLACED_RANGES if scene.place else _SIZE_RANGES)[scene.size]
    x, y = _PLACE_CENTRES[scene.place] if scene.place else (0.5, 0.5)
    return [(x + rng.uniform(-_JITTER, _JITTER), y + rng.uniform(-_JITTER, _JITTER), rng.uniform(low, high))]


def _copies(scene: Scene, side: int, rng: random.Random) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """Give every copy of the thing in its size, and where its upper left corner lies."""
    source = glyph(scene.thing, scene.colour)
    for x, y, size in _spots(scene, rng):
        pixels = max(4, round(size * side))
        small = source.resize((pixels, pixels), Image.Resampling.BICUBIC)
        yield small, (round(x * side - pixels / 2), round(y * side - pixels / 2))


def paint(scene: Scene, side: int) -> Image.Image:
    """Paint the scene as an RGB picture of `side` x `side` pixels."""
    rng = random.Random(scene.seed)
    picture = _ground(scene, side, rng)
    for copy, corner in _copies(scene, side, rng):
        picture.paste(copy, corner, copy)
    return picture


def cover(scene: Scene, side: int, cells: int) -> np.ndarray:
    """Say how far the things cover each of `cells` x `cells` parts of the painted scene: float32, 0..1."""
    rng = random.Random(scene.seed)
    _ground(scene, side, rng)  # draws from the same source, so that the spots fall where `paint` puts them
    canvas = Image.new("L", (side, side))
    for copy, corner in _copies(scene, side, rng):
        canvas.paste(255, corner, copy.getchannel("A"))
    return np.asarray(canvas.resize((cells, cells), Image.Resampling.BOX), dtype=np.float32) / 255


def as_array(picture: Image.Image) -> np.ndarray:
    """Turn a picture into float32 channels-first values of -1..1."""
    return np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1
