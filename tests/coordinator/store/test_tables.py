"""The migrations make the tables that the statements expect, and unmake them."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from core.coordinator.rules import schema
from core.coordinator.store.tables import metadata
from core.db import Database, Writing


async def test_migrations_make_the_declared_tables(empty_url: str) -> None:
    """After migrating, the database differs from tables.py in nothing; migrating again is harmless."""
    async with await Database.open(empty_url) as db:
        await schema.prepare(db)
        await schema.prepare(db)

        def differences(tx: Writing) -> list[Any]:
            return list(compare_metadata(MigrationContext.configure(tx.connection), metadata))

        assert await db.write(differences) == []


async def test_migrations_go_down_and_up_again(empty_url: str) -> None:
    """Down to nothing leaves no table of ours; up again works."""
    async with await Database.open(empty_url) as db:
        await schema.prepare(db)
        await db.downgrade(schema.MIGRATIONS)
        left = await db.write(lambda tx: set(inspect(tx.connection).get_table_names()))
        assert left <= {"alembic_version", "sqlite_sequence"}
        await schema.prepare(db)
        assert "ledger_postings" in await db.write(lambda tx: inspect(tx.connection).get_table_names())


def test_postgresql_understands_the_tables() -> None:
    """Every table and index can be written in PostgreSQL's dialect, partial indexes with their condition."""
    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            text = str(CreateIndex(index).compile(dialect=dialect))
            partial = index.dialect_options["postgresql"]["where"] is not None
            assert ("WHERE" in text) == partial
            assert partial == (index.dialect_options["sqlite"]["where"] is not None)
