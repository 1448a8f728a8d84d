"""A worker asks for work: the best request that it can serve, or nothing and why.

First the requests of its owner and of the people it favours, then everybody's, best rank first. The queue is entered by
lanes; what lanes do not tell (a word the worker refuses, a list of unwanted workers) is looked at request by request.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from core.contract.work import PopRequest
from core.coordinator.rules import accounts, ledger, pricing, restart, workers
from core.coordinator.rules.fleet import Demand, Live, Waiting
from core.coordinator.rules.progress import blob_of
from core.coordinator.rules.traits import Matches
from core.coordinator.rules.values import JobOffer, Nothing, Offer, StoredSources, User
from core.coordinator.store import jobs
from core.coordinator.store import requests as store
from core.coordinator.store.jobs import State
from core.coordinator.store.lanes import Lanes
from core.coordinator.store.requests import RequestRow
from core.db import Writing
from core.errors import NotAllowed
from core.settings import Coordinator

MOST_FAVOURED = 50
"""Waiting requests of one favoured person that a pop looks at."""
PATIENCE = 10.0
"""Why there is nothing may be told from an old look at the queue: a pop never waits for a new one."""
EXTRA_SLOW = 3
SLOW_TTL = 3600


def offer(tx: Writing, *, terms: Coordinator, user: User, pop: PopRequest, ip: str, now: float) -> Offer | Nothing:
    """Give the worker the best jobs it can do, as one batch of one request.

    Raises:
        UserError: the account or the worker may not work here, with its code.
        NotAllowed: `WorkerMaintenance`, when there is nothing for its owner and it is in maintenance.
    """
    known = workers.find(tx, user=user, pop=pop)
    if known is not None and pop.session not in (None, known.session):
        # Before the worker is written: requests are locked first, the order that everybody keeps.
        for job in jobs.of_former_session(tx, user_id=user.id, worker=pop.name, session=pop.session):
            restart.put_back(tx, terms=terms, job=job, fault=False, now=now)
    worker = workers.check_in(tx, known, terms=terms, user=user, pop=pop, ip=ip, now=now)
    skipped: dict[str, int] = {}
    busy: list[str] = []
    for row in _candidates(tx, worker, pop, skipped, busy, now):
        return _hand_over(tx, terms, worker, pop, row, now)
    if worker.row.maintenance:
        raise NotAllowed(workers.maintenance_message(worker.row), code="WorkerMaintenance")
    return Nothing(worker.row.id, _why_nothing(tx, worker, skipped, now), busy=bool(busy))


def _candidates(
    tx: Writing, worker: Live, pop: PopRequest, skipped: dict[str, int], busy: list[str], now: float
) -> Iterator[RequestRow]:
    """Requests that this worker may be given now, best first, each locked for us."""
    lanes = tx.local(Lanes)
    lanes.refresh(tx, now)
    served = tx.local(Matches).served(worker.traits, lanes.keys)
    yield from _open(tx, worker, _favoured(tx, worker, pop, served), skipped, busy)
    if worker.takes_all:
        yield from _open(tx, worker, (request for _, request in lanes.walk(tx, served)), skipped, busy)


def _favoured(tx: Writing, worker: Live, pop: PopRequest, served: set[int]) -> list[str]:
    """Waiting requests of the owner and of the people that the worker favours, best first."""
    people = {worker.row.user_id} if worker.row.owner_waits else set[int]()
    if not worker.row.paused:
        people |= {user for name in pop.priority_usernames if (user := accounts.number_of(name))}
    found = [
        (rank, request)
        for person in people
        for rank, request, numbers in store.waiting_of(tx, person, MOST_FAVOURED)
        if not served.isdisjoint(json.loads(numbers))
    ]
    return [request for _, request in sorted(found)]


def _open(
    tx: Writing, worker: Live, candidates: Iterable[str], skipped: dict[str, int], busy: list[str]
) -> Iterator[RequestRow]:
    for request in candidates:
        row = store.claim(tx, request)
        if row is None:
            busy.append(request)
            continue
        reason = _refusal(tx, worker, row)
        if reason is None:
            yield row
        else:
            skipped[reason] = skipped.get(reason, 0) + row.waiting


def _refusal(tx: Writing, worker: Live, row: RequestRow) -> str | None:
    """Why this request is not for this worker, of the things that lanes do not tell."""
    denied = frozenset[str](json.loads(row.workers)) if row.deny else frozenset[str]()
    demand = Demand(row.user_id, row.width * row.height, row.prompt, denied)
    reason = demand.refusal(worker)
    if reason is None and worker.declared.upfront and not _covered(tx, row):
        return "kudos"
    return reason


def _covered(tx: Writing, row: RequestRow) -> bool:
    """Can the requester pay for all that waits, or is trusted?"""
    if row.user_id == ledger.ANONYMOUS:
        return False
    user = accounts.get(tx, row.user_id)
    if user is None:
        return False
    return user.trusted or ledger.balance(tx, user.id) - round(user.floor * 100) + row.held >= row.waiting * row.charge


def _hand_over(tx: Writing, terms: Coordinator, worker: Live, pop: PopRequest, row: RequestRow, now: float) -> Offer:
    model = _model(row, worker, pop)
    payload: dict[str, Any] = json.loads(row.payload)
    amount = _batch(row, pop, payload)
    places, handed, redo = _places(row, amount)
    seeds = [str(int(row.seed or 0) + place * row.seed_step) for place in places]
    ttl = _ttl(terms, row, worker, payload)
    factor = pricing.baseline(model, workflow=payload.get("workflow"), hires=payload.get("hires_fix", False))
    common = {
        "request_id": row.id,
        "worker_id": worker.row.id,
        "owner_id": worker.row.user_id,
        "state": State.PROCESSING.value,
        "model": model,
        "things": row.things,
        "reward": round(row.price * factor),
        "charge": round(row.charge * factor),
        "created": now,
        "deadline": now + ttl,
        "session": pop.session,
    }
    ids = [str(uuid.uuid4()) for _ in places]
    fresh = zip(ids, seeds, places, strict=True)
    jobs.add(tx, [{**common, "id": job, "seed": seed, "place": place} for job, seed, place in fresh])
    lifetime = max(terms.request_ttl, SLOW_TTL) if worker.declared.extra_slow else terms.request_ttl
    expires = max(row.expires_at, now + max(lifetime, ttl))
    store.handed(tx, row, taken=amount, handed=handed, redo=redo, expires_at=expires)
    if amount == row.waiting:
        tx.local(Lanes).leave(tx, row.id, row.rank, json.loads(row.lanes))
    return Offer(
        request_id=row.id,
        worker_id=worker.row.id,
        jobs=tuple(JobOffer(job, seed, blob_of(job)) for job, seed in zip(ids, seeds, strict=True)),
        model=model,
        ttl=round(ttl),
        payload={**payload, "n_iter": amount, "seed": seeds[0]},
        source_processing=row.source_processing,
        sources=_sources(row),
    )


def _sources(row: RequestRow) -> StoredSources:
    stored: dict[str, Any] = json.loads(row.sources)
    extra = tuple((key, strength) for key, strength in stored.get("extra", ()))
    return StoredSources(stored.get("picture"), stored.get("mask"), extra, stored.get("has_alpha", False))


def _model(row: RequestRow, worker: Live, pop: PopRequest) -> str:
    """The model to draw with: the first in the worker's order that the request names, or its first at all."""
    named: list[str] = json.loads(row.models)
    return next((name for name in pop.models if name in named and name in worker.traits.models), pop.models[0])


