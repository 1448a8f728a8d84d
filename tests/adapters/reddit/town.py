"""The bots as `run_bot.py` puts them together, on a small Reddit; they may be stopped at any line and started again."""

from __future__ import annotations

import asyncio
import io
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image
from pydantic import SecretStr

from adapters.reddit.platform import Reddit
from bots import REPERTOIRE
from core.chat.dispatch import Dispatch
from core.house import House, open_house
from core.settings import Bots
from core.store import Store
from tests.bots.scripted import ScriptedHorde
from tests.doubles.reddit.rig import reddit_port
from tests.doubles.reddit.server import FakeReddit


def png(colour: str = "red") -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "PNG")
    return out.getvalue()


class Town:
    """Reddit with the bot in it; `thread` is a post by bob in r/pics."""

    def __init__(self, folder: Path, horde: ScriptedHorde, there: FakeReddit) -> None:
        self.folder, self.horde, self.there = folder, horde, there
        self.thread = there.post("pics", "bob", "Show me something")
        self.port: Reddit
        self.dispatch: Dispatch[House]
        self._open = AsyncExitStack()
        self._settings: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.close()

    async def open(self, **settings: Any) -> None:
        """Start the bot, with the settings of the last time where none are given."""
        self._settings = settings or self._settings
        bots = Bots(requests_per_minute=600)
        store = await self._open.enter_async_context(await Store.open(f"sqlite:///{self.folder / 'bots.db'}"))
        key = SecretStr("bots-key")
        house = open_house(bots, store, horde_url=self.horde.url, api_key=key, data_dir=self.folder)
        self.port = reddit_port(self.there, self.folder, **self._settings)
        kept = await self._open.enter_async_context(house)
        self.dispatch = Dispatch(REPERTOIRE, kept, store, requests_per_minute=600, rules=kept.places)
        self._stop = asyncio.Event()
        self.listening = asyncio.create_task(self.dispatch.listen(self.port, until=self._stop, drain=0.0))

    async def close(self) -> None:
        """Stop the bot wherever it is."""
        if hasattr(self, "listening"):
            self._stop.set()
            await self.listening
            await self.dispatch.close()
            self.port.close()
        await self._open.aclose()

    async def reopen(self) -> None:
        """Stop the bot and start it again."""
        await self.close()
        await self.open()

    async def summon(self, text: str, *, author: str = "ann", parent: str | None = None) -> str:
        """Somebody summons the bot; its answer, once it stands."""
        asked = self.there.comment(author, parent or self.thread, f"u/thebot {text}")
        return await self.answer(asked)

    async def reply(self, text: str, *, author: str = "ann", to: str) -> str:
        """Somebody replies to the bot; its answer, once it stands."""
        return await self.answer(self.there.comment(author, to, text))

    async def answer(self, asked: str) -> str:
        """Fullname of what the bot says to this, once it stands."""
        await self.there.until(lambda: self.there.below(asked))
        (answer,) = self.there.below(asked)
        return str(answer["name"])

    async def read(self) -> None:
        """Wait until nothing is unread and everything is answered."""
        await self.there.until(lambda: not self.there.unread)
        await self.dispatch.idle()

    def body(self, fullname: str) -> str:
        """What something says."""
        return str(self.there.things[fullname]["body"])
