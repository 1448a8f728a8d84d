"""PostgreSQL over asyncpg: each transaction is a function inside the async connection's greenlet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from sqlalchemy import text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from core.db.transactions import Memory, Reading, Writing
from core.errors import HordeUnavailable, StorageFull

T = TypeVar("T")

RETRIES = 5
_DEADLOCKS = ("40P01", "40001")


class Postgres:
    """PostgreSQL over asyncpg; the pool bounds how much is in flight, the rest waits its turn."""

    def __init__(self, address: URL) -> None:
        self._memory = Memory()
        self._engine: AsyncEngine = create_async_engine(address, pool_size=10, max_overflow=6)
        self._faults = (DBAPIError, cast("type[Exception]", self._engine.dialect.loaded_dbapi.Error))

    async def read(self, work: Callable[[Reading], T]) -> T:
        """Run `work` over one connection of the pool."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(lambda inner: work(Reading(inner, self._memory)))

    async def write(self, work: Callable[[Writing], T]) -> T:
        """Run `work` as one transaction, again where it met a deadlock."""
        for attempt in range(RETRIES):
            try:
                return await self._write(work)
            except self._faults as error:
                state = getattr(getattr(error, "orig", error), "sqlstate", "")
                if state == "53100":
                    raise StorageFull("The disk with the database is full; nothing was changed.") from error
                if state not in _DEADLOCKS or attempt == RETRIES - 1:
                    raise
        raise HordeUnavailable("The database is busy; try again in a moment.", retry_after=1)

    async def _write(self, work: Callable[[Writing], T]) -> T:
        async with self._engine.connect() as connection:
            tx, result = await connection.run_sync(lambda inner: self._apply(inner, work))
            await connection.commit()
        tx.committed()
        return result

    def _apply(self, connection: Connection, work: Callable[[Writing], T]) -> tuple[Writing, T]:
        connection.begin()
        tx = Writing(connection, self._memory)
        return tx, work(tx)

    async def migrate(self, work: Callable[[Connection], None]) -> None:
        """Run `work` as one transaction, while no other process does."""
        async with self._engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(7001)"))
            await connection.run_sync(work)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._engine.dispose()
