"""Several coordinator processes on one PostgreSQL: nothing twice, nothing lost, whatever dies."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from core.coordinator.rules import accounts, ledger
from core.db import Database
from tests.coordinator.processes.conftest import Site, finished
from tests.coordinator.processes.crowd import Crowd
from tests.doubles.postgres_server import PostgresServer
from tests.doubles.program import ROOT

Start = Callable[..., Any]


async def test_no_job_is_given_and_no_picture_paid_twice(site: Start, postgres: PostgresServer) -> None:
    """Three processes, eight workers that hand everything in three times at once: each picture once, each paid once."""
    with site(postgres) as running:
        async with Crowd(running.program.url, running.data_dir) as crowd:
            assert len(running.processes) == 3
            people = [crowd.person(6, 3) for _ in range(5)]
            workers = [crowd.worker(f"worker {number}", times=3) for number in range(8)]
            found = [status for person in await finished(*people, workers=workers) for status in person]
            assert [len(status["generations"]) for status in found] == [3] * 30
            assert crowd.broken == 0
            assert set(crowd.given.values()) == set(crowd.paid.values()) == {1}
        await running.prove(90)


async def test_kudos_that_are_held_are_not_spent_twice(site: Start, postgres: PostgresServer) -> None:
    """Requests that must be covered in advance, sent to all processes at once: only as many as the kudos cover."""
    large = {"width": 1536, "height": 1536, "steps": 60}
    with site(postgres) as running:
        async with Crowd(running.program.url, running.data_dir) as crowd, await Database.open(running.url) as db:
            body = {"prompt": "a red apple", "models": ["little"], "params": large}
            dry = {**body, "dry_run": True}
            _, quoted = await crowd.call("POST", "/api/v2/generate/async", crowd.bots_key, json=dry)
            name = (await crowd.call("GET", "/api/v2/find_user", crowd.bots_key))[1]["username"]
            owner = await db.read(lambda tx: accounts.find_by_name(tx, name))
            assert owner is not None
            owned = await db.read(lambda tx: ledger.kudos(ledger.balance(tx, owner.id)))
            left = round(quoted["kudos"] * 3.5 + owner.floor, 2)
            await db.write(lambda tx: accounts.grant(tx, user_id=owner.id, kudos=left - owned, key="less", now=0.0))
            answers = await asyncio.gather(
                *(crowd.call("POST", "/api/v2/generate/async", crowd.bots_key, json=body) for _ in range(20))
            )
            assert sorted(status for status, _ in answers) == [202] * 3 + [403] * 17
            assert {answer["rc"] for status, answer in answers if status == 403} == {"KudosUpfront"}
            audit = await db.read(ledger.audit)
            assert audit.ok, audit


async def _busy_through(running: Site, make: Callable[[], Awaitable[None]]) -> int:
    """People and workers go on while trouble is made, until all of it was made; then everything must be there.

    Returns how many calls broke and were made again.
    """
    async with Crowd(running.program.url, running.data_dir) as crowd:
        made = 0
        task = asyncio.create_task(make())
        while not task.done():
            people = [crowd.person(2, 2) for _ in range(5)]
            workers = [crowd.worker(f"worker {number}", times=2) for number in range(6)]
            found = [status for person in await finished(*people, workers=workers) for status in person]
            assert [len(status["generations"]) for status in found] == [2] * 10
            made += 20
        await task
        assert max(crowd.given.values()) == 1
        assert max(crowd.paid.values()) == 1
    await running.prove(made)
    return crowd.broken


async def test_a_process_that_is_killed_takes_nothing_with_it(site: Start, postgres: PostgresServer) -> None:
    """Kill -9 of one of three processes at random moments of a full load: every picture arrives, all is paid once."""
    dice = random.Random()
    with site(postgres) as running:
        killed: set[int] = set()

        async def kill() -> None:
            for _ in range(5):
                await asyncio.sleep(dice.uniform(0.3, 1.2))
                victim = dice.choice(running.processes)
                victim.kill()
                killed.add(victim.pid)
                await asyncio.to_thread(victim.wait)

        assert await _busy_through(running, kill) > 0
        assert len(killed) == 5


async def test_a_database_that_restarts_is_waited_for(site: Start, fragile: PostgresServer) -> None:
    """PostgreSQL stopped, crashed and started again under load: nothing is lost, and nobody has to do anything."""
    with site(fragile) as running:

        async def shake() -> None:
            for how in ("fast", "immediate"):
                await asyncio.sleep(1.0)
                await asyncio.to_thread(fragile.stop, how)
                await asyncio.sleep(1.0)
                await asyncio.to_thread(fragile.start)
            await asyncio.sleep(1.0)
            await asyncio.to_thread(fragile.kill_a_backend)

        await _busy_through(running, shake)


def test_several_processes_on_a_file_are_refused(tmp_path: Path) -> None:
    """SQLite has one process that serves; the sentence says what to set."""
    command = [sys.executable, "run_bot.py", "coordinator", "--processes", "2"]
    environment = {**os.environ, "LARGESSE__GENERAL__DATA_DIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "coordinator.processes: found 2; allowed with SQLite: 1" in done.stderr
