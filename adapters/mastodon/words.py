"""The words of a status, and whether they are for the bot.

A status is HTML. Line breaks stay, the mentions in front and the hashtags behind go, and everything in between is what
was said. Used by `read`, and by `platform` to recognise the bot's own statuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, Tag

from core.chat.command import OptionKind, Repertoire

_MENTION, _HASHTAG, _END = "\ue000", "\ue001", "\ue002"
"""Private-use characters that mark what is a link to a person or a tag; people's own are removed first."""
_MARKS = re.compile(f"[{_MENTION}{_HASHTAG}{_END}]")
_FRONT = re.compile(rf"(?:\s*{_MENTION}[^{_END}]*{_END}[\s,:]*)+")
_TAGS = re.compile(rf"(?:\s*{_HASHTAG}[^{_END}]*{_END}\s*)+\Z")
_BLOCKS = {"p", "div", "ul", "ol", "li", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"}
_UNSEEN = {"script", "style", "template"}
_SIGN = re.compile(r"\s*[/!][^\W\d_]")
_FIRST = re.compile(r"\s*(?:(?:please|pls)\b[,\s]*)?[/!]?([^\W\d_][\w-]*)", re.IGNORECASE)
_BUTTON_WORD = re.compile(r"\s*[/!]?(?P<word>[^\W\d][\w -]*?)\s*#?\d*\s*[.!]?\s*")
_LETTERS = re.compile(r"\w")


@dataclass(frozen=True)
class Said:
    """What a status says."""

    text: str
    """Its words, without being addressed and without the hashtags at its end."""
    named: bool
    """It begins by mentioning the bot."""


def plain(content: str) -> str:
    """All words of a status or a profile, mentions and hashtags included."""
    return _MARKS.sub("", _marked(content))


def said(content: str, bot: str, repertoire: Repertoire) -> Said:
    """Take a status apart.

    Args:
        content: its HTML.
        bot: the bot's name, as in `largesse` or `largesse@example.social`.
        repertoire: what the bot understands; a command may also follow its name in the middle.
    """
    own = re.compile(rf"{_MENTION}@{re.escape(bot.partition('@')[0])}(?:@[^{_END}]*)?{_END}", re.IGNORECASE)
    text = _marked(content)
    front = _FRONT.match(text)
    named = front is not None and own.search(front[0]) is not None
    body = text[front.end() :] if front else text
    if not named and (inside := own.search(body)) and _begins(body[inside.end() :], repertoire):
        body, named = body[inside.end() :], True
    return Said(_MARKS.sub("", _without_end(body, own)).strip(), named)


def address(what: Said, repertoire: Repertoire, *, private: bool, reply: bool, to_bot: bool) -> str | None:
    """The sentence for the bot; None where people talk to each other and merely mention it.

    Args:
        what: the status, taken apart.
        repertoire: what the bot understands.
        private: nobody else reads along.
        reply: it answers another status, so a mention may only have been carried along.
        to_bot: it answers one of the bot's.
    """
    if private or _begins(what.text, repertoire) or _SIGN.match(what.text) or (what.named and not reply):
        return what.text
    return what.text if to_bot and what.text and _presses(what.text, repertoire) else None


def takes_picture(text: str, repertoire: Repertoire) -> bool:
    """Whether a sentence may be about a picture, rather than a command without one, a button's word or an emoji."""
    first = _FIRST.match(text)
    command = (repertoire.command(first[1]) if first else None) or repertoire.default
    pictures = command is not None and any(each.kind is OptionKind.PICTURE for each in command.options)
    return pictures and not _presses(text, repertoire)


def _presses(text: str, repertoire: Repertoire) -> bool:
    """Whether it is nothing but an emoji, or the word of a button."""
    word = _BUTTON_WORD.fullmatch(text)
    return not _LETTERS.search(text) or (word is not None and repertoire.word(word["word"]) is not None)


def _begins(text: str, repertoire: Repertoire) -> bool:
    first = _FIRST.match(text)
    return first is not None and repertoire.command(first[1]) is not None


def _without_end(body: str, own: re.Pattern[str]) -> str:
    """Without hashtags, and the bot's own name, at its end."""
    last = re.compile(rf"\s*{own.pattern}\s*\Z", re.IGNORECASE)
    while (shorter := last.sub("", _TAGS.sub("", body))) != body:
        body = shorter
    return body


def _marked(content: str) -> str:
    """The text of HTML, with marks around mentions and hashtags. Without recursion: strangers may nest deeply."""
    waiting: list[PageElement | str] = [BeautifulSoup(_MARKS.sub("", content), "html.parser")]
    pieces: list[str] = []
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, Tag):
            waiting += reversed(_opened(piece))
        elif isinstance(piece, NavigableString):
            if type(piece) is NavigableString:  # comments and the like are its subclasses
                pieces.append(re.sub(r"\s+", " ", piece))
        elif isinstance(piece, str):
            pieces.append(piece)
    lines = re.sub(r"[^\S\n]*\n[^\S\n]*", "\n", "".join(pieces).replace("\xa0", " "))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def _opened(tag: Tag) -> list[PageElement | str]:
    """What is inside a tag, between what the tag itself means."""
    inside: list[PageElement | str] = [*tag.children]
    classes = tag.get_attribute_list("class")
    if tag.name in _UNSEEN or "quote-inline" in classes:
        return []
    if tag.name == "br":
        return ["\n", *inside]
    if tag.name in _BLOCKS:
        return ["\n\n" if tag.name == "p" else "\n", *inside, "\n\n" if tag.name == "p" else "\n"]
    if tag.name == "a" and ("hashtag" in classes or "tag" in tag.get_attribute_list("rel")):
        return [_HASHTAG, *inside, _END]
    if tag.name == "a" and "mention" in classes:
        return [_MENTION, *inside, _END]
    return inside
