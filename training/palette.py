"""The colours that captions may name, and what each looks like; used by glyphs (things) and pictures (backgrounds)."""

import math

RGB = tuple[int, int, int]

# What a thing can be painted: name -> the middle tone of the painted glyph.
THING_COLOURS: dict[str, RGB] = {
    "red": (222, 40, 46),
    "orange": (246, 138, 30),
    "yellow": (250, 210, 45),
    "green": (62, 168, 62),
    "blue": (40, 100, 220),
    "purple": (132, 62, 190),
    "pink": (245, 130, 185),
    "white": (236, 236, 240),
    "black": (44, 44, 50),
}

# What can stand behind it: name -> the plain background.
BACKGROUNDS: dict[str, RGB] = {
    "white": (248, 248, 248),
    "black": (18, 18, 22),
    "gray": (138, 138, 142),
    "red": (200, 38, 42),
    "orange": (242, 142, 44),
    "yellow": (246, 222, 84),
    "green": (62, 150, 72),
    "blue": (42, 84, 196),
    "light blue": (146, 206, 242),
    "purple": (116, 62, 168),
    "pink": (246, 170, 202),
    "brown": (122, 80, 48),
}

# Other words for the same colour, as people type them.
COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "gray": ("grey",),
    "light blue": ("sky blue", "pale blue"),
    "purple": ("violet",),
    "red": ("crimson",),
}


def distance(one: RGB, other: RGB) -> float:
    """How different two colours look: weighted RGB distance ("redmean"), 0 equal, about 760 black to white."""
    mean_red = (one[0] + other[0]) / 2
    red, green, blue = (a - b for a, b in zip(one, other, strict=True))
    return math.sqrt((2 + mean_red / 256) * red**2 + 4 * green**2 + (2 + (255 - mean_red) / 256) * blue**2)


def nearest_background(rgb: RGB) -> str:
    """Name the background colour that looks most like `rgb` (0..255 each)."""
    return min(BACKGROUNDS, key=lambda name: distance(BACKGROUNDS[name], rgb))
