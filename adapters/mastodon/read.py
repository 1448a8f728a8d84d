"""Statuses and notifications → events, and what of a status is asked everywhere: whose it is, and who sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self, cast

from adapters.mastodon.server import Entity
from core.chat.types import Call, MessageRef, Person, Picture, Place, Press, Reaction

NAME = "mastodon"
VISIBILITIES = ("public", "unlisted", "private", "direct")
"""From wide to narrow."""
MENTION = "mention"
_FEELINGS = {"favourite": "⭐", "reblog": "🚀"}
"""What a favourite and a boost are as an emoji. Not 🔁: that presses a button."""
_EMOJI = {"pleroma:emoji_reaction", "emoji_reaction", "reaction"}
"""What emoji reactions are called by Akkoma and Pleroma, by Fedibird and kmyblue, and by others."""


@dataclass(frozen=True)
class Thread:
    """What is answered, and whom: travels as `Place.thread`."""

    status: str
    acct: str
    """The person's name as one mentions it from the bot's instance."""

    @classmethod
    def of(cls, place: Place, reply_to: MessageRef | None) -> Self:
        """Read it from the place of an event; the message that a post replies to is used where there is none."""
        status, _, acct = (place.thread or "").partition("/")
        return cls(status or (reply_to.message if reply_to else ""), acct)

    def __str__(self) -> str:
        return f"{self.status}/{self.acct}"


def narrower(one: str, other: str) -> str:
    """The visibility that fewer people have; one that is not known counts as the narrowest."""
    ranks = [VISIBILITIES.index(each) if each in VISIBILITIES else len(VISIBILITIES) - 1 for each in (one, other)]
    return VISIBILITIES[max(ranks)]


def author(status: Entity) -> Entity:
    """The account that wrote it.

    Raises:
        ValueError: it has none.
    """
    account = status.get("account")
    if not isinstance(account, dict) or not cast("Entity", account).get("id"):
        raise ValueError("A status without an author.")
    return cast("Entity", account)


def id_of(entity: Entity) -> str:
    """Its id, as text: only Mastodon's own are numbers.

    Raises:
        ValueError: it has none.
    """
    if not entity.get("id"):
        raise ValueError("Something without an id.")
    return str(entity["id"])


def key(status: Entity, *, edited: str = "") -> str:
    """Names the event of a status for ever; of one that was edited, with its new sentence."""
    plain = f"{NAME}:{id_of(status)}"
    if not edited:
        return plain
    version = f"{status.get('edited_at')} {edited}"
    return f"{plain}:{sha256(version.encode()).hexdigest()[:8]}"


def person(account: Entity) -> Person:
    """Somebody."""
    return Person(NAME, id_of(account), str(account.get("acct") or ""), is_bot=bool(account.get("bot")))


def place(home: str, status: Entity, account: Entity) -> Place:
    """Where a status is answered: all of the bot's conversations are one place, told apart by their thread.

    Args:
        home: the bot's name with its instance.
        status: what is answered.
        account: whom.
    """
    thread = Thread(id_of(status), str(account.get("acct") or ""))
    return Place(NAME, home, private=str(status.get("visibility")) == "direct", thread=str(thread))


def call(status: Entity, sentence: str, *, key: str, home: str, pictures: Sequence[Picture]) -> Call:
    """The event of a status that asks for something; `home` as in `place`."""
    account = author(status)
    where = place(home, status, account)
    answered = status.get("in_reply_to_id")
    return Call(
        key=key,
        person=person(account),
        place=where,
        message=MessageRef(NAME, home, id_of(status)),
        text=sentence,
        pictures=tuple(pictures),
        replied_to=MessageRef(NAME, home, str(answered)) if answered else None,
        target=_answered(status),
    )


def _answered(status: Entity) -> Person | None:
    """Who wrote what a status answers, where it mentions them, as nearly all do."""
    whose = str(status.get("in_reply_to_account_id") or "")
    mentions = cast("Sequence[Entity]", status.get("mentions") or ())
    return next((person(each) for each in mentions if str(each.get("id")) == whose), None)


def withdrawal(status: str, *, key: str, who: Person, private: bool, home: str) -> Press:
    """The event of somebody having taken a request away; `key` is that of the request's own event."""
    where = Place(NAME, home, private=private, thread=str(Thread(status, who.name)))
    return Press(f"{key}:withdrawn", "withdraw", key, who, where, MessageRef(NAME, home, status))


def reaction(notification: Entity, *, bot: str, home: str) -> Reaction | None:
    """The event of a favourite, a boost or an emoji on a status of the bot's; None where it is none.

    Nobody is told when these are taken back, and the same person's second one is the same event as the first.

    Raises:
        ValueError: it lacks what every notification has.
    """
    kind, status = str(notification.get("type")), notification.get("status")
    emoji = _FEELINGS.get(kind) or (_emoji(notification) if kind in _EMOJI else None)
    if not emoji or not isinstance(status, dict):
        return None
    status, who = cast("Entity", status), person(author(notification))
    written_by = author(status)
    if id_of(written_by) != bot:
        return None
    where = place(home, status, author(notification))
    name = f"{NAME}:{id_of(status)}:{who.id}:{emoji}"
    target = MessageRef(NAME, home, id_of(status))
    return Reaction(name, emoji, added=True, person=who, place=where, target=target, author=person(written_by))


def _emoji(notification: Entity) -> str | None:
    """The emoji itself, or the :name: of one of an instance's own."""
    inside = notification.get("emoji_reaction")
    named = cast("Entity", inside).get("name") if isinstance(inside, dict) else notification.get("emoji")
    text = str(named or "").strip().strip(":").partition("@")[0]
    return (f":{text}:" if text.isascii() else text) if text else None


def attached(status: Entity) -> list[Entity]:
    """The pictures that are attached to a status."""
    media = cast("Sequence[Entity]", status.get("media_attachments") or ())
    return [each for each in media if each.get("type") == "image" and each.get("url")]
