"""Events of Matrix, as JSON → what they say: the words, what they relate to, the pictures in them.

The JSON of an event was checked by nobody: a wrong type anywhere reads as if the field were missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

from core.chat.types import MessageRef, Picture

NAME = "matrix"
Body = dict[str, Any]
SPOKEN = {"m.text", "m.image", "m.file"}
"""Kinds of messages that may be for the bot; notices are what other bots say, and are never answered."""
SHADES = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
"""Variation selectors and skin tones: the same emoji with and without them."""
_FALLBACK = re.compile(r"\A> <[^>\n]*>.*(?:\n>.*)*\n+")
_MXC = re.compile(r"mxc://[\w.:\[\]-]+/[\w-]+")


@dataclass(frozen=True)
class File:
    """A file in the media store: where, and how to read it where it is encrypted."""

    mxc: str
    key: str = ""
    """AES key, unpadded URL-safe base64; empty = not encrypted."""
    iv: str = ""
    sha256: str = ""
    mime: str = ""
    name: str = ""
    size: int = 0
    """Bytes, as the sender says; 0 = not said."""
    alt: str = ""


@dataclass(frozen=True)
class Relation:
    """What an event relates to."""

    kind: str = ""
    """"m.replace", "m.annotation", "m.thread", "m.reference", or empty."""
    target: str = ""
    """Id of that event."""
    emoji: str = ""
    reply_to: str = ""
    """Id of the message it answers; in a thread only where it is more than a fallback for older clients."""

    @property
    def thread(self) -> str | None:
        """Id of the thread's first message."""
        return self.target if self.kind == "m.thread" and self.target else None


def text(value: object) -> str:
    """A text, or "" for anything else."""
    return value if isinstance(value, str) else ""


def table(value: object) -> Body:
    """An object, or {} for anything else."""
    return cast("Body", value) if isinstance(value, dict) else {}


def number(value: object) -> int:
    """A whole number, or 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def content(event: Mapping[str, Any]) -> Body:
    """The content of an event."""
    return table(event.get("content"))


def relation(event: Mapping[str, Any]) -> Relation:
    """What an event relates to."""
    found = table(content(event).get("m.relates_to"))
    kind = text(found.get("rel_type"))
    reply = text(table(found.get("m.in_reply_to")).get("event_id"))
    fallback = kind == "m.thread" and found.get("is_falling_back") is True
    return Relation(kind, text(found.get("event_id")), text(found.get("key")), "" if fallback else reply)


def redacts(event: Mapping[str, Any]) -> str:
    """Id of the event that a redaction takes away; newer rooms say it in another place."""
    return text(event.get("redacts")) or text(content(event).get("redacts"))


def sent_at(event: Mapping[str, Any]) -> float:
    """When it was sent, seconds since 1970, as its server says."""
    return number(event.get("origin_server_ts")) / 1000


def words(event: Mapping[str, Any]) -> str:
    """What a person wrote: without the quoted message that older clients put before a reply; "" for a bare file."""
    said = content(event)
    if said.get("msgtype") != "m.text" and not _has_caption(said):
        return ""
    body = text(said.get("body"))
    return _FALLBACK.sub("", body) if relation(event).reply_to or "<mx-reply>" in text(html(event)) else body


def html(event: Mapping[str, Any]) -> str | None:
    """The formatted body, where there is one."""
    said = content(event)
    return text(said.get("formatted_body")) or None if said.get("format") == "org.matrix.custom.html" else None


def _has_caption(said: Body) -> bool:
    name = text(said.get("filename"))
    return bool(name) and name != text(said.get("body"))


def file(event: Mapping[str, Any]) -> File | None:
    """The picture in a message; None = there is none."""
    said = content(event)
    info = table(said.get("info"))
    mime = text(info.get("mimetype"))
    if said.get("msgtype") != "m.image" and not (said.get("msgtype") == "m.file" and mime.startswith("image/")):
        return None
    sealed = table(said.get("file"))
    mxc = text(sealed.get("url")) or text(said.get("url"))
    if not _MXC.fullmatch(mxc):
        return None
    name = text(said.get("filename")) or text(said.get("body"))
    alt = text(said.get("body")) if not _has_caption(said) else ""
    return File(
        mxc,
        key=text(table(sealed.get("key")).get("k")),
        iv=text(sealed.get("iv")),
        sha256=text(table(sealed.get("hashes")).get("sha256")),
        mime=mime,
        name=name.replace("\\", "/").rpartition("/")[2][-100:],
        size=number(info.get("size")),
        alt="" if alt == name else alt,
    )


def picture(found: File) -> Picture:
    """A picture by its address alone; what opens it, where it is encrypted, is part of the address."""
    keys = urlencode({"key": found.key, "iv": found.iv, "sha256": found.sha256, "size": found.size})
    mime = found.mime or "image/webp"
    return Picture(url=f"{found.mxc}#{keys}", mime=mime, name=found.name, alt=found.alt)


def address(url: str) -> File | None:
    """The file behind the address of a picture; None = none of ours."""
    mxc, _, keys = url.partition("#")
    if not _MXC.fullmatch(mxc):
        return None
    found = dict(parse_qsl(keys))
    size = found.get("size", "0")
    opening = {name: found.get(name, "") for name in ("key", "iv", "sha256")}
    return File(mxc, **opening, size=int(size) if size.isdecimal() else 0)


def edited(original: Mapping[str, Any], edit: Mapping[str, Any]) -> Body:
    """The original as the edit says it now; what it replies to stays as it was."""
    new = dict(table(content(edit).get("m.new_content")))
    kept = content(original).get("m.relates_to")
    new.pop("m.relates_to", None)
    return {**original, "content": new | ({"m.relates_to": kept} if kept else {})}


def emoji(event: Mapping[str, Any]) -> str:
    """The emoji of a reaction, the same for all its shades; one of a pack by its short name, as :name:."""
    said = relation(event).emoji.strip()
    if not said.startswith("mxc://"):
        return SHADES.sub("", said)[:40]
    here = content(event)
    short = text(here.get("shortcode")) or text(here.get("com.beeper.reaction.shortcode"))
    return f":{short.strip(': ')}:"[:60] if short.strip(": ") else said[:255]


def ref(room: str, event: str) -> MessageRef:
    """A message by its id."""
    return MessageRef(NAME, room, event)


def key(event: str) -> str:
    """The key of an event in the chat; ids are unique in all of Matrix."""
    return f"{NAME}:{event}"
