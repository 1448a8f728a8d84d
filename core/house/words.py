"""What the bundled little model has learnt to draw, for a friendly hint when a prompt names none of it.

Its training writes the list beside the weights; `open_house` reads it where `config/styles.toml` says it lies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core import log

LITTLE = "little"
"""The name under which the bundled model is offered."""

_WORD = re.compile(r"[^\W\d_]+")


class _Content(BaseModel):
    """The keys of the file that matter here; training may write more of them."""

    model_config = ConfigDict(extra="ignore")

    things: list[str] = []
    backgrounds: list[str] = []
    scenes: list[str] = []
    synonyms: dict[str, str] = {}


@dataclass(frozen=True)
class Vocabulary:
    """Things (singular names) that the model can draw, what it can put behind them, and other words for the things."""

    things: tuple[str, ...]
    backgrounds: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()

    def knows(self, prompt: str) -> bool:
        """Whether the prompt names at least one thing that the model can draw, in singular or plural."""
        text = f" {_singular_words(prompt)} "
        return any(f" {_singular_words(thing)} " in text for thing in (*self.things, *self.synonyms))

    def examples(self, *, most: int = 8) -> str:
        """A few of the things, spread over the list, as a phrase: "apple, boat, cat and owl"."""
        stride = max(1, len(self.things) // most)
        return listed(self.things[::stride][:most])


def _singular_words(text: str) -> str:
    return " ".join(_singular(word) for word in _WORD.findall(text.lower()))


def _singular(word: str) -> str:
    """Good enough to compare with: a wrong stem harms nothing as both sides get the same one."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    if word.endswith("men"):
        return word[:-3] + "man"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def listed(words: tuple[str, ...] | list[str], *, last: str = "and") -> str:
    """Words as a phrase with commas and a conjunction before the last one."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def load_vocabulary(file: Path | None) -> Vocabulary | None:
    """Read the list; None where there is no file or it holds no things, for then there is nothing to hint at."""
    if file is None or not file.is_file():
        return None
    try:
        content = _Content.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        log.get(__name__).warning("vocabulary_unusable", file=str(file), reason=type(error).__name__)
        return None
    if not content.things:
        return None
    backgrounds, scenes = tuple(content.backgrounds), tuple(content.scenes)
    return Vocabulary(tuple(content.things), backgrounds, scenes, synonyms=tuple(content.synonyms))
