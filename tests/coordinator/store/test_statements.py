"""Every statement of the coordinator can be written for both engines."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from core.coordinator import store
from core.db import Statement


def _statements() -> Iterator[Statement]:
    for module in pkgutil.iter_modules(store.__path__):
        for value in vars(importlib.import_module(f"{store.__name__}.{module.name}")).values():
            if isinstance(value, Statement):
                yield value
            elif isinstance(value, dict):
                yield from (inner for inner in value.values() if isinstance(inner, Statement))


def test_statements_have_a_form_for_each_engine() -> None:
    """Parameters become ? for SQLite and $1, $2, … for PostgreSQL, in the order in which they are given."""
    statements = list(_statements())
    assert len(statements) > 60
    for statement in statements:
        sql, names, _ = statement.form(SQLiteDialect_pysqlite())
        assert sql.count("?") == len(names)
        sql, names, _ = statement.form(PGDialect_asyncpg())
        assert ":" not in sql.replace("::", "")
        assert all(f"${place + 1}" in sql for place in range(len(names)))
