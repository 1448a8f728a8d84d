"""A restart in the middle of many requests, with repeated events and lost answers: each is answered exactly once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.adapters.discord.house import running
from tests.bots.scripted import ScriptedHorde
from tests.doubles.discord.server import Discord
from tests.doubles.discord.world import APPLICATION


async def drill(folder: Path, discord: Discord, horde: ScriptedHorde, number: int) -> None:
    """Half the requests are commands, half mentions; the horde finishes while the bot is away."""
    horde.patient = True
    async with running(folder, discord, horde):
        for each in range(number):
            if each % 2:
                await discord.slash("imagine", prompt=f"frog number {each}")
            else:
                await discord.write(f"<@{APPLICATION}> frog number {each}")
        await discord.until(lambda: len(horde.requests) == number, seconds=120)
    former = [event for session in discord.gateway.sessions.values() for event in session.events]
    for asked in horde.requests.values():
        asked.finishes()
    discord.rest.losing = number // 2
    async with running(folder, discord, horde) as bot:
        for event in former:
            if event["t"] in {"INTERACTION_CREATE", "MESSAGE_CREATE"}:
                await discord.gateway.tell(event["t"], event["d"])
        await discord.until(lambda: len(discord.world.shown()) >= number, seconds=120)
        await bot.dispatch.idle()
    answers = Counter(each["content"].splitlines()[0] for each in discord.world.shown())
    assert answers == Counter(f"frog number {each}" for each in range(number))
    assert all(each["attachments"] for each in discord.world.shown())
    assert len(horde.requests) == number
    left = [each for each in discord.world.messages.values() if each["author"]["id"] == APPLICATION and each["embeds"]]
    assert left == []


async def test_a_restart_answers_each_request_once(tmp_path: Path, discord: Discord, horde: ScriptedHorde) -> None:
    """Ten requests, five lost answers."""
    await drill(tmp_path, discord, horde, 10)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_restart_answers_a_hundred_requests_once(
    tmp_path: Path, discord: Discord, horde: ScriptedHorde
) -> None:
    """A hundred requests, fifty lost answers."""
    await drill(tmp_path, discord, horde, 100)
