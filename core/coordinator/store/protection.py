"""Statements over what protects the horde: filters, blocked networks, offences, refused prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.coordinator.store.tables import filters
from core.db import Reading, Row, Statement, Writing

_FILTERS = Statement(
    "SELECT f.id, f.regex, f.kind, f.replacement, f.description, u.name, u.id FROM filters f "
    "LEFT JOIN users u ON u.id = f.user_id ORDER BY f.id"
)
_REMOVE_FILTER = Statement("DELETE FROM filters WHERE id = :id")
_BLOCKS = Statement("SELECT network, until FROM blocks WHERE until > :now ORDER BY network")
_BLOCK = Statement(
    "INSERT INTO blocks (network, until, user_id, created) VALUES (:network, :until, :user_id, :now) "
    "ON CONFLICT (network) DO UPDATE SET until = excluded.until, user_id = excluded.user_id"
)
_PROLONG = Statement(
    "INSERT INTO blocks (network, until, user_id, created) VALUES (:network, :until, NULL, :now) "
    "ON CONFLICT (network) DO UPDATE SET until = excluded.until WHERE blocks.until < excluded.until"
)
_UNBLOCK = Statement("DELETE FROM blocks WHERE network = :network")
_OFFEND = Statement(
    "INSERT INTO offences (subject, times, since, until) VALUES (:subject, 1, :now, :now) "
    "ON CONFLICT (subject) DO UPDATE SET "
    "times = CASE WHEN offences.since < :day_ago THEN 1 ELSE offences.times + 1 END, "
    "since = CASE WHEN offences.since < :day_ago THEN :now ELSE offences.since END RETURNING times"
)
_PUNISH = Statement("UPDATE offences SET until = :until WHERE subject = :subject AND until < :until")
_PUNISHED = Statement("SELECT subject, until FROM offences WHERE until > :now")
_SUSPECT = Statement("UPDATE users SET suspicion = suspicion + 1 WHERE id = :id AND NOT (moderator OR admin)")
_REFUSED = Statement(
    "INSERT INTO refused_prompts (user_id, subject, prompt, matches, at) "
    "VALUES (:user_id, :subject, :prompt, :matches, :now)"
)
_LAST_REFUSED = Statement("SELECT prompt, matches, user_id, at FROM refused_prompts ORDER BY at DESC LIMIT :limit")
_FORGET = (
    Statement("DELETE FROM refused_prompts WHERE at < :month_ago"),
    Statement("DELETE FROM offences WHERE since < :day_ago AND until < :now"),
    Statement("DELETE FROM blocks WHERE until < :now"),
)
_PROXIED = Statement(
    "SELECT coalesce(sum(waiting), 0) FROM requests "
    "WHERE user_id = :user_id AND proxied_account = :name AND waiting > 0"
)


def all_filters(tx: Reading) -> list[Row]:
    """Id, regex, kind, replacement, description, and name and number of who added it."""
    return tx.all(_FILTERS)


def add_filter(tx: Writing, values: Mapping[str, Any]) -> int:
    """Add a filter; returns its number."""
    number: int = tx.execute(filters.insert().values(**values).returning(filters.c.id)).scalar_one()
    return number


def change_filter(tx: Writing, number: int, values: Mapping[str, Any]) -> None:
    """Set columns of a filter."""
    tx.execute(filters.update().where(filters.c.id == number).values(**values))


def remove_filter(tx: Writing, number: int) -> bool:
    """Forget a filter; False = there is none."""
    return tx.run(_REMOVE_FILTER, {"id": number}) == 1


def blocks(tx: Reading, now: float) -> list[Row]:
    """Network and end of every block in force."""
    return tx.all(_BLOCKS, {"now": now})


def block(tx: Writing, network: str, *, until: float, user_id: int, now: float) -> None:
    """Block a network until then, whatever was before."""
    tx.run(_BLOCK, {"network": network, "until": until, "user_id": user_id, "now": now})


def prolong(tx: Writing, network: str, *, until: float, now: float) -> None:
    """Block a network at least until then."""
    tx.run(_PROLONG, {"network": network, "until": until, "now": now})


def unblock(tx: Writing, network: str) -> bool:
    """End the block of a network; False = there was none."""
    return tx.run(_UNBLOCK, {"network": network}) == 1


def offend(tx: Writing, subject: str, now: float) -> int:
    """Count an offence; how many there were within a day."""
    return int(tx.value(_OFFEND, {"subject": subject, "now": now, "day_ago": now - 86400}))


def punish(tx: Writing, subject: str, until: float) -> None:
    """Take nothing from a subject until then."""
    tx.run(_PUNISH, {"subject": subject, "until": until})


def punished(tx: Reading, now: float) -> list[Row]:
    """Subject and end of everything in force."""
    return tx.all(_PUNISHED, {"now": now})


def suspect(tx: Writing, user_id: int) -> None:
    """Raise the suspicion on an account by one; never on a moderator's."""
    tx.run(_SUSPECT, {"id": user_id})


def keep_refused(tx: Writing, values: Mapping[str, Any]) -> None:
    """Keep a refused prompt: user_id, subject, prompt, matches, now."""
    tx.run(_REFUSED, values)


def last_refused(tx: Reading, limit: int) -> list[Row]:
    """Prompt, matches, account and time of the last refused prompts."""
    return tx.all(_LAST_REFUSED, {"limit": limit})


def forget(tx: Writing, now: float) -> None:
    """Forget what is over."""
    times = {"now": now, "day_ago": now - 86400, "month_ago": now - 30 * 86400}
    for statement in _FORGET:
        tx.run(statement, times)


def waiting_of_proxied(tx: Reading, user_id: int, name: str) -> int:
    """How many pictures of one end user of a service wait."""
    return int(tx.value(_PROXIED, {"user_id": user_id, "name": name}))
