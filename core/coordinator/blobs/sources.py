"""Turns what clients send as pictures (base64 or an address) into bounded webp files for the blob store.

Everything is measured before it is decoded, so neither a bomb of bytes nor one of pixels gets to unpack.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from core.coordinator.blobs.guard import Fetcher
from core.errors import InvalidRequest

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 3072 * 3072
_WEBP_SIDE = 16383
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


@dataclass(frozen=True, slots=True)
class Source:
    """A picture as it goes into the store."""

    data: bytes
    """A webp file."""
    width: int
    height: int
    has_alpha: bool
    """Some pixel is not opaque: inpainting can use that as its mask."""


async def read_source(text: str, fetcher: Fetcher, *, limit: int, lossless: bool = False) -> Source:
    """The picture that a client named by base64 or http(s) address.

    Args:
        text: base64 (a `data:` prefix is tolerated) or an address.
        fetcher: fetches addresses.
        limit: most bytes of the file before decoding.
        lossless: keep every pixel as it is (masks).

    Raises:
        InvalidRequest: codes SourceImageUrlInvalid, SourceImageSizeExceeded, SourceImageResolutionExceeded,
            SourceImageUnreadable.
    """
    raw = await fetcher.fetch(text) if text[:8].lower().startswith(("http://", "https://")) else unpack(text, limit)
    return await asyncio.to_thread(_encode, raw, lossless=lossless)


def unpack(text: str, limit: int) -> bytes:
    """The bytes of base64 text; raises InvalidRequest where it is none (SourceImageUnreadable) or is over limit."""
    if text[:5].lower() == "data:":
        text = text.partition(",")[2]
    if len(text) > limit * 4 // 3 + 4096:
        raise InvalidRequest(f"The source picture is larger than {limit} bytes.", code="SourceImageSizeExceeded")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable() from None


async def as_webp(raw: bytes) -> bytes:
    """A finished picture as webp: as it is where it is webp already (its metadata stay), encoded again otherwise.

    Raises:
        InvalidRequest: it is no picture, or one of too many pixels.
    """
    source = await asyncio.to_thread(_encode, raw, lossless=False)
    return raw if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP" else source.data


def _encode(raw: bytes, *, lossless: bool) -> Source:
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(raw), formats=_FORMATS) as opened:
            _bounded(opened.width, opened.height)
            opened.load()
            return _repack(ImageOps.exif_transpose(opened), lossless=lossless)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError):
        raise _unreadable() from None


def _repack(picture: Image, *, lossless: bool) -> Source:
    alpha = picture.has_transparency_data
    flat = picture.convert("RGBA" if alpha else "RGB")
    packed = BytesIO()
    flat.save(packed, "WEBP", quality=90, method=3, lossless=lossless, exact=alpha)
    clear = alpha and flat.getchannel("A").getextrema() != (255, 255)
    return Source(data=packed.getvalue(), width=flat.width, height=flat.height, has_alpha=clear)


def _bounded(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > _WEBP_SIDE:
        raise _too_many_pixels()


def _too_many_pixels() -> InvalidRequest:
    return InvalidRequest(
        f"The source picture has more than {MAX_PIXELS} pixels (3072 x 3072).", code="SourceImageResolutionExceeded"
    )


def _unreadable() -> InvalidRequest:
    return InvalidRequest("The source picture could not be read as an image.", code="SourceImageUnreadable")
