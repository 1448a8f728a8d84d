"""Statements over accounts, keys and remembered first answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.coordinator.store.tables import users
from core.db import Reading, Row, Statement, Writing

_COLUMNS = (
    "u.id, u.name, u.created, u.concurrency, u.floor, u.trusted, u.moderator, u.admin, u.flagged, u.service, "
    "u.special, u.customizer, u.vpn, u.education, u.deleted, u.pseudonymous, u.public_workers, u.worker_invited, "
    "u.suspicion, u.contact, u.admin_comment, u.monthly"
)
_BY_ID = Statement(f"SELECT {_COLUMNS} FROM users u WHERE u.id = :id")  # noqa: S608  # fixed text
_BY_PASSKEY = Statement(f"SELECT {_COLUMNS} FROM users u WHERE u.passkey = :hash")  # noqa: S608  # fixed text
_BY_KEY = Statement(
    f"SELECT {_COLUMNS}, k.scope FROM keys k JOIN users u ON u.id = k.user_id "  # noqa: S608  # fixed text
    "WHERE k.hash = :hash AND k.revoked IS NULL"
)
_PAGE = {
    "kudos": Statement(
        f"SELECT {_COLUMNS} FROM users u LEFT JOIN (SELECT account, sum(amount) AS amount FROM ("  # noqa: S608  # fixed text
        "SELECT account, amount FROM ledger_folds UNION ALL "
        "SELECT account, amount FROM ledger_postings WHERE NOT folded) AS parts GROUP BY account) AS b "
        "ON b.account = 4 * u.id WHERE NOT u.deleted ORDER BY coalesce(b.amount, 0) DESC, u.id "
        "LIMIT :limit OFFSET :skip"
    ),
    "age": Statement(
        f"SELECT {_COLUMNS} FROM users u WHERE NOT u.deleted ORDER BY u.created, u.id LIMIT :limit OFFSET :skip"  # noqa: S608  # fixed text
    ),
}
_DELETED_AT = Statement("SELECT deleted_at FROM users WHERE id = :id")
_ADD_KEY = Statement("INSERT INTO keys (user_id, hash, created) VALUES (:user_id, :hash, :created)")
_RECALL = Statement("SELECT digest, answer FROM idempotency WHERE user_id = :user_id AND scope = :scope AND key = :key")
_REMEMBER = Statement(
    "INSERT INTO idempotency (user_id, scope, key, digest, answer, created) "
    "VALUES (:user_id, :scope, :key, :digest, :answer, :created)"
)
_FORGET = Statement("DELETE FROM idempotency WHERE created < :before")
_LAST_GIFT = Statement(
    "SELECT max(e.at) FROM ledger_events e JOIN ledger_postings s ON s.event_id = e.id AND s.account = :sender "
    "JOIN ledger_postings r ON r.event_id = e.id AND r.account = :receiver "
    "WHERE e.kind = 'gifted' AND e.at > :since AND s.amount < 0"
)


def by_id(tx: Reading, user_id: int) -> Row | None:
    """The row of an account, columns in the order of `rules.values.User`."""
    return tx.one(_BY_ID, {"id": user_id})


def by_key(tx: Reading, key_hash: str) -> Row | None:
    """The row of the account that a key belongs to, and what the key is for."""
    return tx.one(_BY_KEY, {"hash": key_hash})


def by_passkey(tx: Reading, passkey_hash: str) -> Row | None:
    """The row of the account that a passkey belongs to."""
    return tx.one(_BY_PASSKEY, {"hash": passkey_hash})


def page(tx: Reading, *, sort: str, skip: int, limit: int) -> list[Row]:
    """Rows of accounts, richest (`kudos`) or oldest (`age`) first."""
    return tx.all(_PAGE[sort], {"skip": skip, "limit": limit})


def add(tx: Writing, values: Mapping[str, Any], *, key_hash: str) -> int:
    """Make an account with one key; returns its number."""
    user_id: int = tx.execute(users.insert().values(**values).returning(users.c.id)).scalar_one()
    tx.run(_ADD_KEY, {"user_id": user_id, "hash": key_hash, "created": values["created"]})
    return user_id


def deleted_at(tx: Reading, user_id: int) -> float | None:
    """When an account was deleted."""
    return tx.value(_DELETED_AT, {"id": user_id})


def change(tx: Writing, user_id: int, values: Mapping[str, Any]) -> None:
    """Set columns of an account."""
    tx.execute(users.update().where(users.c.id == user_id).values(**values))


def recall(tx: Reading, user_id: int, scope: str, key: str) -> Row | None:
    """Digest and answer of the act that carried this key first."""
    return tx.one(_RECALL, {"user_id": user_id, "scope": scope, "key": key})


def remember(tx: Writing, user_id: int, scope: str, key: str, *, digest: str, answer: str, now: float) -> None:
    """Keep the first answer to an act; the transaction is run again where another one was quicker."""
    tx.later(
        _REMEMBER,
        {"user_id": user_id, "scope": scope, "key": key, "digest": digest, "answer": answer, "created": now},
    )


def forget(tx: Writing, before: float) -> None:
    """Drop first answers that are older than anybody repeats himself."""
    tx.run(_FORGET, {"before": before})


def last_gift(tx: Reading, *, sender: int, receiver: int, since: float) -> float | None:
    """When one account last sent kudos to another, after `since`."""
    return tx.value(_LAST_GIFT, {"sender": sender, "receiver": receiver, "since": since})
