"""SQLite: one thread that writes, a few that read, each with a connection of its own.

Everything that waits to be written goes to the disk together: one BEGIN IMMEDIATE, a savepoint for each transaction,
one COMMIT with its fsync. Each is still all or nothing, and none is reported done before it is on the disk.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypeVar, cast

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from core.db.transactions import Memory, Reading, Writing
from core.errors import ConfigError, HordeUnavailable, StorageFull

T = TypeVar("T")

READERS = 3
BUSY_SECONDS = 20
ROOM = 100_000
"""Free bytes on the disk below which a database cannot even be opened."""
TOGETHER = 64
"""Most transactions that share one COMMIT."""


class _Wish:
    """A transaction that waits to be written."""

    __slots__ = ("answer", "work")

    def __init__(self, work: Callable[[Writing], Any]) -> None:
        self.work = work
        self.answer: Future[Any] = Future()


class _Answering:
    """What goes wrong inside is for whoever waits for the answer, as with any executor."""

    def __init__(self, answer: Future[Any]) -> None:
        self._answer = answer

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if error is not None:
            self._answer.set_exception(error)
        return isinstance(error, Exception)


class _Savepoint:
    """One transaction among several; one that fails is undone and left to be tried alone, where its error is told.

    An error that ended the whole transaction (a full disk) goes through, for then the others are lost as well.
    """

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def __enter__(self) -> None:
        self._driver.execute("SAVEPOINT one")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if not self._driver.in_transaction:
            return False
        if error is not None:
            self._driver.execute("ROLLBACK TO one")
        self._driver.execute("RELEASE one")
        return isinstance(error, Exception)


class Sqlite:
    """SQLite: one thread that writes, a few that read, each with a connection of its own."""

    signals: None = None
    """Other processes on the file notice what is written by themselves."""

    def __init__(self, address: URL) -> None:
        self._path = Path(address.database or "")
        self._memory = Memory()
        self._engine = self._make_engine(address)
        self._writer = ThreadPoolExecutor(1, "db-write")
        self._readers = ThreadPoolExecutor(READERS, "db-read")
        self._own = threading.local()
        self._waiting: deque[_Wish] = deque()
        self._open: list[Connection] = []

    def _make_engine(self, address: URL) -> Engine:
        arguments = {"timeout": BUSY_SECONDS, "cached_statements": 512, "check_same_thread": False}
        engine = create_engine(
            address.set(drivername="sqlite"), connect_args=arguments, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        event.listen(engine, "connect", _prepare_sqlite)
        return engine

    def local(self, kind: Callable[[], T]) -> T:
        """What this process remembers about this database under `kind`."""
        return self._memory.get(kind)

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncGenerator[bool]:
        """A file has one process that serves; it is always alone."""
        del name
        yield True

    async def start(self) -> None:
        """Open the writing connection.

        Raises:
            StorageFull: its disk is full.
            ConfigError: the file cannot be opened.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            await self._call(self._writer, lambda: self._connection(writes=True))
        except (OSError, DBAPIError) as error:
            if isinstance(error, DBAPIError) and shutil.disk_usage(self._path.parent).free < ROOM:
                raise StorageFull(f"There is no room left on the disk with the database {self._path}.") from None
            cause = error.strerror if isinstance(error, OSError) else error.orig
            raise ConfigError(f"The database {self._path} cannot be opened: {cause}.") from None

    async def _call(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _connection(self, *, writes: bool) -> Connection:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._engine.connect()
            self._open.append(connection)
            if not writes:
                cast("Any", connection.connection.dbapi_connection).execute("PRAGMA query_only=ON")
        return connection

    async def read(self, work: Callable[[Reading], T]) -> T:
        """Run `work` on one of the reading threads."""
        return await self._call(self._readers, lambda: self._read(work))

    async def write(self, work: Callable[[Writing], T]) -> T:
        """Hand `work` to the writing thread."""
        wish = _Wish(work)
        self._waiting.append(wish)
        self._writer.submit(self._write_waiting)
        return cast("T", await asyncio.wrap_future(wish.answer))

    async def glance(self, work: Callable[[Reading], T]) -> T:
        """The same as `read`: statements cost next to nothing here."""
        return await self.read(work)

    async def optimistic(self, work: Callable[[Writing], T]) -> T:
        """The same as `write`: there is one writer."""
        return await self.write(work)

    async def migrate(self, work: Callable[[Connection], None]) -> None:
        """Run `work` over a connection, as one transaction."""

        def whole(tx: Writing) -> None:
            work(tx.connection)

        await self._call(self._writer, lambda: self._alone(whole))

    def _read(self, work: Callable[[Reading], T]) -> T:
        connection = self._connection(writes=False)
        return _in_transaction(connection, "BEGIN", lambda: work(Reading(connection, self._memory)))

    def _write_waiting(self) -> None:
        """Writer thread: everything that waits by now, in one go."""
        wishes: list[_Wish] = []
        while self._waiting and len(wishes) < TOGETHER:
            wish = self._waiting.popleft()
            if wish.answer.set_running_or_notify_cancel():
                wishes.append(wish)
        alone = self._together(wishes) if len(wishes) > 1 else wishes
        for wish in alone:
            with _Answering(wish.answer):
                wish.answer.set_result(self._alone(wish.work))

    def _alone(self, work: Callable[[Writing], T]) -> T:
        connection = self._connection(writes=True)
        tx = Writing(connection, self._memory)
        result = _in_transaction(connection, "BEGIN IMMEDIATE", lambda: work(tx))
        tx.committed()
        return result

    def _together(self, wishes: list[_Wish]) -> list[_Wish]:
        """Commit them with one fsync; returns those that failed or were lost with the others, to be tried alone."""
        connection = self._connection(writes=True)
        driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
        done: list[tuple[_Wish, Writing, Any]] = []

        def all_of_them() -> None:
            for wish in wishes:
                tx = Writing(connection, self._memory)
                with _Savepoint(driver):
                    done.append((wish, tx, wish.work(tx)))

        try:
            _in_transaction(connection, "BEGIN IMMEDIATE", all_of_them)
        except (StorageFull, HordeUnavailable, sqlite3.Error):
            return wishes
        for wish, tx, result in done:
            tx.committed()
            wish.answer.set_result(result)
        finished = {id(wish) for wish, _, _ in done}
        return [wish for wish in wishes if id(wish) not in finished]

    async def close(self) -> None:
        """Wait for what runs and let go of all connections."""
        self._writer.shutdown(wait=False)
        self._readers.shutdown(wait=False)
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        for connection in self._open:
            connection.close()
        self._engine.dispose()


def _prepare_sqlite(driver: sqlite3.Connection, _record: object) -> None:
    """WAL lets readers go on while one writes; with FULL a COMMIT is on the disk before it is reported."""
    driver.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        driver.execute(f"PRAGMA {pragma}").close()


def _in_transaction(connection: Connection, begin: str, work: Callable[[], T]) -> T:
    driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    try:
        driver.execute(begin)
        result = work()
        driver.commit()
    except sqlite3.Error as error:
        _explain_sqlite(error)
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            _explain_sqlite(error.orig)
        raise
    else:
        return result
    finally:
        if driver.in_transaction:
            driver.rollback()
        if connection.in_transaction():
            connection.rollback()


def _explain_sqlite(error: sqlite3.Error) -> NoReturn:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        raise StorageFull("The disk with the database is full; nothing was changed.") from error
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        raise HordeUnavailable("The database is busy; try again in a moment.", retry_after=1) from error
    raise error
