"""How strongly each part of a prompt counts, in both spellings that people use; `prompts` turns it into numbers.

`(word:1.3)`, `(word)`, `((word))`, `[word]` as most interfaces write it, and `(word)++`, `(word)--`, `(word)1.3`.
A backslash before a bracket makes it an ordinary character, and so is any bracket that has no partner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

STRONGEST = 5.0
"""Bound of weights, both ways."""
_STEP = 1.1
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_MARKS = re.compile(
    rf"(?P<escaped>\\[()\[\]\\])|(?P<open>[(\[])|(?P<weighted>:\s*(?P<inside>{_NUMBER})\s*\))"
    rf"|(?P<round>\)(?:(?P<signs>\++|-+)|(?P<after>{_NUMBER}))?)|(?P<square>\])"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a prompt and its weight: 1 = as it is, 0 = as if it were not there, below 0 = its opposite."""

    text: str
    weight: float


def parse(prompt: str) -> list[Part]:
    """The prompt as parts in order; brackets multiply, weights stay within -5 and 5. Never fails."""
    reader = _Reader()
    at = 0
    for mark in _MARKS.finditer(prompt):
        reader.say(prompt[at : mark.start()])
        reader.take(mark)
        at = mark.end()
    reader.say(prompt[at:])
    return reader.parts()


class _Reader:
    """The parts so far, and where each open bracket stands among them."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._weights: list[float] = []
        self._open: list[int] = []

    def say(self, text: str) -> None:
        if text:
            self._texts.append(text)
            self._weights.append(1.0)

    def take(self, mark: re.Match[str]) -> None:
        text = mark.group()
        if mark["escaped"]:
            self.say(text[1])
        elif mark["open"]:
            self._open.append(len(self._texts))
            self.say(text)  # stays, should its partner never come
        elif not self._closes(text):
            self.say(text)
        else:
            self._close(_factor(mark))

    def parts(self) -> list[Part]:
        """What was read, neighbours of the same weight joined."""
        joined: list[Part] = []
        for text, weight in zip(self._texts, self._weights, strict=True):
            bounded = max(-STRONGEST, min(STRONGEST, weight))
            if joined and joined[-1].weight == bounded:
                joined[-1] = Part(joined[-1].text + text, bounded)
            elif text:
                joined.append(Part(text, bounded))
        return joined

    def _closes(self, text: str) -> bool:
        opener = "[" if text == "]" else "("
        return bool(self._open) and self._texts[self._open[-1]] == opener

    def _close(self, factor: float) -> None:
        start = self._open.pop()
        self._texts[start] = ""
        for number in range(start, len(self._texts)):
            self._weights[number] *= factor


def _factor(mark: re.Match[str]) -> float:
    if mark["square"]:
        return 1 / _STEP
    if number := mark["inside"] or mark["after"]:
        return float(number)
    signs = mark["signs"] or "+"
    return _STEP ** (len(signs) if signs[0] == "+" else -len(signs))
