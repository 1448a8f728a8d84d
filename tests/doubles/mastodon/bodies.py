"""What a server answers with, in the form of a real Mastodon's answers (a test holds them against recorded ones)."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
_NAME = re.compile(r"(?<![\w/])@(\w+)(?:@([\w.:-]+))?")
_TAG = re.compile(r"(?<![\w/&])#(\w+)")
NOW = "2026-11-01T12:00:00.000Z"


@dataclass
class Account:
    """Somebody there."""

    id: str
    name: str
    note: str = ""
    bot: bool = False
    fields: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


@dataclass
class Status:
    """A post."""

    id: str
    account: Account
    text: str
    visibility: str = "public"
    spoiler: str = ""
    sensitive: bool = False
    reply_to: str | None = None
    reply_to_account: str | None = None
    language: str = "en"
    media: list[Body] = field(default_factory=list[Body])
    mentions: list[Account] = field(default_factory=list[Account])
    edited_at: str | None = None
    quotes: str = "public"
    content: str | None = None
    """Its HTML, where it is not made of the text."""
    versions: list[str] = field(default_factory=list[str])
    """What it said before it was edited."""


def account(who: Account, base: str) -> Body:
    at = f"{base}/@{who.name}"
    return {
        "id": who.id, "username": who.name, "acct": who.name, "display_name": "", "locked": False, "bot": who.bot,
        "discoverable": None, "indexable": False, "group": False, "created_at": "2026-10-14T00:00:00.000Z",
        "note": who.note, "url": at, "uri": f"{base}/ap/users/{who.id}", "avatar": f"{base}/missing.png",
        "avatar_static": f"{base}/missing.png", "avatar_description": "", "header": f"{base}/missing.png",
        "header_static": f"{base}/missing.png", "header_description": "", "followers_count": 0, "following_count": 0,
        "statuses_count": 1, "last_status_at": "2026-10-14", "hide_collections": None, "show_media": True,
        "show_media_replies": True, "show_featured": True, "noindex": False,
        "feature_approval": {"automatic": [], "manual": [], "current_user": "denied"}, "emojis": [], "roles": [],
        "fields": who.fields,
    }  # fmt: skip


def own_account(who: Account, base: str) -> Body:
    source = {
        "privacy": "public", "sensitive": False, "language": None, "note": "", "fields": who.fields,
        "follow_requests_count": 0, "hide_collections": None, "discoverable": None, "indexable": False,
        "attribution_domains": [], "quote_policy": "public",
    }  # fmt: skip
    role = {"id": "-99", "name": "", "permissions": "65536", "color": "", "highlighted": False, "collection_limit": 10}
    return {**account(who, base), "source": source, "role": role}


def status(said: Status, base: str) -> Body:
    return {
        "id": said.id, "created_at": NOW, "in_reply_to_id": said.reply_to,
        "in_reply_to_account_id": said.reply_to_account, "sensitive": said.sensitive, "spoiler_text": said.spoiler,
        "visibility": said.visibility, "language": said.language,
        "uri": f"{base}/ap/users/{said.account.id}/statuses/{said.id}", "url": f"{base}/@{said.account.name}/{said.id}",
        "replies_count": 0, "reblogs_count": 0, "favourites_count": 0, "quotes_count": 0, "edited_at": said.edited_at,
        "favourited": False, "reblogged": False, "muted": False, "bookmarked": False,
        "content": said.content if said.content is not None else to_html(said.text, base, said.mentions),
        "filtered": [], "reblog": None, "application": None, "account": account(said.account, base),
        "media_attachments": said.media, "mentions": [_mention(each, base) for each in said.mentions], "tags": [],
        "emojis": [], "tagged_collections": [], "quote": None, "card": None, "poll": None,
        "quote_approval": {"automatic": [said.quotes], "manual": [], "current_user": "automatic"},
    }  # fmt: skip


def notification(number: str, kind: str, who: Account, about: Status, base: str, **more: Any) -> Body:
    return {
        "id": number, "type": kind, "created_at": NOW, "group_key": f"ungrouped-{number}",
        "account": account(who, base), "status": status(about, base), **more,
    }  # fmt: skip


def media(number: str, base: str, alt: str | None, *, ready: bool) -> Body:
    url = f"{base}/files/{number}" if ready else None
    size = {"width": 64, "height": 64, "size": "64x64", "aspect": 1.0}
    return {
        "id": number, "type": "image", "url": url, "preview_url": url, "remote_url": None, "preview_remote_url": None,
        "text_url": None, "meta": {"original": size, "small": size} if ready else None, "description": alt,
        "blurhash": "UPN1Ddxup{IT9an~.8RjK-oy%gkE%#W?i^t6" if ready else None,
    }  # fmt: skip


def instance(base: str, version: str, streaming: str, limits: Body) -> Body:
    """The second form of /instance."""
    return {
        "domain": base.partition("//")[2], "title": "Double", "version": version, "source_url": "", "description": "",
        "usage": {"users": {"active_month": 4}}, "thumbnail": {"url": f"{base}/preview.png", "description": ""},
        "icon": [], "languages": ["en"],
        "configuration": {
            "urls": {"streaming": streaming, "status": None, "about": f"{base}/about"},
            "accounts": {"max_profile_fields": limits["fields"]},
            "statuses": {
                "max_characters": limits["text"], "max_media_attachments": limits["pictures"],
                "characters_reserved_per_url": 23,
            },
            "media_attachments": {
                "description_limit": limits["alt"], "image_matrix_limit": 33177600, "image_size_limit": limits["bytes"],
                "supported_mime_types": ["image/jpeg", "image/png", "image/gif", "image/webp"],
            },
        },
        "registrations": {"enabled": True}, "api_versions": {"mastodon": 11}, "contact": {}, "rules": [],
    }  # fmt: skip


def old_instance(base: str, version: str, streaming: str, limits: Body) -> Body:
    """The first form, as Pleroma and its kin have it."""
    return {
        "uri": base, "title": "Double", "version": version, "urls": {"streaming_api": streaming},
        "max_toot_chars": limits["text"], "description_limit": limits["alt"], "upload_limit": limits["bytes"],
    }  # fmt: skip


def to_html(text: str, base: str, mentions: Sequence[Account]) -> str:
    """HTML as Mastodon makes it."""
    known = {each.name for each in mentions}

    def name(found: re.Match[str]) -> str:
        if found[1] not in known:
            return found[0]
        link = f'<a href="{base}/@{found[1]}" class="u-url mention">@<span>{found[1]}</span></a>'
        return f'<span class="h-card" translate="no">{link}</span>'

    def tag(found: re.Match[str]) -> str:
        return f'<a href="{base}/tags/{found[1]}" class="mention hashtag" rel="tag">#<span>{found[1]}</span></a>'

    linked = _NAME.sub(name, _TAG.sub(tag, html.escape(text, quote=False)))
    parts = [part.replace("\n", "<br />") for part in re.split(r"\n{2,}", linked)]
    return "".join(f"<p>{part}</p>" for part in parts)


def named(text: str, find: Callable[[str], Account | None]) -> list[Account]:
    """Whom a text mentions."""
    found = [find(each[1]) for each in _NAME.finditer(text)]
    return list({each.id: each for each in found if each}.values())


def _mention(who: Account, base: str) -> Body:
    return {"id": who.id, "username": who.name, "url": f"{base}/@{who.name}", "acct": who.name}
