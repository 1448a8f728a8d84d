"""Listening to a request in the background: what is told, when to ask instead, and when to listen again."""

from __future__ import annotations

import asyncio
import json

from core.client import HordeClient, Patience
from core.generation import told as module
from core.generation.told import Told
from tests.doubles.horde import CHECKED, FakeHorde, Fault

DONE = b"event: done\ndata: " + json.dumps({**CHECKED, "done": True}).encode() + b"\n\n"
PROGRESS = b"event: progress\ndata: " + json.dumps(CHECKED).encode() + b"\n\n"


def client_of(horde: FakeHorde) -> HordeClient:
    return HordeClient(horde.url, "", "Tests:1:none", patience=Patience(attempts=1, first_wait=0.01, timeout=5))


async def test_news_wakes_whoever_waits() -> None:
    """What is told ends the wait, is taken once, and the end of the telling leaves the asking to the others."""
    horde = FakeHorde(ours=True, told=[PROGRESS, DONE])
    async with asyncio.timeout(5), horde, client_of(horde) as client, Told(client, "abc") as told:
        newest = None
        while newest is None or not newest.done:
            await told.news(5)
            newest = told.take() or newest
        assert told.take() is None


async def test_where_nothing_is_told_waiting_takes_its_time() -> None:
    """On a foreign horde the wait is as long as was said, and nobody claims to be told anything."""
    async with FakeHorde() as horde, client_of(horde) as client, Told(client, "abc") as told:
        await told.news(5)  # the horde turned out to have no streams
        assert told.take() is None
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await told.news(0.05)
        assert loop.time() - begun >= 0.04
        assert not told.live


async def test_a_stream_that_broke_is_opened_again() -> None:
    """After a fault the follower asks for itself, until the horde tells again."""
    async with FakeHorde(ours=True, told=[DONE]) as horde, client_of(horde) as client:
        horde.faults.extend([Fault.OVERLOADED])
        async with asyncio.timeout(module.AGAIN * 5), Told(client, "abc") as told:
            while told.take() is None:
                await told.news(0.1)
    assert horde.paths().count("/api/largesse/v1/generate/events/abc") >= 1
