"""Posts → what pages get: bodies for the history, pictures as files beside it, and the JSON of both.

The page writes all of it as text; nothing here is markup. Pictures get names that nobody can guess.
"""

from __future__ import annotations

import hmac
import io
import os
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.web.history import Body, Message
from core.chat.types import MessageRef, Person, Picture, Post
from core.errors import NotFound, StorageFull

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


def body(post: Post, pictures: Sequence[Body], *, thread: int | None) -> Body:
    """What the bot says, as the history keeps it."""
    links = [each.url for each in post.pictures if each.data is None and each.url]
    return {
        "at": time.time(),
        "text": "\n".join([*([post.text] if post.text else []), *links]),
        "pictures": list(pictures),
        "buttons": buttons(post),
        "reply_to": number(post.reply_to),
        "thread": thread,
        "warning": post.content_warning,
    }


def said(person: Person, text: str, pictures: Sequence[Body], *, reply_to: int | None, thread: int | None) -> Body:
    """What a person says, as the history keeps it."""
    return {
        "at": time.time(),
        "person": person.id,
        "who": person.name,
        "text": text,
        "pictures": list(pictures),
        "reply_to": reply_to,
        "thread": thread,
    }


def buttons(post: Post) -> list[Body]:
    """The buttons of a post, as the history keeps them."""
    return [
        {"label": each.label, "action": each.action, "arg": each.arg, "emoji": each.emoji, "style": each.style.value}
        for each in post.buttons
    ]


def reacted(old: Body, emoji: str, person: str, name: str, *, added: bool) -> Body:
    """The body with somebody's emoji, or without it."""
    everybody: dict[str, dict[str, str]] = {**old.get("reactions", {})}
    those = {who: called for who, called in everybody.get(emoji, {}).items() if who != person}
    everybody[emoji] = {**those, person: name} if added else those
    return {**old, "reactions": {each: people for each, people in everybody.items() if people}}


def message(kept: Message) -> dict[str, Any]:
    """A message as pages get it; where its buttons lead stays here."""
    plain = {"t": "message", "id": kept.id, "changed": kept.changed}
    if kept.gone:
        return {**plain, "gone": True}
    offered = [{name: each[name] for name in ("label", "emoji", "style")} for each in kept.body.get("buttons", [])]
    whispered = kept.only_for is not None
    return {**plain, **kept.body, "key": kept.key.rpartition(":")[2], "buttons": offered, "whispered": whispered}


def progress(key: str, post: Post) -> dict[str, Any]:
    """A progress message as pages get it."""
    moved = post.progress
    offered = [{"label": each.label, "emoji": each.emoji, "style": each.style.value} for each in post.buttons]
    return {
        "t": "progress",
        "id": key,
        "text": moved.text if moved else post.text,
        "fraction": moved.fraction if moved else None,
        "reply_to": number(post.reply_to),
        "buttons": offered,
    }


def number(ref: MessageRef | None) -> int | None:
    """The number of a message in the history; None for what is not kept there."""
    return int(ref.message) if ref and ref.message.isdecimal() else None
