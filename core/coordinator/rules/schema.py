"""Bring a database to the tables of this version; called once when a coordinator starts."""

from __future__ import annotations

from pathlib import Path

from core.db import Database

MIGRATIONS = Path(__file__).parents[1] / "migrations"


async def prepare(db: Database) -> None:
    """Migrate to the newest revision, all of it or nothing; several processes may do it at once."""
    await db.upgrade(MIGRATIONS)
