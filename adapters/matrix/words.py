"""How the bot is addressed on Matrix: `!imagine ...`, its name or a pill of it at the start, a reply to it.

In a direct conversation every sentence is for the bot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from core.chat.command import Repertoire

_PILL = re.compile(r"https://matrix\.to/#/(?P<id>[^?/]+)|matrix:u/(?P<uri>[^?/]+)")
_AFTER_NAME = re.compile(r"[\s,:]*")
_SIGN = re.compile(r"\s*/?/(?=[^\W\d_])")
_FIRST = re.compile(r"\s*(?:(?:please|pls)\s+)?([\w-]+)", re.IGNORECASE)
_BLOCKS = {"p", "div", "br", "li", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "tr"}


@dataclass(frozen=True)
class Self:
    """How the bot is called."""

    user_id: str
    name: str
    """Display name in the room."""
    prefix: str


@dataclass(frozen=True)
class Said:
    """Somebody's words."""

    text: str
    html: str | None
    """The formatted body, where there is one."""
    to_bot: bool
    """It replies to a message of the bot."""
    private: bool
    """Only the person and the bot are here."""


def address(said: Said, me: Self, repertoire: Repertoire) -> str | None:
    """The sentence for the bot; None where people talk to each other."""
    text = _without_name(said, me)
    if text is not None:
        return _without_prefix(text, me.prefix)
    if me.prefix and said.text.lstrip().startswith(me.prefix) and said.text.strip() != me.prefix:
        rest = _without_prefix(said.text, me.prefix)
        known = (first := _FIRST.match(rest)) is not None and repertoire.command(first[1]) is not None
        return rest if known or said.private or said.to_bot else None
    if signed := _SIGN.match(said.text):
        first = _FIRST.match(said.text[signed.end() :])
        if first and repertoire.command(first[1]):
            return said.text[signed.end() :]
    return said.text if said.private or said.to_bot else None


def _without_prefix(text: str, prefix: str) -> str:
    plain = text.lstrip()
    return plain[len(prefix) :] if prefix and plain.startswith(prefix) else text


def _without_name(said: Said, me: Self) -> str | None:
    """What follows our name or a pill of it at the beginning."""
    plain = said.text.lstrip()
    local = me.user_id.partition(":")[0]
    for name in (me.user_id, me.name, f"@{me.name}", local):
        if name.strip("@ ") and plain.lower().startswith(name.lower()):
            rest = plain[len(name) :]
            if not rest or not (rest[0].isalnum() or rest[0] in "_-."):
                return _after_name(rest)
    pill = _Pill(me.user_id)
    pill.feed(said.html or "")
    pill.close()
    if not pill.first:
        return None
    shown = pill.shown.strip()
    return _after_name(plain[len(shown) :] if shown and plain.startswith(shown) else pill.rest)


def _after_name(text: str) -> str:
    found = _AFTER_NAME.match(text)
    return text[found.end() :] if found else text


class _Pill(HTMLParser):
    """Looks whether a formatted body begins with a pill of the bot, and what follows it."""

    def __init__(self, user_id: str) -> None:
        super().__init__(convert_charrefs=True)
        self._user_id = user_id
        self._skipping = self._inside = False
        self._before = ""
        self.first = False
        self.shown = ""
        self.rest = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notice a pill."""
        self._skipping = self._skipping or tag == "mx-reply"
        if tag in _BLOCKS:
            self.handle_data("\n")
        found = _PILL.match(dict(attrs).get("href") or "") if tag == "a" else None
        if found and not self.first and not self._before.strip() and not self._skipping:
            named = (found["id"] or f"@{found['uri']}").replace("%40", "@").replace("%3A", ":")
            self.first = self._inside = named == self._user_id

    def handle_endtag(self, tag: str) -> None:
        """Notice its end."""
        if tag == "mx-reply":
            self._skipping = False
        if tag == "a":
            self._inside = False

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        if self._skipping:
            return
        if self._inside:
            self.shown += data
        elif self.first:
            self.rest += data
        else:
            self._before += data
