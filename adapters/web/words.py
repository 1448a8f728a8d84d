"""How the bot is addressed on the page, and what is offered while somebody writes to it.

In a direct conversation every sentence is for the bot. In a room, where people also talk to each other, it begins with
a command (`draw ...`, `/help`) or with `@largesse`, or it replies to the bot with a button's word or an emoji.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from adapters.web.site import BOT
from core.chat.command import Command, Option, OptionKind, Repertoire

_NAME = re.compile(rf"\s*@{BOT}\b[\s,:]*", re.IGNORECASE)
_SIGN = re.compile(r"\s*/[^\W\d_]")
_FIRST = re.compile(r"\s*(?:(?:please|pls)\s+)?/?([\w-]+)", re.IGNORECASE)
_BUTTON_WORD = re.compile(r"\s*[/!]?(?P<word>[^\W\d][\w -]*?)\s*#?\d*\s*[.!]?\s*")
_LETTERS = re.compile(r"\w")
_TYPED_COMMAND = re.compile(r"\s*/([\w-]*)")
_TYPED_OPTION = re.compile(r"(?<!\S)--([\w-]*)$")
_TYPED_VALUE = re.compile(r"(?<!\S)(?:--([\w-]+)[ =]|([\w-]+):)\s*((?:(?! --|\n).)*)$")
MOST = 8
"""Offers shown at once."""

Suggest = Callable[[str, str], Awaitable[list[str]]]
"""`await suggest(name, typed)`: values of a declared list, see `Dispatch.suggest`."""


def address(text: str, repertoire: Repertoire, *, private: bool, to_bot: bool) -> str | None:
    """The sentence for the bot; None where people talk to each other.

    Args:
        text: what was written.
        repertoire: what the bot understands.
        private: only the person and the bot are here.
        to_bot: it replies to a message of the bot.
    """
    if named := _NAME.match(text):
        return text[named.end() :]
    first = _FIRST.match(text)
    known = first is not None and repertoire.command(first[1]) is not None
    if private or known or _SIGN.match(text):
        return text
    word = _BUTTON_WORD.fullmatch(text)
    meant = not _LETTERS.search(text) or (word is not None and repertoire.word(word["word"]) is not None)
    return text if to_bot and text.strip() and meant else None


@dataclass(frozen=True)
class Offer:
    """Something that may be meant: `insert` takes the place of what was typed from `Offers.start` on."""

    insert: str
    about: str


@dataclass(frozen=True)
class Offers:
    """What may come next, and where in the text it begins."""

    start: int
    offers: Sequence[Offer] = ()


async def complete(text: str, repertoire: Repertoire, suggest: Suggest) -> Offers:
    """What may be meant by a text that ends where the cursor stands: commands, their options, their values."""
    named = _NAME.match(text)
    begin = named.end() if named else 0
    if typed := _TYPED_COMMAND.fullmatch(text, begin):
        found = [each for each in repertoire.commands if each.name.startswith(typed[1].lower())]
        return Offers(begin, [Offer(f"/{each.name} ", each.description) for each in found])
    command = _command(text[begin:], repertoire)
    if command is None:
        return Offers(len(text))
    if typed := _TYPED_OPTION.search(text):
        options = [each for each in command.named if each.spelled.startswith(typed[1].lower())]
        shown = [each for each in options if each.kind is not OptionKind.PICTURE]
        return Offers(typed.start(), [Offer(f"--{each.spelled} ", each.about.description) for each in shown][:MOST])
    if (typed := _TYPED_VALUE.search(text)) and (option := command.option(typed[1] or typed[2])):
        values = await _values(option, typed[3], suggest)
        done = any(each.lower() == typed[3].strip().lower() for each in values)
        return Offers(typed.start(3), [] if done else [Offer(f"{each} ", option.about.description) for each in values])
    return Offers(len(text))


def _command(text: str, repertoire: Repertoire) -> Command | None:
    first = _FIRST.match(text)
    return (repertoire.command(first[1]) if first else None) or repertoire.default


async def _values(option: Option, typed: str, suggest: Suggest) -> list[str]:
    if option.about.suggest:
        return (await suggest(option.about.suggest, typed))[:MOST]
    return [each for each in option.choices if each.lower().startswith(typed.strip().lower())]
