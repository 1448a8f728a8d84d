"""A picture that somebody sends along, made ready to be drawn over: the source of "image to image".

`bots/imagine.py` calls it before `order`; the result travels as base64 inside the `Wish`, so that "again" and a restart
still have it.
"""

from __future__ import annotations

import asyncio
import base64
import io
from dataclasses import dataclass

from core.chat.types import Picture
from core.errors import InvalidRequest

LONGEST_SIDE = 1536
"""Pixels; a larger source is made smaller, since a model sees it at the size it draws."""
MOST_PIXELS = 60_000_000
"""More than these is refused before the picture is unpacked."""
_QUALITY = 90


@dataclass(frozen=True)
class Source:
    """A source picture: webp as base64, and its shape, width by height."""

    data: str
    shape: float


async def read_source(picture: Picture) -> Source:
    """Make a picture that came with a message ready to be drawn over.

    Raises:
        InvalidRequest: its bytes are not there, not a picture, or unpack to too many pixels.
    """
    if picture.data is None:
        raise InvalidRequest("I could not load that picture; please attach it to your message.")
    return await asyncio.to_thread(_ready, picture.data)


def _ready(data: bytes) -> Source:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=("WEBP", "PNG", "JPEG")) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise InvalidRequest(f"That picture has more than {MOST_PIXELS // 1_000_000} million pixels.")
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidRequest("That picture unpacks to far too many pixels.") from None
    except (OSError, ValueError, SyntaxError):
        raise InvalidRequest("That is no picture I can read. I take PNG, JPEG and WebP.") from None
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_QUALITY)
    return Source(base64.b64encode(out.getvalue()).decode(), image.width / image.height)
