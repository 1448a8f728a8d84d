"""A request comes in: checked, priced, taxed, put into its lanes. And is taken back."""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from core.contract.generate import GenerateRequest
from core.coordinator.rules import holds, ledger, pricing, progress, validate
from core.coordinator.rules import traits as traits_of
from core.coordinator.rules.fleet import Demand, Fleet, Waiting
from core.coordinator.rules.ledger import Entry, hundredths, kudos, wallet
from core.coordinator.rules.values import Accepted, Kind, Notice, Status, StoredSources, User
from core.coordinator.store import accounts as memory
from core.coordinator.store import requests as store
from core.coordinator.store import workers as worker_store
from core.coordinator.store.lanes import LaneKey, Lanes
from core.coordinator.store.ledger import Posting, Standing
from core.db import Reading, Writing
from core.errors import InvalidRequest, NotFound, TooMany
from core.settings import Coordinator

SCOPE = "async"
MAX_WORKERS = 5
SEEDS = 2**32
RANK_PER_SECOND = 5000
RANK_PER_HUNDREDTH = 10
"""A kudos weighs as much as a fifth of a second of waiting."""
FLAGGED_BALANCE = -10_000
"""Hundredths that a flagged account counts as owning in the queue."""
_ORDINARY_SEED = 19
"""Digits of a seed that is taken as it is; anything else is hashed."""


def new_id() -> str:
    """An id for a request: a random UUID that begins with the time, so that indexes grow at one end."""
    stamp = int(time.time() * 1000) & 0xFFFFFFFFFFFF
    bits = stamp << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=bits))


def replay(tx: Reading, *, user: User, idempotency_key: str | None) -> Accepted | None:
    """The first answer to a request that carries the same Idempotency-Key; None = there was none."""
    former = memory.recall(tx, user.id, SCOPE, idempotency_key) if idempotency_key is not None else None
    if former is None:
        return None
    answer: dict[str, Any] = json.loads(former[1])
    warnings = tuple(Notice(**warning) for warning in answer["warnings"])
    return Accepted(answer["id"], answer["kudos"], warnings, answer["is_possible"], replayed=True)


def quote(tx: Reading, *, terms: Coordinator, user: User, request: GenerateRequest, now: float) -> float:
    """What the request would cost, kudos, the tax included.

    Raises:
        UserError: it would not be accepted anyhow.
    """
    del tx, now
    sources = _claimed_sources(request)
    validate.check(request, user=user, sources=sources, limits=terms.limits)
    return kudos(_Costs(request, sources, user).most)


def _claimed_sources(request: GenerateRequest) -> StoredSources:
    """The sources of a request that is only quoted: nothing was stored, what it says is believed."""
    has_picture = request.source_image is not None
    extra = tuple((str(place), source.strength) for place, source in enumerate(request.extra_source_images))
    return StoredSources(
        "-" if has_picture else None, "-" if request.source_mask is not None else None, extra, has_alpha=has_picture
    )


class _Costs:
    """What a request costs, hundredths of a kudos."""

    def __init__(self, request: GenerateRequest, sources: StoredSources, user: User) -> None:
        has_source = sources.picture is not None
        params = request.params
        self.shared = (request.shared or user.anonymous) and pricing.may_be_shared(request, has_source=has_source)
        self.tax = pricing.tax(shared=self.shared, extra_sources=len(sources.extra))
        self.price = pricing.picture_price(request, has_source=has_source, has_mask=sources.mask is not None)
        self.charge = pricing.picture_charge(request, self.price, has_source=has_source)
        factors = [pricing.baseline(name, workflow=params.workflow, hires=params.hires_fix) for name in request.models]
        self.most = round(self.charge * max(factors, default=1.0)) * params.n + self.tax
        """All pictures on the dearest of its models, and the tax."""


