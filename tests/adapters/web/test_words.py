"""How the bot is addressed on the page, and what is offered while somebody writes."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest

from adapters.web.words import address, complete
from core.chat.command import Opt, Repertoire, button, command
from core.chat.talk import Chat
from core.chat.types import Picture, Press


@command("imagine", default=True, aliases=("draw",))
async def imagine(
    _chat: Chat[None],
    prompt: Annotated[str, Opt("What to draw")],
    *,
    style: Annotated[str | None, Opt("A named look", suggest="styles")] = None,
    steps: Annotated[int | None, Opt("How long")] = None,
    mood: Annotated[Literal["bright", "broody"] | None, Opt("How it feels")] = None,
    picture: Annotated[Picture | None, Opt("Start from it")] = None,
) -> None:
    """Draw a picture."""


@command("help")
async def help_(_chat: Chat[None]) -> None:
    """Explain."""


@button("again", words=("again", "once more"))
async def again(_chat: Chat[None], _press: Press) -> None: ...


REPERTOIRE = Repertoire(imagine, help_, again)


@pytest.mark.parametrize(
    ("text", "to_bot", "meant"),
    [
        ("draw a cat", False, "draw a cat"),
        ("Please draw a cat", False, "Please draw a cat"),
        ("/imagine a cat", False, "/imagine a cat"),
        ("/nonsense", False, "/nonsense"),
        ("@Largesse, a cat", False, "a cat"),
        ("@largesse", False, ""),
        ("HELP", False, "HELP"),
        ("good morning", False, None),
        ("I will draw a cat", False, None),
        ("@largessed", False, None),
        ("", False, None),
        ("and/or", False, None),
        ("again", False, None),
        ("again", True, "again"),
        ("Once more!", True, "Once more!"),
        ("again 2", True, "again 2"),
        ("🔁", True, "🔁"),
        ("🔁", False, None),
        ("nice one, thank you", True, None),
        ("", True, None),
    ],
)
def test_in_a_room_the_bot_listens_when_it_is_meant(text: str, to_bot: bool, meant: str | None) -> None:
    """Commands, its name and answers to it are for the bot; people's talk is not."""
    assert address(text, REPERTOIRE, private=False, to_bot=to_bot) == meant


def test_in_private_everything_is_meant() -> None:
    """Whatever is written there is for the bot."""
    assert address("good morning", REPERTOIRE, private=True, to_bot=False) == "good morning"
    assert address("@largesse a cat", REPERTOIRE, private=True, to_bot=False) == "a cat"


@pytest.mark.parametrize(
    ("typed", "start", "offered"),
    [
        ("/", 0, ["/imagine ", "/help "]),
        ("/he", 0, ["/help "]),
        ("@largesse /im", 10, ["/imagine "]),
        ("draw a cat --", 11, ["--style ", "--steps ", "--mood "]),
        ("a cat --st", 6, ["--style ", "--steps "]),
        ("a cat --style i", 14, ["ink i ", "oil i "]),
        ("a cat style: ", 13, ["ink  ", "oil  "]),
        ("a cat --mood b", 13, ["bright ", "broody "]),
        ("a cat --mood bright", 13, []),
        ("a cat --steps 3", 14, []),
        ("a cat --style ink --steps", 18, ["--steps "]),
        ("help --", 5, []),
        ("a cat", 5, []),
        ("", 0, []),
    ],
)
async def test_what_may_come_next_is_offered(typed: str, start: int, offered: list[str]) -> None:
    """Commands after a slash, options after two hyphens, values after an option."""

    async def suggest(name: str, text: str) -> list[str]:
        assert name == "styles"
        return [f"ink {text}", f"oil {text}"]

    found = await complete(typed, REPERTOIRE, suggest)
    assert [each.insert for each in found.offers] == offered
    assert all(each.about for each in found.offers)
    if offered:
        assert found.start == start
