"""What Reddit hands out → `core.chat` values: inbox items, comments of a stream, and the posts they stand under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from yarl import URL

from adapters.reddit.words import Addressed
from core.chat.types import Call, MessageRef, Person, Picture, Place

NAME = "reddit"
PICTURE_HOSTS = frozenset({"i.redd.it", "preview.redd.it", "external-preview.redd.it"})
"""The only hosts from which a picture of a post is fetched: Reddit's own, which copy what posts link to."""
WIDEST = 1100
"""Pixels: of the sizes that Reddit offers of a picture, the largest one up to this is taken."""
_ROBOTS = {"automoderator", "reddit", "[deleted]"}


@dataclass(frozen=True)
class Heard:
    """One comment or private message."""

    fullname: str
    body: str
    author: str | None
    """None = deleted, or written in the name of a subreddit."""
    author_id: str
    subreddit: str | None
    """None = a private message between two people."""
    parent: str
    link: str | None
    """Fullname of the post it stands under."""
    subject: str
    made: float

    @property
    def private(self) -> bool:
        """Whether it is a private message."""
        return self.fullname.startswith("t4_")

    @property
    def by_subreddit(self) -> bool:
        """Whether moderators wrote it in the name of their subreddit."""
        return self.private and self.author is None and self.subreddit is not None

    @property
    def key(self) -> str:
        """Names the event for ever, whichever way it came."""
        return f"{NAME}:{self.fullname}"


@dataclass(frozen=True)
class Thread:
    """A post that something stands under."""

    fullname: str
    nsfw: bool = False
    closed: bool = False
    """Locked or archived: nobody can answer in it."""
    picture: str | None = None
    """Address of its picture at one of `PICTURE_HOSTS`."""


def heard(item: Mapping[str, Any]) -> Heard:
    """A comment or message, field by field."""
    author, subreddit, fullname = item.get("author"), item.get("subreddit"), str(item.get("name") or "")
    context = str(item.get("context") or "")
    link = item.get("link_id") or (f"t3_{context.split('/')[4]}" if context.count("/") > 4 else None)
    name = str(author) if author and author != "[deleted]" else None
    return Heard(
        fullname=fullname,
        body=str(item.get("body") or ""),
        author=name,
        author_id=str(item.get("author_fullname") or f"name:{(name or f'r/{subreddit}').lower()}"),
        subreddit=str(subreddit) if subreddit else None,
        parent=str(item.get("parent_id") or ""),
        link=str(link) if link and not fullname.startswith("t4_") else None,
        subject=str(item.get("subject") or ""),
        made=float(item.get("created_utc") or 0.0),
    )


def thread(post: Mapping[str, Any]) -> Thread:
    """A post, field by field."""
    return Thread(
        fullname=str(post.get("name")),
        nsfw=bool(post.get("over_18")),
        closed=bool(post.get("locked") or post.get("archived")),
        picture=_picture(post),
    )


def place(said: Heard, under: Thread | None) -> Place:
    """Where it was said: a subreddit, or somebody's private messages with the bot."""
    where = (said.subreddit or "").lower()
    if said.private and where:  # its moderators write to the bot: what they set holds in the subreddit
        return Place(NAME, f"r/{where}", private=True, thread=said.fullname, community=where)
    if said.private:
        return Place(NAME, f"u/{(said.author or '').lower()}", private=True, thread=said.fullname)
    return Place(NAME, where, private=False, nsfw=under is not None and under.nsfw, thread=said.link)


def person(said: Heard, *, warden: bool = False) -> Person:
    """Who said it; `warden`: moderates the subreddit it was said in."""
    name = said.author or (f"r/{said.subreddit}" if said.by_subreddit else "[deleted]")
    robot = name.lower() in _ROBOTS
    return Person(NAME, said.author_id, name, is_bot=robot, moderates=warden, manages=warden)


def call(
    said: Heard,
    addressed: Addressed,
    where: Place,
    *,
    warden: bool,
    replied_to: MessageRef | None,
    above: Mapping[str, Any] | None = None,
    pictures: Sequence[Picture] = (),
) -> Call:
    """The event of something that is for the bot.

    Args:
        said: the comment or message.
        addressed: the sentence in it.
        where: its place.
        warden: whoever said it moderates there.
        replied_to: the answer of ours that it replies to.
        above: what it replies to, whoever said that.
        pictures: what it wants to be drawn over.
    """
    target = person(heard(above)) if above and heard(above).author else None
    if replied_to is None and above:
        replied_to = MessageRef(NAME, where.id, str(above["name"]))
    return Call(
        key=said.key,
        person=person(said, warden=warden),
        place=where,
        message=MessageRef(NAME, where.id, said.fullname),
        text=addressed.text,
        pictures=tuple(pictures),
        replied_to=replied_to,
        target=target,
    )


def is_ours(address: str) -> bool:
    """Whether a picture may be fetched from there."""
    url = URL(address)
    return url.scheme == "https" and url.host in PICTURE_HOSTS and url.explicit_port is None


def _picture(post: Mapping[str, Any]) -> str | None:
    """The picture of a post, of its first one where it has several, in a moderate size."""
    sizes: list[Mapping[str, Any]] = []
    shown = cast("dict[str, list[dict[str, Any]]]", post.get("preview") or {})
    for image in shown.get("images", [])[:1]:
        sizes += [*image.get("resolutions", []), image.get("source", {})]
    for medium in cast("dict[str, dict[str, Any]]", post.get("media_metadata") or {}).values():
        found = [*medium.get("p", []), medium.get("s", {})]
        sizes += [{"url": each.get("u"), "width": each.get("x", 0)} for each in found]
        break
    usable = [each for each in sizes if each.get("url") and is_ours(str(each["url"]))]
    fitting = [each for each in usable if each.get("width", 0) <= WIDEST] or usable[:1]
    if fitting:
        return str(max(fitting, key=lambda each: int(each.get("width", 0)))["url"])
    address = str(post.get("url") or "")
    return address if address and is_ours(address) else None
