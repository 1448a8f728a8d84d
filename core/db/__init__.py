"""One way to run transactions, on SQLite and on PostgreSQL: whole transactions as plain functions.

Used by the coordinator's rules and by the bots' memory. A caller hands `Database.write` a synchronous function over a
`Writing`; it is run, committed, and its result returned. On SQLite all writing of a process happens on one thread
(BEGIN IMMEDIATE, WAL) and reading on a few others, because a transaction that hops between threads statement by
statement is ten times slower. On PostgreSQL the function runs in a greenlet over one of a few connections.

Two ways to run a statement: `Statement`s are compiled once and go to the driver itself (hot paths), everything else is
plain SQLAlchemy through `execute`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, Self, TypeVar

from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

from core.db.postgres import Postgres
from core.db.signals import Signals
from core.db.sqlite import Sqlite
from core.db.transactions import Reading, Row, Statement, Writing
from core.errors import ConfigError

__all__ = ["Database", "Reading", "Row", "Statement", "Writing"]

T = TypeVar("T")


class _Engine(Protocol):
    @property
    def signals(self) -> Signals | None: ...
    def local(self, kind: Callable[[], T]) -> T: ...
    def alone(self, name: str) -> AbstractAsyncContextManager[bool]: ...
    async def read(self, work: Callable[[Reading], T]) -> T: ...
    async def write(self, work: Callable[[Writing], T]) -> T: ...
    async def glance(self, work: Callable[[Reading], T]) -> T: ...
    async def optimistic(self, work: Callable[[Writing], T]) -> T: ...
    async def migrate(self, work: Callable[[Connection], None]) -> None: ...
    async def close(self) -> None: ...


class Database:
    """An open database."""

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self.signals = engine.signals
        """Words with the other processes; None on SQLite, which is for one process that serves."""

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open a database, making the folder and file of an SQLite one.

        Args:
            url: `sqlite:///path/to/file.db` or `postgresql://user:password@host/name` (drivers are chosen here).

        Raises:
            ConfigError: the address is not one of these, the file cannot be opened, or the driver is not installed.
        """
        address = _parse(url)
        if address.get_backend_name() == "postgresql":
            return cls(Postgres(address.set(drivername="postgresql+asyncpg")))
        engine = Sqlite(address)
        await engine.start()
        return cls(engine)

    def local(self, kind: Callable[[], T]) -> T:
        """What this process remembers about this database under `kind`, as `Reading.local`."""
        return self._engine.local(kind)

    def alone(self, name: str) -> AbstractAsyncContextManager[bool]:
        """For work that only one process does: `async with db.alone("sweep") as mine: if mine: …`.

        Of all processes on this database one at a time gets True for a name; the others get False and do not wait. One
        that dies makes room.
        """
        return self._engine.alone(name)

    async def read(self, work: Callable[[Reading], T]) -> T:
        """Run `work` over one consistent view of the database."""
        return await self._engine.read(work)

    async def write(self, work: Callable[[Writing], T]) -> T:
        """Run `work` as one transaction and commit it; if it raises, nothing has happened.

        `work` may be run again from its start when another transaction was quicker, so it has no effects but on `tx`.

        Raises:
            StorageFull: the disk is full; the transaction was rolled back.
            HordeUnavailable: another process held the database for too long, or it is away.
            ConfigError: it does not let us in.
        """
        return await self._engine.write(work)

    async def glance(self, work: Callable[[Reading], T]) -> T:
        """As `read`, for work that asks one question (or several that need not fit together)."""
        return await self._engine.glance(work)

    async def optimistic(self, work: Callable[[Writing], T]) -> T:
        """As `write`, for what happens all the time: as few round trips as possible.

        `work` looks first and changes things with `later` after that. On PostgreSQL nothing is locked meanwhile, all
        changes leave as one statement, and a `guard` or a `must` for everything that was looked at and has to hold
        makes sure that nobody else changed it. Where `work` needs a lock or a result of a change, or lost a race, it is
        run by `write` as usual: it has to be right both ways.
        """
        return await self._engine.optimistic(work)

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
