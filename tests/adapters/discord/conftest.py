"""A Discord on loopback, a scripted horde, and the bots between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.discord.house import Running, running
from tests.bots.scripted import ScriptedHorde
from tests.doubles.discord.server import Discord


@pytest.fixture
async def horde() -> AsyncIterator[ScriptedHorde]:
    async with ScriptedHorde().listening() as horde:
        yield horde


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    """The double; what goes against Discord's own documents fails the test, where they are at hand."""
    async with Discord() as discord:
        yield discord
    assert discord.schema.problems == [], "\n".join(discord.schema.problems)


@pytest.fixture
async def bot(tmp_path: Path, discord: Discord, horde: ScriptedHorde) -> AsyncIterator[Running]:
    async with running(tmp_path, discord, horde) as bot:
        yield bot
