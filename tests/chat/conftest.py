"""A small repertoire and a platform in memory to talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from core.chat.command import Opt, Repertoire, button, command, emoji_table, reaction, resume, suggestions
from core.chat.dispatch import Dispatch
from core.chat.talk import Chat
from core.chat.testing import FakePlatform, InMemory
from core.chat.types import Button, Picture, Place, Post, Press, Reaction
from core.errors import NotAllowed


@dataclass
class House:
    """What the conversations of these tests work with."""

    ran: list[str] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)


@command("draw", default=True)
async def draw(chat: Chat[House], prompt: Annotated[str, Opt("What to draw")]) -> None:
    """Draw something."""
    chat.house.ran.append(f"draw {prompt}")
    buttons = (Button("Again", "again", prompt, emoji="🔁"), *(Button("V", "vary", f"{prompt}:{n}") for n in (1, 2)))
    await chat.reply(Post(f"Here: {prompt}", (Picture(data=b"x", alt=prompt),), buttons, about=prompt))


@command("slow")
async def slow(chat: Chat[House]) -> None:
    """Take as long as the test wants."""
    chat.house.ran.append("slow")
    await chat.hold("slow", {"since": "before"})
    await chat.progress("working", 0.1)
    chat.house.reached.set()
    await chat.house.go.wait()
    await chat.reply("slow is done")


@resume("slow")
async def slow_again(chat: Chat[House], state: Mapping[str, Any]) -> None:
    chat.house.ran.append(f"slow since {state['since']}")
    await chat.reply("slow is done")


@command("break")
async def break_it(_chat: Chat[House]) -> None:
    """Fail in a way nobody thought of."""
    raise RuntimeError("the secret is 42")


@command("refuse")
async def refuse(_chat: Chat[House]) -> None:
    """Refuse."""
    raise NotAllowed("Not on a Sunday.")


@command("secret")
async def secret(chat: Chat[House]) -> None:
    """Say something that is for one person only."""
    await chat.whisper("Your balance is 7.")


@emoji_table("thanks")
async def thanks(_house: House, place: Place) -> Sequence[str]:
    return ("❤", "77", ":cake:") if place.id != "strict" else ()


@reaction(table="thanks")
async def thank(chat: Chat[House], put: Reaction) -> None:
    author = put.author.name if put.author else "somebody"
    chat.house.ran.append(f"{'+' if put.added else '-'}{put.emoji} {author} {put.target.message}")
    if put.emoji == ":cake:":
        raise NotAllowed("No cake.")


@button("again", words=("again",))
async def again(chat: Chat[House], press: Press) -> None:
    await chat.reply(f"again {press.arg}")


@button("vary", words=("variation",))
async def vary(chat: Chat[House], press: Press) -> None:
    await chat.reply(f"varied {press.arg}")


@suggestions("styles")
async def styles(_house: House) -> Sequence[str]:
    return ["ink", "pink ink", "oil"]


Start = Callable[..., Dispatch[House]]
REPERTOIRE = Repertoire(draw, slow, slow_again, break_it, refuse, secret, again, vary, styles, thanks, thank)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def memory() -> InMemory:
    return InMemory()


@pytest.fixture
def fake() -> FakePlatform:
    return FakePlatform()


@pytest.fixture
def start(house: House, memory: InMemory) -> Start:
    """Makes a dispatch over the same memory, as a process does at its start."""
    return lambda per_minute=100: Dispatch(REPERTOIRE, house, memory, requests_per_minute=per_minute)


@pytest.fixture
def dispatch(start: Start) -> Dispatch[House]:
    return start()
