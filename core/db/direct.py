"""Statements that go to asyncpg itself, from inside a greenlet; transactions are begun and ended by `postgres`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from sqlalchemy.engine import Connection
from sqlalchemy.util import await_

from core.db.signals import Signals
from core.db.transactions import NOTHING, Memory, Reading, Row, Statement, Writing


class Direct(Reading):
    """Statements over asyncpg itself; rows are its records, which are read like tuples."""

    def __init__(self, connection: Connection, memory: Memory) -> None:
        super().__init__(connection, memory)
        self._raw: Any = connection.connection.driver_connection

    def _arguments(self, statement: Statement, parameters: Mapping[str, Any]) -> tuple[str, list[Any]]:
        sql, names, fixed = statement.form(self._dialect)
        given = {**fixed, **parameters} if fixed else parameters
        return sql, [given[name] for name in names]

    def all(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> list[Row]:
        """All rows, as the driver gives them."""
        sql, values = self._arguments(statement, parameters)
        return cast("list[Row]", await_(self._raw.fetch(sql, *values)))

    def one(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> Row | None:
        """The first row."""
        rows = self.all(statement, parameters)
        return rows[0] if rows else None

    def value(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> Any:  # noqa: ANN401  # any column
        """The first column of the first row."""
        rows = self.all(statement, parameters)
        return rows[0][0] if rows else None

    def foreign_writes(self) -> int | None:
        """Nobody can tell."""
        return None


class Glance(Direct):
    """Questions without a transaction around them."""

    def all(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> list[Row]:
        """All rows, as the driver gives them."""
        if statement.changes:
            raise ValueError("Whoever only looks can neither change nor lock.")
        return super().all(statement, parameters)


class DirectWriting(Direct, Writing):
    """The same, and changes."""

    signals: Signals

    def run(self, statement: Statement, parameters: Mapping[str, Any] = NOTHING) -> int:
        """Change something."""
        sql, values = self._arguments(statement, parameters)
        status: str = await_(self._raw.execute(sql, *values))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else -1

    def run_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run one statement for each of the rows."""
        values = [self._arguments(statement, row) for row in rows]
        if len(values) == 1:
            await_(self._raw.execute(values[0][0], *values[0][1]))
        elif values:
            await_(self._raw.executemany(values[0][0], [row for _, row in values]))

    def tell(self, topic: str, message: str) -> None:
        """Let the other processes know once this stands."""
        self.after_commit(lambda: self.signals.tell(topic, message))
