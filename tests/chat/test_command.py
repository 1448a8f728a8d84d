"""Declarations: what a signature says, and what cannot be declared."""

from __future__ import annotations

from typing import Annotated

import pytest

from core.chat.command import Opt, OptionKind, Repertoire, button, command, resume, suggestions
from core.chat.talk import Chat


@command("paint", default=True, aliases=("brush",))
async def paint(
    chat: Chat[None],
    what: Annotated[str, Opt("What")],
    *,
    n_times: Annotated[int | None, Opt("How often", ge=1)] = None,
) -> None:
    """Paint it.

    More words that nobody sees.
    """


@button("again", words=("again", "Once more"))
async def again(chat: Chat[None], press: object) -> None: ...


def test_the_signature_is_the_grammar() -> None:
    """Names, kinds, defaults and the description come from the function."""
    assert (paint.name, paint.description, paint.default) == ("paint", "Paint it.", True)
    what, times = paint.options
    assert (what.rest, what.required, what.kind) == (True, True, OptionKind.TEXT)
    assert (times.spelled, times.required, times.kind, times.about.ge) == ("n-times", False, OptionKind.INTEGER, 1)


def test_a_repertoire_finds_what_is_said() -> None:
    """Commands by name or alias, buttons by action or word, upper and lower case alike."""
    repertoire = Repertoire(paint, again)
    assert repertoire.command("BRUSH") is paint is repertoire.default
    assert repertoire.word("once more") is again is repertoire.buttons["again"]
    assert repertoire.words() == {"again": "again"}
    assert repertoire.command("again") is None


def test_no_name_is_declared_twice() -> None:
    """A second command, word, kind or list of the same name is refused, and so is a second default."""

    @command("again")
    async def spoken(chat: Chat[None]) -> None:
        """Same word as a button."""

    @command("other", default=True)
    async def other(chat: Chat[None]) -> None:
        """A second default."""

    for pair in [(paint, paint), (again, spoken), (paint, other), (resume("a")(again.run), resume("a")(again.run))]:
        with pytest.raises(TypeError):
            Repertoire(*pair)

    async def names(_house: None) -> list[str]:
        return []

    with pytest.raises(TypeError):
        Repertoire(suggestions("x")(names), suggestions("x")(names))


def test_a_signature_that_is_no_grammar_is_refused() -> None:
    """Missing docstrings, descriptions, unknown types and two positional parameters are mistakes found at import."""

    async def silent(chat: Chat[None]) -> None: ...

    async def bare(chat: Chat[None], what: str) -> None:
        """Do."""

    async def odd(chat: Chat[None], *, what: Annotated[bytes, Opt("What")]) -> None:
        """Do."""

    async def two(chat: Chat[None], a: Annotated[str, Opt("A")], b: Annotated[str, Opt("B")]) -> None:
        """Do."""

    for function in (silent, bare, odd, two):
        with pytest.raises(TypeError):
            command("x")(function)
