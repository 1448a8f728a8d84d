"""Statements over jobs, the single pictures that workers hold, and over pictures that are to be deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from core.coordinator.store.requests import ViewRow
from core.db import Reading, Row, Statement, Writing


class State(StrEnum):
    """Where a job is."""

    PROCESSING = "processing"
    """With a worker."""
    DONE = "done"
    """The picture is there, and everybody is paid."""
    ABORTED = "aborted"
    """It came back without a picture, or too late."""


class JobRow(NamedTuple):
    """A job. Kudos in hundredths, `metadata` JSON."""

    id: str
    request_id: str
    worker_id: str
    owner_id: int
    state: str
    model: str
    seed: str
    place: int
    things: int
    reward: int
    charge: int
    created: float
    deadline: float
    finished: float | None
    session: str | None
    outcome: str
    metadata: str


_FIELDS = JobRow._fields
_COLUMNS = ", ".join(f"j.{name}" for name in _FIELDS)
_NEW = tuple(name for name in _FIELDS if name not in {"finished", "outcome", "metadata"})
_ADD = Statement(f"INSERT INTO jobs ({', '.join(_NEW)}) VALUES ({', '.join(':' + name for name in _NEW)})")  # noqa: S608  # fixed text
_GET = Statement(f"SELECT {_COLUMNS} FROM jobs j WHERE j.id = :id")  # noqa: S608  # fixed text
_GET_LOCKED = Statement(f"SELECT {_COLUMNS} FROM jobs j WHERE j.id = :id FOR UPDATE")  # noqa: S608  # fixed text
_VIEW = (
    f"SELECT {', '.join(f'r.{name}' for name in ViewRow._fields)}, coalesce(w.name, ''), {_COLUMNS} "  # noqa: S608  # fixed text
    "FROM requests r LEFT JOIN jobs j ON j.request_id = r.id AND j.state {0} LEFT JOIN workers w ON w.id = j.worker_id "
    "WHERE r.id = :id ORDER BY j.place"
)
_VIEW_RUNNING = Statement(_VIEW.format("= 'processing'"))
_VIEW_ALL = Statement(_VIEW.format("<> 'aborted'"))
_OF_REQUEST = Statement(
    f"SELECT {_COLUMNS}, coalesce(w.name, '') FROM jobs j LEFT JOIN workers w ON w.id = j.worker_id "  # noqa: S608  # fixed text
    "WHERE j.request_id = :request_id AND j.state = :state ORDER BY j.place"
)
_IDS = Statement("SELECT id FROM jobs WHERE request_id = :request_id")
_DONE = Statement(
    "UPDATE jobs SET state = 'done', finished = :now, seed = :seed, outcome = :outcome, metadata = :metadata "
    "WHERE id = :id AND state = 'processing'"
)
_ABORT = Statement("UPDATE jobs SET state = 'aborted', finished = :now WHERE id = :id AND state = 'processing'")
_STALE = Statement(
    f"SELECT {_COLUMNS} FROM jobs j WHERE j.state = 'processing' AND j.deadline < :now "  # noqa: S608  # fixed text
    "ORDER BY j.request_id, j.id LIMIT :limit"
)
_PROLONG = Statement("UPDATE jobs SET deadline = :until WHERE state = 'processing' AND deadline < :until")
_FORMER = Statement(
    f"SELECT {_COLUMNS} FROM workers w JOIN jobs j ON j.worker_id = w.id "  # noqa: S608  # fixed text
    "WHERE w.name = :worker AND w.user_id = :user_id AND j.state = 'processing' "
    "AND (j.session IS NULL OR j.session <> :session) ORDER BY j.request_id, j.id"
)
_REMOVE = Statement("DELETE FROM jobs WHERE request_id = :request_id")
_WISH = Statement("INSERT INTO blob_wishes (key, created) VALUES (:key, :now) ON CONFLICT (key) DO NOTHING")
_WISHES = Statement("SELECT key FROM blob_wishes ORDER BY created, key LIMIT :limit")
_GRANTED = Statement("DELETE FROM blob_wishes WHERE key = :key")


def add(tx: Writing, jobs: Iterable[Mapping[str, Any]]) -> None:
    """Write new jobs."""
    for job in jobs:
        tx.later(_ADD, job)


def get(tx: Reading, job_id: str) -> JobRow | None:
    """A job."""
    row = tx.one(_GET, {"id": job_id})
    return None if row is None else JobRow._make(row)


def lock(tx: Writing, job_id: str) -> JobRow | None:
    """A job that nobody else settles until the transaction ends."""
    row = tx.one(_GET_LOCKED if tx.postgres else _GET, {"id": job_id})
    return None if row is None else JobRow._make(row)


def of_request(tx: Reading, request_id: str, state: State) -> list[tuple[JobRow, str]]:
    """A request's jobs in a state with the names of their workers, in order of their places."""
    rows = tx.all(_OF_REQUEST, {"request_id": request_id, "state": str(state)})
    return [(JobRow._make(row[:-1]), row[-1]) for row in rows]


def view(tx: Reading, request_id: str, *, finished: bool) -> tuple[ViewRow, list[tuple[JobRow, str]]] | None:
    """A request with its running jobs (and finished ones, where asked for) and the names of their workers, in order."""
    rows = tx.all(_VIEW_ALL if finished else _VIEW_RUNNING, {"id": request_id})
    if not rows:
        return None
    size = len(ViewRow._fields)
    found = [(JobRow._make(tuple(row)[size + 1 :]), row[size]) for row in rows if row[size + 1] is not None]
    return ViewRow._make(tuple(rows[0])[:size]), found


def ids(tx: Reading, request_id: str) -> list[str]:
    """All jobs that a request ever had."""
    return [row[0] for row in tx.all(_IDS, {"request_id": request_id})]


def done(tx: Writing, job_id: str, values: Mapping[str, Any]) -> None:
    """Write down a result (now, seed, outcome, metadata); run again where the job was settled just now."""
    tx.later(_DONE, {"id": job_id, **values}, must=True)


def abort(tx: Writing, job_id: str, now: float) -> bool:
    """Write down that it came back; False = it was settled already."""
    return tx.run(_ABORT, {"id": job_id, "now": now}) == 1


def stale(tx: Reading, now: float, limit: int) -> list[JobRow]:
    """Jobs whose worker fell silent."""
    return [JobRow._make(row) for row in tx.all(_STALE, {"now": now, "limit": limit})]


def prolong(tx: Writing, *, until: float) -> None:
    """Give every worker at least until then."""
    tx.run(_PROLONG, {"until": until})


def of_former_session(tx: Reading, *, user_id: int, worker: str, session: str) -> list[JobRow]:
    """Jobs that an earlier run of the process of a user's worker (its name) holds."""
    named = {"user_id": user_id, "worker": worker, "session": session}
    return [JobRow._make(row) for row in tx.all(_FORMER, named)]


def remove(tx: Writing, request_id: str) -> None:
    """Forget a request's jobs."""
    tx.run(_REMOVE, {"request_id": request_id})


def wish_away(tx: Writing, keys: Iterable[str], now: float) -> None:
    """Ask for pictures to be deleted from the blob store."""
    tx.run_many(_WISH, [{"key": key, "now": now} for key in keys])


def wishes(tx: Reading, limit: int) -> list[Row]:
    """Pictures that are to be deleted."""
    return tx.all(_WISHES, {"limit": limit})


def wishes_granted(tx: Writing, keys: Iterable[str]) -> None:
    """These pictures are gone."""
    tx.run_many(_GRANTED, [{"key": key} for key in keys])
