"""Statements over workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from core.coordinator.store.tables import workers
from core.db import Reading, Statement, Writing


class WorkerRow(NamedTuple):
    """A worker with what the rules ask about its owner. Kudos in hundredths, `declared` and `samples` JSON."""

    id: str
    kind: str
    name: str
    user_id: int
    created: float
    last_seen: float
    info: str
    maintenance: bool
    paused: bool
    maintenance_msg: str
    agent: str
    ip: str
    session: str | None
    declared: str
    threads: int
    samples: str
    fulfilled: int
    things: int
    kudos_generated: int
    kudos_uptime: int
    uptime: float
    uptime_rewarded: float
    aborted: int
    aborted_since: float
    uncompleted: int
    owner_name: str
    owner_trusted: bool
    owner_flagged: bool
    owner_public: bool
    owner_contact: str
    owner_waits: bool
    """Something that the owner asked for waits."""


_COLUMNS = ", ".join(f"w.{name}" for name in WorkerRow._fields if not name.startswith("owner_"))
_SELECT = (
    f"SELECT {_COLUMNS}, u.name, u.trusted, u.flagged, u.public_workers, u.contact, "  # noqa: S608  # fixed text
    "EXISTS (SELECT 1 FROM requests r WHERE r.user_id = w.user_id AND r.waiting > 0) "
    "FROM workers w JOIN users u ON u.id = w.user_id "
)
_BY_ID = Statement(_SELECT + "WHERE w.id = :id")
_BY_NAME = Statement(_SELECT + "WHERE w.name = :name")
_LOCK = Statement(_SELECT + "WHERE w.name = :name FOR NO KEY UPDATE OF w")
_LIVE = Statement(_SELECT + "WHERE w.last_seen > :since ORDER BY w.name")
_OWNED = Statement("SELECT id FROM workers WHERE user_id = :user_id ORDER BY name")
_CHECK_IN = Statement(
    "UPDATE workers SET last_seen = :now, declared = :declared, threads = :threads, agent = :agent, ip = :ip, "
    "session = :session, uptime = uptime + :online, uptime_rewarded = :rewarded, "
    "kudos_uptime = kudos_uptime + :kudos WHERE id = :id"
)
_DELIVERED = Statement(
    "UPDATE workers SET samples = :samples, fulfilled = fulfilled + 1, things = things + :things, "
    "kudos_generated = kudos_generated + :kudos WHERE id = :id"
)
_ABORTED = Statement(
    "UPDATE workers SET aborted = CASE WHEN aborted_since < :hour_ago THEN 1 ELSE aborted + 1 END, "
    "aborted_since = CASE WHEN aborted_since < :hour_ago THEN :now ELSE aborted_since END, "
    "uncompleted = uncompleted + 1 WHERE id = :id RETURNING aborted"
)
_MAINTAIN = Statement("UPDATE workers SET maintenance = true, maintenance_msg = :message WHERE id = :id")
_DELETE = Statement("DELETE FROM workers WHERE id = :id")
_BUSY = Statement("SELECT count(*) FROM jobs WHERE worker_id = :id AND state = 'processing'")


def by_id(tx: Reading, worker_id: str) -> WorkerRow | None:
    """A worker by its id."""
    row = tx.one(_BY_ID, {"id": worker_id})
    return None if row is None else WorkerRow._make(row)


def by_name(tx: Reading, name: str) -> WorkerRow | None:
    """A worker by its name, which is its own over all kinds."""
    row = tx.one(_BY_NAME, {"name": name})
    return None if row is None else WorkerRow._make(row)


def lock(tx: Writing, name: str) -> WorkerRow | None:
    """A worker that nobody else changes until the transaction ends."""
    row = tx.one(_LOCK if tx.postgres else _BY_NAME, {"name": name})
    return None if row is None else WorkerRow._make(row)


def live(tx: Reading, *, since: float) -> list[WorkerRow]:
    """All workers that were seen after `since`."""
    return [WorkerRow._make(row) for row in tx.all(_LIVE, {"since": since})]


def owned(tx: Reading, user_id: int) -> list[str]:
    """Ids of a user's workers."""
    return [row[0] for row in tx.all(_OWNED, {"user_id": user_id})]


def add(tx: Writing, values: Mapping[str, Any]) -> None:
    """Make a worker."""
    tx.execute(workers.insert().values(**values))


def change(tx: Writing, worker_id: str, values: Mapping[str, Any]) -> None:
    """Set columns of a worker."""
    tx.execute(workers.update().where(workers.c.id == worker_id).values(**values))


def check_in(tx: Writing, values: Mapping[str, Any]) -> None:
    """Write down that a worker is there: id, now, declared, threads, agent, ip, session, online, rewarded, kudos."""
    tx.run(_CHECK_IN, values)


def delivered(tx: Writing, worker_id: str, *, samples: str, things: int, kudos: int) -> None:
    """Count a finished job."""
    tx.later(_DELIVERED, {"id": worker_id, "samples": samples, "things": things, "kudos": kudos})


def aborted(tx: Writing, worker_id: str, now: float) -> int:
    """Count a job that did not come back; returns how many did not within an hour."""
    return int(tx.value(_ABORTED, {"id": worker_id, "now": now, "hour_ago": now - 3600}) or 0)


def maintain(tx: Writing, worker_id: str, message: str) -> None:
    """Put a worker into maintenance."""
    tx.run(_MAINTAIN, {"id": worker_id, "message": message})


def busy(tx: Reading, worker_id: str) -> bool:
    """Does it hold jobs now?"""
    return bool(tx.value(_BUSY, {"id": worker_id}))


def remove(tx: Writing, worker_id: str) -> None:
    """Forget a worker."""
    tx.run(_DELETE, {"id": worker_id})
