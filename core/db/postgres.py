"""PostgreSQL over asyncpg: each transaction is a function inside a greenlet, its statements go to the driver itself.

A process keeps a few connections and lets transactions wait for one: a connection that is busy costs the server a
process, and a handful saturate a core of Python. What can go wrong by itself goes right by itself: a transaction that
lost a race runs again from its start and then sees the winner; a connection that broke is replaced, and who uses the
database waits for it to come back for `PATIENCE` seconds before being told that it is away.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_, greenlet_spawn

from core.db.direct import Direct, DirectWriting, Glance
from core.db.faults import Faults, Verdict
from core.db.optimistic import NeedsLocks, Optimistic, Together
from core.db.signals import Signals
from core.db.transactions import Memory, Reading, Writing
from core.errors import ConfigError, HordeUnavailable

T = TypeVar("T")

CONNECTIONS = 8
"""Connections of one process; a server needs processes x (CONNECTIONS + 2) of them, the two being for signals and for
work that only one process does."""
TRIES = 8
PATIENCE = 10.0
"""Seconds that a transaction waits for a server that is away."""
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SERVER_SETTINGS = {
    "application_name": "largesse",
    "jit": "off",
    "statement_timeout": "60s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "60s",  # what a process that froze had locked is free again
}


class _Line:
    """One connection that is kept open, as SQLAlchemy and as the driver know it."""

    __slots__ = ("connection", "raw")

    def __init__(self, connection: AsyncConnection, raw: Any) -> None:  # noqa: ANN401  # asyncpg's
        self.connection = connection
        self.raw = raw

    @property
    def inner(self) -> Connection:
        """The connection as functions inside a greenlet use it."""
        inner = self.connection.sync_connection
        assert inner is not None  # noqa: S101  # it was opened
        return inner


class Postgres:
    """A server, reached over a few connections that are opened as they are needed."""

    def __init__(self, address: URL) -> None:
        """address: of the database, driver included.

        Raises:
            ConfigError: the driver is not installed.
        """
        self._memory = Memory()
        self._engine = _make_engine(address)
        self._faults = Faults(address)
        self._idle: list[_Line] = []
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._together = Together()
        self.signals = Signals(self._open, self._faults.kinds)

    def local(self, kind: Callable[[], T]) -> T:
        """What this process remembers about this database under `kind`."""
        return self._memory.get(kind)

    async def read(self, work: Callable[[Reading], T]) -> T:
        """Run `work` over one view of the database."""
        return await self._until_done(lambda: self._with_line(lambda line: self._read(line, work)))

    async def write(self, work: Callable[[Writing], T]) -> T:
        """Run `work` as one transaction, again where it lost a race."""
        return await self._until_done(lambda: self._with_line(lambda line: self._write(line, work)))

    async def glance(self, work: Callable[[Reading], T]) -> T:
        """Run `work` with each of its statements by itself."""
        return await self._until_done(lambda: self._with_line(lambda line: self._glance(line, work)))

    async def optimistic(self, work: Callable[[Writing], T]) -> T:
        """Run `work` without locks, and as any other transaction where it needs some or lost a race."""
        try:
            return await self._with_line(lambda line: self._optimistic(line, work))
        except NeedsLocks:
            pass
        except self._faults.kinds as error:
            verdict = self._faults.judge(error)
            if verdict not in {Verdict.RACE, Verdict.AWAY}:
                self._give_up(error, verdict)
        return await self.write(work)

    async def migrate(self, work: Callable[[Connection], None]) -> None:
        """Run `work` as one transaction, while no other process does."""

        def whole(tx: Writing) -> None:
            for statement in ("SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = 0"):
                tx.execute(text(statement))
            tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _key("migrate")})
            work(tx.connection)

        await self.write(whole)

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncGenerator[bool]:
        """Whether this process is the only one in a block of this name; the others are told False meanwhile."""
        line = await self._until_done(self._open)
        try:
            yield bool(await self._until_done(lambda: line.raw.fetchval("SELECT pg_try_advisory_lock($1)", _key(name))))
        finally:
            await _shut(line)  # and the server lets the lock go

    async def _until_done(self, turn: Callable[[], Awaitable[T]]) -> T:
        """Take turns until one succeeds or there is no hope."""
        until = asyncio.get_running_loop().time() + PATIENCE
        tries = 0
        while True:
            try:
                return await turn()
            except self._faults.kinds as error:
                tries += 1
                verdict = self._faults.judge(error)
                late = asyncio.get_running_loop().time() > until
                if (verdict is Verdict.RACE and tries < TRIES) or (verdict is Verdict.AWAY and not late):
                    pause = 0.01 * tries if verdict is Verdict.RACE else 0.2
                    await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311  # so that two do not meet again
                    continue
                self._give_up(error, verdict)

    def _give_up(self, error: Exception, verdict: Verdict) -> NoReturn:
        explained = self._faults.explain(error, verdict)
        if explained is not None:
            raise explained from error
        if isinstance(error, DBAPIError):
            raise error
        raise DBAPIError(None, None, error) from error

    async def _open(self) -> _Line:
        connection = await self._engine.connect()
        return _Line(connection, (await connection.get_raw_connection()).driver_connection)

    async def _with_line(self, act: Callable[[_Line], Awaitable[T]]) -> T:
        async with self._free:
            line = self._idle.pop() if self._idle else None
            if line is None or line.raw.is_closed():
                if line is not None:
                    await _shut(line)
                line = await self._open()
            try:
                return await act(line)
            finally:
                if line.raw.is_closed() or line.raw.is_in_transaction():
                    await asyncio.shield(_shut(line))
                else:
                    self._idle.append(line)

    async def _read(self, line: _Line, work: Callable[[Reading], T]) -> T:
        def whole(connection: Connection) -> T:
            with _ended(connection, line.raw):
                await_(line.raw.execute(_READ))
                result = work(Direct(connection, self._memory))
                await_(line.raw.execute("COMMIT"))
                return result

        return await line.connection.run_sync(whole)

    async def _write(self, line: _Line, work: Callable[[Writing], T]) -> T:
        def whole(connection: Connection) -> tuple[Writing, T]:
            with _ended(connection, line.raw):
                await_(line.raw.execute("BEGIN"))
                tx = DirectWriting(connection, self._memory)
                tx.signals = self.signals
                result = work(tx)
                self._commit(line)
                return tx, result

        tx, result = await line.connection.run_sync(whole)
        tx.committed()
        return result

    async def _glance(self, line: _Line, work: Callable[[Reading], T]) -> T:
        return await greenlet_spawn(work, Glance(line.inner, self._memory))

    async def _optimistic(self, line: _Line, work: Callable[[Writing], T]) -> T:
        tx = Optimistic(line.inner, self._memory, self._together)
        tx.signals = self.signals

        def whole() -> T:
            result = work(tx)
            self._surely(tx.finish)
            return result

        try:
            result = await greenlet_spawn(whole)
            tx.committed()
            return result
        finally:
            tx.end()

    def _commit(self, line: _Line) -> None:
        self._surely(lambda: await_(line.raw.execute("COMMIT")))

    def _surely(self, commit: Callable[[], object]) -> None:
        """Commit. A connection that breaks here leaves open what happened: nobody may simply run it again."""
        try:
            commit()
        except self._faults.kinds as error:
            if self._faults.judge(error) is not Verdict.AWAY:
                raise
            raise HordeUnavailable(
                "The database went away just now; ask again to see whether this was done.", retry_after=2
            ) from error

    async def close(self) -> None:
        """Wait for running transactions and let go of all connections."""
        for _ in range(CONNECTIONS):
            await self._free.acquire()
        while self._idle:
            await _shut(self._idle.pop())
        await self._engine.dispose()


class _ended:  # noqa: N801  # used like a function
    """Leaves no transaction open, neither the driver's nor what SQLAlchemy holds for one."""

    def __init__(self, connection: Connection, raw: Any) -> None:  # noqa: ANN401  # asyncpg's
        self._connection = connection
        self._raw = raw

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        if self._connection.in_transaction():
            self._connection.rollback()
        if self._raw.is_in_transaction() and not self._raw.is_closed():
            await_(self._raw.execute("ROLLBACK"))


async def _shut(line: _Line) -> None:
    """Let go of a connection, whatever state it is in."""
    line.raw.terminate()
    await line.connection.invalidate()
    await line.connection.close()


def _key(name: str) -> int:
    """The number of an advisory lock."""
    return zlib.crc32(f"largesse {name}".encode())


def _make_engine(address: URL) -> AsyncEngine:
    try:
        return create_async_engine(
            address,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={
                "statement_cache_size": 1000,
                "max_cached_statement_lifetime": 0,
                "command_timeout": 75,
                "timeout": 10,
                "server_settings": _SERVER_SETTINGS,
            },
        )
    except ModuleNotFoundError as error:
        raise ConfigError(
            "coordinator.database_url: PostgreSQL needs a driver that is not installed; "
            "install Largesse with its extra: pip install '.[postgres]'."
        ) from error
