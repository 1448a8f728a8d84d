"""Emoji as people mean them: whatever their skin tone, custom ones by id or name, and sentences of nothing else.

Used where an emoji is looked up: under our posts (`spoken`), in tables that reactions are declared for (`dispatch`). A
platform's own emoji reaches us as `<:name:id>` where it has an id, as `:name:` where it has none.
"""

from __future__ import annotations

import re

MOST = 10
"""Emoji in one reply that are read; more are decoration."""
_SHADES = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_OWN = re.compile(r"<a?:(?P<name>\w{1,64}):(?P<id>\w{1,64})>")
_SIGN = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_ONE = re.compile(
    rf"{_OWN.pattern.replace('?P<name>', '?:').replace('?P<id>', '?:')}|:\w{{1,64}}:|[0-9#*]\ufe0f?\u20e3"
    r"|[\U0001f1e6-\U0001f1ff]{2}|\U0001f3f4[\U000e0020-\U000e007f]+"
    rf"|{_SIGN}{_SHADES.pattern}*(?:\u200d{_SIGN}{_SHADES.pattern}*)*"
)


def plain(emoji: str) -> str:
    """The emoji without skin tones and without what only says how to print it."""
    return _SHADES.sub("", emoji).strip()


def spellings(emoji: str) -> tuple[str, ...]:
    """What a table may call it: a platform's own emoji by its id or as `:name:`, any other one plainly."""
    own = _OWN.fullmatch(emoji.strip())
    return (own["id"], f":{own['name']}:") if own else (plain(emoji),)


def only(text: str) -> tuple[str, ...]:
    """The emoji of a text that holds nothing else, in order, at most `MOST`; empty where there are words in it."""
    found = _ONE.findall(text)
    left = _ONE.sub("", text)
    return tuple(found[:MOST]) if not left.strip() else ()
