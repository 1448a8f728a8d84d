"""A bot account on a server of the fediverse, with the real dispatch and memory and a few small conversations."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import SecretStr

from adapters.mastodon.ear import CURSOR, Pace
from adapters.mastodon.platform import Mastodon
from core.chat import types
from core.chat.command import Opt, Repertoire, button, command
from core.chat.dispatch import Dispatch
from core.chat.talk import Chat
from core.chat.types import Button, Post, Press
from core.errors import InvalidRequest
from core.platforms import Mastodon as Section
from core.store import Store
from tests.doubles.mastodon.bodies import Status
from tests.doubles.mastodon.server import TOKEN, Server

QUICK = Pace(poll=0.05, calm=5.0, least=0.01, reconnect=0.05, media=0.01)
PATIENCE = 20.0


@dataclass
class Easel:
    """What the conversations draw, and what they saw."""

    begun: list[str] = field(default_factory=list[str])
    sources: list[types.Picture] = field(default_factory=list[types.Picture])
    withdrawn: list[str] = field(default_factory=list[str])
    dry: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: pictures are finished at once."""


def webp(words: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), tuple(words.encode().ljust(3)[:3])).save(out, "WEBP")
    return out.getvalue()


@command("draw", default=True)
async def draw(
    chat: Chat[Easel],
    prompt: Annotated[str, Opt("What to draw", example="a cat")],
    *,
    n: Annotated[int, Opt("How many", ge=1)] = 1,
    picture: Annotated[types.Picture | None, Opt("Start from this")] = None,
) -> None:
    """Draw something."""
    if "impossible" in prompt:
        raise InvalidRequest("That cannot be drawn.")
    if picture:
        chat.house.sources.append(picture)
    chat.house.begun.append(prompt)
    await chat.house.dry.wait()
    drawn = [types.Picture(webp(f"{prompt}{number}"), alt=f"{prompt}, number {number}") for number in range(n)]
    spiders = "spiders" if "spider" in prompt else None
    post = Post(f"Here: {prompt}", tuple(drawn), (Button("Again", "again", prompt, emoji="🔁"),), about=prompt)
    await chat.reply(replace(post, content_warning=spiders) if spiders else post)


@command("hello")
async def hello(chat: Chat[Easel]) -> None:
    """Say hello."""
    await chat.reply("Hello to you.")


@button("again", words=("again",))
async def again(chat: Chat[Easel], press: Press) -> None:
    await chat.reply(f"Once more: {press.arg}")


@button("withdraw")
async def withdraw(chat: Chat[Easel], press: Press) -> None:
    chat.house.withdrawn.append(press.arg)


REPERTOIRE = Repertoire(draw, hello, again, withdraw)


@dataclass
class Bot:
    """The account, listening."""

    port: Mastodon
    easel: Easel
    server: Server

    async def answered(self, status: Status, count: int = 1) -> list[Status]:
        """The answers to a status, as soon as there are so many."""
        await until(lambda: len(self.server.answers(status)) >= count)
        return self.server.answers(status)


def account(server: Server, folder: Path, *, pace: Pace = QUICK, **settings: Any) -> Mastodon:
    """The port, with the settings' defaults."""
    section = Section(instance=server.base, access_token=SecretStr(TOKEN), **settings)
    chosen = {key: getattr(section, key) for key in Section.model_fields if key != "enabled"}
    return Mastodon(**chosen, data_dir=folder, pace=pace)


@asynccontextmanager
async def listening(server: Server, folder: Path, *, wait: bool = True, **settings: Any) -> AsyncIterator[Bot]:
    """The bot from its start to a shutdown."""
    easel = Easel()
    easel.dry.set()
    async with await Store.open(f"sqlite:///{folder / 'bots.db'}") as store:
        dispatch = Dispatch(REPERTOIRE, easel, store, requests_per_minute=10_000)
        port = account(server, folder, **settings)
        await dispatch.resume(port)
        task = asyncio.create_task(port.run(dispatch))
        try:
            if wait:
                await began(port)
            yield Bot(port, easel, server)
        finally:
            await dispatch.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def began(port: Mastodon) -> None:
    """Wait until the bot knows from where on it listens."""
    async with asyncio.timeout(PATIENCE):
        while await port._notes.mark(CURSOR) is None:  # noqa: ASYNC110  # over HTTP
            await asyncio.sleep(0.01)


async def until(true: Callable[[], object]) -> None:
    """Wait until something holds on the other side of HTTP."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110  # over HTTP
            await asyncio.sleep(0.01)
