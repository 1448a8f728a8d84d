"""The first look at a prompt: patterns in two groups, whose combination nobody may ask for; no picture is looked at.

A prompt is judged in its plain form, so that weights, accents, look-alike letters and letters set apart hide nothing.
Kinds 10 to 19 form the first group, 20 to 29 the second. One group alone is ordinary language; both together make a
prompt corrupt. Where replacing what the first group matched is enough, that is done instead of refusing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

LONGEST_REWRITTEN = 7000
"""Characters of a prompt that may still be rewritten."""
NEGATIVE = "child, minor"
"""What a rewritten prompt must not show."""
_WEIGHT = re.compile(r":\s*-?\d+(\.\d+)?(?=\s*[)\]])")
_APART = re.compile(r"\b(?:\w ){2,}\w\b")
_SIGNS = re.compile(r"[^\w\s]|_")
_SPACE = re.compile(r"\s+")
_PAIRS = "аa еe оo рp сc уy хx кk мm тt нh вb іi јj ѕs ԁd ɡg ӏl αa εe οo ρp τt υu νv ιi κk @a $s €e ıi łl øo đd ħh"  # noqa: RUF001  # look-alikes are the point
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_LOOKALIKE = str.maketrans({pair[0]: pair[1] for pair in _PAIRS.split()} | dict.fromkeys(_INVISIBLE, ""))
"""Cyrillic, Greek and other signs that look like letters of the Latin alphabet; invisible ones are dropped."""


def plain(prompt: str) -> str:
    """The part of a prompt that says what to draw, as the patterns read it: small plain letters and single spaces."""
    text = prompt.split("###", 1)[0].casefold()
    text = unicodedata.normalize("NFKD", text)
    text = "".join(sign for sign in text if not unicodedata.combining(sign)).translate(_LOOKALIKE)
    text = _SPACE.sub(" ", _SIGNS.sub(" ", _WEIGHT.sub(" ", text))).strip()
    return _APART.sub(lambda found: _together(found.group()), text)


def _together(letters: str) -> str:
    """Letters that were set apart, as one word; where the first may be a word itself, also without it."""
    word = letters.replace(" ", "")
    return f"{word} {word[1:]}" if word[0] in "ai" else word


@dataclass(frozen=True, slots=True)
class Filter:
    """One pattern."""

    regex: str
    kind: int
    replacement: str = ""
    description: str = ""
    id: int | None = None
    """None = of the file, not of the database."""
    user: str = ""
    """Who added it."""

    @property
    def group(self) -> int:
        """1 or 2."""
        return self.kind // 10


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the patterns found in a prompt."""

    groups: frozenset[int]
    matches: tuple[str, ...]
    """The words that matched."""

    @property
    def corrupt(self) -> bool:
        """Both groups matched."""
        return len(self.groups) > 1


class Lists:
    """All patterns in force."""

    def __init__(self, filters: Iterable[Filter] = ()) -> None:
        self.filters = tuple(filters)

    @cached_property
    def _compiled(self) -> list[tuple[Filter, re.Pattern[str]]]:
        return [(one, compiled(one.regex)) for one in self.filters]

    def judge(self, prompt: str, *, kind: int | None = None) -> Judgement:
        """Look at a prompt, by the patterns of one kind alone where that is given."""
        text = plain(prompt)
        found = [
            (one.group, match.group())
            for one, pattern in self._compiled
            if kind in (None, one.kind)
            for match in pattern.finditer(text)
            if match.group()
        ]
        return Judgement(frozenset(group for group, _ in found), tuple(dict.fromkeys(words for _, words in found)))

    def rewritten(self, prompt: str) -> str | None:
        """The prompt without what the first group matches; None where nothing useful is left or it is too long.

        The author's own spelling is kept where that hides nothing, else the plain form is what remains.
        """
        if len(prompt) > LONGEST_REWRITTEN:
            return None
        wanted, _, unwanted = prompt.partition("###")
        for text in (wanted, plain(wanted)):
            cleaned = _SPACE.sub(" ", self._without_first_group(text)).strip(" ,.;")
            if cleaned and not self.judge(cleaned).groups & {1}:
                return f"{cleaned} ### {NEGATIVE}{', ' if unwanted.strip() else ''}{unwanted.strip()}"
        return None

    def _without_first_group(self, text: str) -> str:
        for one, pattern in self._compiled:
            if one.group == 1:
                text = pattern.sub(lambda _, said=one.replacement: said, text)
        return text


def compiled(regex: str) -> re.Pattern[str]:
    """A pattern that matches whole words in any case; raises re.error where it is none."""
    return re.compile(rf"\b(?:{regex})\b", re.IGNORECASE)
