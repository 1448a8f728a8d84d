"""What a transaction is for those who use one: statements, and views that may read or also write.

The engines beside this file make `Reading`s and `Writing`s and hand them to the functions that callers bring.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Executable, text
from sqlalchemy.engine import Connection, CursorResult, Dialect

T = TypeVar("T")
Row = tuple[Any, ...]

NOTHING: Mapping[str, Any] = {}
THEN = "/* then */"
"""Stands in a `Statement` of two parts between them."""
_CHANGES = re.compile(r"^\s*(INSERT|UPDATE|DELETE|WITH)\b|\bFOR (NO KEY )?UPDATE\b", re.IGNORECASE)


class Raced(Exception):  # says what happened
    """Another transaction was first: what this one had read holds no longer."""


class Statement:
    """A statement with fixed text, compiled once for each kind of engine and run on the driver directly.

    Written as SQL with `:name` parameters or as a SQLAlchemy construct. Results are plain tuples, booleans of SQLite 0
    and 1: the types of SQLAlchemy do not take part.
    """

    __slots__ = ("_forms", "_source", "changes", "first")

    def __init__(self, source: str | Executable, *, first: tuple[str, str] | None = None) -> None:
        """Take the statement.

        Args:
            source: what to run.
            first: name and text of a statement that runs as part of it, and whose result it reads under that name
                (PostgreSQL only).
        """
        self.first = None if first is None else first[0]
        if first is not None:
            source = f"WITH {first[0]} AS ({first[1]}) {THEN} {source}"
        self._source: Executable = text(source) if isinstance(source, str) else source
        self._forms: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {}
        self.changes = not isinstance(source, str) or _CHANGES.search(source) is not None
        """Does it change or lock anything? Constructs of SQLAlchemy count as if they did."""

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

    def __init__(self, connection: Connection, memory: Memory) -> None:
        self.connection = connection
        """For migrations; rules use the methods."""
        self._dialect = connection.dialect
        self._driver: Any = connection.connection.dbapi_connection
        self._memory = memory
        self.postgres = connection.dialect.name == "postgresql"
        """True on PostgreSQL, where rows have to be locked by hand."""
        self.optimistic = False
        """True where nothing is locked and what was read is made sure of at the end; see `Database.optimistic`."""

    def _run(self, statement: Statement, parameters: Mapping[str, Any]) -> Any:  # noqa: ANN401  # a DB-API cursor
        sql, names, fixed = statement.form(self._dialect)
        given = {**fixed, **parameters} if fixed else parameters
        cursor = self._driver.cursor()
        cursor.execute(sql, tuple([given[name] for name in names]))
        return cursor

    def all(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> list[Row]:
        """All rows of the result."""
        return cast("list[Row]", self._run(statement, parameters).fetchall())

    def one(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> Row | None:
        """The first row of the result, None where it is empty."""
        return cast("Row | None", self._run(statement, parameters).fetchone())

    def value(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> Any:  # noqa: ANN401  # any column
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

    def __init__(self, connection: Connection, memory: Memory) -> None:
        super().__init__(connection, memory)
        self._afterwards: list[Callable[[], None]] = []

    def run(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> int:
        """Change something; returns the number of rows that were changed."""
        return cast("int", self._run(statement, parameters).rowcount)

    def run_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run one statement for each of the rows."""
        sql, names, fixed = statement.form(self._dialect)
        values = [tuple([{**fixed, **row}[name] for name in names]) for row in rows]
        if values:
            self._driver.cursor().executemany(sql, values)

    def later(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING, *, must: bool = False) -> None:
        """Change something that this transaction does not look at again.

        Args:
            statement: an INSERT, UPDATE or DELETE.
            parameters: its values.
            must: it has to change exactly one row, or the whole transaction is run again from its start.
        """
        if self.run(statement, parameters) != 1 and must:
            raise Raced

    def guard(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> None:
        """Where nothing is locked: a change of one row that only works if what was read still holds.

        It makes the transaction run again otherwise. To this transaction it makes no difference.
        """

    def reserve(self, name: str) -> bool:
        """Keep the others of this process away from something until the end; False = somebody else has it."""
        del name
        return True

    def queue_up(self, name: str) -> bool:
        """Let those of this process who want the same take turns, until the end; True = we had to wait."""
        del name
        return False

    def tell(self, topic: str, message: str) -> None:
        """Let the other processes know once this transaction stands; those on an SQLite file see it by themselves."""

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do something in memory once, and only if, this transaction is committed; `action` must not fail."""
        self._afterwards.append(action)

    def committed(self) -> None:
        """Called by the database when the transaction stands."""
        for action in self._afterwards:
            action()


class Memory:
    """Things that a process keeps beside a database, one of a kind."""

    def __init__(self) -> None:
        self._things: dict[Callable[[], Any], Any] = {}
        self._lock = threading.Lock()

    def get(self, kind: Callable[[], T]) -> T:
        """The one thing of this kind, made now if there is none yet."""
        thing = self._things.get(kind)
        if thing is None:
            with self._lock:
                thing = self._things.setdefault(kind, self._things.get(kind) or kind())
        return cast("T", thing)
