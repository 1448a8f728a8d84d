"""What happens by itself: lost jobs return, old requests go, sums are folded. Each round does a bounded amount."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from core.contract.names import JobState
from core.coordinator.blobs.keys import shared_key
from core.coordinator.rules import holds, messages, restart, rewards
from core.coordinator.rules.ledger import Entry
from core.coordinator.rules.progress import blob_of
from core.coordinator.rules.values import Kind, Swept
from core.coordinator.store import accounts, figures, jobs, protection, shared_keys
from core.coordinator.store import ledger as ledger_store
from core.coordinator.store import requests as store
from core.coordinator.store.lanes import Lanes
from core.coordinator.store.requests import RequestRow
from core.db import Reading, Writing
from core.settings import Coordinator

MOST_JOBS = 200
MOST_REQUESTS = 200
MOST_POSTINGS = 20_000
MOST_EVENTS = 10_000
AWAY, AWAY_ROUNDS = 60.0, 6
"""Seconds, and rounds, without any sweep after which the coordinator counts as having been away."""
GRACE = 300.0
"""Seconds that jobs and requests have left at least when it is back."""
REWARDS_EVERY = 3600.0
TRUST_EVERY = 60.0
REMEMBERED_SECONDS = 7 * 86400
"""How long a first answer to an Idempotency-Key is kept."""


def due(tx: Writing, *, terms: Coordinator, now: float) -> bool:
    """Is it time for a round? Says yes once for each period, whichever process asks."""
    return figures.due(tx, "sweep", every=terms.sweep_every, now=now)


def sweep(tx: Writing, *, terms: Coordinator, now: float) -> Swept:
    """One round."""
    _forgive(tx, terms, now)
    lost = [job for job in jobs.stale(tx, now, MOST_JOBS) if _is_lost(tx, job)]
    requeued = [restart.put_back(tx, terms=terms, job=job, fault=True, now=now) for job in lost]
    gone = sorted(store.expired(tx, now, MOST_REQUESTS))
    for request in gone:
        _forget(tx, terms, request, now)
    for worker in sorted(job.worker_id for job in lost):
        restart.blame(tx, worker, now)
    _fold(tx)
    if figures.due(tx, "idempotency", every=3600, now=now):
        accounts.forget(tx, now - REMEMBERED_SECONDS)
        protection.forget(tx, now)
        messages.forget(tx, now)
    if figures.due(tx, "monthly", every=REWARDS_EVERY, now=now):
        rewards.monthly(tx, now=now)
    if figures.due(tx, "trust", every=TRUST_EVERY, now=now):
        rewards.promote(tx, threshold=terms.trust_threshold, now=now)
    return Swept(len(lost), len(gone), any(requeued))


def _forgive(tx: Writing, terms: Coordinator, now: float) -> None:
    """After a time without a coordinator, give workers and requesters time to come back: it was not their fault."""
    last = figures.last(tx, "awake")
    if last is not None and now - last > max(AWAY, AWAY_ROUNDS * terms.sweep_every):
        store.prolong(tx, until=now + GRACE)
        jobs.prolong(tx, until=now + GRACE)
    figures.due(tx, "awake", every=0.0, now=now)


def _is_lost(tx: Writing, job: jobs.JobRow) -> bool:
    """Whether a job is lost for good; one that is being handed in at this moment is not."""
    store.lock(tx, job.request_id)
    row = jobs.lock(tx, job.id)
    return row is not None and row.state == jobs.State.PROCESSING


def _forget(tx: Writing, terms: Coordinator, request_id: str, now: float) -> None:
    """Forget a request with its jobs and pictures, and give back what was put aside for it."""
    row = store.lock(tx, request_id)
    if row is None or row.expires_at >= now:  # something happened to it since we looked
        return
    if row.waiting:
        tx.local(Lanes).leave(tx, row.id, row.rank, json.loads(row.lanes))
    holds.release(tx, row, held=row.held, now=now)
    shared_keys.fold(tx, row.id, row.tax + row.consumed)
    kept = _given(tx, row) if terms.blobs.keep_shared else set[str]()
    results = [shared_key(job) if job in kept else blob_of(job) for job in jobs.ids(tx, row.id)]
    jobs.wish_away(tx, [*results, *_source_keys(row)], now)
    jobs.remove(tx, row.id)
    store.remove(tx, row.id)


def _given(tx: Reading, row: RequestRow) -> set[str]:
    """The jobs whose pictures stay: finished, shown to their requester, and shared."""
    if not row.shared:
        return set()
    return {job.id for job, _ in jobs.of_request(tx, row.id, jobs.State.DONE) if job.outcome == JobState.OK}


def _source_keys(row: RequestRow) -> list[str]:
    stored: dict[str, Any] = json.loads(row.sources)
    keys = [stored.get("picture"), stored.get("mask"), *(key for key, _ in stored.get("extra", ()))]
    return [key for key in keys if key]


def _fold(tx: Writing) -> None:
    ledger_store.fold(tx, MOST_POSTINGS)
    sums: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    for kind, model, at, things in figures.take_uncounted(tx, MOST_EVENTS):
        if kind == Entry.CONTRIBUTION and model is not None:
            part = sums[model, int(at // 3600)]
            part[0] += 1
            part[1] += things
    rows: list[Mapping[str, Any]] = [
        {"kind": Kind.IMAGE.value, "model": model[:255], "hour": hour, "times": times, "things": things}
        for (model, hour), (times, things) in sorted(sums.items())
    ]
    figures.count(tx, rows)


def blobs_to_delete(tx: Reading, limit: int = 500) -> list[str]:
    """Pictures whose requests are gone; delete them, or move them where the key is a shared one.

    Then say so with `blobs_deleted`.
    """
    return [row[0] for row in jobs.wishes(tx, limit)]


def blobs_deleted(tx: Writing, keys: Iterable[str]) -> None:
    """These pictures are gone from their place in the blob store (or never were there)."""
    jobs.wishes_granted(tx, keys)