def _batch(row: RequestRow, pop: PopRequest, payload: dict[str, Any]) -> int:
    """How many pictures the worker can safely draw at once, at most what it asks for and what waits."""
    if not row.batches:
        return 1
    heavy = 1.8 if payload.get("transparent") else 1.0
    each = row.width * row.height * (1 + 0.4 * len(payload.get("post_processing", ()))) * heavy
    safe = round(pop.max_pixels / 3.5 * pop.amount / each)
    redo = len(json.loads(row.redo))
    return max(1, min(safe, pop.amount, row.waiting, redo or row.waiting))


def _places(row: RequestRow, amount: int) -> tuple[list[int], int, str]:
    """Which pictures of the request these are: those that came back first, then the next new ones."""
    redo: list[int] = json.loads(row.redo)
    again, rest = redo[:amount], redo[amount:]
    new = amount - len(again)
    return [*again, *range(row.handed, row.handed + new)], row.handed + new, json.dumps(rest)


def _ttl(terms: Coordinator, row: RequestRow, worker: Live, payload: dict[str, Any]) -> float:
    """Seconds until the worker counts as having lost the job."""
    seconds = 30 + 2 * row.things / 262144
    if payload.get("control_type"):
        seconds *= 2
    return max(float(terms.job_ttl_min), seconds) * (EXTRA_SLOW if worker.declared.extra_slow else 1)


def _why_nothing(tx: Writing, worker: Live, skipped: dict[str, int], now: float) -> dict[str, int]:
    """Reason → waiting pictures that this worker was not given."""
    lanes, waiting = tx.local(Lanes), tx.local(Waiting)
    waiting.refresh(tx, now, patience=PATIENCE)
    reasons = dict(waiting.pictures(worker.traits, tx.local(Matches).obstacles(worker.traits, lanes.keys)))
    for reason, pictures in skipped.items():
        reasons[reason] = reasons.get(reason, 0) + pictures
    return reasons
