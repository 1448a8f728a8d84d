"""One statement over all that settling a job asks about: the job, its request, its worker, and who pays."""

from __future__ import annotations

from typing import NamedTuple

from core.coordinator.store.jobs import JobRow
from core.coordinator.store.ledger import BALANCE
from core.coordinator.store.requests import RequestRow
from core.db import Statement, Writing


class Bill(NamedTuple):
    """A job with what belongs to it. Kudos in hundredths."""

    job: JobRow
    request: RequestRow
    worker: str
    """Name of the worker; empty where it is gone."""
    samples: str
    """The worker's last speeds, JSON."""
    owner_trusted: bool
    floor: int
    """Of the payer: the balance never falls below it."""
    turn: int
    """Of the payer; see `ledger.make_sure`."""
    balance: int
    """Of the payer; 0 for the anonymous account, which never pays."""


_FIELDS = ", ".join(
    [f"j.{name}" for name in JobRow._fields]
    + [f"r.{name}" for name in RequestRow._fields]
    + ["coalesce(w.name, '')", "coalesce(w.samples, '[]')", "coalesce(o.trusted, false)"]
    + ["coalesce(u.floor, 0)", "coalesce(u.turn, 0)"]
)
_BILL = Statement(
    f"SELECT {_FIELDS}, CASE WHEN r.user_id = 0 THEN 0 ELSE {BALANCE.format('4 * r.user_id')} END "  # noqa: S608  # fixed text
    "FROM jobs j JOIN requests r ON r.id = j.request_id LEFT JOIN users u ON u.id = r.user_id "
    "LEFT JOIN workers w ON w.id = j.worker_id LEFT JOIN users o ON o.id = w.user_id WHERE j.id = :id"
)
_LOCK_REQUEST = Statement("SELECT id FROM requests WHERE id = (SELECT request_id FROM jobs WHERE id = :id) FOR UPDATE")
_LOCK_JOB = Statement("SELECT id FROM jobs WHERE id = :id FOR UPDATE")


def read(tx: Writing, job_id: str) -> Bill | None:
    """A job with what belongs to it."""
    row = tx.one(_BILL, {"id": job_id})
    if row is None:
        return None
    jobs, requests = len(JobRow._fields), len(RequestRow._fields)
    values = tuple(row)
    worker, samples, trusted, floor, turn, balance = values[jobs + requests :]
    job, request = JobRow._make(values[:jobs]), RequestRow._make(values[jobs : jobs + requests])
    return Bill(job, request, worker, samples, bool(trusted), floor, turn, int(balance))


def lock(tx: Writing, job_id: str) -> None:
    """Let nobody else settle a job or change its request: first the request, then the job, as everybody does."""
    if tx.postgres:
        tx.one(_LOCK_REQUEST, {"id": job_id})
        tx.one(_LOCK_JOB, {"id": job_id})
