"""Sizes as people say them ("512x768", "portrait") made into sizes the contract takes; a step of `order`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.chat.grammar import quoted
from core.errors import InvalidRequest

STEP = 64
"""Widths and heights on the wire are multiples of this many pixels."""

SMALLEST, LARGEST = 64, 3072

TIMES = "\N{MULTIPLICATION SIGN}"
_NUMBERS = re.compile(rf"(\d{{1,6}})(?:\s*(?:x|{TIMES}|\*|by)\s*(\d{{1,6}}))?(?:\s*px)?", re.IGNORECASE)

# word -> (width, height) as parts of the native side: for small natives, and for those of 1024 pixels and more,
# whose models were trained on shapes of equal area.
_SHAPES: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "square": ((1, 1), (1, 1)),
    "portrait": ((1, 1.5), (0.8125, 1.1875)),
    "landscape": ((1.5, 1), (1.1875, 0.8125)),
    "tall": ((1, 2), (0.75, 1.3125)),
    "wide": ((2, 1), (1.3125, 0.75)),
}
SHAPE_WORDS = tuple(_SHAPES)


@dataclass(frozen=True)
class Size:
    """Width and height in pixels, both multiples of 64 within the contract's bounds."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}{TIMES}{self.height}"


def read_size(text: str, *, native: int) -> Size:
    """Understand "512x768", "512 * 768", "640" (a square) or a word such as "portrait".

    Args:
        text: what the person wrote.
        native: side in pixels that the model is at its best with; words are measured by it.

    Raises:
        InvalidRequest: it is no size, or one beyond 64 to 3072 pixels; the sentence says what is allowed.
    """
    wanted = text.strip().lower()
    if shapes := _SHAPES.get(wanted):
        across, down = shapes[1] if native >= 1024 else shapes[0]
        return rounded(across * native, down * native)
    typed = typed_size(wanted)
    if typed is None:
        raise InvalidRequest(
            f"I don't understand the size {quoted(text)}. Write it like 512x768, or say {', '.join(SHAPE_WORDS)}."
        )
    width, height = typed
    if not (SMALLEST <= width <= LARGEST and SMALLEST <= height <= LARGEST):
        raise InvalidRequest(
            f"{width}x{height} is not possible: width and height can be {SMALLEST} to {LARGEST} pixels each."
        )
    return rounded(width, height)


def shaped(shape: float, *, native: int) -> Size:
    """The size of about native x native pixels whose width is `shape` times its height, at most 4 to 1."""
    root = min(4.0, max(0.25, shape)) ** 0.5
    return rounded(native * root, native / root)


def typed_size(text: str) -> tuple[int, int] | None:
    """Width and height as somebody typed them, whether possible or not; None where there are no numbers."""
    numbers = _NUMBERS.fullmatch(text.strip().lower())
    return (int(numbers[1]), int(numbers[2] or numbers[1])) if numbers else None


def rounded(width: float, height: float) -> Size:
    """The nearest size the contract takes."""
    return Size(_nearest(width), _nearest(height))


def _nearest(side: float) -> int:
    return min(LARGEST, max(SMALLEST, int(side / STEP + 0.5) * STEP))
