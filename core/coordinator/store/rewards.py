"""Statements for what people are given by the clock: the monthly grant, and trust that was earned."""

from __future__ import annotations

from core.db import Reading, Row, Statement, Writing

_MONTHLY = Statement(
    "SELECT id, monthly, moderator, monthly_at FROM users WHERE (monthly > 0 OR moderator) AND NOT deleted AND id > 0 "
    "AND (monthly_at IS NULL OR monthly_at <= :before) ORDER BY id LIMIT :limit"
)
_GIVEN = Statement("UPDATE users SET monthly_at = :now WHERE id = :id")
_TRUSTWORTHY = Statement(
    "SELECT u.id, sum(b.amount) FROM users u JOIN (SELECT account, amount FROM ledger_folds UNION ALL "
    "SELECT account, amount FROM ledger_postings WHERE NOT folded) AS b ON b.account = 4 * u.id + 1 "
    "WHERE u.id > 0 AND u.created <= :before AND u.suspicion < :suspicious "
    "AND NOT (u.trusted OR u.flagged OR u.deleted) GROUP BY u.id HAVING sum(b.amount) > :least "
    "ORDER BY u.id LIMIT :limit"
)
_TRUST = Statement("UPDATE users SET trusted = true WHERE id = :id")
_UNPAUSE = Statement("UPDATE workers SET paused = false WHERE user_id = :id")


def monthly_due(tx: Reading, *, before: float, limit: int) -> list[Row]:
    """Id, own grant (hundredths), whether a moderator, and the last time, of accounts whose month is over."""
    return tx.all(_MONTHLY, {"before": before, "limit": limit})


def given(tx: Writing, user_id: int, now: float) -> None:
    """The monthly grant was given now."""
    tx.run(_GIVEN, {"id": user_id, "now": now})


def trustworthy(tx: Reading, *, before: float, suspicious: int, least: int, limit: int) -> list[Row]:
    """Id and escrow of untrusted accounts that are older, less suspicious, and have earned more than these."""
    return tx.all(_TRUSTWORTHY, {"before": before, "suspicious": suspicious, "least": least, "limit": limit})


def trust(tx: Writing, user_id: int) -> None:
    """An account is trusted from now on, and its workers work again."""
    tx.run(_TRUST, {"id": user_id})
    tx.run(_UNPAUSE, {"id": user_id})
