"""Makes one picture suit a platform, its kind of file and its bytes; Pillow is loaded only when it is needed."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from core.chat.port import Limits
from core.chat.types import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = {"image/webp": "WEBP", "image/jpeg": "JPEG", "image/png": "PNG"}
_QUALITIES = (90, 80, 65)
_SMALLER = 0.8
"""Each round of shrinking keeps this part of the width and height."""
_LEAST_SIDE = 16
_MOST_PIXELS = 64_000_000
"""What has more stays unopened: a file of a few bytes may unfold to more than the memory holds."""


def shrink(picture: Picture, limits: Limits) -> Picture | None:
    """The picture as the platform takes it; None where no way is found (not a picture, no room at all).

    One that fits stays untouched, byte by byte. One given by its address alone is left to the platform.
    """
    if picture.data is None:
        return picture if picture.url else None
    if len(picture.data) <= limits.max_bytes and picture.mime in limits.mimes:
        return picture
    targets = [mime for mime in _FORMATS if mime in limits.mimes]
    return _encode_smaller(picture, picture.data, targets[0], limits.max_bytes) if targets else None


def _encode_smaller(picture: Picture, data: bytes, mime: str, max_bytes: int) -> Picture | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                return None
            image = opened.convert("RGB" if mime == "image/jpeg" or "A" not in opened.getbands() else "RGBA")
            exif = opened.getexif().tobytes()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    while min(image.size) >= _LEAST_SIDE:
        for quality in _QUALITIES:
            encoded = _encode(image, mime, quality, exif)
            if len(encoded) <= max_bytes:
                return replace(
                    picture,
                    data=encoded,
                    mime=mime,
                    width=image.width,
                    height=image.height,
                    name=_renamed(picture.name, mime),
                )
        image = image.resize((int(image.width * _SMALLER), int(image.height * _SMALLER)))
    return None


def _encode(image: Image, mime: str, quality: int, exif: bytes) -> bytes:
    out = io.BytesIO()
    image.save(out, format=_FORMATS[mime], quality=quality, exif=exif)
    return out.getvalue()


def _renamed(name: str, mime: str) -> str:
    stem = name.rpartition(".")[0] or name
    return f"{stem}.{_FORMATS[mime].lower()}" if name else ""
