"""Posts → statuses: who is mentioned, who sees it, what warns of it; pictures in a grid where uploads run low."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.mastodon import words
from adapters.mastodon.read import narrower
from adapters.mastodon.server import Entity, Instance
from core.chat.fit import cut, plain
from core.chat.types import Picture, Post

ROOM = 80
"""Characters kept free for the mention and what the person's own warning needs."""
SENSITIVE = "sensitive picture"
_LONGEST_WARNING = 120
_ADDRESS = 23
"""Characters that an instance counts for a web address, however long it is."""
_WOULD_CALL = re.compile("([@#\uff20\uff03])(?=\\w)")
_SIDE = 1024
"""Pixels of a picture inside a grid."""
_GAP = 8


@dataclass(frozen=True)
class Terms:
    """What the operator wants of every status."""

    visibility: str
    """The widest."""
    warning: str
    """Put before every picture; empty = none."""
    language: str
    quotes: str


@dataclass(frozen=True)
class Draft:
    """A status, ready to be written."""

    text: str
    warning: str
    sensitive: bool
    visibility: str
    pictures: tuple[Picture, ...]

    @property
    def print(self) -> str:
        """What is recognised when it is met again."""
        return print_of(words.plain(self.text), len(self.pictures))


def draft(post: Post, request: Entity, acct: str, *, terms: Terms, instance: Instance, whisper: bool) -> Draft:
    """Make a status of a post.

    Args:
        post: what to say, made to fit.
        request: the status that is answered.
        acct: the only person who is mentioned.
        terms: the operator's.
        instance: what it takes.
        whisper: nobody but this person may see it.
    """
    warning = _warning(post, request, terms)
    text = f"@{acct} {quiet(post.text)}".strip()
    room = instance.max_text - len(warning)
    while counted(text) > room:
        text = cut(text, len(text) - max(1, counted(text) - room))
    asked = str(request.get("visibility"))
    sensitive = bool(warning or request.get("sensitive")) and bool(post.pictures)
    visibility = "direct" if whisper else narrower(asked, terms.visibility)
    return Draft(text, warning, sensitive, visibility, post.pictures)


def quiet(text: str) -> str:
    """The text, with its names and tags made harmless: they call nobody and file nothing anywhere."""
    return _WOULD_CALL.sub("\\1\u200b", text)


def counted(text: str) -> int:
    """Characters as an instance counts them, or a few more."""
    return len(text) + _ADDRESS * text.count("://")


def print_of(text: str, pictures: int) -> str:
    """What two statuses that say the same have in common however they are written: letters, digits, pictures."""
    letters = re.findall(r"[^\W_]", re.sub(r"^\s*@\S+", "", text))
    return f"{''.join(letters)}|{pictures}"


def _warning(post: Post, request: Entity, terms: Terms) -> str:
    """The person's own warning stays; what the post warns of, and what the operator says of every picture, is added."""
    shown = SENSITIVE if any(each.spoiler for each in post.pictures) and not post.content_warning else ""
    general = terms.warning if post.pictures else ""
    parts = [str(request.get("spoiler_text") or ""), post.content_warning or shown, general]
    kept = dict.fromkeys(" ".join(plain(each).split()) for each in parts if each.strip())
    return cut("; ".join(kept), _LONGEST_WARNING)


def unlisted(made: Draft) -> Draft:
    """The same, kept out of the public timelines."""
    return replace(made, visibility="unlisted")


def in_grid(made: Draft, instance: Instance) -> Draft:
    """The same with its pictures as one; unchanged where they cannot be put together."""
    try:
        return replace(made, pictures=(grid(made.pictures, instance),))
    except (OSError, ValueError):
        return made


def grid(pictures: Sequence[Picture], instance: Instance) -> Picture:
    """Several pictures as one, two in a row, described one by one.

    Raises:
        OSError: one of them cannot be opened.
    """
    from PIL import Image

    opened = [Image.open(io.BytesIO(each.data or b"")).convert("RGB") for each in pictures]
    for image in opened:
        image.thumbnail((_SIDE, _SIDE))
    width, height = (max(sizes) for sizes in zip(*(image.size for image in opened), strict=True))
    rows = (len(opened) + 1) // 2
    sheet = Image.new("RGB", (2 * width + _GAP, rows * (height + _GAP) - _GAP))
    for number, image in enumerate(opened):
        row, column = divmod(number, 2)
        sheet.paste(image, (column * (width + _GAP), row * (height + _GAP)))
    mime = instance.mimes[0]
    out = io.BytesIO()
    sheet.save(out, mime.removeprefix("image/").upper(), quality=90)
    alts = " ".join(f"{number}: {each.alt}" for number, each in enumerate(pictures, 1))
    alt = cut(f"{len(opened)} pictures in a grid, row by row. {alts}", instance.max_alt)
    name = f"grid.{mime.removeprefix('image/')}"
    first = pictures[0]
    return replace(first, data=out.getvalue(), mime=mime, alt=alt, name=name, width=sheet.width, height=sheet.height)
