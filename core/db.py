"""One way to run transactions, on SQLite and on PostgreSQL: whole transactions as plain functions.

Used by the coordinator's rules and by the bots' memory. A caller hands `Database.write` a synchronous function over a
`Writing`; it is run, committed, and its result returned. On SQLite all writing of a process happens on one thread
(BEGIN IMMEDIATE, WAL) and reading on a few others, because a transaction that hops between threads statement by
statement is ten times slower. On PostgreSQL the function runs inside the async connection's greenlet.

Two ways to run a statement: `Statement`s are compiled once and go to the driver itself (hot paths), everything else is
plain SQLAlchemy through `execute`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn, Protocol, Self, TypeVar, cast

from sqlalchemy import Executable, create_engine, event, text
from sqlalchemy.engine import URL, Connection, CursorResult, Dialect, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from core.errors import ConfigError, HordeUnavailable, StorageFull

T = TypeVar("T")
Row = tuple[Any, ...]

READERS = 3
BUSY_SECONDS = 20
RETRIES = 5
_NOTHING: Mapping[str, Any] = {}
_DEADLOCKS = ("40P01", "40001")


class Statement:
    """A statement with fixed text, compiled once for each kind of engine and run on the driver directly.

    Written as SQL with `:name` parameters or as a SQLAlchemy construct. Results are plain tuples, booleans of SQLite 0
    and 1: the types of SQLAlchemy do not take part.
    """

    __slots__ = ("_forms", "_source")

    def __init__(self, source: str | Executable) -> None:
        self._source: Executable = text(source) if isinstance(source, str) else source
        self._forms: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {}

    def form(self, dialect: Dialect) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        """The SQL text, the names of its parameters in order, and those that have fixed values."""
        form = self._forms.get(dialect.name)
        if form is None:
            compiled: Any = cast("Any", self._source).compile(dialect=dialect)
            fixed = {name: value for name, value in compiled.params.items() if value is not None}
            form = self._forms[dialect.name] = (str(compiled), tuple(compiled.positiontup or ()), fixed)
        return form


class Reading:
    """An open transaction that may look at everything and change nothing."""

    def __init__(self, connection: Connection, memory: _Memory) -> None:
        self.connection = connection
        """For migrations; rules use the methods."""
        self._dialect = connection.dialect
        self._driver: Any = connection.connection.dbapi_connection
        self._memory = memory
        self.postgres = connection.dialect.name == "postgresql"
        """True on PostgreSQL, where rows have to be locked by hand."""

    def _run(self, statement: Statement, parameters: Mapping[str, Any]) -> Any:  # noqa: ANN401  # a DB-API cursor
        sql, names, fixed = statement.form(self._dialect)
        given = {**fixed, **parameters} if fixed else parameters
        cursor = self._driver.cursor()
        cursor.execute(sql, tuple([given[name] for name in names]))
        return cursor

    def all(self, statement: Statement, parameters: Mapping[str, Any] = _NOTHING) -> list[Row]:
        """All rows of the result."""
        return cast("list[Row]", self._run(statement, parameters).fetchall())

    def one(self, statement: Statement, parameters: Mapping[str, Any] = _NOTHING) -> Row | None:
        """The first row of the result, None where it is empty."""
        return cast("Row | None", self._run(statement, parameters).fetchone())

    def value(self, statement: Statement, parameters: Mapping[str, Any] = _NOTHING) -> Any:  # noqa: ANN401  # any column
        """The first column of the first row, None where there is no row."""
        row = self._run(statement, parameters).fetchone()
        return None if row is None else row[0]

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run any SQLAlchemy statement, with all of SQLAlchemy's types."""
        return cast("CursorResult[Any]", self.connection.execute(statement, parameters))

    def local(self, kind: Callable[[], T]) -> T:
        """What this process remembers about this database under `kind`; made on first use, shared by all."""
        return self._memory.get(kind)

    def foreign_writes(self) -> int | None:
        """A number that changes when another process has written; None where the engine cannot tell (PostgreSQL)."""
        if self.postgres:
            return None
        return cast("int", self._driver.execute("PRAGMA data_version").fetchone()[0])


class Writing(Reading):
    """An open transaction that may change things; all of it happens or nothing."""

    def __init__(self, connection: Connection, memory: _Memory) -> None:
        super().__init__(connection, memory)
        self._afterwards: list[Callable[[], None]] = []

    def run(self, statement: Statement, parameters: Mapping[str, Any] = _NOTHING) -> int:
        """Change something; returns the number of rows that were changed."""
        return cast("int", self._run(statement, parameters).rowcount)

    def run_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run one statement for each of the rows."""
        sql, names, fixed = statement.form(self._dialect)
        values = [tuple([{**fixed, **row}[name] for name in names]) for row in rows]
        if values:
            self._driver.cursor().executemany(sql, values)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do something in memory once, and only if, this transaction is committed; `action` must not fail."""
        self._afterwards.append(action)

    def committed(self) -> None:
        """Called by the database when the transaction stands."""
        for action in self._afterwards:
            action()


class _Memory:
    """Things that a process keeps beside a database, one of a kind."""

    def __init__(self) -> None:
        self._things: dict[Callable[[], Any], Any] = {}
        self._lock = threading.Lock()

    def get(self, kind: Callable[[], T]) -> T:
        thing = self._things.get(kind)
        if thing is None:
            with self._lock:
                thing = self._things.setdefault(kind, self._things.get(kind) or kind())
        return cast("T", thing)


