"""Statements over requests; the hot ones are fixed text, one for each call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from core.db import Reading, Row, Statement, Writing


class RequestRow(NamedTuple):
    """A request as the rules read it. Kudos in hundredths; lists and objects are JSON."""

    id: str
    user_id: int
    created: float
    expires_at: float
    rank: int
    lanes: str
    redo: str
    n: int
    waiting: int
    processing: int
    finished: int
    restarted: int
    faults: int
    cancelled: int
    handed: int
    faulted: bool
    stopped: bool
    width: int
    height: int
    steps: int
    things: int
    price: int
    charge: int
    tax: int
    consumed: int
    held: int
    models: str
    payload: str
    prompt: str
    workers: str
    deny: bool
    nsfw: bool
    trusted: bool
    slow: bool
    extra_slow: bool
    shared: bool
    r2: bool
    batches: bool
    seed: str | None
    seed_step: int
    sources: str
    source_processing: str
    webhook: str | None
    webhook_key: str | None
    origin: str


class ViewRow(NamedTuple):
    """What of a request its requester is told."""

    id: str
    user_id: int
    rank: int
    lanes: str
    waiting: int
    processing: int
    finished: int
    restarted: int
    faulted: bool
    things: int
    width: int
    height: int
    prompt: str
    workers: str
    deny: bool
    consumed: int
    tax: int
    shared: bool
    r2: bool


FIELDS = (*RequestRow._fields, "kind", "pool", "ip", "agent", "proxied_account")
_COLUMNS = ", ".join(RequestRow._fields)
_ADD = Statement(
    f"INSERT INTO requests ({', '.join(FIELDS)}) VALUES ({', '.join(':' + name for name in FIELDS)})"  # noqa: S608  # fixed text
)
_GET = Statement(f"SELECT {_COLUMNS} FROM requests WHERE id = :id")  # noqa: S608  # fixed text
_CLAIM = Statement(f"SELECT {_COLUMNS} FROM requests WHERE id = :id AND waiting > 0")  # noqa: S608  # fixed text
_CLAIM_LOCKED = Statement(
    f"SELECT {_COLUMNS} FROM requests WHERE id = :id AND waiting > 0 FOR UPDATE SKIP LOCKED"  # noqa: S608  # fixed text
)
_GET_LOCKED = Statement(f"SELECT {_COLUMNS} FROM requests WHERE id = :id FOR UPDATE")  # noqa: S608  # fixed text
_OF_USER = Statement(
    "SELECT rank, id, lanes FROM requests WHERE user_id = :user_id AND waiting > 0 ORDER BY rank LIMIT :limit"
)
_HANDED = Statement(
    "UPDATE requests SET waiting = waiting - :taken, processing = processing + :taken, handed = :handed, redo = :redo, "
    "expires_at = :expires_at WHERE id = :id AND waiting = :waiting AND handed = :before AND redo = :redo_before"
)
_FINISHED = Statement(
    "UPDATE requests SET processing = processing - 1, finished = finished + 1, consumed = consumed + :paid, "
    "held = held - :from_hold, expires_at = :expires_at WHERE id = :id"
)
_CAME_BACK = Statement(
    "UPDATE requests SET processing = processing - 1, restarted = restarted + 1, faults = faults + :fault, "
    "waiting = waiting + :again, cancelled = cancelled + :dropped, redo = :redo, faulted = faulted OR :broken, "
    "expires_at = :expires_at WHERE id = :id"
)
_GIVE_UP = Statement("UPDATE requests SET cancelled = cancelled + waiting, waiting = 0, stopped = true WHERE id = :id")
_UNHOLD = Statement("UPDATE requests SET held = 0 WHERE id = :id")
_SOME_WAITING = Statement("SELECT id FROM requests WHERE waiting > 0 LIMIT :limit")
_PROFILE = Statement("SELECT lanes, rank, waiting, things FROM requests WHERE waiting > 0")
_EXPIRED = Statement("SELECT id FROM requests WHERE expires_at < :now ORDER BY expires_at LIMIT :limit")
_PROLONG = Statement("UPDATE requests SET expires_at = :until WHERE expires_at < :until")
_REMOVE = Statement("DELETE FROM requests WHERE id = :id")
_ACTIVE = Statement(
    "SELECT id FROM requests WHERE user_id = :user_id AND (waiting > 0 OR processing > 0) ORDER BY created"
)


def _row(row: Row | None) -> RequestRow | None:
    return None if row is None else RequestRow._make(row)


def add(tx: Writing, values: Mapping[str, Any]) -> None:
    """Write a new request; `values` has all of FIELDS."""
    tx.later(_ADD, values)


def get(tx: Reading, request_id: str) -> RequestRow | None:
    """A request."""
    return _row(tx.one(_GET, {"id": request_id}))


def lock(tx: Writing, request_id: str) -> RequestRow | None:
    """A request that nobody else changes until the transaction ends."""
    return _row(tx.one(_GET_LOCKED if tx.postgres else _GET, {"id": request_id}))


def claim(tx: Writing, request_id: str) -> RequestRow | None:
    """The same where pictures of it wait and nobody else is taking them just now.

    Where nothing is locked, only this process keeps its hands off; `handed` makes sure of the others.
    """
    if not tx.reserve(request_id):
        return None
    locked = tx.postgres and not tx.optimistic
    return _row(tx.one(_CLAIM_LOCKED if locked else _CLAIM, {"id": request_id}))


def waiting_of(tx: Reading, user_id: int, limit: int) -> list[Row]:
    """Rank, id and lanes of a user's waiting requests, best first."""
    return tx.all(_OF_USER, {"user_id": user_id, "limit": limit})


