"""At which size a picture is drawn, and how it comes to the size that was asked for.

Ordinary models draw what is asked. Small models (native side below 256, such as the bundled one) know nothing but their
own size: they draw there, in the asked shape, and the result is scaled.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageOps

SMALL_BELOW = 256
"""Native side in pixels below which a model is asked for nothing but its own size."""
_GRID = 8
_LONGEST = 1.5
_SHORTEST = 0.5


@dataclass(frozen=True, slots=True)
class Canvas:
    """Pixels that are drawn (`width`, `height`: multiples of 8) and pixels that are delivered (`asked`)."""

    width: int
    height: int
    asked: tuple[int, int]

    @property
    def drawn(self) -> tuple[int, int]:
        """Width and height of what the model draws."""
        return self.width, self.height

    @property
    def is_scaled(self) -> bool:
        """Does the drawing have to change its size before it is delivered?"""
        return self.drawn != self.asked


def plan(width: int, height: int, *, native: int) -> Canvas:
    """The canvas for a picture of `width` x `height` pixels from a model with the native side `native`."""
    if native < SMALL_BELOW:
        return Canvas(*near_native(width, height, native), asked=(width, height))
    return Canvas(_to_grid(width), _to_grid(height), asked=(width, height))


def near_native(width: int, height: int, native: int) -> tuple[int, int]:
    """Multiples of 8 in about the same shape with about `native` x `native` pixels; sides 0.5 to 1.5 x native."""
    factor = native / (width * height) ** 0.5
    least, most = native * _SHORTEST, native * _LONGEST
    return (
        _to_grid(min(max(width * factor, least), most)),
        _to_grid(min(max(height * factor, least), most)),
    )


def fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture at this size by Lanczos, its edges cropped where the shape differs, never distorted."""
    if image.size == size:
        return image
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def _to_grid(side: float) -> int:
    return max(_GRID, round(side / _GRID) * _GRID)
