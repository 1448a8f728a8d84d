"""The named looks and what is known about families of models: `config/styles.toml`, read once at start.

`core.generation` dresses a prompt with them, `bots/styles.py` lists them. A style is a template around the person's
words plus hints (steps, guidance, sampler, shape); a family says how its models like to be asked.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.chat.grammar import nearest, quoted
from core.contract.names import Sampler
from core.errors import ConfigError, NotFound
from core.house.words import Vocabulary, load_vocabulary

Side = Annotated[int, Field(ge=64, le=3072, multiple_of=64)]


class _Table(BaseModel):
    """One table of the file: unknown keys are errors, so that a typo never goes unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Hints(_Table):
    """How to draw; None leaves the choice to whoever is asked next (person, style for the family, style, family)."""

    steps: int | None = Field(default=None, ge=1, le=500)
    cfg_scale: float | None = Field(default=None, ge=0, le=100)
    sampler: Sampler | None = None
    width: Side | None = None
    height: Side | None = None


class Family(Hints):
    """Models that are asked in the same way; `models` are shell patterns on their names, whatever the case."""

    models: Annotated[list[str], Field(min_length=1)]
    size: Side = 512

    def holds(self, model: str) -> bool:
        """Whether a model of this name belongs here."""
        return any(fnmatchcase(model.lower(), pattern.lower()) for pattern in self.models)


class Look(Hints):
    """A template around the person's words: `{p}` their prompt, `{np}` what they do not want to see."""

    prompt: str | None = Field(default=None, max_length=1000)
    negative: str | None = Field(default=None, max_length=1000)

    @model_validator(mode="after")
    def _keeps_the_words(self) -> Self:
        if self.prompt is not None and "{p}" not in self.prompt:
            raise ValueError("a prompt template that contains {p}, the place of the person's words")
        return self


class Style(Look):
    """A named look. `families` overrides it for some families; `only` lists the ones it is made for (empty = all)."""

    description: str = Field(min_length=1, max_length=100)
    tags: list[str] = []
    only: list[str] = []
    families: dict[str, Look] = {}

    def fits(self, family: str) -> bool:
        """Whether the style does something sensible with models of this family."""
        return not self.only or family in self.only

    def look(self, family: str) -> Look:
        """The style as it is for one family: the family's own entries over the general ones."""
        general = self.model_dump(exclude={"description", "tags", "only", "families"}, exclude_none=True)
        special = self.families.get(family, Look()).model_dump(exclude_none=True)
        return Look(**{**general, **special})


class Styles(_Table):
    """The whole file. `vocabulary` is where the bundled model's word list lies (None: no hints about its words)."""

    vocabulary: Path | None = None
    families: dict[str, Family]
    styles: dict[str, Style]

    @model_validator(mode="after")
    def _names_known_families(self) -> Self:
        for name, style in self.styles.items():
            for family in (*style.only, *style.families):
                if family not in self.families:
                    known = ", ".join(self.families)
                    raise ValueError(f"style {name!r} names the family {family!r}; the families are: {known}")
        return self

    @cached_property
    def words(self) -> Vocabulary | None:
        """What the bundled model can draw, read once; None where that is not known."""
        return load_vocabulary(self.vocabulary)

    def family(self, model: str) -> tuple[str, Family]:
        """Name and hints of the first family that holds the model; models no pattern knows get SD 1's manners."""
        for name, family in self.families.items():
            if family.holds(model):
                return name, family
        return "unknown", Family(models=["*"])

    def assumed_family(self) -> tuple[str, Family]:
        """What to count on while nobody offers any model: the first family of the file."""
        return next(iter(self.families.items()), ("unknown", Family(models=["*"])))

    def find(self, name: str) -> tuple[str, Style]:
        """The style of that name, however it is spelled in case, spaces, hyphens or underscores.

        Raises:
            NotFound: there is none; the sentence names the nearest ones.
        """
        wanted = _plain(name)
        for known, style in self.styles.items():
            if _plain(known) == wanted:
                return known, style
        raise NotFound(f"There is no style called {quoted(name)}. {nearest(name, self.styles)}", code="StyleNotFound")

    def search(self, words: str) -> Mapping[str, Style]:
        """Styles whose name, description or tags contain every one of the words; all of them for no words."""
        wanted = words.lower().split()
        return {name: style for name, style in self.styles.items() if _mentions(name, style, wanted)}


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _mentions(name: str, style: Style, wanted: Sequence[str]) -> bool:
    text = " ".join((name, style.description, *style.tags)).lower()
    return all(word in text for word in wanted)


def load_styles(file: Path) -> Styles:
    """Read the file.

    Raises:
        ConfigError: it is missing, not TOML, or holds something that is not allowed; names file, key, found, allowed.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such file; [bots] styles_file names it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: this is not TOML: {error}.") from None
    try:
        return Styles(**content)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(file, dict(detail)) for detail in error.errors())) from None


def _sentence(file: Path, detail: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in detail["loc"]) or "the file"
    if detail["type"] == "extra_forbidden":
        allowed = ", ".join(_allowed_keys(detail["loc"]))
        return f"{file}: {key}: there is no such key; allowed here: {allowed}."
    if detail["type"] == "missing":
        return f"{file}: {key}: found nothing; allowed: this key must be set."
    reason = str(detail["msg"]).removeprefix("Value error, ")
    if not detail["loc"] or isinstance(detail["input"], dict):
        return f"{file}: {key}: {reason}."
    return f"{file}: {key}: found {detail['input']!r}; allowed: {reason}."


def _allowed_keys(path: tuple[str | int, ...]) -> list[str]:
    """The keys of the table that holds the last part of `path`, told from how deep it lies."""
    table = {1: Styles, 3: Family if path[0] == "families" else Style, 5: Look}.get(len(path), Styles)
    return sorted(table.model_fields)
