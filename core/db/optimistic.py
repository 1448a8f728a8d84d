"""Transactions on PostgreSQL that lock nothing: look, then change everything by one statement; run by `postgres`.

A transaction with locks takes a round trip for each BEGIN, lock, change and COMMIT. This one gathers its changes and
sends them together, which makes them atomic by themselves. Changes that must hit exactly one row (a request that still
has so many pictures waiting, an account that nobody spent from since) stand for the locks: where one of them misses,
the statement fails as a whole, and the work is run again with locks.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn
from weakref import WeakValueDictionary

from sqlalchemy import Executable
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.util import await_

from core.db.direct import DirectWriting
from core.db.transactions import NOTHING, THEN, Memory, Row, Statement

_PARAMETER = re.compile(r"\$(\d+)")
_Parts = tuple[tuple[Statement, bool], ...]
_composed: dict[_Parts, str] = {}
"""The few statements that were put together so far."""


class NeedsLocks(Exception):  # says what it needs
    """This work cannot be done without a transaction that locks."""


class Together:
    """What optimistic transactions of one process spare each other: all but one would have to be run again."""

    def __init__(self) -> None:
        self.reserved: set[str] = set()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, name: str) -> asyncio.Lock:
        """The lock of a name."""
        lock = self._turns.get(name)
        if lock is None:
            lock = self._turns[name] = asyncio.Lock()
        return lock


class Optimistic(DirectWriting):
    """One of them. Whatever does not fit in raises NeedsLocks."""

    def __init__(self, connection: Connection, memory: Memory, together: Together) -> None:
        super().__init__(connection, memory)
        self.optimistic = True
        self._together = together
        self._changes: list[tuple[Statement, Mapping[str, Any], bool]] = []
        self._may_look = True
        self._reserved: list[str] = []
        self._turns: list[asyncio.Lock] = []

    def all(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> list[Row]:
        """Ask; not for what was changed already."""
        if statement.changes or not self._may_look:
            raise NeedsLocks
        return super().all(statement, parameters)

    def run(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> NoReturn:
        """How many rows a change hit is not known before the end."""
        del statement, parameters
        raise NeedsLocks

    def run_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Only where there is nothing to do."""
        del statement
        if any(True for _ in rows):
            raise NeedsLocks

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> NoReturn:
        """What SQLAlchemy does is not looked into."""
        del statement, parameters
        raise NeedsLocks

    def later(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING, *, must: bool = False) -> None:
        """Change something with all the rest."""
        self._may_look = False
        self._changes.append((statement, parameters, must))

    def guard(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> None:
        """Change something that nobody here looks at, to be sure of what was looked at."""
        self._changes.append((statement, parameters, True))

    def reserve(self, name: str) -> bool:
        """Let no other transaction of this process have it until the end."""
        if name in self._together.reserved:
            return False
        self._together.reserved.add(name)
        self._reserved.append(name)
        return True

    def queue_up(self, name: str) -> bool:
        """Wait for one's turn."""
        lock = self._together.turn(name)
        waited = lock.locked()
        await_(lock.acquire())
        self._turns.append(lock)
        return waited

    def finish(self) -> None:
        """Send the changes."""
        if not self._changes:
            return
        sql = _compose(tuple((statement, must) for statement, _, must in self._changes), self._dialect)
        values = [value for statement, given, _ in self._changes for value in self._arguments(statement, given)[1]]
        await_(self._raw.fetch(sql, *values))

    def end(self) -> None:
        """Let go of everything, whatever came of it."""
        self._together.reserved.difference_update(self._reserved)
        for lock in self._turns:
            lock.release()


def _compose(parts: _Parts, dialect: Dialect) -> str:
    """One statement that makes all the changes, in this order, and fails where one that must hit one row does not."""
    known = _composed.get(parts)
    if known is not None:
        return known
    named = [statement.first for statement, _ in parts if statement.first is not None]
    if len(named) > len(set(named)):
        raise NeedsLocks
    changes: list[str] = []
    checks: list[str] = []
    offset = 0
    for place, (statement, must) in enumerate(parts):
        sql, names, _ = statement.form(dialect)
        first, then, change = _renumbered(sql, offset).rpartition(THEN)
        if then:
            changes.append(first.removeprefix("WITH "))
        changes.append(f"change{place} AS ({change} RETURNING 1)")
        checks.append(f"(SELECT count(*) FROM change{place}) {'= 1' if must else '>= 0'}")  # noqa: S608  # fixed texts
        offset += len(names)
    # Looking at the counts in this order makes the changes happen in it, and with them their locks.
    whole = f"WITH {', '.join(changes)} SELECT 1 / CASE WHEN {' AND '.join(checks)} THEN 1 ELSE 0 END"  # fixed texts
    return _composed.setdefault(parts, whole)


def _renumbered(sql: str, offset: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found.group(1)) + offset}", sql)
