"""Statements over teams of workers and messages to those who run workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.coordinator.store.tables import messages, teams
from core.db import Reading, Row, Statement, Writing

_TEAM = "SELECT t.id, t.name, t.info, t.user_id, u.name FROM teams t JOIN users u ON u.id = t.user_id"
_ALL = Statement(f"{_TEAM} ORDER BY t.name")
_BY_ID = Statement(f"{_TEAM} WHERE t.id = :id")
_BY_NAME = Statement("SELECT id FROM teams WHERE name = :name")
_REMOVE = Statement("DELETE FROM teams WHERE id = :id")
_LEAVE = Statement("UPDATE workers SET team_id = NULL WHERE team_id = :id")
_MEMBERS = Statement("SELECT id FROM workers WHERE team_id = :id ORDER BY name")
_TEAM_OF = Statement("SELECT t.id, t.name FROM workers w JOIN teams t ON t.id = w.team_id WHERE w.id = :worker")
_MESSAGE = "SELECT id, worker_id, user_id, message, origin, expires FROM messages"
_MESSAGES = Statement(
    f"{_MESSAGE} WHERE (:mine < 0 OR user_id = :mine) AND (:worker = '' OR worker_id = :worker) "
    "AND expires > :after AND expires <= :until ORDER BY created DESC, id LIMIT :limit OFFSET :skip"
)
_ONE = Statement(f"{_MESSAGE} WHERE id = :id")
_FOR_WORKER = Statement(
    f"{_MESSAGE} WHERE expires > :now AND (worker_id IS NULL OR worker_id = :worker) ORDER BY created, id LIMIT 20"
)
_DELETE_MESSAGE = Statement("DELETE FROM messages WHERE id = :id")
_EXPIRED = Statement("DELETE FROM messages WHERE expires < :before")


def all_teams(tx: Reading) -> list[Row]:
    """Id, name, info, and number and name of who made it, by name."""
    return tx.all(_ALL)


def by_id(tx: Reading, team_id: str) -> Row | None:
    """The same of one team."""
    return tx.one(_BY_ID, {"id": team_id})


def is_taken(tx: Reading, name: str) -> bool:
    """Is there a team of this name?"""
    return tx.one(_BY_NAME, {"name": name}) is not None


def add(tx: Writing, values: Mapping[str, Any]) -> None:
    """Make a team."""
    tx.execute(teams.insert().values(**values))


def change(tx: Writing, team_id: str, values: Mapping[str, Any]) -> None:
    """Set columns of a team."""
    tx.execute(teams.update().where(teams.c.id == team_id).values(**values))


def remove(tx: Writing, team_id: str) -> None:
    """Forget a team; its workers have none then."""
    tx.run(_LEAVE, {"id": team_id})
    tx.run(_REMOVE, {"id": team_id})


def members(tx: Reading, team_id: str) -> list[str]:
    """Ids of the workers of a team."""
    return [row[0] for row in tx.all(_MEMBERS, {"id": team_id})]


def team_of(tx: Reading, worker_id: str) -> Row | None:
    """Id and name of the team of a worker."""
    return tx.one(_TEAM_OF, {"worker": worker_id})


def list_messages(tx: Reading, wanted: Mapping[str, Any]) -> list[Row]:
    """Messages, newest first: mine (-1 = anybody's), worker ("" = any), after, until, limit, skip."""
    return tx.all(_MESSAGES, wanted)


def message(tx: Reading, message_id: str) -> Row | None:
    """Id, worker, author, text, origin and end of a message."""
    return tx.one(_ONE, {"id": message_id})


def for_worker(tx: Reading, worker_id: str, now: float) -> list[Row]:
    """Messages that a worker is to be told now, oldest first."""
    return tx.all(_FOR_WORKER, {"worker": worker_id, "now": now})


def add_message(tx: Writing, values: Mapping[str, Any]) -> None:
    """Write a message."""
    tx.execute(messages.insert().values(**values))


def remove_message(tx: Writing, message_id: str) -> None:
    """Forget a message."""
    tx.run(_DELETE_MESSAGE, {"id": message_id})


def forget(tx: Writing, before: float) -> None:
    """Forget messages that ended before then."""
    tx.run(_EXPIRED, {"before": before})
