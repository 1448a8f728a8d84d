"""Coordinators of several real processes on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.coordinator.rules import ledger
from core.db import Database, Reading, Statement
from tests.doubles.postgres_server import PostgresServer
from tests.doubles.program import Program

_DRAWN = Statement("SELECT count(*), count(DISTINCT (request_id, place)) FROM jobs WHERE state = 'done'")
_OPEN = Statement("SELECT count(*) FROM jobs WHERE state = 'processing'")
_PAID = Statement("SELECT count(*) FROM ledger_events WHERE key LIKE 'job:%'")
_QUEUED = Statement("SELECT count(*) FROM queue")


class Site:
    """One coordinator of several processes, and its database."""

    def __init__(self, program: Program, url: str) -> None:
        self.program = program
        self.url = url
        self.data_dir = program.folder / "data"

    @property
    def processes(self) -> list[psutil.Process]:
        """The processes that answer calls, not their parent."""
        parent = psutil.Process(self.program.parts["coordinator"].pid)
        living = [child for child in parent.children() if child.status() != psutil.STATUS_ZOMBIE]
        return [child for child in living if "spawn_main" in " ".join(child.cmdline())]

    async def prove(self, pictures: int) -> None:
        """So many pictures were drawn, each once and each paid once; nothing is left over, and the ledger is right."""

        def look(tx: Reading) -> None:
            assert tuple(tx.one(_DRAWN) or ()) == (pictures, pictures)
            assert tx.value(_OPEN) == 0
            assert tx.value(_PAID) == pictures
            assert tx.value(_QUEUED) == 0
            assert ledger.audit(tx).ok, ledger.audit(tx)

        async with await Database.open(self.url) as db:
            await db.read(look)


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., Any]:
    """Starts a coordinator of three processes as a context manager, and stops it at the end."""

    @contextmanager
    def start(server: PostgresServer, **settings: str) -> Iterator[Site]:
        name = server.create()
        running = Program(
            tmp_path / "site",
            COORDINATOR__DATABASE_URL=server.address(name),
            COORDINATOR__PROCESSES="3",
            COORDINATOR__LIMITS__RATE_LIMITS="false",
            **settings,
        )
        try:
            running.start("coordinator")
            yield Site(running, server.address(name))
            assert running.stop("coordinator") == 0, running.log("coordinator")
        finally:
            running.close()
            server.drop(name)

    return start


@pytest.fixture
def fragile() -> Iterator[PostgresServer]:
    """A PostgreSQL for one test, to be broken."""
    with PostgresServer() as server:
        yield server


async def finished(*people: Any, workers: list[Any]) -> list[Any]:
    """What people get while workers work; an error of any of them is the test's."""
    async with asyncio.TaskGroup() as group:
        drawing = [group.create_task(worker) for worker in workers]
        asking = [group.create_task(person) for person in people]
        found = [await task for task in asking]
        for task in drawing:
            task.cancel()
    return found
