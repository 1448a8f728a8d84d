"""The whole system in one process, over loopback HTTP: coordinator, worker with test patterns, bots, a room to talk in.

Only the device process of the worker is a process of its own, as always. Each part can be stopped and started alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bots import REPERTOIRE
from core.chat.dispatch import Dispatch
from core.chat.testing import FakePlatform
from core.chat.types import Post, Press
from core.coordinator.app import serve
from core.coordinator.keys import house_keys
from core.house import House, open_house
from core.settings import Settings
from core.store import Store
from core.worker.pool import run_worker
from tests.doubles.program import free_port

PATIENCE = 20.0
"""Seconds after which a test gives up waiting."""


def settings_in(folder: Path, **bots: Any) -> Settings:
    """Settings of a whole system that keeps everything in one folder."""
    return Settings.model_validate(
        {
            "general": {"data_dir": folder, "log_level": "WARNING"},
            "coordinator": {"port": free_port(), "sweep_every": 0.5},
            "worker": {"renderer": "fake", "models": ["little"], "devices": ["cpu"], "max_power_threads": 1},
            "bots": bots,
        }
    )


class Part:
    """Something that runs until it is told to stop."""

    def __init__(self, run: Callable[[Callable[..., None], asyncio.Event], Coroutine[Any, Any, None]]) -> None:
        self._run = run
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def start(self) -> None:
        """Start it; returns when it is ready."""
        ready, self._stop = asyncio.Event(), asyncio.Event()
        self._task = asyncio.create_task(self._run(lambda *_: ready.set(), self._stop))
        waiting = asyncio.create_task(ready.wait())
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait({self._task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Let it finish what it is doing."""
        self._stop.set()
        await self._end()

    async def break_off(self) -> None:
        """End it in the middle of whatever it is doing."""
        if self._task:
            self._task.cancel()
        await self._end()

    async def _end(self) -> None:
        if self._task:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait({self._task})
            self._task = None


class Whole:
    """A horde, a worker and a bot."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.platform = FakePlatform()
        self.keys = house_keys(settings.general.data_dir)
        self.url = f"http://127.0.0.1:{settings.coordinator.port}"
        self.coordinator = Part(lambda ready, stop: serve(settings, ready=ready, stop=stop))
        self.worker = Part(self._work)
        self._bots = AsyncExitStack()
        self.house: House
        self.dispatch: Dispatch[House]

    async def _work(self, ready: Callable[..., None], stop: asyncio.Event) -> None:
        key = SecretStr(self.keys.worker)
        await run_worker(self.settings, api_key=key, horde_url=self.url, ready=ready, stop=stop)

    async def start_bots(self) -> None:
        """Open the house and take up what a former one left."""
        file = self.settings.general.data_dir / "bots.db"
        store = await self._bots.enter_async_context(await Store.open(f"sqlite:///{file}"))
        house = open_house(
            self.settings.bots,
            store,
            horde_url=self.url,
            api_key=SecretStr(self.keys.bots),
            data_dir=self.settings.general.data_dir,
        )
        self.house = await self._bots.enter_async_context(house)
        self.dispatch = Dispatch(REPERTOIRE, self.house, store, requests_per_minute=600)
        await self.dispatch.resume(self.platform)

    async def stop_bots(self) -> None:
        """Close the house, whatever it is doing; conversations are left for the next one."""
        await self.dispatch.close()
        await self._bots.aclose()

    async def begin(self, text: str, *, person: str = "ann") -> asyncio.Task[Any]:
        """Somebody says something; the conversation runs when this returns."""
        task = await self.dispatch.call(self.platform, self.platform.call(text, person=self.platform.person(person)))
        assert task is not None
        return task

    async def say(self, text: str) -> Post:
        """Somebody says something; the bot's answer."""
        async with asyncio.timeout(PATIENCE):
            await (await self.begin(text))
        return self.platform.posts[-1]

    async def press(self, action: str, *, person: str = "ann") -> None:
        """Somebody presses a button of the newest post that has it."""
        for shown in reversed(self.platform.shown.values()):
            for button in shown.post.buttons:
                if button.action == action:
                    who, where = self.platform.person(person), self.platform.place()
                    press = Press(f"press:{action}:{shown.ref.message}", action, button.arg, who, where, shown.ref)
                    task = await self.dispatch.press(self.platform, press)
                    assert task is not None
                    await task
                    return
        raise AssertionError(f"no button {action}")

    @property
    def pictures(self) -> list[bytes]:
        """Every picture that stands in the room."""
        return [picture.data or b"" for post in self.platform.posts for picture in post.pictures]

    @property
    def progress(self) -> list[str]:
        """Everything the progress messages have said."""
        everything = [*self.platform.deleted, *self.platform.shown.values()]
        posts = [post for each in everything for post in (*each.history, each.post)]
        return [post.progress.text for post in posts if post.progress]

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(PATIENCE):
            while not true():  # noqa: ASYNC110  # what is waited for happens on the other side of HTTP
                await asyncio.sleep(0.02)


@asynccontextmanager
async def whole(folder: Path, *, drawing: bool = True, **bots: Any) -> AsyncIterator[Whole]:
    """All parts running; `drawing=False` leaves the worker for later."""
    system = Whole(settings_in(folder, **bots))
    try:
        await system.coordinator.start()
        if drawing:
            await system.worker.start()
        await system.start_bots()
        yield system
    finally:
        if hasattr(system, "dispatch"):
            await system.stop_bots()
        await system.worker.stop()
        await system.coordinator.stop()
