"""Makes a post suit a platform: splits text and pictures, shrinks pictures, offers words instead of buttons.

`talk` calls it before the outbox; adapters receive only posts that fit. The buttons stay in the last post as data (some
platforms show them as reactions); where `has_buttons` is false a line with their reply words is added to its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from core.chat import shrink
from core.chat.port import Limits
from core.chat.types import Button, Manner, Picture, Post

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, with which a text could command a terminal, and those that turn the direction of what follows."""
_BORDERS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…。])\s"), re.compile(r"\s"))


def fit(post: Post, limits: Limits, words: Mapping[str, str]) -> list[Post]:
    """The posts to send instead of this one, in order; at least one.

    Args:
        post: what the conversation says.
        limits: what the platform takes.
        words: action of a button → the reply word that means the same.
    """
    text, pictures = _pictures(post, limits)
    room = max(1, limits.max_text - len(post.content_warning or ""))
    chunks = split(plain(text), room) or [""]
    size = max(1, limits.max_pictures)
    groups = [pictures[start : start + size] for start in range(0, len(pictures), size)] or [()]
    texts = [*chunks, *[""] * (len(groups) - 1)]
    said = post.buttons if post.manner is Manner.FULL else ()
    if line := _word_line(said, limits, words)[:room]:
        texts, groups = _with_line(texts, groups, line, room)
    carried = [()] * (len(texts) - len(groups)) + groups
    return [
        replace(
            post,
            text=each,
            pictures=carried[number],
            buttons=post.buttons if number == len(texts) - 1 else (),
            first_picture=post.first_picture + sum(len(earlier) for earlier in carried[:number]),
        )
        for number, each in enumerate(texts)
    ]


def short(post: Post, limits: Limits, words: Mapping[str, str]) -> Post:
    """The post as one message without pictures, cut where it is too long: for progress, which is edited in place."""
    line = _word_line(post.buttons, limits, words)
    room = max(1, limits.max_text - len(line) - 1)
    text = cut(plain(post.text), room)
    return replace(post, text=f"{text}\n{line}" if line and len(line) < limits.max_text else text, pictures=())


def plain(text: str) -> str:
    """The text without what nobody sees: it may quote people, hordes and workers, who may mean ill."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n"))


def split(text: str, size: int) -> list[str]:
    """Pieces of at most `size` characters, cut between paragraphs, lines, sentences or words where that is possible."""
    pieces: list[str] = []
    rest = text.strip()
    while len(rest) > size:
        at = _border(rest, size)
        pieces.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [*pieces, rest] if rest else pieces


def cut(text: str, size: int) -> str:
    """At most `size` characters; what was longer ends with an ellipsis, between two words where possible."""
    if len(text) <= size:
        return text
    return split(text, size - 1)[0] + "…" if size > 1 else "…"[:size]


def _border(text: str, size: int) -> int:
    window = text[: size + 1]
    for border in _BORDERS:
        ends = [found.start() for found in border.finditer(window)]
        if ends and ends[-1] > size // 2:
            return ends[-1]
    spaces = [found.start() for found in _BORDERS[-1].finditer(window)]
    return spaces[-1] if spaces and spaces[-1] > 0 else size


def _pictures(post: Post, limits: Limits) -> tuple[str, tuple[Picture, ...]]:
    """The pictures that can be shown, and the text with addresses or a note instead of those that cannot."""
    shown: list[Picture] = []
    lines: list[str] = [post.text] if post.text.strip() else []
    for picture in post.pictures:
        fitting = shrink.shrink(picture, limits) if limits.max_pictures else None
        if fitting:
            shown.append(replace(fitting, alt=cut(plain(fitting.alt), limits.max_alt)))
        else:
            lines.append(picture.url or "(A picture that cannot be shown here.)")
    return "\n".join(lines), tuple(shown)


def _word_line(buttons: Sequence[Button], limits: Limits, words: Mapping[str, str]) -> str:
    if limits.has_buttons:
        return ""
    spoken = [each for each in buttons if each.action in words]
    offers: list[str] = []
    for action, same in groupby(spoken, key=lambda each: each.action):
        count = len(list(same))
        offers.append(words[action] + (f" 1-{count}" if count > 1 else ""))
    return f"Reply: {' · '.join(offers)}" if offers else ""


def _with_line(
    texts: list[str], groups: list[tuple[Picture, ...]], line: str, room: int
) -> tuple[list[str], list[tuple[Picture, ...]]]:
    last = f"{texts[-1]}\n{line}".strip()
    if len(last) <= room:
        return [*texts[:-1], last], groups
    return [*texts, line], [*groups, ()]
