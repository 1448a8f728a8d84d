"""Emoji glyphs as pictures with transparency, as they are or painted in a named colour; `pictures` places them.

The glyphs are drawn from the Noto Color Emoji font (OFL-1.1, images Apache-2.0) where the system has it installed.
"""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.palette import THING_COLOURS
from training.things import by_name

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
_FONT_SIZE = 109  # the only size the bitmap font has
_CANVAS = 160
GLYPH_SIZE = 128


@cache
def _font() -> ImageFont.FreeTypeFont:
    if not FONT.exists():
        message = f"The emoji font is missing: {FONT}. Install it (Debian, Ubuntu: apt install fonts-noto-color-emoji)."
        raise SystemExit(message)
    return ImageFont.truetype(str(FONT), _FONT_SIZE)


def _squared(picture: Image.Image) -> Image.Image:
    """Crop to what is visible, centre on a square, scale to the common size."""
    box = picture.getbbox()
    if box is None:
        raise ValueError("the font has no such glyph")
    cropped = picture.crop(box)
    side = max(cropped.size)
    square = Image.new("RGBA", (side, side))
    square.paste(cropped, ((side - cropped.width) // 2, (side - cropped.height) // 2))
    return square.resize((GLYPH_SIZE, GLYPH_SIZE), Image.Resampling.LANCZOS)


@cache
def plain_glyph(emoji: str) -> Image.Image:
    """Draw an emoji in its own colours: RGBA, `GLYPH_SIZE` square, touching the edges in its longer direction."""
    canvas = Image.new("RGBA", (_CANVAS, _CANVAS))
    ImageDraw.Draw(canvas).text((12, 12), emoji, font=_font(), embedded_color=True)
    return _squared(canvas)


def _smoothstep(values: np.ndarray, low: float, high: float) -> np.ndarray:
    part = np.clip((values - low) / (high - low), 0.0, 1.0)
    return part * part * (3 - 2 * part)


def _paint_weight(rgb: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Say per pixel how much of it is body to be painted (1) and how much is detail to be kept, like eyes (0)."""
    saturation = (rgb.max(-1) - rgb.min(-1)) / np.maximum(rgb.max(-1), 1e-3)
    luminance = rgb @ np.array([0.3, 0.59, 0.11])
    coloured = _smoothstep(saturation, 0.15, 0.4) * _smoothstep(luminance, 0.08, 0.22)
    if coloured[visible].mean() > 0.35:
        return coloured
    return _smoothstep(luminance, 0.15, 0.4)  # a gray or white thing: paint all but the dark lines


def _tone_map(luminance: np.ndarray, middle: float, target: np.ndarray) -> np.ndarray:
    """Map the glyph's tones onto shades of the target: darker than `middle` towards black, lighter towards white."""
    relative = np.clip((luminance - middle) * 0.8, -0.6, 0.6)[..., None]
    darker = target * (1 + np.minimum(relative, 0) * 1.3)
    return darker + (1 - darker) * np.maximum(relative, 0) * 1.1


@cache
def painted_glyph(emoji: str, colour: str) -> Image.Image:
    """Draw an emoji whose body is painted in a named colour, light and shade kept."""
    pixels = np.asarray(plain_glyph(emoji), dtype=np.float32) / 255
    rgb, alpha = pixels[..., :3], pixels[..., 3]
    visible = alpha > 0.5
    weight = _paint_weight(rgb, visible)
    luminance = rgb @ np.array([0.3, 0.59, 0.11], dtype=np.float32)
    middle = float(np.average(luminance[visible], weights=weight[visible] + 1e-3))
    painted = _tone_map(luminance, middle, np.array(THING_COLOURS[colour], dtype=np.float32) / 255)
    mixed = rgb + (painted - rgb) * weight[..., None]
    return Image.fromarray((np.dstack([mixed, alpha]).clip(0, 1) * 255).round().astype(np.uint8), "RGBA")


def glyph(thing: str, colour: str | None) -> Image.Image:
    """Draw a thing by name, painted if a colour is named."""
    emoji = by_name(thing).emoji
    return painted_glyph(emoji, colour) if colour else plain_glyph(emoji)


@cache
def available(thing: str) -> bool:
    """Say whether the installed font can draw the thing as one coloured glyph."""
    try:
        picture = plain_glyph(by_name(thing).emoji)
    except ValueError:
        return False
    return bool(np.asarray(picture)[..., 3].mean() > 8)
