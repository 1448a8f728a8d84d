"""Statements over API keys."""

from __future__ import annotations

from core.coordinator.store.tables import keys
from core.db import Reading, Row, Statement, Writing

_OF_USER = Statement(
    "SELECT id, name, scope, created FROM keys WHERE user_id = :user_id AND revoked IS NULL ORDER BY created, id"
)
_REVOKE = Statement("UPDATE keys SET revoked = :now WHERE id = :id AND user_id = :user_id AND revoked IS NULL")
_REVOKE_ALL = Statement("UPDATE keys SET revoked = :now WHERE user_id = :user_id AND revoked IS NULL")


def of_user(tx: Reading, user_id: int) -> list[Row]:
    """Id, name, scope and birth of the keys of an account that are good, oldest first."""
    return tx.all(_OF_USER, {"user_id": user_id})


def add(tx: Writing, *, user_id: int, key_hash: str, name: str, scope: str, now: float) -> int:
    """Give an account one more key; returns its number."""
    values = {"user_id": user_id, "hash": key_hash, "name": name, "scope": scope, "created": now}
    number: int = tx.execute(keys.insert().values(**values).returning(keys.c.id)).scalar_one()
    return number


def revoke(tx: Writing, *, user_id: int, key_id: int, now: float) -> bool:
    """Make a key of an account worthless; False = it has no such key."""
    return tx.run(_REVOKE, {"id": key_id, "user_id": user_id, "now": now}) == 1


def revoke_all(tx: Writing, *, user_id: int, now: float) -> None:
    """Make every key of an account worthless."""
    tx.run(_REVOKE_ALL, {"user_id": user_id, "now": now})
