"""core/db on SQLite and PostgreSQL: whole transactions, all or nothing, none lost."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, select

from core.db import Database, Reading, Statement, Writing
from core.errors import ConfigError, StorageFull

TALLY = Table("tally", MetaData(), Column("n", Integer))
MAKE = Statement("CREATE TABLE tally (n integer)")
ADD = Statement("INSERT INTO tally (n) VALUES (:n)")
COUNT = Statement("SELECT count(*) FROM tally")
BUMP = Statement("UPDATE tally SET n = n + :by")


@pytest.fixture
async def db(empty_url: str) -> AsyncIterator[Database]:
    async with await Database.open(empty_url) as db:
        await db.write(lambda tx: tx.run(MAKE))
        yield db


async def test_a_write_is_seen_by_the_next_read(db: Database) -> None:
    """What was committed is there, for statements and for SQLAlchemy alike."""
    await db.write(lambda tx: tx.run_many(ADD, [{"n": n} for n in (1, 2, 3)]))
    assert await db.read(lambda tx: tx.value(COUNT)) == 3
    assert await db.read(lambda tx: tx.execute(select(TALLY.c.n).where(TALLY.c.n > 1)).scalars().all()) == [2, 3]
    assert await db.read(lambda tx: tx.one(Statement(select(TALLY.c.n).where(TALLY.c.n > 2)))) == (3,)


async def test_a_transaction_that_fails_leaves_nothing(db: Database) -> None:
    """An error in the middle undoes what came before it, and forgets what was to be done after the commit."""
    heard: list[str] = []

    def broken(tx: Writing) -> None:
        tx.run(ADD, {"n": 1})
        tx.execute(TALLY.insert().values(n=2))
        tx.after_commit(lambda: heard.append("committed"))
        raise LookupError

    with pytest.raises(LookupError):
        await db.write(broken)
    assert await db.read(lambda tx: tx.value(COUNT)) == 0
    assert heard == []


async def test_after_commit_runs_once_after_the_commit(db: Database) -> None:
    """Memory that mirrors the database is changed when the transaction stands."""
    heard: list[str] = []
    await db.write(lambda tx: (tx.run(ADD, {"n": 1}), tx.after_commit(lambda: heard.append("committed"))))
    assert heard == ["committed"]


async def test_a_reader_cannot_write(db: Database) -> None:
    """A reading transaction refuses changes even where somebody hands it a changing statement."""
    with pytest.raises(Exception, match=r"readonly|read-only"):
        await db.read(lambda tx: tx.one(ADD, {"n": 1}))


async def test_writers_of_one_process_take_turns(db: Database) -> None:
    """Read-modify-write over many tasks loses no update."""
    await db.write(lambda tx: tx.run(ADD, {"n": 0}))
    await asyncio.gather(*(db.write(lambda tx: tx.run(BUMP, {"by": 1})) for _ in range(50)))
    assert await db.read(lambda tx: tx.value(Statement("SELECT n FROM tally"))) == 50


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_full_disk_is_said_and_changes_nothing(db: Database) -> None:
    """When there is no room the transaction is undone with StorageFull, and the database goes on."""
    text = Statement(
        "INSERT INTO tally (n) SELECT :n FROM (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 "
        "FROM c WHERE x < 100000) SELECT x FROM c) AS many"
    )
    pages = await db.write(lambda tx: tx.value(Statement("PRAGMA page_count")))
    await db.write(lambda tx: tx.value(Statement(f"PRAGMA max_page_count = {pages + 3}")))
    with pytest.raises(StorageFull):
        await db.write(lambda tx: tx.run(text, {"n": 1}))
    await db.write(lambda tx: tx.run(ADD, {"n": 1}))
    assert await db.read(lambda tx: tx.value(COUNT)) == 1


class Notes:
    """Something that a process remembers."""


async def test_a_process_remembers_one_of_a_kind(db: Database) -> None:
    """`local` gives the same thing to all transactions of a database."""
    first = await db.write(lambda tx: tx.local(Notes))
    assert await db.read(lambda tx: tx.local(Notes)) is first


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "nonsense"])
async def test_an_address_that_cannot_work_is_refused(url: str) -> None:
    """Only SQLite files and PostgreSQL are databases here."""
    with pytest.raises(ConfigError, match="database_url"):
        await Database.open(url)


async def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    """A folder where the file should be is said as a setting to correct."""
    (tmp_path / "some.db").mkdir()
    with pytest.raises(ConfigError, match="cannot be opened"):
        await Database.open(f"sqlite:///{tmp_path}/some.db")


def _bump_many(url: str, times: int) -> None:
    async def body() -> None:
        async with await Database.open(url) as db:
            for _ in range(times):
                await db.write(lambda tx: tx.run(BUMP, {"by": 1}))

    asyncio.run(body())


async def test_two_processes_share_a_database(db: Database, empty_url: str, engine: str) -> None:
    """Writers of two processes wait for each other; on a file a process notices that another one wrote."""
    await db.write(lambda tx: tx.run(ADD, {"n": 0}))
    before = await db.write(lambda tx: (tx.foreign_writes(), tx.foreign_writes()))
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_bump_many, args=(empty_url, 40)) for _ in range(2)]
    for other in others:
        other.start()
    for _ in range(40):
        await db.write(lambda tx: tx.run(BUMP, {"by": 1}))
    await asyncio.gather(*(asyncio.to_thread(other.join) for other in others))
    assert [other.exitcode for other in others] == [0, 0]

    def look(tx: Reading) -> object:
        return tx.value(Statement("SELECT n FROM tally"))

    assert await db.read(look) == 120
    after = await db.write(lambda tx: tx.foreign_writes())
    assert (before[0] == before[1] != after) if engine == "sqlite" else (before == (None, None) and after is None)
