"""A job comes back without a picture: its picture goes into the queue again, or its request has failed too often."""

from __future__ import annotations

import json

from core.coordinator.rules import holds
from core.coordinator.store import jobs
from core.coordinator.store import requests as store
from core.coordinator.store import workers as worker_store
from core.coordinator.store.jobs import JobRow
from core.coordinator.store.lanes import Lanes
from core.coordinator.store.requests import RequestRow
from core.db import Writing
from core.settings import Coordinator

MOST_FAULTS = 2
"""Failed jobs that a request survives."""
MOST_LOST = 20
"""Jobs that may get lost with workers that died before a request counts as what kills them."""
MOST_ABORTED = 20
"""Jobs an hour that a worker may not bring back before it goes into maintenance."""


def put_back(tx: Writing, *, terms: Coordinator, job: JobRow, fault: bool, now: float) -> bool:
    """Settle a job that brings no picture. Nobody pays and nobody is paid.

    Args:
        tx: the transaction.
        terms: the settings with the lifetimes.
        job: the job; nothing happens if it was settled already.
        fault: its worker failed at it; False = the worker only died or was stopped.
        now: the time.

    Returns:
        True when the picture stands in the queue again.
    """
    row = store.lock(tx, job.request_id)
    if row is None or not jobs.abort(tx, job.id, now):
        return False
    broken = row.faults + fault > MOST_FAULTS or row.restarted + 1 > MOST_LOST
    again = not broken and not row.stopped
    redo: list[int] = json.loads(row.redo)
    store.came_back(
        tx,
        row.id,
        {
            "fault": int(fault),
            "again": int(again),
            "dropped": int(not again),
            "broken": broken,
            "redo": json.dumps(sorted([*redo, job.place])) if again else row.redo,
            "expires_at": max(row.expires_at, now + terms.request_ttl),
        },
    )
    _requeue(tx, row, again=again, broken=broken)
    if row.processing == 1 and not again and (broken or row.waiting == 0):
        holds.release(tx, row, held=row.held, now=now)
    return again


def _requeue(tx: Writing, row: RequestRow, *, again: bool, broken: bool) -> None:
    lanes = tx.local(Lanes)
    numbers: list[int] = json.loads(row.lanes)
    if again and row.waiting == 0:
        lanes.enter(tx, row.id, row.rank, numbers)
    if broken:
        lanes.leave(tx, row.id, row.rank, numbers if row.waiting else ())
        store.give_up(tx, row.id)


def blame(tx: Writing, worker_id: str, now: float) -> None:
    """Count a job that a worker did not bring back; too many an hour put it into maintenance."""
    if worker_store.aborted(tx, worker_id, now) > MOST_ABORTED:
        message = "This worker dropped too many jobs within an hour and was put into maintenance mode."
        worker_store.maintain(tx, worker_id, message)