def accept(
    tx: Writing,
    *,
    terms: Coordinator,
    user: User,
    request: GenerateRequest,
    sources: StoredSources | None,
    ip: str,
    idempotency_key: str | None,
    client_agent: str,
    now: float,
    request_id: str | None = None,
    key_hash: str | None = None,
    origin: str = "",
) -> Accepted:
    """Take a request in.

    Args:
        tx: the transaction.
        terms: the settings with the limits.
        user: who asks.
        request: what for; a downgrade changes it before it is stored.
        sources: the source pictures, stored already.
        ip: where it came from.
        idempotency_key: names this one request of the user; the same key again gives the first answer again.
        client_agent: the program that sent it.
        now: the time.
        request_id: the id that the sources were stored under; None = a new one.
        key_hash: of the API key, whose secret signs what its webhook is told.
        origin: where the requester reaches this coordinator.

    Raises:
        UserError: it is not accepted; nothing was stored or paid.
    """
    standing = ledger.standing(tx, user, pool=_pool(request))
    former = replay(tx, user=user, idempotency_key=idempotency_key)
    if former is not None:
        return former
    stored = sources or StoredSources()
    request = _tempered(request, user)
    _refuse(tx, terms, user, request, stored, standing)
    request, must_hold = _affordable(tx, request, stored, user, now)
    keys = traits_of.lane_keys(request, stored)
    accepted = _answer(tx, request, stored, user, keys, request_id or new_id(), now)
    if request.refuse_impossible and not accepted.is_possible:
        raise InvalidRequest(accepted.message, code="NoValidWorkers")
    costs = _Costs(request, stored, user)
    hook = {"webhook_key": key_hash, "origin": origin} if request.webhook else {"webhook_key": None, "origin": ""}
    caller = {"ip": ip, "agent": client_agent, **hook}
    _store(tx, terms, user, request, stored, costs, keys, accepted.id, must_hold, caller, standing.balance, now)
    if idempotency_key is not None:
        _remember(tx, user, idempotency_key, accepted, now)
    return accepted


def _tempered(request: GenerateRequest, user: User) -> GenerateRequest:
    """Limits of the account's class, and lists cut to what counts."""
    changes: dict[str, Any] = {"workers": request.workers[:MAX_WORKERS]}
    if user.education:
        changes |= {"nsfw": False, "censor_nsfw": True, "trusted_workers": True, "replacement_filter": True}
    return request.model_copy(update=changes)


def _refuse(
    tx: Reading,
    terms: Coordinator,
    user: User,
    request: GenerateRequest,
    sources: StoredSources,
    standing: Standing,
) -> None:
    if standing.maintenance:
        raise InvalidRequest("The horde is in maintenance mode; try again later.", code="MaintenanceMode")
    validate.check(request, user=user, sources=sources, limits=terms.limits)
    for worker in request.workers:
        if worker_store.by_id(tx, worker) is None:
            raise NotFound(f"There is no worker {worker!r}.", code="WorkerNotFound")
    limit = terms.limits.anonymous_concurrency if user.anonymous else user.concurrency
    waiting = standing.waiting
    if waiting + request.params.n > limit:
        raise TooMany(f"At most {limit} pictures may wait at once, and {waiting} wait already.", code="TooManyPrompts")


def _pool(request: GenerateRequest) -> str:
    return hashlib.sha256(json.dumps(sorted(set(request.models))).encode()).hexdigest()[:16]


def _affordable(
    tx: Writing, request: GenerateRequest, sources: StoredSources, user: User, now: float
) -> tuple[GenerateRequest, bool]:
    """The request, downgraded where it asks for that, and whether kudos must be put aside for it."""
    fleet, waiting = tx.local(Fleet), tx.local(Waiting)
    fleet.refresh(tx, now)
    threads = sum(worker.row.threads for worker in fleet.live)
    side = holds.free_side(request, threads=threads, queued=waiting.requests)
    if not holds.needed(request, side=side):
        return request, False
    most = _Costs(request, sources, user).most
    if request.allow_downgrade and ledger.spendable(tx, user) < most:
        return holds.downgrade(request, side=side), False
    return request, True


def _answer(
    tx: Writing,
    request: GenerateRequest,
    sources: StoredSources,
    user: User,
    keys: list[LaneKey],
    request_id: str,
    now: float,
) -> Accepted:
    fleet = tx.local(Fleet)
    fleet.refresh(tx, now)
    demand = demand_of(request, user.id)
    possible = bool(fleet.servers(keys, demand))
    warnings = () if possible else (Notice("NoAvailableWorker", fleet.reason(keys, demand)),)
    price = kudos(_Costs(request, sources, user).most)
    return Accepted(request_id, price, warnings, possible, replayed=False)


def demand_of(request: GenerateRequest, user_id: int) -> Demand:
    """What of a request is compared with single workers."""
    denied = frozenset(request.workers) if request.worker_blacklist else frozenset[str]()
    area = request.params.width * request.params.height
    return Demand(user_id, area, validate.positive(request.prompt).lower(), denied)


