"""Pictures up and down: thumbnails, blurhashes, and the encryption of files in encrypted rooms.

`mouth` and `ears` use it; working on pixels happens on another thread.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass, replace
from typing import Any

from nio import EncryptionError
from nio.crypto.attachments import decrypt_attachment, encrypt_attachment

from adapters.matrix.homeserver import Homeserver, Refused, TooLarge
from adapters.matrix.read import address
from adapters.matrix.show import Uploaded
from core.chat.types import Picture
from core.errors import NotFound

Body = dict[str, Any]
MOST_DOWN = 25_000_000
"""Bytes of a picture that somebody sends along."""
_TOO_LARGE = f"That picture has more than {MOST_DOWN // 1_000_000} megabytes."
THUMBNAIL = 480
"""Pixels of the longest side."""
_HASH_SIDE = 24
_MOST_PIXELS = 64_000_000


@dataclass(frozen=True)
class Looks:
    """What clients show before they have the picture."""

    width: int
    height: int
    blurhash: str
    thumbnail: Picture | None
    """None where the picture itself is small."""


async def upload(server: Homeserver, picture: Picture, *, encrypt: bool) -> Uploaded:
    """Put a picture and its thumbnail into the media store.

    Raises:
        SendRefused: the homeserver does not take it.
        SendFailed: it cannot be reached.
    """
    data = picture.data or b""
    looks = await asyncio.to_thread(look, data)
    where = await _put(server, data, picture.mime, picture.name, encrypt=encrypt)
    info: Body = {"mimetype": picture.mime, "size": len(data)}
    if looks:
        info |= {"w": looks.width, "h": looks.height, "xyz.amorgan.blurhash": looks.blurhash}
        if small := looks.thumbnail:
            there = await _put(server, small.data or b"", small.mime, "", encrypt=encrypt)
            info |= {f"thumbnail_{key}": value for key, value in there.items()}
            details = {"mimetype": small.mime, "size": len(small.data or b""), "w": small.width, "h": small.height}
            info["thumbnail_info"] = details
    return Uploaded(where, info)


async def _put(server: Homeserver, data: bytes, mime: str, name: str, *, encrypt: bool) -> Body:
    """Where it lies, as an event says it. What is encrypted is kept there without its kind and name."""
    if not encrypt:
        return {"url": await server.upload(data, mime, name=name)}
    sealed, keys = await asyncio.to_thread(encrypt_attachment, data)
    return {"file": {"url": await server.upload(sealed, "application/octet-stream"), **keys}}


async def download(server: Homeserver, picture: Picture) -> Picture:
    """A picture that somebody sent, with its bytes.

    Raises:
        NotFound: it cannot be had: gone, damaged, too large.
        SendFailed: the homeserver cannot be reached now.
    """
    file = address(picture.url or "")
    if file is None:
        raise NotFound("I cannot load that picture.")
    if file.size > MOST_DOWN:
        raise NotFound(_TOO_LARGE)
    try:
        data = await server.download(file.mxc, most=MOST_DOWN)
        if file.key:
            data = await asyncio.to_thread(decrypt_attachment, data, file.key, file.sha256, file.iv)
    except TooLarge:
        raise NotFound(_TOO_LARGE) from None
    except Refused:
        raise NotFound("That picture is gone from the homeserver; please send it again.") from None
    except (EncryptionError, ValueError):
        raise NotFound("That picture is damaged; please send it again.") from None
    return replace(picture, data=data)


def look(file: bytes) -> Looks | None:
    """What a picture looks like from afar; None where it cannot be opened."""
    import blurhash
    from PIL import Image

    try:
        with Image.open(io.BytesIO(file)) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                return None
            width, height = opened.size
            image = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    tiny = image.convert("RGB")
    tiny.thumbnail((_HASH_SIDE, _HASH_SIDE))
    data = tiny.tobytes()
    points = [tuple(data[at : at + 3]) for at in range(0, len(data), 3)]
    lines = [points[at : at + tiny.width] for at in range(0, len(points), tiny.width)]
    blur = str(blurhash.encode(lines, *((4, 3) if width >= height else (3, 4))))
    if max(width, height) <= THUMBNAIL:
        return Looks(width, height, blur, None)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=80)
    small = Picture(out.getvalue(), mime="image/webp", width=image.width, height=image.height)
    return Looks(width, height, blur, small)
