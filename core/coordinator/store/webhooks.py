"""Statements over deliveries to requesters' own servers, and over the versions of the secrets that sign them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from core.db import Reading, Statement, Writing


class WebhookRow(NamedTuple):
    """A delivery. `body` is JSON without the picture."""

    id: str
    """That of the job."""
    address: str
    key: str | None
    """Hash of the API key whose secret signs it; None = nothing does."""
    origin: str
    inline: bool
    body: str
    created: float
    attempts: int


_COLUMNS = ", ".join(WebhookRow._fields)
_ADD = Statement(
    "INSERT INTO webhooks (id, address, key, origin, inline, body, created, due, attempts) "
    "VALUES (:id, :address, :key, :origin, :inline, :body, :created, :created, 0) ON CONFLICT (id) DO NOTHING"
)
_CLAIM = (
    "UPDATE webhooks SET due = :until, attempts = attempts + 1 WHERE id IN "  # noqa: S608  # fixed text
    "(SELECT id FROM webhooks WHERE due <= :now ORDER BY attempts, due LIMIT :limit{0}) RETURNING " + _COLUMNS
)
_CLAIM_PLAIN = Statement(_CLAIM.format(""))
_CLAIM_LOCKED = Statement(_CLAIM.format(" FOR UPDATE SKIP LOCKED"))
_POSTPONE = Statement("UPDATE webhooks SET due = :due WHERE id = :id")
_REMOVE = Statement("DELETE FROM webhooks WHERE id = :id")
_VERSION = Statement("SELECT webhook_version FROM keys WHERE hash = :hash AND revoked IS NULL")
_ROTATE = Statement(
    "UPDATE keys SET webhook_version = webhook_version + 1 WHERE hash = :hash AND revoked IS NULL "
    "RETURNING webhook_version"
)


def add(tx: Writing, values: Mapping[str, Any]) -> None:
    """Write down a delivery: id, address, key, origin, inline, body, created; due at once."""
    tx.later(_ADD, values)


def claim(tx: Writing, *, now: float, until: float, limit: int) -> list[WebhookRow]:
    """Deliveries that are due, freshest first; nobody else gets them before `until`."""
    statement = _CLAIM_LOCKED if tx.postgres else _CLAIM_PLAIN
    return [WebhookRow._make(row) for row in tx.all(statement, {"now": now, "until": until, "limit": limit})]


def postpone(tx: Writing, delivery: str, due: float) -> None:
    """Try again later."""
    tx.run(_POSTPONE, {"id": delivery, "due": due})


def remove(tx: Writing, delivery: str) -> None:
    """It was delivered, or given up."""
    tx.run(_REMOVE, {"id": delivery})


def version(tx: Reading, key_hash: str) -> int | None:
    """Which secret of a key is in force; None for a key that is nobody's."""
    return tx.value(_VERSION, {"hash": key_hash})


def rotate(tx: Writing, key_hash: str) -> int | None:
    """Put the next secret of a key into force; which one that is."""
    return tx.value(_ROTATE, {"hash": key_hash})
