"""core/db: transactions that look first and change everything at the end, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Column, Integer, MetaData, Table

from core.db import Database, Statement, Writing

TALLY = Table("tally", MetaData(), Column("n", Integer))
ADD = Statement("INSERT INTO tally (name, n) VALUES (:name, :n)")
READ = Statement("SELECT n FROM tally WHERE name = :name")
COUNT = Statement("SELECT count(*) FROM tally")
READ_LOCKED = Statement("SELECT n FROM tally WHERE name = :name FOR UPDATE")
BUMP = Statement("UPDATE tally SET n = n + 1 WHERE name = :name AND n = :seen")
INCREASE = Statement("UPDATE tally SET n = n + 1 WHERE name = :name")


@pytest.fixture
async def db(empty_url: str) -> AsyncIterator[Database]:
    async with await Database.open(empty_url) as db:
        await db.write(lambda tx: tx.run(Statement("CREATE TABLE tally (name text PRIMARY KEY, n integer)")))
        await db.write(lambda tx: tx.run(ADD, {"name": "a", "n": 0}))
        yield db


class Tally:
    """Counts one up, by what it saw; knows how often it had to begin."""

    def __init__(self) -> None:
        self.attempts = 0

    def __call__(self, tx: Writing) -> int:
        self.attempts += 1
        statement = READ if tx.optimistic or not tx.postgres else READ_LOCKED
        seen: int = tx.value(statement, {"name": "a"})
        tx.later(BUMP, {"name": "a", "seen": seen}, must=True)
        tx.later(ADD, {"name": f"was {seen}", "n": seen})
        return seen


async def test_changes_leave_together(db: Database) -> None:
    """What was said to happen later has happened when the call returns, and what follows a commit follows it."""
    heard: list[str] = []

    def work(tx: Writing) -> None:
        tx.after_commit(lambda: heard.append("committed"))
        for name in ("b", "c"):
            tx.later(ADD, {"name": name, "n": 7})

    await db.optimistic(work)
    assert await db.glance(lambda tx: tx.value(COUNT)) == 3
    assert heard == ["committed"]


async def test_one_change_that_fails_undoes_all(db: Database) -> None:
    """A key that is there already is an error that leaves nothing behind."""

    def work(tx: Writing) -> None:
        tx.later(ADD, {"name": "b", "n": 1})
        tx.later(ADD, {"name": "a", "n": 1})

    with pytest.raises(Exception, match=r"UNIQUE|unique"):
        await db.optimistic(work)
    assert await db.glance(lambda tx: tx.value(COUNT)) == 1


async def test_an_error_of_the_work_leaves_nothing(db: Database) -> None:
    """What was said to happen later does not happen when the work fails after that."""

    def work(tx: Writing) -> None:
        tx.later(ADD, {"name": "b", "n": 1})
        raise LookupError

    with pytest.raises(LookupError):
        await db.optimistic(work)
    assert await db.glance(lambda tx: tx.value(COUNT)) == 1


async def test_a_guess_that_proved_wrong_is_made_again(db: Database, empty_url: str) -> None:
    """Two processes that read the same number and count it up lose no count and count none twice."""
    async with await Database.open(empty_url) as other:
        works = [Tally() for _ in range(40)]
        seen = await asyncio.gather(
            *(house.optimistic(work) for house, work in zip([db, other] * 20, works, strict=True))
        )
    assert sorted(seen) == list(range(40))
    assert await db.glance(lambda tx: tx.value(READ, {"name": "a"})) == 40


async def test_those_of_one_process_may_take_turns(db: Database) -> None:
    """Who queues up for what he is going to change does not have to begin again."""
    works = [Tally() for _ in range(20)]

    async def queued(work: Tally) -> int:
        return await db.optimistic(lambda tx: (tx.queue_up("a"), work(tx))[1])

    seen = await asyncio.gather(*map(queued, works))
    assert sorted(seen) == list(range(20))
    assert {work.attempts for work in works} == {1}


async def test_what_one_reserved_no_other_of_the_process_gets(db: Database) -> None:
    """A name is one transaction's from its wish until its end; then it is free again, whatever came of it."""
    holders: list[int] = []

    def work(tx: Writing) -> None:
        if tx.reserve("it"):
            assert holders == []
            holders.append(1)
            tx.after_commit(holders.clear)
        tx.queue_up("turn")  # while this waits, the others ask
        tx.later(INCREASE, {"name": "a"})

    await asyncio.gather(*(db.optimistic(work) for _ in range(10)))
    assert holders == []

    def broken(tx: Writing) -> None:
        assert tx.reserve("it")
        raise LookupError

    with pytest.raises(LookupError):
        await db.optimistic(broken)
    assert await db.optimistic(lambda tx: tx.reserve("it"))


@pytest.mark.parametrize(
    "act",
    [
        lambda tx: tx.run(INCREASE, {"name": "a"}),
        lambda tx: tx.run_many(INCREASE, [{"name": "a"}]),
        lambda tx: tx.value(Statement("UPDATE tally SET n = n + 1 WHERE name = 'a' RETURNING n")),
        lambda tx: tx.execute(TALLY.update().values(n=1)),
        lambda tx: (tx.later(INCREASE, {"name": "a"}), tx.value(READ, {"name": "a"})),
    ],
    ids=["run", "run_many", "returning", "sqlalchemy", "look_back"],
)
async def test_what_needs_a_lock_gets_one(db: Database, act: object) -> None:
    """Work that wants the result of a change, or looks at it, is run as a usual transaction, once in effect."""
    assert callable(act)
    modes: list[bool] = []

    def work(tx: Writing) -> None:
        modes.append(tx.optimistic)
        act(tx)

    await db.optimistic(work)
    assert modes[-1] is False
    assert await db.glance(lambda tx: tx.value(READ, {"name": "a"})) == 1


@pytest.mark.parametrize("statement", [INCREASE, READ_LOCKED], ids=["change", "lock"])
async def test_a_glance_changes_nothing(db: Database, statement: Statement) -> None:
    """Whoever only looks can neither change nor lock."""
    with pytest.raises(Exception, match=r"readonly|only looks|syntax"):
        await db.glance(lambda tx: tx.all(statement, {"name": "a"}))
    assert await db.glance(lambda tx: tx.value(READ, {"name": "a"})) == 0
