"""Posts → what pages get: bodies for the history, and their JSON.

The page writes all of it as text; nothing here is markup. The files of the pictures are the album's.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from typing import Any

from adapters.web.site.history import Body, Message
from core.chat.types import MessageRef, Person, Picture, Post


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
        "preview": _preview(moved.preview) if moved and moved.preview else None,
        "reply_to": number(post.reply_to),
        "buttons": offered,
    }


def _preview(picture: Picture) -> Body:
    return {"data": base64.b64encode(picture.data or b"").decode(), "mime": picture.mime, "alt": picture.alt}


def number(ref: MessageRef | None) -> int | None:
    """The number of a message in the history; None for what is not kept there."""
    return int(ref.message) if ref and ref.message.isdecimal() else None
