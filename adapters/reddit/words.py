"""How the bot is addressed on Reddit: `u/bot draw …`, `!imagine …`, and replies whose first or last words are ours.

Nobody who merely talks about the bot, or under its pictures, is answered: a mention counts at the beginning of a line
or before a command, a reply word at the beginning or the end, and never inside a quotation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.chat.command import Repertoire

_QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!~^>|<&/])")
_UNSEEN = re.compile("[\u200b\u200c\u2060\ufeff]|&#x200b;", re.IGNORECASE)
_SIGNED = re.compile(r"^[ \t]*!(?=[^\W\d_])", re.MULTILINE)
_FIRST_WORD = re.compile(r"\s*(?:(?:please|pls)\s+)?[!/]?([^\W\d_][\w-]*)", re.IGNORECASE)
_LETTERS = re.compile(r"\w")
_NUMBER = re.compile(r"#?\d{1,6}[.!]?")
_REDRAW = re.compile(
    r"\s*(?:please\s+|pls\s+)?!?re-?draw\b(?:\s+(?:this|that|it|him|her|them|picture|image|photo)\b)*"
    r"(?:\s+(?:as|like|into|in)\b)?[\s,:]*",
    re.IGNORECASE,
)
COVER = "nsfw"
"""The reply word that hides a picture behind a warning."""


@dataclass(frozen=True)
class Addressed:
    """What is for the bot."""

    text: str
    """The sentence."""
    redraw: bool = False
    """It wants the picture of the post it stands under as the source."""


class Words:
    """How one bot is addressed.

    Args:
        name: the bot's name on Reddit, without u/.
    """

    def __init__(self, name: str) -> None:
        link = r"(?:\]\([^)\s]*\))?"
        self._mention = re.compile(rf"(?<![\w/])\[?/?u/{re.escape(name)}(?![\w-]){link}[ \t,:]*", re.IGNORECASE)

    def address(self, body: str, repertoire: Repertoire, *, private: bool, to_bot: bool) -> Addressed | None:
        """The sentence for the bot in a comment or message; None where people talk to each other.

        Args:
            body: Markdown, as Reddit hands it out.
            repertoire: what the bot understands.
            private: it is a private message.
            to_bot: it replies to a comment or post of the bot.
        """
        text = plain(body)
        sentence = self._mentioned(text, repertoire)
        if sentence is None and private:
            sentence = text
        if sentence is None:
            sentence = _signed(text, repertoire)
        if sentence is None and to_bot:
            return _spoken(text, repertoire)
        if sentence is None or not (private or sentence.strip() or to_bot):
            return None
        return _spoken(sentence, repertoire, whole=True) if to_bot else _redrawn(sentence)

    def _mentioned(self, text: str, repertoire: Repertoire) -> str | None:
        for found in self._mention.finditer(text):
            before, after = text[: found.start()], text[found.end() :]
            begins_line = not before.rpartition("\n")[2].strip()
            if _commands(after, repertoire) or (begins_line and _LETTERS.search(after)):
                return after.strip()
            if not _LETTERS.search(after) and _commands(before, repertoire):
                return before.strip()
        return None


def plain(body: str) -> str:
    """A comment as it was meant: without quotations, the editor's backslashes and what nobody sees."""
    return _ESCAPED.sub(r"\1", _UNSEEN.sub("", _QUOTED_LINE.sub("", body.replace("\r\n", "\n")))).strip()


def covers(text: str) -> bool:
    """Whether a reply asks for the picture to be hidden behind a warning."""
    return text.strip().lower().strip("!.") == COVER


def _signed(text: str, repertoire: Repertoire) -> str | None:
    for found in _SIGNED.finditer(text):
        if _commands(text[found.end() :], repertoire):
            return text[found.start() :].strip()
    return None


def _commands(text: str, repertoire: Repertoire) -> bool:
    first = _FIRST_WORD.match(text)
    return bool(_REDRAW.match(text)) or (first is not None and repertoire.command(first[1]) is not None)


def _redrawn(sentence: str) -> Addressed:
    if found := _REDRAW.match(sentence):
        return Addressed(f"draw {sentence[found.end() :]}", redraw=True)
    return Addressed(sentence)


def _spoken(text: str, repertoire: Repertoire, *, whole: bool = False) -> Addressed | None:
    """The reply word that a comment begins or ends with; `whole`: all of it is for the bot, whatever it says."""
    tokens = text.split()
    for words in (tokens[:2], tokens[-2:], tokens[:1], tokens[-1:]):
        if words and _is_word(words, repertoire, alone=len(words) == len(tokens)):
            return Addressed(" ".join([words[0].lstrip("!/"), *words[1:]]))
    if whole or _draws(text, repertoire):
        return _redrawn(text)
    return Addressed(text) if text and not _LETTERS.search(text) else None


def _is_word(words: list[str], repertoire: Repertoire, *, alone: bool) -> bool:
    """Whether these one or two words are a reply word, with its number where there are two."""
    head, *number = words
    name = head.lstrip("!/").rstrip(".!").lower()
    button = name == COVER or repertoire.word(name) is not None
    if number:
        command = repertoire.command(name)
        known = button or (command is not None and command is not repertoire.default)
        return known and _NUMBER.fullmatch(number[0]) is not None
    return button and (alone or head.startswith("!"))


def _draws(text: str, repertoire: Repertoire) -> bool:
    """Whether a reply begins with the word of the command that draws."""
    first = _FIRST_WORD.match(text)
    return bool(_REDRAW.match(text)) or (
        first is not None and repertoire.default is not None and repertoire.command(first[1]) is repertoire.default
    )
