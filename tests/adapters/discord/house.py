"""The bots on the double of Discord: real adapter, real discord.py, real conversations, a scripted horde."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from adapters.discord.platform import Discord as Adapter
from bots import REPERTOIRE
from core.chat.dispatch import Dispatch
from core.house import House, open_house
from core.settings import Bots
from core.store import Store
from tests.bots.scripted import ScriptedHorde
from tests.doubles.discord.server import TOKEN, Discord


@dataclass
class Running:
    """One process of the bot."""

    adapter: Adapter
    dispatch: Dispatch[House]
    house: House
    discord: Discord
    horde: ScriptedHorde


@asynccontextmanager
async def running(
    folder: Path, discord: Discord, horde: ScriptedHorde, *, shards: int = 1, **settings: Any
) -> AsyncIterator[Running]:
    """The bots, connected; leaving is a kill: nothing is drained."""
    bots = Bots(requests_per_minute=10_000, **settings)
    adapter = Adapter(token=SecretStr(TOKEN), shards=shards, data_dir=folder, connector=discord.connector)
    discord.gateway.identified.clear()
    async with (
        await Store.open(f"sqlite:///{folder / 'bots.db'}") as store,
        open_house(bots, store, horde_url=horde.url, api_key=SecretStr("bots-key"), data_dir=folder) as house,
    ):
        dispatch = Dispatch(REPERTOIRE, house, store, requests_per_minute=10_000, rules=house.places)
        stop = asyncio.Event()
        listening = asyncio.create_task(dispatch.listen(adapter, until=stop, drain=0.0))
        try:
            async with asyncio.timeout(30):
                await discord.gateway.identified.wait()
            yield Running(adapter, dispatch, house, discord, horde)
        finally:
            stop.set()
            await listening
            await dispatch.close()
