"""What one coordinator does, the others on the same PostgreSQL know at once; and soon even where the word is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from core.contract import paths
from core.coordinator.rules import accounts
from core.coordinator.rules.values import Nothing, Offer
from core.coordinator.store.lanes import RELOAD_SECONDS, Lanes
from core.db import Database
from tests.coordinator.processes.crowd import Crowd
from tests.coordinator.rules.conftest import Horde
from tests.doubles.postgres_server import PostgresServer
from tests.doubles.program import Program


@pytest.fixture
async def two(tmp_path: Path, postgres: PostgresServer) -> AsyncIterator[tuple[Crowd, Crowd]]:
    """Two coordinators on two ports with one database and one folder, as two hosts would have, and their visitors."""
    name = postgres.create()
    settings = {
        "COORDINATOR__DATABASE_URL": postgres.address(name),
        "COORDINATOR__LIMITS__RATE_LIMITS": "false",
        "GENERAL__DATA_DIR": str(tmp_path / "data"),
    }
    programs = [Program(tmp_path / place, **settings) for place in ("here", "there")]
    try:
        for program in programs:
            program.start("coordinator")
        crowds = [Crowd(program.url, tmp_path / "data") for program in programs]
        async with crowds[0] as here, crowds[1] as there:
            yield here, there
    finally:
        for program in programs:
            program.close()
        postgres.drop(name)


@pytest.fixture
def url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A migrated database."""
    name = postgres.create(postgres_template)
    yield postgres.address(name)
    postgres.drop(name)


def _pop(wait: int) -> dict[str, object]:
    agent = "Largesse worker:1:https://example.org"
    return {"name": "worker", "models": ["little"], "max_pixels": 1 << 20, "wait": wait, "bridge_agent": agent}


async def test_a_pop_that_waits_elsewhere_is_woken(two: tuple[Crowd, Crowd]) -> None:
    """A worker waits at one coordinator, somebody asks at the other: the job is there in a moment, ten times over."""
    here, there = two
    taken: list[float] = []
    for _ in range(10):
        waiting = asyncio.create_task(here.call("POST", "/api/v2/generate/pop", here.worker_key, json=_pop(20)))
        await asyncio.sleep(0.1)
        asked = time.monotonic()
        request = await there.ask()
        job = (await waiting)[1]
        taken.append(time.monotonic() - asked)
        assert job["id"]
        await there.call("DELETE", f"/api/v2/generate/status/{request}")
    assert sorted(taken)[5] < 0.5


async def test_steps_are_known_everywhere(two: tuple[Crowd, Crowd]) -> None:
    """A worker reports to one coordinator; who asks the other how far the picture is sees the same step."""
    here, there = two
    request = await here.ask()
    job = (await here.call("POST", "/api/v2/generate/pop", here.worker_key, json=_pop(5)))[1]
    report = {"id": job["id"], "step": 3, "steps": 4}
    assert (await here.call("POST", paths.OURS_PROGRESS, here.worker_key, json=report))[1]["wanted"]
    async with asyncio.timeout(5):
        while True:
            running = (await there.call("GET", f"/api/v2/generate/check/{request}"))[1]["running"]
            if running[0]["step"] == 3:
                return
            await asyncio.sleep(0.02)


async def test_nothing_is_hidden_longer_than_the_stated_time(url: str) -> None:
    """Even where no word of another process is ever heard, its requests are found RELOAD_SECONDS later, always."""
    async with await Database.open(url) as first, await Database.open(url) as second:
        here, there = Horde(first), Horde(second)
        owner = await here.user("owner", trusted=True, kudos=10_000)
        for turn in range(20):
            now = here.now = there.now = there.now + 100
            assert isinstance(await there.pop(owner), Nothing)
            await here.ask(owner, models=["little"] if turn % 2 else [f"model {turn}", "little"])
            there.now = now + 0.999 * RELOAD_SECONDS
            early = await there.pop(owner)
            there.now = now + RELOAD_SECONDS
            assert isinstance(early if isinstance(early, Offer) else await there.pop(owner), Offer)


async def test_words_lower_the_bounds_at_once(url: str) -> None:
    """With words exchanged, another process's request is found although no time has passed on the clock."""
    async with await Database.open(url) as first, await Database.open(url) as second:
        here, there = Horde(first), Horde(second)
        owner = await here.user("owner", trusted=True)
        heard: asyncio.Queue[str] = asyncio.Queue()
        lanes = second.local(Lanes)

        def hear(topic: str, messages: Sequence[str]) -> None:
            if topic == "lanes":
                lanes.hear(messages)
            heard.put_nowait(topic)

        assert first.signals is not None
        assert second.signals is not None
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(second.signals.exchange(hear)),
                group.create_task(first.signals.exchange(lambda *_: heard.put_nowait("first"))),
            ]
            assert {await heard.get(), await heard.get()} == {"everything", "first"}
            for _ in range(5):
                assert isinstance(await there.pop(owner), Nothing)
                await here.ask(owner)
                async with asyncio.timeout(5):
                    assert await heard.get() == "lanes"
                assert isinstance(await there.pop(owner), Offer)
            for task in tasks:
                task.cancel()


async def test_only_one_is_alone(url: str, postgres: PostgresServer) -> None:
    """Of two processes one does a piece of work, the other not; when the one is done or dead, the other may."""
    async with await Database.open(url) as first, await Database.open(url) as second:
        async with first.alone("sweep") as mine, second.alone("sweep") as yours, second.alone("other") as other:
            assert (mine, yours, other) == (True, False, True)
        async with second.alone("sweep") as yours:
            assert yours
            killed = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            postgres.ask("postgres", killed)
            async with first.alone("sweep") as mine:
                assert mine
        assert await first.read(accounts.anonymous) is not None
