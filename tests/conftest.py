"""What tests of several rooms share: databases of both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from core.coordinator.rules import schema
from core.db import Database
from tests.doubles.postgres_server import PostgresServer

NewDatabase: TypeAlias = Callable[[], str]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests, started for the first that needs it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A database with the coordinator's tables, to be copied."""
    name = postgres.create()

    async def migrate() -> None:
        async with await Database.open(postgres.address(name)) as db:
            await schema.prepare(db)

    asyncio.run(migrate())
    return name


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> str:
    """Runs the test once on each engine."""
    return request.param


@pytest.fixture
def empty_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a database without any tables."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path}/inner/some.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create()
    yield server.address(name)
    server.drop(name)


@pytest.fixture
def database_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a database with the coordinator's tables (PostgreSQL) or of none yet (SQLite: it makes them)."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path}/coordinator.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("postgres_template"))
    yield server.address(name)
    server.drop(name)
