"""core/db on SQLite: transactions that are written together are each all or nothing, and each hears its own end."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.db import Database, Reading, Statement, Writing
from core.errors import NotFound, StorageFull

INSERT = Statement("INSERT INTO things (name) VALUES (:name)")
NAMES = Statement("SELECT name FROM things ORDER BY name")
COUNT = 40


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(f"sqlite:///{tmp_path / 'a.db'}") as opened:
        await opened.write(lambda tx: tx.run(Statement("CREATE TABLE things (name TEXT PRIMARY KEY, size BLOB)")))
        yield opened


def _add(name: str, *, fail: bool = False) -> Callable[[Writing], Any]:
    def work(tx: Writing) -> str:
        tx.run(INSERT, {"name": name})
        if fail:
            raise NotFound(name)
        return name

    return work


async def _names(database: Database) -> list[str]:
    def work(tx: Reading) -> list[str]:
        return [row[0] for row in tx.all(NAMES)]

    return await database.read(work)


async def test_each_of_many_has_its_own_result(database: Database) -> None:
    """Of many transactions at once the good ones stand, the bad ones leave nothing, and every caller hears its own."""
    works = [_add(f"{number:02}", fail=number % 3 == 0) for number in range(COUNT)]
    ends = await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
    for number, end in enumerate(ends):
        assert str(end) == f"{number:02}"
        assert isinstance(end, NotFound) == (number % 3 == 0)
    assert await _names(database) == [f"{number:02}" for number in range(COUNT) if number % 3]


async def test_a_broken_rule_of_the_database_undoes_one_only(database: Database) -> None:
    """A transaction that violates a key fails alone."""
    names = ["a", "b", "a", "c"]
    ends = await asyncio.gather(*(database.write(_add(name)) for name in names), return_exceptions=True)
    assert [isinstance(end, sqlite3.IntegrityError) for end in ends] == [False, False, True, False]
    assert await _names(database) == ["a", "b", "c"]


async def test_a_full_disk_is_told_to_those_whom_it_hits(database: Database) -> None:
    """When the room runs out in the middle, what fits stands, the rest raises StorageFull, nothing is half there."""
    await database.write(lambda tx: tx.run(Statement("PRAGMA max_page_count=40")))

    def big(name: str) -> Callable[[Writing], Any]:
        def work(tx: Writing) -> None:
            tx.run(INSERT, {"name": name})
            tx.run(Statement("UPDATE things SET size = zeroblob(20000) WHERE name = :name"), {"name": name})

        return work

    ends = await asyncio.gather(*(database.write(big(f"{n:02}")) for n in range(20)), return_exceptions=True)
    stored = await _names(database)
    assert 0 < len(stored) < 20
    assert stored == [f"{n:02}" for n, end in enumerate(ends) if end is None]
    assert all(end is None or isinstance(end, StorageFull) for end in ends)


async def test_what_follows_a_commit_follows_each_commit_once(database: Database) -> None:
    """Actions after the commit run once for each transaction that stands, and never for one that was undone."""
    seen: list[str] = []

    def noted(name: str, *, fail: bool) -> Callable[[Writing], Any]:
        def work(tx: Writing) -> None:
            tx.after_commit(lambda: seen.append(name))
            tx.run(INSERT, {"name": name})
            if fail:
                raise NotFound

        return work

    works = [noted(f"{n:02}", fail=n % 4 == 0) for n in range(COUNT)]
    await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
    assert sorted(seen) == await _names(database) == [f"{n:02}" for n in range(COUNT) if n % 4]


async def test_a_caller_that_left_does_not_disturb_the_others(database: Database) -> None:
    """A write whose caller was cancelled may or may not happen; the others are written and answered."""
    leaving = [asyncio.ensure_future(database.write(_add(f"gone {n}"))) for n in range(10)]
    staying = [asyncio.ensure_future(database.write(_add(f"stays {n}"))) for n in range(10)]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    assert await asyncio.gather(*staying) == [f"stays {n}" for n in range(10)]
    assert {name for name in await _names(database) if name.startswith("stays")} == {f"stays {n}" for n in range(10)}
