"""Statements over shared keys and the requests that were made with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.coordinator.store.tables import shared_keys
from core.db import Reading, Row, Statement, Writing

_COLUMNS = (
    "k.id, k.user_id, u.name, k.name, k.kudos, k.expiry, k.utilized, k.max_pixels, k.max_steps, k.max_tokens "
    "FROM shared_keys k JOIN users u ON u.id = k.user_id"
)
_BY_ID = Statement(f"SELECT {_COLUMNS} WHERE k.id = :id")  # fixed text
_LOCK = Statement("SELECT id FROM shared_keys WHERE id = :id FOR UPDATE")
_OF_USER = Statement("SELECT id FROM shared_keys WHERE user_id = :user_id ORDER BY created, id")
_REMOVE = Statement("DELETE FROM shared_keys WHERE id = :id")
_OPEN = Statement(
    "SELECT coalesce(sum(r.tax + r.consumed + r.charge * (r.waiting + r.processing)), 0) FROM shared_uses s "
    "JOIN requests r ON r.id = s.request_id WHERE s.key_id = :id"
)
_USE = Statement("INSERT INTO shared_uses (request_id, key_id) VALUES (:request, :key) ON CONFLICT DO NOTHING")
_FOLD = Statement(
    "UPDATE shared_keys SET utilized = utilized + :amount "
    "WHERE id = (SELECT key_id FROM shared_uses WHERE request_id = :request)"
)
_DONE = Statement("DELETE FROM shared_uses WHERE request_id = :request")
_RAISE = Statement("UPDATE shared_keys SET kudos = kudos + :amount WHERE id = :id AND kudos >= 0")


def by_id(tx: Reading, key_id: str) -> Row | None:
    """Id, owner's number and name, name, limit, end, use so far, and limits of one picture or text."""
    return tx.one(_BY_ID, {"id": key_id})


def lock(tx: Writing, key_id: str) -> None:
    """Let nobody else use the key until the transaction ends."""
    if tx.postgres:
        tx.one(_LOCK, {"id": key_id})


def of_user(tx: Reading, user_id: int) -> list[str]:
    """Ids of an account's shared keys."""
    return [row[0] for row in tx.all(_OF_USER, {"user_id": user_id})]


def add(tx: Writing, values: Mapping[str, Any]) -> None:
    """Make a key."""
    tx.execute(shared_keys.insert().values(**values))


def change(tx: Writing, key_id: str, values: Mapping[str, Any]) -> None:
    """Set columns of a key."""
    tx.execute(shared_keys.update().where(shared_keys.c.id == key_id).values(**values))


def remove(tx: Writing, key_id: str) -> None:
    """Forget a key."""
    tx.run(_REMOVE, {"id": key_id})


def open_amount(tx: Reading, key_id: str) -> int:
    """What requests that are still known cost or will cost, hundredths."""
    return int(tx.value(_OPEN, {"id": key_id}))


def use(tx: Writing, key_id: str, request_id: str) -> None:
    """A request was made with the key."""
    tx.run(_USE, {"key": key_id, "request": request_id})


def fold(tx: Writing, request_id: str, amount: int) -> None:
    """A request is forgotten; what it cost stays counted, hundredths."""
    tx.run(_FOLD, {"request": request_id, "amount": amount})
    tx.run(_DONE, {"request": request_id})


def top_up(tx: Writing, key_id: str, kudos: int) -> None:
    """Raise the limit of a key that has one, whole kudos."""
    tx.run(_RAISE, {"id": key_id, "amount": kudos})