def _store(
    tx: Writing,
    terms: Coordinator,
    user: User,
    request: GenerateRequest,
    sources: StoredSources,
    costs: _Costs,
    keys: list[LaneKey],
    request_id: str,
    must_hold: bool,  # internal
    caller: Mapping[str, str | None],
    balance: int,
    now: float,
) -> None:
    lanes = tx.local(Lanes)
    lanes.refresh(tx, now)
    numbers = lanes.ids(tx, keys)
    rank = _rank(user, balance, now)
    held = costs.most - costs.tax if must_hold else 0
    if held:
        holds.place(tx, request_id, user=user, amount=held, now=now)
    _pay_tax(tx, user, request_id, tax=costs.tax, balance=balance - held, now=now)
    ttl = max(terms.request_ttl, 3600) if request.extra_slow_workers else terms.request_ttl
    values = {
        **_columns(request, sources, costs),
        **dict.fromkeys(("processing", "finished", "restarted", "faults", "cancelled", "handed", "consumed"), 0),
        "id": request_id,
        "kind": Kind.IMAGE.value,
        "user_id": user.id,
        "created": now,
        "expires_at": now + ttl,
        "rank": rank,
        "lanes": json.dumps(sorted(numbers)),
        "redo": "[]",
        "held": held,
        "faulted": False,
        "stopped": False,
        **caller,
    }
    store.add(tx, values)
    lanes.enter(tx, request_id, rank, numbers)


def _rank(user: User, balance: int, now: float) -> int:
    owned = round(user.floor * 100) if user.anonymous else balance
    if user.flagged:
        owned = min(FLAGGED_BALANCE, owned)
    return round(now * RANK_PER_SECOND) - owned * RANK_PER_HUNDREDTH


def _pay_tax(tx: Writing, user: User, request_id: str, *, tax: int, balance: int, now: float) -> None:
    paid = 0 if user.anonymous else max(0, min(tax, balance - hundredths(user.floor)))
    ledger.post(tx, f"tax:{request_id}", kind=Entry.TAX, at=now, sides=[Posting(wallet(user.id), Entry.TAX, -paid)])


def _columns(request: GenerateRequest, sources: StoredSources, costs: _Costs) -> dict[str, Any]:
    params = request.params
    seed, step = _seed(request)
    return {
        "n": params.n,
        "waiting": params.n,
        "width": params.width,
        "height": params.height,
        "steps": params.steps,
        "things": pricing.pixelsteps(params),
        "price": costs.price,
        "charge": costs.charge,
        "tax": costs.tax,
        "models": json.dumps(sorted(set(request.models))),
        "payload": json.dumps(_payload(request)),
        "prompt": validate.positive(request.prompt).lower(),
        "workers": json.dumps(request.workers),
        "deny": request.worker_blacklist,
        "nsfw": request.nsfw,
        "trusted": request.trusted_workers,
        "slow": request.slow_workers,
        "extra_slow": request.extra_slow_workers,
        "shared": costs.shared,
        "r2": request.r2,
        "batches": not request.disable_batching and params.workflow is None,
        "seed": seed,
        "seed_step": step,
        "sources": json.dumps(asdict(sources)),
        "source_processing": request.source_processing.value,
        "pool": _pool(request),
        "webhook": request.webhook,
        "proxied_account": request.proxied_account,
    }


def _payload(request: GenerateRequest) -> dict[str, Any]:
    """What of the job is the same for every picture, in the contract's words."""
    params = request.params.model_dump(mode="json", exclude={"n", "steps", "seed", "seed_variation"}, exclude_none=True)
    censor = not request.nsfw and request.censor_nsfw
    return {**params, "prompt": request.prompt, "ddim_steps": request.params.steps, "use_nsfw_censor": censor}


def _seed(request: GenerateRequest) -> tuple[str, int]:
    """The seed of the first picture and the step to the next one's."""
    text, step = request.params.seed, request.params.seed_variation or 1
    if text is None or text == "":
        return str(random.randrange(SEEDS)), step  # noqa: S311  # a picture, not a secret
    if text.isascii() and text.isdigit() and len(text) < _ORDINARY_SEED:
        return text, step
    return str(int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")), step


def _remember(tx: Writing, user: User, key: str, accepted: Accepted, now: float) -> None:
    answer = json.dumps(asdict(accepted))
    memory.remember(tx, user.id, SCOPE, key, digest="", answer=answer, now=now)


def cancel(tx: Writing, request_id: str, *, now: float) -> Status:
    """Take back what waits of a request; what workers draw already is finished and paid.

    Raises:
        NotFound: there is no such request (any more).
    """
    row = store.lock(tx, request_id)
    if row is None:
        raise NotFound("There is no such request; it may have expired.", code="RequestNotFound")
    if row.waiting:
        tx.local(Lanes).leave(tx, row.id, row.rank, json.loads(row.lanes))
    store.give_up(tx, row.id)
    if row.processing == 0:
        holds.release(tx, row, held=row.held, now=now)
    return progress.status(tx, request_id, now=now)