class _Engine(Protocol):
    async def read(self, work: Callable[[Reading], T]) -> T: ...
    async def write(self, work: Callable[[Writing], T]) -> T: ...
    async def migrate(self, work: Callable[[Connection], None]) -> None: ...
    async def close(self) -> None: ...


class Database:
    """An open database."""

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open a database, making the folder and file of an SQLite one.

        Args:
            url: `sqlite:///path/to/file.db` or `postgresql://user:password@host/name` (drivers are chosen here).

        Raises:
            ConfigError: the address is not one of these, or the file cannot be opened.
        """
        address = _parse(url)
        if address.get_backend_name() == "postgresql":
            return cls(_Postgres(address.set(drivername="postgresql+asyncpg")))
        engine = _Sqlite(address)
        await engine.start()
        return cls(engine)

    async def read(self, work: Callable[[Reading], T]) -> T:
        """Run `work` over one consistent view of the database."""
        return await self._engine.read(work)

    async def write(self, work: Callable[[Writing], T]) -> T:
        """Run `work` as one transaction and commit it; if it raises, nothing has happened.

        `work` may be run again from its start when PostgreSQL reports a deadlock, so it has no effects but on `tx`.

        Raises:
            StorageFull: the disk is full; the transaction was rolled back.
            HordeUnavailable: another process held the database for too long.
        """
        return await self._engine.write(work)

    async def upgrade(self, scripts: str | Path, revision: str = "head") -> None:
        """Bring the tables up to a revision of the Alembic folder `scripts`, all of it or nothing."""
        await self._engine.migrate(lambda connection: _alembic("upgrade", connection, scripts, revision))

    async def downgrade(self, scripts: str | Path, revision: str = "base") -> None:
        """Take the tables back to a revision of the Alembic folder `scripts`; `base` = to nothing."""
        await self._engine.migrate(lambda connection: _alembic("downgrade", connection, scripts, revision))

    async def close(self) -> None:
        """Wait for running transactions and let go of all connections."""
        await self._engine.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _parse(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError:
        raise ConfigError("coordinator.database_url: this is not a database address.") from None
    backend = address.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise ConfigError(f"coordinator.database_url: found {backend!r}; allowed: sqlite:///file or postgresql://….")
    if backend == "sqlite" and address.database in {None, "", ":memory:"}:
        raise ConfigError("coordinator.database_url: SQLite needs a file, as in sqlite:///data/coordinator.db.")
    return address


def _alembic(verb: str, connection: Connection, scripts: str | Path, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    getattr(command, verb)(config, revision)


class _Sqlite:
    """SQLite: one thread that writes, a few that read, each with a connection of its own."""

    def __init__(self, address: URL) -> None:
        self._path = Path(address.database or "")
        self._memory = _Memory()
        self._engine = self._make_engine(address)
        self._writer = ThreadPoolExecutor(1, "db-write")
        self._readers = ThreadPoolExecutor(READERS, "db-read")
        self._own = threading.local()
        self._open: list[Connection] = []

    def _make_engine(self, address: URL) -> Engine:
        arguments = {"timeout": BUSY_SECONDS, "cached_statements": 512, "check_same_thread": False}
        engine = create_engine(
            address.set(drivername="sqlite"), connect_args=arguments, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        event.listen(engine, "connect", _prepare_sqlite)
        return engine

    async def start(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            await self._call(self._writer, lambda: self._connection(writes=True))
        except (OSError, DBAPIError) as error:
            raise ConfigError(f"coordinator.database_url: {self._path} cannot be opened ({error}).") from None

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
        return await self._call(self._readers, lambda: self._read(work))

    async def write(self, work: Callable[[Writing], T]) -> T:
        return await self._call(self._writer, lambda: self._write(work))

    async def migrate(self, work: Callable[[Connection], None]) -> None:
        def whole(tx: Writing) -> None:
            work(tx.connection)

        await self.write(whole)

    def _read(self, work: Callable[[Reading], T]) -> T:
        connection = self._connection(writes=False)
        return _in_transaction(connection, "BEGIN", lambda: work(Reading(connection, self._memory)))

    def _write(self, work: Callable[[Writing], T]) -> T:
        connection = self._connection(writes=True)
        tx = Writing(connection, self._memory)
        result = _in_transaction(connection, "BEGIN IMMEDIATE", lambda: work(tx))
        tx.committed()
        return result

    async def close(self) -> None:
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
    """WAL lets readers go on while one writes; NORMAL survives the death of the process without an fsync each time."""
    driver.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY"):
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


class _Postgres:
    """PostgreSQL over asyncpg; the pool bounds how much is in flight, the rest waits its turn."""

    def __init__(self, address: URL) -> None:
        self._memory = _Memory()
        self._engine: AsyncEngine = create_async_engine(address, pool_size=10, max_overflow=6)
        self._faults = (DBAPIError, cast("type[Exception]", self._engine.dialect.loaded_dbapi.Error))

    async def read(self, work: Callable[[Reading], T]) -> T:
        async with self._engine.connect() as connection:
            return await connection.run_sync(lambda inner: work(Reading(inner, self._memory)))

    async def write(self, work: Callable[[Writing], T]) -> T:
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
        async with self._engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(7001)"))
            await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()
