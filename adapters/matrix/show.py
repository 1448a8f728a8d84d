"""Posts → contents of Matrix events: notices, pictures with caption and alt text, replies, threads, edits.

What other people said is quoted as plain text, never as markup. Every content says whom it mentions, so that no word in
it notifies anybody by accident.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from core.chat.port import Limits
from core.chat.types import Picture, Post

Body = dict[str, Any]
LIMITS = Limits(
    max_text=3000,  # an event has 65,536 bytes, and encryption and escapes make four of one
    max_pictures=1,
    max_alt=1000,
    max_bytes=50_000_000,
    mimes=("image/webp", "image/png", "image/jpeg"),
    can_react=True,
    has_threads=True,
    dedupe=True,
    edit_interval=8.0,
)
_TEXT = "org.matrix.msc1767.text"


@dataclass(frozen=True)
class Uploaded:
    """A picture in the media store, as an event names it."""

    where: Body
    """`url`, or `file` where it is encrypted."""
    info: Body = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Thread:
    """Where a message stands in the conversation."""

    reply_to: str | None = None
    root: str | None = None
    """First message of the thread."""
    mention: str | None = None
    """Who is told that it is for them."""


def txn(key: str) -> str:
    """The transaction id of what is sent under this key: the same after a restart, so the homeserver takes it once."""
    return "largesse-" + hashlib.sha256(key.encode()).hexdigest()[:32]


def message(post: Post, thread: Thread, uploaded: Uploaded | None = None) -> Body:
    """The content of a post that fits."""
    if post.pictures and uploaded:
        said = _picture(post, post.pictures[0], uploaded)
    else:
        said = {"msgtype": "m.notice", "body": _warned(post.text, post)}
    mentions: Body = {"user_ids": [thread.mention]} if thread.mention else {}
    return said | {"m.mentions": mentions} | _relates(thread)


def _picture(post: Post, picture: Picture, uploaded: Uploaded) -> Body:
    """One that must not be seen by accident is a file: no client shows files before they are opened."""
    hidden = picture.spoiler or post.content_warning is not None
    name = picture.name or f"picture.{picture.mime.removeprefix('image/')}"
    caption = _warned(post.text, post) or picture.alt or name
    body: Body = {"msgtype": "m.file" if hidden else "m.image", "body": caption, "filename": name}
    info = {key: value for key, value in uploaded.info.items() if not hidden or key in {"mimetype", "size"}}
    alt = {"org.matrix.msc1767.alt_text": {_TEXT: [{"body": picture.alt}]}} if picture.alt else {}
    return body | uploaded.where | {"info": info} | alt


def _warned(text: str, post: Post) -> str:
    return f"⚠ {post.content_warning}\n{text}".strip() if post.content_warning else text


def _relates(thread: Thread) -> Body:
    reply = {"m.in_reply_to": {"event_id": thread.reply_to}} if thread.reply_to else {}
    if thread.root:
        reply = reply or {"m.in_reply_to": {"event_id": thread.root}}
        falling_back = thread.reply_to is None
        inside = {"rel_type": "m.thread", "event_id": thread.root, "is_falling_back": falling_back}
        return {"m.relates_to": inside | reply}
    return {"m.relates_to": reply} if reply else {}


def edit(event: str, new: Body) -> Body:
    """The content that replaces an earlier one; what it replied to stays."""
    inner = {key: value for key, value in new.items() if key != "m.relates_to"} | {"m.mentions": {}}
    outer = inner | {"body": f"* {inner['body']}"}
    return outer | {"m.new_content": inner, "m.relates_to": {"rel_type": "m.replace", "event_id": event}}


def reaction(event: str, emoji: str) -> Body:
    """The content of an emoji on a message."""
    return {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": emoji}}