def handed(tx: Writing, row: RequestRow, *, taken: int, handed: int, redo: str, expires_at: float) -> None:
    """Pictures of a claimed request were given to a worker; run again where somebody else was quicker."""
    seen = {"id": row.id, "waiting": row.waiting, "before": row.handed, "redo_before": row.redo}
    tx.later(_HANDED, {**seen, "taken": taken, "handed": handed, "redo": redo, "expires_at": expires_at}, must=True)


def finished(tx: Writing, request_id: str, *, paid: int, from_hold: int, expires_at: float) -> None:
    """A picture is there."""
    values = {"id": request_id, "paid": paid, "from_hold": from_hold, "expires_at": expires_at}
    tx.later(_FINISHED, values, must=True)


def came_back(tx: Writing, request_id: str, values: Mapping[str, Any]) -> None:
    """A job returned without a picture: fault, again, dropped, broken (each 0 or 1), redo, expires_at."""
    tx.run(_CAME_BACK, {"id": request_id, **values})


def give_up(tx: Writing, request_id: str) -> None:
    """What waits of it is not wanted any more."""
    tx.run(_GIVE_UP, {"id": request_id})


def unhold(tx: Writing, request_id: str) -> None:
    """Nothing is put aside for it any more."""
    tx.run(_UNHOLD, {"id": request_id})


def profile(tx: Reading) -> list[Row]:
    """Lanes, rank, waiting pictures and work for each of everything that waits."""
    return tx.all(_PROFILE)


def expired(tx: Reading, now: float, limit: int) -> list[str]:
    """Requests whose time is over."""
    return [row[0] for row in tx.all(_EXPIRED, {"now": now, "limit": limit})]


def prolong(tx: Writing, *, until: float) -> None:
    """Keep every request at least until then."""
    tx.run(_PROLONG, {"until": until})


def remove(tx: Writing, request_id: str) -> None:
    """Forget a request."""
    tx.run(_REMOVE, {"id": request_id})


def active(tx: Reading, user_id: int) -> list[str]:
    """A user's requests that wait or run."""
    return [row[0] for row in tx.all(_ACTIVE, {"user_id": user_id})]


def some_waiting(tx: Reading, limit: int) -> list[str]:
    """Ids of any requests with waiting pictures."""
    return [row[0] for row in tx.all(_SOME_WAITING, {"limit": limit})]
