"""The pictures of the page: uploads, checked and cleaned, and what was said with pictures, as files beside the history.

Pictures get names that nobody can guess.
"""

from __future__ import annotations

import hmac
import io
import os
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adapters.web.site.history import Body
from core.chat.types import Picture
from core.errors import InvalidRequest, NotFound, StorageFull

MOST_PIXELS = 40_000_000
"""Of an uploaded picture; more is refused before it is unpacked."""
LONGEST_SIDE = 2048
"""Pixels; larger uploads are made smaller."""
SUFFIXES = {"image/webp": ".webp", "image/png": ".png", "image/jpeg": ".jpg"}
_EXIF_POINTER, _USER_COMMENT = 0x8769, 0x9286
FORGOTTEN = 86_400.0
"""Seconds after which an upload that nobody sent is removed."""
MOST_UPLOADS = 500
"""Kept at once."""


@dataclass(frozen=True)
class Album:
    """The folder of the pictures. A picture's name follows from its message's key, so a second try makes no second."""

    folder: Path
    secret: bytes

    @property
    def uploads(self) -> Path:
        """The folder of what was uploaded and not yet sent."""
        return self.folder / "uploads"

    def open(self) -> None:
        """Make the folders.

        Raises:
            OSError: they cannot be made.
        """
        self.uploads.mkdir(parents=True, exist_ok=True)
        self._forget()

    def upload(self, picture: Picture) -> str:
        """Keep an upload until it is sent; its file name.

        Raises:
            StorageFull: the disk does not take it.
        """
        name = secrets.token_hex(20) + SUFFIXES[picture.mime]
        try:
            (self.uploads / name).write_bytes(picture.data or b"")
            self._forget()
        except OSError as error:
            raise StorageFull(f"The picture cannot be kept: {error.strerror}.") from error
        return name

    def _forget(self) -> None:
        """Remove uploads that nobody sent in a day, and the oldest where there are too many."""
        newest = sorted(((each.stat().st_mtime, each) for each in self.uploads.iterdir()), reverse=True)
        for at, (since, path) in enumerate(newest):
            if at >= MOST_UPLOADS or since < time.time() - FORGOTTEN:
                path.unlink()

    def read(self, name: str) -> bytes:
        """A picture that stands on the page, or an upload.

        Raises:
            NotFound: it is gone.
        """
        for path in (self.uploads / name, self.folder / name):
            if path.is_file():
                return path.read_bytes()
        raise NotFound("That picture is gone; please attach it again.")

    def keep(self, key: str, pictures: Iterable[Picture]) -> list[Body]:
        """Save pictures for good; how the history describes them.

        Raises:
            OSError: the disk does not take them.
        """
        return [self._keep(f"{key}/{at}", each) for at, each in enumerate(pictures) if each.data is not None]

    def drop(self, body: Body) -> None:
        """Remove the pictures of a message."""
        for each in body.get("pictures", []):
            (self.folder / each["file"]).unlink(missing_ok=True)

    def _keep(self, key: str, picture: Picture) -> Body:
        data = picture.data or b""
        name = hmac.digest(self.secret, key.encode(), "sha256").hex()[:40] + SUFFIXES[picture.mime]
        path = self.folder / name
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        made_with, width, height = facts(data)
        return {
            "file": name,
            "name": picture.name or f"picture{path.suffix}",
            "alt": picture.alt,
            "mime": picture.mime,
            "width": width or picture.width,
            "height": height or picture.height,
            "spoiler": picture.spoiler,
            "made_with": made_with,
        }


def facts(data: bytes) -> tuple[str, int, int]:
    """What a picture says about its making (the "parameters" text inside), its width and height; else "", 0, 0."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            comment = image.getexif().get_ifd(_EXIF_POINTER).get(_USER_COMMENT, image.info.get("parameters", ""))
            return _text(comment), image.width, image.height
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "", 0, 0


def _text(comment: object) -> str:
    """EXIF puts eight letters with the name of the encoding before a comment."""
    if not isinstance(comment, bytes):
        return str(comment)
    encoding = {b"UNICODE\0": "utf-16-be"}.get(comment[:8], "utf-8")
    return comment[8:].decode(encoding, "replace").strip("\0 ")


def cleaned(data: bytes, name: str) -> Picture:
    """An upload as a clean webp: turned upright, without whatever else was in the file, at most `LONGEST_SIDE` pixels.

    Raises:
        InvalidRequest: it is no picture, none of the kinds we take, or unpacks to too many pixels.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=("WEBP", "PNG", "JPEG")) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise InvalidRequest(
                    f"A picture may have {MOST_PIXELS // 1_000_000} million pixels; this one has more."
                )
            opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            image = ImageOps.exif_transpose(opened)
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            out = io.BytesIO()
            image.convert("RGBA" if image.has_transparency_data else "RGB").save(out, "WEBP", quality=92)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidRequest("That picture unpacks to far too many pixels.") from None
    except (OSError, ValueError, SyntaxError):
        raise InvalidRequest("That is no picture I can read. I take PNG, JPEG and WebP.") from None
    return Picture(out.getvalue(), mime="image/webp", width=image.width, height=image.height, name=file_name(name))


def file_name(name: str) -> str:
    """A name that is safe on every computer, for a webp file."""
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
    tidy = re.sub(r"[^\w .-]+", "-", stem).strip(" .-")[:60]
    return f"{tidy or 'picture'}.webp"
